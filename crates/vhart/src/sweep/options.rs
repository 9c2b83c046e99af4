//! `vhart sweep`: options.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

const AFTER: &str = "\
A sweep is a file like this one:
  bench = [\"--quick\", \"integer\", \"--places\", \"host,guest\"]   # what all points have
  [axes]                                                     # and what each combination of these adds
  isa = [\"rv64\", \"rv64,sstc=off\"]                            # an option of vhart exec
  harts = [1, 2]
  workload = [\"sort\", \"kernel\"]                              # a name for vhart bench
  suite = [\"stable\", \"testing\"]                              # an option of vhart bench

Examples:
  vhart sweep isa.toml                            measures what is left, into isa.out/results.csv
  vhart sweep isa.toml --list                     its points, and which are measured
  vhart sweep isa.toml --on hyperqueue            by the workers of a HyperQueue server
  vhart sweep isa.toml --on slurm -- -p cpu       more words for sbatch

docs/sweep.md has more.";

/// Who runs the points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Where {
    /// This computer
    Here,
    /// HyperQueue: 'hq submit'
    Hyperqueue,
    /// Slurm: 'sbatch'
    Slurm,
}

/// Options of `vhart sweep`.
#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub struct Options {
    /// What is swept
    #[arg(value_name = "FILE.toml")]
    pub file: PathBuf,

    /// Where results go, and come from where a sweep goes on [default: FILE.out]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// List the points, and run nothing
    #[arg(long)]
    pub list: bool,

    /// Points at a time, with --on here [default: 1, and one for each processor where counts alone are wanted]
    #[arg(long, value_name = "N", value_parser = jobs)]
    pub jobs: Option<usize>,

    /// Who runs the points
    #[arg(long, value_enum, value_name = "WHERE", default_value = "here")]
    pub on: Where,

    /// Run the point that a scheduler's environment names
    #[arg(long, hide = true)]
    pub task: bool,

    /// More words for 'hq submit' or 'sbatch', behind '--'
    #[arg(value_name = "WORD", last = true, allow_hyphen_values = true)]
    pub words: Vec<String>,
}

fn jobs(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|jobs| (1..=1024).contains(jobs)).ok_or_else(|| "write a number from 1 to 1024".into())
}
