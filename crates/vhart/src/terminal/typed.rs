//! What was typed and waits for the machine to take it.
//!
//! One thread reads and another types, so that whoever reads sees the keys that end the machine even while the machine
//! takes nothing. Nothing is lost: where much waits, no more is read, and whoever types waits in turn.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Input;

/// How long a machine that took nothing is left alone.
pub const NEXT_OFFER: Duration = Duration::from_millis(5);
/// Bytes that the machine is offered at once.
const OFFER_BYTES: usize = 4096;

/// The bytes between the thread that reads and the one that types.
pub struct Typed {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    most: usize,
}

#[derive(Default)]
struct Waiting {
    bytes: VecDeque<u8>,
    ended: bool,
}

impl Typed {
    /// Nothing typed; about `most` bytes have room.
    pub fn new(most: usize) -> Typed {
        Typed { waiting: Mutex::default(), changed: Condvar::new(), most }
    }

    /// Adds `bytes`, once there is room.
    pub fn add(&self, bytes: &[u8]) {
        let full = |waiting: &mut Waiting| waiting.bytes.len() >= self.most;
        let mut waiting = self.changed.wait_while(self.lock(), full).unwrap_or_else(PoisonError::into_inner);
        waiting.bytes.extend(bytes);
        self.changed.notify_all();
    }

    /// Says that nothing follows.
    pub fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// Types into `input` all that is added, until the end.
    pub fn type_into(&self, mut input: Input) {
        while let Some(offer) = self.next() {
            match input(&offer) {
                0 => std::thread::sleep(NEXT_OFFER),
                taken => self.taken(taken),
            }
        }
    }

    /// The bytes that come next; none at the end.
    fn next(&self) -> Option<Vec<u8>> {
        let empty = |waiting: &mut Waiting| waiting.bytes.is_empty() && !waiting.ended;
        let waiting = self.changed.wait_while(self.lock(), empty).unwrap_or_else(PoisonError::into_inner);
        let offer: Vec<u8> = waiting.bytes.iter().take(OFFER_BYTES).copied().collect();
        (!offer.is_empty()).then_some(offer)
    }

    fn taken(&self, count: usize) {
        let mut waiting = self.lock();
        let count = count.min(waiting.bytes.len());
        waiting.bytes.drain(..count);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_machine_that_takes_little_gets_all_in_order() {
        let typed = Arc::new(Typed::new(1000));
        let text: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
        let adding = {
            let (typed, text) = (typed.clone(), text.clone());
            std::thread::spawn(move || {
                text.chunks(777).for_each(|part| typed.add(part));
                typed.end();
            })
        };
        let got = Arc::new(Mutex::new(Vec::new()));
        let (sink, mut turn) = (got.clone(), 0);
        typed.type_into(Box::new(move |bytes| {
            turn += 1;
            let take = bytes.len().min(if turn % 10 == 0 { 0 } else { 999 });
            sink.lock().unwrap().extend_from_slice(&bytes[..take]);
            take
        }));
        adding.join().unwrap();
        assert!(*got.lock().unwrap() == text);
    }

    #[test]
    fn whoever_adds_waits_for_room() {
        let typed = Arc::new(Typed::new(4));
        typed.add(b"full");
        let adding = {
            let typed = typed.clone();
            std::thread::spawn(move || typed.add(b"more"))
        };
        std::thread::sleep(Duration::from_millis(50));
        assert!(!adding.is_finished() && typed.next() == Some(b"full".to_vec()));
        typed.taken(4);
        adding.join().unwrap();
        assert_eq!(typed.next(), Some(b"more".to_vec()));
    }
}
