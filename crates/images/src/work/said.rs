//! What work that measures itself prints: lines of workloads (`guest/workloads`), and of operations of a kernel
//! (`guest/switches`).
//!
//! It comes out of a machine, where anybody may print anything: lines and words have an end, numbers that are no times
//! are none, and nothing is kept that a terminal would take for an order.

use std::io::{BufRead, Read as _};

use serde_json::Value;

use super::{OVER, SWITCHES_DONE};

/// Bytes of a line that are looked at; what follows in it is dropped.
pub const MOST_LINE: usize = 16 << 10;
/// Letters of a text that are kept.
pub const MOST_TEXT: usize = 400;

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// A workload begins.
    Begins {
        /// Its name.
        workload: String,
        /// How often it will do its work.
        iterations: u64,
    },
    /// A workload has ended.
    Ended(Ended),
    /// A kernel has measured an operation.
    Operation {
        /// Its name.
        name: String,
        /// What it takes once.
        seconds: f64,
        /// How often it was done.
        count: u64,
    },
    /// A kernel has measured all that it can.
    Measured,
    /// Nothing more is said.
    Over,
    /// Something else.
    Other,
}

/// What came of a workload.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ended {
    /// Its name.
    pub workload: String,
    /// How long it took by its clock.
    pub seconds: Option<f64>,
    /// The processor time that it used, as its kernel tells it.
    pub processor: Option<f64>,
    /// The number that it came to.
    pub check: Option<String>,
    /// Why it failed.
    pub failed: Option<String>,
    /// What it needs that is not there.
    pub absent: Option<String>,
}

impl Line {
    /// What a line says.
    pub fn of(line: &str) -> Line {
        // what a workload sent to the serial port may stand before
        let text = line.trim();
        match text {
            OVER => Line::Over,
            SWITCHES_DONE => Line::Measured,
            _ if text.starts_with("{\"workload\"") => of_workload(text).unwrap_or(Line::Other),
            _ => operation(text).unwrap_or(Line::Other),
        }
    }
}

fn of_workload(text: &str) -> Option<Line> {
    let value: Value = serde_json::from_str(text).ok()?;
    let words = |name: &str| value[name].as_str().map(plain);
    let workload = words("workload")?;
    if let Some(iterations) = value["iterations"].as_u64() {
        return Some(Line::Begins { workload, iterations });
    }
    let seconds = |name: &str| value[name].as_f64().filter(|seconds| is_time(*seconds));
    Some(Line::Ended(Ended {
        workload,
        seconds: seconds("seconds"),
        processor: seconds("processor"),
        check: words("check"),
        failed: words("failed"),
        absent: words("absent"),
    }))
}

/// `NAME NANOSECONDS COUNT`.
fn operation(text: &str) -> Option<Line> {
    let mut words = text.split_whitespace();
    let (name, nanoseconds, count) = (words.next()?, words.next()?, words.next()?);
    let is_name = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let seconds = nanoseconds.parse::<f64>().ok()? / 1e9;
    let whole = is_name && words.next().is_none() && is_time(seconds);
    let count = count.parse().ok()?;
    whole.then(|| Line::Operation { name: plain(name), seconds, count })
}

/// Whether somebody can have waited for so long.
fn is_time(seconds: f64) -> bool {
    seconds.is_finite() && seconds >= 0.0
}

/// A text that may be shown.
pub fn plain(text: &str) -> String {
    text.chars().take(MOST_TEXT).map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// Lines as they come, each cut at [`MOST_LINE`]; what cannot be read is the end.
pub struct Lines<R>(pub R);

impl<R: BufRead> Iterator for Lines<R> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let mut line = Vec::new();
        let count = self.0.by_ref().take(MOST_LINE as u64).read_until(b'\n', &mut line).ok()?;
        match line.last() {
            None => return None,
            Some(b'\n') => drop(line.pop()),
            Some(_) if count == MOST_LINE => drop_line(&mut self.0),
            Some(_) => {}
        }
        Some(String::from_utf8_lossy(&line).into_owned())
    }
}

/// Reads to the end of a line, and keeps nothing.
fn drop_line(from: &mut impl BufRead) {
    loop {
        let Ok(bytes) = from.fill_buf() else { return };
        let (count, over) = match bytes.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (bytes.len(), bytes.is_empty()),
        };
        from.consume(count);
        if over {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workloads_lines_are_understood() {
        let begins = Line::of("   {\"workload\":\"sort\",\"iterations\":20}\r");
        assert_eq!(begins, Line::Begins { workload: "sort".into(), iterations: 20 });
        let ended = Ended {
            workload: "sort".into(),
            seconds: Some(0.5),
            processor: Some(0.25),
            check: Some("5f".into()),
            ..Ended::default()
        };
        let line = r#"{"workload":"sort","seconds":0.5,"processor":0.25,"check":"5f"}"#;
        assert_eq!(Line::of(line), Line::Ended(ended));
        assert_eq!(Line::of("bench: over\r"), Line::Over);
        assert_eq!(Line::of("switches: done\r"), Line::Measured);
    }

    #[test]
    fn an_operations_line_is_told_from_others() {
        let operation = Line::Operation { name: "sbi-null".into(), seconds: 193.44 / 1e9, count: 524_288 };
        assert_eq!(Line::of("sbi-null 193.44 524288\r"), operation);
        for line in ["sbi-null many 1", "a b c", "sbi-null 1 2 3", "", "[ 0.1] Linux 6", "A 1 2"] {
            assert_eq!(Line::of(line), Line::Other, "{line}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for line in ["sbi-null inf 1", "sbi-null nan 1", "sbi-null -3 1"] {
            assert_eq!(Line::of(line), Line::Other, "{line}");
        }
        let Line::Ended(ended) = Line::of(r#"{"workload":"sort","seconds":-1.0,"processor":"x"}"#) else { panic!() };
        assert_eq!((ended.seconds, ended.processor), (None, None));
    }

    #[test]
    fn nothing_is_kept_that_moves_a_cursor_or_has_no_end() {
        let line = format!(r#"{{"workload":"sort","failed":"\u001b[2J{}"}}"#, "x".repeat(MOST_LINE));
        let Line::Ended(ended) = Line::of(&line) else { panic!() };
        let failed = ended.failed.unwrap();
        assert!(failed.starts_with(" [2Jx") && failed.len() == MOST_TEXT, "{failed}");
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let text = format!("one\n{}\nthree", "2".repeat(3 * MOST_LINE));
        let lines: Vec<usize> = Lines(text.as_bytes()).map(|line| line.len()).collect();
        assert_eq!(lines, [3, MOST_LINE, 5]);
        // one that is as long as is looked at has its end behind
        let text = format!("{}\n\nlast\n", "2".repeat(MOST_LINE));
        let lines: Vec<usize> = Lines(text.as_bytes()).map(|line| line.len()).collect();
        assert_eq!(lines, [MOST_LINE, 0, 4]);
    }
}
