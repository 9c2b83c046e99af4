//! Results as text.

use std::fmt::Write as _;

use workloads::Group;

use super::attribution;
use super::model::{Counts, Results};
use super::numbers::Summary;
use super::summary::{Row, Summaries, pairs};

/// Parts of a cost that a line has; the page has all.
const PARTS: usize = 3;

/// The list of workloads.
pub fn workloads() -> String {
    let mut text = String::new();
    for group in Group::ALL {
        line(&mut text, format_args!("{}", group.name()));
        for workload in workloads::ALL.iter().filter(|workload| workload.group == group) {
            line(&mut text, format_args!("  {:14} {}", workload.name, workload.what));
        }
    }
    text
}

fn line(text: &mut String, args: std::fmt::Arguments) {
    let written = args.to_string();
    // writing to a string does not fail
    let _ = writeln!(text, "{}", written.trim_end());
}

/// What was measured.
pub fn text(results: &Results, summaries: &Summaries) -> String {
    let mut text = String::new();
    if !results.settings.counts {
        times(&mut text, results, summaries);
    }
    counts(&mut text, results, summaries);
    costs(&mut text, summaries);
    failures(&mut text, summaries);
    absences(&mut text, summaries);
    text
}

/// A time with its unit, in four digits.
pub fn time(seconds: f64) -> String {
    match seconds {
        s if s >= 1.0 => format!("{s:.3} s"),
        s if s >= 1e-3 => format!("{:.2} ms", s * 1e3),
        s if s >= 1e-6 => format!("{:.2} us", s * 1e6),
        s => format!("{:.1} ns", s * 1e9),
    }
}

/// A median with its spread, in percent.
fn spread(summary: &Summary) -> String {
    format!("{} ±{:<2.0}%", time(summary.median), summary.spread() * 100.0)
}

fn name((one, by): &(&str, &str)) -> String {
    format!("{one}/{by}")
}

/// Of a ratio's column.
fn width(pair: &(&str, &str)) -> usize {
    (name(pair).len() + 2).max(14)
}

fn times(text: &mut String, results: &Results, summaries: &Summaries) {
    let (places, pairs) = (&results.settings.places, pairs(&results.settings.places));
    let columns: String = places.iter().map(|place| format!("{place:>18}")).collect();
    let ratios: String = pairs.iter().map(|pair| format!("{:>1$}", name(pair), width(pair))).collect();
    line(text, format_args!("{:16}{columns}{ratios}", "time"));
    for group in Group::ALL.into_iter().map(Some).chain([None]) {
        for row in summaries.of_group(group) {
            let cell = |place: &String| match row.cell(place) {
                Some(cell) if cell.failed.is_some() => "failed".to_owned(),
                Some(cell) => cell.time().map_or("-".to_owned(), |time| spread(&time)),
                None => "-".to_owned(),
            };
            let cells: String = places.iter().map(|place| format!("{:>18}", cell(place))).collect();
            let ratio = |pair: &(&str, &str)| {
                let ratio = row.ratio(pair.0, pair.1).map_or("-".to_owned(), |ratio| format!("{:.2}", ratio.median));
                format!("{ratio:>0$}", width(pair))
            };
            line(text, format_args!("{:16}{cells}{}", row.name, pairs.iter().map(ratio).collect::<String>()));
        }
    }
    let mean = |pair: &(&str, &str)| {
        let mean = summaries.mean_ratio(pair.0, pair.1).map_or("-".to_owned(), |mean| format!("{mean:.2}"));
        format!("{mean:>0$}", width(pair))
    };
    let blank = " ".repeat(18 * places.len());
    line(text, format_args!("{:16}{blank}{}", "geometric mean", pairs.iter().map(mean).collect::<String>()));
}

/// A count of a workload's.
type Count = fn(&Counts) -> f64;

/// What is counted of each place: a heading and the count.
pub const COUNTED: [(&str, Count); 4] = [
    ("instructions", |counts| counts.instructions as f64),
    ("exits", |counts| counts.exit_count() as f64),
    ("TLB misses", |counts| counts.tlb_misses() as f64),
    ("walk steps", |counts| counts.steps() as f64),
];

fn counts(text: &mut String, results: &Results, summaries: &Summaries) {
    let places: Vec<&String> = results
        .settings
        .places
        .iter()
        .filter(|place| summaries.rows.iter().any(|row| has_counts(row, place)))
        .collect();
    if places.is_empty() {
        return;
    }
    let head = |place: &str, name: &str| format!("{place} {name}");
    let width = |place: &str, name: &str| (head(place, name).len() + 2).max(20);
    let columns = places
        .iter()
        .flat_map(|place| COUNTED.map(|(name, _)| format!("{:>1$}", head(place, name), width(place, name))));
    line(text, format_args!("\n{:16}{}", "counts", columns.collect::<String>()));
    for row in summaries.rows.iter().filter(|row| places.iter().any(|place| has_counts(row, place))) {
        let count = |place: &String, of: Count| {
            let count = row.cell(place).and_then(|cell| cell.count(of));
            count.map_or("-".to_owned(), |count| format!("{:.0}", count.median))
        };
        let cells = places
            .iter()
            .flat_map(|place| COUNTED.map(|(name, of)| format!("{:>1$}", count(place, of), width(place, name))));
        line(text, format_args!("{:16}{}", row.name, cells.collect::<String>()));
    }
}

/// Whether the machine counted the workload there.
pub fn has_counts(row: &Row, place: &str) -> bool {
    row.cell(place).is_some_and(|cell| !cell.counts.is_empty())
}

/// What a guest's time goes to, of the workloads that it takes more than the host's.
fn costs(text: &mut String, summaries: &Summaries) {
    let costs = attribution::all(summaries);
    if costs.is_empty() {
        return;
    }
    line(text, format_args!("\nmore than in the host: steps of walks, and instructions with what they are of"));
    for (row, place, cost) in costs {
        let parts: Vec<String> = cost.largest(PARTS).iter().map(ToString::to_string).collect();
        let (steps, more) = (cost.steps, cost.more);
        line(text, format_args!("{:16}{place:11}{steps:>+14}{more:>+14} {}", row.name, parts.join(", ")));
    }
}

fn failures(text: &mut String, summaries: &Summaries) {
    for (workload, place, why) in summaries.failures() {
        line(text, format_args!("failed: {workload} in {place}: {why}"));
    }
}

/// Place, what is missing there, and the workloads that cannot run for it.
pub fn by_absence(summaries: &Summaries) -> Vec<(&str, &str, Vec<&str>)> {
    let mut named: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for (workload, place, why) in summaries.absences() {
        match named.iter_mut().find(|(of, same, _)| (*of, *same) == (place, why)) {
            Some((.., workloads)) => workloads.push(workload),
            None => named.push((place, why, vec![workload])),
        }
    }
    named
}

fn absences(text: &mut String, summaries: &Summaries) {
    for (place, why, workloads) in by_absence(summaries) {
        line(text, format_args!("not in {place}: {}: {why}", workloads.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::tests::results;
    use super::*;

    #[test]
    fn the_table_has_medians_spreads_ratios_and_failures() {
        let mut results = results(&[
            ("sort", "host", &[1.0, 1.1, 1.2]),
            ("sort", "guest", &[2.0, 2.2, 2.4]),
            ("list", "host", &[0.01]),
        ]);
        results.settings.places = vec!["host".into(), "guest".into()];
        results.settings.workloads = vec!["sort".into(), "list".into()];
        results.runs[6].outcomes[0].failed = Some("a reason".into());
        let text = text(&results, &Summaries::of(&results));
        for words in ["guest/host", "1.100 s ±9 %", "2.00", "failed: list in host: a reason"] {
            assert!(text.contains(words), "{words}:\n{text}");
        }
    }

    #[test]
    fn times_have_their_units() {
        assert_eq!([2.5, 0.0125, 3e-6, 2.5e-8].map(time), ["2.500 s", "12.50 ms", "3.00 us", "25.0 ns"]);
    }

    #[test]
    fn every_workload_is_listed() {
        let text = workloads();
        assert!(workloads::ALL.iter().all(|workload| text.contains(workload.what)));
    }
}
