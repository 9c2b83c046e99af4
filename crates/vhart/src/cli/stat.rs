//! `vhart stat`: options.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

const AFTER: &str = "\
For example: vhart stat linux --check

The same as the command with --stat, or with --stat=FILE. docs/stat.md explains the table and the JSON.";

/// Options of `vhart stat`.
#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub struct StatOptions {
    /// Write JSON to a file, or '-' for standard output, in place of the table
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// The command: run, linux or elf, with its options
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

impl StatOptions {
    /// The command line that it stands for.
    pub fn words(&self) -> Vec<OsString> {
        let mut option = OsString::from("--stat");
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
