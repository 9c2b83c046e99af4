//! What an unattended run has shown so far: which phases, and when.
//!
//! The hypervisor puts a guest's name before each of its lines, so that nobody speaks for another. Guests go their ways
//! at their own speed: phases of different guests come in any order, those of one in theirs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use images::{FAILED, Guests, Nonce, Phase};

use crate::linux::Tail;

/// A phase that is to arrive.
struct Awaited {
    name: String,
    /// What its line begins with, and what it has in it.
    start: String,
    evidence: String,
    arrived: bool,
}

/// The record of one run.
pub struct Watch {
    phases: Vec<Awaited>,
    line: Vec<u8>,
    tail: Tail,
    since: Instant,
    retired: Arc<AtomicU64>,
    last: (f64, u64),
    failure: Option<String>,
    statistics: Vec<String>,
}

/// The longest line that is looked at.
const LINE_BYTES: usize = 4096;

/// What is reported of a phase.
#[derive(Debug, PartialEq)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// When it arrived.
    pub seconds: f64,
    /// Instructions retired by all harts by then.
    pub instructions: u64,
    /// Millions of instructions a second since the phase before.
    pub mips: f64,
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:22} {:7.2} {:>14} {:7.0}", self.name, self.seconds, self.instructions, self.mips)
    }
}

const OWN: &str = "vhart hypervisor: ";

impl Watch {
    /// A run with so many guests that have this nonce.
    pub fn new(guests: &Guests, nonce: Nonce) -> Watch {
        let mut phases = vec![awaited("hypervisor", OWN, " MiB for guests")];
        for number in 0..guests.count {
            let guest = Guests::name(number);
            let line = format!("[{guest}] ");
            phases.push(awaited(&format!("{guest} kernel"), &line, &format!("vhart.guest={nonce}")));
            let said = [
                (Phase::GuestInit, "init", true),
                (Phase::GuestDisk, "disk answered", number < guests.disks),
                (Phase::GuestNetwork, "network answered", guests.net && number == 0),
                (Phase::GuestLink, "link answered", guests.link && guests.count > 1),
            ];
            for (phase, what, _) in said.into_iter().filter(|(.., expected)| *expected) {
                let marker = phase.marker().unwrap_or_default();
                phases.push(awaited(&format!("{guest} {what}"), &line, &format!("{marker} {}", nonce.answer(marker))));
            }
            phases.push(awaited(&format!("{guest} off"), OWN, &format!("guest {guest} is off")));
        }
        Watch {
            phases,
            line: Vec::new(),
            tail: Tail::default(),
            since: Instant::now(),
            retired: Arc::default(),
            last: (0.0, 0),
            failure: None,
            statistics: Vec::new(),
        }
    }

    /// Power on: time starts, and `retired` counts instructions.
    pub fn start(&mut self, retired: Arc<AtomicU64>) {
        self.since = Instant::now();
        self.retired = retired;
    }

    /// Takes what the console shows; answers the phases that arrived with it.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Row> {
        self.tail.feed(bytes);
        let mut rows = Vec::new();
        for &byte in bytes {
            match byte {
                b'\n' => rows.extend(self.end_line()),
                _ if self.line.len() < LINE_BYTES => self.line.push(byte),
                _ => {}
            }
        }
        rows
    }

    fn end_line(&mut self) -> Option<Row> {
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
        if let Some((_, why)) = line.split_once(FAILED).or_else(|| line.split_once("Kernel panic - not syncing: ")) {
            self.failure.get_or_insert(why.trim_end().to_owned());
        }
        if self.is_statistic(&line) {
            self.statistics.push(line.trim_end().to_owned());
        }
        let shows =
            |phase: &&mut Awaited| !phase.arrived && line.starts_with(&phase.start) && line.contains(&phase.evidence);
        let phase = self.phases.iter_mut().find(shows)?;
        phase.arrived = true;
        let name = phase.name.clone();
        Some(self.row(name))
    }

    /// What the hypervisor says of its guests at the end, and of itself: what guests print has their names before it.
    fn is_statistic(&self, line: &str) -> bool {
        let begins = line.starts_with("guest ") || line.starts_with(OWN) && line.contains(" KiB beside ");
        begins || !self.statistics.is_empty() && line.starts_with("  ")
    }

    /// The guests' times, memory and exits, as the hypervisor counted them.
    pub fn statistics(&self) -> &[String] {
        &self.statistics
    }

    /// The row of a phase that arrives now.
    pub fn row(&mut self, name: String) -> Row {
        let (seconds, instructions) = (self.since.elapsed().as_secs_f64(), self.retired.load(Ordering::Relaxed));
        let (before, already) = std::mem::replace(&mut self.last, (seconds, instructions));
        let span = seconds - before;
        let mips = if span > 1e-6 { instructions.saturating_sub(already) as f64 / span / 1e6 } else { 0.0 };
        Row { name, seconds, instructions, mips }
    }

    /// The first phase that has not arrived.
    pub fn missing(&self) -> Option<&str> {
        self.phases.iter().find(|phase| !phase.arrived).map(|phase| &*phase.name)
    }

    /// Why a guest gave up.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// The console's last lines.
    pub fn last_lines(&self) -> Vec<String> {
        self.tail.lines()
    }
}

fn awaited(name: &str, start: &str, evidence: &str) -> Awaited {
    Awaited { name: name.to_owned(), start: start.to_owned(), evidence: evidence.to_owned(), arrived: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: Nonce = Nonce(0x1234);

    fn names(rows: &[Row]) -> Vec<&str> {
        rows.iter().map(|row| &*row.name).collect()
    }

    #[test]
    fn phases_of_guests_come_in_any_order_and_each_from_its_own_guest() {
        let mut watch = Watch::new(&Guests { count: 2, ..Guests::default() }, NONCE);
        assert_eq!(names(&watch.feed(b"vhart hypervisor: 2 harts, 800 MiB for guests\r\n")), ["hypervisor"]);
        let word = b"Kernel command line: vhart.guest=0000000000001234\n";
        assert_eq!(names(&watch.feed(&[b"[guest2] [0.0] ", &word[..]].concat())), ["guest2 kernel"]);
        // who speaks without a name is not believed
        assert_eq!(names(&watch.feed(word)), [""; 0]);
        assert_eq!(names(&watch.feed(&[b"[guest1] ", &word[..]].concat())), ["guest1 kernel"]);
        assert_eq!(names(&watch.feed(b"[guest1] vhart hypervisor: guest guest1 is off\n")), [""; 0]);
        assert_eq!(names(&watch.feed(b"vhart hypervisor: guest guest1 is off\r\n")), ["guest1 off"]);
        assert_eq!(watch.missing(), Some("guest1 init"));
    }

    #[test]
    fn the_hypervisors_own_counts_are_kept_and_no_guests() {
        let mut watch = Watch::new(&Guests { count: 1, ..Guests::default() }, NONCE);
        watch.feed(b"[guest1] guest guest1: a lie\r\n       7 lies\r\nguest guest1: is off, 86 MiB given of 256\r\n");
        watch.feed(
            b"         846 SBI calls\r\n[guest1]   9 lies\r\nvhart hypervisor: 3324 KiB beside the guests' own\r\n",
        );
        let lines = ["guest guest1: is off, 86 MiB given of 256", "         846 SBI calls"];
        assert_eq!(watch.statistics()[..2], lines);
        assert_eq!(watch.statistics()[2..], ["vhart hypervisor: 3324 KiB beside the guests' own"]);
    }

    #[test]
    fn why_a_guest_gave_up_is_kept() {
        let mut watch = Watch::new(&Guests { count: 1, ..Guests::default() }, NONCE);
        watch.feed(b"[guest1] [1.2] Kernel panic - not syncing: no init\n[guest1] more\n");
        assert_eq!((watch.failure(), watch.missing()), (Some("no init"), Some("hypervisor")));
    }
}
