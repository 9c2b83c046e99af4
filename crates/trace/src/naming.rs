//! Finding names while a trace is written: of functions and of processes.
//!
//! They are in the memory of each Linux as long as it runs ([`symbols::Kernel`]): a guest's is gone when the run is
//! over.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arch::{Mode, Privilege};
use events::{Event, Kinds, Look, Sink, Stamp};
use symbols::{Symbols, Whose};
use vcpu::TIMEBASE_HZ;

use crate::Recorder;
use crate::names::{self, Function, whose};

/// Addresses of one hart that are named.
const MOST_ADDRESSES: usize = 1 << 20;
/// Processes of one hart that are named.
const MOST_PROCESSES: usize = 1 << 16;
/// Instructions of a hart until a kernel is looked for the first time, and the factor by which it takes longer each
/// time.
const FIRST_LOOK: u64 = 20_000_000;
const LATER: u64 = 4;
/// Ticks between two times that names are written.
const WRITTEN_EVERY: u64 = TIMEBASE_HZ;
/// Addresses without a name that are the first reason to look for a kernel again: it has loaded modules.
const FIRST_MISSES: u64 = 16;

/// Who finds the names of what a trace has. Cloning shares it.
#[derive(Clone)]
pub struct Naming(Arc<Shared>);

struct Shared {
    recorder: Recorder,
    known: Mutex<Known>,
}

impl Naming {
    /// One for this trace.
    pub fn new(recorder: Recorder) -> Naming {
        Naming(Arc::new(Shared { recorder, known: Mutex::default() }))
    }

    /// Whoever watches a hart for it.
    pub fn of_next_hart(&self) -> Box<dyn Sink> {
        Box::new(HartNaming { shared: self.0.clone(), met: Met::default() })
    }

    /// Writes what was found; before [`Recorder::finish`].
    pub fn finish(&self) {
        self.0.write(&mut self.0.known());
    }
}

impl Shared {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the functions that were found since the last time.
    fn write(&self, known: &mut Known) {
        for functions in names::of_functions(&known.take_functions()) {
            self.recorder.chunk(&functions);
        }
    }
}

/// One hart's part.
struct HartNaming {
    shared: Arc<Shared>,
    met: Met,
}

impl Sink for HartNaming {
    fn wants(&self) -> Kinds {
        self.shared.recorder.filter().kinds()
    }

    fn event(&mut self, stamp: &Stamp, event: &Event, hart: &dyn Look) {
        if self.shared.recorder.filter().passes(stamp, event) {
            self.name_functions(stamp, event, hart);
            self.name_process(stamp, event, hart);
        }
        if *event == Event::End {
            self.shared.known().end(hart);
        }
    }
}

impl HartNaming {
    fn name_functions(&mut self, stamp: &Stamp, event: &Event, hart: &dyn Look) {
        let met = [(stamp.mode, stamp.pc)].into_iter().chain(match event {
            Event::Return { to, target } => Some((*to, target.0)),
            _ => None,
        });
        for (mode, address) in met {
            if let Some(address) = self.met.address(mode, stamp.vmid, address) {
                let mut known = self.shared.known();
                known.address(address, hart);
                if known.is_time_to_write(stamp.time) {
                    self.shared.write(&mut known);
                }
            }
        }
        if self.met.is_time_to_look(stamp) {
            self.shared.known().look(whose(stamp.mode, stamp.vmid), hart);
        }
    }

    fn name_process(&mut self, stamp: &Stamp, event: &Event, hart: &dyn Look) {
        let Some(process) = self.met.process(stamp, event) else { return };
        let Some(name) = self.shared.known().process(process, hart) else { return };
        self.met.processes.insert(process);
        if let Some(name) = name {
            self.shared.recorder.chunk(&names::of_process(process, &name));
        }
    }
}

/// What one hart has met.
#[derive(Default)]
struct Met {
    addresses: HashSet<(Whose, u64)>,
    processes: HashSet<(Whose, u16)>,
    /// When each kernel is looked for again, and how much later then.
    looks: BTreeMap<Whose, (u64, u64)>,
}

impl Met {
    /// Notes an address. Answers it if it is a kernel's and was not met before.
    fn address(&mut self, mode: Mode, vmid: u16, address: u64) -> Option<(Whose, u64)> {
        let address = (whose(mode, vmid), address);
        let is_one = mode.privilege == Privilege::Supervisor && self.addresses.len() < MOST_ADDRESSES;
        (is_one && self.addresses.insert(address)).then_some(address)
    }

    /// The process of an event, if its name is to be found out: it is in the registers as the process traps.
    fn process(&self, stamp: &Stamp, event: &Event) -> Option<(Whose, u16)> {
        let process = (whose(stamp.mode, stamp.vmid), stamp.asid);
        let is_one = stamp.mode.privilege == Privilege::User && matches!(event, Event::Trap(_));
        let is_new = || self.processes.len() < MOST_PROCESSES && !self.processes.contains(&process);
        (is_one && is_new()).then_some(process)
    }

    /// Whether it is time to look for the kernel of who runs.
    fn is_time_to_look(&mut self, stamp: &Stamp) -> bool {
        let first = (stamp.instret.saturating_add(FIRST_LOOK), FIRST_LOOK);
        let (next, wait) = self.looks.entry(whose(stamp.mode, stamp.vmid)).or_insert(first);
        let is_time = stamp.instret >= *next;
        if is_time {
            *wait = wait.saturating_mul(LATER);
            *next = stamp.instret.saturating_add(*wait);
        }
        is_time
    }
}

/// What all harts share.
#[derive(Default)]
struct Known {
    symbols: Symbols,
    /// Addresses that were met and have not been written.
    addresses: BTreeSet<(Whose, u64)>,
    /// First addresses of functions that have.
    written: BTreeSet<(Whose, u64)>,
    write_at: u64,
    nameless: BTreeMap<Whose, Nameless>,
    processes: BTreeSet<(Whose, u16)>,
}

/// How many addresses had no name since a kernel was looked for, and how many are one reason to do it again.
struct Nameless {
    count: u64,
    enough: u64,
}

impl Default for Nameless {
    fn default() -> Nameless {
        Nameless { count: 0, enough: FIRST_MISSES }
    }
}

impl Known {
    /// Looks for the kernel of who runs.
    fn look(&mut self, of: Whose, hart: &dyn Look) {
        // there are no files that could not fit
        self.symbols.learn_one(hart, of);
    }

    /// Notes an address. Enough without a name are a reason to look again.
    fn address(&mut self, (of, address): (Whose, u64), hart: &dyn Look) {
        self.addresses.insert((of, address));
        if self.symbols.kernel(of).is_none() || self.symbols.function(of, address).is_some() {
            return;
        }
        let nameless = self.nameless.entry(of).or_default();
        nameless.count += 1;
        if nameless.count >= nameless.enough {
            *nameless = Nameless { count: 0, enough: nameless.enough.saturating_mul(2) };
            self.look(of, hart);
        }
    }

    /// The name of the process that runs, if nobody knows it yet. `None`: it cannot be found out.
    fn process(&mut self, process: (Whose, u16), hart: &dyn Look) -> Option<Option<String>> {
        if self.processes.contains(&process) {
            return Some(None);
        }
        let name = self.symbols.task(hart)?.to_string();
        self.processes.insert(process);
        Some(Some(name))
    }

    /// A hart stands at its end: what a short run did not come to is done now.
    fn end(&mut self, hart: &dyn Look) {
        if self.symbols.kernel(Whose::Host).is_none() {
            self.look(Whose::Host, hart);
        }
    }

    fn is_time_to_write(&mut self, now: u64) -> bool {
        let is_time = now >= self.write_at;
        if is_time {
            self.write_at = now.saturating_add(WRITTEN_EVERY);
        }
        is_time
    }

    /// Functions that addresses are in and that were not taken before.
    fn take_functions(&mut self) -> BTreeMap<(Whose, u64), Function> {
        let Known { symbols, addresses, written, .. } = self;
        let mut functions = BTreeMap::new();
        addresses.retain(|&(of, address)| {
            let Some((range, found)) = symbols.function(of, address) else { return true };
            if written.insert((of, range.start)) {
                let module = found.module.unwrap_or_default().to_owned();
                functions.insert((of, range.start), (range.end - range.start, found.name.to_owned(), module));
            }
            false
        });
        functions
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Functions;
    use symbols::fuzzing::{Layout, MODULE, Memory, START, image, names};

    #[test]
    fn functions_and_processes_are_found_once() {
        let bytes = image(&names(50), Layout::Behind);
        let memory = Memory { bytes: &bytes, repeats: false };
        let (mut known, mut met) = (Known::default(), Met::default());
        for (mode, pc) in [(Mode::HS, START + 0x1814), (Mode::HS, MODULE + 0x24), (Mode::U, 0x1000)] {
            met.address(mode, 3, pc).into_iter().for_each(|address| known.address(address, &memory));
        }
        assert_eq!(met.address(Mode::HS, 3, START + 0x1814), None, "it is known");
        assert!(known.take_functions().is_empty(), "nobody has looked");
        known.end(&memory);
        let chunks = names::of_functions(&known.take_functions());
        assert!(known.take_functions().is_empty(), "they are written");
        let mut read = Functions::default();
        chunks.iter().for_each(|chunk| read.read(&chunk[1..]).unwrap());
        let mut symbols = Symbols::default();
        read.add_to(&mut symbols);
        let name = |address| symbols.name(Mode::HS, 0, address).map(|name| name.to_string());
        assert_eq!(name(START + 0x1818).as_deref(), Some("function_1+0x8"));
        assert_eq!(name(MODULE + 0x20).as_deref(), Some("kvm_entry [kvm]"));
        assert_eq!(name(START + 0x1820), None, "nobody was there");
        let process = (Whose::Host, 9);
        assert_eq!(known.process(process, &memory), Some(Some("busybox[43/42]".into())));
        assert_eq!(known.process(process, &memory), Some(None), "it is known");
    }
}
