//! `--compare`: what changed between two files beyond noise.
//!
//! Times change where a two-sided Mann-Whitney test finds a difference that chance makes in at most one of twenty
//! comparisons, and the medians differ by more than the threshold. Counts of instructions change where medians do by
//! more than it.

use std::fmt::Write as _;

use anyhow::{Result, bail};

use super::csv;
use super::model::Results;
use super::numbers::{Difference, least_chance};
use super::summary::{Cell, Row, Summaries};
use super::table;

/// A difference that chance makes at most so often is one.
const CHANCE: f64 = 0.05;

/// Two measurements, held against each other.
pub struct Comparison {
    rows: Vec<Compared>,
    notes: Vec<String>,
    threshold: f64,
}

/// A workload in a place.
struct Compared {
    workload: String,
    place: String,
    verdict: Verdict,
    /// Medians of both.
    times: [Option<f64>; 2],
    difference: Option<Difference>,
    /// How many times as many instructions.
    instructions: Option<f64>,
}

/// What is said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Same,
    Slower,
    Faster,
    /// As long, by other instructions.
    MoreInstructions,
    FewerInstructions,
    /// It fails, and did not.
    Fails,
    /// It failed, and does not.
    Works,
    /// There are too few rounds of it.
    TooFew,
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Verdict::Same => "same",
            Verdict::Slower => "SLOWER",
            Verdict::Faster => "faster",
            Verdict::MoreInstructions => "MORE INSTRUCTIONS",
            Verdict::FewerInstructions => "fewer instructions",
            Verdict::Fails => "FAILS",
            Verdict::Works => "works now",
            Verdict::TooFew => "too few rounds",
        }
    }

    fn is_worse(self) -> bool {
        matches!(self, Verdict::Slower | Verdict::MoreInstructions | Verdict::Fails)
    }
}

/// Refuses what was measured in ways that cannot be compared.
fn check_alike(old: &Results, new: &Results) -> Result<()> {
    if old.settings.part != new.settings.part {
        bail!("field settings.part differs: one was measured with --quick and the other without");
    }
    if old.settings.counts != new.settings.counts {
        bail!("field settings.counts differs: one has counts alone (--counts) and the other times");
    }
    Ok(())
}

impl Comparison {
    /// Of what both have; changes up to `threshold` do not count.
    ///
    /// # Errors
    /// They were measured in ways that cannot be compared.
    pub fn of(old: &Results, new: &Results, threshold: f64) -> Result<Comparison> {
        check_alike(old, new)?;
        let (one, other) = (Summaries::of(old), Summaries::of(new));
        let mut rows = Vec::new();
        for row in &other.rows {
            let Some(before) = one.rows.iter().find(|before| before.name == row.name) else { continue };
            let places = new.settings.places.iter().filter(|place| old.settings.places.contains(place));
            rows.extend(places.filter_map(|place| Compared::of(before, row, place, threshold)));
        }
        if rows.is_empty() {
            bail!("they have no workload and place in common");
        }
        Ok(Comparison { rows, notes: notes(old, new), threshold })
    }

    /// Whether something got worse.
    pub fn is_worse(&self) -> bool {
        self.rows.iter().any(|row| row.verdict.is_worse())
    }

    /// As text: what changed first, and how many did not.
    pub fn text(&self) -> String {
        let mut text: String = self.notes.iter().map(|note| format!("note: {note}\n")).collect();
        let changed: Vec<&Compared> =
            self.rows.iter().filter(|row| !matches!(row.verdict, Verdict::Same | Verdict::TooFew)).collect();
        if !changed.is_empty() {
            // writing to a string does not fail
            let _ = writeln!(
                text,
                "{:16}{:8}{:>12}{:>12}{:>8}{:>8}{:>8}  verdict",
                "workload", "place", "old", "new", "ratio", "chance", "delta"
            );
            changed.iter().for_each(|row| text.push_str(&row.line()));
        }
        let count = |verdict| self.rows.iter().filter(|row| row.verdict == verdict).count();
        let (same, few) = (count(Verdict::Same), count(Verdict::TooFew));
        let percent = self.threshold * 100.0;
        let _ = writeln!(text, "{} changed, {same} did not, beyond noise and {percent} %", changed.len());
        if few != 0 {
            let _ = writeln!(text, "{few} have too few rounds to tell: four of each are the fewest");
        }
        text
    }

    /// As comma-separated values, all rows.
    pub fn csv(&self) -> String {
        let rows = self.rows.iter().map(|row| {
            let number = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
            let (chance, delta) = (row.difference.map(|of| of.chance), row.difference.map(|of| of.delta));
            let numbers =
                [row.times[0], row.times[1], row.difference.map(|of| of.ratio), chance, delta, row.instructions];
            let (workload, place) = (csv::field(&row.workload), csv::field(&row.place));
            format!("{workload},{place},{},{}\n", row.verdict.name(), numbers.map(number).join(","))
        });
        "workload,place,verdict,old_seconds,new_seconds,ratio,chance,delta,instructions_ratio\n".to_owned()
            + &rows.collect::<String>()
    }
}

impl Compared {
    fn of(before: &Row, now: &Row, place: &str, threshold: f64) -> Option<Compared> {
        let (old, new) = (before.cell(place)?, now.cell(place)?);
        let series = |cell: &Cell| cell.times.iter().map(|(_, time)| *time).collect::<Vec<_>>();
        let difference = Difference::of(&series(old), &series(new));
        let median = |cell: &Cell| cell.count(|counts| counts.instructions as f64).map(|count| count.median);
        let instructions = median(old).zip(median(new)).filter(|(old, _)| *old > 0.0).map(|(old, new)| new / old);
        let enough = least_chance(old.times.len(), new.times.len()) <= CHANCE;
        let verdict = match (old.failed.is_some(), new.failed.is_some()) {
            (false, true) => Verdict::Fails,
            (true, false) => Verdict::Works,
            (true, true) => return None,
            (false, false) => verdict(difference.filter(|_| enough), instructions, threshold),
        };
        let times = [old, new].map(|cell| cell.time().map(|time| time.median));
        if difference.is_none() && instructions.is_none() && verdict == Verdict::Same {
            return None;
        }
        let verdict = match (verdict, difference) {
            (Verdict::Same, Some(_)) if !enough => Verdict::TooFew,
            (verdict, _) => verdict,
        };
        Some(Compared { workload: now.name.clone(), place: place.to_owned(), verdict, times, difference, instructions })
    }

    fn line(&self) -> String {
        let [old, new] = self.times.map(|time| time.map_or("-".to_owned(), table::time));
        let number = |value: Option<f64>, digits| value.map_or("-".to_owned(), |value| format!("{value:.digits$}"));
        let (ratio, chance, delta) = match self.difference {
            Some(of) => (Some(of.ratio), Some(of.chance), Some(of.delta)),
            None => (None, None, None),
        };
        let by = match (self.verdict, self.instructions) {
            (Verdict::MoreInstructions | Verdict::FewerInstructions, Some(ratio)) => format!(" ({ratio:.3} times)"),
            _ => String::new(),
        };
        format!(
            "{:16}{:8}{old:>12}{new:>12}{:>8}{:>8}{:>8}  {}{by}\n",
            self.workload,
            self.place,
            number(ratio, 2),
            number(chance, 4),
            number(delta, 2),
            self.verdict.name(),
        )
    }
}

fn verdict(difference: Option<Difference>, instructions: Option<f64>, threshold: f64) -> Verdict {
    let is_more = |ratio: f64| ratio > 1.0 + threshold;
    let is_less = |ratio: f64| ratio < 1.0 / (1.0 + threshold);
    match (difference, instructions) {
        (Some(of), _) if of.chance <= CHANCE && is_more(of.ratio) => Verdict::Slower,
        (Some(of), _) if of.chance <= CHANCE && is_less(of.ratio) => Verdict::Faster,
        (_, Some(ratio)) if is_more(ratio) => Verdict::MoreInstructions,
        (_, Some(ratio)) if is_less(ratio) => Verdict::FewerInstructions,
        _ => Verdict::Same,
    }
}

/// What else differs, and may be why.
fn notes(old: &Results, new: &Results) -> Vec<String> {
    let (before, now) = (&old.environment, &new.environment);
    let differs = |what: &str, one: &str, other: &str| (one != other).then(|| format!("{what}: {one}, now {other}"));
    let options = [&old.settings, &new.settings].map(|settings| settings.options.join(" "));
    let peer = |of: &super::model::Environment| of.peer.clone().unwrap_or_else(|| "none".to_owned());
    let notes = [
        differs("processor", &before.processor, &now.processor),
        differs("system", &before.system, &now.system),
        differs("vhart", &before.vhart, &now.vhart),
        differs("options", &options[0], &options[1]),
        differs("other emulator", &peer(before), &peer(now)),
        (before.workloads_sha256 != now.workloads_sha256).then(|| "the riscv64 programs differ".to_owned()),
    ];
    notes.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::super::model::Counts;
    use super::super::model::tests::results;
    use super::*;

    fn compared(old: &[f64], new: &[f64]) -> Comparison {
        Comparison::of(&results(&[("sort", "host", old)]), &results(&[("sort", "host", new)]), 0.05).unwrap()
    }

    #[test]
    fn noise_is_the_same_and_more_is_slower() {
        let old = [1.0, 1.02, 0.98, 1.01, 0.99];
        assert!(!compared(&old, &[1.01, 0.985, 1.03, 0.995, 1.005]).is_worse());
        let slower = compared(&old, &old.map(|time| time * 1.2));
        assert!(slower.is_worse() && slower.text().contains("SLOWER"), "{}", slower.text());
        let faster = compared(&old, &old.map(|time| time / 1.2));
        assert!(!faster.is_worse() && faster.text().contains("faster"), "{}", faster.text());
        // found, and less than the threshold
        assert!(!compared(&old, &old.map(|time| time * 1.045)).is_worse());
    }

    #[test]
    fn of_three_rounds_nothing_is_said() {
        let text = compared(&[1.0, 1.1, 1.2], &[2.0, 2.1, 2.2]).text();
        assert!(text.contains("1 have too few rounds"), "{text}");
    }

    #[test]
    fn a_workload_that_fails_now_is_worse_whatever_its_time() {
        let (old, mut new) = (results(&[("sort", "host", &[1.0])]), results(&[("sort", "host", &[0.5])]));
        new.runs[0].outcomes[0].failed = Some("wrong".into());
        let comparison = Comparison::of(&old, &new, 0.05).unwrap();
        assert!(comparison.is_worse() && comparison.text().contains("FAILS"));
        assert!(comparison.csv().lines().nth(1).unwrap().starts_with("sort,host,FAILS,1,,"), "{}", comparison.csv());
    }

    #[test]
    fn instructions_count_where_there_are_no_times() {
        let counted = |instructions| {
            let mut results = results(&[("sort", "guest", &[1.0])]);
            results.settings.counts = true;
            results.runs[0].outcomes[0].counts = Some(Counts { instructions, ..Counts::default() });
            results
        };
        let comparison = |new| Comparison::of(&counted(1000), &counted(new), 0.05).unwrap();
        assert!(comparison(1100).text().contains("MORE INSTRUCTIONS (1.100 times)"), "{}", comparison(1100).text());
        assert!(!comparison(1000).is_worse() && comparison(1000).text().starts_with("0 changed, 1 did not"));
    }

    #[test]
    fn what_cannot_be_compared_is_refused_by_the_field() {
        let old = results(&[("sort", "host", &[1.0])]);
        let refusal = |new: &Results| Comparison::of(&old, new, 0.05).err().unwrap().to_string();
        let mut new = old.clone();
        new.settings.part = 4;
        assert!(refusal(&new).contains("settings.part"));
        let mut new = old.clone();
        new.settings.counts = true;
        assert!(refusal(&new).contains("settings.counts"));
        assert!(refusal(&results(&[("list", "host", &[1.0])])).contains("in common"));
    }
}
