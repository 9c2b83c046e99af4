//! What becomes of a guest's traps: from the access through the host's handler to where the guest goes on.
//!
//! Of each hart the last exception that left its virtual machine is followed until the re-entry. Which functions of the
//! host handle it is seen on their stacks, wherever the host does something on the way that is told of anyway.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arch::Mode;
use events::{Event, Kind, Kinds, Look, Sink, Stamp, Taken};
use explain::{Explanation, Hex, Link};
use symbols::{Frames, Symbols, backtrace};
use vcpu::TICK_NANOS;

/// What is looked at on the way.
const WANTED: Kinds =
    Kinds::of(&[Kind::Trap, Kind::Return, Kind::Sbi, Kind::Fence, Kind::Mmio, Kind::Csr, Kind::Walk, Kind::Timer]);
/// Looks at the stack in one exit.
const MOST_LOOKS: usize = 64;
/// Callers that are looked at.
const DEEPEST: usize = 32;
/// Functions that are shown.
const MOST_FUNCTIONS: usize = 12;

/// The last chain of each hart. Cloning shares them.
#[derive(Clone, Default)]
pub struct Chains(Arc<Mutex<Vec<Arc<Mutex<Followed>>>>>);

/// One hart's.
#[derive(Default)]
struct Followed {
    open: Option<Chain>,
    last: Option<Chain>,
}

/// One exit.
#[derive(Clone)]
struct Chain {
    exit: Stamp,
    taken: Taken,
    looks: Vec<Frames>,
    /// When the VMM had its turn first.
    user: Option<Stamp>,
    entry: Option<(Stamp, u64)>,
}

struct Follower(Arc<Mutex<Followed>>);

impl Chains {
    /// Whoever watches the next hart for them.
    pub fn of_next_hart(&self) -> Box<dyn Sink> {
        let followed = Arc::<Mutex<Followed>>::default();
        locked(&self.0).push(followed.clone());
        Box::new(Follower(followed))
    }

    /// Adds the chain of the fault that is explained, if it was the last.
    pub fn complete(&self, explanation: &mut Explanation, symbols: &Symbols) {
        let followed = locked(&self.0).get(explanation.hart as usize).cloned();
        let Some(followed) = followed else { return };
        let followed = locked(&followed);
        let mut chains = followed.open.iter().chain(&followed.last);
        let pc = explanation.instruction.as_ref().map(|instruction| instruction.pc.0);
        let taken = explanation.trap.as_ref().filter(|trap| trap.taken && trap.to == Mode::HS.name());
        let is_it =
            |chain: &&Chain| pc == Some(chain.exit.pc) && taken.is_some_and(|trap| trap.cause == chain.taken.cause);
        if let Some(chain) = chains.find(is_it) {
            explanation.chain = chain.links(symbols, explanation.trap.as_ref().map_or(0, |trap| trap.handler.0));
        }
    }
}

impl Sink for Follower {
    fn wants(&self) -> Kinds {
        WANTED
    }

    fn event(&mut self, stamp: &Stamp, event: &Event, hart: &dyn Look) {
        let mut followed = locked(&self.0);
        match event {
            Event::Trap(taken) if stamp.mode.virt && !taken.to.virt => followed.begin(stamp, taken),
            Event::Return { to, target } if to.virt && !stamp.mode.virt => followed.end(stamp, target.0),
            Event::Return { to: Mode::U, .. } => {
                if let Some(chain) = &mut followed.open {
                    chain.user.get_or_insert(*stamp);
                }
            }
            _ if stamp.mode == Mode::HS => followed.look(stamp, hart),
            _ => {}
        }
    }
}

impl Followed {
    fn begin(&mut self, stamp: &Stamp, taken: &Taken) {
        let is_fault = taken.exception().is_some_and(|cause| !matches!(cause, arch::Exception::EcallFromVS));
        self.open = is_fault.then(|| Chain { exit: *stamp, taken: *taken, looks: Vec::new(), user: None, entry: None });
    }

    fn look(&mut self, stamp: &Stamp, hart: &dyn Look) {
        if let Some(chain) = self.open.as_mut().filter(|chain| chain.user.is_none() && chain.looks.len() < MOST_LOOKS) {
            chain.looks.push(backtrace(hart, stamp.pc, DEEPEST));
        }
    }

    fn end(&mut self, stamp: &Stamp, target: u64) {
        if let Some(chain) = self.open.take() {
            self.last = Some(Chain { entry: Some((*stamp, target)), ..chain });
        }
    }
}

impl Chain {
    fn links(&self, symbols: &Symbols, handler: u64) -> Vec<Link> {
        let Stamp { mode: guest, vmid, pc, .. } = self.exit;
        let name = |mode, address| symbols.name(mode, vmid, address).map(|name| name.to_string());
        let link = |step, mode: Mode, pc: Option<u64>, symbols: Vec<String>, at: &Stamp| Link {
            step,
            mode: mode.name(),
            pc: pc.map(Hex),
            symbols,
            instructions: at.instret.saturating_sub(self.exit.instret),
            nanoseconds: at.time.saturating_sub(self.exit.time).saturating_mul(TICK_NANOS),
        };
        let named = |mode, address| name(mode, address).into_iter().collect::<Vec<_>>();
        let mut links = vec![
            link("access", guest, Some(pc), named(guest, pc), &self.exit),
            link("exit", Mode::HS, Some(handler), named(Mode::HS, handler), &self.exit),
        ];
        let functions = self.functions(symbols, handler);
        if !functions.is_empty() {
            links.push(link("handler", Mode::HS, None, functions, &self.exit));
        }
        links.extend(self.user.as_ref().map(|at| link("user", Mode::U, None, Vec::new(), at)));
        links.extend(
            self.entry.as_ref().map(|(at, target)| link("re-entry", guest, Some(*target), named(guest, *target), at)),
        );
        links
    }

    /// Functions of the host that were seen on stacks, the outermost first: those of the handler's module, if it is in
    /// one.
    fn functions(&self, symbols: &Symbols, handler: u64) -> Vec<String> {
        let found = |address| symbols.name(Mode::HS, 0, address).map(|name| name.0);
        let module = found(handler).and_then(|found| found.module);
        let same = |a, b| found(a).map(|found| found.name) == found(b).map(|found| found.name);
        let mut functions: Vec<String> = Vec::new();
        for frames in &self.looks {
            for found in frames.addresses(same).into_iter().rev().filter_map(found) {
                let name = found.name.to_owned();
                if (module.is_none() || found.module == module) && !functions.contains(&name) {
                    functions.push(name);
                }
            }
        }
        functions.truncate(MOST_FUNCTIONS);
        if let (Some(module), Some(last)) = (module, functions.last_mut()) {
            last.push_str(&format!(" [{module}]"));
        }
        functions
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
