//! Times as a table in Markdown, for documents.

use workloads::Group;

use super::super::model::Results;
use super::super::summary::{Row, Summaries, pairs};
use super::super::table::time;

/// The table, and where it was measured.
pub fn text(results: &Results, summaries: &Summaries) -> String {
    let (places, pairs) = (&results.settings.places, pairs(&results.settings.places));
    let ratios = pairs.iter().map(|(one, by)| format!("{one}/{by}"));
    let heads: Vec<String> = places.iter().cloned().chain(ratios).collect();
    let of = &results.environment;
    let beside = of.peer.as_ref().map_or(String::new(), |peer| format!(", beside {peer}"));
    let mut text = format!(
        "Medians of {} rounds, with half of the distance from least to most, on {}{beside}; load when it began: {:.1}.\n\n",
        results.settings.rounds, of.processor, of.load
    );
    text += &format!("| | {} |\n|---|{}\n", heads.join(" | "), "---:|".repeat(heads.len()));
    let groups = Group::ALL.into_iter().flat_map(|group| summaries.of_group(Some(group)));
    groups.for_each(|row| text += &line(row, places, &pairs));
    let mean =
        |(one, by): &(&str, &str)| summaries.mean_ratio(one, by).map_or(String::new(), |mean| format!("{mean:.2}"));
    let means: Vec<String> = places.iter().map(|_| String::new()).chain(pairs.iter().map(mean)).collect();
    text + &format!("| geometric mean, but for timers | {} |\n", means.join(" | "))
}

fn line(row: &Row, places: &[String], pairs: &[(&str, &str)]) -> String {
    let cell = |place: &String| match row.cell(place) {
        Some(cell) if cell.failed.is_some() => "failed".to_owned(),
        cell => cell
            .and_then(|cell| cell.time())
            .map_or("–".to_owned(), |of| format!("{} ±{:.0} %", time(of.median), of.spread() * 100.0)),
    };
    let ratio = |(one, by): &(&str, &str)| {
        row.ratio(one, by).map_or("–".to_owned(), |of| format!("{:.2} ({:.2}–{:.2})", of.median, of.least, of.most))
    };
    let cells: Vec<String> = places.iter().map(cell).chain(pairs.iter().map(ratio)).collect();
    format!("| {} | {} |\n", row.name, cells.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::super::super::model::tests::results;
    use super::*;

    #[test]
    fn each_line_has_as_many_cells_as_the_heading() {
        let results = results(&[("sort", "host", &[1.0, 1.5]), ("sort", "guest", &[2.0, 3.0])]);
        let text = text(&results, &Summaries::of(&results));
        let cells = |line: &str| line.matches(" |").count();
        let table: Vec<&str> = text.lines().skip(2).filter(|line| !line.starts_with("|---")).collect();
        assert_eq!(table.len(), 3, "{text}");
        assert!(table.iter().all(|line| cells(line) == cells(table[0])), "{text}");
        assert!(text.contains("| sort | 1.250 s ±20 % | 2.500 s ±20 % | 2.00 (2.00–2.00) |"), "{text}");
    }
}
