//! Memory that is only looked at.

use arch::{Phys, Virt};
use memory::Ram;
use privileged::{Config, PageMemory, Request, State};

/// Page tables in RAM that a walk does not change: what it would write is taken for written.
pub struct Frozen<'a>(pub &'a Ram);

impl PageMemory for Frozen<'_> {
    fn read_pte(&mut self, at: Phys) -> Option<u64> {
        self.0.load_u64(self.0.offset(at, 8)?)
    }

    fn update_pte(&mut self, at: Phys, _old: u64, _new: u64) -> Option<bool> {
        self.0.offset(at, 8).map(|_| true)
    }
}

/// The bits of the instruction at `pc`, and their number in bytes, if it is in RAM and may be fetched.
pub fn instruction(state: &State, config: &Config, ram: &Ram, pc: u64) -> Option<(u32, u8)> {
    let half = |va: u64| {
        let request = Request::for_fetch(state, Virt(va));
        let found = privileged::walk(state, config, &request, &mut Frozen(ram)).ok()?;
        ram.load_u16(ram.offset(found.phys, 2)?)
    };
    let low = half(pc)?;
    match arch::insn::fetch_len(low) {
        2 => Some((low.into(), 2)),
        _ => Some((u32::from(half(pc.wrapping_add(2))?) << 16 | u32::from(low), 4)),
    }
}
