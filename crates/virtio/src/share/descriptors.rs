//! How many descriptors a guest may hold: all but some of those that the host lets this process have.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::wire::Answer;

/// Kept for the rest of the machine: disks, connections, files for reports.
const RESERVED: u64 = 512;
/// Most for all shares together. Each keeps a file's names and data structures in the host's kernel.
const MOST: u64 = 1 << 17;

/// Descriptors that may still be taken.
static LEFT: OnceLock<AtomicUsize> = OnceLock::new();

fn left() -> &'static AtomicUsize {
    LEFT.get_or_init(|| {
        let limit = raise();
        // Where there are few, the rest of the machine gets half.
        AtomicUsize::new(limit.saturating_sub(RESERVED).max(limit / 2).min(MOST) as usize)
    })
}

/// Asks for all the descriptors that this process may have, and answers how many they are.
fn raise() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    // No maximum is one that nobody gets to.
    let wanted = limit.maximum.unwrap_or(MOST + RESERVED);
    match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit }) {
        Ok(()) => wanted,
        Err(_) => limit.current.unwrap_or(wanted),
    }
}

/// The right to hold one.
#[derive(Debug)]
pub(super) struct Permit(());

impl Permit {
    /// # Errors
    /// The guest holds as many as it may.
    pub fn take() -> Answer<Permit> {
        let taken = left().fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        taken.map(|_| Permit(())).map_err(|_| Errno::NFILE)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        left().fetch_add(1, Ordering::Relaxed);
    }
}
