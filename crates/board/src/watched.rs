//! Who is told of a machine's harts, sees them and takes samples of them, while it runs.

use bus::Bus;
use memory::Ram;
use vcpu::{EmulatedHart, Notice};

use crate::sampling::Sampling;
use crate::show::{Asker, Show, Sight, Tell};

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
