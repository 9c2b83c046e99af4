//! The testbeds of a place: the machine that the options behind `--` ask for, and others for what needs another.
//!
//! Each does its part of a place's workloads, in a process of its own.

use std::ffi::OsString;

use clap::{Arg, CommandFactory as _};
use images::work::Kernel;
use workloads::Need;

use crate::cli::Cli;

/// Options that mean the Linux of `vhart exec`, which is not what other subcommands boot.
const OF_LINUX: [&str; 5] = ["kernel", "initrd", "append", "disk", "net"];

/// Which machine, with what it boots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Testbed {
    /// The one that was asked for.
    Asked,
    /// The same with two harts, and with two in its guest.
    TwoHarts,
    /// One that this kernel has for itself.
    Kernel(Kernel),
}

impl Testbed {
    /// All of them.
    pub const ALL: [Testbed; 4] =
        [Testbed::Asked, Testbed::TwoHarts, Testbed::Kernel(Kernel::Switches), Testbed::Kernel(Kernel::Interrupts)];

    /// The one for the workload of that name.
    pub fn of(workload: &str) -> Testbed {
        match workloads::find(workload).and_then(|workload| workload.needs) {
            Some(Need::TwoHarts) => Testbed::TwoHarts,
            Some(Need::Kernel) => Testbed::Kernel(Kernel::Switches),
            Some(Need::Aia) => Testbed::Kernel(Kernel::Interrupts),
            Some(Need::Disk | Need::Network | Need::Serial) | None => Testbed::Asked,
        }
    }

    /// The kernel that does the work, where it is no program of Linux's.
    pub fn kernel(self) -> Option<Kernel> {
        match self {
            Testbed::Kernel(kernel) => Some(kernel),
            Testbed::Asked | Testbed::TwoHarts => None,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Testbed::Asked => "asked",
            Testbed::TwoHarts => "two-harts",
            Testbed::Kernel(kernel) => kernel.name(),
        }
    }

    /// What it has, whatever the options say, in words for a subcommand.
    fn own(self, subcommand: &str) -> &'static [&'static str] {
        let is_hypervisor = subcommand == "hypervisor";
        match self {
            Testbed::TwoHarts if is_hypervisor => &["--harts=2", "--vcpus=2"],
            Testbed::TwoHarts => &["--harts=2", "--guest-harts=2"],
            Testbed::Kernel(Kernel::Interrupts) if is_hypervisor => {
                &["--aia=aplic-imsic", "--harts=2", "--vcpus=2", "--guest-rng"]
            }
            Testbed::Kernel(Kernel::Interrupts) => &["--aia=aplic-imsic", "--harts=2"],
            Testbed::Asked | Testbed::Kernel(Kernel::Switches) => &[],
        }
    }

    /// Options of a subcommand: what the machine has, and those of the user's, which are of `vhart exec`, that go with
    /// it and mean the same there.
    pub fn options(self, subcommand: &str, asked: &[OsString]) -> Vec<OsString> {
        let (own, is_linux) = (self.own(subcommand), matches!(subcommand, "exec" | "linux"));
        let is_own = |long: &str| {
            own.iter().filter_map(|word| word.strip_prefix("--")?.split('=').next()).any(|own| own == long)
                || long == "aia-guests" && own.contains(&"--aia=aplic-imsic")
        };
        let mut is_kept = true;
        let keep = |option: &&OsString| {
            let text = option.to_str().unwrap_or_default();
            // what begins without dashes is the value of what stood before
            if text.starts_with('-') {
                is_kept = match long(subcommand, text) {
                    Some(long) => !is_own(&long) && (is_linux || !OF_LINUX.contains(&long.as_str())),
                    // where it is wrong it is refused; with one dash it is QEMU's, of machines
                    None => is_linux || !text.starts_with("--"),
                };
            }
            is_kept
        };
        own.iter().map(OsString::from).chain(asked.iter().filter(keep).cloned()).collect()
    }
}

/// Whether an option of a subcommand is among these.
pub fn is_given(long: &str, subcommand: &str, options: &[OsString]) -> bool {
    options
        .iter()
        .filter_map(|word| word.to_str())
        .any(|word| self::long(subcommand, word).is_some_and(|of| of == long))
}

/// The first name of the subcommand's option that is this word, with one dash or two.
fn long(subcommand: &str, word: &str) -> Option<String> {
    word.starts_with('-').then_some(())?;
    let name = word.trim_start_matches('-').split('=').next().unwrap_or_default();
    let cli = Cli::command();
    let mut options = cli.find_subcommand(subcommand)?.get_arguments();
    let is_it = |option: &&Arg| {
        let letters = option.get_short_and_visible_aliases().unwrap_or_default();
        option.get_long_and_visible_aliases().is_some_and(|names| names.contains(&name))
            || letters.iter().any(|letter| word == format!("-{letter}"))
    };
    Some(options.find(is_it)?.get_long()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(testbed: Testbed, subcommand: &str, asked: &str) -> String {
        let asked: Vec<OsString> = asked.split_whitespace().map(OsString::from).collect();
        let options = testbed.options(subcommand, &asked);
        options.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    const INTERRUPTS: Testbed = Testbed::Kernel(Kernel::Interrupts);

    #[test]
    fn what_needs_two_harts_has_two_whatever_was_asked_for() {
        assert_eq!(["ipi", "wake"].map(Testbed::of), [Testbed::TwoHarts; 2]);
        let asked = "--harts 1 --isa rv64gch --guest-harts=4 --memory 2G";
        let rest = "--isa rv64gch --memory 2G";
        assert_eq!(options(Testbed::TwoHarts, "exec", asked), format!("--harts=2 --guest-harts=2 {rest}"));
        assert_eq!(options(Testbed::TwoHarts, "linux", asked), format!("--harts=2 --guest-harts=2 {rest}"));
        assert_eq!(options(Testbed::TwoHarts, "hypervisor", asked), format!("--harts=2 --vcpus=2 {rest}"));
        assert_eq!(options(INTERRUPTS, "run", asked), format!("--aia=aplic-imsic --harts=2 {rest}"));
    }

    #[test]
    fn an_option_is_known_by_its_other_names() {
        for asked in ["--smp 4", "-smp 4"] {
            assert_eq!(options(Testbed::TwoHarts, "exec", asked), "--harts=2 --guest-harts=2");
        }
        assert_eq!(
            options(INTERRUPTS, "run", "-m 2G -k Image -cpu rv64"),
            "--aia=aplic-imsic --harts=2 -m 2G -cpu rv64"
        );
        assert_eq!(options(INTERRUPTS, "run", "--aia=aplic --aia-guests 3"), "--aia=aplic-imsic --harts=2");
    }

    #[test]
    fn other_machines_have_what_was_asked_for() {
        assert_eq!(options(Testbed::Asked, "exec", "--harts 4 --disk a.img"), "--harts 4 --disk a.img");
        assert_eq!(
            options(Testbed::Asked, "hypervisor", "--harts 4 --disk a.img --suite testing"),
            "--harts 4 --suite testing"
        );
        assert_eq!(options(Testbed::Asked, "exec", "--nosuch 4"), "--nosuch 4");
    }

    #[test]
    fn every_workload_has_its_testbed() {
        let of = |name| Testbed::of(name);
        assert_eq!((of("sort"), of("disk-read")), (Testbed::Asked, Testbed::Asked));
        assert_eq!((of("msi-self"), of("sbi-null")), (INTERRUPTS, Testbed::Kernel(Kernel::Switches)));
        assert!(workloads::ALL.iter().all(|workload| Testbed::ALL.contains(&Testbed::of(workload.name))));
    }
}
