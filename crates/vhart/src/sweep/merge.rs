//! Results of all points in one file for programs, and one for spreadsheets.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use super::plan::{Plan, Point};
use super::point::Places;
use crate::bench::model::{Counts, Results};
use crate::bench::numbers::Summary;
use crate::bench::summary::{Cell, Summaries};
use crate::errors;

/// Number of the schema. It grows where something changes its meaning or goes away.
const VERSION: u64 = 1;

/// All points.
#[derive(Serialize)]
pub struct Merged<'a> {
    format: &'static str,
    version: u64,
    points: Vec<Measured<'a>>,
    #[serde(skip)]
    axes: &'a [String],
}

/// A point, and what `vhart bench` wrote of it; nothing where it was not measured.
#[derive(Serialize)]
struct Measured<'a> {
    #[serde(flatten)]
    point: &'a Point,
    results: Option<Results>,
}

impl<'a> Merged<'a> {
    /// What there is of a sweep.
    ///
    /// # Errors
    /// None that could come.
    pub fn of(plan: &'a Plan, places: &Places) -> Result<Merged<'a>> {
        let measured = |point| Measured { point, results: places.results(point) };
        let points = plan.points.iter().map(measured).collect();
        Ok(Merged { format: "vhart sweep", version: VERSION, points, axes: &plan.axes })
    }

    /// Whether all points were measured, and no workload failed.
    pub fn is_well(&self) -> bool {
        self.points.iter().all(|point| point.results.as_ref().is_some_and(|results| Summaries::of(results).is_well()))
    }

    /// Writes `results.json` and `results.csv`.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn write(&self, out: &Path) -> Result<()> {
        let json = serde_json::to_string_pretty(self)? + "\n";
        errors::replace_file("results", &out.join("results.json"), json.as_bytes())?;
        errors::replace_file("results", &out.join("results.csv"), self.csv().as_bytes())
    }

    /// A line for each workload in each place of each point.
    fn csv(&self) -> String {
        let axes: String = self.axes.iter().map(|axis| field(axis) + ",").collect();
        let mut text = format!("{axes}workload,place,runs,seconds,least,most,instructions,exits,walk_reads,failed\n");
        for (point, results) in self.measured() {
            let values: String = self.axes.iter().map(|axis| field(&point.axes[axis]) + ",").collect();
            for row in &Summaries::of(results).rows {
                let cells = results.settings.places.iter().filter_map(|place| row.cell(place));
                cells.for_each(|cell| text += &format!("{values}{},{}\n", row.name, line(cell)));
            }
        }
        text
    }

    fn measured(&self) -> impl Iterator<Item = (&Point, &Results)> {
        self.points.iter().filter_map(|of| Some((of.point, of.results.as_ref()?)))
    }

    /// For people: each point's ratios, and what failed.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (point, results) in self.measured() {
            let summaries = Summaries::of(results);
            let ratios: BTreeMap<String, f64> = crate::bench::summary::pairs(&results.settings.places)
                .into_iter()
                .filter_map(|(one, other)| Some((format!("{one}/{other}"), summaries.mean_ratio(one, other)?)))
                .collect();
            let ratios: String = ratios.iter().map(|(pair, ratio)| format!("  {pair} {ratio:.2}")).collect();
            let failures = match summaries.failures().count() {
                0 => String::new(),
                failures => format!("  failed: {failures}"),
            };
            let _ = writeln!(text, "{}: {} workloads{ratios}{failures}", point.name(), summaries.rows.len());
        }
        let (measured, all) = (self.measured().count(), self.points.len());
        let _ = writeln!(text, "{measured} of {all} points measured");
        text
    }
}

/// A workload in a place: place, runs, times, counts, failure.
fn line(cell: &Cell) -> String {
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let time = cell.time();
    let count = |of: fn(&Counts) -> f64| number(cell.count(of).map(|count| count.median));
    let walks = |counts: &Counts| counts.walks.iter().map(|walks| walks.reads as f64).sum();
    let part = |of: fn(&Summary) -> f64| number(time.as_ref().map(of));
    let times = [part(|of| of.median), part(|of| of.least), part(|of| of.most)];
    [
        cell.place.clone(),
        cell.times.len().max(cell.counts.len()).to_string(),
        times.join(","),
        count(|counts| counts.instructions as f64),
        count(|counts| counts.exit_count() as f64),
        count(walks),
        field(cell.failed.as_deref().unwrap_or_default()),
    ]
    .join(",")
}

/// A field of CSV, in quotes where it must be.
fn field(text: &str) -> String {
    match text.contains([',', '"', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::model::tests::results;

    #[test]
    fn a_line_has_the_axes_and_what_was_measured() {
        let axes = ["isa".to_owned()];
        let point = |isa: &str| Point {
            axes: [("isa".to_owned(), isa.to_owned())].into(),
            words: Vec::new(),
            machine: Vec::new(),
            digest: String::new(),
        };
        let (one, two) = (point("rv64,sstc=off"), point("rv64"));
        let times = results(&[("sort", "host", &[1.0, 3.0, 2.0]), ("sort", "guest", &[2.0, 6.0, 4.0])]);
        let points = vec![Measured { point: &one, results: Some(times) }, Measured { point: &two, results: None }];
        let merged = Merged { format: "vhart sweep", version: VERSION, points, axes: &axes };
        let csv = merged.csv();
        let mut lines = csv.lines();
        assert_eq!(
            lines.next(),
            Some("isa,workload,place,runs,seconds,least,most,instructions,exits,walk_reads,failed")
        );
        assert_eq!(lines.next(), Some("\"rv64,sstc=off\",sort,host,3,2,1,3,,,,"));
        assert_eq!(lines.next(), Some("\"rv64,sstc=off\",sort,guest,3,4,2,6,,,,"));
        assert_eq!(lines.next(), None);
        assert_eq!(merged.text(), "isa=rv64,sstc=off: 1 workloads  guest/host 2.00\n1 of 2 points measured\n");
        assert!(!merged.is_well());
    }
}
