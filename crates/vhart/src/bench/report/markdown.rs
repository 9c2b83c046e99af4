//! Times as tables in Markdown, for documents: vhart's own places, and beside them each other emulator's.

use workloads::Group;

use super::super::model::Results;
use super::super::options::Place;
use super::super::peers::Kind;
use super::super::summary::{Row, Summaries, pairs};
use super::super::table::time;

/// The tables, and where it was measured.
pub fn text(results: &Results, summaries: &Summaries) -> String {
    let of = &results.environment;
    let beside = of.peer.as_ref().map_or(String::new(), |peer| format!(", beside {peer}"));
    let mut text = format!(
        "Medians of {} rounds, with half of the distance from least to most, on {}{beside}; load when it began: {:.1}. Ratios are of the same \
         round, with the least and the most.\n\n",
        results.settings.rounds, of.processor, of.load
    );
    let (peers, own): (Vec<&str>, Vec<&str>) =
        results.settings.places.iter().map(String::as_str).partition(|place| of_peer(place).is_some());
    text += &table(summaries, &own, |_| true);
    for kind in Kind::ALL {
        let theirs: Vec<&str> = peers.iter().copied().filter(|place| of_peer(place) == Some(kind)).collect();
        let beside = [Place::Host, Place::Guest].map(Place::name).into_iter().filter(|place| own.contains(place));
        if !theirs.is_empty() {
            let places: Vec<&str> = beside.chain(theirs.iter().copied()).collect();
            text += &format!("\n{}", table(summaries, &places, |pair| theirs.contains(&pair.0)));
        }
    }
    text
}

/// Whose place it is, if it is another emulator's.
fn of_peer(place: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| place.strip_prefix(kind.name()).is_some_and(|rest| rest.starts_with('-')))
}

/// Places, and their ratios as far as they are wanted.
fn table(summaries: &Summaries, places: &[&str], wanted: impl Fn(&(&str, &str)) -> bool) -> String {
    let mut pairs = pairs(places);
    pairs.retain(|pair| wanted(pair));
    let ratios = pairs.iter().map(|(one, by)| format!("{one}/{by}"));
    let heads: Vec<String> = places.iter().map(|place| (*place).to_owned()).chain(ratios).collect();
    let mut text = format!("| | {} |\n|---|{}\n", heads.join(" | "), "---:|".repeat(heads.len()));
    let groups = Group::ALL.into_iter().flat_map(|group| summaries.of_group(Some(group)));
    groups.for_each(|row| text += &line(row, places, &pairs));
    let mean =
        |(one, by): &(&str, &str)| summaries.mean_ratio(one, by).map_or(String::new(), |mean| format!("{mean:.2}"));
    let means: Vec<String> = places.iter().map(|_| String::new()).chain(pairs.iter().map(mean)).collect();
    text + &format!("| geometric mean, but for timers | {} |\n", means.join(" | "))
}

fn line(row: &Row, places: &[&str], pairs: &[(&str, &str)]) -> String {
    let cell = |place: &&str| match row.cell(place) {
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

    #[test]
    fn another_emulator_has_a_table_of_its_own() {
        let mut results =
            results(&[("sort", "native", &[1.0]), ("sort", "guest", &[2.0]), ("sort", "qemu-guest", &[6.0])]);
        results.settings.workloads = vec!["sort".into()];
        let text = text(&results, &Summaries::of(&results));
        assert!(text.contains("| | native | guest |\n"), "{text}");
        assert!(text.contains("| | guest | qemu-guest | qemu-guest/guest |\n"), "{text}");
        assert!(text.contains("| sort | 2.000 s ±0 % | 6.000 s ±0 % | 3.00 (3.00–3.00) |\n"), "{text}");
    }
}
