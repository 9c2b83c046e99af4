//! The tool chain at hand, where it has the riscv64 target or rustup can fetch it.
//!
//! The target is musl's: it brings its own C library and start files, so that the linker that comes with Rust suffices.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::cargo::{self, Built};
use super::product::Product;
use super::sources::Sources;
use crate::error::Result;
use crate::progress::{Progress, step};
use crate::tied;

/// The target of a product: the hypervisor's has no system below it.
fn target(product: Product) -> &'static str {
    match product.is_of_linux() {
        true => "riscv64gc-unknown-linux-musl",
        false => "riscv64gc-unknown-none-elf",
    }
}

/// Words for rustc: its own linker, and everything in one file.
fn flags(product: Product) -> &'static [&'static str] {
    match product.is_of_linux() {
        true => &[
            "-Clinker=rust-lld",
            "-Clinker-flavor=ld.lld",
            "-Clink-self-contained=yes",
            "-Ctarget-feature=+crt-static",
        ],
        // Which is what its target has anyway.
        false => &[],
    }
}

/// Whether the target is there, now that rustup has been asked for it.
pub(super) fn has_target(product: Product, sources: &Sources, progress: &dyn Progress) -> bool {
    let target = target(product);
    installed(target, sources.workspace())
        || step(progress, "asking rustup for its riscv64 target", || {
            let mut rustup = quietly(tied::command("rustup"), sources.workspace());
            let status = tied::status(rustup.args(["target", "add", target]));
            status.is_ok_and(|status| status.success()) && installed(target, sources.workspace())
        })
}

/// Whether rustc has a standard library for the target.
fn installed(target: &str, workspace: &Path) -> bool {
    let output = quietly(Command::new("rustc"), workspace)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .args(["--print", "sysroot"])
        .output();
    let Ok(output) = output else { return false };
    let sysroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    sysroot.join("lib/rustlib").join(target).join("lib").is_dir()
}

fn quietly(mut command: Command, directory: &Path) -> Command {
    command.current_dir(directory).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Builds `product`; cargo's own files stay in `builds` for the next time.
pub(super) fn build(product: Product, sources: &Sources, builds: &Path, progress: &dyn Progress) -> Result<Built> {
    let (workspace, output) = (sources.workspace(), builds.join("rustup"));
    let job = cargo::Job {
        product,
        command: &|program| {
            let mut command = tied::command(program);
            command.current_dir(workspace);
            command
        },
        known_as: workspace,
        workspace,
        output: [&output, &output],
        crates: &cargo::home().unwrap_or_else(|| workspace.to_owned()),
        target: target(product),
        flags: flags(product),
        packages: Vec::new(),
    };
    job.run(&format!("building {} for riscv64", product.name()), progress)
}
