//! The quantum's end in front of a block: the hart stands there, wherever it is. The host's floating point, which is
//! not the guest's. And what hypervisors access at every exit of a guest.

use std::hint::black_box;
use std::sync::{Arc, Mutex};

use arch::csr::hstatus;
use arch::insn::{Bare, Csr, I, J, Rm, S};
use arch::{Insn, Phys, csr};
use bus::Bus;
use events::{Event, Kinds, Look, Sink, Stamp};
use kit::Registers;
use vcpu::debug::Debuggee;
use vcpu::{EmulatedHart, Pace, Vcpu};

use crate::JitHart;
use crate::looping::{A0, A1, in_front_of, looping};

/// The addresses differ in how many bytes tell them: those that are sign-extended from 32 bits take four.
#[test]
fn a_hart_goes_on_where_its_quantum_ended() {
    for base in [0x1000_0000, 0x8000_0000, 0x7f_8000_0000] {
        let mut hart = looping(base);
        for budget in [1, 2, 3, 5, 100, 16_384, 20_000] {
            hart.run(budget);
            let done = hart.instret().unwrap();
            let (rounds, rest) = (done / 3, done % 3);
            assert_eq!(hart.pc(), base + 4 * rest, "{base:#x}");
            let a0 = rounds + u64::from(rest > 0);
            let a1 = 2 * (rounds + u64::from(rest > 1));
            assert_eq!((hart.x(A0), hart.x(A1)), (a0, a1), "{base:#x}");
        }
        assert!(hart.instret().unwrap() >= 36_000);
    }
}

const BASE: u64 = 0x8000_0000;
const DEVICE: u64 = 0x1000_0000;
/// The flags that the guest has seen.
const SEEN: u8 = 12;

/// Divides by zero, as the host's code may at any time.
fn divide() {
    black_box(black_box(1.0f64) / black_box(0.0));
}

/// A device, and one who listens, that compute.
struct Divides;

impl bus::Device for Divides {
    fn read(&mut self, _: u64, _: &mut [u8]) {
        divide();
    }
    fn write(&mut self, _: u64, _: &[u8]) {
        divide();
    }
}

impl Sink for Divides {
    fn wants(&self) -> Kinds {
        Kinds::ALL
    }
    fn event(&mut self, _: &Stamp, _: &Event, _: &dyn Look) {
        divide();
    }
}

/// A hart in front of a loop of a division that is inexact, `also`, a read of `fflags`, and the way back: a trap.
fn dividing(also: &[Insn]) -> JitHart {
    let divide = Insn::FdivD(Rm { rd: 0, rs1: 1, rs2: 2, rm: 0 });
    let read = Insn::Csrrs(Csr { rd: SEEN, rs1: 0, csr: csr::FFLAGS });
    let insns = [&[divide], also, &[read, Insn::Ecall(Bare {})]].concat();
    let bus = Bus::default();
    bus.map("divides", Phys(DEVICE), 0x1000, Arc::new(Mutex::new(Divides))).unwrap();
    let mut hart = in_front_of(BASE, &insns, bus);
    [(1, 1f64), (2, 3.0)].into_iter().for_each(|(number, value)| hart.set_f(number, value.to_bits()));
    hart.set_x([(A0, DEVICE)]);
    let state = hart.hart_mut().state_mut();
    state.mstatus |= csr::status::FS;
    state.m.tvec = BASE;
    hart
}

/// Runs in quanta of all lengths, between which the host's code computes too, and looks for its flags in the guest's.
fn only_inexact(mut hart: JitHart) {
    for budget in 1..200 {
        divide();
        hart.run(budget);
        assert_eq!(u64::from(hart.hart().state().fflags) | hart.x(SEEN), u64::from(fp::Flags::NX.0), "{budget}");
    }
}

#[test]
fn what_the_host_computes_between_quanta_raises_nothing_in_the_guest() {
    for pace in [Pace::Block, Pace::Instruction] {
        let mut hart = dividing(&[]);
        hart.set_pace(pace);
        only_inexact(hart);
    }
}

#[test]
fn what_a_device_computes_raises_nothing_in_the_guest() {
    let load = Insn::Lw(I { rd: A1, rs1: A0, imm: 0 });
    let store = Insn::Sw(S { rs1: A0, rs2: A1, imm: 0 });
    for (access, pace) in [(load, Pace::Block), (store, Pace::Block), (store, Pace::Instruction)] {
        let mut hart = dividing(&[access]);
        hart.set_pace(pace);
        only_inexact(hart);
    }
}

#[test]
fn what_a_listener_computes_raises_nothing_in_the_guest() {
    let mut hart = dividing(&[]);
    hart.watch(Some(Box::new(Divides)));
    only_inexact(hart);
}

/// Guest interrupt files of the hart below.
const LINES: u8 = 5;

/// A hypervisor with guest files that swaps `hstatus` and a0, and reads `vsie` to a1, over and over. Answers how often
/// it was interpreted in some hundred rounds.
fn csr_calls(swapped: u64, prepare: impl FnOnce(&mut JitHart)) -> (u64, JitHart) {
    let swap = Insn::Csrrw(Csr { rd: A0, rs1: A0, csr: csr::HSTATUS });
    let read = Insn::Csrrs(Csr { rd: A1, rs1: 0, csr: csr::VSIE });
    let mut hart = in_front_of(BASE, &[swap, read, Insn::Jal(J { rd: 0, imm: -8 })], Bus::default());
    hart.hart_mut().core.config.guest_external_interrupts = LINES;
    hart.enter_supervisor(BASE);
    hart.set_x([(A0, swapped)]);
    prepare(&mut hart);
    hart.run(1000);
    (hart.counters().calls.csr, hart)
}

fn vgein(number: u8) -> u64 {
    u64::from(number) << hstatus::VGEIN_SHIFT
}

#[test]
fn another_guest_file_is_chosen_in_generated_code() {
    let (calls, hart) = csr_calls(vgein(3) | hstatus::SPVP, |_| {});
    assert_eq!(calls, 0);
    let swapped = [hart.hart().state().hstatus, hart.x(A0) & !hstatus::VSXL_64];
    assert!(swapped.contains(&(vgein(3) | hstatus::SPVP)) && swapped.contains(&0), "{swapped:x?}");
}

#[test]
fn where_it_may_matter_which_guest_file_is_chosen_the_interpreter_looks() {
    let (calls, _) = csr_calls(vgein(3), |hart| hart.pins().set_guest_external(3, true));
    assert!(calls > 100, "a line is high: {calls}");
    let (calls, hart) = csr_calls(vgein(LINES + 1), |_| {});
    assert_eq!(calls, 1, "there is no such line, and what comes back from there chooses none");
    assert_eq!((hart.hart().state().hstatus | hart.x(A0)) & hstatus::VGEIN, 0);
}

#[test]
fn the_enables_of_what_a_hypervisor_asserts_are_seen_in_generated_code() {
    let (calls, hart) = csr_calls(0, |hart| {
        let state = hart.hart_mut().state_mut();
        (state.hvien, state.vsie) = (csr::ip::LCOFIP | 1 << 40, csr::ip::LCOFIP | 1 << 41);
        (state.mie, state.hideleg) = (csr::ip::VSTIP | csr::ip::VSEIP | csr::ip::MTIP, csr::ip::VSTIP);
    });
    // AIA 1.0, "Virtual interrupts for VS level": vsie has the bits that hvien has, and those that hideleg delegates
    assert_eq!((calls, hart.x(A1)), (0, csr::ip::LCOFIP | csr::ip::STIP));
}
