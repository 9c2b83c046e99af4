//! Who hears of events.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::{Event, Kind, Kinds, Look, Stamp};

/// Hears of one hart's events, on the hart's thread and in their order. It must not wait for anything that needs the
/// hart.
pub trait Sink: Send {
    /// What it wants to hear of. Asked about every millisecond: from none to some, [`Event::Begin`] comes first, in any
    /// case.
    fn wants(&self) -> Kinds;
    /// An event happened, to a hart that can be looked at. It may be of a kind that is not wanted.
    fn event(&mut self, stamp: &Stamp, event: &Event, hart: &dyn Look);
}

/// Several sinks as one.
#[derive(Default)]
pub struct Tee(Vec<(Kinds, Box<dyn Sink>)>);

impl Tee {
    /// All of these.
    pub fn of(sinks: impl IntoIterator<Item = Box<dyn Sink>>) -> Tee {
        Tee(sinks.into_iter().map(|sink| (Kinds::NONE, sink)).collect())
    }
}

impl Sink for Tee {
    fn wants(&self) -> Kinds {
        self.0.iter().fold(Kinds::NONE, |all, (_, sink)| all.and(sink.wants()))
    }

    fn event(&mut self, stamp: &Stamp, event: &Event, hart: &dyn Look) {
        for (known, sink) in &mut self.0 {
            let wanted = sink.wants();
            // one that comes to want something while another did already has not been told where the hart stands
            if core::mem::replace(known, wanted).is_empty() && !wanted.is_empty() && *event != Event::Begin {
                sink.event(stamp, &Event::Begin, hart);
            }
            if wanted.has(event.kind()) || event.kind() == Kind::Hart {
                sink.event(stamp, event, hart);
            }
        }
    }
}
