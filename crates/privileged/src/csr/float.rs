//! `fflags`, `frm`, `fcsr`.
//!
//! F extension, "Floating-Point Control and Status Register".

use crate::{Effects, State};

/// Lowest bit of `frm` in `fcsr`.
pub const FRM_SHIFT: u32 = 5;

/// The flags that there are.
const FLAGS: u64 = 0x1f;
/// The bits of a rounding mode.
const ROUNDING: u64 = arch::csr::frm::BITS;

/// What `fflags` holds.
pub const fn flags_held(state: &State) -> [(u64, u64); 1] {
    [(state.fflags as u64, state.fflags as u64 & FLAGS)]
}

/// What `frm` holds.
pub const fn rounding_held(state: &State) -> [(u64, u64); 1] {
    [(state.frm as u64, state.frm as u64 & ROUNDING)]
}

/// `fcsr`: the rounding mode above the flags.
pub const fn fcsr(state: &State) -> u64 {
    (state.frm as u64) << FRM_SHIFT | state.fflags as u64
}

pub const fn write_fcsr(state: &mut State, value: u64) -> Effects {
    state.fflags = (value & FLAGS) as u8;
    // Reserved rounding modes can be stored; instructions that use them are illegal.
    state.frm = (value >> FRM_SHIFT & ROUNDING) as u8;
    state.dirty_fp();
    Effects::FP
}

pub const fn write_fflags(state: &mut State, value: u64) -> Effects {
    write_fcsr(state, (state.frm as u64) << FRM_SHIFT | value & FLAGS)
}

pub const fn write_frm(state: &mut State, value: u64) -> Effects {
    write_fcsr(state, value << FRM_SHIFT | state.fflags as u64)
}

#[cfg(test)]
mod tests {
    use crate::csr::testing::{accepts, hart, legalised, rejects};
    use crate::{Denied, Effects, State, csr};
    use arch::Mode;
    use arch::csr::{FCSR, FFLAGS, FRM, status};

    fn clean(state: &mut State) {
        state.mstatus = state.mstatus & !status::FS | 2 << 13;
        state.vsstatus = state.vsstatus & !status::FS | 2 << 13;
    }

    #[test]
    fn they_are_illegal_while_fs_is_off_at_either_level() {
        let (mut state, config) = hart();
        rejects(&mut state, &config, Mode::M, FCSR, Denied::Illegal);
        state.mstatus |= status::FS;
        accepts(&mut state, &config, Mode::U, FCSR);
        rejects(&mut state, &config, Mode::VU, FCSR, Denied::Illegal);
    }

    #[test]
    fn fcsr_is_both() {
        let (mut state, config) = hart();
        clean(&mut state);
        assert_eq!(legalised(&mut state, &config, FCSR, 0xffff), 0xff);
        assert_eq!(legalised(&mut state, &config, FRM, 9), 1);
        assert_eq!(legalised(&mut state, &config, FFLAGS, 0x22), 2);
        assert_eq!(csr::read(&state, &config, FCSR), Ok(0x22));
    }

    #[test]
    fn a_write_makes_fs_dirty_at_both_levels_only_for_a_guest() {
        let (mut state, config) = hart();
        clean(&mut state);
        assert_eq!(csr::write(&mut state, &config, FRM, 0), Ok(Effects::FP));
        assert_eq!((state.mstatus & status::FS, state.vsstatus & status::FS), (status::FS, 2 << 13));
        state.mode = Mode::VU;
        csr::write(&mut state, &config, FRM, 0).unwrap();
        assert_eq!(state.vsstatus & status::FS, status::FS);
    }
}
