//! Jumps, memory, atomics, CSRs and fences: what is done, in which order, and what is asked of the machine.

mod machine;

use arch::Insn;
use arch::csr::MSTATUS;
use arch::insn::{Amo, B, Csr, CsrI, Fence, I, J, Lr, R1, Rs, Rs1, S};
use machine::{Asked, MEMORY, Machine, Stop};
use semantics::{AmoOp, CboOp, CsrOp, Order, TlbFence, Width};

/// A variant of `Insn` as a function.
type Make<F> = fn(F) -> Insn;

/// Beyond the memory of the test machine.
const NOWHERE: u64 = MEMORY as u64;

#[test]
fn jalr_may_link_the_register_it_jumps_by() {
    let mut machine = Machine::new();
    machine.x[1] = 0x2003;
    machine.run(Insn::Jalr(I { rd: 1, rs1: 1, imm: -2 })).expect("a jump");
    assert_eq!((machine.x[1], machine.next_pc), (0x1004, 0x2000)); // bit 0 of 0x2001 is cleared
}

#[test]
fn jal_links_the_instruction_behind() {
    let mut machine = Machine::new();
    machine.next_pc = 0x1002; // compressed
    machine.run(Insn::Jal(J { rd: 5, imm: -16 })).expect("a jump");
    assert_eq!((machine.x[5], machine.next_pc), (0x1002, 0xff0));
}

#[test]
fn branches_go_where_their_condition_holds() {
    let cases: [(Make<B>, [bool; 3]); 6] = [
        (Insn::Beq, [false, true, false]),
        (Insn::Bne, [true, false, true]),
        (Insn::Blt, [true, false, false]),
        (Insn::Bge, [false, true, true]),
        (Insn::Bltu, [false, false, true]),
        (Insn::Bgeu, [true, true, false]),
    ];
    for (make, taken) in cases {
        // -1 and 0, equal, 0 and -1
        for ((a, b), taken) in [(u64::MAX, 0), (3, 3), (0, u64::MAX)].into_iter().zip(taken) {
            let mut machine = Machine::new();
            (machine.x[1], machine.x[2]) = (a, b);
            machine.run(make(B { rs1: 1, rs2: 2, imm: 64 })).expect("a branch");
            assert_eq!(machine.next_pc == 0x1040, taken, "{} of {a:#x}, {b:#x}", make(B { rs1: 1, rs2: 2, imm: 64 }));
        }
    }
}

#[test]
fn loads_extend_as_they_say() {
    let mut machine = Machine::new();
    machine.memory[8..16].copy_from_slice(&0x8877_6655_8433_8281_u64.to_le_bytes());
    let cases: [(Make<I>, u64); 7] = [
        (Insn::Lb, 0xffff_ffff_ffff_ff81),
        (Insn::Lh, 0xffff_ffff_ffff_8281),
        (Insn::Lw, 0xffff_ffff_8433_8281),
        (Insn::Ld, 0x8877_6655_8433_8281),
        (Insn::Lbu, 0x81),
        (Insn::Lhu, 0x8281),
        (Insn::Lwu, 0x8433_8281),
    ];
    machine.x[1] = 16;
    for (make, value) in cases {
        machine.run(make(I { rd: 2, rs1: 1, imm: -8 })).expect("memory");
        assert_eq!(machine.x[2], value, "{}", make(I { rd: 2, rs1: 1, imm: -8 }));
    }
}

#[test]
fn stores_write_low_bytes() {
    let mut machine = Machine::new();
    (machine.x[1], machine.x[2]) = (8, 0x8877_6655_4433_2211);
    machine.run(Insn::Sd(S { rs1: 1, rs2: 2, imm: 0 })).expect("memory");
    machine.run(Insn::Sw(S { rs1: 1, rs2: 2, imm: 8 })).expect("memory");
    machine.run(Insn::Sh(S { rs1: 1, rs2: 2, imm: 12 })).expect("memory");
    machine.run(Insn::Sb(S { rs1: 1, rs2: 2, imm: -8 })).expect("memory");
    assert_eq!(machine.memory[..2], [0x11, 0]);
    assert_eq!(machine.memory[8..24], hex(0x0000_2211_4433_2211_8877_6655_4433_2211));
}

fn hex(value: u128) -> [u8; 16] {
    value.to_le_bytes()
}

#[test]
fn a_fault_leaves_registers_alone() {
    let mut machine = Machine::new();
    (machine.x[1], machine.x[2]) = (NOWHERE, 7);
    for raw in [0x0000_b103, 0x1000_b12f, 0x0820_b12f, 0x6c00_c173] {
        // ld sp,0(ra); lr.d sp,(ra); amoswap.d sp,sp,(ra); hlv.d sp,(ra)
        assert_eq!(machine.run_raw(raw), Err(Stop::Fault(NOWHERE)), "{raw:#x}");
    }
    assert_eq!(machine.x[2], 7);
}

#[test]
fn amos_sign_extend_words_and_pass_what_they_do() {
    let mut machine = Machine::new();
    machine.memory[..4].copy_from_slice(&0x8000_0000_u32.to_le_bytes());
    machine.x[3] = 5;
    machine.run(Insn::AmomaxuW(Amo { rd: 2, rs1: 0, rs2: 3, aqrl: 2 })).expect("memory");
    assert_eq!(machine.x[2], 0xffff_ffff_8000_0000);
    assert_eq!(machine.asked, [Asked::Amo(Width::B4, AmoOp::Maxu, Order(2), 0, 5)]);
}

#[test]
fn conditional_stores_once_where_reserved() {
    let mut machine = Machine::new();
    machine.x[3] = 9;
    machine.run(Insn::LrD(Lr { rd: 2, rs1: 0, aqrl: 0 })).expect("memory");
    machine.run(Insn::ScD(Amo { rd: 4, rs1: 0, rs2: 3, aqrl: 0 })).expect("memory");
    machine.run(Insn::ScD(Amo { rd: 5, rs1: 0, rs2: 3, aqrl: 0 })).expect("memory");
    assert_eq!((machine.x[4], machine.x[5], machine.memory[0]), (0, 1, 9));
}

#[test]
fn amocas_compares_words_and_answers_the_old_sign_extended() {
    let mut machine = Machine::new();
    machine.memory[..4].copy_from_slice(&0x8000_0001_u32.to_le_bytes());
    (machine.x[2], machine.x[3]) = (0x8000_0001, 6);
    machine.run(Insn::AmocasW(Amo { rd: 2, rs1: 0, rs2: 3, aqrl: 0 })).expect("memory");
    assert_eq!((machine.x[2], machine.memory[0]), (0xffff_ffff_8000_0001, 6));
}

#[test]
fn amocas_q_swaps_pairs() {
    let mut machine = Machine::new();
    machine.memory[..16].copy_from_slice(&hex(0x2_0000_0000_0000_0001));
    (machine.x[4], machine.x[5], machine.x[6], machine.x[7]) = (1, 2, 3, 4);
    machine.run(Insn::AmocasQ(Amo { rd: 4, rs1: 0, rs2: 6, aqrl: 0 })).expect("memory");
    assert_eq!(machine.memory[..16], hex(0x4_0000_0000_0000_0003));
    assert_eq!((machine.x[4], machine.x[5]), (1, 2));
}

#[test]
fn amocas_q_of_the_zero_pair_reads_zero_and_writes_nothing() {
    let mut machine = Machine::new();
    machine.memory[..16].copy_from_slice(&hex(1));
    machine.x[1] = 7;
    machine.run(Insn::AmocasQ(Amo { rd: 0, rs1: 0, rs2: 0, aqrl: 0 })).expect("memory");
    assert_eq!((machine.x[0], machine.x[1], machine.memory[0]), (0, 7, 1));
}

#[test]
fn amocas_q_with_odd_registers_is_illegal() {
    for (rd, rs2) in [(1, 2), (2, 3)] {
        let insn = Insn::AmocasQ(Amo { rd, rs1: 0, rs2, aqrl: 0 });
        assert_eq!(Machine::new().run(insn), Err(Stop::Illegal));
    }
}

/// Zicsr, table "Conditions determining whether a CSR instruction reads or writes the specified CSR".
#[test]
fn csr_instructions_read_and_write_only_what_they_must() {
    let register = |make: fn(Csr) -> Insn, rd, rs1| make(Csr { rd, rs1, csr: MSTATUS });
    let immediate = |make: fn(CsrI) -> Insn, rd, uimm| make(CsrI { rd, uimm, csr: MSTATUS });
    let cases = [
        (register(Insn::Csrrw, 0, 3), CsrOp::Write, 9),
        (register(Insn::Csrrw, 2, 0), CsrOp::Swap, 0),
        (register(Insn::Csrrs, 2, 0), CsrOp::Read, 0),
        (register(Insn::Csrrs, 0, 3), CsrOp::Set, 9),
        (register(Insn::Csrrc, 2, 0), CsrOp::Read, 0),
        (register(Insn::Csrrc, 2, 3), CsrOp::Clear, 9),
        (immediate(Insn::Csrrwi, 0, 0), CsrOp::Write, 0),
        (immediate(Insn::Csrrwi, 2, 31), CsrOp::Swap, 31),
        (immediate(Insn::Csrrsi, 2, 0), CsrOp::Read, 0),
        (immediate(Insn::Csrrsi, 2, 3), CsrOp::Set, 3),
        (immediate(Insn::Csrrci, 2, 0), CsrOp::Read, 0),
        (immediate(Insn::Csrrci, 0, 3), CsrOp::Clear, 3),
    ];
    for (insn, op, value) in cases {
        let mut machine = Machine::new();
        (machine.x[3], machine.answer) = (9, 77);
        machine.run(insn).expect("allowed");
        assert_eq!(machine.asked, [Asked::Csr(op, MSTATUS, value)], "{insn}");
        assert!(machine.x[0] == 0 && [0, 77].contains(&machine.x[2]), "{insn}");
    }
}

#[test]
fn translation_fences_tell_x0_from_a_register_that_is_zero() {
    let fence = |rs1, rs2| {
        let mut machine = Machine::new();
        machine.run(Insn::HfenceGvma(Rs { rs1, rs2 })).expect("allowed");
        machine.asked.remove(0)
    };
    assert_eq!(fence(0, 0), Asked::TlbFence(TlbFence::HfenceGvma, None, None));
    assert_eq!(fence(5, 6), Asked::TlbFence(TlbFence::HfenceGvma, Some(0), Some(0)));
}

#[test]
fn hypervisor_accesses_extend_as_they_say() {
    let mut machine = Machine::new();
    machine.memory[..4].copy_from_slice(&0x8433_8281_u32.to_le_bytes());
    let load = |machine: &mut Machine, make: fn(R1) -> Insn| {
        machine.run(make(R1 { rd: 2, rs1: 0 })).expect("memory");
        machine.x[2]
    };
    assert_eq!(load(&mut machine, Insn::HlvB), 0xffff_ffff_ffff_ff81);
    assert_eq!(load(&mut machine, Insn::HlvHu), 0x8281);
    assert_eq!(load(&mut machine, Insn::HlvW), 0xffff_ffff_8433_8281);
    assert_eq!(machine.asked, []);
    assert_eq!(load(&mut machine, Insn::HlvxWu), 0x8433_8281);
    assert_eq!(machine.asked, [Asked::HyperExec(0)]);
}

#[test]
fn fences_and_cache_blocks_are_passed_on() {
    let mut machine = Machine::new();
    machine.x[1] = 32;
    machine.run(Insn::Fence(Fence { rd: 0, rs1: 0, succ: 1, pred: 2, fm: 0 })).expect("nothing");
    machine.run_raw(0x8330_000f).expect("fence.tso");
    machine.run(Insn::CboFlush(Rs1 { rs1: 1 })).expect("allowed");
    machine.run(Insn::CboZero(Rs1 { rs1: 1 })).expect("allowed");
    let asked = [Asked::Fence(0, 2, 1), Asked::Fence(8, 3, 3), Asked::CboMaint(CboOp::Flush, 32), Asked::CboZero(32)];
    assert_eq!(machine.asked, asked);
}

#[test]
fn an_unprivileged_machine_leaves_system_instructions_alone() {
    let mut machine = Machine::new();
    let user = |machine: &mut Machine, raw| {
        let insn = arch::decode(raw, &arch::Isa::ALL).expect("an instruction");
        semantics::execute_user(machine, &insn)
    };
    // ecall; csrrw zero,mstatus,a0; hlv.b a0,(a0); fence.i
    for raw in [0x73, 0x3005_1073, 0x6005_4573, 0x100f] {
        assert_eq!(user(&mut machine, raw), None);
    }
    assert_eq!(user(&mut machine, 0x0010_0513), Some(Ok(()))); // li a0,1
    assert_eq!((machine.x[10], machine.asked), (1, vec![]));
}
