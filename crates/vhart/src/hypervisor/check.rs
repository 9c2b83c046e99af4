//! `vhart hypervisor --check`: from power on to power off with nobody at the console.

use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Result, anyhow};
use board::{Ending, Machine};
use devices::ConsoleOut;
use vcpu::SystemEvent;

use super::Options;
use super::prepared::{Prepared, guests};
use super::watch::{Row, Watch};
use crate::debugger::Port;
use crate::ending::Stopper;
use crate::linux::early;
use crate::onlookers::Onlookers;
use crate::run;
use crate::screen::Screen;
use crate::{errors, terminal};

/// How long a run may take where the user sets no limit.
const TIMEOUT: Duration = Duration::from_secs(15 * 60);

const HEADING: &str = "phase                        s   instructions    MIPS";

/// Boots, and follows the phases.
///
/// # Errors
/// One that names the phase that did not arrive, with the console's last lines.
pub fn run(options: &Options, prepared: &Prepared, stopper: &Stopper, port: Port) -> Result<ExitCode> {
    let watch = Arc::new(Mutex::new(Watch::new(&guests(options), prepared.nonce())));
    errors::print(format!("{HEADING}\n"))?;
    let ending = boot(options, prepared, stopper, port, &watch)?;
    let mut watch = lock(&watch);
    match (watch.missing(), &ending) {
        (None, Ending::Event(SystemEvent::Shutdown)) => {
            let last = watch.row("off".to_owned());
            let statistics: String = watch.statistics().iter().map(|line| format!("{line}\n")).collect();
            errors::print(format!("{last}\n{statistics}passed: every phase in {:.1} s\n", last.seconds))?;
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            let limit = options.machine.timeout.unwrap_or(TIMEOUT);
            let early = early("the hypervisor", &ending, stopper.ending(), limit);
            Err(complaint(&watch, early))
        }
    }
}

fn boot(
    options: &Options,
    prepared: &Prepared,
    stopper: &Stopper,
    port: Port,
    watch: &Arc<Mutex<Watch>>,
) -> Result<Ending> {
    let onlookers = Onlookers::wanted(&options.machine, None)?;
    let console = onlookers.listen(console(options, watch));
    let mut config = onlookers.join(run::config(&prepared.run_options(options), console)?);
    config.timeout = options.machine.timeout.is_none().then_some(TIMEOUT);
    let mut engine = crate::engine::of(&options.machine);
    let mut machine = Machine::new(config, &mut *engine)?;
    machine.warnings().iter().for_each(errors::tell);
    stopper.stops(machine.stopper());
    onlookers.watchers.meet(&machine);
    terminal::watch_signals(stopper.on_quit(), None)?;
    lock(watch).start(machine.retired());
    let debugger = port.lead_to(&machine, &onlookers.watchers)?;
    onlookers.run(&mut machine, stopper, |ending| debugger.end(run::unless_off(ending)))
}

/// Takes what the console shows, and shows it where the user wants to see it.
fn console(options: &Options, watch: &Arc<Mutex<Watch>>) -> ConsoleOut {
    let watch = watch.clone();
    let mut screen = options.verbose.then(|| Screen::of(rustix::stdio::stderr(), "standard error"));
    Box::new(move |bytes| {
        screen.iter_mut().for_each(|screen| screen.show(bytes));
        let rows = lock(&watch).feed(bytes);
        rows.iter().for_each(show);
    })
}

/// The run goes on where its table cannot be written; its end says so.
fn show(row: &Row) {
    let _ = errors::print(format!("{row}\n"));
}

fn lock(watch: &Mutex<Watch>) -> MutexGuard<'_, Watch> {
    watch.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a failed run says that ended early for this reason, if it did.
fn complaint(watch: &Watch, early: Option<String>) -> anyhow::Error {
    let why = watch.failure().map(str::to_owned).or(early).unwrap_or_else(|| "the machine powered off".to_owned());
    let missing = watch.missing().unwrap_or("off");
    let console: String = watch.last_lines().iter().map(|line| format!("\n  {line}")).collect();
    anyhow!("'{missing}' did not arrive: {why}\nlast lines of the console:{console}")
}
