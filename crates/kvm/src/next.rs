//! Where an instruction leads.

use arch::csr;
use arch::insn::{Insn, decode, decompress, fetch_len};
use arch::isa::Isa;

/// An instruction of a guest's, for who lets it be executed alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Next {
    pc: u64,
    len: u64,
    insn: Option<Insn>,
}

impl Next {
    /// That at `pc`, of whose encoding the low half suffices where it is compressed.
    pub fn of(pc: u64, raw: u32) -> Next {
        let len = fetch_len(raw as u16);
        let insn = if len == 2 { decompress(raw as u16, &Isa::ALL) } else { decode(raw, &Isa::ALL) };
        Next { pc, len, insn }
    }

    /// Where it may lead, but into a trap: a branch to either side. `x` is a register, `sepc` where SRET returns to.
    pub fn places(&self, x: impl Fn(u8) -> u64, sepc: impl Fn() -> u64) -> Vec<u64> {
        let by = |offset: i32| self.pc.wrapping_add(i64::from(offset) as u64);
        match self.insn {
            Some(Insn::Jal(jump)) => vec![by(jump.imm)],
            Some(Insn::Jalr(jump)) => vec![x(jump.rs1).wrapping_add(i64::from(jump.imm) as u64) & !1],
            Some(
                Insn::Beq(branch)
                | Insn::Bne(branch)
                | Insn::Blt(branch)
                | Insn::Bge(branch)
                | Insn::Bltu(branch)
                | Insn::Bgeu(branch),
            ) => vec![self.behind(), by(branch.imm)],
            Some(Insn::Sret(_)) => vec![sepc()],
            _ => vec![self.behind()],
        }
    }

    /// The address of the instruction behind it.
    pub fn behind(&self) -> u64 {
        self.pc.wrapping_add(self.len)
    }

    /// Whether it waits for an interrupt.
    pub fn waits(&self) -> bool {
        matches!(self.insn, Some(Insn::Wfi(_)))
    }

    /// Whether it sees which interrupts are enabled.
    pub fn sees_enables(&self) -> bool {
        self.csr() == Some(csr::SIE)
    }

    /// The register whose value becomes that of `satp`.
    pub fn changes_tables(&self) -> Option<u8> {
        match self.insn {
            Some(Insn::Csrrw(write)) if write.csr == csr::SATP => Some(write.rs1),
            _ => None,
        }
    }

    fn csr(&self) -> Option<u16> {
        match self.insn {
            Some(Insn::Csrrw(i) | Insn::Csrrs(i) | Insn::Csrrc(i)) => Some(i.csr),
            Some(Insn::Csrrwi(i) | Insn::Csrrsi(i) | Insn::Csrrci(i)) => Some(i.csr),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PC: u64 = 0x8000_0000;

    /// Where an encoding of binutils' leads, with 0x1001 in every register and 0x77 in `sepc`.
    fn places(raw: u32) -> Vec<u64> {
        Next::of(PC, raw).places(|_| 0x1001, || 0x77)
    }

    #[test]
    fn an_instruction_leads_behind_itself() {
        assert_eq!(places(0x0000_0013), [PC + 4], "nop");
        assert_eq!(places(0x0001), [PC + 2], "c.nop");
        assert_eq!(places(0x9002), [PC + 2], "c.ebreak");
        assert_eq!(places(0xffff_ffff), [PC + 4], "none there is");
    }

    #[test]
    fn jumps_lead_where_they_say() {
        assert_eq!(places(0x0080_006f), [PC + 8], "j .+8");
        assert_eq!(places(0xff9f_f06f), [PC - 8], "j .-8");
        assert_eq!(places(0xbfd5), [PC - 12], "c.j .-12");
        assert_eq!(places(0x0002_8067), [0x1000], "jr t0");
        assert_eq!(places(0xffc2_8067), [0xffc], "jr -4(t0)");
        assert_eq!(places(0x8282), [0x1000], "c.jr t0");
        assert_eq!(places(0x1020_0073), [0x77], "sret");
    }

    #[test]
    fn branches_may_go_either_way() {
        assert_eq!(places(0x0062_8463), [PC + 4, PC + 8], "beq t0,t1,.+8");
        assert_eq!(places(0xc119), [PC + 2, PC + 6], "c.beqz a0,.+6");
    }

    #[test]
    fn what_steps_must_know_is_told() {
        assert!(Next::of(PC, 0x1050_0073).waits() && !Next::of(PC, 0x73).waits());
        assert!(Next::of(PC, 0x1040_2573).sees_enables() && !Next::of(PC, 0x1000_2573).sees_enables());
        assert_eq!(Next::of(PC, 0x1802_9073).changes_tables(), Some(5), "csrw satp,t0");
        assert_eq!(Next::of(PC, 0x1800_2573).changes_tables(), None, "csrr a0,satp");
    }
}
