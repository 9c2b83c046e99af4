//! The report of an unattended run: a table for people, JSON for programs.

use std::collections::BTreeMap;

use serde::Serialize;
use vcpu::Statistic;

use super::record::Arrival;

/// The report as `--json` writes it. Times are in seconds since power on.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether every phase arrived.
    pub passed: bool,
    /// The phase that did not arrive.
    pub missing: Option<&'static str>,
    /// Why the run ended before it.
    pub reason: Option<String>,
    /// Debian's name of the kernel.
    pub kernel: Option<String>,
    /// Who answered SBI calls.
    pub firmware: String,
    /// Harts of the host.
    pub harts: u32,
    /// Memory of the host, in bytes.
    pub memory_bytes: u64,
    /// The phases that arrived, in order.
    pub phases: Vec<Row>,
    /// With `--engine-stats`: what the engine did, by name, for each hart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statistics: Option<Vec<ByName>>,
    /// The console's last lines, where a phase is missing.
    pub console: Vec<String>,
}

/// One hart's statistics.
pub type ByName = BTreeMap<&'static str, u64>;

/// One phase of the report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The phase's name.
    pub phase: &'static str,
    /// When it arrived.
    pub seconds: f64,
    /// Instructions retired by all harts by then.
    pub instructions: u64,
    /// Millions of instructions per second since the phase before.
    pub mips: f64,
}

/// The heading of the table.
pub const HEADING: &str = "phase                        s   instructions    MIPS";

impl Row {
    /// The row of `arrival`, which came after `before`.
    pub fn new(arrival: &Arrival, before: Option<&Arrival>) -> Row {
        let (since, already) = before.map_or((0.0, 0), |before| (before.at.as_secs_f64(), before.instructions));
        let seconds = arrival.at.as_secs_f64();
        Row {
            phase: arrival.phase.name(),
            seconds,
            instructions: arrival.instructions,
            mips: mips(arrival.instructions.saturating_sub(already), seconds - since),
        }
    }
}

/// The rows of `arrivals`.
pub fn rows(arrivals: &[Arrival]) -> Vec<Row> {
    let before = std::iter::once(None).chain(arrivals.iter().map(Some));
    arrivals.iter().zip(before).map(|(arrival, before)| Row::new(arrival, before)).collect()
}

/// The same statistics, for JSON.
pub fn by_name(statistics: &Vec<Statistic>) -> ByName {
    statistics.iter().copied().collect()
}

fn mips(instructions: u64, seconds: f64) -> f64 {
    // Two phases in the same moment have no speed.
    if seconds > 1e-6 { instructions as f64 / seconds / 1e6 } else { 0.0 }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:22} {:7.2} {:>14} {:7.0}", self.phase, self.seconds, self.instructions, self.mips)
    }
}

/// The sentence under the table of a run that passed.
pub fn summary(arrivals: &[Arrival]) -> String {
    let Some(last) = arrivals.last() else { return "nothing happened".to_owned() };
    let row = Row::new(last, None);
    let billions = row.instructions as f64 / 1e9;
    format!("passed: every phase in {:.1} s, {billions:.2} billion instructions, {:.0} MIPS", row.seconds, row.mips)
}

#[cfg(test)]
mod tests {
    use super::*;
    use images::Phase;
    use std::time::Duration;

    fn arrival(phase: Phase, seconds: u64, instructions: u64) -> Arrival {
        Arrival { phase, at: Duration::from_secs(seconds), instructions }
    }

    #[test]
    fn speed_is_that_since_the_phase_before() {
        let arrivals = [arrival(Phase::HostKernel, 1, 100_000_000), arrival(Phase::HostInit, 3, 700_000_000)];
        let rows = rows(&arrivals);
        assert_eq!((rows[0].mips, rows[1].mips), (100.0, 300.0));
        assert_eq!(rows[1].to_string(), "host init                 3.00      700000000     300");
        assert_eq!(rows[1].to_string().len(), HEADING.len());
    }

    #[test]
    fn phases_of_one_moment_have_no_speed() {
        assert_eq!(rows(&[arrival(Phase::Firmware, 0, 7)])[0].mips, 0.0);
    }
}
