//! Bytes between the program's pipes and the ports.
//!
//! A program has pipes and not the ports themselves: a port cannot be opened twice, as `/dev/stdout` is. Nothing is
//! spliced into a port: Linux's driver loses the pages where its ring has too little room for them
//! (drivers/char/virtio_console.c, `port_fops_splice_write`: they are freed when adding the buffer fails).

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::ChildStdin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::PIECE;

/// What is still taken of a pipe whose program has ended: the most that a pipe holds, unless root said otherwise.
/// Somebody whom it left behind may write forever.
const MOST_LEFT: usize = 1 << 20;
/// How long a port that seems to have ended is left alone.
const TICK: Duration = Duration::from_millis(2);

/// Reads what comes next. A port whose other end is not connected says that it has ended; it has not.
pub fn read_on(port: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match port.read(buffer) {
            Ok(0) => std::thread::sleep(TICK),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Says to whoever drains a pipe that nobody wants what comes from it.
pub struct Unwanted(PipeWriter);

impl Unwanted {
    /// Says so.
    pub fn tell(&self) {
        // It may be drained already.
        let _ = (&self.0).write_all(&[NOBODY]);
    }
}

const NOBODY: u8 = 0;
const ENDED: u8 = 1;

/// Whoever drains a pipe of the program's into a port.
pub struct Drain {
    thread: JoinHandle<u64>,
    told: PipeWriter,
}

impl Drain {
    /// Begins to.
    pub fn begin(from: Option<OwnedFd>, to: File) -> io::Result<Drain> {
        let (news, told) = io::pipe()?;
        let thread = std::thread::spawn(move || from.map_or(0, |from| drain(from.into(), to, news)));
        Ok(Drain { thread, told })
    }

    /// Where it hears that nobody wants it.
    pub fn unwanted(&self) -> Unwanted {
        Unwanted(self.told.try_clone().expect("there is a file left"))
    }

    /// The program has ended: takes what is left, and answers how many bytes went into the port.
    pub fn finish(self) -> u64 {
        // It may have come to the end of the pipe already.
        let _ = (&self.told).write_all(&[ENDED]);
        self.thread.join().unwrap_or(0)
    }
}

/// Carries bytes until the pipe ends, or the program has ended and its pipe is empty, or nobody wants them.
fn drain(mut from: File, mut to: File, mut news: PipeReader) -> u64 {
    let (mut buffer, mut total, mut left) = (vec![0; PIECE], 0, None);
    loop {
        let Some(ready) = wait(&from, &news, left.is_some()) else { return total };
        if ready.news {
            let mut said = [0];
            match news.read(&mut said) {
                Ok(1) if said[0] == ENDED => left = Some(MOST_LEFT),
                // Whoever writes to the pipe gets SIGPIPE from here on.
                _ => return total,
            }
            continue;
        }
        if !ready.bytes || left == Some(0) {
            return total;
        }
        let count = match from.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Ok(0) | Err(_) => return total,
            Ok(count) => count,
        };
        left = left.map(|left: usize| left.saturating_sub(count));
        if to.write_all(&buffer[..count]).is_err() {
            return total;
        }
        total += count as u64;
    }
}

/// What is there.
struct Ready {
    bytes: bool,
    news: bool,
}

/// Waits for either, or only looks where the program has ended.
fn wait(from: &File, news: &PipeReader, ended: bool) -> Option<Ready> {
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let watched = if ended { 1 } else { 2 };
    loop {
        let mut both = [PollFd::new(from, PollFlags::IN), PollFd::from_borrowed_fd(news.as_fd(), PollFlags::IN)];
        match poll(&mut both[..watched], ended.then_some(&at_once)) {
            Err(Errno::INTR) => {}
            Err(_) => return None,
            Ok(_) => return Some(Ready { bytes: !both[0].revents().is_empty(), news: !both[1].revents().is_empty() }),
        }
    }
}

/// The input of the program that runs.
#[derive(Default)]
pub struct Input(Mutex<Fed>);

#[derive(Default)]
struct Fed {
    /// None once nothing follows.
    to: Option<Arc<ChildStdin>>,
    done: u64,
    end: Option<u64>,
}

impl Input {
    /// Begins to carry what comes from the port to the first program.
    pub fn begin(self: &Arc<Input>, mut port: File) {
        let feeding = self.clone();
        std::thread::spawn(move || {
            let mut buffer = vec![0; PIECE];
            while let Ok(count) = read_on(&mut port, &mut buffer) {
                feeding.feed(&buffer[..count]);
            }
        });
    }

    /// What comes from now on is this program's.
    pub fn lead_to(&self, to: Option<ChildStdin>) {
        *self.lock() = Fed { to: to.map(Arc::new), ..Fed::default() };
    }

    /// Hands on `bytes`, or forgets them where the program does not read.
    fn feed(&self, bytes: &[u8]) {
        let to = self.lock().to.clone();
        let wanted = to.as_deref().is_some_and(|mut to| to.write_all(bytes).is_ok());
        drop(to);
        let mut fed = self.lock();
        fed.done += bytes.len() as u64;
        if !wanted {
            fed.to = None;
        }
        fed.close_at_end();
    }

    /// Nothing follows so many bytes.
    pub fn ends_at(&self, total: u64) {
        let mut fed = self.lock();
        fed.end = Some(total);
        fed.close_at_end();
    }

    fn lock(&self) -> MutexGuard<'_, Fed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fed {
    fn close_at_end(&mut self) {
        if self.end.is_some_and(|end| self.done >= end) {
            self.to = None;
        }
    }
}
