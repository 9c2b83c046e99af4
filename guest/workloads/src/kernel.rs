//! What a kernel does for a process.

use std::io::{Read, Write, pipe};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::Instant;

use crate::expect;
use crate::system::{self, Mapping, PAGE, Pages};

/// What the program is told before `nothing`.
pub static BEFORE: OnceLock<Vec<String>> = OnceLock::new();

/// A system call that does next to nothing.
pub fn syscall(iterations: u64) -> Result<u64, String> {
    let parent = system::parent();
    let others = (0..iterations).filter(|_| system::parent() != parent).count();
    expect("other parents", others as u64, 0)
}

/// A process of its own copy of memory, which ends at once.
pub fn fork(iterations: u64) -> Result<u64, String> {
    for _ in 0..iterations {
        expect("status of the child", system::fork_and_end(7)?.into(), 7)?;
    }
    Ok(iterations)
}

/// A process with another program, which ends at once.
pub fn exec(iterations: u64) -> Result<u64, String> {
    let before = BEFORE.get().map_or(&[][..], Vec::as_slice);
    for _ in 0..iterations {
        let mut command = Command::new("/proc/self/exe");
        command.args(before).arg("nothing").stdin(Stdio::null());
        let status = command.status().map_err(|why| format!("cannot start a program: {why}"))?;
        expect("status of the program", status.code().unwrap_or(-1) as u64, 0)?;
    }
    Ok(iterations)
}

/// A byte to another thread and back, through pipes.
pub fn pipes(iterations: u64) -> Result<u64, String> {
    let said = |why: std::io::Error| format!("a pipe: {why}");
    let ((mut from_here, mut to_there), (mut from_there, mut to_here)) = (pipe().map_err(said)?, pipe().map_err(said)?);
    let echo = thread::spawn(move || -> std::io::Result<()> {
        let mut byte = [0];
        while from_here.read(&mut byte)? != 0 {
            byte[0] = byte[0].wrapping_add(1);
            to_here.write_all(&byte)?;
        }
        Ok(())
    });
    let mut byte = [0];
    for _ in 0..iterations {
        to_there.write_all(&byte).and_then(|()| from_there.read_exact(&mut byte)).map_err(said)?;
    }
    drop(to_there);
    echo.join().map_err(|_| "the other thread panicked")?.map_err(said)?;
    expect("the byte", byte[0].into(), iterations & 0xff)
}

/// Two threads that wake each other in turn, through futexes.
pub fn switch(iterations: u64) -> Result<u64, String> {
    static TURN: AtomicU64 = AtomicU64::new(0);
    TURN.store(0, Ordering::SeqCst);
    let turns = 2 * iterations;
    let here = thread::current();
    let other = thread::spawn(move || take_turns(1, turns, &here));
    take_turns(0, turns, other.thread());
    other.join().map_err(|_| "the other thread panicked")?;
    return expect("turns", TURN.load(Ordering::SeqCst), turns).map(|turns| turns / 2);

    fn take_turns(mine: u64, turns: u64, other: &Thread) {
        loop {
            let turn = TURN.load(Ordering::SeqCst);
            if turn == turns {
                return;
            }
            match turn % 2 == mine {
                true => {
                    TURN.store(turn + 1, Ordering::SeqCst);
                    other.unpark();
                }
                false => thread::park(),
            }
        }
    }
}

/// Takes a page's right to be written, and gives it back.
pub fn mprotect(iterations: u64) -> Result<u64, String> {
    let mut mapping = Mapping::new(PAGE, Pages::Small)?;
    for round in 0..iterations {
        mapping.protect(true)?;
        mapping.protect(false)?;
        mapping.words()[0] = round + 1;
    }
    let last = mapping.words()[0];
    expect("what the page holds", last, iterations)
}

/// Page faults: 256 pages, dropped and touched again.
pub fn page_faults(iterations: u64) -> Result<u64, String> {
    let mut mapping = Mapping::new(256 * PAGE, Pages::Small)?;
    for _ in 0..iterations {
        let words = mapping.words();
        let step = PAGE / size_of::<u64>();
        let was: u64 = (0..words.len()).step_by(step).map(|at| std::mem::replace(&mut words[at], 1)).sum();
        expect("what was in dropped pages", was, 0)?;
        mapping.discard()?;
    }
    Ok(iterations)
}

/// Asks for the time.
pub fn clock(iterations: u64) -> Result<u64, String> {
    let mut last = Instant::now();
    for _ in 0..iterations {
        let now = Instant::now();
        if now < last {
            return Err("time went back".into());
        }
        last = now;
    }
    Ok(iterations)
}
