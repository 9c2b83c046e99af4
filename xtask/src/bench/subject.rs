//! What is measured: a program that emulates the virt board, and how it is told what to run.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// An emulator.
pub struct Subject {
    /// What a reader of the table calls it.
    pub name: String,
    program: PathBuf,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// vhart, with the engine that `--engine` names.
    Vhart {
        engine: Option<String>,
    },
    Qemu,
}

/// Which of the two emulators a subject is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emulator {
    /// vhart.
    Vhart,
    /// QEMU.
    Qemu,
}

/// The interrupt controllers of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupts {
    /// A PLIC.
    Plic,
    /// An APLIC that sends messages to the harts' IMSICs, which have files for guests. There is an entropy device
    /// besides.
    Imsic,
}

impl Interrupts {
    /// What the machine is asked for, in the words of QEMU's options.
    fn words(self) -> &'static [&'static str] {
        match self {
            Interrupts::Plic => &["-machine", "virt"],
            Interrupts::Imsic => &[
                "-machine",
                "virt,aia=aplic-imsic,aia-guests=5",
                "-global",
                "virtio-mmio.force-legacy=false",
                "-device",
                "virtio-rng-device",
            ],
        }
    }
}

/// Software for a machine whose firmware is built in.
pub struct Boot<'a> {
    /// Harts of the machine.
    pub harts: u32,
    /// Who has its interrupts.
    pub interrupts: Interrupts,
    /// The kernel.
    pub kernel: &'a Path,
    /// Initial RAM disk and command line.
    pub linux: Option<(&'a Path, &'a str)>,
}

impl Subject {
    /// The emulator at `program`, which says itself what it is; only vhart has engines.
    ///
    /// # Errors
    /// It cannot be run, is none of those known, or is to have an engine and has none.
    pub fn at(program: &Path, engine: Option<&str>) -> anyhow::Result<Subject> {
        let output = Command::new(program).arg("--version").output();
        let output = output.with_context(|| format!("cannot run '{}'", program.display()))?;
        let version = String::from_utf8_lossy(&output.stdout).into_owned();
        let (kind, name) = identify(&version, engine).with_context(|| format!("'{}'", program.display()))?;
        Ok(Subject { name, program: program.to_owned(), kind })
    }

    /// The same, with more to its name.
    pub fn called(self, addition: &str) -> Subject {
        Subject { name: format!("{} {addition}", self.name), ..self }
    }

    /// What it is.
    pub fn emulator(&self) -> Emulator {
        match self.kind {
            Kind::Vhart { .. } => Emulator::Vhart,
            Kind::Qemu => Emulator::Qemu,
        }
    }

    /// Where it is.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Runs a bare-metal program to its end.
    pub fn elf(&self, file: &Path) -> Command {
        match self.kind {
            Kind::Vhart { .. } => self.vhart("elf", ["--stats".as_ref(), file.as_os_str()]),
            Kind::Qemu => {
                let mut command = Command::new(&self.program);
                command.args("-machine virt -m 512M -nographic -no-reboot -bios none -kernel".split(' ')).arg(file);
                command
            }
        }
    }

    /// Boots a kernel in 1 GiB, with harts that have the hypervisor extension.
    pub fn boot(&self, boot: &Boot<'_>) -> Command {
        let harts = boot.harts.to_string();
        let mut words = ["-smp", &harts].map(OsStr::new).to_vec();
        words.extend(boot.interrupts.words().iter().map(OsStr::new));
        words.extend("-m 1024M -nographic -no-reboot -bios default -kernel".split(' ').map(OsStr::new));
        words.push(boot.kernel.as_os_str());
        if let Some((initrd, append)) = boot.linux {
            words.extend(["-initrd".as_ref(), initrd.as_os_str(), "-append".as_ref(), append.as_ref()]);
        }
        match self.kind {
            Kind::Vhart { .. } => self.vhart("run", words),
            Kind::Qemu => self.qemu(words.into_iter().chain(["-cpu", "rv64,h=true"].map(OsStr::new))),
        }
    }

    /// vhart's `subcommand`, on the engine chosen.
    pub fn vhart<'a>(&self, subcommand: &str, words: impl IntoIterator<Item = &'a OsStr>) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(subcommand);
        if let Kind::Vhart { engine: Some(engine) } = &self.kind {
            command.args(["--engine", engine]);
        }
        command.args(words);
        command
    }

    /// QEMU with these words.
    pub fn qemu<'a>(&self, words: impl IntoIterator<Item = &'a OsStr>) -> Command {
        let mut command = Command::new(&self.program);
        command.args(words);
        command
    }
}

/// What a program is by the answer to `--version`, and how it is called in the table.
fn identify(version: &str, engine: Option<&str>) -> anyhow::Result<(Kind, String)> {
    if let Some(number) = version.strip_prefix("QEMU emulator version ") {
        if engine.is_some() {
            bail!("QEMU has no engines to choose from");
        }
        return Ok((Kind::Qemu, format!("QEMU {}", first_word(number))));
    }
    if version.starts_with("vhart") {
        let name = engine.map_or("vhart".to_owned(), |engine| format!("vhart ({engine})"));
        return Ok((Kind::Vhart { engine: engine.map(str::to_owned) }, name));
    }
    bail!("neither vhart nor QEMU")
}

fn first_word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_says_what_it_is() {
        let (kind, name) = identify("QEMU emulator version 11.1.2 (Debian 1:11.1.2+ds-3)\nCopyright", None).unwrap();
        assert_eq!((kind, name.as_str()), (Kind::Qemu, "QEMU 11.1.2"));
        let (_, name) = identify("vhart 0.1.0\n", Some("interp")).unwrap();
        assert_eq!(name, "vhart (interp)");
    }

    #[test]
    fn others_and_engines_of_others_are_refused() {
        assert!(identify("GNU bash", None).is_err());
        assert!(identify("QEMU emulator version 11.1.2", Some("interp")).is_err());
    }

    #[test]
    fn vhart_and_qemu_are_told_the_same_boot() {
        let vhart =
            Subject { name: String::new(), program: "v".into(), kind: Kind::Vhart { engine: Some("jit".into()) } };
        let linux = Some((Path::new("i"), "quiet"));
        let command = vhart.boot(&Boot { harts: 1, interrupts: Interrupts::Plic, kernel: Path::new("k"), linux });
        let line = format!("{command:?}").replace('"', "");
        assert!(line.starts_with("v run --engine jit -smp 1 -machine virt"), "{line}");
        assert!(line.ends_with("-bios default -kernel k -initrd i -append quiet"), "{line}");
    }
}
