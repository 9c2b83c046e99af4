//! All that was measured: as JSON, and as the tables of docs/benchmarks.md.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::figures::{Figures, Quantity, Set};
use super::series::Series;

/// The results of a run of the harness.
#[derive(Serialize)]
pub struct Results {
    /// The processor that everything ran on.
    pub processor: String,
    /// How often each subject ran each job.
    pub rounds: u32,
    /// Who was measured: vhart, and what it is measured against.
    pub subjects: Vec<String>,
    /// The figures, in the order in which they were measured.
    pub rows: Vec<Row>,
}

/// One figure of all subjects.
#[derive(Serialize)]
pub struct Row {
    /// The part of the table.
    pub set: Set,
    /// The program, operation or phase.
    pub name: String,
    /// What is counted.
    pub quantity: Quantity,
    /// The values by subject; empty for one that does not tell.
    pub series: Vec<Series>,
    /// The median of the second by that of the first: how many times faster vhart is.
    pub ratio: Option<f64>,
}

/// Below this, seconds are not compared.
const LEAST_SECONDS: f64 = 0.01;

/// The sets, their headings, and the quantity that their tables show.
const TABLES: [(Set, &str, Quantity); 7] = [
    (Set::Compute, "Bare-metal programs, seconds of processor time", Quantity::CpuSeconds),
    (Set::Work, "Work in host and guests (`vhart bench --quick`), seconds", Quantity::CpuSeconds),
    (Set::Guests, "A Linux guest from power on to its init, seconds of processor time", Quantity::CpuSeconds),
    (Set::Interrupts, "Interrupts of a kernel on a machine with AIA, nanoseconds", Quantity::Nanoseconds),
    (Set::GuestInterrupts, "Interrupts of a guest in KVM with AIA, nanoseconds", Quantity::Nanoseconds),
    (Set::Harts, "Programs on two harts, alone and twice at the same time, seconds", Quantity::WallSeconds),
    (Set::Linux, "`vhart linux --check`, seconds since power on", Quantity::WallSeconds),
];

impl Results {
    /// Adds what the rounds of one job gave: for each subject, the figures of its runs.
    pub fn add(&mut self, set: Set, runs: &[Vec<Figures>]) {
        let rows = series(runs).into_iter().map(|((name, quantity), series)| {
            let ratio = ratio(*quantity, &series);
            Row { set, name: name.clone(), quantity: *quantity, series, ratio }
        });
        self.rows.extend(rows);
        // Phases are read in the order of their arrival; the sort leaves everything else where it is.
        if set == Set::Linux {
            self.rows.sort_by(|a, b| a.set.cmp(&b.set).then(arrival(a).total_cmp(&arrival(b))));
        }
    }

    /// The tables.
    pub fn markdown(&self) -> String {
        let mut text = format!(
            "Medians of {} rounds (least to most), run alternately, on {}. 'Ratio' says how many times faster {} is.\n",
            self.rounds,
            self.processor,
            self.subjects.first().map_or("vhart", String::as_str)
        );
        TABLES.iter().for_each(|&(set, heading, quantity)| text += &self.section(set, heading, quantity));
        text
    }

    /// A table with its heading; nothing, where there are no such rows.
    fn section(&self, set: Set, heading: &str, quantity: Quantity) -> String {
        let rows: Vec<&Row> = self.rows.iter().filter(|row| row.set == set && shown(row, quantity)).collect();
        if rows.is_empty() {
            return String::new();
        }
        let mean = (set == Set::Compute).then(|| mean(&rows)).flatten().unwrap_or_default();
        format!("\n### {heading}\n\n{}{mean}", self.table(&rows))
    }

    fn table(&self, rows: &[&Row]) -> String {
        let mut text = format!("| | {} |", self.subjects.join(" | "));
        let compared = self.subjects.len() > 1;
        text.push_str(if compared { " ratio |\n" } else { "\n" });
        let _ = writeln!(text, "|---|{}", "---:|".repeat(self.subjects.len() + usize::from(compared)));
        for row in rows {
            let cells: Vec<String> = row.series.iter().map(cell).collect();
            let _ = write!(text, "| {}{} | {} |", row.name, unit(row), cells.join(" | "));
            let ratio = row.ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}"));
            text.push_str(&if compared { format!(" {ratio} |\n") } else { "\n".to_owned() });
        }
        text
    }
}

/// The values of each figure, by subject.
fn series(runs: &[Vec<Figures>]) -> BTreeMap<&(String, Quantity), Vec<Series>> {
    let mut found: BTreeMap<_, Vec<Series>> = BTreeMap::new();
    for (subject, figures) in runs.iter().enumerate() {
        for (key, value) in figures.iter().flatten() {
            let series = found.entry(key).or_insert_with(|| vec![Series::default(); runs.len()]);
            series[subject].push(*value);
        }
    }
    found
}

/// When the phase of a row arrived; what is not a phase comes after them.
fn arrival(row: &Row) -> f64 {
    let median = row.series.first().map_or(f64::NAN, Series::median);
    if row.set == Set::Linux && row.quantity == Quantity::WallSeconds && !median.is_nan() { median } else { f64::MAX }
}

/// The table shows one quantity, and what else there is of another that says more than a clock.
fn shown(row: &Row, quantity: Quantity) -> bool {
    let is_work = row.set == Set::Work;
    row.quantity == quantity
        || is_work
        || matches!(row.quantity, Quantity::Times | Quantity::CpuSeconds | Quantity::Kibibytes)
}

/// What is said where a row differs from its table.
fn unit(row: &Row) -> &'static str {
    match (row.set, row.quantity) {
        (Set::Linux, Quantity::CpuSeconds) => ", processor time",
        (Set::Work, Quantity::WallSeconds) => ", by the clock",
        (Set::Work, Quantity::Nanoseconds) => ", nanoseconds",
        (_, Quantity::Kibibytes) => ", KiB",
        _ => "",
    }
}

/// How many times faster the first of two is; counts have no speed, nor has what takes no time.
fn ratio(quantity: Quantity, series: &[Series]) -> Option<f64> {
    let least = match quantity {
        Quantity::Instructions | Quantity::Times | Quantity::Kibibytes => return None,
        Quantity::Nanoseconds => 0.0,
        Quantity::CpuSeconds | Quantity::WallSeconds => LEAST_SECONDS,
    };
    match series {
        // An empty series has a median that is no number, which is above nothing.
        [ours, theirs] if ours.median() > least && theirs.median() > least => Some(theirs.median() / ours.median()),
        _ => None,
    }
}

/// What stands under a table of programs: one figure for all.
fn mean(rows: &[&Row]) -> Option<String> {
    let ratios: Vec<f64> = rows.iter().filter_map(|row| row.ratio).collect();
    if ratios.len() < 2 {
        return None;
    }
    let mean = (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp();
    Some(format!("\nGeometric mean of the ratios: {mean:.2}\n"))
}

fn cell(series: &Series) -> String {
    if series.is_empty() {
        return "–".to_owned();
    }
    format!("{} ({}–{})", digits(series.median()), digits(series.least()), digits(series.most()))
}

/// Three digits that say something.
fn digits(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(name: &str, quantity: Quantity, value: f64) -> Figures {
        Figures::from([((name.to_owned(), quantity), value)])
    }

    fn results() -> Results {
        let subjects = vec!["vhart".to_owned(), "QEMU 11".to_owned()];
        Results { processor: "a processor".to_owned(), rounds: 2, subjects, rows: Vec::new() }
    }

    #[test]
    fn the_table_has_medians_spread_and_ratio() {
        let mut results = results();
        let run = |value| figures("sort", Quantity::CpuSeconds, value);
        results.add(Set::Compute, &[vec![run(1.0), run(3.0)], vec![run(8.0), run(12.0)]]);
        let text = results.markdown();
        assert!(text.contains("| | vhart | QEMU 11 | ratio |\n|---|---:|---:|---:|\n"), "{text}");
        assert!(text.contains("| sort | 2.00 (1.00–3.00) | 10.0 (8.00–12.0) | 5.00 |\n"), "{text}");
    }

    #[test]
    fn the_mean_of_programs_is_geometric() {
        let mut results = results();
        let run = |value| {
            let mut run = figures("sort", Quantity::CpuSeconds, value);
            run.extend(figures("list", Quantity::CpuSeconds, 1.0 / value));
            vec![run]
        };
        results.add(Set::Compute, &[run(1.0), run(4.0)]);
        assert!(results.markdown().contains("Geometric mean of the ratios: 1.00\n"), "{}", results.markdown());
    }

    #[test]
    fn what_takes_no_time_is_not_compared() {
        let series = [0.001, 0.5].map(|value| Series::from_iter([value]));
        assert_eq!(ratio(Quantity::WallSeconds, &series), None);
        assert_eq!(ratio(Quantity::Nanoseconds, &series), Some(500.0));
    }

    #[test]
    fn what_only_one_tells_has_no_ratio() {
        let mut results = results();
        results.add(Set::Interrupts, &[vec![figures("mmio-read", Quantity::Nanoseconds, 30.0)], vec![Figures::new()]]);
        assert!(results.markdown().contains("| mmio-read | 30.0 (30.0–30.0) | – | – |"), "{}", results.markdown());
    }

    #[test]
    fn phases_stand_in_order_of_arrival() {
        let mut results = results();
        let mut run = figures("host off", Quantity::WallSeconds, 9.0);
        run.extend(figures("init", Quantity::WallSeconds, 4.0));
        run.extend(figures("all", Quantity::CpuSeconds, 1.0));
        results.add(Set::Linux, &[vec![run], vec![]]);
        let names: Vec<&str> = results.rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["init", "host off", "all"]);
    }
}
