//! A debugger at a guest's hart: breakpoints, steps, and what it sees.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use arch::{Exception, Mode, csr};
use vcpu::debug::{Break, Halt, Only, Points, Space};
use vcpu::{Exit, Reg, SystemEvent, Vcpu};

use super::machine::{Machine, RAM};
use super::{Checked, Outcome, Verdict, expect, guests, passed};
use crate::{Error, KvmVcpu, Options};

/// How long the hart stands.
const STANDS: Duration = Duration::from_millis(300);

/// The guest's counter.
const S2: Reg = Reg::X(18);
/// What its handler saw.
const S4: Reg = Reg::X(20);

/// A hart stops at a breakpoint, takes steps, and goes on; an `ebreak` of its own comes to its own handler, and its
/// time stands with it.
pub fn stops() -> Checked {
    let options = Options { debugged: true, ..Options::default() };
    let mut machine = match Machine::new(guests::LOOP, 1, options) {
        Err(error) if matches!(error.downcast_ref(), Some(Error::Lacks(_))) => {
            return Ok(Verdict::Skipped(error.to_string()));
        }
        machine => machine?,
    };
    let [at, end] = [guests::LOOP_AT, guests::LOOP_END_AT].map(|offset| RAM.0 + offset);
    let was = machine.ram.load_u16(guests::LOOP_AT);
    go(&mut machine.harts[0], &[at, end]);
    stopped(&mut machine, at)?;
    expect("memory while the hart stands", machine.ram.load_u16(guests::LOOP_AT), was)?;
    go(&mut machine.harts[0], &[at, end]);
    steps(&mut machine.harts[0], at)?;
    stands(&mut machine, &[at, end], at)?;
    // the breakpoint of the loop is gone
    go(&mut machine.harts[0], &[end]);
    stopped(&mut machine, end)?;
    expect("how far it counted", machine.harts[0].reg(S2), 3)?;
    expect("what its own handler saw", machine.harts[0].reg(S4), Exception::Breakpoint as u64)?;
    go(&mut machine.harts[0], &[]);
    expect("the end", machine.run_one()?, Exit::System(SystemEvent::Shutdown))?;
    expect("what it wrote", machine.device.value(0x10), 3)?;
    passed("a breakpoint, steps, the guest's own ebreak; its time stands while it does")
}

/// Lets the hart go on, until one of these addresses.
fn go(hart: &mut KvmVcpu, breaks: &[u64]) {
    let point = |&address: &u64| Break { space: Space::Virtual, address, only: Only::default() };
    let points = Arc::new(Points { breaks: breaks.iter().map(point).collect(), ..Points::default() });
    hart.all_go(&points);
    hart.debuggee().set_points(&points);
}

/// Runs to the breakpoint at `address`.
fn stopped(machine: &mut Machine, address: u64) -> Outcome {
    expect("the way out at a breakpoint", machine.run_one()?, Exit::Debug)?;
    let hart = &mut machine.harts[0];
    expect("why", hart.debuggee().take_halt(), Some(Halt::Break))?;
    expect("where", hart.reg(Reg::Pc), address)?;
    hart.all_stand();
    Ok(())
}

/// Steps over the breakpoint at `at`, and back to it by the branch behind it.
fn steps(hart: &mut KvmVcpu, at: u64) -> Outcome {
    let count = hart.reg(S2);
    expect("it is at a breakpoint", hart.debuggee().is_at_break(), true)?;
    expect("a step", hart.debuggee().step(false), None)?;
    expect("where it led", (hart.reg(Reg::Pc), hart.reg(S2)), (at + 4, count + 1))?;
    expect("a step by a branch", hart.debuggee().step(false), None)?;
    expect("where that led", hart.reg(Reg::Pc), at)?;
    let hart = hart.debuggee();
    expect("its mode", hart.world().mode, Mode::VS)?;
    let found = hart.locate(Mode::VS, at).map(|found| found.phys.0);
    expect("where its instruction is", found, Ok(at))?;
    expect(
        "a register written and read",
        (hart.poke_csr(csr::SSCRATCH, 7), hart.peek_csr(csr::SSCRATCH)),
        (true, Some(7)),
    )
}

/// Goes on at `at` and once around to there, having stood for a while that is not in the guest's time.
fn stands(machine: &mut Machine, breaks: &[u64], at: u64) -> Outcome {
    let hart = &mut machine.harts[0];
    let ticks_per_second = hart.describe()?.timebase_hz;
    let begin = Instant::now();
    let time =
        |hart: &mut KvmVcpu| hart.debuggee().peek_csr(csr::TIME).ok_or("the kernel does not tell the guest's time");
    let before = time(hart)?;
    hart.all_stand();
    let mut went = begin.elapsed();
    thread::sleep(STANDS);
    let begin = Instant::now();
    go(hart, breaks);
    // off the breakpoint, and around to it
    expect("a step", hart.debuggee().step(false), None)?;
    stopped(machine, at)?;
    let passed = time(&mut machine.harts[0])?.wrapping_sub(before);
    went += begin.elapsed();
    let most = went.as_nanos() * u128::from(ticks_per_second) / 1_000_000_000 + 1;
    if u128::from(passed) > most {
        return Err(format!(
            "the guest's time went on while it stood: by {passed} ticks, of which {most} were its own"
        )
        .into());
    }
    Ok(())
}
