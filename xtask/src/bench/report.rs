//! The report of `vhart bench`, and its place in the document about it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use images::tied;

use super::document;
use super::subject::Subject;

/// The document.
pub const DOCUMENT: &str = "docs/bench.md";

/// Measures here, in the host and in its guests, beside another emulator if there is one. Answers where the report is.
///
/// # Errors
/// A workload fails.
pub fn make(vhart: &Subject, beside: Option<&Subject>, rounds: u32, into: PathBuf) -> anyhow::Result<PathBuf> {
    let mut command = tied::command(vhart.program());
    command.args(["bench", "--quick", "--places", "native,host,guest,hypervisor", "--rounds", &rounds.to_string()]);
    command.arg("--report").arg(&into);
    if let Some(other) = beside {
        command.arg("--against").arg(std::path::absolute(other.program()).context("no current directory")?);
    }
    let status = tied::status(&mut command).context("cannot run vhart")?;
    ensure!(status.success(), "vhart bench ended with {status}");
    Ok(into)
}

/// Writes the report's tables into the document.
///
/// # Errors
/// A file cannot be read or written.
pub fn update(workspace: &Path, report: &Path) -> anyhow::Result<()> {
    let file = report.join("results.md");
    let tables = fs::read_to_string(&file).with_context(|| format!("cannot read '{}'", file.display()))?;
    document::update(&workspace.join(DOCUMENT), tables.trim_end())
}
