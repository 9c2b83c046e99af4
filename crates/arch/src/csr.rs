//! Control and status registers: addresses, names and fields.
//!
//! Privileged architecture, "CSR Listing", and the chapters that define each register. Layouts are those of RV64.
//! What a register does when read or written is in the crate `privileged`.

mod field;
mod layouts;

use core::fmt;

pub use field::{Decoded, Field, Layout};
pub use layouts::*;

/// Declares a constant for each register (for a family of numbered ones, for the first and the last), and the list of
/// all.
macro_rules! registers {
    ($(
        $address:literal $constant:ident $name:literal $($first:literal..=$number:literal $last:ident)?
        $(($fields:expr $(, $bits:expr)?))?;
    )*) => {
        $(
            #[doc = concat!("`", $name $(, stringify!($first))?, "`")]
            pub const $constant: u16 = $address;
            $(
                #[doc = concat!("`", $name, stringify!($number), "`")]
                pub const $last: u16 = $address + $number - $first;
            )?
        )*

        const ROWS: &[Row] = &[$(
            Row {
                first: $address,
                stem: $name,
                numbers: registers!(@numbers $($first $number)?),
                layout: registers!(@layout $($fields $(, $bits)?)?),
            }
        ),*];
    };
    (@numbers) => { None };
    (@numbers $first:literal $last:literal) => { Some(($first, $last)) };
    (@layout) => { Layout::NONE };
    (@layout $fields:expr) => { Layout::of($fields, u64::MAX) };
    (@layout $fields:expr, $bits:expr) => { Layout::of($fields, $bits) };
}

/// `seed`, the entropy source of Zkr. Harts here have none; a guest of a host that has one asks for it.
pub const SEED: u16 = 0x015;

/// A register, or a family of registers with numbers that lie side by side.
struct Row {
    first: u16,
    stem: &'static str,
    /// The numbers of the first and the last.
    numbers: Option<(u16, u16)>,
    layout: Layout,
}

registers! {
    0x001 FFLAGS "fflags" (float::FIELDS, float::FLAGS);
    0x002 FRM "frm" (frm::FIELDS);
    0x003 FCSR "fcsr" (float::FIELDS);
    0xc00 CYCLE "cycle";
    0xc01 TIME "time";
    0xc02 INSTRET "instret";
    0xc03 HPMCOUNTER3 "hpmcounter" 3..=31 HPMCOUNTER31;

    0x100 SSTATUS "sstatus" (status::FIELDS, status::SUPERVISOR);
    0x104 SIE "sie" (ip::ENABLES, ip::SUPERVISOR | ip::LCOFIP);
    0x105 STVEC "stvec" (tvec::FIELDS);
    0x106 SCOUNTEREN "scounteren" (counteren::FIELDS);
    0x10a SENVCFG "senvcfg" (envcfg::FIELDS, envcfg::USER);
    0x10c SSTATEEN0 "sstateen" 0..=3 SSTATEEN3 (stateen::FIELDS, stateen::C);
    0x140 SSCRATCH "sscratch";
    0x141 SEPC "sepc";
    0x142 SCAUSE "scause" (xcause::FIELDS);
    0x143 STVAL "stval";
    0x144 SIP "sip" (ip::FIELDS, ip::SUPERVISOR | ip::LCOFIP);
    0x14d STIMECMP "stimecmp";
    0x150 SISELECT "siselect";
    0x151 SIREG "sireg";
    0x152 SIREG2 "sireg" 2..=3 SIREG3;
    0x155 SIREG4 "sireg" 4..=6 SIREG6;
    0x15c STOPEI "stopei" (topei::FIELDS);
    0x180 SATP "satp" (atp::FIELDS);
    0xda0 SCOUNTOVF "scountovf" (counteren::OVERFLOWS);
    0xdb0 STOPI "stopi" (topi::FIELDS);

    0x200 VSSTATUS "vsstatus" (status::FIELDS, status::SUPERVISOR);
    0x204 VSIE "vsie" (ip::ENABLES, ip::SUPERVISOR | ip::LCOFIP);
    0x205 VSTVEC "vstvec" (tvec::FIELDS);
    0x240 VSSCRATCH "vsscratch";
    0x241 VSEPC "vsepc";
    0x242 VSCAUSE "vscause" (xcause::FIELDS);
    0x243 VSTVAL "vstval";
    0x244 VSIP "vsip" (ip::FIELDS, ip::SUPERVISOR | ip::LCOFIP);
    0x24d VSTIMECMP "vstimecmp";
    0x250 VSISELECT "vsiselect";
    0x251 VSIREG "vsireg";
    0x252 VSIREG2 "vsireg" 2..=3 VSIREG3;
    0x255 VSIREG4 "vsireg" 4..=6 VSIREG6;
    0x25c VSTOPEI "vstopei" (topei::FIELDS);
    0x280 VSATP "vsatp" (atp::FIELDS);
    0xeb0 VSTOPI "vstopi" (topi::FIELDS);

    0x600 HSTATUS "hstatus" (hstatus::FIELDS);
    0x602 HEDELEG "hedeleg" (edeleg::FIELDS);
    0x603 HIDELEG "hideleg" (ip::INTERRUPTS);
    0x604 HIE "hie" (ip::ENABLES, ip::HYPERVISOR);
    0x605 HTIMEDELTA "htimedelta";
    0x606 HCOUNTEREN "hcounteren" (counteren::FIELDS);
    0x607 HGEIE "hgeie";
    0x608 HVIEN "hvien" (ip::INTERRUPTS, ip::LCOFIP);
    0x609 HVICTL "hvictl" (hvictl::FIELDS);
    0x60a HENVCFG "henvcfg" (envcfg::FIELDS);
    0x60c HSTATEEN0 "hstateen" 0..=3 HSTATEEN3 (stateen::FIELDS);
    0x643 HTVAL "htval";
    0x644 HIP "hip" (ip::FIELDS, ip::HYPERVISOR);
    0x645 HVIP "hvip" (ip::FIELDS, ip::VIRTUAL);
    0x646 HVIPRIO1 "hviprio" 1..=2 HVIPRIO2;
    0x64a HTINST "htinst";
    0x680 HGATP "hgatp" (hgatp::FIELDS);
    0xe12 HGEIP "hgeip";

    0x300 MSTATUS "mstatus" (status::FIELDS);
    0x301 MISA "misa" (misa::FIELDS);
    0x302 MEDELEG "medeleg" (edeleg::FIELDS);
    0x303 MIDELEG "mideleg" (ip::INTERRUPTS);
    0x304 MIE "mie" (ip::ENABLES);
    0x305 MTVEC "mtvec" (tvec::FIELDS);
    0x306 MCOUNTEREN "mcounteren" (counteren::FIELDS);
    0x308 MVIEN "mvien" (ip::INTERRUPTS, ip::SSIP | ip::SEIP | ip::LCOFIP);
    0x309 MVIP "mvip" (ip::FIELDS, ip::SUPERVISOR | ip::LCOFIP);
    0x30a MENVCFG "menvcfg" (envcfg::FIELDS);
    0x30c MSTATEEN0 "mstateen" 0..=3 MSTATEEN3 (stateen::FIELDS);
    0x320 MCOUNTINHIBIT "mcountinhibit" (counteren::FIELDS, !counteren::TM);
    0x323 MHPMEVENT3 "mhpmevent" 3..=31 MHPMEVENT31 (hpmevent::FIELDS);
    0x340 MSCRATCH "mscratch";
    0x341 MEPC "mepc";
    0x342 MCAUSE "mcause" (xcause::FIELDS);
    0x343 MTVAL "mtval";
    0x344 MIP "mip" (ip::FIELDS);
    0x34a MTINST "mtinst";
    0x34b MTVAL2 "mtval2";
    0x350 MISELECT "miselect";
    0x351 MIREG "mireg";
    0x352 MIREG2 "mireg" 2..=3 MIREG3;
    0x355 MIREG4 "mireg" 4..=6 MIREG6;
    0x35c MTOPEI "mtopei" (topei::FIELDS);
    0x3a0 PMPCFG0 "pmpcfg" 0..=15 PMPCFG15 (pmpcfg::FIELDS);
    0x3b0 PMPADDR0 "pmpaddr" 0..=63 PMPADDR63;
    0x747 MSECCFG "mseccfg" (seccfg::FIELDS);
    0x7a0 TSELECT "tselect";
    0x7a1 TDATA1 "tdata1";
    0x7a2 TDATA2 "tdata2";
    0x7a3 TDATA3 "tdata3";
    0x7a4 TINFO "tinfo";
    0xb00 MCYCLE "mcycle";
    0xb02 MINSTRET "minstret";
    0xb03 MHPMCOUNTER3 "mhpmcounter" 3..=31 MHPMCOUNTER31;
    0xf11 MVENDORID "mvendorid";
    0xf12 MARCHID "marchid";
    0xf13 MIMPID "mimpid";
    0xf14 MHARTID "mhartid";
    0xf15 MCONFIGPTR "mconfigptr";
    0xfb0 MTOPI "mtopi" (topi::FIELDS);
}

impl Row {
    /// The row that has `address`, and which of the family it is.
    fn of(address: u16) -> Option<(&'static Row, u16)> {
        ROWS.iter().find_map(|row| {
            let index = address.checked_sub(row.first)?;
            (index < row.count()).then_some((row, index))
        })
    }

    const fn count(&self) -> u16 {
        match self.numbers {
            Some((first, last)) => last - first + 1,
            None => 1,
        }
    }
}

/// The name of a register or of a field, to be displayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    stem: &'static str,
    number: Option<u16>,
    /// What follows the number.
    tail: &'static str,
}

impl Name {
    /// A name without a number.
    const fn plain(stem: &'static str) -> Name {
        Name { stem, number: None, tail: "" }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.stem)?;
        self.number.map_or(Ok(()), |n| write!(f, "{n}"))?;
        f.write_str(self.tail)
    }
}

/// The addresses of all registers that have a name.
pub fn all() -> impl Iterator<Item = u16> {
    ROWS.iter().flat_map(|row| row.first..row.first + row.count())
}

/// The name of the register at `address`, if the architecture gives it one that this crate knows.
pub fn name(address: u16) -> Option<Name> {
    let (row, index) = Row::of(address)?;
    Some(Name { stem: row.stem, number: row.numbers.map(|(first, _)| first + index), tail: "" })
}

/// The address of the register called `name`.
pub fn by_name(name: &str) -> Option<u16> {
    ROWS.iter().find_map(|row| {
        let rest = name.strip_prefix(row.stem)?;
        let Some((first, _)) = row.numbers else { return rest.is_empty().then_some(row.first) };
        let index = rest.parse::<u16>().ok()?.checked_sub(first)?;
        (index < row.count()).then_some(row.first + index)
    })
}

/// The fields of the register at `address`, from the highest bit on; none where it is one number, or has no name.
pub fn fields(address: u16) -> impl Iterator<Item = Field> {
    Row::of(address).into_iter().flat_map(|(row, index)| row.layout.fields(index))
}

/// `value` as fields of the register at `address`, to be displayed: `SPV=1 SPVP=0`, from the highest bit on; empty
/// where the register is one number.
pub fn decoded(address: u16, value: u64) -> Decoded {
    let (layout, index) = Row::of(address).map_or((Layout::NONE, 0), |(row, index)| (row.layout, index));
    Decoded { layout, index, value }
}

/// The lowest privilege that may access the register at `address`, as `xPP` encodes it; 2 is HS.
///
/// Privileged architecture, "CSR Address Mapping Conventions".
pub const fn privilege(address: u16) -> u8 {
    (address >> 8 & 3) as u8
}

/// Whether the register at `address` is read-only by its address.
///
/// Privileged architecture, "CSR Address Mapping Conventions".
pub const fn is_read_only(address: u16) -> bool {
    address >> 10 & 3 == 3
}

/// The Interrupt bit of `mcause`, `scause` and `vscause`.
pub const CAUSE_INTERRUPT: u64 = xcause::INTERRUPT;

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn names_and_addresses_agree() {
        for address in 0..0x1000 {
            if let Some(name) = name(address) {
                assert_eq!(by_name(&name.to_string()), Some(address), "{name}");
            }
        }
    }

    #[test]
    fn families_count_from_their_first_number() {
        assert_eq!(name(0xc03).unwrap().to_string(), "hpmcounter3");
        assert_eq!(name(0x3bf).unwrap().to_string(), "pmpaddr15");
        assert_eq!(by_name("mhpmevent31"), Some(0x33f));
        assert_eq!(by_name("pmpaddr64"), None);
    }

    #[test]
    fn the_address_tells_privilege_and_writability() {
        assert_eq!(privilege(HSTATUS), 2);
        assert!(is_read_only(HGEIP) && !is_read_only(MCYCLE));
    }

    #[test]
    fn fields_do_not_overlap_and_come_from_the_highest_on() {
        for address in all() {
            let mut left = u128::MAX >> 64;
            for field in fields(address) {
                assert!(field.low < 64 && field.width > 0, "{field:?}");
                assert_eq!(left & u128::from(field.mask()), field.mask().into(), "{} of {address:#x}", field.name);
                left &= (1 << field.low) - 1;
            }
        }
    }

    #[test]
    fn a_value_is_shown_as_the_manuals_figure_has_it() {
        let decoded = |name, value| decoded(by_name(name).unwrap(), value).to_string();
        assert_eq!(decoded("hstatus", 0x2_0000_0180), "VSXL=2(64) VTSR=0 VTW=0 VTVM=0 VGEIN=0 HU=0 SPVP=1 SPV=1 GVA=0");
        assert_eq!(decoded("vsatp", 8 << 60 | 7 << 44 | 0x8_0123), "MODE=8(Sv39) ASID=7 PPN=0x80123");
        assert_eq!(
            decoded("pmpcfg2", 0x1f),
            "pmp15cfg=0 pmp14cfg=0 pmp13cfg=0 pmp12cfg=0 pmp11cfg=0 pmp10cfg=0 pmp9cfg=0 pmp8cfg=0x1f"
        );
        assert_eq!(decoded("hvip", 0x444), "VSEIP=1 VSTIP=1 VSSIP=1");
        assert_eq!(decoded("vsie", 0x20), "LCOFIE=0 SEIE=0 STIE=1 SSIE=0");
        assert_eq!(decoded("frm", 0x9), "frm=1(RTZ) others=0x8");
        assert_eq!(decoded("sscratch", 5), "");
    }
}
