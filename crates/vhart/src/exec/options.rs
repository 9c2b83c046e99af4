//! `vhart exec`: options.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, ValueEnum};
use virtio::Forward;

use crate::cli::{Disk, MachineOptions, Net, Share, disk, net, value};
use crate::linux::software::Software;

/// Where a program begins that nothing was chosen for.
pub const HOME: &str = "/root";
/// Where the machine has its shares.
const SHARES: &str = "/mnt";

const PROGRAM: &str = "Program";
const DEVICES: &str = "Devices";
const REPORTS: &str = "Limits and reports";
const SEVERAL: &str = "Several commands";

const USAGE: &str = "vhart exec [OPTIONS] -- <CMD>...\n       vhart exec [OPTIONS] --each <FILE>";

const AFTER: &str = "\
Examples:
  vhart exec -- uname -a                                  a command of the machine's own (busybox)
  vhart exec -- ./test --all                              a static riscv64 program from here, with its arguments
  vhart exec --share . -- ./run-tests.sh                  what is in this directory, in this directory
  vhart exec --level guest --timeout 2m -- ./test         the same inside a KVM guest
  vhart exec --each tests.txt --junit tests.xml           a command on each line, in one machine
  vhart exec --harts 4 --disk root.img -- sh -c 'mount /dev/vda /mnt && ls /mnt'

Standard output and standard error come apart and byte for byte; standard input is the program's. Its environment is PATH, \
HOME, TERM and what --env names.

Exit status: the program's own; 128 and the signal's number where a signal ended it, also Ctrl-C (130); 122 when the kernel \
reported an oops meanwhile, 123 when it panicked or the machine ended before the program did; 124 after --timeout; 125 when \
vhart itself failed; 126 when the program cannot be run on riscv64, 127 when it is not there; 2 for wrong usage. With --each: 0 \
when all commands ended with 0, else 1; and 124, 125 and 128 and more where not all could be run.";

/// Where the program runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// In the host Linux, which has /dev/kvm
    #[default]
    Host,
    /// In a guest Linux that KVM runs in that host
    Guest,
}

/// What is around the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Rootfs {
    /// The initramfs: busybox alone
    #[default]
    Busybox,
    /// What every Debian has: bash, coreutils, perl, apt; without systemd
    Debian,
}

/// Options of `vhart exec`.
#[derive(Args, Debug)]
#[command(after_help = AFTER, override_usage = USAGE, mut_arg("memory", |memory| memory.default_value("1G")))]
pub struct Options {
    /// The program and its arguments, behind '--'
    #[arg(value_name = "CMD", last = true, required_unless_present = "each", num_args = 1..)]
    pub words: Vec<OsString>,

    /// Run several commands in one machine: each line of a file is one, as it would stand behind '--'; '-' is standard
    /// input
    ///
    /// Words are quoted as for a shell, which is not there otherwise: sh -c 'a | b'. What begins with # is a comment.
    /// Each has its own status, and no standard input. After a panic or an oops the next runs in a new machine.
    #[arg(long, value_name = "FILE", conflicts_with = "words", help_heading = SEVERAL)]
    pub each: Option<PathBuf>,

    /// How long each command may run; then it gets SIGTERM, and two seconds later SIGKILL: status 124
    #[arg(long, value_name = "TIME", value_parser = value::duration, help_heading = SEVERAL)]
    pub each_timeout: Option<Duration>,

    /// Run no more of them once one has failed
    #[arg(long, help_heading = SEVERAL)]
    pub fail_fast: bool,

    /// Where it runs
    #[arg(long, value_enum, default_value = "host", help_heading = PROGRAM)]
    pub level: Level,

    /// What is around it; debian is the disk of 'vhart linux --rootfs debian', without systemd, made once (48 MB to
    /// download)
    #[arg(long, value_enum, default_value = "busybox", help_heading = PROGRAM)]
    pub rootfs: Rootfs,

    /// A variable of its environment, NAME=VALUE, or NAME with the value that it has here; may be repeated
    #[arg(long = "env", short = 'e', value_name = "NAME[=VALUE]", help_heading = PROGRAM)]
    #[arg(value_parser = OsStringValueParser::new().try_map(variable))]
    pub variables: Vec<OsString>,

    /// The directory that it begins in [default: the first --share, else /root]
    #[arg(long, short = 'w', value_name = "DIR", help_heading = PROGRAM)]
    pub workdir: Option<OsString>,

    /// What a program from here is told as its name, in place of its path, which is this computer's
    #[arg(long, value_name = "NAME", hide = true)]
    pub argv0: Option<OsString>,

    #[command(flatten)]
    pub machine: MachineOptions,

    #[command(flatten)]
    pub software: Software,

    /// A disk, as for 'vhart run': a raw file, `file=PATH[,readonly=on][,snapshot=on]...`; may be repeated
    #[arg(long = "disk", visible_alias = "drive", value_name = "DISK", value_parser = disk::parse)]
    #[arg(help_heading = DEVICES)]
    pub disks: Vec<Disk>,

    /// A directory of this computer, in the machine at /mnt/NAME: `DIR[,readonly][,tag=NAME]`; may be repeated
    ///
    /// The first is at /mnt/share where it has no tag, and the program begins there; a relative path is one in it.
    /// docs/share.md says whose the files are.
    #[arg(long = "share", value_name = "DIR", value_parser = crate::cli::parse_share, help_heading = DEVICES)]
    pub shares: Vec<Share>,

    /// Network, as for 'vhart run': 'user', with a lease before the program starts, or 'none' [default: none]
    #[arg(long, visible_alias = "nic", value_name = "user|none", value_parser = net::parse_net)]
    #[arg(help_heading = DEVICES)]
    pub net: Option<Net>,

    /// A port of this computer that leads into the machine, as for 'vhart run'; implies --net user
    #[arg(long = "forward", value_name = "PORTS", value_parser = net::parse_forward, help_heading = DEVICES)]
    pub forwards: Vec<Forward>,

    /// Write the kernel's messages to a file as they come, or '-' for standard error
    #[arg(long, value_name = "FILE", help_heading = REPORTS)]
    pub dmesg: Option<PathBuf>,

    /// Write the result as JUnit's XML: for each command a test case with its output, time and status
    #[arg(long, value_name = "FILE", help_heading = REPORTS)]
    pub junit: Option<PathBuf>,

    /// Write the same as JSON
    #[arg(long, value_name = "FILE", help_heading = REPORTS)]
    pub json: Option<PathBuf>,

    /// Where it fails, keep in this directory what the kernel and the program said, and how it was run
    #[arg(long, value_name = "DIR", help_heading = REPORTS)]
    pub keep: Option<PathBuf>,
}

impl Options {
    /// The directory that the program begins in.
    pub fn directory(&self) -> OsString {
        let share = || crate::cli::share_tags(&self.shares).first().map(|tag| format!("{SHARES}/{tag}").into());
        self.workdir.clone().or_else(share).unwrap_or_else(|| HOME.into())
    }

    /// The file of a program that is named by a relative path and is in the share that it begins in.
    pub fn shared(&self, program: &OsStr) -> Option<PathBuf> {
        let first = self.shares.first().filter(|_| self.workdir.is_none() && Path::new(program).is_relative());
        first.map(|share| share.directory.join(program)).filter(|file| file.exists())
    }

    /// Whether what is reported, or who looks on, is of one machine.
    pub fn is_about_one_machine(&self) -> bool {
        let machine = &self.machine;
        machine.gdb.is_some()
            || machine.trace.is_some()
            || machine.stat.is_some()
            || machine.profile.is_wanted()
            || machine.explain.is_wanted()
    }

    /// Refuses what does not make sense together.
    pub fn check(&self) -> Result<(), String> {
        // clap would not ask for --each where a command is in its place.
        if self.each.is_none() && (self.each_timeout.is_some() || self.fail_fast) {
            return Err("--each-timeout and --fail-fast are about several commands: --each FILE lists them".into());
        }
        crate::cli::check_mounted_shares(&self.shares)?;
        self.software.guest_aia.map_or(Ok(()), |kind| self.machine.check_guests_aia(kind))?;
        if self.net == Some(Net::None) && !self.forwards.is_empty() {
            return Err("--forward leads into the machine's network: leave --net none out".into());
        }
        if self.machine.deterministic.is_some() && (self.net.is_some() || !self.forwards.is_empty()) {
            return Err("the network depends on the host's clock: --deterministic goes without --net".into());
        }
        if self.rootfs == Rootfs::Debian && self.software.packages.packages.is_some() {
            return Err("--rootfs debian is made of an archive's packages: leave --packages out".into());
        }
        if self.each.is_none() && self.words.first().is_none_or(|program| program.is_empty()) {
            return Err("which program? Write it behind '--', as in vhart exec -- uname -a".into());
        }
        self.machine.check()
    }
}

/// Reads `NAME=VALUE`, or `NAME` with the value from here.
fn variable(text: OsString) -> Result<OsString, String> {
    let bytes = text.as_bytes();
    match bytes.iter().position(|&byte| byte == b'=') {
        Some(0) => Err("a variable has a name: write NAME=VALUE".into()),
        Some(_) => Ok(text),
        None if bytes.is_empty() => Err("a variable has a name: write NAME=VALUE".into()),
        None => {
            let value = std::env::var_os(&text)
                .ok_or_else(|| format!("there is no variable {} here: write NAME=VALUE", text.display()))?;
            Ok([text.as_os_str(), OsStr::new("="), &value].into_iter().collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::program::Program;
    use super::*;
    use crate::cli::{Cli, Command};

    fn parse(line: &str) -> Result<Options, clap::Error> {
        match Cli::read(["vhart", "exec"].into_iter().chain(line.split_whitespace()).map(Into::into))?.0.command {
            Command::Exec(options) => Ok(options),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_follows_the_dashes_is_the_programs() {
        let options = parse("--level guest -e A=b=c --timeout 5s -- ls -l --level host").unwrap();
        assert_eq!((options.words.len(), options.level), (4, Level::Guest));
        assert_eq!(options.variables, ["A=b=c"]);
        assert_eq!(options.machine.memory, 1 << 30);
        assert_eq!(parse("--each tests.txt --each-timeout 5s").unwrap().words.len(), 0);
    }

    #[test]
    fn a_foreign_program_in_the_share_is_refused_before_a_machine_boots() {
        let share = tempfile::tempdir().unwrap();
        let options = parse(&format!("--share {} -- ./test", share.path().display())).unwrap();
        let command = super::super::commands::Command(options.words.clone());
        let with = |content: &[u8]| {
            std::fs::write(share.path().join("test"), content).unwrap();
            command.find(&options)
        };
        let mut foreign = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0".to_vec();
        foreign.resize(64, 0);
        let refusal = with(&foreign).unwrap_err();
        assert_eq!((refusal.status, refusal.why.contains("./test is an x86-64 program")), (126, true));
        assert_eq!(with(b"#!/bin/sh\n"), Ok(Program::Machines));
        // where a link leads in the machine is not known here
        std::fs::write(share.path().join("foreign"), foreign).unwrap();
        std::fs::remove_file(share.path().join("test")).unwrap();
        std::os::unix::fs::symlink("foreign", share.path().join("test")).unwrap();
        assert_eq!(command.find(&options), Ok(Program::Machines));
    }

    #[test]
    fn wrong_usage_is_refused() {
        let both = "--each tests.txt -- ls";
        for line in [
            "",
            "ls",
            "--",
            both,
            "--fail-fast -- ls",
            "-e =x -- ls",
            "-e NO_SUCH_VARIABLE_HERE -- ls",
            "--net none --forward 1:2 -- ls",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
        assert!(parse("--deterministic --net user -- ls").is_err());
    }
}
