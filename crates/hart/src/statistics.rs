//! What a hart counts for its user: `docs/statistics.md` has the names.

use vcpu::Statistic;

use crate::core::Core;
use crate::fence::Fence;

/// What address translation had to do. Hits of a table are not counted: nothing is to slow them down.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub struct TranslationCounts {
    /// Loads, stores and atomics that the data table did not answer, misaligned ones byte by byte.
    pub data_misses: u64,
    /// Those of them that were stores or atomics.
    pub store_misses: u64,
    /// Those of all that the second level answered.
    pub second_level_hits: u64,
    /// Fetches whose page the jump table did not know.
    pub fetch_misses: u64,
    /// Descents of the page table of `satp` or `vsatp`.
    pub first_stage_walks: u64,
    /// Descents of the page table of `hgatp`: one for each entry of `vsatp`'s that is read, and one for the access.
    pub guest_stage_walks: u64,
    /// Leaves of that page table that were remembered, so that it was not descended.
    pub guest_leaf_hits: u64,
    /// Page-table entries read.
    pub pte_reads: u64,
    /// Page-table entries whose A or D was set.
    pub pte_updates: u64,
    /// Loads and stores of devices.
    pub device_accesses: u64,
    /// Interrupts taken.
    pub interrupts: u64,
    /// Returns from traps that set V.
    pub guest_entries: u64,
    /// Traps that cleared V.
    pub guest_exits: u64,
    /// Fences by their kind, of everything and of an address each.
    fences: [[u64; 2]; 3],
    /// Times that everything was dropped, as PMP or what a firmware grants changed.
    drops: u64,
}

impl TranslationCounts {
    /// Counts a fence.
    pub fn note(&mut self, fence: &Fence) {
        let (kind, address) = match fence {
            Fence::All => return self.drops += 1,
            Fence::Supervisor { va, .. } => (0, va),
            Fence::Guest { va, .. } => (1, va),
            Fence::GuestPhysical { gpa, .. } => (2, gpa),
        };
        self.fences[kind][usize::from(address.is_some())] += 1;
    }
}

impl Core {
    /// What the hart did, however it executes.
    pub fn statistics(&self) -> Vec<Statistic> {
        let counts = &self.counts;
        let [supervisor, guest, guest_physical] = counts.fences;
        vec![
            ("instructions", self.state.instret),
            ("traps", self.traps),
            ("data_context_switches", self.data.switches),
            ("data_contexts_made", self.data.fresh),
            ("code_context_switches", self.code.switches),
            ("code_contexts_made", self.code.fresh),
            ("data_misses", counts.data_misses),
            ("second_level_hits", counts.second_level_hits),
            ("fetch_misses", counts.fetch_misses),
            ("device_accesses", counts.device_accesses),
            ("first_stage_walks", counts.first_stage_walks),
            ("guest_stage_walks", counts.guest_stage_walks),
            ("guest_leaf_hits", counts.guest_leaf_hits),
            ("pte_reads", counts.pte_reads),
            ("pte_updates", counts.pte_updates),
            ("supervisor_fences", supervisor[0]),
            ("supervisor_address_fences", supervisor[1]),
            ("guest_fences", guest[0]),
            ("guest_address_fences", guest[1]),
            ("guest_physical_fences", guest_physical[0]),
            ("guest_physical_address_fences", guest_physical[1]),
            ("full_drops", counts.drops),
        ]
    }
}
