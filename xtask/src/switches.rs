//! The program of world switches that vhart carries along (`guest/switches`): made anew, and held against its sources.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use images::hash::hex_sha256;

use crate::{bench, tools};

/// What it is made of.
const SOURCES: [&str; 4] =
    ["guest/machine.ld", "guest/switches/common.h", "guest/switches/start.S", "guest/switches/switches.c"];
/// The program, and its record.
const READY: &str = "guest/switches/ready/switches.bin";
const RECORD: &str = "guest/switches/ready/switches.toml";

/// Makes both.
///
/// # Errors
/// The compiler is missing or refuses it, or a file cannot be written.
pub fn make() -> anyhow::Result<()> {
    let workspace = Path::new(".");
    let cross = tools::cross()?;
    let program = fs::read(bench::flat_switches(&cross)?).context("the compiled program is gone")?;
    fs::write(workspace.join(READY), &program).with_context(|| format!("cannot write '{READY}'"))?;
    let text = record(workspace, &program, &compiler(&cross.gcc)?)?;
    fs::write(workspace.join(RECORD), text).with_context(|| format!("cannot write '{RECORD}'"))
}

fn compiler(gcc: &Path) -> anyhow::Result<String> {
    let output = Command::new(gcc).arg("--version").output().context("no compiler")?;
    ensure!(output.status.success(), "the compiler does not say its version");
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned())
}

fn record(workspace: &Path, program: &[u8], compiler: &str) -> anyhow::Result<String> {
    let mut text = "# Written by `cargo xtask switches`, as is the program.\n\n".to_owned();
    writeln!(text, "compiler = \"{compiler}\"\nprogram = \"{}\"\n\n[sources]", hex_sha256(&[program]))?;
    for source in SOURCES {
        let content = fs::read(workspace.join(source)).with_context(|| format!("cannot read '{source}'"))?;
        writeln!(text, "\"{source}\" = \"{}\"", hex_sha256(&[&content]))?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_carried_along_is_of_these_sources() {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let found = fs::read_to_string(workspace.join(RECORD)).unwrap();
        let compiler = found.lines().find_map(|line| line.strip_prefix("compiler = \"")).unwrap().trim_end_matches('"');
        let program = fs::read(workspace.join(READY)).unwrap();
        assert_eq!(record(workspace, &program, compiler).unwrap(), found, "cargo xtask switches makes it anew");
    }
}
