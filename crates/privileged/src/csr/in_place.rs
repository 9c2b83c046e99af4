//! What generated code may do with a register by itself: where it lies in [`State`], and when an access is the
//! interpreter's.

use core::mem::offset_of;

use arch::Mode;

use super::{check, gate, reached, table};
use crate::{Config, State};

/// Bits of a word of [`State`](crate::State).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// Offset of the word in bytes.
    pub offset: usize,
    /// Which bits.
    pub mask: u64,
}

/// How two words make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// The bits that both have.
    And,
    /// The bits of either.
    Or,
}

/// What a register shows of one word or two. A write that changes none of the bits `writable` in that does nothing at
/// all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// The bits, from bit `shift` on, of this word ...
    pub first: Word,
    /// ... and of another.
    pub second: Option<(Join, Word)>,
    /// How far they are shifted right to be shown.
    pub shift: u8,
    /// Two words of [`State`] whose common bits show besides, in their places.
    pub besides: Option<[usize; 2]>,
    /// Bits that a write may change.
    pub writable: u64,
    /// Whether this is what a read shows: if not, it serves to compare with what is written.
    pub readable: bool,
}

/// A field that chooses one of several wires. While none of them is high, and no interrupt waits, nothing follows from
/// another choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Its bits.
    pub mask: u64,
    /// The greatest that it takes, in its place; a greater one is left to [`super::write`].
    pub most: u64,
    /// Offset of the word that has the wires' levels.
    pub wires: usize,
}

/// Fields in one word, with some of which more changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields {
    /// Where they are, and which bits can be written.
    pub word: Word,
    /// Bits whose change has consequences, so that it must be written by [`super::write`].
    pub consequences: u64,
    /// A field among them that has some only where a wire is high.
    pub choice: Option<Choice>,
    /// Bits whose change matters to whoever executes floating-point instructions, and to nobody else.
    pub fp: u64,
    /// Bits that show as ones in any case.
    pub shown: u64,
    /// Whether SD shows where FS is Dirty.
    pub has_sd: bool,
    /// Whether setting SIE in it may let an interrupt in.
    pub has_sie: bool,
}

/// A register of floating point's flags and rounding mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloatPart {
    /// `fflags`.
    Flags,
    /// `frm`.
    Rounding,
    /// `fcsr`: both.
    Both,
}

/// What generated code may do with a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InPlace {
    /// It shows just the word. A write leaves there the bits of the mask, and has no other effect than on counters'
    /// access.
    Word(Word),
    /// It shows this, and writes that change nothing may be passed over; others are the interpreter's.
    View(View),
    /// Fields can be written that have no consequences.
    Fields(Fields),
    /// It is always this, and writes are passed over.
    Constant(u64),
    /// Whoever keeps floating point's flags and rounding mode elsewhere has it there.
    Float(FloatPart),
}

/// A word as it is, whose bits `writable` the interpreter writes where a write changes them.
pub const fn unless_changed(offset: usize, writable: u64) -> InPlace {
    let first = Word { offset, mask: u64::MAX };
    InPlace::View(View { first, second: None, shift: 0, besides: None, writable, readable: true })
}

/// What code generated for `mode` may do with the CSR that an access to `address` reaches. `None`: nothing, or
/// something withholds it from the mode other than what [`super::is_gated`] tells.
pub fn in_place(config: &Config, mode: Mode, address: u16) -> Option<InPlace> {
    check(&gate::all_open(config, mode), config, address, true).ok()?;
    table::in_place(config, mode, reached(mode, address))
}

/// The word at an offset: a row's, or one that something shows part of. `None`: no [`Word`] has this offset.
pub fn word_at(state: &mut State, offset: usize) -> Option<&mut u64> {
    macro_rules! shown_in_part {
        ($($field:ident),*) => {
            match offset {
                $(o if o == offset_of!(State, $field) => Some(&mut state.$field),)*
                o if o == offset_of!(State, hstateen) => state.hstateen.first_mut(),
                _ => table::word_at(state, offset),
            }
        };
    }
    shown_in_part!(mstatus, vsstatus, hstatus, senvcfg, henvcfg, mideleg, mip, hvip, vsie, hgeip, satp, vsatp, hgatp)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use arch::csr::{self as c, envcfg, ip, stateen, status};

    use super::*;
    use crate::csr::testing::{aia_hart, hart};
    use crate::csr::{is_gated, is_open, read, write};
    use crate::{Denied, Effects, has_wakeup, pending};

    /// [`word_at`] of an offset that some [`Word`] has.
    fn at(state: &mut State, offset: usize) -> &mut u64 {
        word_at(state, offset).expect("the word is a row's, or a row shows part of it")
    }

    const MODES: [Mode; 5] = [Mode::M, Mode::HS, Mode::U, Mode::VS, Mode::VU];

    /// All registers that generated code may access in some mode, with and without AIA, each in a state in which it is
    /// open.
    fn offered() -> Vec<(Config, Mode, u16, InPlace, State)> {
        let of_hart = |config: Config| {
            let place = |mode, address| {
                let open = gate::all_open(&config, mode);
                Some((config.clone(), mode, address, in_place(&config, mode, address)?, open))
            };
            let all = MODES.iter().flat_map(|&mode| (0..0x1000).filter_map(move |address| place(mode, address)));
            all.collect::<Vec<_>>()
        };
        [hart().1, aia_hart().1].into_iter().flat_map(of_hart).collect()
    }

    #[test]
    fn a_word_is_what_is_read_and_a_write_does_no_more() {
        let mut found = 0;
        for (config, mode, address, place, mut state) in offered() {
            let InPlace::Word(Word { offset, mask }) = place else { continue };
            found += 1;
            let value = 0x0123_4567_89ab_cdef ^ u64::from(address);
            let mut expected = state.clone();
            *at(&mut expected, offset) = value & mask;
            let effects = write(&mut state, &config, address, value).unwrap();
            assert!(effects == Effects::NONE || effects == Effects::COUNTERS, "{address:#x} in {mode:?}");
            assert_eq!(state, expected, "{address:#x} in {mode:?}");
            assert_eq!(read(&state, &config, address), Ok(value & mask), "{address:#x} in {mode:?}");
        }
        assert!(found > 80, "{found}");
    }

    #[test]
    fn a_constant_is_read_whatever_is_written() {
        let mut found = 0;
        for (config, _, address, place, mut state) in offered() {
            let InPlace::Constant(value) = place else { continue };
            found += 1;
            let expected = state.clone();
            assert_eq!(write(&mut state, &config, address, !value), Ok(Effects::NONE));
            assert_eq!((read(&state, &config, address), state), (Ok(value), expected));
        }
        assert!(found > 1, "{found}");
    }

    #[test]
    fn what_a_mode_may_not_access_is_not_offered() {
        let (_, config) = aia_hart();
        let mut state = gate::all_open(&config, Mode::M);
        (state.mstateen, state.menvcfg, state.mcounteren) = ([0; 4], 0, 0);
        for mode in MODES {
            state.mode = mode;
            for address in 0..0x1000 {
                let open = !is_gated(&config, mode, address);
                if open && matches!(read(&state, &config, address), Err(Denied::Illegal | Denied::Virtual)) {
                    assert_eq!(in_place(&config, mode, address), None, "{address:#x} in {mode:?}");
                }
            }
        }
    }

    fn shown(state: &mut State, view: &View) -> u64 {
        let mut word = |w: Word| *at(state, w.offset) & w.mask;
        let first = word(view.first);
        let joined = match view.second {
            None => first,
            Some((Join::And, w)) => first & word(w),
            Some((Join::Or, w)) => first | word(w),
        };
        let common = view.besides.map_or(0, |[a, b]| *at(state, a) & *at(state, b));
        joined >> view.shift | common
    }

    /// A state that differs from reset in all that views look at.
    fn busy(state: &mut State) {
        (state.mie, state.mip, state.hvip) = (0x1666, ip::VSSIP | ip::SSIP, ip::VSTIP);
        (state.mideleg, state.hideleg) = (ip::SSIP | ip::STIP, ip::VSTIP | ip::VSSIP);
        (state.hvien, state.vsie) = (ip::LCOFIP | 1 << 16, ip::LCOFIP | 1 << 17);
        (state.htimedelta, state.stimecmp, state.vstimecmp) = (5, 1 << 40, 1 << 41);
        (state.satp, state.vsatp, state.hgatp) = (8 << 60 | 1 << 44 | 77, 9 << 60 | 78, 8 << 60 | 80);
        (state.henvcfg, state.hstateen[0]) = (envcfg::CBZE | envcfg::STCE, 1 << 63);
        state.hcounteren = state.mcounteren;
    }

    #[test]
    fn views_show_what_is_read_and_unchanged_writes_do_nothing() {
        let mut found = 0;
        for (config, mode, address, place, mut state) in offered() {
            let InPlace::View(view) = place else { continue };
            found += 1;
            busy(&mut state);
            let before = shown(&mut state, &view);
            if view.readable {
                assert_eq!(read(&state, &config, address), Ok(before), "{address:#x} in {mode:?}");
            }
            let expected = state.clone();
            for elsewhere in [0, !view.writable] {
                let effects = write(&mut state, &config, address, before ^ elsewhere).unwrap();
                assert_eq!((effects, &state), (Effects::NONE, &expected), "{address:#x} in {mode:?}");
            }
        }
        assert!(found > 30, "{found}");
    }

    #[test]
    fn fields_without_consequences_have_no_effects_and_show() {
        let mut found = 0;
        for (config, mode, address, place, mut state) in offered() {
            let InPlace::Fields(fields) = place else { continue };
            found += 1;
            for bit in 0..64 {
                let old = read(&state, &config, address).unwrap();
                let changed = 1 << bit & fields.word.mask & !fields.consequences;
                let effects = write(&mut state, &config, address, old ^ changed).unwrap();
                let lets_in = fields.has_sie && changed == status::SIE;
                let fp = effects == Effects::FP && changed & fields.fp != 0;
                assert!(effects == Effects::NONE || lets_in || fp, "bit {bit} of {address:#x} in {mode:?}");
                let register = *at(&mut state, fields.word.offset) & fields.word.mask;
                let dirty = fields.has_sd && register & status::FS == status::FS;
                let expected = register | fields.shown | if dirty { status::SD } else { 0 };
                assert_eq!(read(&state, &config, address), Ok(expected), "bit {bit} of {address:#x} in {mode:?}");
                let derived = if fields.has_sd { status::SD } else { 0 };
                assert_eq!((expected ^ old) & !derived, changed, "bit {bit} of {address:#x} in {mode:?}");
            }
        }
        // with and without AIA: sstatus in three modes; vsstatus, hstatus and senvcfg in two
        assert_eq!(found, 2 * 9);
    }

    #[test]
    fn while_no_wire_is_high_it_does_not_matter_which_is_chosen() {
        let mut found = 0;
        for (config, mode, address, place, mut state) in offered() {
            let InPlace::Fields(Fields { choice: Some(choice), .. }) = place else { continue };
            found += 1;
            // what is pending and not enabled does not wait
            (state.hvip, state.mip) = (ip::VSTIP, ip::SSIP);
            *at(&mut state, choice.wires) = 0;
            let unit = choice.mask & choice.mask.wrapping_neg();
            for chosen in (0..=choice.most).step_by(unit as usize) {
                let before = pending(&state, &config);
                let effects = write(&mut state, &config, address, chosen).unwrap();
                assert!([Effects::NONE, Effects::INTERRUPTS].contains(&effects), "{chosen:#x}: {effects:?}");
                assert_eq!(state.hstatus & choice.mask, chosen, "{address:#x} in {mode:?}");
                assert_eq!(pending(&state, &config), before, "{address:#x} in {mode:?}");
                assert!(!has_wakeup(&state, &config));
            }
            let refused = choice.most + unit;
            if refused <= choice.mask {
                write(&mut state, &config, address, refused).unwrap();
                assert_ne!(state.hstatus & choice.mask, refused, "there is no such wire");
            }
        }
        // hstatus in HS- and M-mode, with and without AIA
        assert_eq!(found, 4);
    }

    #[test]
    fn where_it_is_open_nothing_is_withheld() {
        let (_, config) = aia_hart();
        let open = gate::all_open(&config, Mode::HS);
        assert!(is_open(&open, &config));
        let closed = |change: fn(&mut State)| {
            let mut state = open.clone();
            change(&mut state);
            !is_open(&state, &config)
        };
        assert!(closed(|s| s.mstatus |= status::TVM));
        assert!(closed(|s| s.mcounteren = 0));
        assert!(closed(|s| s.menvcfg = 0));
        assert!(closed(|s| s.mstateen[0] = 0));
        assert!(closed(|s| s.mstateen[0] &= !stateen::AIA));
        assert!(closed(|s| s.mstateen[0] &= !stateen::CSRIND));
        assert!(closed(|s| s.mode = Mode::VS));
        for address in
            [c::SENVCFG, c::SSTATEEN0, c::STIMECMP, c::VSTIMECMP, c::SATP, c::HGATP, c::HSTATEEN0, c::HENVCFG]
                .into_iter()
                .chain([c::SISELECT, c::VSISELECT, c::HVIEN, c::HVICTL, c::HVIPRIO1, c::HVIPRIO2])
        {
            assert!(is_gated(&config, Mode::HS, address), "{address:#x}");
        }
        for address in [c::SIE, c::VSATP, c::HVIP, c::SSCRATCH] {
            assert!(!is_gated(&config, Mode::HS, address), "{address:#x}");
        }
        for address in [c::SIE, c::SIP, c::STIMECMP] {
            assert!(is_gated(&config, Mode::VS, address), "VTI withholds {address:#x}");
        }
    }
}
