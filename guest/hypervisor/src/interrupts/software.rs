//! An interrupt file without hardware behind it: the CSRs through which a guest reaches it, emulated.
//!
//! AIA 1.0, "VS-level external interrupts without a guest interrupt file" and "Hypervisor and VS CSRs": where
//! `hstatus.VGEIN` names no file, accesses to `sireg` and `stopei` are virtual-instruction exceptions; `siselect` is
//! the guest's own at any time.

use arch::Insn;
use arch::csr::{self as registers, iselect};
use cores::imsic::{FileRegister, InterruptFile};

/// What a Zicsr instruction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CsrAccess {
    /// Whose.
    pub csr: u16,
    /// Where what it held goes.
    pub rd: u8,
    /// The bits that are cleared, then those that are set; none where nothing is written.
    pub write: Option<(u64, u64)>,
}

impl CsrAccess {
    /// What `insn` does, where `x` has the integer registers. None: it is no instruction of Zicsr's.
    pub fn of(insn: &Insn, x: impl Fn(u8) -> u64) -> Option<CsrAccess> {
        let (csr, rd, write) = match *insn {
            Insn::Csrrw(i) => (i.csr, i.rd, (u64::MAX, x(i.rs1))),
            Insn::Csrrs(i) => (i.csr, i.rd, (0, x(i.rs1))),
            Insn::Csrrc(i) => (i.csr, i.rd, (x(i.rs1), 0)),
            Insn::Csrrwi(i) => (i.csr, i.rd, (u64::MAX, i.uimm.into())),
            Insn::Csrrsi(i) => (i.csr, i.rd, (0, i.uimm.into())),
            Insn::Csrrci(i) => (i.csr, i.rd, (i.uimm.into(), 0)),
            _ => return None,
        };
        Some(CsrAccess { csr, rd, write: insn.writes_csr().then_some(write) })
    }
}

/// What an access reads, after it has done to `file` what it does; `selected` is the guest's `siselect`. None: there is
/// no such register.
///
/// Registers that are reserved are zero whoever has the file: "reads [...] return zero, and writes [...] are ignored".
/// Priorities of major interrupts cannot be configured: "the priority number bytes in the emulated `iprio` array can be
/// read-only zeros".
pub fn access(access: CsrAccess, selected: u64, file: Option<&mut InterruptFile>) -> Option<u64> {
    let is_priority = access.csr == registers::SIREG && iselect::PRIORITIES.contains(&selected);
    if is_priority {
        return selected.is_multiple_of(2).then_some(0);
    }
    let register = FileRegister::selected(selected);
    if access.csr == registers::SIREG && register == Some(FileRegister::Reserved) {
        return Some(0);
    }
    let file = file?;
    match access.csr {
        registers::STOPEI => {
            let top = file.top();
            access.write.iter().for_each(|_| file.claim(top));
            Some(top)
        }
        registers::SIREG => {
            let register = register?;
            let before = file.read(register);
            access.write.iter().for_each(|&(clear, set)| file.change(register, clear, set));
            Some(before)
        }
        _ => None,
    }
}

/// The identity of which a write to a file's page tells: `seteipnum_le` and `seteipnum_be` ("Memory region for an
/// interrupt file").
pub fn identity_at(offset: u64, value: u32) -> Option<u32> {
    match offset {
        0 => Some(value),
        4 => Some(value.swap_bytes()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arch::{Isa, decode};

    fn file() -> InterruptFile {
        let mut file = InterruptFile::new(255);
        file.change(FileRegister::Enabled(0), 0, !0);
        file.arrive(5);
        file.arrive(9);
        file
    }

    /// The access of a word, with x10 = 0x60.
    fn of(word: u32) -> CsrAccess {
        CsrAccess::of(&decode(word, &Isa::ALL).unwrap(), |x| if x == 10 { 0x60 } else { 0 }).unwrap()
    }

    #[test]
    fn instructions_read_and_write_as_zicsr_says() {
        // binutils: csrrw a5, stopei, zero; csrr a5, stopei; csrs sireg, a0; csrc sireg, a0; csrwi sireg, 3
        assert_eq!(of(0x15c0_17f3), CsrAccess { csr: 0x15c, rd: 15, write: Some((u64::MAX, 0)) });
        assert_eq!(of(0x15c0_27f3), CsrAccess { csr: 0x15c, rd: 15, write: None });
        assert_eq!(of(0x1515_2073).write, Some((0, 0x60)));
        assert_eq!(of(0x1515_3073).write, Some((0x60, 0)));
        assert_eq!(of(0x1511_d073).write, Some((u64::MAX, 3)));
        // add a0, a0, a0
        assert_eq!(CsrAccess::of(&decode(0x00a5_0533, &Isa::ALL).unwrap(), |_| 0), None);
    }

    #[test]
    fn the_top_is_claimed_by_a_write_and_only_by_a_write() {
        let mut file = file();
        let (read, claim) = (of(0x15c0_27f3), of(0x15c0_17f3));
        let tops = [read, claim, claim, claim].map(|one| access(one, 0, Some(&mut file)));
        assert_eq!(tops, [0x5_0005, 0x5_0005, 0x9_0009, 0].map(Some));
    }

    #[test]
    fn registers_are_selected_and_changed_bit_by_bit() {
        let mut file = file();
        // pending bits 5 and 6 cleared, then set
        assert_eq!(access(of(0x1515_3073), iselect::EIP0, Some(&mut file)), Some(0x220));
        assert_eq!(access(of(0x1515_2073), iselect::EIP0, Some(&mut file)), Some(0x200));
        assert_eq!(file.read(FileRegister::Pending(0)), 0x260);
    }

    #[test]
    fn a_files_page_has_a_register_for_each_byte_order() {
        let of = |offset| identity_at(offset, 0x0700_0000);
        assert_eq!([0, 4, 8, 2].map(of), [Some(0x0700_0000), Some(7), None, None]);
    }

    #[test]
    fn what_is_no_register_is_none() {
        let mut file = file();
        let mut at = |selected| access(of(0x1515_2073), selected, Some(&mut file));
        assert_eq!(
            [0x30, 0x3e, 0x31, 0x81, 0xff, 0x100, 0].map(&mut at),
            [Some(0), Some(0), None, None, None, None, None]
        );
        // where the file is a hart's, the hart answers for it
        assert_eq!(access(of(0x1515_2073), 0x70, None), None);
        assert_eq!([0x32, 0x71, 0x7f].map(|selected| access(of(0x1515_2073), selected, None)), [Some(0); 3]);
    }
}
