//! A port's output on its way to where it is wanted, which may be slow.
//!
//! A thread writes, so that no hart waits for a reader; what has no room here stays in the guest, whose writers wait.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
#[cfg(feature = "linux")]
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use virtio::{PortLine, PortOut};

/// Bytes that wait for the thread.
const ROOM: usize = 512 << 10;

/// Writes some of the output; answers whether somebody still wants it.
pub type Write = Box<dyn FnMut(&[u8]) -> bool + Send>;

/// What is between the guest and the thread that writes. Cloning shares it.
#[derive(Clone, Default)]
pub struct Outlet(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// The guest was told that there was no room.
    refused: bool,
    /// Nobody wants the output any more.
    unwanted: bool,
    /// Bytes that were taken.
    taken: u64,
    /// Bytes that were written, or that nobody wanted.
    done: u64,
}

impl Outlet {
    /// An outlet of the port at `line`, whose thread writes with `write`.
    ///
    /// # Errors
    /// The host has no room for a thread.
    pub fn start(name: &str, write: Write, line: PortLine) -> Result<(PortOut, Outlet)> {
        let outlet = Outlet::default();
        let (taking, writing) = (outlet.clone(), outlet.clone());
        let thread = std::thread::Builder::new().name(name.into());
        thread.spawn(move || writing.write_all(write, &line)).context("no thread for a port")?;
        Ok((Box::new(move |bytes| taking.offer(bytes)), outlet))
    }

    /// One that writes at once, on the hart's own time: what is the same in every run.
    #[cfg(feature = "linux")]
    pub fn at_once(mut write: Write) -> (PortOut, Outlet) {
        let outlet = Outlet::default();
        let counted = outlet.clone();
        let out = move |bytes: &[u8]| {
            let mut state = counted.lock();
            state.taken += bytes.len() as u64;
            let unwanted = state.unwanted;
            drop(state);
            counted.wrote(bytes.len(), !unwanted && write(bytes));
            bytes.len()
        };
        (Box::new(out), outlet)
    }

    /// Takes what there is room for.
    fn offer(&self, bytes: &[u8]) -> usize {
        let mut state = self.lock();
        let taken = bytes.len().min(ROOM.saturating_sub(state.waiting.len()));
        state.waiting.extend_from_slice(&bytes[..taken]);
        state.taken += taken as u64;
        state.refused |= taken < bytes.len();
        drop(state);
        self.0.changed.notify_all();
        taken
    }

    /// The thread, which ends with the process.
    fn write_all(&self, mut write: Write, line: &PortLine) {
        loop {
            let mut state = self.wait_while(|state| state.waiting.is_empty());
            let bytes = std::mem::take(&mut state.waiting);
            let (refused, unwanted) = (std::mem::take(&mut state.refused), state.unwanted);
            drop(state);
            // The guest goes on while this is written.
            if refused {
                line.resume();
            }
            let wanted = !unwanted && write(&bytes);
            self.wrote(bytes.len(), wanted);
        }
    }

    fn wrote(&self, count: usize, wanted: bool) {
        let mut state = self.lock();
        state.done += count as u64;
        state.unwanted |= !wanted;
        drop(state);
        self.0.changed.notify_all();
    }

    /// Waits until `total` bytes are written, or nobody wants them, or nothing has gone out for `patience`. Answers
    /// whether all is out.
    #[cfg(feature = "linux")]
    pub fn wait_for(&self, total: u64, patience: Duration) -> bool {
        let mut state = self.lock();
        let mut last = (state.done, Instant::now());
        while state.done < total && last.1.elapsed() < patience {
            let left = patience.saturating_sub(last.1.elapsed());
            let woken = self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
            state = woken.0;
            if state.done != last.0 {
                last = (state.done, Instant::now());
            }
        }
        state.done >= total
    }

    /// Waits until all that was taken is written, or nothing has gone out for `patience`.
    #[cfg(feature = "linux")]
    pub fn finish(&self, patience: Duration) {
        let state = self.lock();
        let total = state.taken;
        drop(state);
        self.wait_for(total, patience);
    }

    fn wait_while(&self, condition: impl FnMut(&mut State) -> bool) -> MutexGuard<'_, State> {
        self.0.changed.wait_while(self.lock(), condition).unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{channel, sync_channel};

    use super::*;

    #[test]
    fn what_has_no_room_is_left_until_some_is_written() {
        let (written, hear) = sync_channel(0);
        let write = Box::new(move |bytes: &[u8]| written.send(bytes.len()).is_ok());
        let (mut out, outlet) = Outlet::start("test", write, PortLine::new()).unwrap();
        let much = vec![0; 4 * ROOM];
        let first = out(&much);
        assert!(first >= ROOM && first < much.len(), "{first}");
        while out(&much) != 0 {}
        let mut heard = 0;
        while heard < ROOM {
            heard += hear.recv().unwrap();
        }
        assert!(outlet.wait_for(1, Duration::from_secs(10)));
    }

    #[test]
    fn what_nobody_wants_is_done_with() {
        let (sender, calls) = channel();
        let write = Box::new(move |_: &[u8]| sender.send(()).is_err());
        let (mut out, outlet) = Outlet::at_once(write);
        assert_eq!((out(b"abc"), out(b"def")), (3, 3));
        assert!(outlet.wait_for(6, Duration::ZERO));
        assert_eq!(calls.try_iter().count(), 1);
    }
}
