//! Where a guest's loss goes: what it executes more than the host, and what its time goes to.
//!
//! All instructions and all time between a workload's marks are in one of the parts: the guest's own (VU and VS), exits
//! by reason, and what the host does between an entry and an exit that is no exit (`between exits`). They add up
//! because the machine counts each instruction once. Walks are no instructions; what they cost in time is estimated
//! from the two pointer chases of the same run, whose instructions are the same. Instructions that the program and the
//! guest's kernel execute more are priced by what the host's take. What is left is called unexplained.

use std::fmt;

use workloads::Clock;

use super::model::Counts;
use super::options::Place;
use super::summary::{Cell, Row, Summaries};

/// Exits apart by reason; more reasons than these are one part.
const REASONS: usize = 6;

/// A part of a loss.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What it is.
    pub name: String,
    /// How often, where it is of something that happens.
    pub count: Option<u64>,
    /// How much.
    pub amount: f64,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            Some(count) => write!(f, "{} x {count} {:+.0}", self.name, self.amount),
            None => write!(f, "{} {:+.0}", self.name, self.amount),
        }
    }
}

/// What a workload costs more in the guest than in the host.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// Instructions that the guest executes more.
    pub more: i64,
    /// Their parts.
    pub parts: Vec<Part>,
    /// Steps of page walks that the guest's accesses took more: no instructions, and exact as well.
    pub steps: i64,
    /// All of the guest's time, in seconds.
    pub took: f64,
    /// Its parts.
    pub time: Vec<Part>,
    /// How much longer than the host the guest took, in seconds.
    pub longer: f64,
    /// The parts of that.
    pub loss: Vec<Part>,
}

impl Cost {
    /// The largest parts, and the sum of all others.
    pub fn largest(&self, most: usize) -> Vec<Part> {
        let mut parts = self.parts.clone();
        parts.sort_by(|one, other| other.amount.abs().total_cmp(&one.amount.abs()));
        let rest: f64 = parts.split_off(parts.len().min(most)).iter().map(|part| part.amount).sum();
        parts.extend((rest != 0.0).then(|| Part { name: "others".into(), count: None, amount: rest }));
        parts
    }
}

/// Places whose loss against the host is looked into.
const GUESTS: [Place; 2] = [Place::Guest, Place::Hypervisor];

/// All workloads that were counted in the host and in a guest: the workload, the guest's place, and what it costs more.
pub fn all(summaries: &Summaries) -> Vec<(&Row, &'static str, Cost)> {
    let of_row =
        |row| GUESTS.into_iter().filter_map(move |place| Some((row, place.name(), of(row, place, summaries)?)));
    summaries.rows.iter().flat_map(of_row).collect()
}

/// Of a workload that was counted in both.
fn of(row: &Row, place: Place, all: &Summaries) -> Option<Cost> {
    let (host, guest) = (Timed::of(row.cell(Place::Host.name())?)?, Timed::of(row.cell(place.name())?)?);
    let computes = row.clock == Clock::Processor;
    Some(Cost {
        more: guest.counts.instructions as i64 - host.counts.instructions as i64,
        parts: instructions(host.counts, guest.counts),
        steps: guest.counts.steps() as i64 - host.counts.steps() as i64,
        took: guest.time,
        time: time(&guest),
        longer: guest.time - host.time,
        loss: loss(&host, &guest, step(all), computes),
    })
}

/// What was counted, and the time that it took.
///
/// The machine's clock goes on while this computer does something else, which is as likely in one part as in another:
/// parts are shares of the machine's time, of the time that counts.
struct Timed<'a> {
    counts: &'a Counts,
    /// In seconds.
    time: f64,
}

impl Timed<'_> {
    fn of(cell: &Cell) -> Option<Timed<'_>> {
        let counts = cell.typical()?;
        Some(Timed { counts, time: cell.time().map_or(counts.time_us / 1e6, |time| time.median) })
    }

    /// Seconds of a part that took so long by the machine's clock.
    fn seconds(&self, time_us: f64) -> f64 {
        time_us * self.time / self.counts.time_us.max(f64::MIN_POSITIVE)
    }

    /// Instructions and seconds in a world.
    fn of_world(&self, mode: &str) -> (f64, f64) {
        let (instructions, time_us) = self.counts.of_worlds(&[mode]);
        (instructions as f64, self.seconds(time_us))
    }

    /// What the host does beside exits, in seconds.
    fn between_exits(&self) -> f64 {
        let of_exits: f64 = self.counts.exits.iter().map(|exit| exit.time_us).sum();
        self.seconds(self.counts.of_worlds(&["M", "HS", "U"]).1 - of_exits)
    }
}

/// By what the guest executes more, in instructions.
fn instructions(host: &Counts, guest: &Counts) -> Vec<Part> {
    let more = |here: &str, there: &str| guest.of_worlds(&[there]).0 as f64 - host.of_worlds(&[here]).0 as f64;
    let of_exits: u64 = guest.exits.iter().map(|exit| exit.instructions).sum();
    let outside = guest.of_worlds(&["M", "HS", "U"]).0 as f64 - of_exits as f64;
    let mut parts = vec![
        Part { name: "program".into(), count: None, amount: more("U", "VU") },
        Part { name: "kernel".into(), count: None, amount: more("HS", "VS") },
    ];
    parts.extend(by_reason(guest, |exit| exit.instructions as f64));
    let firmware = host.of_worlds(&["M"]).0 as f64;
    parts.push(Part { name: "between exits".into(), count: None, amount: outside - firmware });
    parts.retain(|part| part.amount != 0.0);
    parts
}

/// By what the guest's time went to, in seconds.
fn time(guest: &Timed) -> Vec<Part> {
    let part = |name: &str, amount| Part { name: name.into(), count: None, amount };
    let mut parts = vec![part("program", guest.of_world("VU").1), part("kernel", guest.of_world("VS").1)];
    parts.extend(by_reason(guest.counts, |exit| guest.seconds(exit.time_us)));
    parts.push(part("between exits", guest.between_exits()));
    parts
}

/// By why the guest took longer, in seconds.
///
/// The host's kernel and program say what an instruction takes, where they do nothing but compute.
fn loss(host: &Timed, guest: &Timed, step: Option<f64>, computes: bool) -> Vec<Part> {
    let mut parts: Vec<Part> = by_reason(guest.counts, |exit| guest.seconds(exit.time_us));
    let between = guest.between_exits() - host.of_world("M").1;
    parts.push(Part { name: "between exits".into(), count: None, amount: between });
    for (name, here, there) in [("program's instructions", "U", "VU"), ("kernel's instructions", "HS", "VS")] {
        let ((few, seconds), (many, _)) = (host.of_world(here), guest.of_world(there));
        if computes && few > 0.0 && many != few {
            parts.push(Part { name: name.into(), count: None, amount: (many - few) * seconds / few });
        }
    }
    if let Some(step) = step {
        let more = guest.counts.steps() as f64 - host.counts.steps() as f64;
        parts.push(Part { name: "walk steps".into(), count: Some(more.max(0.0) as u64), amount: more * step });
    }
    let explained: f64 = parts.iter().map(|part| part.amount).sum();
    let rest = guest.time - host.time - explained;
    parts.push(Part { name: "unexplained".into(), count: None, amount: rest });
    parts
}

/// What a step of a walk takes, in seconds: the chase through small pages takes so much longer than that through large
/// ones.
fn step(all: &Summaries) -> Option<f64> {
    let host = |name: &str| Timed::of(all.rows.iter().find(|row| row.name == name)?.cell("host")?);
    let (small, large) = (host("chase-4k")?, host("chase-2m")?);
    let [more, fewer] = [&small, &large].map(|chase| chase.counts.walks[0].reads);
    let steps = more.checked_sub(fewer).filter(|steps| *steps > 0)?;
    Some(((small.time - large.time) / steps as f64).max(0.0))
}

fn by_reason(guest: &Counts, amount: impl Fn(&super::model::Exits) -> f64) -> Vec<Part> {
    let mut exits: Vec<_> = guest.exits.iter().collect();
    exits.sort_by(|one, other| amount(other).total_cmp(&amount(one)));
    let rest = exits.split_off(exits.len().min(REASONS));
    let part =
        |exit: &&super::model::Exits| Part { name: exit.reason.clone(), count: Some(exit.count), amount: amount(exit) };
    let mut parts: Vec<Part> = exits.iter().map(part).collect();
    if !rest.is_empty() {
        let count = Some(rest.iter().map(|exit| exit.count).sum());
        parts.push(Part { name: "other exits".into(), count, amount: rest.iter().map(|exit| amount(exit)).sum() });
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::super::model::{Exits, Walks, World};
    use super::*;

    fn counts(worlds: &[(&str, u64, f64)], exits: &[(&str, u64, u64, f64)], reads: u64) -> Counts {
        let world = |(mode, instructions, time_us): &(&str, u64, f64)| World {
            mode: (*mode).into(),
            instructions: *instructions,
            time_us: *time_us,
        };
        let exit = |(reason, count, instructions, time_us): &(&str, u64, u64, f64)| Exits {
            reason: (*reason).into(),
            count: *count,
            instructions: *instructions,
            time_us: *time_us,
        };
        Counts {
            instructions: worlds.iter().map(|(_, instructions, _)| instructions).sum(),
            time_us: worlds.iter().map(|(.., time)| time).sum(),
            worlds: worlds.iter().map(world).collect(),
            exits: exits.iter().map(exit).collect(),
            walks: [Walks { count: 1, reads }, Walks::default()],
            devices: Vec::new(),
        }
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let host = counts(&[("U", 1000, 10.0), ("HS", 100, 1.0)], &[], 0);
        let guest = counts(
            &[("VU", 1000, 11.0), ("VS", 150, 2.0), ("HS", 700, 9.0), ("U", 300, 3.0)],
            &[("mmio", 10, 900, 11.0), ("timer", 1, 50, 0.5)],
            100,
        );
        let parts = instructions(&host, &guest);
        let sum: f64 = parts.iter().map(|part| part.amount).sum();
        assert_eq!(sum as u64, guest.instructions - host.instructions);
        let said: Vec<String> = parts.iter().map(Part::to_string).collect();
        assert_eq!(said, ["kernel +50", "mmio x 10 +900", "timer x 1 +50", "between exits +50"]);
        let (host, guest) = (Timed { counts: &host, time: 10.0 }, Timed { counts: &guest, time: 30.0 });
        let sum = |parts: Vec<Part>| parts.iter().map(|part| part.amount).sum::<f64>();
        assert!((sum(time(&guest)) - 30.0).abs() < 1e-9);
        assert!((sum(loss(&host, &guest, Some(1e-8), true)) - 20.0).abs() < 1e-9);
        // 11 of 25 us
        assert!((loss(&host, &guest, None, true)[0].amount - 30.0 * 11.0 / 25.0).abs() < 1e-9);
    }

    /// Where each instruction takes 10 ns, as in a deterministic run, nothing is unexplained.
    #[test]
    fn instructions_that_take_as_long_everywhere_explain_all_of_the_loss() {
        let host = counts(&[("U", 1000, 10.0), ("HS", 200, 2.0), ("M", 10, 0.1)], &[], 0);
        let guest = counts(
            &[("VU", 1000, 10.0), ("VS", 300, 3.0), ("HS", 700, 7.0), ("U", 300, 3.0), ("M", 30, 0.3)],
            &[("mmio", 10, 900, 9.0)],
            0,
        );
        let timed = |counts| Timed { counts, time: counts.time_us };
        let said = loss(&timed(&host), &timed(&guest), None, true);
        // adding 0 makes a zero that is below nothing one that is not
        let amounts: Vec<(&str, f64)> =
            said.iter().map(|part| (part.name.as_str(), (part.amount * 1e6).round() / 1e6 + 0.0)).collect();
        let expected = [("mmio", 9.0), ("between exits", 1.2), ("kernel's instructions", 1.0), ("unexplained", 0.0)];
        assert_eq!(amounts, expected);
    }

    #[test]
    fn the_largest_parts_come_first_and_none_is_lost() {
        let part = |name: &str, amount| Part { name: name.into(), count: None, amount };
        let parts = vec![part("a", 1.0), part("b", -50.0), part("c", 20.0), part("d", 2.0)];
        let cost = Cost { more: 0, parts, steps: 0, took: 0.0, time: Vec::new(), longer: 0.0, loss: Vec::new() };
        let said: Vec<String> = cost.largest(2).iter().map(Part::to_string).collect();
        assert_eq!(said, ["b -50", "c +20", "others +3"]);
    }

    #[test]
    fn many_reasons_become_a_few_parts() {
        let names: Vec<String> = (0..20).map(|n| format!("reason {n}")).collect();
        let exits: Vec<_> = names.iter().map(|name| (name.as_str(), 1, 10, 1.0)).collect();
        let counts = counts(&[("HS", 200, 20.0)], &exits, 0);
        let parts = time(&Timed { counts: &counts, time: 1.0 });
        assert_eq!(parts.len(), 2 + REASONS + 1 + 1);
    }
}
