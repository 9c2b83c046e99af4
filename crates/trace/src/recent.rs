//! The last events of each hart, in memory: for whoever looks at a machine that stands.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use events::{Event, Kinds, Look, Sink, Stamp};

use crate::filter::USUAL;

/// How many events of a hart are kept.
const KEPT: usize = 1024;

/// The last events of each hart. Cloning shares them.
#[derive(Clone, Default)]
pub struct Recent(Arc<Shared>);

#[derive(Default)]
struct Shared {
    keeps: AtomicBool,
    harts: Mutex<Vec<Arc<Mutex<Events>>>>,
}

type Events = VecDeque<(Stamp, Event)>;

/// One hart's part.
struct HartRecent {
    shared: Arc<Shared>,
    events: Arc<Mutex<Events>>,
}

impl Sink for HartRecent {
    fn wants(&self) -> Kinds {
        if self.shared.keeps.load(Ordering::Relaxed) { USUAL } else { Kinds::NONE }
    }

    fn event(&mut self, stamp: &Stamp, event: &Event, _: &dyn Look) {
        let mut events = locked(&self.events);
        if events.len() == KEPT {
            events.pop_front();
        }
        events.push_back((*stamp, *event));
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recent {
    /// Whoever watches the next hart for it.
    pub fn of_next_hart(&self) -> Box<dyn Sink> {
        let events = Arc::<Mutex<Events>>::default();
        locked(&self.0.harts).push(events.clone());
        Box::new(HartRecent { shared: self.0.clone(), events })
    }

    /// Keeps events from now on, or no more; those that were kept are forgotten.
    pub fn keep(&self, keeps: bool) {
        self.0.keeps.store(keeps, Ordering::Relaxed);
        locked(&self.0.harts).iter().for_each(|events| locked(events).clear());
    }

    /// At most so many of a hart's last events, the last at the end.
    pub fn last(&self, hart: usize, most: usize) -> Vec<(Stamp, Event)> {
        let harts = locked(&self.0.harts);
        let Some(events) = harts.get(hart).map(|events| locked(events)) else { return Vec::new() };
        let skipped = events.len().saturating_sub(most);
        events.iter().skip(skipped).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::stamp;

    #[test]
    fn the_last_are_kept_while_they_are_wanted() {
        let recent = Recent::default();
        let mut hart = recent.of_next_hart();
        assert!(hart.wants().is_empty());
        recent.keep(true);
        assert_eq!(hart.wants(), USUAL);
        (0..2 * KEPT as u64).for_each(|number| hart.event(&stamp(number), &Event::Wait, &()));
        let all = recent.last(0, usize::MAX);
        assert_eq!((all.len(), recent.last(0, 2)), (KEPT, all[KEPT - 2..].to_vec()));
        assert!(all[KEPT - 1].1 == Event::Wait && recent.last(1, 9).is_empty());
        recent.keep(false);
        assert!(hart.wants().is_empty() && recent.last(0, 9).is_empty());
    }
}
