//! Programmable counters: what the hart has counted anyway, for `privileged::Hpm`.

use arch::Event;
use privileged::Totals;

use crate::core::Core;

impl Core {
    /// Brings the counters up to date, with `retired` instructions retired.
    #[cold]
    pub fn count_events(&mut self, retired: u64) {
        self.state.hpm.totals = self.totals(retired);
        self.recheck_interrupts |= self.state.settle_counters(&self.config);
    }

    /// Puts the counts of events as they were when so many instructions had retired, and leaves the counters.
    pub fn count_between(&mut self, retired: u64) {
        self.state.hpm.totals = self.totals(retired);
    }

    pub(crate) fn totals(&self, retired: u64) -> Totals {
        let counts = &self.counts;
        let mut totals = Totals::default();
        for &event in Event::ALL {
            totals.0[event as usize] = match event {
                Event::Cycles | Event::Instructions => retired,
                Event::LoadTlbMisses => counts.data_misses.wrapping_sub(counts.store_misses),
                Event::StoreTlbMisses => counts.store_misses,
                Event::FetchTlbMisses => counts.fetch_misses,
                Event::FirstStageWalks => counts.first_stage_walks,
                Event::GuestStageWalks => counts.guest_stage_walks,
                Event::TableReads => counts.pte_reads,
                Event::TableUpdates => counts.pte_updates,
                Event::DeviceAccesses => counts.device_accesses,
                Event::Exceptions => self.traps.wrapping_sub(counts.interrupts),
                Event::Interrupts => counts.interrupts,
                Event::GuestEntries => counts.guest_entries,
                Event::GuestExits => counts.guest_exits,
            };
        }
        totals
    }
}
