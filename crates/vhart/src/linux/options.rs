//! `vhart linux`: options.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use images::Firmware;
use images::vmm::Choice;

use crate::cli::{MachineOptions, value};

const PACKAGES: &str = "Packages";
const SOFTWARE: &str = "Software";
const GUEST: &str = "Guest";
const CHECK: &str = "Check";

const AFTER: &str = "\
Kernel and user land are Debian's, fetched once, about 115 MB, verified and kept in the cache; nothing is installed. The \
guest is run by a riscv64 build of vhart itself, which comes with it.

Exit status: 0 when the machine powers off, when the user quits, or when a check passes; 1 when something is missing or a \
check fails; 2 for wrong usage; 124 after --timeout or --max-instructions, but 1 where a check runs, which reports it.

On the console, Ctrl-A X quits and Ctrl-A H lists what else there is.";

/// A command line to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Print {
    /// QEMU's, for the same images
    Qemu,
}

/// Options of `vhart linux`.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("unattended").multiple(true))]
#[command(after_help = AFTER, mut_arg("memory", |memory| memory.default_value("1G")))]
pub struct Options {
    /// Run unattended from power on to power off, and report when each phase arrived
    #[arg(long, group = "unattended", help_heading = CHECK)]
    pub check: bool,

    /// Write the report of --check to a file, or '-' for standard output, as JSON
    #[arg(long, value_name = "FILE", requires = "unattended", help_heading = CHECK)]
    pub json: Option<PathBuf>,

    /// Check the host's KVM, too, before the guest boots: what 'vhart kvm-check' prints there; implies --check
    #[arg(long, group = "unattended", help_heading = CHECK)]
    pub kvm_check: bool,

    /// Let both kernels test their cryptography as they boot: more than half of all that a check executes
    #[arg(long, help_heading = SOFTWARE)]
    pub self_tests: bool,

    /// Show the console of --check on standard error
    #[arg(long, short, requires = "unattended", help_heading = CHECK)]
    pub verbose: bool,

    /// Print a command line that boots the same images, and boot nothing
    #[arg(long, value_enum, value_name = "WHOSE")]
    pub print: Option<Print>,

    #[command(flatten)]
    pub machine: MachineOptions,

    /// Virtual CPUs of the guest
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value::harts)]
    #[arg(help_heading = GUEST)]
    pub guest_harts: u32,

    /// Memory of the guest, for example 512M or 1G; a number alone is in MiB
    #[arg(long, value_name = "SIZE", default_value = "256M", value_parser = guest_memory, help_heading = GUEST)]
    pub guest_memory: u64,

    /// Firmware of the host: 'builtin' answers SBI calls in vhart itself, 'opensbi' is Debian's, a path is an M-mode image
    #[arg(long, visible_alias = "bios", value_name = "builtin|opensbi|FILE", default_value = "builtin")]
    #[arg(value_parser = firmware, help_heading = SOFTWARE)]
    pub firmware: Firmware,

    /// Kernel of your own for host and guest, in place of Debian's
    #[arg(long, short, value_name = "FILE", help_heading = SOFTWARE)]
    pub kernel: Option<PathBuf>,

    /// Directory with the modules of your own kernel
    #[arg(long, value_name = "DIR", requires = "kernel", help_heading = SOFTWARE)]
    pub modules: Option<PathBuf>,

    /// Initial RAM disk of your own for the host
    #[arg(long, value_name = "FILE", help_heading = SOFTWARE)]
    pub initrd: Option<PathBuf>,

    /// More words for the host kernel's command line
    #[arg(long, short, value_name = "TEXT", allow_hyphen_values = true, help_heading = SOFTWARE)]
    pub append: Option<String>,

    /// Disk of your own, a raw file, which the host hands on to the guest; what they write stays
    #[arg(long, visible_alias = "drive", value_name = "FILE", help_heading = SOFTWARE)]
    pub disk: Option<PathBuf>,

    /// The guest's VMM, a riscv64 build of vhart: 'ready' comes with this program, 'build' builds it of the checkout that
    /// vhart is run in, a path is your own [default: ready, and build in a checkout whose sources differ from its]
    #[arg(long, value_name = "ready|build|FILE", value_parser = vmm, help_heading = SOFTWARE)]
    pub vmm: Option<Vmm>,

    /// Debian's suite: stable, testing, or a code name
    #[arg(long, default_value = "stable", help_heading = PACKAGES)]
    pub suite: String,

    /// Debian archive [default: the one that this system's apt uses, else Debian's own]
    #[arg(long, value_name = "URL", help_heading = PACKAGES)]
    pub mirror: Option<String>,

    /// File with the OpenPGP keys that sign the archive [default: Debian's, and those that this system's apt trusts for it]
    #[arg(long, value_name = "FILE", help_heading = PACKAGES)]
    pub keyring: Option<PathBuf>,

    /// Directory of .deb files to take in place of an archive
    #[arg(long, value_name = "DIR", conflicts_with_all = ["suite", "mirror", "keyring"], help_heading = PACKAGES)]
    pub packages: Option<PathBuf>,

    /// Refuse an archive whose date has passed, such as a snapshot; signatures are checked in any case
    #[arg(long, help_heading = PACKAGES)]
    pub refuse_expired: bool,

    /// What the default is now; for scripts from before
    #[arg(long, hide = true, conflicts_with = "refuse_expired")]
    pub accept_expired: bool,

    /// Ask the archive for newer versions of what is in the cache
    #[arg(long, help_heading = PACKAGES)]
    pub refresh: bool,

    /// Directory for what is fetched and built [default: vhart in the user's cache directory]
    #[arg(long, value_name = "DIR", help_heading = PACKAGES)]
    pub cache: Option<PathBuf>,
}

impl Options {
    /// Whether nobody sits at the console.
    pub fn is_unattended(&self) -> bool {
        self.check || self.kvm_check
    }
}

/// Whose VMM runs the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Vmm {
    /// One that vhart has or makes.
    Own(Choice),
    /// The user's.
    File(PathBuf),
}

fn vmm(text: &str) -> Result<Vmm, String> {
    match text {
        "" => Err("write ready, build or a path".into()),
        "ready" => Ok(Vmm::Own(Choice::Ready)),
        "build" => Ok(Vmm::Own(Choice::Built)),
        path => Ok(Vmm::File(path.into())),
    }
}

/// Reads the size of the guest's memory, in MiB.
fn guest_memory(text: &str) -> Result<u64, String> {
    match value::size(text)? >> 20 {
        mib @ 64.. => Ok(mib),
        _ => Err("a guest Linux needs 64M".into()),
    }
}

fn firmware(text: &str) -> Result<Firmware, String> {
    match text {
        "" => Err("write builtin, opensbi or a path".into()),
        "builtin" | "default" => Ok(Firmware::BuiltIn),
        "opensbi" => Ok(Firmware::OpenSbi),
        path => Ok(Firmware::File(path.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    fn parse(line: &str) -> Result<Options, clap::Error> {
        let words = ["vhart", "linux"].into_iter().chain(line.split_whitespace());
        match Cli::try_parse_from(words)?.command {
            Command::Linux(options) => Ok(options),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_host_has_room_for_its_guest() {
        let options = parse("").unwrap();
        assert_eq!((options.machine.memory, options.guest_memory), (1 << 30, 256));
        assert_eq!(parse("-m 2G").unwrap().machine.memory, 2 << 30);
        let guest = |line| parse(line).map(|options| options.guest_memory).map_err(|wrong| wrong.exit_code());
        assert_eq!((guest("--guest-memory 512"), guest("--guest-memory 1.5G")), (Ok(512), Ok(1536)));
        assert_eq!(guest("--guest-memory 32M"), Err(2));
    }

    #[test]
    fn firmware_is_a_word_or_a_path() {
        assert_eq!(parse("--firmware opensbi").unwrap().firmware, Firmware::OpenSbi);
        assert_eq!(parse("--bios fw.bin").unwrap().firmware, Firmware::File("fw.bin".into()));
    }

    #[test]
    fn the_vmm_is_a_word_or_a_path() {
        assert_eq!(parse("--vmm ready").unwrap().vmm, Some(Vmm::Own(Choice::Ready)));
        assert_eq!(parse("--vmm build").unwrap().vmm, Some(Vmm::Own(Choice::Built)));
        assert_eq!(parse("--vmm ./build").unwrap().vmm, Some(Vmm::File("./build".into())));
    }

    #[test]
    fn a_report_needs_a_check() {
        assert_eq!(parse("--json r.json").unwrap_err().exit_code(), 2);
        assert!(parse("--check --json r.json").is_ok());
        assert_eq!(parse("--packages d --suite testing").unwrap_err().exit_code(), 2);
    }

    #[test]
    fn a_passed_date_is_refused_only_on_demand() {
        assert!(!parse("").unwrap().refuse_expired);
        assert!(!parse("--accept-expired").unwrap().refuse_expired);
        assert!(parse("--refuse-expired").unwrap().refuse_expired);
        assert_eq!(parse("--refuse-expired --accept-expired").unwrap_err().exit_code(), 2);
    }
}
