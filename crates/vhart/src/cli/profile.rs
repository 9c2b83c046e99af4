//! `--profile`: options.

use std::path::PathBuf;

use clap::Args;

const HEADING: &str = "Limits and reports";

/// Instructions between two samples.
const EVERY: u64 = 1_000_000;

/// What is to be sampled.
#[derive(Args, Clone, Debug, Default)]
pub struct ProfileOptions {
    /// Sample what is executed, and show at the end, on standard error, which functions of which world it was; or write
    /// it to a file
    ///
    /// By instructions, not by time. FILE.svg is a flame graph, FILE.json has everything, another name gets folded
    /// stacks. Names are found in the memory of each Linux; --symbols gives others. See docs/profile.md.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, help_heading = HEADING)]
    pub profile: Option<Option<PathBuf>>,

    /// Instructions of a hart between two samples, 10k or more [default: 1M]
    #[arg(long, value_name = "N", value_parser = every, requires = "profile", help_heading = HEADING)]
    pub profile_every: Option<u64>,
}

impl ProfileOptions {
    /// Whether anything is to be sampled.
    pub fn is_wanted(&self) -> bool {
        self.profile.is_some()
    }

    /// Instructions between two samples.
    pub fn every(&self) -> u64 {
        self.profile_every.unwrap_or(EVERY)
    }
}

/// Reads a number of instructions: k and M are thousands and millions.
fn every(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 1_000),
        Some((at, 'M')) => (&text[..at], 1_000_000),
        _ => (text, 1),
    };
    let count = digits.parse::<u64>().ok().and_then(|count| count.checked_mul(unit));
    count.filter(|&count| count >= 10_000).ok_or_else(|| "write a number of 10k or more, for example 100k".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};

    #[test]
    fn it_is_the_command_with_the_option() {
        let profile = |line: &str| match Cli::read(line.split(' ').map(Into::into)).unwrap().0.command {
            Command::Elf(options) => (options.machine.profile.profile.clone(), options.machine.profile.every()),
            other => panic!("{other:?}"),
        };
        assert_eq!(profile("vhart profile elf a"), (Some(None), EVERY));
        assert_eq!(profile("vhart profile -o f.svg elf a --profile-every 20k"), (Some(Some("f.svg".into())), 20_000));
        assert_eq!(profile("vhart elf a").0, None);
    }

    #[test]
    fn a_sample_costs_more_than_some_instructions() {
        assert_eq!((every("100k"), every("2M"), every("12345")), (Ok(100_000), Ok(2_000_000), Ok(12_345)));
        for wrong in ["", "1k", "M", "-5M", "99999999999999M"] {
            assert!(every(wrong).is_err(), "{wrong}");
        }
    }
}
