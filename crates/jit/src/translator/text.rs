//! The guest's code as it is in memory.

use arch::addr::PAGE_BYTES;
use arch::insn::{Class, Insn};
use hart::engine::{Core, decode};

/// A dispatch that may be repeated behind a jump to it has at most so many instructions.
const MOST_OF_DISPATCH: usize = 16;

/// Whether these bytes are at this offset in RAM, which is even as their number is.
pub fn is_in_ram(core: &Core, offset: u64, bytes: &[u8]) -> bool {
    let (halves, _) = bytes.as_chunks::<2>();
    let mut at = (offset..).step_by(2);
    halves.iter().all(|half| at.next().and_then(|at| core.ram.load_u16(at)) == Some(u16::from_le_bytes(*half)))
}

/// The bits of the instruction at this offset in RAM and their number in bytes, if it ends in the same page.
pub fn raw_in(core: &Core, offset: u64) -> Option<(u32, u8)> {
    let low = u32::from(core.ram.load_u16(offset)?);
    if low & 3 != 3 {
        return Some((low, 2));
    }
    let behind = offset + 2;
    if behind.is_multiple_of(PAGE_BYTES) {
        return None;
    }
    Some((u32::from(core.ram.load_u16(behind)?) << 16 | low, 4))
}

/// Whether what is at this offset in RAM is what interpreters and `switch` in loops have in common: a few instructions
/// on the way to an indirect jump.
pub fn dispatches(core: &Core, mut offset: u64) -> bool {
    const RETURN: [u8; 2] = [1, 5];
    for _ in 0..MOST_OF_DISPATCH {
        let raw = raw_in(core, offset);
        let Some((insn, len)) = raw.and_then(|(raw, len)| Some((decode(raw, len, &core.config.isa)?, len))) else {
            return false;
        };
        match (insn, insn.class()) {
            (Insn::Jalr(i), _) => return i.rd == 0 && !RETURN.contains(&i.rs1),
            (_, Class::Jump | Class::Sys) => return false,
            _ => offset += u64::from(len),
        }
        if offset.is_multiple_of(PAGE_BYTES) {
            return false;
        }
    }
    false
}
