//! `cargo xtask kvm-exits`: the exits that `vhart --stat` counts, held against KVM's own tracepoint `kvm_exit`.
//!
//! Both see the same window: the guest of `linux --check` is the only one, and the host traces from before its first
//! entry.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use crate::booted::CHECK;

/// What the host's init is told.
const WORD: &str = "vhart.count_exits";

/// Exits by cause.
type Exits = BTreeMap<u64, u64>;

/// Boots both. Answers what `--stat` wrote, and what the host's console showed.
fn boot(what: &str) -> anyhow::Result<(Value, String)> {
    let file = std::env::temp_dir().join(format!("vhart-exits-{}.json", std::process::id()));
    let mut stat = std::ffi::OsString::from("--stat=");
    stat.push(&file);
    let mut command = Command::new("cargo");
    command.args(CHECK).args(["--verbose", "--append", WORD]).arg(stat);
    let output = command.output().context("cannot run cargo")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{what} failed: {said}");
    let report = std::fs::read(&file).with_context(|| format!("cannot read '{}'", file.display()))?;
    // it is in the directory for temporary files
    let _ = std::fs::remove_file(&file);
    Ok((serde_json::from_slice(&report)?, said))
}

fn show(ours: &Exits, theirs: &Exits) {
    println!("{:>18} {:>10} {:>10}", "scause", "--stat", "kvm_exit");
    for cause in ours.keys().chain(theirs.keys()).collect::<std::collections::BTreeSet<_>>() {
        let of = |exits: &Exits| exits.get(cause).copied().unwrap_or(0);
        println!("{cause:>#18x} {:>10} {:>10}", of(ours), of(theirs));
    }
}

/// Boots both, and compares. Answers where the kernels' `start_kernel` is.
pub fn compare() -> anyhow::Result<u64> {
    let what = "linux --check, exits as KVM counts them";
    eprintln!("== {what}");
    let (report, said) = boot(what)?;
    let (ours, theirs) = (counted(&report)?, traced(&said));
    show(&ours, &theirs);
    if theirs.is_empty() || ours != theirs {
        bail!("{what}: they differ");
    }
    compare_devices(&report, &said)?;
    start_kernel(&said).with_context(|| format!("{what}: the host does not say where start_kernel is"))
}

/// The host's line of `/proc/kallsyms`.
fn start_kernel(console: &str) -> Option<u64> {
    let address = console.lines().find_map(|line| line.trim().strip_suffix(" T start_kernel"))?;
    u64::from_str_radix(address, 16).ok()
}

/// The serial port's exits, as `--stat` counts them here and as the guest's VMM does, to which KVM leaves them all.
fn compare_devices(report: &Value, console: &str) -> anyhow::Result<()> {
    const ROW: &str = "mmio: uart ";
    let exits = report["total"]["exits"].as_array().context("no exits in the report")?;
    let uart = exits.iter().filter(|exit| exit["kind"] == "mmio" && exit["about"] == "uart");
    let ours: u64 = uart.filter_map(|exit| exit["count"].as_u64()).sum();
    let row = console.lines().find_map(|line| line.trim().strip_prefix(ROW));
    let theirs = row.and_then(|row| row.split_whitespace().next()?.parse::<u64>().ok());
    println!("{:>18} {ours:>10} {:>10}", "uart", theirs.unwrap_or(0));
    if ours == 0 || theirs != Some(ours) {
        bail!("the serial port's exits: the guest's VMM counted {theirs:?}, and --stat {ours}");
    }
    Ok(())
}

/// What `--stat` counted.
fn counted(report: &Value) -> anyhow::Result<Exits> {
    let mut exits = Exits::new();
    for exit in report["total"]["exits"].as_array().context("no exits in the report")? {
        let number = |name: &str| exit[name].as_u64().with_context(|| format!("no {name} of an exit"));
        *exits.entry(number("cause")?).or_default() += number("count")?;
    }
    Ok(exits)
}

/// What the host's init said on the console.
fn traced(console: &str) -> Exits {
    let line = |line: &str| {
        let (cause, count) = line.trim().strip_prefix("kvm_exit ")?.split_once(' ')?;
        Some((u64::from_str_radix(cause, 16).ok()?, count.parse().ok()?))
    };
    console.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_are_read() {
        let report = r#"{"total":{"exits":[{"cause":10,"count":2},{"cause":10,"count":3},{"cause":9223372036854775813,"count":1}]}}"#;
        let ours = counted(&serde_json::from_str(report).unwrap()).unwrap();
        assert_eq!(start_kernel("x\r\nffffffff80c008bc T start_kernel\r\n"), Some(0xffff_ffff_80c0_08bc));
        assert_eq!(ours, traced("x\r\nkvm_exit a 5\r\nkvm_exit 8000000000000005 1\r\nkvm_exit: no\n"));
    }
}
