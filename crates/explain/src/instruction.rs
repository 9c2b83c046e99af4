//! Instructions in memory that is only looked at.

use arch::Virt;
use memory::Ram;
use privileged::{Config, Request, State};
use vcpu::Frozen;

/// The bits of the instruction at `pc`, and their number in bytes, if it is in RAM and may be fetched.
pub fn at(state: &State, config: &Config, ram: &Ram, pc: u64) -> Option<(u32, u8)> {
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
