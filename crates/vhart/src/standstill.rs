//! What harts were doing when time was up.

use arch::csr::ip;
use arch::{Mode, Privilege};
use board::Sight;
use events::Look;
use explain::Names;
use symbols::{Seen, Symbols};
use vcpu::{Snapshot, TIMEBASE_HZ};

/// Callers that are named.
const MOST_CALLERS: usize = 3;
/// Harts that are told of one by one.
const MOST_HARTS: usize = 8;

/// Interrupts by their bit, with what they come from.
const INTERRUPTS: [(u64, &str); 7] = [
    (ip::SSIP, "software"),
    (ip::VSSIP, "a guest's software"),
    (ip::STIP, "timer"),
    (ip::VSTIP, "a guest's timer"),
    (ip::SEIP, "external"),
    (ip::VSEIP, "a guest's external"),
    (ip::SGEIP, "guest external"),
];

/// What a hart is doing, as half a sentence.
pub fn doing(sight: &Sight, symbols: &Symbols) -> String {
    let hart = sight.hart;
    let number = hart.config.hart_id;
    if hart.state.instret == 0 && !hart.builtin_firmware {
        return format!("hart {number} was never started");
    }
    let standing = hart.standing(sight.ram);
    let names = Seen { symbols, hart: &standing, pc: hart.pc };
    let mode = hart.state.mode;
    let guest = if mode.virt { format!(" of the guest with VMID {}", standing.vmid()) } else { String::new() };
    let process = names.process().map(|process| format!(", process {process}")).unwrap_or_default();
    let what = what(hart);
    format!("hart {number} {what} in {}-mode{guest}, {}{process}", hart.mode_name(mode), place(&names, hart.pc, mode))
}

/// Whether it executes, or since when it waits.
fn what(hart: &Snapshot) -> String {
    match hart.waits_since {
        Some(since) => format!("waits since {} (WFI) {}", seconds(hart.now.saturating_sub(since)), awaited(hart)),
        None => "executes".to_owned(),
    }
}

/// What the hart waits for.
fn awaited(hart: &Snapshot) -> String {
    let enabled: Vec<&str> =
        INTERRUPTS.iter().filter(|(bit, _)| hart.state.mie & bit != 0).map(|(_, name)| *name).collect();
    let interrupts = match enabled.is_empty() {
        true => "for an interrupt, and enables none".to_owned(),
        false => format!("for an interrupt: {}", enabled.join(", ")),
    };
    match hart.timer {
        Some(at) if at > hart.now => format!("{interrupts}; its timer would fire in {}", seconds(at - hart.now)),
        _ => interrupts,
    }
}

/// Where it is.
fn place(names: &Seen, pc: u64, mode: Mode) -> String {
    let Some(symbol) = names.name(mode, pc) else { return format!("at {pc:#x}") };
    let callers: Vec<String> = match mode.privilege {
        Privilege::User => Vec::new(),
        _ => names.callers().into_iter().take(MOST_CALLERS).collect(),
    };
    let by = if callers.is_empty() { String::new() } else { format!(", called by {}", callers.join(", by ")) };
    format!("at {pc:#x} in {symbol}{by}")
}

fn seconds(ticks: u64) -> String {
    let micros = ticks.saturating_mul(1_000_000 / TIMEBASE_HZ.min(1_000_000)) / (TIMEBASE_HZ / 1_000_000).max(1);
    match micros {
        0..10_000 => format!("{micros} us"),
        10_000..1_000_000 => format!("{} ms", micros / 1_000),
        _ => format!("{}.{} s", micros / 1_000_000, micros % 1_000_000 / 100_000),
    }
}

/// All of them as a sentence.
pub fn sentence(doings: &[String]) -> String {
    let shown = doings.len().min(MOST_HARTS);
    let rest = match doings.len() - shown {
        0 => String::new(),
        more => format!("; and {more} harts more"),
    };
    format!("when the limit was reached, {}{rest}", doings[..shown].join("; "))
}
