//! `cargo xtask boots`: one boot after the other, and how many came to their end. For machines with more harts than the
//! computer has processors, where it is chance who runs when; what fails once in a hundred is found like that.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, bail};
use clap::Args;

/// What `vhart` is told unless the user says it: a guest of KVM with four harts and in-kernel AIA on four harts of the
/// host's.
const FOUR_ON_FOUR: [&str; 8] = [
    "linux",
    "--check",
    "--harts=4",
    "--guest-harts=4",
    "--aia=aplic-imsic",
    "--guest-aia=aplic-imsic",
    "--timeout",
    "600",
];

/// Boots machines in a row.
#[derive(Args)]
pub struct Options {
    /// How many.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// The vhart that boots them.
    #[arg(long, value_name = "PATH", default_value = crate::booted::VHART)]
    vhart: PathBuf,
    /// Where what was said by boots that failed is kept.
    #[arg(long, value_name = "DIR", default_value = "target/boots")]
    keep: PathBuf,
    /// Words for vhart in place of 'linux --check' with four harts of the host's and of the guest's, and AIA for both.
    #[arg(last = true)]
    words: Vec<String>,
}

/// Boots them all, those behind one that fails too.
///
/// # Errors
/// One has failed.
pub fn run(options: &Options) -> anyhow::Result<()> {
    fs::create_dir_all(&options.keep).with_context(|| format!("cannot make '{}'", options.keep.display()))?;
    let mut failed = 0;
    for number in 1..=options.count {
        let begin = Instant::now();
        let kept = boot(options, number)?;
        failed += u32::from(kept.is_some());
        let how = kept.map_or("passed".to_owned(), |file| format!("FAILED, see {}", file.display()));
        println!("{number}/{}: {how}, {:.1} s", options.count, begin.elapsed().as_secs_f64());
    }
    println!("{} of {} boots passed", options.count - failed, options.count);
    if failed != 0 {
        bail!("{failed} boots failed");
    }
    Ok(())
}

/// Boots one. Answers where is what it said, if it failed.
fn boot(options: &Options, number: u32) -> anyhow::Result<Option<PathBuf>> {
    let mut command = Command::new(&options.vhart);
    match options.words.is_empty() {
        true => command.args(FOUR_ON_FOUR),
        false => command.args(&options.words),
    };
    let output = command.output().with_context(|| format!("cannot run '{}'", options.vhart.display()))?;
    if output.status.success() {
        return Ok(None);
    }
    let file = options.keep.join(format!("boot-{number}.log"));
    write(&file, &[output.stdout, output.stderr].concat())?;
    Ok(Some(file))
}

fn write(file: &Path, text: &[u8]) -> anyhow::Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write '{}'", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(keep: &Path, count: u32, script: &str) -> Options {
        let words = ["-c", script].map(str::to_owned).to_vec();
        Options { count, vhart: "sh".into(), keep: keep.to_owned(), words }
    }

    #[test]
    fn what_a_failed_boot_said_is_kept_and_the_others_are_run() {
        let keep = std::env::temp_dir().join(format!("vhart-boots-{}", std::process::id()));
        assert!(run(&options(&keep, 2, "exit 0")).is_ok());
        let failed = run(&options(&keep, 2, "echo why; exit 1")).unwrap_err().to_string();
        assert_eq!(failed, "2 boots failed");
        assert_eq!(fs::read_to_string(keep.join("boot-2.log")).unwrap(), "why\n");
        fs::remove_dir_all(keep).unwrap();
    }
}
