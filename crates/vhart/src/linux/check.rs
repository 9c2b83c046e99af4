//! `vhart linux --check`: from power on to power off with nobody at the console.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Result, anyhow};
use board::{Ending, Machine};
use devices::ConsoleOut;
use images::{Firmware, Logins, Phase};
use vcpu::SystemEvent;

use super::images::{Images, firmware_name};
use super::lines::Lines;
use super::record::{Arrival, Record};
use super::report::{self, ByName, HEADING, Report};
use super::{Options, Rootfs};
use crate::debugger::Port;
use crate::ending::{Ending as Wish, Stopper};
use crate::errors;
use crate::kvm_check::MARK;
use crate::onlookers::Onlookers;
use crate::run;
use crate::screen::Screen;
use crate::terminal::{self, Quit};

/// How long a run may take where the user sets no limit: ten times what it takes on a slow computer.
const TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// Boots the images and follows the phases.
///
/// # Errors
/// One that names the phase that did not arrive, with the console's last lines.
pub fn run(options: &Options, images: &Images, stopper: &Stopper, port: Port) -> Result<ExitCode> {
    let table = Table::beside(options.json.as_deref());
    table.show(HEADING)?;
    let logins = match options.rootfs {
        Rootfs::Busybox => Logins::None,
        Rootfs::Debian => Logins::Shown,
    };
    let check = Check { record: Arc::new(Mutex::new(Record::new(images.nonce(), logins))), table };
    let ended = check.boot(options, images, stopper, port)?;
    let report = check.report(options, images, ended);
    if let Some(file) = &options.json {
        errors::write_file("report", file, (serde_json::to_string_pretty(&report)? + "\n").as_bytes())?;
    }
    match report.passed {
        true => table.show(&report::summary(lock(&check.record).arrivals()))?,
        false => return Err(complaint(&report)),
    }
    Ok(ExitCode::SUCCESS)
}

/// One run. Cloning shares it.
#[derive(Clone)]
struct Check {
    record: Arc<Mutex<Record>>,
    table: Table,
}

/// Where the table of phases is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    /// On standard output.
    Output,
    /// On standard error, where the report has standard output for itself.
    Error,
}

impl Table {
    /// Beside a report that goes to `json`.
    fn beside(json: Option<&Path>) -> Table {
        match json {
            Some(file) if file.as_os_str() == errors::STANDARD_OUTPUT => Table::Error,
            _ => Table::Output,
        }
    }

    /// Shows a line at once, so that a log shows where a run stands.
    fn show(self, line: &str) -> Result<()> {
        match self {
            Table::Output => errors::print(format!("{line}\n")),
            Table::Error => {
                // Whoever closed standard error does not want it.
                let _ = writeln!(std::io::stderr().lock(), "{line}");
                Ok(())
            }
        }
    }
}

/// How a run ended.
struct Ended {
    /// Why it ended early, if it did.
    early: Option<String>,
    /// What the engine did, where the user asked for it.
    statistics: Option<Vec<ByName>>,
}

impl Check {
    /// Boots, and follows the run to its end.
    fn boot(&self, options: &Options, images: &Images, stopper: &Stopper, port: Port) -> Result<Ended> {
        let onlookers = Onlookers::wanted(&options.machine, None)?;
        let console = onlookers.listen(self.console(options));
        let mut config = onlookers.join(crate::run::config(&images.run_options(options), console)?);
        config.timeout = options.machine.timeout.is_none().then_some(TIMEOUT);
        let mut engine = crate::engine::of(&options.machine);
        let mut machine = Machine::new(config, &mut *engine)?;
        machine.warnings().iter().for_each(errors::tell);
        stopper.stops(machine.stopper());
        onlookers.watchers.meet(&machine);
        terminal::watch_signals(stopper.on_quit(), None)?;
        lock(&self.record).start(machine.retired());
        if options.software.firmware == Firmware::BuiltIn {
            self.follow(|record| record.reach(Phase::Firmware));
        }
        let debugger = port.lead_to(&machine, &onlookers.watchers)?;
        let ending = onlookers.run(&mut machine, stopper, |ending| debugger.end(run::unless_off(ending)))?;
        if matches!(ending, Ending::Event(SystemEvent::Shutdown)) {
            self.follow(|record| record.reach(Phase::HostOff));
        }
        let statistics = options.machine.stats.then(|| machine.statistics().iter().map(report::by_name).collect());
        let limit = options.machine.timeout.unwrap_or(TIMEOUT);
        Ok(Ended { early: early("the host", &ending, stopper.ending(), limit), statistics })
    }

    /// Takes what the console shows, and shows it where the user wants to see it.
    fn console(&self, options: &Options) -> ConsoleOut {
        let check = self.clone();
        let mut screen = options.verbose.then(|| Screen::of(rustix::stdio::stderr(), "standard error"));
        let mut lines = Lines::default();
        Box::new(move |bytes| {
            screen.iter_mut().for_each(|screen| screen.show(bytes));
            // The run goes on where a line cannot be written; its end says so.
            lines.feed(bytes, |line| drop(line.strip_prefix(MARK).map(|line| check.table.show(line))));
            check.follow(|record| record.console(bytes));
        })
    }

    /// Lets `what` happen to the record, and prints the phases that arrive by it.
    fn follow(&self, what: impl FnOnce(&mut Record) -> Vec<Arrival>) {
        let mut record = lock(&self.record);
        let new = what(&mut record).len();
        let rows = report::rows(record.arrivals());
        for row in &rows[rows.len().saturating_sub(new)..] {
            // The run goes on where its table cannot be written; its end says so.
            let _ = self.table.show(&row.to_string());
        }
    }

    fn report(&self, options: &Options, images: &Images, ended: Ended) -> Report {
        let record = lock(&self.record);
        let missing = record.awaited();
        Report {
            passed: missing.is_none(),
            missing: missing.map(Phase::name),
            reason: missing.and(record.failure().map(str::to_owned).or(ended.early)),
            kernel: images.kernel_release().map(str::to_owned),
            firmware: firmware_name(&options.software.firmware),
            harts: options.machine.harts,
            memory_bytes: options.machine.memory,
            phases: report::rows(record.arrivals()),
            statistics: ended.statistics,
            console: missing.map_or_else(Vec::new, |_| record.last_lines()),
        }
    }
}

/// Why a run of `who` that ended so, at somebody's wish where there is one, ended early; none for a power-off.
pub fn early(who: &str, ending: &Ending, wish: Option<Wish>, limit: Duration) -> Option<String> {
    let too_long = || format!("it took longer than {limit:?} (see --timeout)");
    match ending {
        Ending::Event(SystemEvent::Shutdown) => None,
        Ending::Event(SystemEvent::Reset(kind)) => Some(format!("{who} asked for {}", run::reset_name(*kind))),
        Ending::Event(SystemEvent::SystemFailure) => Some(format!("{who}'s system has failed")),
        Ending::Event(SystemEvent::Fail(code)) => Some(format!("{who} reported failure {code}")),
        Ending::Paused | Ending::Stopped => Some(match wish {
            Some(Wish::Limit) => too_long(),
            Some(Wish::Quit(Quit::Signal(number))) => format!("signal {number} stopped it"),
            _ => "it was stopped".to_owned(),
        }),
        Ending::TimedOut => Some(too_long()),
        Ending::OutOfInstructions => Some("its instructions were used up (see --max-instructions)".to_owned()),
        Ending::Halted { hart, reason } => {
            let why = reason.as_deref().unwrap_or("its engine does not say why");
            Some(format!("hart {hart} cannot go on: {why}"))
        }
        Ending::ToHost(value) => Some(format!("{who} wrote {value:#x} to tohost")),
    }
}

fn lock(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a failed run says.
fn complaint(report: &Report) -> anyhow::Error {
    let missing = report.missing.unwrap_or("end");
    let reason = report.reason.as_deref().unwrap_or("the machine powered off");
    let console: String = report.console.iter().map(|line| format!("\n  {line}")).collect();
    anyhow!("'{missing}' did not arrive: {reason}\nlast lines of the console:{console}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_on_standard_output_has_it_for_itself() {
        assert_eq!(Table::beside(Some(Path::new("-"))), Table::Error);
        assert_eq!(Table::beside(Some(Path::new("a.json"))), Table::Output);
        assert_eq!(Table::beside(None), Table::Output);
    }

    #[test]
    fn the_limit_that_ended_a_run_is_named() {
        let limit = Duration::from_secs(90);
        let why = |ending, wish| early("the host", &ending, wish, limit).unwrap();
        assert_eq!(why(Ending::TimedOut, None), "it took longer than 90s (see --timeout)");
        assert_eq!(why(Ending::Stopped, Some(Wish::Limit)), "it took longer than 90s (see --timeout)");
        assert_eq!(why(Ending::OutOfInstructions, None), "its instructions were used up (see --max-instructions)");
    }

    #[test]
    fn complaint_names_the_phase_and_shows_the_console() {
        let report = Report {
            passed: false,
            missing: Some("guest init"),
            reason: Some("time is up".to_owned()),
            kernel: None,
            firmware: "builtin".to_owned(),
            harts: 1,
            memory_bytes: 0,
            phases: Vec::new(),
            statistics: None,
            console: vec!["Oops".to_owned()],
        };
        let text = complaint(&report).to_string();
        assert_eq!(text, "'guest init' did not arrive: time is up\nlast lines of the console:\n  Oops");
    }
}
