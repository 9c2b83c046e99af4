//! Samples: harts that are looked at every so many instructions.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::show::Show;

/// Who sees each hart every so many instructions of its own.
pub struct Sampling {
    every: u64,
    see: Show,
    /// The count of instructions at which each hart is due.
    due: Vec<AtomicU64>,
}

impl Sampling {
    /// `see` sees a hart each time that it has retired `every` more instructions, as soon as it comes to stand then.
    pub fn new(every: u64, see: Show) -> Sampling {
        Sampling { every: every.max(1), see, due: (0..crate::limits::MAX_HARTS).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Who sees.
    pub(crate) fn see(&self) -> &Show {
        &self.see
    }

    /// Whether a hart that has retired so many instructions is due; then it is due again after as many more.
    pub(crate) fn is_due(&self, hart: usize, retired: u64) -> bool {
        let due = self.due[hart].load(Ordering::Relaxed);
        let next = (retired / self.every + 1).saturating_mul(self.every);
        // a hart that was reset counts from the beginning
        let is_due = retired >= due || due > next;
        if is_due {
            self.due[hart].store(next, Ordering::Relaxed);
        }
        is_due && due != 0
    }

    /// Instructions until it is.
    pub(crate) fn left(&self, hart: usize, retired: u64) -> u64 {
        self.due[hart].load(Ordering::Relaxed).saturating_sub(retired).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hart_is_due_at_every_multiple() {
        let sampling = Sampling::new(100, Box::new(|_| ()));
        let due: Vec<bool> = [0, 99, 100, 150, 210, 299, 300].map(|retired| sampling.is_due(1, retired)).into();
        assert_eq!(due, [false, false, true, false, true, false, true]);
        assert_eq!((sampling.left(1, 300), sampling.left(1, 390)), (100, 10));
        assert!(sampling.is_due(1, 5), "it was reset");
    }
}
