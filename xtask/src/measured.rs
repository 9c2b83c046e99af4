//! What `vhart bench` promises, tried: counts that are the same each time, and a planted loss that is told with its reason.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::Value;

/// Workloads of each kind that take little.
const WORKLOADS: [&str; 5] = ["sort", "matmul", "syscall", "page-fault", "touch-4k"];

/// Counts twice, and compares.
///
/// # Errors
/// Two deterministic runs differ, a workload fails, or a count is not what the workload makes it.
pub fn check() -> anyhow::Result<()> {
    eprintln!("== bench, counts twice");
    let place = tempfile::tempdir().context("no temporary directory")?;
    let files = ["one.json", "other.json"].map(|name| place.path().join(name));
    let [one, other] = [count(&files[0], &[])?, count(&files[1], &[])?];
    ensure!(one["runs"].as_array().is_some_and(|runs| runs.len() == 2), "bench: not one run of each place");
    for (one, other) in rows(&one["runs"]).zip(rows(&other["runs"])) {
        ensure!(one["outcomes"] == other["outcomes"], "bench: two deterministic runs differ: {one}\n{other}");
    }
    reasons(&one)?;
    planted(&one, &count(&place.path().join("planted.json"), &["--plant", "10000"])?)?;
    small_pages(&place.path().join("pages.json"))?;
    let compared = vhart()?.args(["bench", "--compare"]).args(&files).args(["--threshold", "0"]).status();
    ensure!(compared.context("cannot run vhart")?.success(), "bench: --compare finds a difference where there is none");
    Ok(())
}

fn vhart() -> anyhow::Result<Command> {
    Ok(Command::new(std::path::absolute(crate::test::VHART).context("no current directory")?))
}

fn count(file: &Path, more: &[&str]) -> anyhow::Result<Value> {
    let mut command = vhart()?;
    command.args(["bench", "--counts", "--quick", "--json"]).arg(file).args(more).args(WORKLOADS);
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

/// A guest without large pages walks for each of its pages: as if its program had asked for small ones. No instruction tells of it.
fn small_pages(file: &Path) -> anyhow::Result<()> {
    const CHASES: [&str; 2] = ["chase-4k", "chase-2m"];
    let mut command = vhart()?;
    command.args(["bench", "--counts", "--quick", "--plant-small-pages", "--json"]).arg(file).args(CHASES);
    let output = command.output().context("cannot run vhart")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "bench --plant-small-pages ended with {}", output.status);
    let told = said.lines().skip_while(|line| !line.starts_with("more than in the host"));
    let line = told.skip(1).find(|line| line.starts_with("chase-2m ")).context("bench tells no loss of chase-2m")?;
    let number = |at| line.split_whitespace().nth(at).and_then(|word| word.parse::<i64>().ok()).unwrap_or_default();
    let results: Value = serde_json::from_str(&std::fs::read_to_string(file)?).context("no results")?;
    let [small, large] = CHASES.map(|name| steps(&results, name));
    // more than nine in ten of the steps that the chase through small pages takes, and next to no instructions
    ensure!(
        large * 10 > small * 9,
        "bench: {large} steps of walks in small pages that were planted, and {small} in others"
    );
    let iterations_steps = i64::try_from(small).unwrap_or(i64::MAX) / 2;
    ensure!(number(2) > iterations_steps && number(3) < number(2) / 10, "bench: the loss is not told as walks: {line}");
    Ok(())
}

/// Steps of page walks that a workload's guest took.
fn steps(results: &Value, workload: &str) -> u64 {
    let guest = rows(&results["runs"]).filter(|run| run["place"] == "guest");
    let outcomes = guest.flat_map(|run| rows(&run["outcomes"])).filter(|outcome| outcome["workload"] == workload);
    outcomes.flat_map(|outcome| rows(&outcome["counts"]["walks"])).filter_map(|walks| walks["reads"].as_u64()).sum()
}

/// Memory that nobody has touched is given to a guest page by page, each with an exit; what a program computes has none to speak of.
fn reasons(results: &Value) -> anyhow::Result<()> {
    let counts: BTreeMap<&str, u64> =
        WORKLOADS.iter().map(|name| (*name, exits(results, name, "page mapped"))).collect();
    ensure!(counts["touch-4k"] > 10 * counts["syscall"].max(1), "bench: exits for pages are elsewhere: {counts:?}");
    Ok(())
}
