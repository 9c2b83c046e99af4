//! Whether a message wakes a hart that sleeps, where its thread goes to another processor meanwhile.
//!
//! A sleeping hart's interrupt file is one of the processor's that its thread slept on: that processor is interrupted
//! by what arrives, and KVM wakes the thread. Linux 6.12's KVM then looks for the hart's file at the processor that the
//! thread wakes on (`aia_find_hgei` of `arch/riscv/kvm/aia.c`), finds none, and lets it sleep on: "Guest VCPUs sleep in
//! WFI and never wakeup even with interrupt pending in the IMSIC VS-file because VCPUs were waiting for HGEI wakeup on
//! the wrong host CPU" ("RISC-V: KVM: Move HGEI[E|P] CSR access to IMSIC virtualization", which mends it). 7.2's does
//! not: from there on it is demanded.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, Pid, sched_getaffinity, sched_setaffinity};

use super::machine::Registers;
use super::{Checked, Failure, Messaged, Verdict, message, passed, release, sleep, wire};
use crate::AiaMode;

/// After that a message is lost.
const LOST: Duration = Duration::from_secs(1);

/// A hart sleeps, its thread goes elsewhere, and a message comes.
pub fn are_survived() -> Checked {
    let own = sched_getaffinity(None)?;
    let mut processors = (0..CpuSet::MAX_CPU).filter(|&processor| own.is_set(processor));
    let (Some(from), Some(to)) = (processors.next(), processors.next()) else {
        return Ok(Verdict::Skipped("there is one processor for it".into()));
    };
    let Messaged { aia, mut machine, .. } = match Messaged::of(AiaMode::Hwaccel)? {
        Ok(messaged) => messaged,
        Err(why) => return Ok(Verdict::Skipped(why)),
    };
    let (lost, pins) = (AtomicBool::new(false), machine.pins[0].clone());
    // Threads begin where those are that they are begun by.
    sched_setaffinity(None, &only(from))?;
    let run = machine.run_beside(|device| {
        device.wait(0, b'r'.into())?;
        thread::sleep(sleep::NAP);
        move_all(&only(to))?;
        message(&aia)?;
        if !goes_on(device) {
            lost.store(true, Ordering::Relaxed);
            // A hart that comes back takes its file along.
            pins.kick();
        }
        wire(&aia, device)
    });
    move_all(&own)?;
    run?;
    match lost.into_inner() {
        false => passed("a message wakes it"),
        true => lost_by(&release::of_this_host()),
    }
}

fn only(processor: usize) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(processor);
    set
}

/// Lets all threads of this process run there alone.
fn move_all(place: &CpuSet) -> Result<(), Failure> {
    for task in fs::read_dir("/proc/self/task")?.flatten() {
        let number = task.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        // One that has ended meanwhile need not.
        let _ = sched_setaffinity(number, place);
    }
    Ok(())
}

/// Whether the guest that has said that it sleeps does something else in time.
fn goes_on(device: &Registers) -> bool {
    let begin = Instant::now();
    while device.value(0) == u64::from(b'r') && begin.elapsed() < LOST {
        thread::sleep(Duration::from_millis(1));
    }
    device.value(0) != u64::from(b'r')
}

fn lost_by(kernel: &str) -> Checked {
    let what = "a message does not wake it (--kvm riscv-aia=emul is without that)";
    match release::is_before(kernel, release::RIGHT) {
        true => Ok(Verdict::Known(format!("{what}: Linux {kernel}, before {}", release::right()))),
        false => Err(what.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_kernels_may_lose_a_message() {
        assert!(matches!(lost_by("6.12.107+deb13-riscv64"), Ok(Verdict::Known(_))));
        assert!(lost_by("7.2.12+deb14-riscv64").is_err());
    }
}
