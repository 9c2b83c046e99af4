//! How soon a kick ends a quantum.

use std::sync::Arc;

use arch::Isa;
use hart::engine::POLL;
use hart::{Hart, HartParts};
use vcpu::{Clock, Exit, Vcpu};

fn hart(clock: Clock) -> Hart {
    Hart::new(HartParts { clock: Arc::new(clock), ..kit::alone(Isa::ALL, kit::ram(0x1000)) })
}

/// Runs for as many instructions as `budget`, of which nothing is known but their number. Answers how far it got from
/// look to look, and what ended it. It is kicked as it gets to `kicked`.
fn looks(hart: &mut Hart, budget: u64, kicked: u64) -> (Vec<u64>, Exit) {
    let mut steps = Vec::new();
    let exit = hart.drive_by(budget, POLL, |hart, poll| {
        steps.push(poll - hart.core.work());
        hart.core.state.instret += poll - hart.core.work();
        if hart.core.work() >= kicked {
            hart.pins().kick();
        }
    });
    (steps, exit)
}

#[test]
fn a_hart_that_was_kicked_looks_more_often_for_a_while() {
    let mut hart = hart(Clock::wall());
    assert_eq!(looks(&mut hart, 4 * POLL, 1), (vec![POLL], Exit::Quantum));
    let (steps, _) = looks(&mut hart, 4 * POLL, POLL + POLL / 8);
    assert_eq!(steps, [POLL / 16, POLL / 16], "the kick ends the quantum");
    let (steps, _) = looks(&mut hart, 64 * POLL, u64::MAX);
    assert_eq!(steps.iter().sum::<u64>(), 64 * POLL);
    assert_eq!(steps.last(), Some(&POLL), "nobody kicks any more");
}

/// Kicks come from other threads: nothing that instructions are counted for may depend on them.
#[test]
fn where_time_goes_by_instructions_a_kick_changes_no_later_quantum() {
    let mut hart = hart(Clock::virtual_time());
    assert_eq!(looks(&mut hart, 4 * POLL, 1), (vec![POLL], Exit::Quantum));
    assert_eq!(looks(&mut hart, 2 * POLL, u64::MAX), (vec![POLL; 2], Exit::Quantum));
}

/// Runs a loop of two instructions, the first of them `first`, after it was kicked: how many instructions it executed
/// then.
fn executed_after_kick(first: u32, clock: Clock) -> u64 {
    let mut hart = hart(clock);
    hart.core.ram.store_u32(0, first).unwrap();
    // jal zero, -4
    hart.core.ram.store_u32(4, 0xffdf_f06f).unwrap();
    vcpu::EmulatedHart::enter_supervisor(&mut hart, 0x8000_0000);
    hart.pins().kick();
    assert_eq!(hart.run(4 * POLL), Exit::Quantum);
    hart.instret().unwrap()
}

#[test]
fn who_reads_the_clock_sees_a_kick_at_once() {
    let (read_time, nothing) = (0xc010_22f3, 0x0000_0013);
    assert!(executed_after_kick(read_time, Clock::wall()) < 8);
    assert!(executed_after_kick(nothing, Clock::wall()) > 1000);
    assert!(executed_after_kick(read_time, Clock::virtual_time()) > 1000);
}
