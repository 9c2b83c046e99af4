//! One processor that interrupts another.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::{Why, absent, expect, system};

/// Two processors, one for each thread.
fn two() -> Result<[usize; 2], Why> {
    match system::processors()[..] {
        [one, other, ..] => Ok([one, other]),
        _ => Err(absent("it has one processor")),
    }
}

/// On a thread of its own: where it stays is not to be where all that comes later stays.
fn apart(work: impl FnOnce() -> Result<u64, Why> + Send) -> Result<u64, Why> {
    thread::scope(|scope| scope.spawn(work).join()).unwrap_or_else(|_| Err("a thread panicked".into()))
}

/// Interrupts a processor that computes, by the barrier that a kernel puts into other processors' way.
pub fn ipi(iterations: u64) -> Result<u64, Why> {
    apart(|| interrupt(iterations))
}

fn interrupt(iterations: u64) -> Result<u64, Why> {
    let [here, there] = two()?;
    let (runs, over) = (AtomicBool::new(false), AtomicBool::new(false));
    system::may_interrupt_others()?;
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            system::stay_on(there)?;
            runs.store(true, Ordering::SeqCst);
            while !over.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
            Ok(())
        });
        let done = system::stay_on(here).and_then(|()| {
            while !runs.load(Ordering::SeqCst) && !other.is_finished() {
                std::hint::spin_loop();
            }
            (0..iterations).try_for_each(|_| system::interrupt_others())
        });
        over.store(true, Ordering::Relaxed);
        other.join().map_err(|_| "the other thread panicked".to_owned())?.and(done)
    })?;
    Ok(iterations)
}

/// Wakes a thread that sleeps on another processor, which wakes this one.
pub fn wake(iterations: u64) -> Result<u64, Why> {
    apart(|| wake_each_other(iterations))
}

fn wake_each_other(iterations: u64) -> Result<u64, Why> {
    let [here, there] = two()?;
    let asked = AtomicU64::new(0);
    let first = thread::current();
    let answers = thread::scope(|scope| {
        let other = scope.spawn(|| {
            system::stay_on(there)?;
            let mut answers = 0;
            while answers < iterations {
                if asked.load(Ordering::SeqCst) > answers {
                    answers += 1;
                    first.unpark();
                } else {
                    thread::park();
                }
            }
            Ok(answers)
        });
        // a processor that this thread may not stay on is as good as another
        let stays = system::stay_on(here);
        for number in 1..=iterations {
            asked.store(number, Ordering::SeqCst);
            other.thread().unpark();
            thread::park();
        }
        other
            .join()
            .map_err(|_| "the other thread panicked".to_owned())?
            .and_then(|answers: u64| stays.map(|()| answers))
    })?;
    expect("answers", answers, iterations).map_err(Why::Wrong)
}
