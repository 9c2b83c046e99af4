//! `vhart kvm-check`: whether this host's KVM does what it should, and this program's engine with it.

use std::process::ExitCode;

use anyhow::Result;
use kvm::check::Verdict;

use crate::errors;

/// What each line begins with: `vhart linux --kvm-check` looks for it on the console.
pub const MARK: &str = "kvm-check: ";

/// Runs the checks, a line for each. Exit status 1 where one fails.
///
/// # Errors
/// There is no KVM here, or it cannot be used; nobody can be told.
pub fn run() -> Result<ExitCode> {
    let mut told = Ok(());
    let passed = kvm::check::run(&mut |name, verdict| {
        let said = errors::print(format!("{MARK}{}\n", line(name, verdict)));
        if told.is_ok() {
            told = said;
        }
    })?;
    told?;
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn line(name: &str, verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passed(what) => format!("passed   {name}: {what}"),
        Verdict::Skipped(why) => format!("skipped  {name}: {why}"),
        Verdict::Known(what) => format!("known    {name}: {what}"),
        Verdict::Failed(why) => format!("FAILED   {name}: {why}"),
    }
}
