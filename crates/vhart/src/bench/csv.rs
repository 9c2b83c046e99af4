//! What was measured as lines of CSV (RFC 4180), of `vhart bench` and of `vhart sweep`.

use super::attribution::{self, Part};
use super::model::Results;
use super::summary::{Cell, Row, Summaries};
use super::table::COUNTED;

/// The columns of [`lines`].
pub fn heading() -> String {
    let counted = COUNTED.map(|(name, _)| name.replace(' ', "_")).join(",");
    format!("workload,group,place,rounds,median_seconds,least_seconds,most_seconds,{counted},failed")
}

/// A line for each workload and place.
pub fn lines<'a>(results: &'a Results, summaries: &'a Summaries) -> impl Iterator<Item = String> + 'a {
    let places = |row: &'a Row| results.settings.places.iter().filter_map(move |place| Some((row, row.cell(place)?)));
    summaries.rows.iter().flat_map(places).map(|(row, cell)| line(row, cell))
}

fn line(row: &Row, cell: &Cell) -> String {
    let number = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
    let time = cell.time();
    let times = [time.map(|time| time.median), time.map(|time| time.least), time.map(|time| time.most)];
    let counts = COUNTED.map(|(_, of)| number(cell.count(of).map(|count| count.median)));
    [
        field(&row.name),
        row.group.map_or(String::new(), |group| group.name().to_owned()),
        field(&cell.place),
        cell.times.len().max(cell.counts.len()).to_string(),
        times.map(number).join(","),
        counts.join(","),
        field(cell.failed.as_deref().unwrap_or_default()),
    ]
    .join(",")
}

/// Where the guest's loss goes: a line for each part of each workload, and one for what the parts add up to.
pub fn costs(summaries: &Summaries) -> String {
    let mut text = "workload,place,of,part,count,amount\n".to_owned();
    for (row, place, cost) in attribution::all(summaries) {
        let whole = |amount| Part { name: "whole".into(), count: None, amount };
        for (of, parts, all) in [
            ("instructions", &cost.parts, cost.more as f64),
            ("time", &cost.time, cost.took),
            ("loss", &cost.loss, cost.longer),
        ] {
            for part in parts.iter().chain([&whole(all)]) {
                let count = part.count.map_or(String::new(), |count| count.to_string());
                text += &format!("{},{place},{of},{},{count},{}\n", field(&row.name), field(&part.name), part.amount);
            }
        }
    }
    text
}

/// A field, in quotes where it must be.
pub fn field(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::tests::results;
    use super::*;

    #[test]
    fn a_line_has_as_many_fields_as_the_heading() {
        let mut results = results(&[("sort", "host", &[1.0, 2.0, 3.0]), ("sort", "guest", &[2.0])]);
        results.settings.workloads = vec!["sort".into()];
        results.runs[3].outcomes[0].failed = Some("it said \"no\", twice".into());
        let lines: Vec<String> = lines(&results, &Summaries::of(&results)).collect();
        assert_eq!(lines[0], "sort,integer,host,3,2,1,3,,,,,");
        assert_eq!(lines[0].matches(',').count(), heading().matches(',').count());
        assert_eq!(lines[1], "sort,integer,guest,0,,,,,,,,\"it said \"\"no\"\", twice\"");
    }
}
