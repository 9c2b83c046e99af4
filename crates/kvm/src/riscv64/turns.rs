//! Who of a machine's harts executes: all at once, or one alone while a debugger has it take a step.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::kick::Runner;

/// A machine's harts, as far as they execute.
#[derive(Default)]
pub struct Turns {
    inside: Mutex<Inside>,
    changed: Condvar,
    runners: Mutex<Vec<Arc<Runner>>>,
}

#[derive(Default)]
struct Inside {
    /// How many execute, or are about to.
    running: usize,
    /// One is to be alone.
    reserved: bool,
}

impl Turns {
    /// Learns of a hart.
    pub fn add(&self, runner: Arc<Runner>) {
        self.runners.lock().unwrap_or_else(PoisonError::into_inner).push(runner);
    }

    /// A hart executes until the answer is dropped. It can be kicked already.
    pub fn join(&self) -> Turn<'_> {
        let mut inside = self.wait(|inside| inside.reserved);
        inside.running += 1;
        Turn { turns: self, alone: false }
    }

    /// The hart of `runner` executes until the answer is dropped, and no other does.
    pub fn alone(&self, runner: &Arc<Runner>) -> Turn<'_> {
        self.wait(|inside| inside.reserved).reserved = true;
        let others = self.runners.lock().unwrap_or_else(PoisonError::into_inner).clone();
        others.iter().filter(|other| !Arc::ptr_eq(other, runner)).for_each(|other| other.kick());
        drop(self.wait(|inside| inside.running != 0));
        Turn { turns: self, alone: true }
    }

    fn wait(&self, until: impl Fn(&Inside) -> bool) -> MutexGuard<'_, Inside> {
        let changed = self.changed.wait_while(self.lock(), |inside| until(inside));
        changed.unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Turns::join`] and [`Turns::alone`].
pub struct Turn<'a> {
    turns: &'a Turns,
    alone: bool,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut inside = self.turns.lock();
        match self.alone {
            true => inside.reserved = false,
            false => inside.running -= 1,
        }
        self.turns.changed.notify_all();
    }
}
