//! Registers that show just what was stored in them: a translator reads and writes them where they lie.

use core::mem::offset_of;

use arch::Mode;
use arch::csr as c;
use arch::csr::status;

use super::{check, reached, status as fields, traps};
use crate::{Bank, Config, State};

/// Where a register lies in [`State`], and what a write leaves in it. Neither has any other effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Offset in bytes.
    pub offset: usize,
    /// The bits that can be written; the others become zero.
    pub mask: u64,
}

/// The register that an access to `address` in `mode` reaches, if it is of this kind and nothing withholds it from the
/// mode.
pub fn stored(config: &Config, mode: Mode, address: u16) -> Option<Stored> {
    const BANKS: [usize; 3] = [offset_of!(State, s), offset_of!(State, vs), offset_of!(State, m)];
    let address_reached = reached(mode, address);
    let bank = match address_reached & traps::LEVEL {
        0x300 => BANKS[2],
        0x200 => BANKS[1],
        _ => BANKS[0],
    };
    let (field, mask) = match address_reached {
        c::MSCRATCH | c::SSCRATCH | c::VSSCRATCH => (offset_of!(Bank, scratch), u64::MAX),
        c::MEPC | c::SEPC | c::VSEPC => (offset_of!(Bank, epc), traps::epc(config, u64::MAX)),
        c::MTVEC | c::STVEC | c::VSTVEC => (offset_of!(Bank, tvec), traps::tvec(u64::MAX)),
        c::MCAUSE | c::SCAUSE | c::VSCAUSE => (offset_of!(Bank, cause), u64::MAX),
        c::MTVAL | c::STVAL | c::VSTVAL => (offset_of!(Bank, tval), u64::MAX),
        c::MTVAL2 | c::HTVAL => (offset_of!(Bank, tval2), u64::MAX),
        c::MTINST | c::HTINST => (offset_of!(Bank, tinst), u64::MAX),
        _ => return None,
    };
    let state = State { mode, ..State::reset(config) };
    check(&state, config, address, true).ok()?;
    Some(Stored { offset: bank + field, mask })
}

/// The register behind `sstatus` and what of it shows, besides UXL and SD, which stands for FS being Dirty. Clearing SIE
/// has no effect on anything else; setting it may let an interrupt in. `None` where `mode` may not access `sstatus`.
pub fn stored_sstatus(config: &Config, mode: Mode) -> Option<Stored> {
    let state = State { mode, ..State::reset(config) };
    check(&state, config, c::SSTATUS, true).ok()?;
    let offset = if mode.virt { offset_of!(State, vsstatus) } else { offset_of!(State, mstatus) };
    Some(Stored { offset, mask: fields::supervisor_fields(config) })
}

/// What `sstatus` shows in any case.
pub const SSTATUS_SHOWN: u64 = status::UXL_64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csr::testing::hart;
    use crate::csr::{read, write};
    use crate::{Denied, Effects};

    /// The field at an offset, by elimination: the one word of the state that a write changes.
    fn at(state: &mut State, offset: usize) -> &mut u64 {
        let (s, vs, m) = (offset_of!(State, s), offset_of!(State, vs), offset_of!(State, m));
        let (bank, base) = match offset {
            o if (s..s + size_of::<Bank>()).contains(&o) => (&mut state.s, s),
            o if (vs..vs + size_of::<Bank>()).contains(&o) => (&mut state.vs, vs),
            _ => (&mut state.m, m),
        };
        match offset - base {
            o if o == offset_of!(Bank, tvec) => &mut bank.tvec,
            o if o == offset_of!(Bank, scratch) => &mut bank.scratch,
            o if o == offset_of!(Bank, epc) => &mut bank.epc,
            o if o == offset_of!(Bank, cause) => &mut bank.cause,
            o if o == offset_of!(Bank, tval) => &mut bank.tval,
            o if o == offset_of!(Bank, tval2) => &mut bank.tval2,
            _ => &mut bank.tinst,
        }
    }

    #[test]
    fn what_is_stored_is_what_is_read_and_a_write_does_no_more() {
        let (mut state, config) = hart();
        let mut found = 0;
        for mode in [Mode::M, Mode::HS, Mode::U, Mode::VS, Mode::VU] {
            state.mode = mode;
            for address in 0..0x1000 {
                let Some(Stored { offset, mask }) = stored(&config, mode, address) else { continue };
                found += 1;
                let value = 0x0123_4567_89ab_cdef ^ u64::from(address);
                let mut expected = state.clone();
                *at(&mut expected, offset) = value & mask;
                assert_eq!(write(&mut state, &config, address, value), Ok(Effects::NONE), "{address:#x}");
                assert_eq!(state, expected, "{address:#x}");
                assert_eq!(read(&state, &config, address), Ok(value & mask), "{address:#x}");
            }
        }
        assert!(found > 30, "{found}");
    }

    #[test]
    fn what_a_mode_may_not_access_is_not_offered() {
        let (mut state, config) = hart();
        for mode in [Mode::HS, Mode::U, Mode::VS, Mode::VU] {
            state.mode = mode;
            for address in 0..0x1000 {
                if matches!(read(&state, &config, address), Err(Denied::Illegal | Denied::Virtual)) {
                    assert_eq!(stored(&config, mode, address), None, "{address:#x} in {mode:?}");
                }
            }
        }
    }

    #[test]
    fn sstatus_shows_its_register() {
        let (mut state, config) = hart();
        for mode in [Mode::HS, Mode::VS] {
            state.mode = mode;
            let Stored { mask, .. } = stored_sstatus(&config, mode).unwrap();
            for value in [0, u64::MAX, 1 << 13] {
                write(&mut state, &config, c::SSTATUS, value).unwrap();
                let register = if mode.virt { state.vsstatus } else { state.mstatus };
                let dirty = if register & status::FS == status::FS { status::SD } else { 0 };
                assert_eq!(read(&state, &config, c::SSTATUS), Ok(register & mask | SSTATUS_SHOWN | dirty));
            }
        }
        assert_eq!(stored_sstatus(&config, Mode::U), None);
    }
}
