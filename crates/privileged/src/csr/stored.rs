//! Registers that show just what was stored in them: a translator reads and writes them where they lie.

use core::mem::offset_of;

use arch::Mode;
use arch::csr as c;
use arch::csr::{envcfg, hstatus, status};

use super::{check, counters, environment, gate, reached, status as fields, traps};
use crate::{Bank, Config, State};

/// Where a register lies in [`State`], and what a write leaves in it. Neither has any other effect than on counters' access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Offset in bytes.
    pub offset: usize,
    /// The bits that can be written; the others become zero.
    pub mask: u64,
}

/// The register that an access to `address` in `mode` reaches, if it is of this kind and nothing withholds it from the
/// mode, or only what [`super::is_gated`] tells.
pub fn stored(config: &Config, mode: Mode, address: u16) -> Option<Stored> {
    const BANKS: [usize; 3] = [offset_of!(State, s), offset_of!(State, vs), offset_of!(State, m)];
    let address_reached = reached(mode, address);
    let bank = match address_reached & 0x700 {
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
        c::SCOUNTEREN => {
            return whole(config, mode, address, offset_of!(State, scounteren), counters::existing(config));
        }
        c::HCOUNTEREN => {
            return whole(config, mode, address, offset_of!(State, hcounteren), counters::existing(config));
        }
        c::HEDELEG => return whole(config, mode, address, offset_of!(State, hedeleg), traps::HEDELEG),
        // always zero: so is the word that VS has no register for
        c::SSTATEEN0 => return whole(config, mode, address, offset_of!(State, vs) + offset_of!(Bank, tinst), 0),
        _ => return None,
    };
    whole(config, mode, address, bank + field, mask)
}

/// A register, if the mode may access it.
fn whole(config: &Config, mode: Mode, address: u16, offset: usize, mask: u64) -> Option<Stored> {
    check(&gate::all_open(config, mode), config, address, true).ok()?;
    Some(Stored { offset, mask })
}

/// A register whose fields are stored, with some of which more changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields {
    /// Where it is, and which bits can be written.
    pub stored: Stored,
    /// Bits whose change has consequences, so that it must be written by [`super::write`].
    pub consequences: u64,
    /// Bits whose change matters to whoever executes floating-point instructions, and to nobody else.
    pub fp: u64,
    /// Bits that show as ones in any case.
    pub shown: u64,
    /// Whether SD shows where FS is Dirty.
    pub has_sd: bool,
    /// Whether setting SIE in it may let an interrupt in.
    pub has_sie: bool,
}

/// `sstatus`, `vsstatus`, `hstatus` and `senvcfg` as `mode` has them; `None` for others, and where it may not access them.
pub fn stored_fields(config: &Config, mode: Mode, address: u16) -> Option<Fields> {
    match address {
        c::SSTATUS => {
            let offset = if mode.virt { offset_of!(State, vsstatus) } else { offset_of!(State, mstatus) };
            Some(Fields {
                stored: whole(config, mode, address, offset, fields::supervisor_fields(config))?,
                consequences: status::SUM | status::MXR,
                fp: status::FS,
                shown: status::UXL_64,
                has_sd: true,
                has_sie: true,
            })
        }
        c::HSTATUS => Some(Fields {
            stored: whole(config, mode, address, offset_of!(State, hstatus), fields::HYPERVISOR | hstatus::VGEIN)?,
            consequences: hstatus::VGEIN,
            fp: 0,
            shown: hstatus::VSXL_64,
            has_sd: false,
            has_sie: false,
        }),
        c::VSSTATUS if !mode.virt => Some(Fields {
            stored: whole(config, mode, address, offset_of!(State, vsstatus), fields::supervisor_fields(config))?,
            consequences: status::SUM | status::MXR | status::FS | status::SIE,
            fp: 0,
            shown: status::UXL_64,
            has_sd: true,
            has_sie: false,
        }),
        // a mode that may access it does not go by it
        c::SENVCFG => Some(Fields {
            stored: whole(config, mode, address, offset_of!(State, senvcfg), environment::user_fields(config))?,
            consequences: envcfg::CBIE,
            fp: 0,
            shown: 0,
            has_sd: false,
            has_sie: false,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csr::testing::hart;
    use crate::csr::{is_gated, read, write};
    use crate::{Denied, Effects};

    /// The field at an offset, by elimination: the one word of the state that a write changes.
    fn at(state: &mut State, offset: usize) -> &mut u64 {
        let (s, vs, m) = (offset_of!(State, s), offset_of!(State, vs), offset_of!(State, m));
        match offset {
            o if o == offset_of!(State, scounteren) => return &mut state.scounteren,
            o if o == offset_of!(State, hcounteren) => return &mut state.hcounteren,
            o if o == offset_of!(State, hedeleg) => return &mut state.hedeleg,
            _ => {}
        }
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
        let (_, config) = hart();
        let mut found = 0;
        for mode in [Mode::M, Mode::HS, Mode::U, Mode::VS, Mode::VU] {
            let mut state = gate::all_open(&config, mode);
            for address in 0..0x1000 {
                let Some(Stored { offset, mask }) = stored(&config, mode, address) else { continue };
                found += 1;
                let value = 0x0123_4567_89ab_cdef ^ u64::from(address);
                let mut expected = state.clone();
                *at(&mut expected, offset) = value & mask;
                let effects = write(&mut state, &config, address, value).unwrap();
                assert!(effects == Effects::NONE || effects == Effects::COUNTERS, "{address:#x}");
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
                let open = !is_gated(&config, mode, address);
                if open && matches!(read(&state, &config, address), Err(Denied::Illegal | Denied::Virtual)) {
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
            let Fields { stored: Stored { mask, .. }, shown, .. } = stored_fields(&config, mode, c::SSTATUS).unwrap();
            for value in [0, u64::MAX, 1 << 13] {
                write(&mut state, &config, c::SSTATUS, value).unwrap();
                let register = if mode.virt { state.vsstatus } else { state.mstatus };
                let dirty = if register & status::FS == status::FS { status::SD } else { 0 };
                assert_eq!(read(&state, &config, c::SSTATUS), Ok(register & mask | shown | dirty));
            }
        }
        assert_eq!(stored_fields(&config, Mode::U, c::SSTATUS), None);
    }

    #[test]
    fn what_has_no_consequences_has_no_effects() {
        let (_, config) = hart();
        let registers = [
            (Mode::HS, c::SSTATUS),
            (Mode::VS, c::SSTATUS),
            (Mode::HS, c::HSTATUS),
            (Mode::HS, c::VSSTATUS),
            (Mode::HS, c::SENVCFG),
        ];
        for (mode, address) in registers {
            let mut state = gate::all_open(&config, mode);
            let fields = stored_fields(&config, mode, address).unwrap();
            for bit in 0..64 {
                let old = read(&state, &config, address).unwrap();
                let changed = 1 << bit & fields.stored.mask & !fields.consequences;
                let effects = write(&mut state, &config, address, old ^ changed).unwrap();
                let lets_in = fields.has_sie && changed == status::SIE;
                let fp = effects == Effects::FP && changed & fields.fp != 0;
                assert!(effects == Effects::NONE || lets_in || fp, "bit {bit} of {address:#x}");
                let now = read(&state, &config, address).unwrap();
                let derived = if fields.has_sd { status::SD } else { 0 };
                assert_eq!((now ^ old) & !derived, changed, "bit {bit} of {address:#x}");
            }
        }
        assert_eq!(stored_fields(&config, Mode::VS, c::HSTATUS), None);
    }
}
