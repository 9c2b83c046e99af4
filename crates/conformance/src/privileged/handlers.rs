//! Trap handlers: they show the trap's registers, skip the instruction and return, or continue in their own mode.
//!
//! A handler accesses no memory, and gives up when the sequence's budget of traps is spent: from M-mode the next
//! sequence begins, other modes call up. So no sequence goes on for ever.

use arch::insn::{B, Bare, I, R, U};
use arch::{Exception, Insn, Mode, csr};

use super::layout::{BUDGET, NEXT, STAY, TEMPS};
use crate::lockstep::RAM_BASE;
use kit::Code;

/// Where the handlers are.
#[derive(Clone, Copy, Debug)]
pub struct Handlers {
    /// For `mtvec`.
    pub machine: u64,
    /// For `stvec`.
    pub supervisor: u64,
    /// For `vstvec`.
    pub virtual_supervisor: u64,
}

/// The registers of a level.
struct Level {
    mode: Mode,
    cause: u16,
    epc: u16,
    enable: u16,
    shown: &'static [u16],
}

const MACHINE: Level = Level {
    mode: Mode::M,
    cause: csr::MCAUSE,
    epc: csr::MEPC,
    enable: csr::MIE,
    shown: &[csr::MTVAL, csr::MSTATUS, csr::MTVAL2, csr::MTINST],
};
const SUPERVISOR: Level = Level {
    mode: Mode::HS,
    cause: csr::SCAUSE,
    epc: csr::SEPC,
    enable: csr::SIE,
    shown: &[csr::STVAL, csr::SSTATUS, csr::HTVAL, csr::HTINST, csr::HSTATUS],
};
const VIRTUAL_SUPERVISOR: Level = Level { mode: Mode::VS, shown: &[csr::STVAL, csr::SSTATUS], ..SUPERVISOR };

/// Appends the handlers.
pub fn write(code: &mut Code) -> Handlers {
    Handlers {
        machine: handler(code, &MACHINE),
        supervisor: handler(code, &SUPERVISOR),
        virtual_supervisor: handler(code, &VIRTUAL_SUPERVISOR),
    }
}

/// One handler; answers the address of its vector table.
fn handler(code: &mut Code, level: &Level) -> u64 {
    const VECTORS: u64 = 64;
    while !code.here().is_multiple_of(VECTORS * 4) {
        code.word(0);
    }
    let table = code.here();
    for _ in 0..VECTORS {
        code.jal(0, table + 4 * VECTORS);
    }
    let [cause, temp] = TEMPS;
    code.csrr(cause, level.cause);
    for &shown in level.shown {
        code.csrr(temp, shown);
    }
    code.addi(BUDGET, BUDGET, -1);
    let spent = code.branch_over(Insn::Blt, BUDGET, 0);
    let mut hopeless = Vec::new();
    if level.mode == Mode::M {
        // Where there is no code to return to.
        for fault in
            [Exception::InstructionAccessFault, Exception::InstructionPageFault, Exception::InstructionGuestPageFault]
        {
            code.addi(temp, 0, fault as i32);
            hopeless.push(code.branch_over(Insn::Beq, cause, temp));
        }
    }
    code.csrr(temp, level.epc);
    let interrupt = code.branch_over(Insn::Blt, cause, 0);
    code.addi(temp, temp, 4);
    code.csrw(level.epc, temp);
    let exception = code.branch_over(Insn::Beq, 0, 0);
    code.land(interrupt);
    code.csrw(level.enable, 0);
    code.land(exception);
    let stay = code.branch_over(Insn::Bne, STAY, 0);
    code.xret(level.mode);
    // An xret that is not permitted comes here.
    code.land(spent);
    hopeless.into_iter().for_each(|hole| code.land(hole));
    if level.mode == Mode::M {
        code.jump_register(NEXT);
    } else {
        give_up(code);
    }
    code.land(stay);
    continue_here(code, temp, cause);
    table
}

/// Calls up, again and again.
pub fn give_up(code: &mut Code) {
    code.put(Insn::Ecall(Bare {}));
    code.put(Insn::Beq(B { rs1: 0, rs2: 0, imm: -4 }));
}

/// Goes to the address in `target`, in the first window.
fn continue_here(code: &mut Code, target: u8, temp: u8) {
    code.addi(STAY, 0, 0);
    code.put(Insn::Lui(U { rd: temp, imm: 0x4000_0000 }));
    code.addi(temp, temp, -1);
    code.put(Insn::And(R { rd: target, rs1: target, rs2: temp }));
    code.li(temp, RAM_BASE);
    code.put(Insn::Or(R { rd: target, rs1: target, rs2: temp }));
    code.put(Insn::Jalr(I { rd: 0, rs1: target, imm: 0 }));
}
