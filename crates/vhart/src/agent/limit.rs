//! The time that one of several programs may take, by the machine's clock.

use std::io;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::Signal;

use super::Group;

/// How long a program may take to end that was asked to.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whoever ends a program whose time is up.
pub struct Limit {
    ended: Sender<()>,
    thread: JoinHandle<bool>,
}

impl Limit {
    /// From now on. First the program is asked to end, then it is ended.
    ///
    /// # Errors
    /// There is no room for a thread.
    pub fn begin(limit: Duration, group: Group) -> io::Result<Limit> {
        let (ended, end) = channel();
        let watch = move || {
            let is_over = |within| end.recv_timeout(within) != Err(RecvTimeoutError::Timeout);
            if is_over(limit) {
                return false;
            }
            group.signal(Signal::TERM.as_raw());
            is_over(PATIENCE);
            // With it goes what it has left behind, whether it ended or not.
            group.signal(Signal::KILL.as_raw());
            true
        };
        Ok(Limit { ended, thread: std::thread::Builder::new().spawn(watch)? })
    }

    /// The program has ended. Answers whether its time was up.
    pub fn end(self) -> bool {
        let _ = self.ended.send(());
        self.thread.join().unwrap_or(false)
    }
}
