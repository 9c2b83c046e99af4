//! What the tests run that no crate brings.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::ensure;

use crate::oracle;

/// Programs that tests start by name, and Debian's packages with them.
const PROGRAMS: [(&str, &str); 4] = [
    ("riscv64-linux-gnu-as", "binutils-riscv64-linux-gnu"),
    ("riscv64-linux-gnu-ld", "binutils-riscv64-linux-gnu"),
    ("riscv64-linux-gnu-objdump", "binutils-riscv64-linux-gnu"),
    ("dtc", "device-tree-compiler"),
];

/// What the tests get.
pub struct Outfit {
    /// Where programs are looked for.
    pub path: OsString,
    /// The oracle.
    pub spike: Option<PathBuf>,
    /// Whether the cross tools are there.
    pub cross: bool,
}

/// The programs that the tests need. With `offline`, those that are not here are left out.
///
/// # Errors
/// One that is needed is not there; it is named.
pub fn outfit(offline: bool) -> anyhow::Result<Outfit> {
    let missing = PROGRAMS.into_iter().filter(|(program, _)| on_path(program).is_none());
    let missing: Vec<String> = missing.map(|(program, package)| format!("{program} (package {package})")).collect();
    ensure!(
        missing.is_empty() || offline,
        "the tests need {}: install them, or leave out with --offline what needs them",
        missing.join(", ")
    );
    let cross = missing.is_empty();
    let spike = match offline {
        true => oracle::there(),
        false => Some(oracle::spike()?),
    };
    // Spike runs dtc.
    Ok(Outfit { path: std::env::var_os("PATH").unwrap_or_default(), spike: spike.filter(|_| cross), cross })
}

/// Where a program of the system's is.
pub fn on_path(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|dir| dir.join(program)).find(|path| path.is_file())
}
