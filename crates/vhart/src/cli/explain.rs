//! `--explain` and its like: options.

use std::path::PathBuf;

use clap::Args;
use explain::{Pasted, Question};
use symbols::Whose;

const HEADING: &str = "Limits and reports";

/// What is to be explained at the end of a run.
#[derive(Args, Clone, Debug, Default)]
pub struct ExplainOptions {
    /// Explain at the end, on standard error: the last fault, the last that left a guest (exit), an access (ADDRESS),
    /// or the next instruction (pc); may be repeated
    ///
    /// The walk through both stages level by level, the check that failed and the bits that decided, the trap and who
    /// it went to. `fault[,to=m|hs|vs]` is each hart's last exception but environment calls, `exit` the last that left
    /// a guest; `ADDRESS[,world=m|hs|u|vs|vu][,access=r|w|x]` an access as it would be now; `,hart=N` asks one hart
    /// alone. On the console, Ctrl-A E asks for the last faults at any time. See docs/explain.md.
    #[arg(long = "explain", value_name = "fault|exit|ADDRESS|pc", help_heading = HEADING)]
    pub questions: Vec<Question>,

    /// Names of addresses: `host=FILE`, `guest=FILE` or `guest:VMID=FILE`, an ELF file, a System.map or a copy of
    /// /proc/kallsyms; may be repeated
    ///
    /// A Linux that runs has them in its memory, where they are found without this option. Source lines come from ELF
    /// files with DWARF. A file of another kernel than the one that runs is noticed.
    #[arg(long, value_name = "WHOSE=FILE", value_parser = symbols, help_heading = HEADING)]
    pub symbols: Vec<(Whose, PathBuf)>,

    /// Save the names found in a Linux's memory at the end: `host=FILE`, or `guest=FILE` of the guest that ran last;
    /// may be repeated
    ///
    /// As /proc/kallsyms shows them, or where FILE ends in .elf as an ELF file for GDB's add-symbol-file. --symbols
    /// reads either.
    #[arg(long, value_name = "WHOSE=FILE", value_parser = symbols, help_heading = HEADING)]
    pub save_symbols: Vec<(Whose, PathBuf)>,

    /// The same as JSON, in a file, or '-' for standard output; without --explain the last faults
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    pub explain_json: Option<PathBuf>,

    /// The same as a drawing of the walks, SVG; without --explain the last faults
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    pub explain_svg: Option<PathBuf>,
}

impl ExplainOptions {
    /// Whether anything is to be explained.
    pub fn is_wanted(&self) -> bool {
        !self.questions.is_empty() || self.explain_json.is_some() || self.explain_svg.is_some()
    }

    /// Refuses what names a hart that is not there.
    pub fn check(&self, harts: u32) -> Result<(), String> {
        let missing = self.questions.iter().filter_map(|question| question.hart).find(|&hart| hart >= harts as usize);
        match missing {
            Some(hart) => Err(format!("--explain asks of hart {hart}, and the machine has harts 0 to {}", harts - 1)),
            None => Ok(()),
        }
    }
}

/// Whose symbols a file has, and the file.
pub fn symbols(text: &str) -> Result<(Whose, PathBuf), String> {
    let wrong = || "write host=FILE, guest=FILE or guest:VMID=FILE".to_owned();
    let (whose, file) = text.split_once('=').filter(|(_, file)| !file.is_empty()).ok_or_else(wrong)?;
    let whose = match whose.split_once(':') {
        None if whose == "host" => Whose::Host,
        None if whose == "guest" => Whose::Guests,
        Some(("guest", vmid)) => Whose::Guest(vmid.parse().map_err(|_| wrong())?),
        _ => return Err(wrong()),
    };
    Ok((whose, file.into()))
}

/// A file's name, or a register as [`Pasted`] knows them.
fn word(text: &str) -> Result<String, String> {
    if text.contains('=') {
        Pasted::default().set(text).map_err(|why| why.to_string())?;
    }
    Ok(text.to_owned())
}

const AFTER: &str = "\
Examples:
  vhart explain scause=0x15 stval=0x40001238 htval=0x1000048e htinst=0x3000
  vhart explain trap mcause=5 mtval=0x10001000 mepc=0x80000123
  dmesg | vhart explain -

For faults of a machine that vhart runs itself see --explain of 'vhart run' and docs/explain.md.

Exit status: 0 when there was a trap to explain, 1 when there was none, 2 for wrong usage.";

/// Options of `vhart explain`.
#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub struct TrapOptions {
    /// The trap's registers: `scause=0x15 stval=0x1000`, or files with a log to find them in, '-' for standard input
    ///
    /// Registers of every mode's handler are known, mcause to vstval, and sstatus, hstatus, satp, vsatp, hgatp with
    /// them. In a log the names and spellings of Linux, KVM, OpenSBI, Xen, QEMU and Spike are found; of what comes
    /// twice, the last.
    #[arg(value_name = "REGISTER=VALUE|FILE", required = true, value_parser = word)]
    pub words: Vec<String>,

    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
