//! `vhart images`: what `vhart linux` and `vhart hypervisor` have fetched and built, and where it is.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Result, bail};
use images::vmm::Choice;
use images::{Apt, Cache, Entry};

use crate::errors;
use crate::linux::{Bars, cache};

/// Options of `vhart images`.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// Print the path of one image: 'hypervisor' is the hypervisor's, an ELF file for other boards and emulators
    #[arg(value_name = "IMAGE", conflicts_with_all = ["remove", "prune"])]
    pub image: Option<Image>,

    /// Remove what is so called in the list, or everything; it is fetched and built again when next needed
    #[arg(long, value_name = "NAME", num_args = 0.., conflicts_with = "prune")]
    pub remove: Option<Vec<String>>,

    /// Remove older versions, and what only building and unpacking needed
    #[arg(long)]
    pub prune: bool,

    /// Remove everything without asking
    #[arg(long, short, requires = "remove")]
    pub yes: bool,

    /// The directory, where it is not the user's own
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
}

/// An image that stands for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Image {
    /// The hypervisor
    Hypervisor,
}

/// Runs the subcommand.
///
/// # Errors
/// Where the cache cannot be read or emptied.
pub fn run(options: &Options) -> Result<ExitCode> {
    let cache = cache(options.cache.as_deref())?;
    if let Some(Image::Hypervisor) = options.image {
        let path = crate::hypervisor::image(&Choice::Fitting, &cache, &Apt::default(), &Bars::new())?;
        errors::print(format!("{}\n", path.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    match &options.remove {
        Some(names) if names.is_empty() => remove_all(&cache, options.yes),
        Some(names) => remove(&cache, names),
        None if options.prune => freed(&cache, cache.prune_unused(&cache.lock_all(&Bars::new())?)?),
        None => list(&cache),
    }
}

fn remove_all(cache: &Cache, sure: bool) -> Result<ExitCode> {
    let sum = cache.list()?.iter().map(|entry| entry.len_bytes).sum();
    if !sure && !confirmed(&format!("remove everything ({}) from {}?", size(sum), cache.root().display()))? {
        bail!("nothing was removed: --yes removes everything without asking, --remove NAME one thing");
    }
    freed(cache, cache.clean(&cache.lock_all(&Bars::new())?)?)
}

fn remove(cache: &Cache, names: &[String]) -> Result<ExitCode> {
    let lock = cache.lock_all(&Bars::new())?;
    let sums = names.iter().map(|name| cache.remove(name, &lock)).collect::<images::Result<Vec<u64>>>()?;
    freed(cache, sums.iter().sum())
}

fn freed(cache: &Cache, len_bytes: u64) -> Result<ExitCode> {
    errors::print(format!("removed {} from {}\n", size(len_bytes), cache.root().display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Whether somebody at a terminal agrees; where nobody sits there, nobody does.
fn confirmed(question: &str) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    errors::say(format_args!("{question} [y/N] "));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
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
