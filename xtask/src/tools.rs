//! What the tests run that no crate brings: the system's where it has it, else out of Debian's packages and PyPI, in
//! the cache, without root.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Context;
use images::{Apt, Cache, Packages, Selection, Tools};

use crate::oracle;
use crate::search::on_path;
use crate::steps::Steps;

/// Programs that tests start by name.
const PROGRAMS: [&str; 4] = ["riscv64-linux-gnu-as", "riscv64-linux-gnu-ld", "riscv64-linux-gnu-objdump", "dtc"];

/// Where they come from; Spike may need the library.
const PACKAGES: Selection<'static> = Selection {
    name: "tests",
    packages: &["binutils-riscv64-linux-gnu", "device-tree-compiler", "libstdc++6"],
    riscv64: &[],
    without: &[],
};

/// The cross compiler, and what comes with it.
const COMPILER: [&str; 2] = ["riscv64-linux-gnu-gcc", "riscv64-linux-gnu-objcopy"];

/// Where these come from. What is compiled for the bare machine needs no library of C's.
const COMPILER_PACKAGES: Selection<'static> = Selection {
    name: "gcc",
    packages: &["gcc-riscv64-linux-gnu"],
    riscv64: &[],
    without: &["libc6-dev-riscv64-cross"],
};

/// What compiles programs that no crate brings.
pub struct Cross {
    /// The C compiler.
    pub gcc: PathBuf,
    /// The program that makes flat images.
    pub objcopy: PathBuf,
}

/// The cross compiler: the system's, else out of Debian's packages.
///
/// # Errors
/// The packages cannot be had.
pub fn cross() -> anyhow::Result<Cross> {
    let [gcc, objcopy] = match COMPILER.map(on_path) {
        [Some(gcc), Some(objcopy)] => [gcc, objcopy],
        _ => {
            let cache = Cache::of_user()?;
            let tools = Tools::get(&COMPILER_PACKAGES, &Apt::default(), &cache, &Steps);
            let tools =
                tools.with_context(|| format!("no {}: install it (Debian: gcc-riscv64-linux-gnu)", COMPILER[0]))?;
            COMPILER.map(|name| tools.program(name))
        }
    };
    Ok(Cross { gcc, objcopy })
}

/// What the tests get.
pub struct Outfit {
    /// Where programs are looked for.
    pub path: OsString,
    /// The oracle.
    pub spike: Option<PathBuf>,
    /// The firmware that every board has.
    pub opensbi: Option<PathBuf>,
    /// Whether the cross tools are there.
    pub cross: bool,
}

/// The programs that the tests need. With `offline`, those that are not here are left out.
///
/// # Errors
/// One that is needed cannot be had; it is named.
pub fn outfit(offline: bool) -> anyhow::Result<Outfit> {
    let cache = Cache::of_user()?;
    let outfit = without_oracle(offline)?;
    let spike = match (oracle::there(&cache), offline) {
        (None, false) => Some(oracle::install(&cache, || fetch(&cache)).context(NO_SPIKE)?),
        (there, _) => there,
    };
    let packages = Packages::Apt(Apt::default());
    let opensbi = match offline {
        true => images::cached_opensbi(&cache, &packages),
        false => Some(images::opensbi(&cache, &packages, &Steps).context(NO_OPENSBI)?),
    };
    // Spike runs dtc.
    Ok(Outfit { spike: spike.filter(|_| outfit.cross), opensbi, ..outfit })
}

const NO_SPIKE: &str = "no Spike to compare with: name one in VHART_SPIKE, or leave out with --offline what needs it";
const NO_OPENSBI: &str = "no OpenSBI to run tests on: --offline leaves out what needs it";

/// Prints where Spike is, which is got first if need be.
///
/// # Errors
/// It cannot be had.
pub fn print_spike() -> anyhow::Result<()> {
    let spike = outfit(false)?.spike.context("no Spike")?;
    println!("{}", spike.display());
    Ok(())
}

/// The same but Spike.
///
/// # Errors
/// One that is needed cannot be had; it is named.
pub fn without_oracle(offline: bool) -> anyhow::Result<Outfit> {
    let cache = Cache::of_user()?;
    let missing: Vec<&str> = PROGRAMS.into_iter().filter(|program| on_path(program).is_none()).collect();
    let lacks = || format!("no {}: install them, or leave out with --offline what needs them", missing.join(", "));
    let tools = match (missing.is_empty(), offline) {
        (true, _) => None,
        (false, true) => Tools::cached(&PACKAGES, &Apt::default(), &cache),
        (false, false) => Some(fetch(&cache).with_context(lacks)?),
    };
    Ok(Outfit { path: path(tools.as_ref())?, spike: None, opensbi: None, cross: missing.is_empty() || tools.is_some() })
}

fn fetch(cache: &Cache) -> anyhow::Result<Tools> {
    Ok(Tools::get(&PACKAGES, &Apt::default(), cache, &Steps)?)
}

/// The system's programs, and after them those fetched.
fn path(tools: Option<&Tools>) -> anyhow::Result<OsString> {
    let own = std::env::var_os("PATH").unwrap_or_default();
    let fetched = tools.map(|tools| tools.directory().join("usr/bin"));
    Ok(std::env::join_paths(std::env::split_paths(&own).chain(fetched))?)
}
