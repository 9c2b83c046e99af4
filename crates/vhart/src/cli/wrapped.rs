//! `vhart stat` and `vhart profile`: a command, with a report of its run.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

/// What follows the help of `vhart stat`.
pub const AFTER_STAT: &str = "\
For example: vhart stat linux --check

The same as the command with --stat, or with --stat=FILE. docs/stat.md explains the table and the JSON.";

/// What follows the help of `vhart profile`.
pub const AFTER_PROFILE: &str = "\
For example:
  vhart profile linux --check                     a table of functions
  vhart profile -o boot.svg linux --check         a flame graph

The same as the command with --profile, or with --profile=FILE. docs/profile.md has the rest.";

/// What `vhart stat` writes to a file.
pub const STAT_FILE: &str = "Write JSON to a file, or '-' for standard output, in place of the table";

/// What `vhart profile` writes to a file.
pub const PROFILE_FILE: &str =
    "Write a flame graph (.svg), JSON (.json) or folded stacks to a file, in place of the table";

/// Options of a command around another.
#[derive(Args, Debug)]
pub struct WrappedOptions {
    // its help is that of the command
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// The command: run, linux, exec, hypervisor or elf, with its options
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl WrappedOptions {
    /// The command line that it stands for: the command with this option.
    pub fn words(&self, option: &str) -> Vec<OsString> {
        let mut option = OsString::from(option);
        if let Some(file) = &self.output {
            option.push("=");
            option.push(file);
        }
        let (name, rest) = self.command.split_first().map_or((None, &[][..]), |(name, rest)| (Some(name), rest));
        let begin = std::iter::once("vhart".into()).chain(name.cloned()).chain([option]);
        begin.chain(rest.iter().cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::{Cli, Command};

    fn read(line: &str) -> Result<Cli, clap::Error> {
        Cli::read(line.split(' ').map(Into::into)).map(|(cli, _)| cli)
    }

    #[test]
    fn it_is_the_command_with_the_option() {
        let stat = |line| match read(line).unwrap().command {
            Command::Elf(options) => options.machine.stat,
            other => panic!("{other:?}"),
        };
        assert_eq!(stat("vhart stat elf a"), Some(None));
        assert_eq!(stat("vhart stat -o s.json -- elf a --timeout 1s"), Some(Some("s.json".into())));
        assert_eq!(stat("vhart elf a"), None);
    }

    #[test]
    fn each_says_what_its_file_has() {
        let help = |name: &str| read(&format!("vhart {name} --help")).unwrap_err().to_string();
        assert!(help("stat").contains("Write JSON to a file") && help("stat").contains("For example: vhart stat"));
        assert!(
            help("profile").contains("Write a flame graph") && help("profile").contains("vhart profile -o boot.svg")
        );
    }

    #[test]
    fn what_the_engine_did_is_another_option_whose_old_name_is_told() {
        let read = |line: &str| {
            let (cli, notes) = Cli::read(line.split(' ').map(Into::into)).unwrap();
            let Command::Elf(options) = cli.command else { panic!("{line}") };
            (options.machine.stats, options.machine.stat, notes)
        };
        assert_eq!(read("vhart elf a --engine-stats"), (true, None, vec![]));
        let (counts, stat, notes) = read("vhart elf a --stats");
        assert!(counts && stat.is_none() && notes[0].starts_with("--stats is called --engine-stats"), "{notes:?}");
    }

    #[test]
    fn what_it_wraps_must_be_a_command_that_runs() {
        assert!(read("vhart stat").is_err());
        assert!(read("vhart stat nothing").is_err());
        assert!(read("vhart stat isa").is_err());
    }
}
