//! `--engine-stats`: how much was executed, how fast, and what the engine did for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use board::Machine;
use vcpu::Statistic;

use crate::errors;

/// A measurement that began when it was made.
pub struct Stats {
    start: Instant,
    retired: Arc<AtomicU64>,
}

impl Stats {
    /// Begins to measure what `machine` does.
    pub fn begin(machine: &Machine) -> Self {
        Stats { start: Instant::now(), retired: machine.retired() }
    }

    /// Prints what was measured to standard error.
    pub fn print(&self, machine: &Machine) {
        let time = self.start.elapsed();
        let text = table(&machine.statistics(), time);
        errors::tell(format!("{}\n{}", sentence(self.retired.load(Ordering::Relaxed), time), text.trim_end()));
    }
}

/// An engine that does not count has none but seconds to tell.
fn sentence(instructions: u64, time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if instructions == 0 {
        return format!("{seconds:.3} s");
    }
    let mips = instructions as f64 / seconds.max(1e-9) / 1e6;
    format!("{instructions} instructions, {seconds:.3} s, {mips:.1} MIPS")
}

/// A row for each name: the sum, that in a second of the run, and where there are several harts a column for each.
fn table(harts: &[Vec<Statistic>], time: Duration) -> String {
    let mut text = header(harts.len());
    for (row, &(name, _)) in harts.first().into_iter().flatten().enumerate() {
        let each: Vec<u64> = harts.iter().map(|hart| hart.get(row).map_or(0, |&(_, value)| value)).collect();
        let sum: u64 = each.iter().sum();
        let columns: String = match each.len() {
            1 => String::new(),
            _ => each.iter().map(|value| format!(" {value:>16}")).collect(),
        };
        text += &format!("{name:30} {sum:>16} {:>14.1}/s{columns}\n", sum as f64 / time.as_secs_f64().max(1e-9));
    }
    text + &translation(harts)
}

/// What the columns are.
fn header(harts: usize) -> String {
    let each: String = match harts {
        0 | 1 => String::new(),
        _ => (0..harts).map(|hart| format!(" {:>16}", format!("hart {hart}"))).collect(),
    };
    format!("{:30} {:>16} {:>16}{each}\n", "what", if harts > 1 { "all harts" } else { "count" }, "in a second")
}

/// What translating one instruction took, where an engine translates.
fn translation(harts: &[Vec<Statistic>]) -> String {
    let sum = |wanted| harts.iter().flatten().filter(|(name, _)| *name == wanted).map(|(_, value)| value).sum::<u64>();
    match sum("translated_instructions") {
        0 => String::new(),
        count => {
            format!("{:30} {:>16.1}\n", "ns_per_translated_instruction", sum("translation_ns") as f64 / count as f64)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    #[test]
    fn a_million_in_a_hundredth_of_a_second_is_100_mips() {
        assert_eq!(sentence(1_000_000, Duration::from_millis(10)), "1000000 instructions, 0.010 s, 100.0 MIPS");
        assert_eq!(sentence(0, Duration::from_secs(2)), "2.000 s");
    }

    #[test]
    fn harts_are_summed_and_shown() {
        let harts = [vec![("traps", 3)], vec![("traps", 4)]];
        let text = table(&harts, Duration::from_secs(2));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0].split("  ").map(str::trim).filter(|word| !word.is_empty()).collect::<Vec<_>>(),
            ["what", "all harts", "in a second", "hart 0", "hart 1"]
        );
        assert_eq!(lines[1].split_whitespace().collect::<Vec<_>>(), ["traps", "7", "3.5/s", "3", "4"]);
        assert_eq!(lines[0].len(), lines[1].len());
    }

    #[test]
    fn every_name_is_explained() {
        let document = include_str!("../../../docs/statistics.md");
        for words in [&["vhart", "run"][..], &["vhart", "run", "--engine", "interp"]] {
            let Command::Run(options) = Cli::try_parse_from(words).unwrap().command else { panic!("{words:?}") };
            let engine = &mut *crate::engine::of(&options.machine);
            let machine = Machine::new(board::MachineConfig::default(), engine).unwrap();
            let statistics = machine.statistics();
            assert!(statistics[0].len() > 10);
            for (name, _) in &statistics[0] {
                assert!(document.contains(&format!("`{name}`")), "{name}");
            }
        }
    }
}
