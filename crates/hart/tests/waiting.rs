//! WFI, and what ends it.

use std::sync::Arc;

use arch::csr::ip;
use arch::insn::{Bare, Insn, J};
use arch::{Isa, Mode};
use hart::{Hart, HartParts};
use kit::Registers;
use privileged::Config;
use vcpu::{Clock, Exit, Vcpu};

const BASE: u64 = kit::RAM_BASE;

/// A hart in HS-mode in a loop of WFI, open to all of memory, and its clock.
fn idle_loop() -> (Hart, Arc<Clock>) {
    idle_loop_of(Config::new(Isa::ALL, 0))
}

fn idle_loop_of(config: Config) -> (Hart, Arc<Clock>) {
    let ram = kit::ram(0x1000);
    ram.store_u32(0, Insn::Wfi(Bare {}).encode()).unwrap();
    ram.store_u32(4, Insn::Jal(J { rd: 0, imm: -4 }).encode()).unwrap();
    let mut hart = Hart::new(HartParts { config, ..kit::alone(Isa::ALL, ram) });
    vcpu::EmulatedHart::enter_supervisor(&mut hart, BASE);
    let clock = hart.core.clock.clone();
    (hart, clock)
}

/// What is pending for a guest ends WFI in HS-mode, where it is not taken: that need not be at once.
#[test]
fn an_idle_loop_that_only_a_guest_could_leave_goes_round_slowly() {
    let (mut hart, clock) = idle_loop();
    let state = hart.state_mut();
    (state.hideleg, state.mie, state.hvip) = (ip::VSTIP, ip::VSTIP, ip::VSTIP);
    assert_eq!(state.mode, Mode::HS);
    for round in 1..4 {
        let Exit::Idle { until: Some(until) } = hart.run(1_000_000) else { panic!("round {round}: it does not wait") };
        assert!(until > clock.now() && hart.instret() < Some(3 * round), "round {round}");
        clock.advance(until - clock.now());
    }
    assert!(hart.instret() > Some(2), "it goes on");
}

/// As a debugger may, with nothing pending.
#[test]
fn a_hart_that_is_put_somewhere_else_executes_there() {
    let (mut hart, _) = idle_loop();
    assert!(matches!(hart.run(1_000), Exit::Idle { .. }));
    let waited = hart.instret();
    assert!(matches!(hart.run(1_000), Exit::Idle { .. }));
    assert_eq!(hart.instret(), waited);
    hart.set_pc(BASE + 4);
    assert!(matches!(hart.run(1_000), Exit::Idle { .. }));
    assert_eq!(hart.instret(), waited.map(|before| before + 2), "the jump, and WFI");
}

#[test]
fn what_is_taken_ends_wfi_at_once() {
    let (mut hart, _) = idle_loop();
    let state = hart.state_mut();
    (state.mie, state.hvip) = (ip::VSTIP, ip::VSTIP);
    assert_eq!(hart.run(1_000), Exit::Quantum, "not delegated by hideleg: for HS-mode");
}

/// H extension, "Hypervisor Interrupt (`hvip`, `hip`, and `hie`) Registers": SGEIP "is 1 if and only if the bitwise
/// logical-AND of CSRs `hgeip` and `hgeie` is nonzero in any bit".
#[test]
fn a_guest_external_line_that_the_hart_has_ends_wfi_where_it_is_enabled() {
    let (mut hart, _) = idle_loop_of(Config { guest_external_interrupts: 2, ..Config::new(Isa::ALL, 0) });
    let (pins, state) = (hart.pins(), hart.state_mut());
    (state.hgeie, state.mie) = (0b110, ip::SGEIP);
    pins.set_guest_external(3, true);
    pins.take_attention();
    assert!(matches!(hart.run(1_000), Exit::Idle { .. }), "there are two lines");
    pins.set_guest_external(2, true);
    pins.take_attention();
    assert_eq!(hart.run(1_000), Exit::Quantum);
    pins.set_guest_external(2, false);
    pins.take_attention();
    assert!(matches!(hart.run(1_000), Exit::Idle { .. }));
}
