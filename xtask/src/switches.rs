//! The programs of world switches and interrupts that vhart carries along (`guest/switches`): made anew, and held
//! against their sources.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use images::hash::hex_sha256;

use crate::{bench, tools};

/// A program.
struct Program {
    /// Its name, as a file and as its record.
    name: &'static str,
    /// What it is made of.
    sources: [&'static str; 5],
}

const PROGRAMS: [Program; 2] = [
    Program {
        name: "guest/switches/ready/switches",
        sources: [
            "guest/machine.ld",
            "guest/switches/common.h",
            "guest/switches/header.inc",
            "guest/switches/start.S",
            "guest/switches/switches.c",
        ],
    },
    Program {
        name: "guest/switches/ready/interrupts",
        sources: [
            "guest/machine.ld",
            "guest/switches/common.h",
            "guest/switches/header.inc",
            "guest/switches/interrupts.S",
            "guest/switches/interrupts.c",
        ],
    },
];

/// Makes both, and their records.
///
/// # Errors
/// The compiler is missing or refuses one, or a file cannot be written.
pub fn make() -> anyhow::Result<()> {
    let workspace = Path::new(".");
    let cross = tools::cross()?;
    for (program, made) in PROGRAMS.iter().zip(bench::flat_kernels(&cross)?) {
        let (file, name) = (format!("{}.bin", program.name), format!("{}.toml", program.name));
        let content = fs::read(made).context("the compiled program is gone")?;
        fs::write(workspace.join(&file), &content).with_context(|| format!("cannot write '{file}'"))?;
        let text = program.record(workspace, &content, &compiler(&cross.gcc)?)?;
        fs::write(workspace.join(&name), text).with_context(|| format!("cannot write '{name}'"))?;
    }
    Ok(())
}

fn compiler(gcc: &Path) -> anyhow::Result<String> {
    let output = Command::new(gcc).arg("--version").output().context("no compiler")?;
    ensure!(output.status.success(), "the compiler does not say its version");
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned())
}

impl Program {
    fn record(&self, workspace: &Path, program: &[u8], compiler: &str) -> anyhow::Result<String> {
        let mut text = "# Written by `cargo xtask switches`, as is the program.\n\n".to_owned();
        writeln!(text, "compiler = \"{compiler}\"\nprogram = \"{}\"\n\n[sources]", hex_sha256(&[program]))?;
        for source in self.sources {
            let content = fs::read(workspace.join(source)).with_context(|| format!("cannot read '{source}'"))?;
            writeln!(text, "\"{source}\" = \"{}\"", hex_sha256(&[&content]))?;
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_carried_along_is_of_these_sources() {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for program in PROGRAMS {
            let found = fs::read_to_string(workspace.join(format!("{}.toml", program.name))).unwrap();
            let line = found.lines().find_map(|line| line.strip_prefix("compiler = \"")).unwrap();
            let content = fs::read(workspace.join(format!("{}.bin", program.name))).unwrap();
            let record = program.record(workspace, &content, line.trim_end_matches('"')).unwrap();
            assert_eq!(record, found, "cargo xtask switches makes it anew");
        }
    }
}
