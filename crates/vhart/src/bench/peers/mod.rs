//! Other emulators, which boot the same kernel, modules and workloads: QEMU and Spike.
//!
//! They have no agent and no marks: the workloads are the init's program, their lines come over the serial port, and
//! how much of a stretch of time the emulator worked is what the system says of its threads.

mod spike;
mod worked;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use images::work::{self, Level};

pub use self::worked::Since;
use super::model::Settings;
use super::options::{Against, Place};
use super::testbed::Testbed;
use crate::cli::{self, Cli};
use crate::errors;
use crate::linux::images::Images;
use crate::linux::{self, Bars};

/// Which emulator it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// QEMU, `qemu-system-riscv64`.
    Qemu,
    /// The RISC-V ISA simulator.
    Spike,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 2] = [Kind::Qemu, Kind::Spike];

    /// Its word for `--against`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Qemu => "qemu",
            Kind::Spike => "spike",
        }
    }

    /// Its program's name on PATH.
    fn program(self) -> &'static str {
        match self {
            Kind::Qemu => "qemu-system-riscv64",
            Kind::Spike => "spike",
        }
    }

    /// Where it runs the work.
    pub fn place(self, level: Level) -> Place {
        match (self, level) {
            (Kind::Qemu, Level::Host) => Place::QemuHost,
            (Kind::Qemu, Level::Guest) => Place::QemuGuest,
            (Kind::Spike, Level::Host) => Place::SpikeHost,
            (Kind::Spike, Level::Guest) => Place::SpikeGuest,
        }
    }

    /// The one that has the place.
    pub fn of(place: Place) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| [Level::Host, Level::Guest].map(|level| kind.place(level)).contains(&place))
    }

    /// Whether it ends when its machine goes off. Spike looks for the words by which a program tells it in the
    /// firmware's table of symbols, which there is not.
    pub fn ends(self) -> bool {
        self == Kind::Qemu
    }

    /// Whether its clock is the computer's. Spike's goes by instructions.
    pub fn keeps_time(self) -> bool {
        self == Kind::Qemu
    }
}

/// An emulator that is there.
pub struct Found {
    /// Which.
    pub kind: Kind,
    /// What it says of itself.
    pub version: String,
    program: PathBuf,
}

impl Found {
    /// The emulator at this path or of this name.
    ///
    /// # Errors
    /// It cannot be run, or is none that is known.
    fn at(program: &Path) -> Result<Found> {
        let name = program.display();
        let say = |word: &str| -> Result<String> {
            let output = Command::new(program).arg(word).output().with_context(|| format!("cannot run '{name}'"))?;
            Ok([output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat())
        };
        // Spike does not know the first.
        let said = say("--version")? + &say("--help")?;
        match known(&said) {
            Some((kind, version)) => Ok(Found { kind, version, program: program.to_owned() }),
            None => bail!("'{name}' is neither QEMU nor Spike, which --against knows"),
        }
    }
}

/// Which emulator says this of itself, with its version.
fn known(said: &str) -> Option<(Kind, String)> {
    let word = |start: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(start))?;
        Some(line.split_whitespace().next().unwrap_or_default().to_owned())
    };
    let qemu = word("QEMU emulator version ").map(|version| (Kind::Qemu, format!("QEMU {version}")));
    qemu.or_else(|| Some((Kind::Spike, format!("Spike {}", word("Spike RISC-V ISA Simulator ")?))))
}

/// The emulators that the user named, each once, and why others are left out.
pub fn find(named: &[Against]) -> (Vec<Found>, Vec<String>) {
    let (mut found, mut missing): (Vec<Found>, Vec<String>) = Default::default();
    let mut add = |peer: Found| {
        if found.iter().all(|other| other.kind != peer.kind) {
            found.push(peer);
        }
    };
    for against in named {
        match against {
            Against::Any => Kind::ALL.iter().flat_map(|kind| Found::at(Path::new(kind.program()))).for_each(&mut add),
            Against::Named(kind) => match Found::at(Path::new(kind.program())) {
                Ok(peer) => add(peer),
                Err(why) => {
                    missing.push(format!("{} on PATH: {}: it is left out", kind.program(), errors::sentence(&why)))
                }
            },
            Against::At(path) => match Found::at(path) {
                Ok(peer) => add(peer),
                Err(why) => missing.push(format!("{}: it is left out", errors::sentence(&why))),
            },
        }
    }
    (found, missing)
}

/// Emulators with what they boot.
pub struct Peers {
    boots: Vec<Boot>,
    hosts: Vec<HostLinux>,
}

/// A command line.
struct Boot {
    place: Place,
    testbed: Testbed,
    program: PathBuf,
    words: Vec<OsString>,
}

/// A host Linux that does a testbed's work, or has its guest do it.
pub struct HostLinux {
    testbed: Testbed,
    /// Its kernel.
    pub kernel: PathBuf,
    /// The kernel's command line.
    pub append: String,
    /// The initramfs whose init does the work itself.
    pub of_host: PathBuf,
    /// The one whose guest does it.
    pub of_guest: PathBuf,
}

/// What is to be run.
pub struct Work<'a> {
    /// Options of `vhart linux`.
    pub options: &'a [OsString],
    /// The disk that workloads may write to.
    pub disk: Option<&'a Path>,
    /// The program.
    pub program: &'a Path,
    /// Its words, but for the workloads.
    pub orders: &'a [String],
    /// The workloads.
    pub settings: &'a Settings,
    /// Where kernels lie that do the work, and files of this may.
    pub files: &'a Path,
}

/// What all of them boot.
struct Software {
    testbed: Testbed,
    images: Images,
    options: linux::Options,
    /// The initramfs of host and guest.
    initrd: [PathBuf; 2],
    /// The kernel that does the work in the host's place, if it is one.
    kernel: Option<PathBuf>,
}

impl Peers {
    /// Of these emulators. Without any there are the hosts, for vhart's own machines.
    ///
    /// # Errors
    /// What they boot cannot be had.
    pub fn of(found: &[Found], work: &Work) -> Result<Peers> {
        let mut peers = Peers { boots: Vec::new(), hosts: Vec::new() };
        for testbed in Testbed::ALL.into_iter().filter(|testbed| !work.settings.on(*testbed).is_empty()) {
            let software = Software::of(found, work, testbed)?;
            for (peer, level) in found.iter().flat_map(|peer| [(peer, Level::Host), (peer, Level::Guest)]) {
                let words = match peer.kind {
                    Kind::Qemu => qemu_words(&software, level),
                    Kind::Spike if testbed == Testbed::Asked => spike::words(&software, level, work.files)?,
                    Kind::Spike => continue,
                };
                let (place, program) = (peer.kind.place(level), peer.program.clone());
                peers.boots.push(Boot { place, testbed, program, words });
            }
            peers.hosts.push(software.host());
        }
        Ok(peers)
    }

    /// What does a testbed's work there, if it is a place of theirs.
    pub fn command(&self, place: Place, testbed: Testbed) -> Option<Command> {
        let boot = self.boots.iter().find(|boot| (boot.place, boot.testbed) == (place, testbed))?;
        let mut command = Command::new(&boot.program);
        command.args(&boot.words);
        Some(command)
    }

    /// The host Linux of a testbed.
    ///
    /// # Errors
    /// Nothing was to be done on it.
    pub fn host(&self, testbed: Testbed) -> Result<&HostLinux> {
        self.hosts.iter().find(|host| host.testbed == testbed).context("there is no such host")
    }
}

impl Software {
    fn of(found: &[Found], work: &Work, testbed: Testbed) -> Result<Software> {
        // Spike has no firmware of its own
        let firmware = found.iter().any(|peer| peer.kind == Kind::Spike).then_some(["--firmware", "opensbi"]);
        let line = ["vhart", "linux", "--check"].into_iter().chain(firmware.into_iter().flatten());
        let disk = work.disk.iter().flat_map(|disk| [OsString::from("--disk"), disk.as_os_str().to_owned()]);
        let words = line.map(OsString::from).chain(disk).chain(testbed.options("linux", work.options));
        let (cli, _) = Cli::read(words)
            .map_err(|why| anyhow::anyhow!("{}", why.to_string().lines().next().unwrap_or_default().to_owned()))
            .context("options behind '--' are for vhart linux, too, with --against")?;
        let cli::Command::Linux(options) = cli.command else { bail!("vhart linux is another command") };
        let images = Images::prepare(&options, &Bars::new())?;
        let from = &images.prepared().initrd;
        let file = |name: &str| work.files.join(format!("{}-{name}.cpio", testbed.name()));
        let (initrd, kernel) = match testbed.kernel() {
            Some(kernel) => {
                let of_guest = file("guest");
                work::with_kernel(from, kernel, &of_guest)?;
                ([from.clone(), of_guest], Some(work.files.join(kernel.name())))
            }
            None => {
                let initrd = ["host", "guest"].map(file);
                let program =
                    fs::read(work.program).with_context(|| format!("cannot read '{}'", work.program.display()))?;
                let orders = [work.orders, &work.settings.on(testbed)].concat();
                for (level, file) in [Level::Host, Level::Guest].into_iter().zip(&initrd) {
                    work::with_work(from, &program, &orders, level, file)?;
                }
                (initrd, None)
            }
        };
        Ok(Software { testbed, images, options, initrd, kernel })
    }

    /// The initramfs of the host, whose work is done there or in its guest.
    fn initrd(&self, level: Level) -> &Path {
        let [of_host, of_guest] = &self.initrd;
        match level {
            Level::Host => of_host,
            Level::Guest => of_guest,
        }
    }

    fn host(self) -> HostLinux {
        let prepared = self.images.prepared();
        let (kernel, append) = (prepared.kernel.clone(), prepared.append.clone());
        let [of_host, of_guest] = self.initrd;
        HostLinux { testbed: self.testbed, kernel, append, of_host, of_guest }
    }
}

/// QEMU's words but for its name.
fn qemu_words(software: &Software, level: Level) -> Vec<OsString> {
    let words = software.images.qemu_words(&software.options);
    let mut words: Vec<OsString> = words.into_iter().skip(1).map(OsString::from).collect();
    let mut set = |option: &str, value: &Path| {
        if let Some(at) = words.iter().position(|word| word == option) {
            words[at + 1] = value.into();
        }
    };
    set("-initrd", software.initrd(level));
    if let (Some(kernel), Level::Host) = (&software.kernel, level) {
        set("-kernel", kernel);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emulators_are_known_by_what_they_say() {
        let qemu = "QEMU emulator version 11.1.2 (Debian 1:11.1.2)\nCopyright (c) 2003\n";
        assert_eq!(known(qemu), Some((Kind::Qemu, "QEMU 11.1.2".into())));
        let spike = "spike: unrecognized option --version\nSpike RISC-V ISA Simulator 1.1.1-dev\n\nusage: spike\n";
        assert_eq!(known(spike), Some((Kind::Spike, "Spike 1.1.1-dev".into())));
        assert_eq!(known("true (GNU coreutils) 9.1\n"), None);
    }

    #[test]
    fn what_is_missing_is_named_and_left_out() {
        let (found, missing) = find(&[Against::At("/nowhere/qemu".into()), Against::At("/bin/true".into())]);
        assert!(found.is_empty());
        assert!(missing[0].starts_with("cannot run '/nowhere/qemu'"), "{missing:?}");
        assert_eq!(missing[1], "'/bin/true' is neither QEMU nor Spike, which --against knows: it is left out");
        // nobody has asked for one by name
        assert!(find(&[Against::Any]).1.is_empty());
    }
}
