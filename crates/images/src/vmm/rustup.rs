//! The tool chain at hand, where it has the riscv64 target or rustup can fetch it.
//!
//! The target is musl's: it brings its own C library and start files, so that the linker that comes with Rust suffices.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::cargo::{self, Built};
use super::sources::Sources;
use crate::cache::Cache;
use crate::error::Result;
use crate::progress::{Progress, step};

const TARGET: &str = "riscv64gc-unknown-linux-musl";

/// Words for rustc: its own linker, and everything in one file.
const FLAGS: [&str; 4] =
    ["-Clinker=rust-lld", "-Clinker-flavor=ld.lld", "-Clink-self-contained=yes", "-Ctarget-feature=+crt-static"];

/// Whether the target is there, now that rustup has been asked for it.
pub(super) fn has_target(sources: &Sources, progress: &dyn Progress) -> bool {
    installed(sources.workspace())
        || step(progress, "asking rustup for its riscv64 target", || {
            let add = ["target", "add", TARGET];
            quietly("rustup", sources.workspace()).args(add).status().is_ok_and(|status| status.success())
                && installed(sources.workspace())
        })
}

/// Whether rustc has a standard library for the target.
fn installed(workspace: &Path) -> bool {
    let output = quietly("rustc", workspace).stdout(Stdio::piped()).args(["--print", "sysroot"]).output();
    let Ok(output) = output else { return false };
    let sysroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    sysroot.join("lib/rustlib").join(TARGET).join("lib").is_dir()
}

fn quietly(program: &str, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(directory).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Builds the VMM; cargo's own files stay in the cache for the next time.
pub(super) fn build(sources: &Sources, cache: &Cache, progress: &dyn Progress) -> Result<Built> {
    let (workspace, output) = (sources.workspace(), cache.path("toolchain/rustup"));
    let job = cargo::Job {
        command: &|program| {
            let mut command = Command::new(program);
            command.current_dir(workspace);
            command
        },
        known_as: workspace,
        workspace,
        output: [&output, &output],
        crates: &cargo::home().unwrap_or_else(|| workspace.to_owned()),
        target: TARGET,
        flags: &FLAGS,
        packages: Vec::new(),
    };
    job.run("building vhart for riscv64", progress)
}
