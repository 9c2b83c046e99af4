//! `cargo xtask dist`: what a release consists of: one static x86-64 program with the VMM inside, packed as `.tar.zst`
//! and `.deb`, with completions, manual pages and licences, and the sums of both.
//!
//! Nothing in it depends on where or when it is built: times are those of the commit (or `SOURCE_DATE_EPOCH`), and
//! paths are replaced by fixed words. `--twice` builds in a copy elsewhere as well, and compares.

mod action;
mod archive;
mod build;
mod content;
mod deb;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use clap::Args;
use images::vmm::{self, Product};

use content::Release;

/// Where to, and how sure.
#[derive(Args)]
pub struct Options {
    /// Directory for what is made
    #[arg(long, value_name = "DIR", default_value = "target/dist")]
    out: PathBuf,

    /// Build a second time, in a copy of the sources elsewhere, and compare
    #[arg(long)]
    twice: bool,
}

/// A file of the release.
struct Output {
    name: String,
    content: Vec<u8>,
}

/// Makes the release.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let workspace = crate::vmm::workspace()?;
    check_ready(&workspace)?;
    action::check(&workspace)?;
    let epoch = epoch(&workspace)?;
    let made = make(&workspace, &workspace.join("target/dist-build"), epoch)?;
    if options.twice {
        compare(&made, &make_elsewhere(&workspace, epoch)?)?;
    }
    write(&options.out, &made)
}

/// What was built before is of these sources.
fn check_ready(workspace: &Path) -> anyhow::Result<()> {
    for product in Product::ALL {
        ensure!(
            vmm::ready_record(product)?.fits(workspace)?,
            "{} that would go in is older than its sources: make it anew with `cargo xtask vmm`",
            product.name()
        );
    }
    Ok(())
}

fn make(workspace: &Path, target: &Path, epoch: u64) -> anyhow::Result<Vec<Output>> {
    let built = build::build(workspace, target)?;
    let release = Release::of(workspace, &built, epoch)?;
    let version = &release.version;
    let outputs = [
        (format!("vhart-{version}-x86_64-linux.tar.zst"), archive::tar_zst(&release)?),
        (format!("vhart_{version}_amd64.deb"), deb::package(&release)?),
    ];
    Ok(outputs.into_iter().map(|(name, content)| Output { name, content }).collect())
}

/// The same from a copy of the sources in a directory of another name and length.
fn make_elsewhere(workspace: &Path, epoch: u64) -> anyhow::Result<Vec<Output>> {
    let place = tempfile::tempdir().context("no temporary directory")?;
    let copy = place.path().join("a copy").join("of-the-sources");
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(workspace).output().context("git")?;
    for name in String::from_utf8(listed.stdout)?.split_terminator('\0') {
        let (from, to) = (workspace.join(name), copy.join(name));
        fs::create_dir_all(to.parent().context("a file without directory")?)?;
        fs::copy(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    make(&copy, &place.path().join("built there"), epoch)
}

fn compare(one: &[Output], other: &[Output]) -> anyhow::Result<()> {
    for (one, other) in one.iter().zip(other) {
        ensure!(one.content == other.content, "{}: two builds differ", one.name);
        println!("{}: two builds are equal", one.name);
    }
    Ok(())
}

/// Seconds since 1970 of all files: the commit's, unless the environment says otherwise.
fn epoch(workspace: &Path) -> anyhow::Result<u64> {
    if let Ok(named) = std::env::var("SOURCE_DATE_EPOCH") {
        return named.parse().context("SOURCE_DATE_EPOCH is not a number of seconds");
    }
    let output = Command::new("git").args(["log", "-1", "--format=%ct"]).current_dir(workspace).output();
    let text = output.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    let seconds = text.and_then(|text| String::from_utf8_lossy(&text).trim().parse().ok());
    match seconds {
        Some(seconds) => Ok(seconds),
        None => bail!("no commit tells the time of these sources: name it in SOURCE_DATE_EPOCH"),
    }
}

/// Writes what was made, and the sums.
fn write(out: &Path, made: &[Output]) -> anyhow::Result<()> {
    let failed = |path: &Path| format!("cannot write {}", path.display());
    fs::create_dir_all(out).with_context(|| failed(out))?;
    let sums: String =
        made.iter().map(|file| format!("{}  {}\n", images::hash::hex_sha256(&[&file.content]), file.name)).collect();
    let all = made.iter().map(|file| (&*file.name, &*file.content)).chain([("SHA256SUMS", sums.as_bytes())]);
    for (name, content) in all {
        let path = out.join(name);
        fs::write(&path, content).with_context(|| failed(&path))?;
        println!("{}: {} bytes", path.display(), content.len());
    }
    Ok(())
}
