//! Who called: frame by frame.
//!
//! RISC-V ELF psABI, "Frame Pointer Convention": below the address in `s0` lies the return address, and below that the
//! caller's `s0`. A program that does not keep to that shows its pc alone, or something that is no stack and ends soon.

use arch::Virt;
use arch::insn::RA;
use events::Look;

use crate::bytes::u64_at;

const S0: u8 = 8;
/// A caller's frame is not further away.
const FARTHEST: u64 = 1 << 20;
/// Bytes below a frame's address: return address and the caller's frame.
const FRAME: usize = 16;

/// Where a hart stands, and who called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Frames {
    /// The next instruction's address.
    pub pc: u64,
    /// The return address in its register: the caller's, where the function at `pc` keeps no frame.
    pub ra: u64,
    /// Return addresses in memory, the newest first.
    pub callers: Vec<u64>,
}

/// The frames of a hart that stands at `pc`, `most` at most.
pub fn backtrace(hart: &dyn Look, pc: u64, most: usize) -> Frames {
    let mut callers = Vec::new();
    let mut frame = hart.register(S0);
    while callers.len() < most && frame.is_multiple_of(8) && frame >= FRAME as u64 {
        let mut bytes = [0; FRAME];
        if hart.read(hart.mode(), Virt(frame - FRAME as u64), &mut bytes).is_none() {
            break;
        }
        let (Some(before), Some(ra)) = (u64_at(&bytes, 0), u64_at(&bytes, 8)) else { break };
        // instructions are at even addresses, and nobody is called from the first page
        if ra % 2 != 0 || ra < 0x1000 {
            break;
        }
        callers.push(ra);
        if before <= frame || before - frame > FARTHEST {
            break;
        }
        frame = before;
    }
    Frames { pc, ra: hart.register(RA), callers }
}

impl Frames {
    /// The addresses from the newest on. `same` says whether two are in one function: `ra` counts where it is neither
    /// this function's own, from its last call, nor in memory already.
    pub fn addresses(&self, same: impl Fn(u64, u64) -> bool) -> Vec<u64> {
        let known = self.callers.first() == Some(&self.ra) || same(self.ra, self.pc);
        let ra = (!known && !self.callers.is_empty()).then_some(self.ra);
        [self.pc].into_iter().chain(ra).chain(self.callers.iter().copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arch::Mode;

    /// Memory from 0x1000 on.
    struct Planted {
        s0: u64,
        memory: Vec<u8>,
    }

    impl Look for Planted {
        fn mode(&self) -> Mode {
            Mode::HS
        }
        fn vmid(&self) -> u16 {
            0
        }
        fn register(&self, number: u8) -> u64 {
            if number == S0 { self.s0 } else { 0x8888 }
        }
        fn scratch(&self, _: bool) -> u64 {
            0
        }
        fn space(&self, _: bool) -> u64 {
            0
        }
        fn read(&self, _: Mode, at: Virt, into: &mut [u8]) -> Option<()> {
            let at = at.0.checked_sub(0x1000)? as usize;
            into.copy_from_slice(self.memory.get(at..at + into.len())?);
            Some(())
        }
    }

    fn planted(frames: &[(u64, u64)]) -> Planted {
        let memory = frames.iter().flat_map(|(before, ra)| [before.to_le_bytes(), ra.to_le_bytes()].concat()).collect();
        Planted { s0: 0x1010, memory }
    }

    #[test]
    fn frames_are_followed_to_the_last() {
        let hart = planted(&[(0x1020, 0x8000_0010), (0x1030, 0x8000_0020), (0, 0x8000_0030)]);
        let frames = backtrace(&hart, 0x8000_0000, 16);
        assert_eq!(frames.callers, [0x8000_0010, 0x8000_0020, 0x8000_0030]);
        assert_eq!(backtrace(&hart, 0, 2).callers.len(), 2);
        assert_eq!(frames.addresses(|_, _| false)[..3], [0x8000_0000, 0x8888, 0x8000_0010]);
        assert_eq!(frames.addresses(|_, _| true)[..2], [0x8000_0000, 0x8000_0010]);
    }

    #[test]
    fn what_is_no_frame_ends_it() {
        assert_eq!(backtrace(&planted(&[(0x1010, 0x8000_0010)]), 0, 9).callers.len(), 1, "it leads to itself");
        assert_eq!(backtrace(&planted(&[(0x1020, 0x8000_0011)]), 0, 9).callers.len(), 0, "an odd address is no code's");
        assert_eq!(backtrace(&Planted { s0: 8, memory: Vec::new() }, 0, 9).callers.len(), 0);
    }
}
