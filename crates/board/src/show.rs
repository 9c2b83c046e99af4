//! What harts show of themselves: what the user should know, and whole harts, to be explained.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bus::Bus;
use memory::Ram;
use vcpu::{HartPins, Snapshot};

/// Hears what the user should know of a hart: its number, and half a sentence that it is the subject of.
pub type Tell = Box<dyn Fn(usize, &str) + Send + Sync>;

/// A hart that stands still, and what it sees.
#[derive(Clone, Copy)]
pub struct Sight<'a> {
    /// The hart.
    pub hart: &'a Snapshot,
    /// Memory.
    pub ram: &'a Ram,
    /// The devices.
    pub bus: &'a Bus,
}

/// Sees a hart of whose last fault there is something to be told ([`Tell`]), and each when somebody asks.
pub type Show = Box<dyn Fn(Sight) + Send + Sync>;

/// Asks every hart to be shown, from any thread. Cloning shares it.
#[derive(Clone)]
pub struct Asker {
    asked: Arc<AtomicU64>,
    harts: Vec<Arc<HartPins>>,
}

impl Asker {
    pub(crate) fn new(harts: Vec<Arc<HartPins>>) -> Asker {
        Asker { asked: Arc::default(), harts }
    }

    /// How often it was asked.
    pub(crate) fn count(&self) -> u64 {
        self.asked.load(Ordering::Acquire)
    }

    /// Has every hart shown, soon, once. Harts that the host keeps are not.
    pub fn ask(&self) {
        self.asked.fetch_add(1, Ordering::AcqRel);
        self.harts.iter().for_each(|hart| hart.kick());
    }
}
