//! Other emulators, which boot the same kernel, modules and workloads: QEMU and Spike.
//!
//! They have no agent and no marks: the workloads are the init's program, their lines come over the serial port, and
//! how much of a stretch of time the emulator worked is what the system says of its threads.

mod spike;
mod worked;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use images::work::{self, Kernel, Level};

pub use self::worked::Since;
use super::options::{Against, Place};
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
    boots: Vec<(Place, Boot)>,
    initrd: PathBuf,
    kernel: PathBuf,
    append: String,
    /// Where the initramfs lie; it goes with this.
    _directory: tempfile::TempDir,
}

/// The machine for interrupts by AIA, as QEMU has it.
const WITH_AIA: [(&str, &str); 2] = [("-machine", "virt,aia=aplic-imsic,aia-guests=5"), ("-smp", "2")];

/// A command line.
struct Boot {
    kind: Kind,
    program: PathBuf,
    words: Vec<OsString>,
}

/// What is to be run.
pub struct Work<'a> {
    /// Options of `vhart linux`.
    pub options: &'a [String],
    /// The disk that workloads may write to.
    pub disk: Option<&'a Path>,
    /// The program.
    pub program: &'a Path,
    /// Its words.
    pub orders: Vec<String>,
}

/// What all of them boot.
struct Software {
    images: Images,
    options: linux::Options,
    /// The initramfs that run the work, of host and guest.
    initrd: [PathBuf; 2],
}

impl Peers {
    /// Of these emulators. Without any there are the initramfs, for vhart's own hypervisor.
    ///
    /// # Errors
    /// What they boot cannot be had.
    pub fn of(found: &[Found], work: &Work) -> Result<Peers> {
        let directory = tempfile::Builder::new().prefix("vhart-bench-").tempdir().context("no room for files")?;
        let software = Software::of(found, work, directory.path())?;
        let mut boots = Vec::new();
        for peer in found {
            for (level, initrd) in [Level::Host, Level::Guest].into_iter().zip(&software.initrd) {
                let words = match peer.kind {
                    Kind::Qemu => qemu_words(&software, initrd),
                    Kind::Spike => spike::words(&software, initrd, directory.path())?,
                };
                let boot = Boot { kind: peer.kind, program: peer.program.clone(), words };
                boots.push((peer.kind.place(level), boot));
            }
        }
        let (kernel, append) = (software.images.prepared().kernel.clone(), software.images.prepared().append.clone());
        let [initrd, _] = software.initrd;
        Ok(Peers { boots, initrd, kernel, append, _directory: directory })
    }

    /// What runs the program that is a kernel there: `file` on the machine itself, or in the guest's place.
    pub fn kernel_command(&self, place: Place, kernel: Kernel, file: &Path) -> Option<Command> {
        let boot = self.boot(place).filter(|boot| boot.kind == Kind::Qemu)?;
        let mut words = boot.words.clone();
        let mut set = |option: &str, value: &OsStr| {
            let at = words.iter().position(|word| word == option)?;
            *words.get_mut(at + 1)? = value.into();
            Some(())
        };
        match place {
            Place::QemuHost => set("-kernel", file.as_os_str())?,
            _ => set("-initrd", self.with_kernel(kernel).as_os_str())?,
        }
        if kernel == Kernel::Interrupts {
            WITH_AIA.iter().try_for_each(|(option, value)| set(option, value.as_ref()))?;
        }
        let mut command = Command::new(&boot.program);
        command.args(words);
        Some(command)
    }

    /// The host, in which that program is the guest's kernel: kernel, initramfs, and the kernel's command line.
    pub fn host_of_kernel(&self, kernel: Kernel) -> (&Path, PathBuf, &str) {
        (&self.kernel, self.with_kernel(kernel), &self.append)
    }

    /// The host's initramfs with this kernel for its guest.
    fn with_kernel(&self, kernel: Kernel) -> PathBuf {
        self.initrd.with_file_name(kernel.name())
    }

    /// An initramfs whose init runs the work, where it is booted.
    pub fn initrd(&self) -> &Path {
        &self.initrd
    }

    fn boot(&self, place: Place) -> Option<&Boot> {
        self.boots.iter().find(|(of, _)| *of == place).map(|(_, boot)| boot)
    }

    /// What runs the work there, if it is a place of theirs.
    pub fn command(&self, place: Place) -> Option<Command> {
        let boot = self.boot(place)?;
        let mut command = Command::new(&boot.program);
        command.args(&boot.words);
        Some(command)
    }

    /// The emulator that has the place.
    pub fn kind(&self, place: Place) -> Option<Kind> {
        self.boot(place).map(|boot| boot.kind)
    }
}

impl Software {
    fn of(found: &[Found], work: &Work, directory: &Path) -> Result<Software> {
        // Spike has no firmware of its own
        let firmware = found.iter().any(|peer| peer.kind == Kind::Spike).then_some(["--firmware", "opensbi"]);
        let line = ["vhart", "linux", "--check"].into_iter().chain(firmware.into_iter().flatten());
        let disk = work.disk.iter().flat_map(|disk| [OsString::from("--disk"), disk.as_os_str().to_owned()]);
        let words = line.map(OsString::from).chain(disk).chain(work.options.iter().map(OsString::from));
        let (cli, _) = Cli::read(words)
            .map_err(|why| anyhow::anyhow!("{}", why.to_string().lines().next().unwrap_or_default().to_owned()))
            .context("options behind '--' are for vhart linux, too, with --against")?;
        let cli::Command::Linux(options) = cli.command else { bail!("vhart linux is another command") };
        let images = Images::prepare(&options, &Bars::new())?;
        let program = fs::read(work.program).with_context(|| format!("cannot read '{}'", work.program.display()))?;
        let initrd = ["host.cpio", "guest.cpio"].map(|name| directory.join(name));
        for (level, file) in [Level::Host, Level::Guest].into_iter().zip(&initrd) {
            work::with_work(&images.prepared().initrd, &program, &work.orders, level, file)?;
        }
        for kernel in Kernel::ALL {
            work::with_kernel(&images.prepared().initrd, kernel, &directory.join(kernel.name()))?;
        }
        Ok(Software { images, options, initrd })
    }
}

/// QEMU's words but for its name.
fn qemu_words(software: &Software, initrd: &Path) -> Vec<OsString> {
    let words = software.images.qemu_words(&software.options);
    let mut words: Vec<OsString> = words.into_iter().skip(1).map(OsString::from).collect();
    if let Some(at) = words.iter().position(|word| word == "-initrd") {
        words[at + 1] = initrd.into();
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
