//! `cargo xtask vmm`: makes the VMM that vhart carries along, and checks that the one there is what it says.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use clap::Args;
use images::vmm::{self, Made, Maker, Means, Record};
use images::{Apt, Cache};

use crate::steps::Steps;

/// Where it lies in the workspace, with its record.
const PROGRAM: &str = "guest/vmm/vhart-riscv64.zst";
const RECORD: &str = "guest/vmm/vhart-riscv64.toml";

/// The directories in which the tool chain makes it: two, so that a path that gets into it shows.
const DIRECTORIES: [&str; 2] = ["ready", "ready-elsewhere/deeper"];

/// What to do about the VMM.
#[derive(Args)]
pub struct Options {
    /// Change nothing: fail where the sources have changed since it was made, or where making it again gives another
    #[arg(long)]
    check: bool,

    /// Make it twice, in different directories, and compare
    #[arg(long)]
    twice: bool,

    /// Leave out what needs the network: with --check, making it again where the tool chain is not in the cache
    #[arg(long)]
    offline: bool,
}

/// Makes or checks the VMM.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let (workspace, cache, apt) = (workspace()?, Cache::of_user()?, Apt::default());
    let means = Means { workspace: Some(&workspace), cache: &cache, apt: &apt, progress: &Steps };
    match options.check {
        true => check(options, means).map(drop),
        false => write(&make(options, &Maker::get(means)?, means)?, &workspace),
    }
}

/// What `cargo xtask test` does: the record must be that of the sources; making it again is for where it can be done.
///
/// # Errors
/// The VMM is older than its sources, or is not what they make. Answers what was left out.
pub fn check_all(offline: bool) -> anyhow::Result<Option<String>> {
    eprintln!("== vmm");
    let (workspace, cache, apt) = (workspace()?, Cache::of_user()?, Apt::default());
    let means = Means { workspace: Some(&workspace), cache: &cache, apt: &apt, progress: &Steps };
    check(&Options { check: true, twice: false, offline }, means)
}

/// The workspace that this chore runs in.
pub fn workspace() -> anyhow::Result<PathBuf> {
    vmm::workspace().context("no workspace of vhart here")
}

/// Answers why the VMM was not made again, if it was not.
fn check(options: &Options, means: Means<'_>) -> anyhow::Result<Option<String>> {
    let workspace = means.workspace.context("no workspace")?;
    // What this program carries is what lies there: cargo has just built it.
    let record = vmm::ready_record()?;
    ensure!(
        record.fits(workspace)?,
        "{PROGRAM} is older than its sources (its record has their hash): make it anew with `cargo xtask vmm`"
    );
    let program = vmm::ready_program()?;
    println!("vmm: {PROGRAM} is of these sources");
    let maker = match Maker::get_where_possible(means, options.offline) {
        Ok(maker) => maker,
        Err(why) => return Ok(not_compared(&format!("its tool chain cannot be had ({why})"))),
    };
    if maker.toolchain()? != record.toolchain {
        return Ok(not_compared("the tool chain that can be had is another than the one that made it"));
    }
    let made = make(options, &maker, means)?;
    ensure!(made.program == program, "{PROGRAM} is not what its sources make: {}", difference(&made.record, &record));
    println!("vmm: made again, it is the same, byte for byte");
    Ok(None)
}

fn not_compared(why: &str) -> Option<String> {
    println!("vmm: not made again and compared: {why}");
    Some(format!("making the VMM again: {why}"))
}

fn make(options: &Options, maker: &Maker, means: Means<'_>) -> anyhow::Result<Made> {
    let made = maker.make(DIRECTORIES[0], means)?;
    if options.twice {
        let again = maker.make(DIRECTORIES[1], means)?;
        ensure!(again.program == made.program, "two builds differ: {}", difference(&again.record, &made.record));
        println!("vmm: two builds in different directories are the same, byte for byte");
    }
    Ok(made)
}

/// What two records differ in.
fn difference(one: &Record, other: &Record) -> String {
    let sums = format!("sha256 {} and {}", one.program_sha256, other.program_sha256);
    let parts = [(one.files != other.files, "files"), (one.packages != other.packages, "packages")];
    let differ: Vec<&str> = parts.into_iter().filter(|(differ, _)| *differ).map(|(_, name)| name).collect();
    if differ.is_empty() { sums } else { format!("{sums}; other {}", differ.join(" and ")) }
}

fn write(made: &Made, workspace: &Path) -> anyhow::Result<()> {
    let packed = vmm::packed(&made.program);
    for (name, content) in [(PROGRAM, &*packed), (RECORD, made.record.text().as_bytes())] {
        let path = workspace.join(name);
        std::fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if !made.record.fits(workspace)? {
        bail!("the sources changed while the VMM was made: make it again");
    }
    println!("{PROGRAM}: {} bytes, {} unpacked", packed.len(), made.program.len());
    Ok(())
}
