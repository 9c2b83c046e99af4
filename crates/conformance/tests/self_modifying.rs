//! A program that makes its own code comes to the same sum on every engine, without an oracle beside it.

use conformance::lockstep::{RAM_BASE, hart_with};
use conformance::self_modifying;
use vcpu::{Exit, Reg, Vcpu};

const ROUNDS: u64 = 20_000;
/// More than the program takes: it ends in a jump to itself.
const INSTRUCTIONS: u64 = 100 * ROUNDS;
const SUM: Reg = Reg::X(10);

#[test]
fn the_interpreters_blocks_see_new_code() {
    let (mut hart, _) = hart_with(&self_modifying::program(ROUNDS));
    assert_eq!(hart.run(INSTRUCTIONS), Exit::Quantum);
    assert_eq!(hart.reg(SUM), self_modifying::sum(ROUNDS));
}

#[cfg(all(target_arch = "x86_64", unix))]
#[test]
fn translated_blocks_see_new_code() {
    use conformance::lockstep_translated;
    let mut hart = lockstep_translated::hart_with(&self_modifying::program(ROUNDS), None);
    assert_eq!(hart.run(INSTRUCTIONS), Exit::Quantum);
    assert_eq!(hart.reg(SUM), self_modifying::sum(ROUNDS));
    let counters = hart.counters();
    assert!(counters.changed_pages >= ROUNDS && hart.reg(Reg::Pc) > RAM_BASE, "{counters:?}");
}

#[cfg(all(target_arch = "x86_64", unix))]
#[test]
fn translated_blocks_see_new_code_where_the_cache_is_small() {
    use conformance::lockstep_translated;
    let mut hart = lockstep_translated::hart_with(&self_modifying::program(ROUNDS), Some(0));
    assert_eq!(hart.run(INSTRUCTIONS), Exit::Quantum);
    assert_eq!(hart.reg(SUM), self_modifying::sum(ROUNDS));
    assert!(hart.counters().flushes > 10, "{:?}", hart.counters());
}
