//! What all guided runs came to: a row for each target, in a table of the docs that is read and written again.

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};

/// How the table begins.
const HEAD: &str = "| target | processor time | inputs | branches reached | found |\n|---|---|---|---|---|\n";
/// How the line behind it begins.
const SUM: &str = "Together: ";

/// One run of one target.
pub struct Turn {
    target: String,
    cpu: Duration,
    inputs: u64,
    branches: u64,
}

impl Turn {
    /// Of what libFuzzer said.
    pub fn new(target: &str, cpu: Duration, said: &str) -> Option<Turn> {
        let last = |before: &str| said.rsplit_once(before)?.1.split_whitespace().next()?.parse().ok();
        let (inputs, branches) = (last("stat::number_of_executed_units: ")?, last(" cov: ")?);
        Some(Turn { target: target.to_owned(), cpu, inputs, branches })
    }
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, inputs) = (self.cpu.as_secs(), grouped(self.inputs));
        write!(f, "{:12} {seconds:4} s, {inputs} inputs, {} branches", self.target, self.branches)
    }
}

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    target: String,
    seconds: u64,
    inputs: u64,
    branches: u64,
    /// In words: who mends what was found writes them.
    found: String,
}

impl Row {
    fn read(line: &str) -> Option<Row> {
        let cells: Vec<&str> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
        let &[target, seconds, inputs, branches, found] = cells.as_slice() else { return None };
        Some(Row {
            target: target.trim_matches('`').to_owned(),
            seconds: number(seconds.strip_suffix(" s")?)?,
            inputs: number(inputs)?,
            branches: number(branches)?,
            found: found.to_owned(),
        })
    }

    fn new(target: &str) -> Row {
        Row { target: target.to_owned(), seconds: 0, inputs: 0, branches: 0, found: "nothing".to_owned() }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [seconds, inputs, branches] = [self.seconds, self.inputs, self.branches].map(grouped);
        write!(f, "| `{}` | {seconds} s | {inputs} | {branches} | {} |", self.target, self.found)
    }
}

/// A page with the table, apart.
pub struct Record {
    before: String,
    rows: Vec<Row>,
    after: String,
}

impl Record {
    /// # Errors
    /// The page cannot be read, or has no such table.
    pub fn read(page: &Path) -> anyhow::Result<Record> {
        let text = fs::read_to_string(page).with_context(|| format!("cannot read '{}'", page.display()))?;
        Record::parse(&text).with_context(|| format!("'{}' has no record of guided runs", page.display()))
    }

    fn parse(text: &str) -> Option<Record> {
        let (before, rest) = text.split_once(HEAD)?;
        let (rows, rest) = rest.split_once("\n\n")?;
        let after = rest.strip_prefix(SUM)?.split_once('\n')?.1;
        let rows = rows.lines().map(Row::read).collect::<Option<_>>()?;
        Some(Record { before: before.to_owned(), rows, after: after.to_owned() })
    }

    /// Adds what a turn came to. Branches are those that the last turn reached: builds differ in how many there are.
    ///
    /// # Errors
    /// There is more than a number holds.
    pub fn add(&mut self, turn: &Turn) -> anyhow::Result<()> {
        if !self.rows.iter().any(|row| row.target == turn.target) {
            self.rows.push(Row::new(&turn.target));
        }
        for row in self.rows.iter_mut().filter(|row| row.target == turn.target) {
            row.seconds += turn.cpu.as_secs();
            row.inputs = row.inputs.checked_add(turn.inputs).context("more inputs than can be counted")?;
            row.branches = turn.branches;
        }
        Ok(())
    }

    /// # Errors
    /// The page cannot be written.
    pub fn write(&self, page: &Path) -> anyhow::Result<()> {
        ensure!(page.is_file(), "'{}' is gone", page.display());
        // Beside it first, so that a full disk leaves the page whole.
        let new = page.with_extension("new");
        fs::write(&new, self.to_string()).with_context(|| format!("cannot write '{}'", new.display()))?;
        fs::rename(&new, page).with_context(|| format!("cannot write '{}'", page.display()))
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{HEAD}", self.before)?;
        self.rows.iter().try_for_each(|row| writeln!(f, "{row}"))?;
        let minutes = self.rows.iter().map(|row| row.seconds).sum::<u64>() / 60;
        let inputs = grouped(self.rows.iter().map(|row| row.inputs).sum());
        let (hours, minutes) = (minutes / 60, minutes % 60);
        write!(f, "\n{SUM}{hours} h {minutes} min of processor time, {inputs} inputs.\n{}", self.after)
    }
}

/// With commas between thousands.
fn grouped(number: u64) -> String {
    match number / 1000 {
        0 => number.to_string(),
        thousands => format!("{},{:03}", grouped(thousands), number % 1000),
    }
}

fn number(grouped: &str) -> Option<u64> {
    grouped.replace(',', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Fuzzing\n\n\
        | target | processor time | inputs | branches reached | found |\n|---|---|---|---|---|\n\
        | `decode` | 3,600 s | 1,041,847 | 1,162 | nothing |\n\
        | `isa` | 36 s | 999 | 452 | one, mended |\n\n\
        Together: 1 h 0 min of processor time, 1,042,846 inputs.\n\n## More\n";

    const SAID: &str = "#8\tNEW    cov: 448 ft: 880\n#12\tREDUCE cov: 449 ft: 890 corp: 2/3b\nDone\n\
        stat::number_of_executed_units: 12\nstat::average_exec_per_sec: 1\n";

    #[test]
    fn a_page_is_written_as_it_was_read() {
        assert_eq!(Record::parse(PAGE).unwrap().to_string(), PAGE);
    }

    #[test]
    fn the_docs_have_a_record() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(super::super::DOCS);
        let record = Record::read(&docs).unwrap();
        assert_eq!(record.to_string(), fs::read_to_string(docs).unwrap());
    }

    #[test]
    fn a_turn_adds_to_its_row_and_the_sum() {
        let mut record = Record::parse(PAGE).unwrap();
        record.add(&Turn::new("isa", Duration::from_secs(61), SAID).unwrap()).unwrap();
        record.add(&Turn::new("new", Duration::from_secs(3600), SAID).unwrap()).unwrap();
        let text = record.to_string();
        assert!(
            text.contains("\n| `isa` | 97 s | 1,011 | 449 | one, mended |\n| `new` | 3,600 s | 12 | 449 | nothing |\n")
        );
        assert!(text.contains("\nTogether: 2 h 1 min of processor time, 1,042,870 inputs.\n\n## More\n"));
    }

    #[test]
    fn who_says_nothing_has_no_turn() {
        assert!(Turn::new("isa", Duration::ZERO, "libFuzzer: out of memory").is_none());
    }
}
