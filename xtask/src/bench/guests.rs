//! A Linux guest below KVM and below vhart's hypervisor: how long from its power on to its init, and what memory it
//! takes beside its own.
//!
//! Both say on the console that the guest is about to begin: the host Linux that it has KVM, after which it starts the
//! guest's VMM, and the hypervisor how much memory it has for guests, before it loads any.

use std::time::Duration;

use anyhow::Context;
use images::Phase;

use super::child::{self, Run};
use super::figures::{Figures, Quantity};

/// The rows' names: to the guest's init, and memory that is no guest's.
const INIT_BELOW_KVM: &str = "power-on-to-init, KVM";
const INIT_BELOW_OURS: &str = "power-on-to-init, hypervisor";
const MEMORY: &str = "memory-beside, hypervisor";

/// What the hypervisor says before its guests begin, and at the end.
const BEGINS: &str = " MiB for guests";
const OWN: &str = "vhart hypervisor: ";
const BESIDE: &str = " KiB beside the guests' own";

/// Of a run of `vhart linux --check`'s machine.
///
/// # Errors
/// A phase did not arrive.
pub fn below_kvm(run: &Run) -> anyhow::Result<Figures> {
    let lines = child::lines(&run.pieces);
    let at = |phase: Phase| arrival(&lines, |line| phase.marker().is_some_and(|marker| line.starts_with(marker)));
    let (begun, ended) = at(Phase::KvmLoaded).zip(at(Phase::GuestInit)).with_context(|| missing(run))?;
    Ok(Figures::from([((INIT_BELOW_KVM.to_owned(), Quantity::CpuSeconds), (ended - begun).as_secs_f64())]))
}

/// Of a run of `vhart hypervisor --check`'s machine.
///
/// # Errors
/// A line did not come.
pub fn below_ours(run: &Run) -> anyhow::Result<Figures> {
    let marker = Phase::GuestInit.marker().unwrap_or_default();
    let lines = child::lines(&run.pieces);
    let begun = arrival(&lines, |line| line.starts_with(OWN) && line.contains(BEGINS));
    let ended = arrival(&lines, |line| line.strip_prefix("[guest1] ").is_some_and(|line| line.starts_with(marker)));
    let memory = lines.iter().find_map(|(_, line)| kibibytes(line));
    let ((begun, ended), memory) = begun.zip(ended).zip(memory).with_context(|| missing(run))?;
    Ok(Figures::from([
        ((INIT_BELOW_OURS.to_owned(), Quantity::CpuSeconds), (ended - begun).as_secs_f64()),
        ((MEMORY.to_owned(), Quantity::Kibibytes), memory),
    ]))
}

/// The processor time that had been used when the first such line came.
fn arrival(lines: &[(Duration, String)], is_it: impl Fn(&str) -> bool) -> Option<Duration> {
    lines.iter().find(|(_, line)| is_it(line)).map(|(cpu, _)| *cpu)
}

/// What the hypervisor says of its memory at the end.
fn kibibytes(line: &str) -> Option<f64> {
    line.strip_prefix(OWN)?.split_once(BESIDE)?.0.parse().ok()
}

fn missing(run: &Run) -> String {
    format!("the guest did not come to its init, or its hypervisor not to its end:\n{}", child::tail(&run.output()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run whose lines come a second of processor time after one another.
    fn run(lines: &[&str]) -> Run {
        let piece = |(at, line): (usize, &&str)| {
            let at = Duration::from_secs(at as u64);
            child::Piece { at, cpu: at, bytes: format!("{line}\r\n").into_bytes() }
        };
        let pieces = lines.iter().enumerate().map(piece).collect();
        Run { wall: Duration::ZERO, cpu: Duration::ZERO, pieces, errors: String::new() }
    }

    #[test]
    fn the_time_is_between_the_lines_before_and_of_init() {
        let marker = format!("[guest1] {} 0123", Phase::GuestInit.marker().unwrap());
        let mut lines = vec!["power on", "vhart hypervisor: 1 harts, 900 MiB for guests", "[guest1] Linux", &marker];
        assert!(below_ours(&run(&lines)).is_err());
        lines.push("vhart hypervisor: 3456 KiB beside the guests' own, and 30 MiB of images");
        let figures = below_ours(&run(&lines)).unwrap();
        assert_eq!(figures[&(INIT_BELOW_OURS.to_owned(), Quantity::CpuSeconds)], 2.0);
        assert_eq!(figures[&(MEMORY.to_owned(), Quantity::Kibibytes)], 3456.0);
    }

    #[test]
    fn a_guest_does_not_speak_for_its_hypervisor() {
        assert_eq!(kibibytes("[guest1] vhart hypervisor: 1 KiB beside the guests' own"), None);
    }
}
