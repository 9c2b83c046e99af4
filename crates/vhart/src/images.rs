//! `vhart images`: what `vhart linux` has fetched and built, and where it is.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::Result;
use images::{Cache, Entry};

use crate::errors;
use crate::linux::{Bars, cache};

/// Options of `vhart images`.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// Remove everything; it is fetched and built again when next needed
    #[arg(long)]
    pub remove: bool,

    /// The directory, where it is not the user's own
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
}

/// Runs the subcommand.
///
/// # Errors
/// Where the cache cannot be read or emptied.
pub fn run(options: &Options) -> Result<ExitCode> {
    let cache = cache(options.cache.as_deref())?;
    if options.remove { remove(&cache) } else { list(&cache) }
}

fn remove(cache: &Cache) -> Result<ExitCode> {
    let freed = cache.clean(&cache.lock(&Bars::new())?)?;
    errors::print(format!("removed {} from {}\n", size(freed), cache.root().display()))?;
    Ok(ExitCode::SUCCESS)
}

fn list(cache: &Cache) -> Result<ExitCode> {
    let entries = cache.list()?;
    let now = SystemTime::now();
    let lines: String = entries.iter().map(|entry| line(entry, now)).collect();
    let sum = entries.iter().map(|entry| entry.len_bytes).sum();
    errors::print(format!("{lines}{:>8}  in all, in {}\n", size(sum), cache.root().display()))?;
    Ok(ExitCode::SUCCESS)
}

fn line(entry: &Entry, now: SystemTime) -> String {
    format!("{:>8}  {}  ({})\n", size(entry.len_bytes), entry.name, age(entry.modified, now))
}

/// How long ago, in the unit that fits.
fn age(then: SystemTime, now: SystemTime) -> String {
    let minutes = now.duration_since(then).unwrap_or_default().as_secs() / 60;
    match minutes {
        0 => "just now".to_owned(),
        1..=119 => format!("{minutes} min ago"),
        120..=2879 => format!("{} h ago", minutes / 60),
        _ => format!("{} days ago", minutes / 1440),
    }
}

/// A length in the unit that fits.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        1_000_000..1_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn lengths_and_ages_have_units_that_fit() {
        assert_eq!([size(5), size(53_000_000), size(1_600_000_000)], ["5 B", "53 MB", "1.6 GB"]);
        let then = SystemTime::UNIX_EPOCH;
        assert_eq!(age(then, then + Duration::from_secs(7200)), "2 h ago");
        assert_eq!(age(then + Duration::from_secs(1), then), "just now");
    }
}
