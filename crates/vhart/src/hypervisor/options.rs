//! `vhart hypervisor`: options.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use images::Firmware;
use images::vmm::Choice;

use crate::cli::{AiaKind, Disk, MachineOptions, Net, disk, net, value};
use crate::linux::{PackageOptions, Print, firmware, guest_memory};

const SOFTWARE: &str = "Software";
const GUESTS: &str = "Guests";
const CHECK: &str = "Check";

/// What the machine needs beside its guests' memory: the hypervisor, and the guests' images as the loader brings them.
const BESIDE_MIB: u64 = 128;

const AFTER: &str = "\
The hypervisor runs on the bare machine, in HS-mode, in KVM's place; each guest is an unmodified Linux. Kernel and user land are \
Debian's, fetched once and kept in the cache, as for 'vhart linux'. 'vhart images hypervisor' prints where the hypervisor itself is.

Exit status: 0 when all guests have powered off, when the user quits, or when a check passes; 1 when something is missing, a guest \
fails or a check fails; 2 for wrong usage; 124 after a timeout.

On the console, Ctrl-B N switches to the next guest, Ctrl-B H lists what else there is; Ctrl-A X quits.";

/// Options of `vhart hypervisor`.
#[derive(Args, Debug)]
#[command(after_help = AFTER, mut_arg("memory", |memory| memory.default_value("1G")), mut_arg("harts", |harts| harts.default_value("2")))]
pub struct Options {
    /// Run unattended from power on to power off, and report when each phase arrived
    #[arg(long, help_heading = CHECK)]
    pub check: bool,

    /// Show the console of --check on standard error
    #[arg(long, short, requires = "check", help_heading = CHECK)]
    pub verbose: bool,

    /// Print a command line that boots the same images, and boot nothing
    #[arg(long, value_enum, value_name = "WHOSE")]
    pub print: Option<Print>,

    #[command(flatten)]
    pub machine: MachineOptions,

    /// How many guests
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    #[arg(help_heading = GUESTS)]
    pub guests: u32,

    /// Virtual harts of each guest; all together may be more than the machine's harts
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value::harts, help_heading = GUESTS)]
    pub vcpus: u32,

    /// Memory of each guest, for example 512M or 1G; a number alone is in MiB
    #[arg(long, value_name = "SIZE", default_value = "256M", value_parser = guest_memory, help_heading = GUESTS)]
    pub guest_memory: u64,

    /// Interrupt controllers of the guests, as --aia has them for the machine [default: the machine's]
    #[arg(long, value_enum, value_name = "KIND", help_heading = GUESTS)]
    pub guest_aia: Option<AiaKind>,

    /// Kernel of your own for the guests, in place of Debian's
    #[arg(long, value_name = "FILE", help_heading = GUESTS)]
    pub guest_kernel: Option<PathBuf>,

    /// Initial RAM disk of your own for the guests
    #[arg(long, value_name = "FILE", help_heading = GUESTS)]
    pub guest_initrd: Option<PathBuf>,

    /// A disk for a guest: a raw file, as `PATH` or `file=PATH[,readonly=on][,snapshot=on]...` (see 'vhart run
    /// --help'); may be repeated
    ///
    /// The first is the first guest's, the second the second's, and so on.
    #[arg(long = "guest-disk", value_name = "DISK", value_parser = disk::parse, help_heading = GUESTS)]
    pub guest_disks: Vec<Disk>,

    /// A network card for the first guest: 'user', as for 'vhart run --net'
    #[arg(long, value_name = "user|none", value_parser = net::parse_net, help_heading = GUESTS)]
    pub guest_net: Option<Net>,

    /// The machine's source of random numbers for the first guest
    #[arg(long, help_heading = GUESTS)]
    pub guest_rng: bool,

    /// Network cards by which guests reach each other, at 10.0.3.1 and on [default: on where there are several guests]
    #[arg(long, value_enum, value_name = "on|off", help_heading = GUESTS)]
    pub guest_link: Option<Switched>,

    /// One more guest, 'other', with a kernel of your own (a flat image), beside the Linux ones
    #[arg(long, value_name = "FILE", help_heading = GUESTS)]
    pub other_kernel: Option<PathBuf>,

    /// The command line of that kernel
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, requires = "other_kernel", help_heading = GUESTS)]
    pub other_append: Option<String>,

    /// More words for the guest kernels' command line
    #[arg(long, short, value_name = "TEXT", allow_hyphen_values = true, help_heading = GUESTS)]
    pub append: Option<String>,

    /// Firmware of the machine: 'builtin' answers SBI calls in vhart itself, 'opensbi' is Debian's, a path is an M-mode
    /// image
    #[arg(long, visible_alias = "bios", value_name = "builtin|opensbi|FILE", default_value = "builtin")]
    #[arg(value_parser = firmware, help_heading = SOFTWARE)]
    pub firmware: Firmware,

    /// The hypervisor: 'ready' comes with this program, 'build' builds it of the checkout that vhart is run in, a path
    /// is your own [default: ready, and build in a checkout whose sources differ from its]
    #[arg(long, value_name = "ready|build|FILE", value_parser = hypervisor, help_heading = SOFTWARE)]
    pub hypervisor: Option<Whose>,

    #[command(flatten)]
    pub packages: PackageOptions,
}

/// Whether there is something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switched {
    /// There is.
    On,
    /// There is not.
    Off,
}

/// Whose hypervisor it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// One that vhart has or makes.
    Own(Choice),
    /// The user's.
    File(PathBuf),
}

fn hypervisor(text: &str) -> Result<Whose, String> {
    match text {
        "" => Err("write ready, build or a path".into()),
        "ready" => Ok(Whose::Own(Choice::Ready)),
        "build" => Ok(Whose::Own(Choice::Built)),
        path => Ok(Whose::File(path.into())),
    }
}

impl Options {
    /// Refuses what does not make sense together.
    pub fn check(&self) -> Result<(), String> {
        let guests = self.guests + u32::from(self.other_kernel.is_some());
        let needed = u64::from(guests) * self.guest_memory + BESIDE_MIB;
        if self.machine.memory >> 20 < needed {
            return Err(format!(
                "{guests} guests with {} MiB each need a machine with {needed} MiB of memory: --memory {needed}M",
                self.guest_memory
            ));
        }
        if self.guest_disks.len() > guests as usize {
            return Err(format!("there are {} disks (--guest-disk) for {guests} guests", self.guest_disks.len()));
        }
        if !self.guest_memory.is_multiple_of(2) {
            return Err(
                "a guest's memory is given in pieces of 2 MiB: --guest-memory with an even number of MiB".into()
            );
        }
        self.machine.check_guests_aia(self.guest_aia())?;
        self.machine.check()
    }

    /// Whether guests have cards by which they reach each other.
    pub fn has_link(&self) -> bool {
        let several = self.guests + u32::from(self.other_kernel.is_some()) > 1;
        self.guest_link.map_or(several, |link| link == Switched::On)
    }

    /// The interrupt controllers of the guests.
    pub fn guest_aia(&self) -> AiaKind {
        self.guest_aia.unwrap_or(self.machine.aia.kind())
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::{Cli, Command};

    fn problem(line: &str) -> Option<String> {
        let words = ["vhart", "hypervisor"].into_iter().chain(line.split_whitespace()).map(Into::into);
        Cli::read(words).err().map(|wrong| wrong.to_string())
    }

    #[test]
    fn two_guests_on_two_harts_are_the_default() {
        assert_eq!(problem(""), None);
        assert_eq!(problem("--guests 4 --vcpus 2 --harts 2 -m 2G"), None);
    }

    #[test]
    fn several_guests_are_linked_unless_it_is_said() {
        let links = |line: &str| {
            let words = ["vhart", "hypervisor"].into_iter().chain(line.split_whitespace()).map(Into::into);
            match Cli::read(words).map(|(cli, _)| cli.command) {
                Ok(Command::Hypervisor(options)) => options.has_link(),
                _ => panic!("{line}"),
            }
        };
        assert_eq!(["", "--guests 1", "--guests 1 --other-kernel k"].map(links), [true, false, true]);
        assert_eq!(["--guest-link off", "--guests 1 --guest-link on"].map(links), [false, true]);
        assert!(problem("--guest-link maybe").is_some());
    }

    #[test]
    fn guests_have_the_machines_interrupt_controllers_unless_it_is_said() {
        assert_eq!(problem("--aia aplic-imsic --guest-aia none"), None);
        assert_eq!(problem("--aia aplic --guest-aia aplic-imsic"), None);
        assert_eq!(problem("--guest-aia aplic"), None);
        assert!(problem("--guest-aia aplic-imsic").unwrap().contains("needs --aia aplic-imsic"));
    }

    #[test]
    fn guests_without_room_are_refused_with_what_to_do() {
        assert!(problem("--guests 4").unwrap().contains("--memory 1152M"));
        assert!(problem("--guest-memory 65M").unwrap().contains("even"));
        assert!(problem("--guests 0").is_some());
        assert!(problem("--guest-disk a --guest-disk b --guest-disk c").unwrap().contains("3 disks"));
        assert_eq!(problem("--guest-disk a --guest-disk b --guest-disk c --other-kernel k"), None);
        assert!(problem("--other-append quiet").is_some());
    }
}
