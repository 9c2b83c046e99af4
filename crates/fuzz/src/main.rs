//! `vhart-fuzz`: what the targets are, their seeds as files, and one input again.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use fuzz::{TARGETS, Target, corpus, target};

const USAGE: &str = "usage: vhart-fuzz list                    the targets
       vhart-fuzz run TARGET FILE|DIR...  run the target on these inputs
       vhart-fuzz seeds TARGET DIR        write the target's seeds and corpus as files
       vhart-fuzz keep TARGET DIR         make these files the target's corpus";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["list"] => list(),
        ["run", name, ref paths @ ..] if !paths.is_empty() => find(name).and_then(|target| run(target, paths)),
        ["seeds", name, directory] => find(name).and_then(|target| write_seeds(target, Path::new(directory))),
        ["keep", name, directory] => find(name).and_then(|target| keep(target, directory)),
        _ => Err(USAGE.to_owned()),
    };
    done.map_or_else(
        |why| {
            eprintln!("{why}");
            ExitCode::from(2)
        },
        |()| ExitCode::SUCCESS,
    )
}

fn list() -> Result<(), String> {
    TARGETS.iter().for_each(|target| println!("{:12} {}", target.name, target.what));
    Ok(())
}

fn find(name: &str) -> Result<&'static Target, String> {
    target(name).ok_or_else(|| format!("there is no target '{name}': see vhart-fuzz list"))
}

fn run(target: &Target, paths: &[&str]) -> Result<(), String> {
    for path in files(paths)? {
        let input = std::fs::read(&path).map_err(|why| format!("cannot read {}: {why}", path.display()))?;
        eprintln!("{}: {} bytes", path.display(), input.len());
        (target.run)(&input);
    }
    Ok(())
}

/// The files, and those in the directories.
fn files(paths: &[&str]) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    for path in paths.iter().map(PathBuf::from) {
        if !path.is_dir() {
            files.push(path);
            continue;
        }
        let entries = path.read_dir().map_err(|why| format!("cannot read {}: {why}", path.display()))?;
        files.extend(entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_file()));
    }
    files.sort();
    Ok(files)
}

fn write_seeds(target: &Target, directory: &Path) -> Result<(), String> {
    let failed = |why: std::io::Error| format!("cannot write in {}: {why}", directory.display());
    std::fs::create_dir_all(directory).map_err(failed)?;
    let kept = corpus::read(target.name).map_err(|why| format!("cannot read the corpus of {}: {why}", target.name))?;
    for (at, seed) in (target.seeds)().into_iter().chain(kept).enumerate() {
        std::fs::write(directory.join(format!("seed-{at:04}")), seed).map_err(failed)?;
    }
    Ok(())
}

fn keep(target: &Target, directory: &str) -> Result<(), String> {
    let inputs = files(&[directory])?.iter().map(std::fs::read).collect::<Result<Vec<_>, _>>();
    let inputs = inputs.map_err(|why| format!("cannot read in {directory}: {why}"))?;
    corpus::write(target.name, inputs).map_err(|why| format!("cannot write the corpus of {}: {why}", target.name))
}
