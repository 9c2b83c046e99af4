//! README's figures: nothing is typed there, they are those of the documents' tables, which `cargo xtask bench` writes.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow};

use super::{DOCUMENT, document, report};

const README: &str = "README.md";

/// The tables of the jobs that README has figures of, by their headings.
const LINUX: &str = "linux --check";
/// The row that is no time.
const MEAN: &str = "bare-metal programs, geometric mean";

/// Phases of `vhart linux --check`: what README calls them, and the table.
const PHASES: [(&str, &str); 3] = [
    ("power on to the host's first process", "host init"),
    ("power on to the guest's first process", "guest init"),
    ("host Linux, KVM, guest Linux, power off", "all"),
];

/// What `vhart bench` measured in the guest of KVM.
const OPERATIONS: [(&str, &str); 2] =
    [("SBI call of a KVM guest", "sbi-null"), ("MMIO exit of a KVM guest to its VMM", "mmio-read")];

/// The row of means of `vhart bench`, and its ratios to the other emulator.
const OF_ALL: &str = "geometric mean, but for timers";
const MEANS: [(&str, &str); 2] = [
    ("programs in the host Linux, geometric mean", "qemu-host/host"),
    ("programs in a KVM guest, geometric mean", "qemu-guest/guest"),
];

/// Writes them.
///
/// # Errors
/// A document cannot be read, or lacks a figure.
pub fn update(workspace: &Path) -> anyhow::Result<()> {
    document::update(&workspace.join(README), &figures(workspace)?)
}

fn figures(workspace: &Path) -> anyhow::Result<String> {
    let read = |name: &str| fs::read_to_string(workspace.join(name)).with_context(|| format!("cannot read '{name}'"));
    text(&read(DOCUMENT)?, &read(report::DOCUMENT)?)
}

/// README's tables, of those of both documents.
fn text(jobs: &str, work: &str) -> anyhow::Result<String> {
    let (jobs, work) = (tables(jobs), tables(work));
    let linux = jobs.iter().find(|table| table.heading.contains(LINUX)).context("no table of phases")?;
    let mut text = phases(linux)?;
    writeln!(text, "| {MEAN} | | | {} |", mean(&jobs)?)?;
    text += &ratios(&work)?;
    let (host, guest) = (find(&work, OF_ALL, "host/native")?, find(&work, OF_ALL, "guest/host")?);
    write!(
        text,
        "\nThe same work takes {host} times as long in vhart's host Linux as on the computer itself, and in the guest {guest} times as long as in the host\n\
         (geometric means of the workloads that compute)."
    )?;
    Ok(text)
}

/// The head of the table, and its rows of phases.
fn phases(linux: &Table) -> anyhow::Result<String> {
    let other = linux.heads.get(2).context("vhart alone was measured")?;
    let mut text = format!("| | vhart | {other} | ratio |\n|---|---:|---:|---:|\n");
    for (name, phase) in PHASES {
        let cell = |column: &str| linux.figure(phase, column);
        writeln!(text, "| {name} | {} s | {} s | {} |", cell("vhart")?, cell(other)?, cell("ratio")?)?;
    }
    Ok(text)
}

/// Its rows of what `vhart bench` measured.
fn ratios(work: &[Table]) -> anyhow::Result<String> {
    let mut text = String::new();
    for (name, ratio) in MEANS {
        writeln!(text, "| {name} | | | {} |", find(work, OF_ALL, ratio)?)?;
    }
    for (name, row) in OPERATIONS {
        let cell = |column| find(work, row, column);
        writeln!(text, "| {name} | {} | {} | {} |", cell("guest")?, cell("qemu-guest")?, cell("qemu-guest/guest")?)?;
    }
    Ok(text)
}

/// A figure of whichever table has it.
fn find(work: &[Table], row: &str, column: &str) -> anyhow::Result<String> {
    let found = work.iter().find_map(|table| table.figure(row, column).ok());
    found.ok_or_else(|| anyhow!("'{}' has no {column} of {row}", report::DOCUMENT))
}

/// What stands under the table of bare-metal programs.
fn mean<'a>(jobs: &'a [Table]) -> anyhow::Result<&'a str> {
    let said = jobs.iter().find_map(|table| table.below.split_once("Geometric mean of the ratios: "));
    said.and_then(|(_, mean)| mean.split_whitespace().next()).context("no mean of the programs")
}

/// A table of a document.
#[derive(Debug, Default)]
struct Table<'a> {
    /// The last heading before it.
    heading: &'a str,
    heads: Vec<&'a str>,
    rows: Vec<Vec<&'a str>>,
    /// The text up to the next one.
    below: String,
}

impl Table<'_> {
    /// A figure without its spread.
    fn figure(&self, row: &str, column: &str) -> anyhow::Result<String> {
        let at = self.heads.iter().position(|head| *head == column);
        let cells = self.rows.iter().find(|cells| cells.first() == Some(&row));
        let cell =
            cells.zip(at).and_then(|(cells, at)| cells.get(at)).filter(|cell| !["", "–", "failed"].contains(cell));
        let cell = cell.with_context(|| format!("no {column} of {row}"))?;
        Ok(cell.split(['(', '±']).next().unwrap_or_default().trim().to_owned())
    }
}

/// All tables of a text.
fn tables(text: &str) -> Vec<Table<'_>> {
    let (mut tables, mut heading, mut was_table) = (Vec::<Table>::new(), "", false);
    for line in text.lines() {
        let cells = line.strip_prefix('|').and_then(|line| line.strip_suffix('|'));
        match (cells.map(|cells| cells.split('|').map(str::trim).collect::<Vec<_>>()), tables.last_mut()) {
            (Some(cells), Some(table)) if was_table => table.rows.push(cells),
            (Some(heads), _) => tables.push(Table { heading, heads, ..Table::default() }),
            (None, _) if line.starts_with('#') => heading = line,
            (None, Some(table)) => table.below += &format!("{line}\n"),
            (None, None) => {}
        }
        was_table = cells.is_some();
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readme_has_the_figures_of_the_documents() {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let readme = fs::read_to_string(workspace.join(README)).unwrap();
        let figures = figures(workspace).unwrap();
        assert!(readme.contains(&figures), "'cargo xtask bench --readme' writes these figures:\n{figures}");
    }

    const JOBS: &str = "### Programs\n\n| | vhart | QEMU 9 | ratio |\n|---|---:|---:|---:|\n| all | 9 | 9 | 9 |\n\nGeometric mean of the ratios: 3.31\n\n\
                        ### `vhart linux --check`, seconds\n\n| | vhart | QEMU 9 | ratio |\n|---|---:|---:|---:|\n| host init | 0.40 (0.39–0.40) | 1.64 (1–2) | 4.11 |\n\
                        | guest init | 1.00 (1–1) | 5.84 (5–6) | 5.86 |\n| all | 1.57 (1–2) | 7.35 (7–8) | 4.69 |\n";
    const WORK: &str = "| | native | host | guest | host/native | guest/host |\n|---|---:|---:|---:|---:|---:|\n| geometric mean, but for timers | | | | 3.83 | 1.16 |\n\n\
                        | | guest | qemu-guest | qemu-host/host | qemu-guest/guest |\n|---|---:|---:|---:|---:|\n\
                        | sbi-null | 463.0 ns ±2 % | 12.80 us ±3 % | 6.7 (6–7) | 27.67 (25–29) |\n| mmio-read | 2.21 us ±2 % | 43.66 us ±3 % | – | 19.75 (19–20) |\n\
                        | geometric mean, but for timers | | | 4.4 | 4.5 |\n";

    #[test]
    fn figures_come_from_the_right_table_without_their_spread() {
        let text = text(JOBS, WORK).unwrap();
        for line in [
            "| | vhart | QEMU 9 | ratio |",
            "| host Linux, KVM, guest Linux, power off | 1.57 s | 7.35 s | 4.69 |",
            "| bare-metal programs, geometric mean | | | 3.31 |",
            "| programs in a KVM guest, geometric mean | | | 4.5 |",
            "| SBI call of a KVM guest | 463.0 ns | 12.80 us | 27.67 |",
            "The same work takes 3.83 times as long",
        ] {
            assert!(text.contains(line), "{line}:\n{text}");
        }
    }

    #[test]
    fn a_figure_that_is_missing_is_named() {
        let why = text(JOBS, &WORK.replace("mmio-read", "else")).unwrap_err().to_string();
        assert_eq!(why, "'docs/bench.md' has no guest of mmio-read");
    }
}
