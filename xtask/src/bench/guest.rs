//! Compiles the guest programs with Debian's cross compiler: the system's, or out of its packages (`tools::cross`).

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, bail, ensure};

use super::objects;
use crate::tools::Cross;

/// Programs that compute, by the names of their sources.
const COMPUTE: [&str; 6] = ["sort", "list", "calls", "bytecode", "matmul", "pages"];

/// The program whose source is generated.
const OBJECTS: &str = "objects";

/// The programs that switch between worlds and take interrupts, and where a kernel starts.
const SWITCHES: &str = "switches";
const INTERRUPTS: &str = "interrupts";
const KERNEL_START: u64 = 0x8020_0000;

/// No library, no position independence, and nothing but what the source says.
const FLAGS: [&str; 15] = [
    "-march=rv64gc",
    "-mabi=lp64d",
    "-O2",
    "-ffreestanding",
    "-nostdlib",
    "-nostartfiles",
    "-static",
    "-fno-pic",
    "-no-pie",
    "-mcmodel=medany",
    "-fno-tree-loop-distribute-patterns",
    "-Wall",
    "-Wextra",
    "-Wno-unused-parameter",
    "-Wl,--build-id=none,--no-warn-rwx-segments",
];

/// The guest programs, compiled.
pub struct Programs {
    /// Bare-metal programs for M-mode that end through the test finisher: name and file.
    pub compute: Vec<(String, PathBuf)>,
    /// The same as programs of Linux.
    pub users: Vec<(String, PathBuf)>,
    /// The S-mode program that switches between worlds, as a flat image.
    pub flat_switches: PathBuf,
    /// The S-mode program that takes interrupts.
    pub interrupts: PathBuf,
    /// The same as a flat image.
    pub flat_interrupts: PathBuf,
}

/// Compiles every program from the sources in `guest` into `into`, unless it is there already.
///
/// # Errors
/// The compiler does not run, or refuses a program.
pub fn build(guest: &Path, into: &Path, cross: &Cross) -> anyhow::Result<Programs> {
    fs::create_dir_all(into).with_context(|| format!("cannot make '{}'", into.display()))?;
    let compiler = Compiler { guest, into, cross };
    let source = write_objects(into)?;
    let written = COMPUTE.map(|name| (name, guest.join(format!("compute/{name}.c"))));
    let (mut compute, mut users) = (Vec::new(), Vec::new());
    for (name, source) in written.into_iter().chain([(OBJECTS, source)]) {
        compute.push((name.to_owned(), compiler.compute(name, &source)?));
        users.push((name.to_owned(), compiler.user(name, &source)?));
    }
    let switches = compiler.kernel(SWITCHES, ["start.S", "switches.c"])?;
    let interrupts = compiler.kernel(INTERRUPTS, ["interrupts.S", "interrupts.c"])?;
    let (flat_switches, flat_interrupts) = (compiler.flat(&switches)?, compiler.flat(&interrupts)?);
    Ok(Programs { compute, users, flat_switches, interrupts, flat_interrupts })
}

/// Writes the program that is generated.
fn write_objects(into: &Path) -> anyhow::Result<PathBuf> {
    let source = into.join("objects.c");
    write_changed(&source, &objects::source())?;
    Ok(source)
}

struct Compiler<'a> {
    guest: &'a Path,
    into: &'a Path,
    cross: &'a Cross,
}

impl Compiler<'_> {
    fn compute(&self, name: &str, source: &Path) -> anyhow::Result<PathBuf> {
        let folder = self.guest.join("compute");
        let flags = [joined("-I", &folder), self.on_the_machine()];
        let sources = [folder.join("start.S"), folder.join("memory.c"), source.to_owned()];
        self.compile(name, &sources, &flags)
    }

    fn user(&self, name: &str, source: &Path) -> anyhow::Result<PathBuf> {
        let folder = self.guest.join("compute");
        let sources = [self.guest.join("linux/user.c"), folder.join("memory.c"), source.to_owned()];
        self.compile(&format!("{name}-linux"), &sources, &[joined("-I", &folder)])
    }

    /// Where a program without an operating system lies.
    fn on_the_machine(&self) -> OsString {
        joined("-Wl,-T,", &self.guest.join("machine.ld"))
    }

    fn kernel(&self, name: &str, sources: [&str; 2]) -> anyhow::Result<PathBuf> {
        let folder = self.guest.join("switches");
        let start = format!("-Wl,--defsym=start_address={KERNEL_START:#x}").into();
        // For what the assembler includes.
        let included = joined("-Wa,-I,", &folder);
        self.compile(name, &sources.map(|source| folder.join(source)), &[start, included, self.on_the_machine()])
    }

    /// What is in memory once `elf` is loaded.
    fn flat(&self, elf: &Path) -> anyhow::Result<PathBuf> {
        let file = elf.with_extension("bin");
        let objcopy = self.cross.objcopy.display();
        let status = Command::new(&self.cross.objcopy).args(["-O", "binary"]).args([elf, &file]).status();
        if !status.with_context(|| format!("cannot run {objcopy}"))?.success() {
            bail!("{objcopy} refuses '{}'", elf.display());
        }
        Ok(file)
    }

    fn command(&self, file: &Path, sources: &[PathBuf], flags: &[OsString]) -> Command {
        let mut command = Command::new(&self.cross.gcc);
        command.args(FLAGS).args(flags);
        command.arg("-o").arg(file).args(sources);
        command
    }

    fn compile(&self, name: &str, sources: &[PathBuf], flags: &[OsString]) -> anyhow::Result<PathBuf> {
        let file = self.into.join(name);
        let mut command = self.command(&file, sources, flags);
        let record = self.into.join(format!("{name}.command"));
        let line = format!("{command:?}\n");
        if fs::read_to_string(&record).is_ok_and(|last| last == line) && self.is_fresh(&file, sources) {
            return Ok(file);
        }
        eprintln!("compiling {name} ...");
        let gcc = self.cross.gcc.display();
        let status = command.status().with_context(|| format!("cannot run {gcc}"))?;
        ensure!(status.success(), "{gcc} refuses the program {name}");
        write_changed(&record, &line)?;
        Ok(file)
    }

    /// Whether `file` is younger than all that it was made of.
    fn is_fresh(&self, file: &Path, sources: &[PathBuf]) -> bool {
        let common = ["machine.ld", "compute/work.h", "switches/common.h", "switches/header.inc"]
            .map(|name| self.guest.join(name));
        let made = modified(file);
        made.is_some() && sources.iter().chain(&common).all(|source| modified(source).is_some_and(|at| Some(at) < made))
    }
}

fn modified(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).and_then(|data| data.modified()).ok()
}

/// Writes `text` unless that is what the file holds.
fn write_changed(file: &Path, text: &str) -> anyhow::Result<()> {
    if fs::read_to_string(file).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::write(file, text).with_context(|| format!("cannot write '{}'", file.display()))
}

/// An option with a path in the same word.
fn joined(option: &str, path: &Path) -> OsString {
    let mut word = OsString::from(option);
    word.push(path);
    word
}
