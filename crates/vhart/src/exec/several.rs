//! `vhart exec --each`: several commands, one after the other in one machine; and in another where that one has gone.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use board::Ending as MachineEnding;

use super::commands::{self, Command};
use super::end::End;
use super::machine::Machines;
use super::options::Options;
use super::program::Program;
use super::record::Record;
use super::reports::{self, Outcome};
use super::session::Stage;
use super::status::{ONE_FAILED, OWN_FAILURE, TIME_IS_UP};
use crate::debugger::Port;
use crate::ending::{Ending as Wish, Stopper};
use crate::errors;

/// Runs the commands that `file` lists. Answers the status that says whether all ended with 0.
///
/// # Errors
/// There are none, or there is no machine for them.
pub fn run(options: &Options, file: &Path, stopper: &Stopper) -> Result<u8> {
    let start = Instant::now();
    let record = Record::of(commands::listed(file)?, options);
    let port = Port::open(&options.machine)?;
    let ended = run_all(&record, options, stopper, port);
    let why = ended.as_ref().map_or("vhart itself failed before", |why| why);
    let outcomes = record.finish(why);
    // What has been run is reported, whatever became of the rest.
    let status = status_of_all(&outcomes, stopper.ending().or(record.interrupted()));
    let status = ended.as_ref().map_or(OWN_FAILURE, |_| status);
    reports::write(options, &outcomes, status, start.elapsed())?;
    ended?;
    tell_sum(&outcomes);
    Ok(status)
}

/// Runs them, in as many machines as it takes. Answers why what is left is not run.
fn run_all(record: &Record, options: &Options, stopper: &Stopper, port: Port) -> Result<&'static str> {
    let mut port = port;
    let mut programs = programs(record, options);
    if programs.is_empty() {
        return Ok(record.why_no_more());
    }
    let machines = Machines::prepare(options, stopper)?;
    loop {
        let end = machines.run_several(programs, record, port)?;
        if let Some(why) = machine_has_ended(record, end, stopper.ending()) {
            return Ok(why);
        }
        programs = self::programs(record, options);
        if programs.is_empty() {
            return Ok(record.why_no_more());
        }
        if options.is_about_one_machine() {
            return Ok("its machine had ended, and another would not be the one that is watched");
        }
        port = Port::open(&options.machine)?;
    }
}

/// The commands that are yet to run, with their programs. One whose program is not here is done with.
fn programs(record: &Record, options: &Options) -> Vec<(Command, Program)> {
    let mut found = Vec::new();
    for (number, command) in record.left() {
        match command.find(options) {
            Ok(program) => found.push((command, program)),
            Err(refusal) => record.refuse(number, refusal),
        }
    }
    if record.is_over() { Vec::new() } else { found }
}

/// What the end of a machine means for the command that ran in it. Answers why no other is run, if that is so.
fn machine_has_ended(record: &Record, end: End, wish: Option<Wish>) -> Option<&'static str> {
    let began = !matches!(end.stage, Stage::Booting | Stage::Nonsense);
    let was_its = match end.stage {
        Stage::Booting | Stage::Nonsense | Stage::Running => true,
        Stage::Between => end.heard.log.panic().is_some(),
        Stage::Ended(_) | Stage::NotStarted(_) => false,
    };
    if was_its {
        record.machine_ended(&end, wish);
    }
    let why = match (wish, &end.ending) {
        (Some(Wish::Limit), _) | (_, MachineEnding::TimedOut) => Some("time was up before"),
        (Some(_), _) => Some("a signal came before"),
        (None, MachineEnding::Halted { .. }) => Some("a hart could not go on before"),
        (None, _) if !began => Some("the machine did not come to its first command"),
        _ => None,
    };
    end.debugger.end(0);
    why
}

/// The status of all: that of what kept some from being run, else whether one failed.
fn status_of_all(outcomes: &[Outcome], ended_by: Option<Wish>) -> u8 {
    let of = |status| outcomes.iter().any(|outcome| outcome.status() == Some(status) && !outcome.began);
    match ended_by {
        Some(Wish::Limit) => TIME_IS_UP,
        Some(wish @ Wish::Quit(_)) => wish.status(),
        _ if of(OWN_FAILURE) => OWN_FAILURE,
        _ if outcomes.iter().all(Outcome::passed) => 0,
        _ => ONE_FAILED,
    }
}

fn tell_sum(outcomes: &[Outcome]) {
    let passed = outcomes.iter().filter(|outcome| outcome.passed()).count();
    let skipped = outcomes.iter().filter(|outcome| outcome.verdict.is_none()).count();
    let failed = outcomes.len() - passed - skipped;
    let skipped = if skipped > 0 { format!(", {skipped} not run") } else { String::new() };
    errors::tell(format!("{passed} of {} passed, {failed} failed{skipped}", outcomes.len()));
}

#[cfg(test)]
mod tests {
    use super::super::verdict::Verdict;
    use super::*;
    use crate::terminal::Quit;

    fn outcome(status: Option<u8>, began: bool) -> Outcome {
        let verdict = status.map(|status| Verdict { status, ..Verdict::default() });
        let mut outcome = Outcome::of(Command(vec!["a".into()]));
        (outcome.verdict, outcome.began) = (verdict, began);
        outcome
    }

    #[test]
    fn the_whole_has_failed_where_one_has() {
        let status = |all: &[Outcome], wish| status_of_all(all, wish);
        let (good, bad) = (|| outcome(Some(0), true), || outcome(Some(7), true));
        assert_eq!(status(&[good(), good()], None), 0);
        assert_eq!(status(&[good(), bad(), good()], None), 1);
        assert_eq!(status(&[good(), outcome(None, false)], None), 1);
        // a command's own 125 is a failure as any other, a machine that does not start is vhart's
        assert_eq!(status(&[outcome(Some(OWN_FAILURE), true)], None), 1);
        assert_eq!(status(&[good(), outcome(Some(OWN_FAILURE), false)], None), OWN_FAILURE);
        assert_eq!(status(&[good()], Some(Wish::Limit)), 124);
        assert_eq!(status(&[good()], Some(Wish::Quit(Quit::Signal(2)))), 130);
    }
}
