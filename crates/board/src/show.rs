//! What harts show of themselves: what the user should know, and whole harts, to be explained.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bus::Bus;
use memory::Ram;
use vcpu::{EmulatedHart, HartPins, Notice, Snapshot};

use crate::config::Tell;
use crate::sampling::Sampling;

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

/// Who is told and shown, and what of.
#[derive(Clone, Copy)]
pub(crate) struct Watched<'a> {
    pub watchers: &'a Watchers,
    pub ram: &'a Ram,
    pub bus: &'a Bus,
}

/// Who is told and shown.
pub(crate) struct Watchers {
    pub tell: Tell,
    pub show: Show,
    pub asker: Asker,
    pub sampling: Option<Sampling>,
    /// How often it had been asked for all harts, and they were shown, before the run that goes on.
    pub answered: u64,
}

impl Watched<'_> {
    /// How often it was asked for all harts until now.
    pub fn asked(&self) -> u64 {
        self.watchers.asker.count()
    }

    /// Tells what there is to be told of a hart, and shows it where its last fault explains that.
    pub fn notice(&self, number: usize, hart: &mut dyn EmulatedHart) {
        let Some(Notice { what, of_fault }) = hart.notice() else { return };
        (self.watchers.tell)(number, &what);
        if of_fault {
            self.show(hart);
        }
    }

    /// Shows a hart.
    pub fn show(&self, hart: &dyn EmulatedHart) {
        self.show_to(&self.watchers.show, hart);
    }

    /// Takes a sample of a hart, if one is due.
    pub fn sample(&self, number: usize, hart: &dyn EmulatedHart) {
        let Some(sampling) = &self.watchers.sampling else { return };
        if hart.instret().is_some_and(|retired| sampling.is_due(number, retired)) {
            self.show_to(sampling.see(), hart);
        }
    }

    /// Instructions that a hart may retire until then.
    pub fn until_sample(&self, number: usize, hart: &dyn EmulatedHart) -> u64 {
        let sampling = self.watchers.sampling.as_ref().zip(hart.instret());
        sampling.map_or(u64::MAX, |(sampling, retired)| sampling.left(number, retired))
    }

    fn show_to(&self, show: &Show, hart: &dyn EmulatedHart) {
        if let Some(hart) = hart.snapshot() {
            show(Sight { hart: &hart, ram: self.ram, bus: self.bus });
        }
    }
}
