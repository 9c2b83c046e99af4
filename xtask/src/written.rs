//! The hypervisor's log of what a guest writes, beside what the guest says: `guest/checks` with `checks.written`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use crate::booted::VHART;

/// Harts that set D themselves, and harts that leave it to the hypervisor.
const WHO_SETS_D: [&str; 2] = ["rv64,svadu=on,svade=off", "rv64,svadu=off,svade=on"];
/// Ctrl-B D for the hypervisor, and a key for the guest.
const ASK: &[u8] = b"\x02dx";
/// Pages that the guest writes to beside those that it tells of: its stack, and what is told to it.
const BESIDE: u64 = 8;

/// Runs it, and compares.
pub fn check(kernel: &str) -> anyhow::Result<()> {
    for isa in WHO_SETS_D {
        eprintln!("== the hypervisor's log of written pages, {isa}");
        let counts = counts(kernel, isa)?;
        ensure!(counts.len() == 4, "the guest was counted {} times", counts.len());
        // The first time all that was ever written to is told.
        for &(said, counted) in &counts[1..] {
            ensure!(
                (said..=said + BESIDE).contains(&counted),
                "{isa}: {counted} pages are logged where the guest wrote to {said}"
            );
        }
    }
    Ok(())
}

/// What the guest says, and what the hypervisor then does.
fn counts(kernel: &str, isa: &str) -> anyhow::Result<Vec<(u64, u64)>> {
    let words = ["hypervisor", "--guests", "1", "--isa", isa, "--append", "checks.written", "--timeout", "5m"];
    let mut command = Command::new(VHART);
    command.args(words).args(["--guest-kernel", kernel, "--guest-initrd", kernel]);
    let mut run = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("cannot run vhart")?;
    let (mut keys, console) = run.stdin.take().zip(run.stdout.take()).context("vhart has no console")?;
    let (mut said, mut counts) = (0, Vec::new());
    for line in BufReader::new(console).lines() {
        let line = line.context("the console cannot be read")?;
        if let Some(pages) = number_behind(&line, "written: ") {
            said = pages;
            keys.write_all(ASK).context("nothing can be typed")?;
        }
        counts.extend(number_behind(&line, "has written to ").map(|counted| (said, counted)));
    }
    ensure!(run.wait()?.success(), "the run of a guest that writes failed");
    Ok(counts)
}

/// The number that follows `words` in a line.
fn number_behind(line: &str, words: &str) -> Option<u64> {
    line.split_once(words)?.1.split(' ').next()?.parse().ok()
}
