//! What a hart is saved as, whoever executes it. Wires and interrupt files are its pins' own state.

use bus::state::{Plain, Unfit, Unsaved, check};
use privileged::{Config, State};
use serde::{Deserialize, Serialize};

use crate::core::{Core, NOT_RESERVED, RESERVED_WIDE};
use crate::fence::Fence;
use crate::hart::Hart;
use crate::statistics::TranslationCounts;

/// Instructions and traps that a hart can have counted: at a thousand million in a second, those of a hundred years.
const MOST_COUNTED: u64 = 1 << 62;

/// A hart between two instructions.
#[derive(Deserialize, Serialize)]
pub struct Saved {
    x: [u64; 32],
    f: [u64; 32],
    pc: u64,
    state: State,
    reservation: Option<Reservation>,
    traps: u64,
    nap: u64,
    waiting: bool,
    waits_since: u64,
    recount: bool,
    sbi: bool,
    sbi_timer: u64,
    implicit_fence: u64,
    counts: TranslationCounts,
}

/// What LR reserved.
#[derive(Deserialize, Serialize)]
struct Reservation {
    /// In RAM.
    offset: u64,
    wide: bool,
    /// What it read.
    value: u64,
}

impl Plain for Hart {
    type State = Saved;

    fn save(&mut self) -> Result<Saved, Unsaved> {
        self.core.remember_nothing();
        let core = &self.core;
        Ok(Saved {
            x: core.x,
            f: core.f,
            pc: core.pc,
            state: core.state.clone(),
            reservation: core.saved_reservation(),
            traps: core.traps,
            nap: core.wfi.nap,
            waiting: core.wfi.waiting,
            waits_since: core.wfi.since,
            recount: core.recount,
            sbi: core.firmware.answers,
            sbi_timer: core.firmware.timer,
            implicit_fence: self.implicit_fence,
            counts: core.counts,
        })
    }

    fn load(&mut self, saved: Saved) -> Result<(), Unfit> {
        saved.check(&self.core.config)?;
        let core = &mut self.core;
        core.set_reservation(saved.reservation.as_ref())?;
        (core.x, core.f, core.pc, core.state) = (saved.x, saved.f, saved.pc, saved.state);
        (core.traps, core.wfi.nap, core.wfi.waiting, core.wfi.since) =
            (saved.traps, saved.nap, saved.waiting, saved.waits_since);
        (core.recount, core.firmware.answers, core.firmware.timer) = (saved.recount, saved.sbi, saved.sbi_timer);
        self.implicit_fence = saved.implicit_fence;
        core.exit = None;
        core.remember_nothing();
        core.counts = saved.counts;
        Ok(())
    }
}

impl Saved {
    /// Whether a hart made so can come to this.
    fn check(&self, config: &Config) -> Result<(), Unfit> {
        self.state.check(config).map_err(|why| Unfit::of(why.to_string()))?;
        check(self.x[0] == 0, "its x0 was not zero")?;
        check(self.pc & 1 == 0, "its pc was odd")?;
        // later than at any turn, a hart's count would come around
        check(self.state.instret.max(self.traps) <= MOST_COUNTED, "it had executed more than any hart can")
    }
}

impl Core {
    /// Drops what is remembered of memory and tables: what goes on from here does not depend on what was before.
    fn remember_nothing(&mut self) {
        self.fence_i = true;
        self.forget(&Fence::All);
        self.select();
    }

    fn saved_reservation(&self) -> Option<Reservation> {
        let offset = (self.reservation & !RESERVED_WIDE).wrapping_sub(self.ram_on_host());
        let wide = self.reservation & RESERVED_WIDE != 0;
        (self.reservation != NOT_RESERVED).then_some(Reservation { offset, wide, value: self.reserved })
    }

    fn set_reservation(&mut self, saved: Option<&Reservation>) -> Result<(), Unfit> {
        self.reservation = NOT_RESERVED;
        let Some(&Reservation { offset, wide, value }) = saved else { return Ok(()) };
        let bytes = if wide { 8 } else { 4 };
        let fits =
            offset.is_multiple_of(bytes) && offset.checked_add(bytes).is_some_and(|end| end <= self.ram.len_bytes());
        check(fits, "a hart had reserved what is not in memory")?;
        self.reservation = self.ram_on_host().wrapping_add(offset) | if wide { RESERVED_WIDE } else { 0 };
        self.reserved = value;
        Ok(())
    }
}
