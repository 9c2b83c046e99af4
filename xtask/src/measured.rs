//! What `vhart bench` promises, tried: counts that are the same each time, a planted loss that is told with its reason,
//! and parts of the guest's loss that add up to the whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::Value;

/// Workloads of each kind that take little.
const WORKLOADS: [&str; 5] = ["sort", "matmul", "syscall", "page-fault", "touch-4k"];

/// Workloads that want two harts.
const TWO_HARTS: [&str; 2] = ["ipi", "wake"];

/// Counts twice, the second time as if elsewhere, and compares.
///
/// # Errors
/// Two deterministic runs differ, a workload fails, or a count is not what the workload makes it.
pub fn check() -> anyhow::Result<()> {
    eprintln!("== bench, counts twice");
    let place = tempfile::tempdir().context("no temporary directory")?;
    let files = ["one.json", "other.json"].map(|name| place.path().join(name));
    let report = place.path().join("report");
    let said = report.to_str().context("the temporary directory is not UTF-8")?;
    let one = count(&files[0], &WORKLOADS, &["--report", said])?;
    let other = elsewhere(place.path(), &files[1])?;
    same(&one, &other)?;
    reasons(&one)?;
    costs(&report)?;
    planted(&one, &count(&place.path().join("planted.json"), &WORKLOADS, &["--plant", "10000"])?)?;
    small_pages(place.path())?;
    two_harts(&count(&place.path().join("two-harts.json"), &TWO_HARTS, &["--", "--harts", "1"])?)?;
    compare(&files)
}

/// Two deterministic runs counted the same.
fn same(one: &Value, other: &Value) -> anyhow::Result<()> {
    ensure!(one["runs"].as_array().is_some_and(|runs| runs.len() == 2), "bench: not one run of each place");
    for (one, other) in rows(&one["runs"]).zip(rows(&other["runs"])) {
        ensure!(one["outcomes"] == other["outcomes"], "bench: two deterministic runs differ: {one}\n{other}");
    }
    Ok(())
}

/// So `vhart bench` finds.
fn compare(files: &[PathBuf]) -> anyhow::Result<()> {
    interrupts()?;
    let compared = vhart()?.args(["bench", "--compare"]).args(files).args(["--threshold", "0"]).status();
    ensure!(compared.context("cannot run vhart")?.success(), "bench: --compare finds a difference where there is none");
    Ok(())
}

fn vhart() -> anyhow::Result<Command> {
    Ok(Command::new(std::path::absolute(crate::booted::VHART).context("no current directory")?))
}

/// Counts as if on another computer: the cache is at another path, and the terminal another one.
fn elsewhere(place: &Path, file: &Path) -> anyhow::Result<Value> {
    let cache = place.join("another-cache-with-a-longer-name");
    std::os::unix::fs::symlink(images::Cache::of_user()?.root(), &cache).context("no link to the cache")?;
    let mut vhart = vhart()?;
    vhart.env("VHART_CACHE", cache).env("TERM", "another-terminal");
    counted(vhart, file, &WORKLOADS, &[])
}

fn count(file: &Path, workloads: &[&str], more: &[&str]) -> anyhow::Result<Value> {
    counted(vhart()?, file, workloads, more)
}

fn counted(mut command: Command, file: &Path, workloads: &[&str], more: &[&str]) -> anyhow::Result<Value> {
    command.args(["bench", "--counts", "--quick", "--json"]).arg(file).args(workloads).args(more);
    let status = command.status().context("cannot run vhart")?;
    ensure!(status.success(), "bench --counts ended with {status}");
    let text = std::fs::read_to_string(file).context("bench wrote no results")?;
    serde_json::from_str(&text).context("the results of bench are no JSON")
}

fn rows(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// How many exits for a reason a workload's guest made.
fn exits(results: &Value, workload: &str, reason: &str) -> u64 {
    let guest = rows(&results["runs"]).filter(|run| run["place"] == "guest");
    let outcomes = guest.flat_map(|run| rows(&run["outcomes"])).filter(|outcome| outcome["workload"] == workload);
    let exits = outcomes.flat_map(|outcome| rows(&outcome["counts"]["exits"]));
    let named = exits.filter(|exit| exit["reason"].as_str().is_some_and(|text| text.contains(reason)));
    named.filter_map(|exit| exit["count"].as_u64()).sum()
}

/// How much of a whole its parts may miss, and how much of the guest's time may be unexplained where an instruction
/// takes as long everywhere.
const SLACK: f64 = 0.02;

fn add_up(text: &str, workload: &str, of: &str) -> anyhow::Result<()> {
    let (whole, parts) = (cost(text, workload, of, "whole")?, parts(text, workload, of));
    let sum: f64 = parts.iter().map(|(_, amount)| amount).sum();
    let adds_up = (sum - whole).abs() <= SLACK * whole.abs();
    ensure!(adds_up, "bench: {of} of {workload}: {whole}, but parts of {sum}: {parts:?}");
    Ok(())
}

/// The parts of each guest's instructions, time and loss add up to what was measured, none is below nothing that cannot
/// be, and nothing to speak of is unexplained.
fn costs(report: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(report.join("costs.csv")).context("bench wrote no costs.csv")?;
    for workload in WORKLOADS {
        let took = cost(&text, workload, "time", "whole")?;
        for of in ["instructions", "time", "loss"] {
            add_up(&text, workload, of)?;
        }
        let negative = parts(&text, workload, "time").into_iter().find(|(_, amount)| *amount < -SLACK * took);
        ensure!(negative.is_none(), "bench: {workload} has a part of less than no time: {negative:?}");
        let rest = cost(&text, workload, "loss", "unexplained")?;
        ensure!(rest.abs() <= SLACK * took, "bench: {rest} s of {workload}'s {took} s are unexplained");
    }
    Ok(())
}

/// A part, by name.
fn cost(text: &str, workload: &str, of: &str, name: &str) -> anyhow::Result<f64> {
    let found = amounts(text, workload, of).find(|(part, _)| *part == name);
    found.map(|(_, amount)| amount).with_context(|| format!("bench tells no {name} of {workload}'s {of}"))
}

/// All parts but the whole.
fn parts<'a>(text: &'a str, workload: &'a str, of: &'a str) -> Vec<(&'a str, f64)> {
    amounts(text, workload, of).filter(|(part, _)| *part != "whole").collect()
}

fn amounts<'a>(text: &'a str, workload: &'a str, of: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
    let rest = text.lines().filter_map(move |line| line.strip_prefix(&format!("{workload},guest,{of},")));
    rest.filter_map(|rest| {
        let (before, amount) = rest.rsplit_once(',')?;
        Some((before.rsplit_once(',')?.0, amount.parse().ok()?))
    })
}

/// Ten thousand characters to the serial port are as many stores that the VMM is asked for.
fn planted(without: &Value, with: &Value) -> anyhow::Result<()> {
    for workload in WORKLOADS {
        let [before, now] = [without, with].map(|results| exits(results, workload, "store/AMO guest-page fault: uart"));
        let more = now.saturating_sub(before);
        ensure!(
            (10_000..11_000).contains(&more),
            "bench: {workload} has {more} more exits for the serial port, not 10000"
        );
    }
    Ok(())
}

/// A guest without large pages walks through each of its pages: as much as a program that asked for small ones, and
/// more than one that has large ones. Each chase has a machine of its own, for what ran before has touched the memory
/// already.
fn small_pages(place: &Path) -> anyhow::Result<()> {
    let [small, planted, large] = [
        ("small.json", ["chase-4k"].as_slice()),
        ("planted.json", &["chase-2m", "--plant-small-pages"]),
        ("large.json", &["chase-2m"]),
    ]
    .map(|(file, words)| chase(&place.join(file), words));
    let ([small, _], [planted, told], [large, _]) = (small?, planted?, large?);
    ensure!(
        planted.abs_diff(small) * 20 < small && planted * 10 > large * 11,
        "bench: {planted} steps of walks in small pages that were planted, {small} in small and {large} in large ones"
    );
    ensure!(told * 10 > planted, "bench: of {planted} steps of walks {told} are told as more than in the host");
    Ok(())
}

/// Counts a chase in host and guest. Answers the guest's steps of walks, and how many more than in the host are told.
fn chase(file: &Path, words: &[&str]) -> anyhow::Result<[u64; 2]> {
    let mut command = vhart()?;
    let output = command.args(["bench", "--counts", "--quick", "--json"]).arg(file).args(words).output();
    let output = output.context("cannot run vhart")?;
    ensure!(output.status.success(), "bench {words:?} ended with {}", output.status);
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().skip_while(|line| !line.starts_with("more than in the host")).nth(1);
    let told = line.and_then(|line| line.split_whitespace().nth(2)?.parse().ok()).context("bench tells no loss")?;
    let results: Value = serde_json::from_str(&std::fs::read_to_string(file)?).context("no results")?;
    Ok([steps(&results, words[0]), told])
}

/// Steps of page walks that a workload's guest took.
fn steps(results: &Value, workload: &str) -> u64 {
    let guest = rows(&results["runs"]).filter(|run| run["place"] == "guest");
    let outcomes = guest.flat_map(|run| rows(&run["outcomes"])).filter(|outcome| outcome["workload"] == workload);
    outcomes.flat_map(|outcome| rows(&outcome["counts"]["walks"])).filter_map(|walks| walks["reads"].as_u64()).sum()
}

/// A guest that is no Linux is measured on two harts, by a host that pins its threads.
fn interrupts() -> anyhow::Result<()> {
    let words = ["bench", "--quick", "--rounds", "4", "--places", "guest", "msi-running", "msi-sleeping"];
    let status = vhart()?.args(words).status().context("cannot run vhart")?;
    ensure!(status.success(), "bench of interrupts in the guest ended with {status}");
    Ok(())
}

/// What wants two harts has them in host and guest, where the machine that was asked for has one.
fn two_harts(results: &Value) -> anyhow::Result<()> {
    for run in rows(&results["runs"]) {
        let counted = rows(&run["outcomes"]).filter(|outcome| outcome["counts"]["instructions"].as_u64() > Some(0));
        ensure!(counted.count() == TWO_HARTS.len(), "bench: not all of {TWO_HARTS:?} were counted: {run}");
    }
    Ok(())
}

/// Memory that nobody has touched is given to a guest page by page, each with an exit; what a program computes has none
/// to speak of.
fn reasons(results: &Value) -> anyhow::Result<()> {
    let counts: BTreeMap<&str, u64> =
        WORKLOADS.iter().map(|name| (*name, exits(results, name, "page mapped"))).collect();
    ensure!(counts["touch-4k"] > 10 * counts["syscall"].max(1), "bench: exits for pages are elsewhere: {counts:?}");
    Ok(())
}
