//! What a VMM was made of: enough to tell whether a workspace would make the same, without building it.
//!
//! A build tells which files of the workspace and which packages went into it. As long as none of these has changed,
//! and nothing in the workspace's manifest that bears on them, the VMM fits; a new file or package cannot come in
//! without a change in one of those that are listed.

use std::path::Path;

use toml::Table;

use super::sources;
use crate::error::Result;

/// The record of one VMM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// SHA-256 of the program.
    pub program_sha256: String,
    /// Its length.
    pub program_bytes: u64,
    /// The target that it was compiled for.
    pub target: String,
    /// The compiler, and the packages it came in with what else gives code to the program.
    pub toolchain: Vec<String>,
    /// The hash of all that follows, as it was.
    pub sources_sha256: String,
    /// The files of the workspace that went in.
    pub files: Vec<String>,
    /// The packages that went in, each with its version.
    pub packages: Vec<String>,
}

impl Record {
    /// Whether a build of `workspace` would make the same program, given the same tool chain.
    ///
    /// # Errors
    /// A file of the workspace cannot be read.
    pub fn fits(&self, workspace: &Path) -> Result<bool> {
        Ok(sources::digest(workspace, &self.files, &self.packages)? == self.sources_sha256)
    }

    /// Reads what [`Record::text`] wrote.
    pub(super) fn parse(text: &str) -> Option<Record> {
        let table: Table = text.parse().ok()?;
        let (program, sources) = (table.get("program")?.as_table()?, table.get("sources")?.as_table()?);
        Some(Record {
            program_sha256: string(program, "sha256")?,
            program_bytes: program.get("bytes")?.as_integer()?.try_into().ok()?,
            target: string(program, "target")?,
            toolchain: strings(program, "toolchain")?,
            sources_sha256: string(sources, "sha256")?,
            files: strings(sources, "files")?,
            packages: strings(sources, "packages")?,
        })
    }

    /// The record as TOML.
    pub fn text(&self) -> String {
        format!(
            "# Written by `cargo xtask vmm`, as is the program.\n\n\
             [program]\nsha256 = {:?}\nbytes = {}\ntarget = {:?}\n{}\n\
             # What went into it, and the hash of all that.\n\
             [sources]\nsha256 = {:?}\n{}{}",
            self.program_sha256,
            self.program_bytes,
            self.target,
            list("toolchain", &self.toolchain),
            self.sources_sha256,
            list("files", &self.files),
            list("packages", &self.packages),
        )
    }
}

fn string(table: &Table, name: &str) -> Option<String> {
    table.get(name)?.as_str().map(str::to_owned)
}

fn strings(table: &Table, name: &str) -> Option<Vec<String>> {
    table.get(name)?.as_array()?.iter().map(|value| value.as_str().map(str::to_owned)).collect()
}

/// One value a line, so that differences can be read.
fn list(name: &str, values: &[String]) -> String {
    let lines: String = values.iter().map(|value| format!("    {value:?},\n")).collect();
    format!("{name} = [\n{lines}]\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let record = Record {
            program_sha256: "ab".repeat(32),
            program_bytes: 1_200_000,
            target: "riscv64gc-unknown-linux-gnu".to_owned(),
            toolchain: vec!["rustc 1.97.1 (\"x\")".to_owned()],
            sources_sha256: "cd".repeat(32),
            files: vec!["crates/a/src/lib.rs".to_owned(), "crates/a/src/\\odd.rs".to_owned()],
            packages: vec!["anyhow 1.0.104".to_owned()],
        };
        assert_eq!(Record::parse(&record.text()), Some(record));
        assert_eq!(Record::parse("[program]\nsha256 = 1"), None);
    }
}
