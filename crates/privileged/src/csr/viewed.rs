//! Registers that are views of one or two words: a translator reads them where they lie, and passes over writes that change
//! nothing.

use core::mem::offset_of;

use arch::Mode;
use arch::csr as c;
use arch::csr::ip;

use super::{check, environment, gate, reached};
use crate::{Config, State};

/// Bits of a word of [`State`].
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

/// What a register shows. A write that changes none of the bits `writable` in that does nothing at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// The bits, from bit `shift` on, of this word ...
    pub first: Word,
    /// ... and of another.
    pub second: Option<(Join, Word)>,
    /// How far they are shifted right to be shown.
    pub shift: u8,
    /// Bits that a write may change.
    pub writable: u64,
    /// Whether this is what a read shows: if not, it serves to compare with what is written.
    pub readable: bool,
}

const ALL: u64 = u64::MAX;

/// A word as it is, of which a write may change the bits of `writable`.
const fn plain(offset: usize, writable: u64) -> View {
    View { first: Word { offset, mask: ALL }, second: None, shift: 0, writable, readable: true }
}

/// The register that an access to `address` in `mode` reaches, if it is of this kind and nothing withholds it from the
/// mode, or only what [`super::is_gated`] tells.
pub fn viewed(config: &Config, mode: Mode, address: u16) -> Option<View> {
    check(&gate::all_open(config, mode), config, address, true).ok()?;
    let mie = Word { offset: offset_of!(State, mie), mask: ALL };
    let delegated = |offset, shift| View {
        first: mie,
        second: Some((Join::And, Word { offset, mask: ALL })),
        shift,
        writable: ALL,
        readable: true,
    };
    Some(match reached(mode, address) {
        c::SIE => delegated(offset_of!(State, mideleg), 0),
        c::VSIE => delegated(offset_of!(State, hideleg), 1),
        c::HIE => View { first: Word { mask: ip::HYPERVISOR, ..mie }, ..plain(0, ip::HYPERVISOR) },
        c::HVIP => View {
            second: Some((Join::Or, Word { offset: offset_of!(State, mip), mask: ip::VSSIP })),
            ..plain(offset_of!(State, hvip), ip::VIRTUAL)
        },
        c::HIDELEG => plain(offset_of!(State, hideleg), ip::VIRTUAL),
        c::HTIMEDELTA => plain(offset_of!(State, htimedelta), ALL),
        c::STIMECMP => plain(offset_of!(State, stimecmp), ALL),
        c::VSTIMECMP => plain(offset_of!(State, vstimecmp), ALL),
        c::SATP => plain(offset_of!(State, satp), ALL),
        c::VSATP => plain(offset_of!(State, vsatp), ALL),
        c::HGATP => plain(offset_of!(State, hgatp), ALL),
        c::HENVCFG => {
            let fields = environment::user_fields(config) | environment::supervisor_fields(config);
            View { readable: false, ..plain(offset_of!(State, henvcfg), fields) }
        }
        c::HSTATEEN0 => View { readable: false, ..plain(offset_of!(State, hstateen), environment::enables(0)) },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Effects;
    use crate::csr::testing::hart;
    use crate::csr::{is_gated, is_open, read, write};
    use arch::csr::{envcfg, status};

    /// The word at an offset, by elimination.
    fn at(state: &State, offset: usize) -> u64 {
        let words = [
            (offset_of!(State, mie), state.mie),
            (offset_of!(State, mip), state.mip),
            (offset_of!(State, mideleg), state.mideleg),
            (offset_of!(State, hideleg), state.hideleg),
            (offset_of!(State, hvip), state.hvip),
            (offset_of!(State, htimedelta), state.htimedelta),
            (offset_of!(State, stimecmp), state.stimecmp),
            (offset_of!(State, vstimecmp), state.vstimecmp),
            (offset_of!(State, satp), state.satp),
            (offset_of!(State, vsatp), state.vsatp),
            (offset_of!(State, hgatp), state.hgatp),
            (offset_of!(State, henvcfg), state.henvcfg),
            (offset_of!(State, hstateen), state.hstateen[0]),
        ];
        words.into_iter().find(|(o, _)| *o == offset).unwrap().1
    }

    fn shown(state: &State, view: &View) -> u64 {
        let word = |w: Word| at(state, w.offset) & w.mask;
        let first = word(view.first);
        let joined = match view.second {
            None => first,
            Some((Join::And, w)) => first & word(w),
            Some((Join::Or, w)) => first | word(w),
        };
        joined >> view.shift
    }

    /// A state that differs from reset in all that views look at.
    fn busy(state: &mut State) {
        (state.mie, state.mip, state.hvip) = (0x1666, ip::VSSIP | ip::SSIP, ip::VSTIP);
        (state.mideleg, state.hideleg) = (ip::SSIP | ip::STIP, ip::VSTIP | ip::VSSIP);
        (state.htimedelta, state.stimecmp, state.vstimecmp) = (5, 1 << 40, 1 << 41);
        (state.satp, state.vsatp, state.hgatp) = (8 << 60 | 1 << 44 | 77, 9 << 60 | 78, 8 << 60 | 80);
        (state.henvcfg, state.hstateen[0]) = (envcfg::CBZE | envcfg::STCE, 1 << 63);
    }

    #[test]
    fn views_show_what_is_read_and_unchanged_writes_do_nothing() {
        let (_, config) = hart();
        let mut found = 0;
        for mode in [Mode::M, Mode::HS, Mode::U, Mode::VS, Mode::VU] {
            let opened = gate::all_open(&config, mode);
            for address in 0..0x1000 {
                let Some(view) = viewed(&config, mode, address) else { continue };
                found += 1;
                let mut state = opened.clone();
                busy(&mut state);
                (state.hcounteren, state.henvcfg) = (opened.mcounteren, state.henvcfg | envcfg::STCE);
                let before = shown(&state, &view);
                if view.readable {
                    assert_eq!(read(&state, &config, address), Ok(before), "{address:#x} in {mode:?}");
                }
                let expected = state.clone();
                for elsewhere in [0, !view.writable] {
                    let effects = write(&mut state, &config, address, before ^ elsewhere).unwrap();
                    assert_eq!((effects, &state), (Effects::NONE, &expected), "{address:#x} in {mode:?}");
                }
            }
        }
        assert!(found > 15, "{found}");
    }

    #[test]
    fn where_it_is_open_nothing_is_withheld() {
        let (_, config) = hart();
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
        assert!(closed(|s| s.mode = Mode::VS));
        for address in
            [c::SENVCFG, c::SSTATEEN0, c::STIMECMP, c::VSTIMECMP, c::SATP, c::HGATP, c::HSTATEEN0, c::HENVCFG]
        {
            assert!(is_gated(&config, Mode::HS, address), "{address:#x}");
        }
        for address in [c::SIE, c::VSATP, c::HVIP, c::SSCRATCH] {
            assert!(!is_gated(&config, Mode::HS, address), "{address:#x}");
        }
    }
}
