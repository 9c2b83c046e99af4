//! Which orders of memory accesses need an instruction of the host's, and which it keeps by itself.

use arch::Insn;
use arch::insn::decode;
use arch::isa::Isa;
use bus::Bus;
use hart::{Hart, HartParts};

use super::super::Host;
use crate::compile::Compiler;
use crate::expr::Heap;
use crate::host::{Backend, Blocks, Made, Places};
use crate::looping::parts;

/// A locked OR of the top of the stack: what orders a store before a load.
const FENCE: [u8; 6] = [0xf0, 0x48, 0x83, 0x0c, 0x24, 0x00];

/// Whether the instruction's code has one, on a hart that is `alone` or is not.
fn has_fence(insn: Insn, alone: bool) -> bool {
    let hart = Hart::new(HartParts { alone, ..parts(0x8000_0000, Bus::default()) });
    let heap = Heap::new();
    let places = Places { hot: 0x10_0000, cold: 0x20_0000, slow_paths: 0x30_0000 };
    let mut compiler = Compiler::new(Host::emitter(places, Default::default(), Made::default()), &heap, &hart.core);
    assert!(compiler.instruction(&insn, 0x8000_0000, 0x8000_0004).is_ok(), "{insn} is translated");
    compiler.emitter.finish().hot.windows(FENCE.len()).any(|bytes| bytes == FENCE)
}

fn insn(raw: u32) -> Insn {
    decode(raw, &Isa::ALL).unwrap()
}

/// FENCE with these sets of `iorw`.
fn fence(pred: u32, succ: u32) -> Insn {
    insn(0x0000_000f | pred << 24 | succ << 20)
}

/// `lr.w a0, (a1)`, `sc.w a0, a2, (a1)` and `amoadd.w a0, a2, (a1)`, with these bits of aq and rl.
fn atomics(order: u32) -> [Insn; 3] {
    [0x1005_a52f, 0x18c5_a52f, 0x00c5_a52f].map(|raw| insn(raw | order << 25))
}

const AQ: u32 = 2;
const RL: u32 = 1;

#[test]
fn a_fence_costs_something_where_stores_come_before_loads() {
    const R: u32 = 2;
    const W: u32 = 1;
    const RW: u32 = R | W;
    const I: u32 = 8;
    const O: u32 = 4;
    for (pred, succ) in [(RW, RW), (W, R), (O, I), (O, R), (W | O, RW), (15, 15)] {
        assert!(has_fence(fence(pred, succ), true), "{pred}, {succ}");
    }
    for (pred, succ) in [(R, RW), (RW, W), (R, R), (W, W), (I, O), (I, RW), (15, W | O)] {
        assert!(!has_fence(fence(pred, succ), false), "{pred}, {succ}");
    }
}

/// It lets stores wait behind loads, as the host does. With other sets its mode is reserved, and those are to be taken
/// for ordinary fences.
#[test]
fn fence_tso_is_the_hosts_own_order() {
    let mode = |fence: Insn| insn(fence.encode() | 8 << 28);
    assert!(!has_fence(mode(fence(3, 3)), false) && !has_fence(mode(fence(3, 3)), true));
    assert!(has_fence(mode(fence(15, 15)), false) && has_fence(mode(fence(3, 15)), false));
}

#[test]
fn a_load_that_reserves_waits_for_stores_where_others_see_it() {
    assert!(has_fence(atomics(RL)[0], false) && has_fence(atomics(AQ | RL)[0], false));
    assert!(!has_fence(atomics(AQ)[0], false) && !has_fence(atomics(0)[0], false));
    assert!(!has_fence(atomics(AQ | RL)[0], true));
}

/// Where others are, a locked instruction is what orders.
#[test]
fn a_plain_store_that_is_conditional_is_ordered_before_loads() {
    assert!(has_fence(atomics(AQ)[1], true) && has_fence(atomics(AQ | RL)[1], true));
    assert!(!has_fence(atomics(RL)[1], true) && !has_fence(atomics(0)[1], true));
    assert!(!has_fence(atomics(AQ | RL)[1], false));
}

#[test]
fn an_amo_has_every_order_by_itself() {
    for order in [0, AQ, RL, AQ | RL] {
        assert!(!has_fence(atomics(order)[2], false) && !has_fence(atomics(order)[2], true));
    }
}
