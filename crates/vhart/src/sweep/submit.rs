//! Points by a cluster's scheduler: an array of tasks, each of which is `vhart sweep --task`.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::options::{Options, Where};
use super::point::PointStore;
use crate::errors;

/// Hands these points over, and waits until they are through; answers whether the scheduler says that some failed.
///
/// # Errors
/// The scheduler's program cannot be run.
pub fn run(options: &Options, store: &PointStore, left: &[usize]) -> Result<bool> {
    if left.is_empty() {
        return Ok(false);
    }
    let absolute =
        |path: &std::path::Path| std::path::absolute(path).with_context(|| format!("cannot find '{}'", path.display()));
    let task = [
        store.program().to_owned().into_os_string(),
        "sweep".into(),
        absolute(&options.file)?.into(),
        "--out".into(),
        absolute(store.out())?.into(),
        "--task".into(),
    ];
    let (name, words) = match options.on {
        Where::Slurm => ("sbatch", slurm(options, store, left, &task)),
        _ => ("hq", hyperqueue(options, left, &task)),
    };
    errors::say(format!("{} points to {name} ...\n", left.len()));
    // what it prints is progress here
    let status = Command::new(name).args(words).stdout(Stdio::from(std::io::stderr())).status();
    let status = status.with_context(|| format!("cannot run '{name}', the scheduler's own program"))?;
    if !status.success() {
        errors::tell(format!("{name} says that not all went well ({status}); what was measured is kept"));
    }
    Ok(!status.success())
}

/// What `hq` is told.
fn hyperqueue(options: &Options, left: &[usize], task: &[OsString]) -> Vec<OsString> {
    let numbers = ranges(left);
    let words =
        ["submit", "--array", &numbers, "--name", "vhart-sweep", "--stdout", "none", "--stderr", "none", "--wait"];
    let more = options.words.iter().map(String::as_str);
    words.into_iter().chain(more).map(OsString::from).chain(["--".into()]).chain(task.iter().cloned()).collect()
}

/// What `sbatch` is told.
fn slurm(options: &Options, store: &PointStore, left: &[usize], task: &[OsString]) -> Vec<OsString> {
    // what begins with a percent sign is the array's and the task's number there
    let output = format!("{}/slurm-%A_%a.log", store.out().display().to_string().replace('%', "%%"));
    let words = [
        "--wait".to_owned(),
        "--job-name=vhart-sweep".to_owned(),
        format!("--array={}", ranges(left)),
        format!("--output={output}"),
    ];
    let wrap = format!("--wrap=exec {}", images::shell::line(task.iter().map(|word| word.to_string_lossy())));
    words.into_iter().chain(options.words.iter().cloned()).chain([wrap]).map(OsString::from).collect()
}

/// Numbers as both schedulers write them: `0-3,7`.
fn ranges(numbers: &[usize]) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    let text =
        |(first, last): &(usize, usize)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    ranges.iter().map(text).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ranges() {
        assert_eq!(ranges(&[0, 1, 2, 5, 7, 8]), "0-2,5,7-8");
    }
}
