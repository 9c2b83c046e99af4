//! `cargo xtask vmm`: makes what vhart carries along for riscv64, the VMM, the hypervisor and the workloads, and checks
//! that what is there is what it says.

use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use clap::Args;
use images::vmm::{self, Made, Maker, Means, Product, Record};
use images::{Apt, Cache};

use crate::steps::Steps;

/// The directories in which the tool chain makes it: two, so that a path that gets into it shows.
const DIRECTORIES: [&str; 2] = ["ready", "ready-elsewhere/deeper"];

/// What to do about them.
#[derive(Args)]
pub struct Options {
    /// Change nothing: fail where the sources have changed since they were made, or where making it again gives another
    #[arg(long)]
    check: bool,

    /// Only this one: vmm, hypervisor or workloads
    #[arg(long, value_name = "WHICH", value_parser = product)]
    only: Option<Product>,

    /// Make it twice, in different directories, and compare
    #[arg(long)]
    twice: bool,

    /// Leave out what needs the network: with --check, making it again where the tool chain is not in the cache
    #[arg(long)]
    offline: bool,
}

fn product(name: &str) -> Result<Product, String> {
    let named = Product::ALL.into_iter().find(|product| product.option() == name);
    named.ok_or_else(|| "write vmm, hypervisor or workloads".into())
}

/// Makes or checks them.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let (workspace, cache, apt) = (workspace()?, Cache::of_user()?, Apt::default());
    for product in Product::ALL.into_iter().filter(|product| options.only.is_none_or(|only| only == *product)) {
        let means = Means { product, workspace: Some(&workspace), cache: &cache, apt: &apt, progress: &Steps };
        match options.check {
            true => check(options, means).map(drop)?,
            false => write(&make(options, &Maker::get(means)?, means)?, means)?,
        }
    }
    Ok(())
}

/// What `cargo xtask test` does: the record must be that of the sources; making it again is for where it can be done.
///
/// # Errors
/// One is older than its sources, or is not what they make. Answers what was left out.
pub fn check_all(offline: bool) -> anyhow::Result<Vec<String>> {
    eprintln!("== vmm");
    let (workspace, cache, apt) = (workspace()?, Cache::of_user()?, Apt::default());
    let check = |product| {
        let means = Means { product, workspace: Some(&workspace), cache: &cache, apt: &apt, progress: &Steps };
        check(&Options { check: true, only: None, twice: false, offline }, means).transpose()
    };
    Product::ALL.into_iter().filter_map(check).collect()
}

/// The workspace that this chore runs in.
pub fn workspace() -> anyhow::Result<PathBuf> {
    vmm::workspace().context("no workspace of vhart here")
}

/// What lies there, which is to be of these sources. This program carries it: cargo has just built it.
fn of_these_sources(means: Means<'_>) -> anyhow::Result<(Record, Vec<u8>)> {
    let [file, _] = means.product.files();
    let record = vmm::ready_record(means.product)?;
    ensure!(
        record.fits(means.workspace.context("no workspace")?)?,
        "{file} is older than its sources (its record has their hash): make it anew with `cargo xtask vmm`"
    );
    let program = vmm::ready_program(means.product)?;
    println!("vmm: {file} is of these sources");
    Ok((record, program))
}

/// Answers why it was not made again, if it was not.
fn check(options: &Options, means: Means<'_>) -> anyhow::Result<Option<String>> {
    let [program_file, _] = means.product.files();
    let (record, program) = of_these_sources(means)?;
    let maker = match Maker::get_where_possible(means, options.offline) {
        Ok(maker) => maker,
        Err(why) => return Ok(not_compared(means.product, &format!("its tool chain cannot be had ({why})"))),
    };
    if maker.toolchain(means.product)? != record.toolchain {
        return Ok(not_compared(means.product, "the tool chain that can be had is another than the one that made it"));
    }
    let made = make(options, &maker, means)?;
    let same = made.program == program;
    ensure!(same, "{program_file} is not what its sources make: {}", difference(&made.record, &record));
    println!("vmm: made again, it is the same, byte for byte");
    Ok(None)
}

fn not_compared(product: Product, why: &str) -> Option<String> {
    println!("vmm: not made again and compared: {why}");
    Some(format!("making {} again: {why}", product.name()))
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

fn write(made: &Made, means: Means<'_>) -> anyhow::Result<()> {
    let workspace = means.workspace.context("no workspace")?;
    let [program_file, record_file] = means.product.files();
    let packed = vmm::packed(&made.program);
    for (name, content) in [(program_file, &*packed), (record_file, made.record.text().as_bytes())] {
        let path = workspace.join(name);
        std::fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if !made.record.fits(workspace)? {
        bail!("the sources changed while {program_file} was made: make it again");
    }
    println!("{program_file}: {} bytes, {} unpacked", packed.len(), made.program.len());
    Ok(())
}
