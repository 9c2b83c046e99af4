//! Results of all points in one file for programs, and one for spreadsheets.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use super::plan::{Plan, Point};
use super::point::PointStore;
use crate::bench::csv;
use crate::bench::model::Results;
use crate::bench::summary::Summaries;
use crate::errors;

/// What the file says it is.
const FORMAT: &str = "vhart sweep";
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
    pub fn of(plan: &'a Plan, store: &PointStore) -> Result<Merged<'a>> {
        let measured = |point| Measured { point, results: store.results(point) };
        let points = plan.points.iter().map(measured).collect();
        Ok(Merged { format: FORMAT, version: VERSION, points, axes: &plan.axes })
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

    /// A line for each workload in each place of each point, behind the point's axes.
    fn csv(&self) -> String {
        let axes: String = self.axes.iter().map(|axis| column(axis) + ",").collect();
        let mut text = format!("{axes}{}\n", csv::heading());
        for (point, results) in self.measured() {
            let values: String = self.axes.iter().map(|axis| csv::field(&point.axes[axis]) + ",").collect();
            csv::lines(results, &Summaries::of(results)).for_each(|line| text += &format!("{values}{line}\n"));
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

/// The heading of an axis; one that has the name of a column of results is told apart.
fn column(axis: &str) -> String {
    match csv::heading().split(',').any(|heading| heading == axis) {
        true => format!("axis_{axis}"),
        false => csv::field(axis),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::model::tests::results;

    /// Names of an object's members.
    fn members(value: &serde_json::Value) -> Vec<&String> {
        value.as_object().unwrap().keys().collect()
    }

    #[test]
    fn the_schema_describes_all_that_is_written_and_nothing_else() {
        let point = Point { axes: BTreeMap::new(), words: Vec::new(), machine: Vec::new(), digest: String::new() };
        let points = vec![Measured { point: &point, results: None }];
        let merged = Merged { format: FORMAT, version: VERSION, points, axes: &[] };
        let written = serde_json::to_value(&merged).unwrap();
        let schema: serde_json::Value =
            serde_json::from_str(include_str!("../../../../docs/sweep.schema.json")).unwrap();
        let described = &schema["properties"];
        assert_eq!(members(&written), members(described));
        assert_eq!(members(&written["points"][0]), members(&described["points"]["items"]["properties"]));
        assert_eq!((&described["format"]["const"], &described["version"]["const"]), (&FORMAT.into(), &VERSION.into()));
    }

    #[test]
    fn no_two_columns_have_one_name() {
        assert_eq!(["isa", "workload"].map(column), ["isa", "axis_workload"]);
    }

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
        let merged = Merged { format: FORMAT, version: VERSION, points, axes: &axes };
        let csv = merged.csv();
        let mut lines = csv.lines();
        assert_eq!(lines.next(), Some(format!("isa,{}", csv::heading()).as_str()));
        assert_eq!(lines.next(), Some("\"rv64,sstc=off\",sort,integer,host,3,2,1,3,,,,,"));
        assert_eq!(lines.next(), Some("\"rv64,sstc=off\",sort,integer,guest,3,4,2,6,,,,,"));
        assert_eq!(lines.next(), None);
        assert_eq!(merged.text(), "isa=rv64,sstc=off: 1 workloads  guest/host 2.00\n1 of 2 points measured\n");
        assert!(!merged.is_well());
    }
}
