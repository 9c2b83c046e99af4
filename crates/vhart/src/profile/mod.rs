//! `--profile`: which functions of which world the instructions go to, by samples.
//!
//! Every so many instructions of a hart it is looked at: world, process, and for kernels who called whom, by frame
//! pointers. Time of the host decides nothing; what `--deterministic` runs is sampled at the same instructions each
//! time. Names are found when the run is over; a guest's kernel is found while it runs.

mod flame;
mod folded;
mod table;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use arch::{Mode, Privilege};
use board::{Machine, Sampling, Show, Sight};
use events::Look;
use serde::Serialize;
use symbols::{Frames, Symbols, Whose, backtrace};

use crate::cli::MachineOptions;
use crate::{errors, explaining};

/// Callers that are noted.
const DEEPEST: usize = 48;
/// Different stacks that are noted; of further ones the function alone is.
const MOST_STACKS: usize = 1 << 18;
/// Version of the JSON.
const SCHEMA: u32 = 1;

/// The samples of a run. Cloning shares them.
#[derive(Clone)]
pub struct Profile(Arc<Shared>);

struct Shared {
    every: u64,
    file: Option<PathBuf>,
    samples: Mutex<Samples>,
}

/// Where a sample was taken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Site {
    mode: ModeName,
    vmid: u16,
    process: Option<String>,
    frames: Option<Frames>,
}

/// A mode, in an order.
type ModeName = (bool, Privilege);

#[derive(Default)]
struct Samples {
    counts: BTreeMap<Site, u64>,
    symbols: Symbols,
    /// Of each world's kernel: samples since it was looked for, and after how many it will be again.
    looked: BTreeMap<Whose, (u64, u64)>,
    /// Samples of each that had no name since it was looked for, and how many are a reason to look again.
    missed: BTreeMap<Whose, (u64, u64)>,
}

impl Profile {
    /// One that samples as the options say, with these symbols to begin with.
    ///
    /// # Errors
    /// A file has no symbols, or cannot be written.
    pub fn of(options: &MachineOptions) -> Result<Option<Profile>> {
        let Some(file) = options.profile.profile.clone() else { return Ok(None) };
        file.iter().try_for_each(|file| errors::check_file("profile", file))?;
        let symbols = explaining::files(&options.explain.symbols)?;
        let samples = Mutex::new(Samples { symbols, ..Samples::default() });
        Ok(Some(Profile(Arc::new(Shared { every: options.profile.every(), file, samples }))))
    }

    /// What the board is to do for it.
    pub fn sampling(&self) -> Sampling {
        let profile = self.clone();
        let see: Show = Box::new(move |sight| locked(&profile.0.samples).take(&sight));
        Sampling::new(self.0.every, see)
    }

    /// The run is over: shows the table, and writes the file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn report(&self, machine: &Machine) -> Result<()> {
        let mut samples = locked(&self.0.samples);
        // modules may have come since
        machine.show(|sight| {
            samples.symbols.learn_one(&sight.hart.standing(sight.ram), Whose::Host);
        });
        let report = samples.report(self.0.every);
        match &self.0.file {
            None => errors::tell(table::of(&report).trim_end()),
            Some(file) => errors::write_file("profile", file, &written(&report, file)?)?,
        }
        Ok(())
    }
}

/// What goes into a file of this name.
fn written(report: &Report, file: &Path) -> Result<Vec<u8>> {
    Ok(match file.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => flame::svg(report).into_bytes(),
        Some("json") => (serde_json::to_string_pretty(report)? + "\n").into_bytes(),
        _ => folded::of(report).into_bytes(),
    })
}

impl Samples {
    fn take(&mut self, sight: &Sight) {
        let hart = sight.hart.standing(sight.ram);
        let mode = hart.mode();
        let vmid = if mode.virt { hart.vmid() } else { 0 };
        self.look_for(&hart, if mode.virt { Whose::Guest(vmid) } else { Whose::Host });
        let is_kernel = mode.privilege != Privilege::User;
        if mode.privilege == Privilege::Supervisor {
            self.miss(&hart, vmid, sight.hart.pc);
        }
        let frames = is_kernel.then(|| {
            let depth = if self.counts.len() < MOST_STACKS && mode != Mode::M { DEEPEST } else { 0 };
            backtrace(&hart, sight.hart.pc, depth)
        });
        let process = self.symbols.task(&hart).map(|task| task.name);
        let place = Site { mode: (mode.virt, mode.privilege), vmid, process, frames };
        *self.counts.entry(place).or_default() += 1;
    }

    /// Looks for a kernel, now and then: it may not have mapped itself yet, and loads modules later.
    fn look_for(&mut self, hart: &dyn Look, whose: Whose) {
        let (since, wait) = self.looked.entry(whose).or_insert((0, 8));
        *since += 1;
        if *since >= *wait && self.symbols.kernel(whose).is_none() {
            (*since, *wait) = (0, wait.saturating_mul(4));
            // files are of the explanations' concern
            self.symbols.learn_one(hart, whose);
        }
    }

    /// Looks again when functions had no name: modules have come.
    fn miss(&mut self, hart: &dyn Look, vmid: u16, pc: u64) {
        let whose = if hart.mode().virt { Whose::Guest(vmid) } else { Whose::Host };
        if self.symbols.kernel(whose).is_none() || self.symbols.name(hart.mode(), vmid, pc).is_some() {
            return;
        }
        let (misses, enough) = self.missed.entry(whose).or_insert((0, 2));
        *misses += 1;
        if *misses >= *enough {
            (*misses, *enough) = (0, enough.saturating_mul(2));
            self.symbols.learn_one(hart, whose);
        }
    }

    fn report(&self, every: u64) -> Report {
        let mut worlds: BTreeMap<(ModeName, u16), World> = BTreeMap::new();
        for (place, &count) in &self.counts {
            let mode = Mode { privilege: place.mode.1, virt: place.mode.0 };
            let world = worlds.entry((place.mode, place.vmid)).or_insert_with(|| World::new(mode, place.vmid));
            world.add(self.stack(mode, place), count);
        }
        let mut worlds: Vec<World> = worlds.into_values().collect();
        worlds.iter_mut().for_each(World::finish);
        worlds.sort_by(|a, b| b.samples.cmp(&a.samples).then(a.name.cmp(b.name)));
        Report { schema: SCHEMA, every, samples: worlds.iter().map(|world| world.samples).sum(), worlds }
    }

    /// A sample's functions, the outermost first.
    fn stack(&self, mode: Mode, place: &Site) -> Stack {
        let named = |address| self.symbols.name(mode, place.vmid, address);
        let process = place.process.clone();
        let Some(frames) = &place.frames else { return Stack { process, frames: Vec::new(), samples: 0 } };
        let function = |address| named(address).map(|name| address - name.0.offset);
        let same = |a, b| function(a).is_some() && function(a) == function(b);
        let name = |address| match named(address) {
            Some(name) => match name.0.module {
                Some(module) => format!("{} [{module}]", name.0.name),
                None => name.0.name.to_owned(),
            },
            None => "unknown".to_owned(),
        };
        // what has no name on the way is no caller: the stack has ended
        let mut addresses = frames.addresses(same).into_iter();
        let first = addresses.next().map(name);
        let callers = addresses.take_while(|&address| named(address).is_some()).map(name);
        let mut stack: Vec<String> = first.into_iter().chain(callers).collect();
        stack.reverse();
        Stack { process, frames: stack, samples: 0 }
    }
}

/// What came of it.
#[derive(Serialize)]
struct Report {
    schema: u32,
    /// Instructions between two samples of a hart.
    every: u64,
    samples: u64,
    worlds: Vec<World>,
}

/// A world, or one guest's.
#[derive(Serialize)]
struct World {
    /// M, HS, U, VS or VU.
    name: &'static str,
    vmid: Option<u16>,
    samples: u64,
    /// Samples with a caller: by frame pointers.
    with_callers: u64,
    functions: Vec<Function>,
    stacks: Vec<Stack>,
}

#[derive(Serialize)]
struct Function {
    name: String,
    /// Samples in it.
    own: u64,
    /// Samples in it and in what it calls.
    total: u64,
}

#[derive(Serialize)]
struct Stack {
    process: Option<String>,
    /// The outermost first.
    frames: Vec<String>,
    samples: u64,
}

impl World {
    fn new(mode: Mode, vmid: u16) -> World {
        let vmid = mode.virt.then_some(vmid);
        World { name: mode.name(), vmid, samples: 0, with_callers: 0, functions: Vec::new(), stacks: Vec::new() }
    }

    fn add(&mut self, stack: Stack, samples: u64) {
        self.samples += samples;
        self.with_callers += if stack.frames.len() > 1 { samples } else { 0 };
        self.stacks.push(Stack { samples, ..stack });
    }

    /// Puts equal stacks together, and counts functions, the most first.
    fn finish(&mut self) {
        let mut stacks: BTreeMap<(Option<String>, Vec<String>), u64> = BTreeMap::new();
        for stack in self.stacks.drain(..) {
            *stacks.entry((stack.process, stack.frames)).or_default() += stack.samples;
        }
        self.stacks =
            stacks.into_iter().map(|((process, frames), samples)| Stack { process, frames, samples }).collect();
        self.functions = functions(&self.stacks);
        self.functions.sort_by(|a, b| b.own.cmp(&a.own).then(b.total.cmp(&a.total)).then(a.name.cmp(&b.name)));
    }

    /// What it is called.
    fn title(&self) -> String {
        match self.vmid {
            Some(vmid) => format!("{} of VMID {vmid}", self.name),
            None => self.name.to_owned(),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often each function was on a stack, and at its end.
fn functions(stacks: &[Stack]) -> Vec<Function> {
    let mut functions: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for Stack { process, frames, samples } in stacks {
        let of_user = frames.is_empty().then(|| process.clone().unwrap_or_else(|| "unknown".into()));
        let names: Vec<&String> = frames.iter().chain(&of_user).collect();
        let last = names.len() - 1;
        for (at, name) in names.iter().enumerate() {
            let is_first = !names[..at].contains(name);
            let (own, total) = functions.entry((*name).clone()).or_default();
            *own += if at == last { *samples } else { 0 };
            *total += if is_first { *samples } else { 0 };
        }
    }
    functions.into_iter().map(|(name, (own, total))| Function { name, own, total }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn report() -> Report {
        let mut host = World::new(Mode::HS, 0);
        let stack = |frames: &[&str]| Stack {
            process: Some("init".into()),
            frames: frames.iter().map(|&name| name.to_owned()).collect(),
            samples: 0,
        };
        host.add(stack(&["entry", "read", "copy"]), 6);
        host.add(stack(&["entry", "read"]), 3);
        host.add(stack(&["idle<&>"]), 1);
        let mut user = World::new(Mode::VU, 7);
        user.add(stack(&[]), 2);
        let mut worlds = vec![host, user];
        worlds.iter_mut().for_each(World::finish);
        Report { schema: SCHEMA, every: 1000, samples: 12, worlds }
    }

    #[test]
    fn functions_have_their_own_samples_and_those_of_what_they_call() {
        let report = report();
        let function = |name: &str| report.worlds[0].functions.iter().find(|function| function.name == name).unwrap();
        assert_eq!((function("read").own, function("read").total), (3, 9));
        assert_eq!((function("entry").own, function("entry").total), (0, 9));
        assert_eq!(report.worlds[0].functions[0].name, "copy");
        assert_eq!(report.worlds[1].functions[0].name, "init");
        assert_eq!((report.worlds[0].with_callers, report.worlds[0].samples), (9, 10));
    }
}
