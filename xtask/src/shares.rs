//! Shared directories in host and guest of `linux --check`: `guest/linux/share.sh` uses them as programs do.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, ExitStatus};

use anyhow::{Context, bail};

/// What is done in each.
const SCRIPT: &str = "share.sh";
/// What the init scripts are told.
const WORD: &str = "vhart.test_shares";
/// Who does it.
const WHO: [&str; 2] = ["host", "guest"];

/// Makes a directory that has the script.
fn fill(place: &Path) -> io::Result<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest/linux").join(SCRIPT);
    fs::create_dir(place)?;
    fs::copy(script, place.join(SCRIPT)).map(drop)
}

fn run(check: &[&str], place: &Path) -> anyhow::Result<ExitStatus> {
    let readonly = format!("{},readonly,tag=ro", place.display());
    let mut command = Command::new("cargo");
    command.args(check).args(["--append", WORD, "--share"]).arg(place).args(["--share", &readonly]);
    command.status().context("cannot run cargo")
}

/// Boots both with a directory that may be written, and the same once more to be read.
///
/// # Errors
/// A check fails in there, or what is in the directory afterwards is not what they made.
pub fn boot(check: &[&str]) -> anyhow::Result<()> {
    let what = "linux --check, with shared directories in host and guest";
    eprintln!("== {what}");
    let place = std::env::temp_dir().join(format!("vhart-shares-{}", std::process::id()));
    fill(&place).with_context(|| format!("cannot fill '{}'", place.display()))?;
    let status = run(check, &place)?;
    let found = WHO.iter().try_for_each(|who| look(&place.join(who)));
    // it is in the directory for temporary files
    let _ = fs::remove_dir_all(&place);
    match status.success() {
        true => found.context(what),
        false => bail!("{what} failed"),
    }
}

/// Looks at what one of them has made.
fn look(place: &Path) -> anyhow::Result<()> {
    let read = |name: &str| fs::read(place.join(name)).with_context(|| format!("cannot read {name} of {place:?}"));
    let moved = fs::metadata(place.join("moved")).context("no file 'moved'")?;
    if read("moved")? != b"hello\nagain\n" || moved.mode() & 0o7777 != 0o751 || moved.nlink() != 2 {
        bail!("{place:?}: 'moved' is not what was made");
    }
    if read("big")?.len() != 1000 || fs::read_link(place.join("link"))? != Path::new("/etc/passwd") {
        bail!("{place:?}: 'big' or 'link' is not what was made");
    }
    Ok(())
}
