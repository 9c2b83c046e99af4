//! The first subject's figures side by side: what a guest takes below KVM and below vhart's hypervisor, and what computing takes there and on
//! the machine.
//!
//! Here a ratio is what the hypervisor takes by what it is held against: less is better.

use std::fmt::Write;

use super::job::{Quantity, Set};
use super::results::{Row, cell, unit};

/// How the names of rows begin for which no world is left.
const COMPUTE: &str = "compute";

/// The tables whose rows were all measured; nothing where there are none.
pub fn markdown(rows: &[Row]) -> String {
    let exits = |row: &Row| !row.name.starts_with(COMPUTE);
    let computes = |row: &Row| row.name.starts_with(COMPUTE);
    table(rows, (Set::Guest, "KVM"), "A guest of vhart's hypervisor beside one of KVM", exits)
        + &table(
            rows,
            (Set::Bare, "machine"),
            "Computing in a guest of vhart's hypervisor beside the machine",
            computes,
        )
}

fn table(rows: &[Row], (set, whose): (Set, &str), heading: &str, wanted: impl Fn(&Row) -> bool) -> String {
    let both = rows.iter().filter(|row| row.set == set && wanted(row)).filter_map(|theirs| {
        let same = |row: &&Row| (row.set, &row.name, row.quantity) == (Set::Hypervisor, &theirs.name, theirs.quantity);
        rows.iter().find(same).and_then(|ours| line(theirs, ours))
    });
    let lines: String = both.collect();
    match lines.is_empty() {
        true => lines,
        false => format!("\n### {heading}\n\n| | {whose} | ours | ratio |\n|---|---:|---:|---:|\n{lines}"),
    }
}

/// None where one of both tells nothing.
fn line(theirs: &Row, ours: &Row) -> Option<String> {
    let (them, us) = (theirs.series.first()?, ours.series.first()?);
    let ratio = us.median() / them.median();
    let unit = if ours.quantity == Quantity::Nanoseconds { ", nanoseconds" } else { unit(ours) };
    let mut text = String::new();
    let _ = writeln!(text, "| {}{unit} | {} | {} | {ratio:.2} |", ours.name, cell(them), cell(us));
    ratio.is_finite().then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::series::Series;

    fn row(set: Set, name: &str, quantity: Quantity, value: f64) -> Row {
        Row { set, name: name.to_owned(), quantity, series: vec![Series::from_iter([value])], ratio: None }
    }

    #[test]
    fn what_both_tell_is_held_side_by_side() {
        let rows = [
            row(Set::Bare, "compute", Quantity::Nanoseconds, 100.0),
            row(Set::Bare, "sbi-null", Quantity::Nanoseconds, 100.0),
            row(Set::Guest, "sbi-null", Quantity::Nanoseconds, 400.0),
            row(Set::Guest, "rdcycle", Quantity::Nanoseconds, 20.0),
            row(Set::Guest, "power-on-to-init", Quantity::CpuSeconds, 4.0),
            row(Set::Hypervisor, "compute", Quantity::Nanoseconds, 101.0),
            row(Set::Hypervisor, "sbi-null", Quantity::Nanoseconds, 100.0),
            row(Set::Hypervisor, "power-on-to-init", Quantity::CpuSeconds, 3.0),
        ];
        let text = markdown(&rows);
        assert!(text.contains("| | KVM | ours | ratio |"), "{text}");
        assert!(text.contains("| sbi-null, nanoseconds | 400 (400–400) | 100 (100–100) | 0.25 |"), "{text}");
        assert!(text.contains("| power-on-to-init, seconds of processor time | 4.00 (4.00–4.00) |"), "{text}");
        assert!(text.contains("| compute, nanoseconds | 100 (100–100) | 101 (101–101) | 1.01 |"), "{text}");
        assert_eq!(text.matches("sbi-null").count() + text.matches("rdcycle").count(), 1, "{text}");
    }

    #[test]
    fn nothing_is_said_of_what_was_not_measured() {
        assert_eq!(markdown(&[row(Set::Bare, "compute", Quantity::Nanoseconds, 1.0)]), "");
    }
}
