//! `--deterministic`: digests by which two runs can be told to be the same.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arch::addr::PAGE_BYTES;
use board::Machine;
use devices::ConsoleOut;
use memory::Ram;
use sha2::{Digest as _, Sha256};

use crate::cli::MachineOptions;
use crate::errors;

/// Digests of a run, where the user wants them.
pub struct Digests(Option<Arc<Mutex<Sha256>>>);

/// What a run came to: SHA-256 of harts, devices and memory, and of all that the console showed.
pub struct Digest {
    /// Of the state.
    pub state: String,
    /// Of the console.
    pub console: String,
}

impl Digests {
    /// As the options want it.
    pub fn wanted(options: &MachineOptions) -> Digests {
        Digests(options.deterministic.map(|_| Arc::default()))
    }

    /// `console`, listened to.
    pub fn listen(&self, mut console: ConsoleOut) -> ConsoleOut {
        let Some(heard) = self.0.clone() else { return console };
        Box::new(move |bytes| {
            heard.lock().unwrap_or_else(PoisonError::into_inner).update(bytes);
            console(bytes);
        })
    }

    /// The digests of a machine that has come to its end.
    pub fn of(&self, machine: &Machine) -> Option<Digest> {
        let console = self.0.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut state = Sha256::new();
        state.update(machine.state());
        add_memory(&mut state, machine.ram());
        Some(Digest { state: hex::encode(state.finalize()), console: hex::encode(console.finalize()) })
    }

    /// Prints them to standard error.
    pub fn print(&self, machine: &Machine) {
        if let Some(digest) = self.of(machine) {
            errors::tell(digest);
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "state sha256:{}, console sha256:{}", self.state, self.console)
    }
}

/// Adds the pages that are not all zero, with their places.
fn add_memory(state: &mut Sha256, ram: &Ram) {
    let mut page = [0; PAGE_BYTES as usize];
    for offset in (0..ram.len_bytes()).step_by(PAGE_BYTES as usize) {
        for (at, word) in (offset..).step_by(8).zip(page.as_chunks_mut::<8>().0) {
            *word = ram.load_u64(at).unwrap_or_default().to_le_bytes();
        }
        if page.iter().any(|&byte| byte != 0) {
            state.update(offset.to_le_bytes());
            state.update(page);
        }
    }
}
