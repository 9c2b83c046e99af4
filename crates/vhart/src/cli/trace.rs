//! `vhart trace`: options.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use symbols::Whose;
use trace::Filter;

use super::traced::Traced;

const AFTER: &str = "\
For example:
  vhart trace -o run.vht -- linux --check         trace a run
  vhart trace run.vht --filter event=vswitch      print entries and exits of virtual machines
  vhart trace run.vht --perfetto run.pftrace      for ui.perfetto.dev

Exit status: 0 when the whole trace was read; 1 when it is damaged or cannot be read; 2 for wrong usage. docs/trace.md has the
events, the filters and the file's format.";

/// Options of `vhart trace`.
#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub struct TraceOptions {
    /// The trace to read
    #[arg(value_name = "FILE", required_unless_present = "output", conflicts_with = "output")]
    pub file: Option<PathBuf>,

    /// Run COMMAND, which follows behind --, and write its trace: `FILE[,FILTER...]`
    #[arg(long, short, value_name = "FILE", requires = "command", value_parser = checked)]
    pub output: Option<String>,

    /// Of the trace only these events: event=, world=, vmid=, hart=, pc=A-B, time=A-B; several by commas
    #[arg(long, value_name = "FILTER", value_parser = filter)]
    pub filter: Option<Filter>,

    /// Write packets for Perfetto to a file, or '-' for standard output, in place of text
    #[arg(long, value_name = "FILE")]
    pub perfetto: Option<PathBuf>,

    /// Names of addresses: `host=FILE`, `guest=FILE` or `guest:VMID=FILE`, an ELF file, a System.map or a copy of
    /// /proc/kallsyms; may be repeated
    ///
    /// Of a Linux that ran the trace has them itself.
    #[arg(long, value_name = "WHOSE=FILE", value_parser = super::explain::symbols)]
    pub symbols: Vec<(Whose, PathBuf)>,

    /// The command to trace: run, linux or elf, with its options
    #[arg(last = true, value_name = "COMMAND", requires = "output", conflicts_with = "file")]
    pub command: Vec<OsString>,
}

impl TraceOptions {
    /// The command line that it stands for, if it runs a command.
    pub fn words(&self) -> Option<Vec<OsString>> {
        let output = self.output.as_ref()?;
        let (name, rest) = self.command.split_first()?;
        let begin = ["vhart".into(), name.clone(), "--trace".into(), output.into()];
        Some(begin.into_iter().chain(rest.iter().cloned()).collect())
    }
}

/// The text, if it can be read later.
fn checked(text: &str) -> Result<String, String> {
    Traced::read(text).map(|_| text.to_owned())
}

fn filter(text: &str) -> Result<Filter, String> {
    let given = Filter::parse(text.split(','))?;
    // what is not named is what the trace has
    let all = !text.split(',').any(|word| word.starts_with("event="));
    if all { Filter::parse(text.split(',').chain(["event=all"])) } else { Ok(given) }
}

#[cfg(test)]
mod tests {
    use super::Whose;
    use crate::cli::{Cli, Command};

    fn read(line: &str) -> Result<Cli, clap::Error> {
        Cli::read(line.split(' ').map(Into::into)).map(|(cli, _)| cli)
    }

    #[test]
    fn with_an_output_it_is_the_command_with_the_option() {
        let Command::Elf(options) = read("vhart trace -o t.vht,vmid=1 -- elf a --timeout 1s").unwrap().command else {
            panic!("it is no elf");
        };
        assert_eq!(options.machine.trace.unwrap().file, std::path::PathBuf::from("t.vht"));
    }

    #[test]
    fn without_one_it_reads_a_file() {
        let Command::Trace(options) = read("vhart trace t.vht --filter vmid=1 --symbols guest=map").unwrap().command
        else {
            panic!("it is no trace");
        };
        assert_eq!((options.file, options.symbols), (Some("t.vht".into()), vec![(Whose::Guests, "map".into())]));
        for wrong in [
            "vhart trace",
            "vhart trace -o t",
            "vhart trace t -- elf a",
            "vhart trace t --filter event=x",
            "vhart trace -o t,x -- elf a",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
