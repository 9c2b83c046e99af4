//! The machine that runs the program, from power on to the program's end.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use board::{Machine, MachineConfig, MachineStopper, Plug};
use images::Mode;
use rustix::io::Errno;
use virtio::{PortConfig, PortLine};

use super::input;
use super::options::{HOME, Level, Options, Rootfs};
use super::program::Program;
use super::reports::Heard;
use super::session::{Orders, Session, Stage};
use super::verdict::{Known, Verdict};
use crate::cli::{Net, RunOptions};
use crate::debugger::Port;
use crate::digest::Digests;
use crate::ending::{Ending as Wish, Stopper};
use crate::explaining::Explainer;
use crate::linux::Bars;
use crate::linux::images::{self as software, Images, Own};
use crate::ports::{self, Outlet};
use crate::stats::Stats;
use crate::terminal::{self, OnQuit, Quit};
use crate::watchers::Watchers;
use crate::wire::{Order, Output, PORTS, Task};
use crate::{engine, errors, run, screen};

/// How long output that has left the machine may take to be written, where it ended before its program did.
const PATIENCE: Duration = Duration::from_secs(2);

/// Boots the machine and runs `program` in it.
///
/// # Errors
/// The images cannot be had, or the machine cannot be made.
pub fn run(options: &Options, program: Program, stopper: &Stopper, port: Port) -> Result<(Verdict, Heard)> {
    let own = Own { shares: !options.shares.is_empty(), ..Own::default() };
    let images = Images::of(&options.software, Mode::Interactive, own, &Bars::new())?;
    let root = match options.rootfs {
        Rootfs::Busybox => None,
        Rootfs::Debian => Some(software::debian_root(&options.software, &Bars::new())?),
    };
    let conversation = Conversation::open(options, task(options, program))?;
    let log = conversation.heard.log.clone();
    let digests = Digests::wanted(&options.machine);
    let console = digests.listen(log.console(options.dmesg.as_deref())?);
    let watchers = Watchers::wanted(&options.machine)?;
    let Conversation { plug, session, orders, news, outlets, heard, lost, carried } = conversation;
    let config = run::config_with(&run_options(options, &images, root), console, vec![plug])?;
    let explainer = Explainer::of(&options.machine, None)?;
    let config = MachineConfig {
        watching: watchers.watching(&explainer),
        show: explainer.show(),
        sampling: watchers.sampling(),
        ..config
    };
    let mut machine = Machine::new(config, &mut *engine::of(&options.machine))?;
    stopper.stops(machine.stopper());
    watchers.meet(&machine);
    terminal::watch_signals(on_quit(stopper, &session, &orders))?;
    let conductor = Conductor { news, outlets: outlets.clone(), machine: machine.stopper(), orders, carried };
    conductor.begin()?;
    let stats = options.machine.stats.then(|| Stats::begin(&machine));
    let debugger = port.lead_to(&machine, &watchers)?;
    let ending = machine.run();
    outlets.iter().for_each(|outlet| outlet.finish(PATIENCE));
    stats.iter().for_each(|stats| stats.print(&machine));
    watchers.report(&machine)?;
    let ending = ending?;
    if run::is_limit(&ending, stopper) {
        explainer.at_limit(&machine);
    }
    explainer.at_end(&machine)?;
    digests.print(&machine);
    let verdict = Verdict::judge(&Known {
        program: &options.program().to_string_lossy(),
        stage: &session.stage(),
        machine: &ending,
        wish: stopper.ending(),
        timeout: options.machine.timeout,
        log: &log,
        lost: lost.lock().unwrap_or_else(PoisonError::into_inner).clone(),
    });
    debugger.end(verdict.status);
    Ok((verdict, heard))
}

/// What the agent is to run.
fn task(options: &Options, program: Program) -> Task {
    let variable = |name: &str, value: &OsStr| [name.as_bytes(), b"=", value.as_bytes()].concat();
    let mut environment = vec![
        variable("PATH", OsStr::new("/bin:/sbin:/usr/bin:/usr/sbin:/usr/local/bin")),
        variable("HOME", OsStr::new(HOME)),
    ];
    environment.extend(std::env::var_os("TERM").map(|term| variable("TERM", &term)));
    environment.extend(options.variables.iter().map(|variable| variable.clone().into_vec()));
    Task {
        words: options.words.iter().map(|word| word.clone().into_vec()).collect(),
        environment,
        directory: options.directory().into_vec(),
        program: match program {
            Program::Machines => None,
            Program::Ours(content) => Some(content),
        },
        powers_off: options.machine.deterministic.is_some(),
        tells_cores: options.keep.is_some(),
    }
}

/// What `vhart run` would have to be told.
fn run_options(options: &Options, images: &Images, root: Option<PathBuf>) -> RunOptions {
    let mut run = images.machine(&options.machine);
    run.disks = options.disks.clone();
    run.shares = options.shares.clone();
    run.net = options.net.clone();
    run.forwards = options.forwards.clone();
    let level = match options.level {
        Level::Host => "here",
        Level::Guest => "guest",
    };
    let mut words = format!(" rdinit=/etc/vhart/exec.sh vhart.exec={level}");
    if matches!(options.net, Some(Net::User(_))) || !options.forwards.is_empty() {
        words.push_str(" vhart.net");
    }
    if root.is_some() {
        words.push_str(" vhart.rootfs=debian");
    }
    if options.keep.is_some() {
        words.push_str(" vhart.cores");
    }
    run.initrd_more = root.into_iter().collect();
    run.append.get_or_insert_default().push_str(&words);
    run
}

/// The ports' far ends.
struct Conversation {
    plug: Plug,
    session: Session,
    orders: Orders,
    news: Receiver<Stage>,
    outlets: [Outlet; 2],
    heard: Heard,
    /// Why output was lost, where it was.
    lost: Arc<Mutex<Option<String>>>,
    /// Where input goes that comes while the machine runs.
    carried: Option<PortLine>,
}

impl Conversation {
    fn open(options: &Options, task: Task) -> Result<Conversation> {
        let lines: [PortLine; PORTS.len()] = std::array::from_fn(|_| PortLine::new());
        let (session, (sender, news)) = (Session::default(), channel());
        let orders = Orders::over(lines[3].clone())?;
        let (heard, lost) = (Heard::wanted(options), Arc::default());
        let alike = options.machine.deterministic.is_some();
        let mut outs = Vec::new();
        for (output, line) in [(Output::Out, &lines[1]), (Output::Err, &lines[2])] {
            let write = writer(output, orders.clone(), heard.clone(), Arc::clone(&lost));
            outs.push(match alike {
                true => Outlet::at_once(write),
                false => Outlet::start("output", write, line.clone())?,
            });
        }
        let [(out, first), (err, second)] = <[_; 2]>::try_from(outs).ok().context("there are two outputs")?;
        let mut control = Order::Run(task).frame();
        let mut early = Vec::new();
        if alike {
            early = input::all()?;
            control.extend(Order::InputEnds(early.len() as u64).frame());
        }
        let carried = (!alike).then(|| lines[0].clone());
        let outs: [virtio::PortOut; PORTS.len()] =
            [Box::new(|bytes| bytes.len()), out, err, session.listen(sender, heard.clone())];
        let inputs = [early, Vec::new(), Vec::new(), control];
        let configs = (1..).zip(PORTS).zip(lines).zip(outs).zip(inputs);
        let config = |((((number, name), line), out), input)| PortConfig {
            input,
            ..PortConfig::channel(number, name, line, out)
        };
        let plug = ports::plug(configs.map(config).collect(), None);
        Ok(Conversation { plug, session, orders, news, outlets: [first, second], heard, lost, carried })
    }
}

/// What writes one of the program's outputs to this process's.
fn writer(output: Output, orders: Orders, heard: Heard, lost: Arc<Mutex<Option<String>>>) -> ports::Write {
    Box::new(move |bytes| {
        heard.hear(output, bytes);
        let (file, name) = match output {
            Output::Out => (rustix::stdio::stdout(), "standard output"),
            Output::Err => (rustix::stdio::stderr(), "standard error"),
        };
        let Err(error) = screen::write_all(file, bytes) else { return true };
        if error != Errno::PIPE {
            let why = errors::without_number(&std::io::Error::from(error).to_string());
            let mut lost = lost.lock().unwrap_or_else(PoisonError::into_inner);
            lost.get_or_insert(format!("cannot write to {name}: {why}"));
        }
        orders.give(&Order::Unwanted(output));
        false
    })
}

/// A signal is the program's while it runs, and ends the machine before and after.
fn on_quit(stopper: &Stopper, session: &Session, orders: &Orders) -> OnQuit {
    let (stopper, session, orders) = (stopper.clone(), session.clone(), orders.clone());
    Arc::new(move |quit| match (quit, session.stage()) {
        (Quit::Signal(number), Stage::Running) => orders.give(&Order::Signal(number)),
        _ => stopper.end(Wish::Quit(quit)),
    })
}

/// Who does what is to be done as a run goes on.
struct Conductor {
    news: Receiver<Stage>,
    outlets: [Outlet; 2],
    machine: MachineStopper,
    orders: Orders,
    carried: Option<PortLine>,
}

impl Conductor {
    fn begin(mut self) -> Result<()> {
        let conduct = move || {
            while let Ok(stage) = self.news.recv() {
                self.enter(&stage);
            }
        };
        std::thread::Builder::new().name("conductor".into()).spawn(conduct).context("no thread").map(drop)
    }

    fn enter(&mut self, stage: &Stage) {
        // In a run that is to be the same each time the machine powers off by itself.
        let alike = self.carried.is_none();
        match stage {
            Stage::Running => {
                let carry = |line| input::carry(line, self.orders.clone());
                if let Some(Err(error)) = self.carried.clone().map(carry) {
                    errors::tell(error);
                }
                return;
            }
            Stage::Ended(ended) => {
                for (outlet, total) in self.outlets.iter().zip(ended.written) {
                    // However slow the reader is.
                    outlet.wait_for(total, Duration::MAX);
                }
            }
            _ => {}
        }
        if !alike || *stage == Stage::Nonsense {
            self.machine.stop();
        }
    }
}
