//! `vhart linux`: options.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::software::{SOFTWARE, Software};
use crate::cli::{MachineOptions, Share, SnapshotOptions};

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

/// What host and guest are once they are up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Rootfs {
    /// The initramfs: busybox; the guest boots at once
    #[default]
    Busybox,
    /// A Debian with systemd, on a disk for each; 'guest' in the host boots the guest
    Debian,
}

/// Options of `vhart linux`.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("unattended").multiple(true))]
#[command(after_help = AFTER, mut_arg("memory", |memory| memory.default_value("1G").default_value_if("rootfs", "debian", "2G")))]
#[command(mut_arg("guest_memory", |memory| memory.default_value_if("rootfs", "debian", "512M")))]
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

    /// Show the console of --check on standard error
    #[arg(long, short, requires = "unattended", help_heading = CHECK)]
    pub verbose: bool,

    /// Print a command line that boots the same images, and boot nothing
    #[arg(long, value_enum, value_name = "WHOSE")]
    pub print: Option<Print>,

    #[command(flatten)]
    pub machine: MachineOptions,

    #[command(flatten)]
    pub software: Software,

    /// Initial RAM disk of your own for the host
    #[arg(long, value_name = "FILE", help_heading = SOFTWARE)]
    pub initrd: Option<PathBuf>,

    /// What host and guest are once they are up
    ///
    /// Debian is of --suite: about 50 MB of packages more, fetched and installed once, which takes a minute or two.
    /// Root has no password. What is written is forgotten at the end, unless --disk and --guest-disk name files.
    /// docs/debian.md has the rest.
    #[arg(long, value_enum, default_value = "busybox", help_heading = SOFTWARE)]
    pub rootfs: Rootfs,

    /// Disk of your own, a raw file, which the host hands on to the guest; what they write stays. With --rootfs debian
    /// the host's root, which is made where there is no such file
    #[arg(long, visible_alias = "drive", value_name = "FILE", help_heading = SOFTWARE)]
    pub disk: Option<PathBuf>,

    /// Disk of your own with the guest's root, made where there is no such file; needs --rootfs debian
    #[arg(long, value_name = "FILE", help_heading = SOFTWARE)]
    pub guest_disk: Option<PathBuf>,

    /// Size of a disk that --disk or --guest-disk makes, for example 20G; only what is written takes room [default: 8G]
    #[arg(long, value_name = "SIZE", value_parser = crate::cli::value::bytes, help_heading = SOFTWARE)]
    pub disk_size: Option<u64>,

    /// A directory of this computer, in the host at /mnt/NAME: `DIR[,readonly][,tag=NAME]`; may be repeated
    ///
    /// Without tag= the first is at /mnt/share, the second at /mnt/share1 and so on. 'guest --share /mnt/share' in the
    /// host hands it on to a guest, which has it at /mnt/share, too. docs/share.md says whose the files are.
    #[arg(long = "share", value_name = "DIR", value_parser = crate::cli::parse_share, help_heading = SOFTWARE)]
    pub shares: Vec<Share>,

    #[command(flatten)]
    pub snapshots: SnapshotOptions,
}

impl Options {
    /// Refuses what does not make sense together.
    pub fn check(&self) -> Result<(), String> {
        self.machine.check()?;
        self.software.guest_aia.map_or(Ok(()), |kind| self.machine.check_guests_aia(kind))?;
        self.check_rootfs()?;
        if self.is_unattended() && self.snapshots.is_wanted() {
            return Err("a check is of a whole boot: leave --save-snapshot and --load-snapshot out".into());
        }
        crate::cli::check_mounted_shares(&self.shares)
    }

    fn check_rootfs(&self) -> Result<(), String> {
        if self.rootfs == Rootfs::Busybox {
            return match (&self.guest_disk, self.disk_size) {
                (None, None) => Ok(()),
                (Some(_), _) => Err("--guest-disk is a Debian's root: choose --rootfs debian, or --disk alone".into()),
                (_, Some(_)) => {
                    Err("--disk-size is of a disk that is made: choose --rootfs debian, or make one: truncate -s"
                        .into())
                }
            };
        }
        if self.software.packages.packages.is_some() {
            return Err("--rootfs debian is made of an archive's packages: leave --packages out".into());
        }
        if self.initrd.is_some() {
            return Err("--rootfs debian is entered by vhart's own initrd: leave --initrd out".into());
        }
        if self.disk_size.is_some() && self.disk.is_none() && self.guest_disk.is_none() {
            return Err("--disk-size is of a disk that is kept: name its file with --disk or --guest-disk".into());
        }
        if self.disk.is_some() && self.disk == self.guest_disk {
            return Err("host and guest have a disk each: name another file with --guest-disk".into());
        }
        Ok(())
    }

    /// The disks of the user's that have a Debian, of the host and of the guest.
    pub fn own_systems(&self) -> [Option<images::OwnDisk>; 2] {
        [&self.disk, &self.guest_disk].map(|path| {
            path.clone().map(|path| {
                // Of two, one may be there.
                let len_bytes =
                    self.disk_size.filter(|_| !path.exists() || self.disk.is_none() || self.guest_disk.is_none());
                images::OwnDisk { path, len_bytes }
            })
        })
    }

    /// Whether nobody sits at the console.
    pub fn is_unattended(&self) -> bool {
        self.check || self.kvm_check
    }
}

#[cfg(test)]
mod tests {
    use super::super::software::Vmm;
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;
    use images::Firmware;
    use images::vmm::Choice;

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
        assert_eq!((options.machine.memory, options.software.guest_memory), (1 << 30, 256));
        assert_eq!(parse("-m 2G").unwrap().machine.memory, 2 << 30);
        let guest = |line| parse(line).map(|options| options.software.guest_memory).map_err(|wrong| wrong.exit_code());
        assert_eq!((guest("--guest-memory 512"), guest("--guest-memory 1.5G")), (Ok(512), Ok(1536)));
        assert_eq!(guest("--guest-memory 32M"), Err(2));
    }

    #[test]
    fn a_guest_has_imsics_where_the_hosts_processor_has_aia() {
        let check = |line| parse(line).unwrap().check();
        assert!(
            check("--guest-aia aplic-imsic").unwrap_err().contains("--guest-aia aplic-imsic needs --aia aplic-imsic")
        );
        assert!(check("--guest-aia aplic-imsic --aia none").is_err());
        for line in
            ["--guest-aia aplic-imsic --aia aplic-imsic", "--guest-aia aplic-imsic --aia aplic", "--guest-aia aplic"]
        {
            assert_eq!(check(line), Ok(()), "{line}");
        }
    }

    #[test]
    fn firmware_is_a_word_or_a_path() {
        assert_eq!(parse("--firmware opensbi").unwrap().software.firmware, Firmware::OpenSbi);
        assert_eq!(parse("--bios fw.bin").unwrap().software.firmware, Firmware::File("fw.bin".into()));
    }

    #[test]
    fn the_vmm_is_a_word_or_a_path() {
        assert_eq!(parse("--vmm ready").unwrap().software.vmm, Some(Vmm::Own(Choice::Ready)));
        assert_eq!(parse("--vmm build").unwrap().software.vmm, Some(Vmm::Own(Choice::Built)));
        assert_eq!(parse("--vmm ./build").unwrap().software.vmm, Some(Vmm::File("./build".into())));
    }

    #[test]
    fn a_report_needs_a_check() {
        assert_eq!(parse("--json r.json").unwrap_err().exit_code(), 2);
        assert!(parse("--check --json r.json").is_ok());
        assert_eq!(parse("--packages d --suite testing").unwrap_err().exit_code(), 2);
    }

    #[test]
    fn a_debian_has_more_memory_and_disks_of_its_own() {
        let options = parse("--rootfs debian --disk a --guest-disk b --disk-size 20G").unwrap();
        assert!(options.check().is_ok());
        assert_eq!((options.machine.memory, options.software.guest_memory), (2 << 30, 512));
        let [host, guest] = options.own_systems();
        assert_eq!((host.unwrap().len_bytes, guest.unwrap().path), (Some(20 << 30), "b".into()));
        assert_eq!(parse("--rootfs debian -m 3G").unwrap().machine.memory, 3 << 30);
        for line in [
            "--guest-disk a",
            "--disk a --disk-size 9G",
            "--rootfs debian --disk-size 9G",
            "--rootfs debian --packages d",
            "--rootfs debian --initrd i",
            "--rootfs debian --disk a --guest-disk a",
        ] {
            assert!(parse(line).unwrap().check().is_err(), "{line}");
        }
    }

    #[test]
    fn a_passed_date_is_refused_only_on_demand() {
        assert!(!parse("").unwrap().software.packages.refuse_expired);
        assert!(!parse("--accept-expired").unwrap().software.packages.refuse_expired);
        assert!(parse("--refuse-expired").unwrap().software.packages.refuse_expired);
        assert_eq!(parse("--refuse-expired --accept-expired").unwrap_err().exit_code(), 2);
    }
}
