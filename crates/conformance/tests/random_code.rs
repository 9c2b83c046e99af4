//! Random bytes as code, in every mode and on both engines: whatever a guest executes ends in a trap at worst, never in
//! a panic or a hang.

use std::sync::{Arc, Mutex};

use arch::{Isa, Mode, Phys};
use hart::{Hart, HartParts};
use kit::{RAM_BASE, Rng};
use vcpu::{EmulatedHart, Reg, Vcpu};

const RAM_BYTES: u64 = 1 << 20;
/// Programs tried; each is another seed.
const PROGRAMS: u64 = 300;
const INSTRUCTIONS: u64 = 20_000;

/// A legal encoding more often than not, else anything.
fn word(random: &mut Rng) -> u32 {
    let bits = random.bits();
    if bits >> 62 == 0 {
        return bits as u32;
    }
    let opcode = arch::insn::OPCODES[(bits >> 32) as usize % arch::insn::OPCODES.len()];
    let pattern = opcode.row().pattern;
    bits as u32 & !pattern.mask | pattern.value
}

fn parts(random: &mut Rng) -> HartParts {
    let ram = kit::ram(RAM_BYTES);
    for offset in (0..RAM_BYTES).step_by(4) {
        ram.store_u32(offset, word(random)).unwrap();
    }
    let parts = kit::alone(Isa::ALL, ram);
    let echo = kit::Echo::new(parts.pins.clone());
    parts.bus.map("echo", Phys(0x1000_0000), 0x1000, Arc::new(Mutex::new(echo))).unwrap();
    parts
}

/// Registers that point into RAM or at the device, so that accesses go somewhere.
fn fill_registers(hart: &mut Hart, random: &mut Rng) {
    for register in 1..32 {
        let bits = random.bits();
        let value = match bits >> 62 {
            0 => bits,
            1 => 0x1000_0000 + bits % 0x1000,
            _ => RAM_BASE + bits % RAM_BYTES,
        };
        hart.set_reg(Reg::X(register), value);
    }
}

fn start(hart: &mut Hart, random: &mut Rng, seed: u64) {
    let pc = RAM_BASE + ((random.bits() % RAM_BYTES) & !1);
    if seed.is_multiple_of(3) {
        hart.reset_machine(pc);
    } else {
        hart.enter_supervisor(pc);
    }
    let tables = |bits: u64| 8 << 60 | (RAM_BASE + bits % RAM_BYTES) >> 12 & !3;
    let (satp, vsatp, hgatp) = (tables(random.bits()), tables(random.bits()), tables(random.bits()));
    let state = hart.state_mut();
    match seed % 5 {
        1 => state.satp = satp,
        2 => (state.mode, state.vsatp) = (Mode::VS, vsatp),
        3 => (state.mode, state.hgatp) = (Mode::VU, hgatp),
        4 => state.hgatp = hgatp,
        _ => {}
    }
    state.s.tvec = RAM_BASE + ((random.bits() % RAM_BYTES) & !3);
    state.vs.tvec = RAM_BASE + ((random.bits() % RAM_BYTES) & !3);
    state.m.tvec = RAM_BASE + ((random.bits() % RAM_BYTES) & !3);
    state.mstatus |= arch::csr::status::FS;
    state.vsstatus |= arch::csr::status::FS;
}

/// Runs every program on a hart made of the parts; `inner` is what of it can be prepared.
fn run<H: Vcpu>(make: impl Fn(HartParts) -> H, inner: impl Fn(&mut H) -> &mut Hart) {
    let mut retired = 0;
    for seed in 1..=PROGRAMS {
        let mut random = Rng::new(seed);
        let mut hart = make(parts(&mut random));
        start(inner(&mut hart), &mut random, seed);
        fill_registers(inner(&mut hart), &mut random);
        for _ in 0..40 {
            hart.run(INSTRUCTIONS / 40);
        }
        retired += hart.instret().unwrap();
    }
    assert!(retired > PROGRAMS, "programs that never execute anything test nothing: {retired}");
}

#[test]
fn interpreted_random_code_never_panics_or_hangs() {
    run(Hart::new, |hart| hart);
}

#[cfg(all(target_arch = "x86_64", unix))]
#[test]
fn translated_random_code_never_panics_or_hangs() {
    use jit::{JitHart, JitParts};
    run(|hart| JitHart::new(JitParts { hart, code_bytes: None }).unwrap(), JitHart::hart_mut);
}

#[cfg(all(target_arch = "x86_64", unix))]
#[test]
fn neither_does_it_by_the_back_end_for_tests() {
    use jit::{JitHart, JitParts, Toy};
    run(|hart| JitHart::<Toy>::on(JitParts { hart, code_bytes: None }).unwrap(), JitHart::hart_mut);
}
