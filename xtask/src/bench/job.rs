//! What is done to measure: each job is run by every subject, and gives the same figures.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;
use images::{Logins, Nonce, Phase, Watch};
use serde_json::Value;

use super::child::{self, Run};
use super::figures::{Figures, Quantity, Set};
use super::host::Host;
use super::subject::{Boot, Emulator, Interrupts, Subject};
use super::{guests, work};

/// The last line of the world-switch program.
const DONE: &str = "switches: done";

/// The last line of a host with guests that took interrupts, and how the line begins that says who has theirs.
const INTERRUPTED: &str = "interrupts: done";
const IRQCHIP: &str = "interrupts: kernel-irqchip=";

/// The job that `vhart bench` does.
pub const WORK: &str = "work";

/// The last line of the programs on two harts.
const PAIRED: &str = "harts: done";

/// Something to run.
pub enum Job {
    /// A bare-metal program that computes.
    Compute {
        /// Its name.
        name: String,
        /// The ELF file.
        file: PathBuf,
    },
    /// What `vhart bench` measures once: programs, and what it takes to leave a world and come back.
    Work {
        /// The vhart that has other emulators do it.
        vhart: PathBuf,
        /// Where it writes its results.
        results: PathBuf,
    },
    /// A Linux guest's way to its init, below KVM and below vhart's hypervisor.
    Guests {
        /// The host with KVM.
        kvm: Host,
        /// The hypervisor.
        hypervisor: Host,
    },
    /// The program for interrupts as the kernel of a machine with AIA.
    Interrupts {
        /// The program.
        kernel: PathBuf,
    },
    /// The same as a guest of KVM, whose kernel has its interrupt controllers, or its interrupt files only.
    GuestInterrupts {
        /// The host.
        host: Host,
        /// The initial RAM disk with the program.
        initrd: PathBuf,
    },
    /// The programs in a host Linux of two harts, alone and twice at the same time.
    Harts {
        /// The host.
        host: Host,
        /// The initial RAM disk with the programs.
        initrd: PathBuf,
    },
    /// `vhart linux --check`.
    Linux {
        /// The host.
        host: Host,
        /// More options of `vhart linux`.
        args: Vec<String>,
        /// Where vhart writes its report.
        report: PathBuf,
    },
}

impl Job {
    /// The part of the table that it belongs to.
    pub fn set(&self) -> Set {
        match self {
            Job::Compute { .. } => Set::Compute,
            Job::Work { .. } => Set::Work,
            Job::Guests { .. } => Set::Guests,
            Job::Interrupts { .. } => Set::Interrupts,
            Job::GuestInterrupts { .. } => Set::GuestInterrupts,
            Job::Harts { .. } => Set::Harts,
            Job::Linux { .. } => Set::Linux,
        }
    }

    /// Its name, for `--only` and for messages.
    pub fn name(&self) -> &str {
        match self {
            Job::Compute { name, .. } => name,
            Job::Work { .. } => WORK,
            Job::Guests { .. } => "guests",
            Job::Interrupts { .. } => "interrupts-bare",
            Job::GuestInterrupts { .. } => "interrupts-guest",
            Job::Harts { .. } => "linux-harts",
            Job::Linux { .. } => "linux",
        }
    }

    /// Runs it once.
    ///
    /// # Errors
    /// The run fails, or says nothing that is understood.
    pub fn run(&self, subject: &Subject, limit: Duration) -> anyhow::Result<Figures> {
        match self {
            Job::Compute { name, file } => computed(subject, name, file, limit),
            Job::Work { vhart, results } => work::run(subject, vhart, results, limit),
            Job::Guests { kvm, hypervisor } => of_guests(subject, kvm, hypervisor, limit),
            Job::Interrupts { kernel } => switches(&child::run(subject.boot(&messaged(kernel)), limit)?.output()),
            Job::GuestInterrupts { host, initrd } => of_guest_interrupts(subject, host, initrd, limit),
            Job::Harts { host, initrd } => pairs(&child::run(subject.boot(&boot(2, host, initrd)?), limit)?.output()),
            Job::Linux { host, args, report } => match subject.emulator() {
                Emulator::Vhart => checked_by_vhart(subject, host, args, report, limit),
                Emulator::Qemu => checked_on_qemu(subject, host, limit),
            },
        }
    }
}

fn boot<'a>(harts: u32, host: &'a Host, initrd: &'a Path) -> anyhow::Result<Boot<'a>> {
    let linux = Some((initrd, host.append()?));
    Ok(Boot { harts, interrupts: Interrupts::Plic, kernel: host.kernel()?, linux })
}

/// A machine with the hypervisor; its guests are in the initial RAM disk.
fn of_hypervisor(host: &Host) -> anyhow::Result<Boot<'_>> {
    let linux = Some((host.initrd()?, ""));
    Ok(Boot { harts: 1, interrupts: Interrupts::Plic, kernel: host.kernel()?, linux })
}

/// How long `run` took.
fn times(name: &str, run: &Run) -> Figures {
    let figure = |quantity, duration: Duration| ((name.to_owned(), quantity), duration.as_secs_f64());
    Figures::from([figure(Quantity::CpuSeconds, run.cpu), figure(Quantity::WallSeconds, run.wall)])
}

/// The count that `vhart --stats` prints.
fn instructions(errors: &str) -> Option<f64> {
    let line = errors.lines().find_map(|line| line.strip_prefix("vhart: "))?;
    line.split_once(" instructions, ")?.0.parse().ok()
}

/// The lines `NAME NANOSECONDS COUNT` of the world-switch program, among others of a console.
fn switches(console: &str) -> anyhow::Result<Figures> {
    let figures: Figures = console.lines().filter_map(switch).collect();
    if !console.contains(DONE) {
        bail!("the world-switch program did not come to its end:\n{}", child::tail(console));
    }
    Ok(figures)
}

/// The lines of the program for interrupts, which ran once for each way of having controllers: a line between says
/// which.
fn interrupts(console: &str) -> anyhow::Result<Figures> {
    let mut figures = Figures::new();
    let mut irqchip = "";
    for line in console.lines() {
        if let Some(which) = line.trim().strip_prefix(IRQCHIP) {
            irqchip = which;
        } else if let Some(((name, quantity), value)) = switch(line) {
            figures.insert((format!("{name}, {irqchip}"), quantity), value);
        }
    }
    if !console.contains(INTERRUPTED) {
        bail!("the program for interrupts did not come to its end:\n{}", child::tail(console));
    }
    Ok(figures)
}

fn switch(line: &str) -> Option<((String, Quantity), f64)> {
    let mut words = line.split_whitespace();
    let (name, nanoseconds, count) = (words.next()?, words.next()?, words.next()?);
    let named = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !named || words.next().is_some() || count.parse::<u64>().is_err() {
        return None;
    }
    Some(((name.to_owned(), Quantity::Nanoseconds), nanoseconds.parse().ok()?))
}

/// A program without a kernel: how long it takes, and its instructions, where the subject says so.
fn computed(subject: &Subject, name: &str, file: &Path, limit: Duration) -> anyhow::Result<Figures> {
    let run = child::run(subject.elf(file), limit)?;
    let mut figures = times(name, &run);
    figures.extend(instructions(&run.errors).map(|n| ((name.to_owned(), Quantity::Instructions), n)));
    Ok(figures)
}

/// Guests of KVM's, and those of vhart's own hypervisor.
fn of_guests(subject: &Subject, kvm: &Host, hypervisor: &Host, limit: Duration) -> anyhow::Result<Figures> {
    let mut figures = guests::below_kvm(&child::run(subject.boot(&boot(1, kvm, kvm.initrd()?)?), limit)?)?;
    let run = child::run(subject.boot(&of_hypervisor(hypervisor)?), limit)?;
    figures.extend(guests::below_ours(&run)?);
    Ok(figures)
}

/// A kernel on two harts that get their interrupts as messages.
fn messaged(kernel: &Path) -> Boot<'_> {
    Boot { harts: 2, interrupts: Interrupts::Imsic, kernel, linux: None }
}

/// The same below KVM.
fn of_guest_interrupts(subject: &Subject, host: &Host, initrd: &Path, limit: Duration) -> anyhow::Result<Figures> {
    let boot = Boot { interrupts: Interrupts::Imsic, ..boot(2, host, initrd)? };
    interrupts(&child::run(subject.boot(&boot), limit)?.output())
}

/// The lines `harts NAME NANOSECONDS NANOSECONDS NANOSECONDS` of a console, which `guest/linux/harts.sh` prints: how
/// long a program takes alone, and each of two at the same time. Two that take as long as one are a speed-up of two.
fn pairs(console: &str) -> anyhow::Result<Figures> {
    if !console.contains(PAIRED) {
        bail!("the programs on two harts did not come to their end:\n{}", child::tail(console));
    }
    let mut figures = Figures::new();
    for (name, [alone, first, second]) in console.lines().filter_map(pair) {
        let both = first.max(second);
        figures.insert((format!("{name}, alone"), Quantity::WallSeconds), alone);
        figures.insert((format!("{name}, two at once"), Quantity::WallSeconds), both);
        figures.insert((format!("{name}, speed-up"), Quantity::Times), 2.0 * alone / both);
    }
    Ok(figures)
}

/// A program's name, and its seconds.
fn pair(line: &str) -> Option<(&str, [f64; 3])> {
    let (name, nanos) = line.trim().strip_prefix("harts ")?.split_once(' ')?;
    let seconds: Vec<f64> = nanos.split(' ').filter_map(|word| word.parse::<f64>().ok()).map(|n| n / 1e9).collect();
    Some((name, seconds.try_into().ok()?))
}

/// Runs `vhart linux --check` on the host's own initial RAM disk, so that no revision boots another.
fn checked_by_vhart(
    subject: &Subject,
    host: &Host,
    args: &[String],
    report: &Path,
    limit: Duration,
) -> anyhow::Result<Figures> {
    let mut words = vec!["--check".as_ref(), "--json".as_ref(), report.as_os_str()];
    words.extend(["--initrd".as_ref(), host.initrd()?.as_os_str()]);
    words.extend(args.iter().map(OsStr::new));
    let run = child::run(subject.vhart("linux", words), limit)?;
    let mut figures = times("all", &run);
    figures.extend(phases(&work::read_json(report)?));
    Ok(figures)
}

/// What a report of `vhart linux` says of each phase.
fn phases(report: &Value) -> Figures {
    let mut figures = Figures::new();
    for row in report["phases"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let name = row["phase"].as_str().unwrap_or_default();
        for (key, quantity) in [("seconds", Quantity::WallSeconds), ("instructions", Quantity::Instructions)] {
            figures.extend(row[key].as_f64().map(|value| ((name.to_owned(), quantity), value)));
        }
    }
    figures
}

/// Boots the same on QEMU, and follows the phases on its console.
fn checked_on_qemu(subject: &Subject, host: &Host, limit: Duration) -> anyhow::Result<Figures> {
    let run = child::run(subject.qemu(host.words.iter().map(OsStr::new)), limit)?;
    let mut figures = times("all", &run);
    let mut watch = Watch::new(nonce(&host.words), Logins::None);
    for piece in &run.pieces {
        for phase in watch.feed(&piece.bytes) {
            figures.insert((phase.name().to_owned(), Quantity::WallSeconds), piece.at.as_secs_f64());
        }
    }
    match watch.awaited() {
        // QEMU ended by itself.
        None | Some(Phase::HostOff) => Ok(figures),
        Some(phase) => bail!("'{}' did not arrive:\n{}", phase.name(), child::tail(&run.output())),
    }
}

/// The nonce that the host kernel's command line, one of these words, gives; zero where it gives none.
fn nonce(words: &[String]) -> Nonce {
    let word = words.iter().flat_map(|word| word.split_whitespace()).find_map(|word| word.strip_prefix("vhart.check="));
    Nonce(word.and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_lines_are_found_among_others() {
        let console = "[    0.1] Linux version 6\r\nsbi-null 193.44 524288\r\na b c\nmmio-read 70 16\nswitches: done\n";
        let figures = switches(console).unwrap();
        let names: Vec<_> = figures.iter().map(|((name, _), value)| (name.as_str(), *value)).collect();
        assert_eq!(names, [("mmio-read", 70.0), ("sbi-null", 193.44)]);
        assert!(switches("sbi-null 193.44 524288\n").is_err());
    }

    #[test]
    fn interrupts_are_told_apart_by_who_has_the_controllers() {
        let console = "interrupts: kernel-irqchip=on\r\nmsi-running 900 16\nswitches: done\r\n\
                       interrupts: kernel-irqchip=split\r\nmsi-running 950.50 16\ninterrupts: done\n";
        let figures = interrupts(console).unwrap();
        let names: Vec<_> = figures.iter().map(|((name, _), value)| (name.as_str(), *value)).collect();
        assert_eq!(names, [("msi-running, on", 900.0), ("msi-running, split", 950.5)]);
        assert!(interrupts("interrupts: kernel-irqchip=on\nmsi-running 900 16\n").is_err());
    }

    #[test]
    fn two_programs_that_take_as_long_as_one_are_a_speed_up_of_two() {
        assert!(pairs("harts sort 4000000000 4000000000 3000000000\r\n").is_err());
        let figures = pairs("harts sort 4000000000 4000000000 3000000000\r\nharts: done\r\n").unwrap();
        assert_eq!(figures[&("sort, two at once".to_owned(), Quantity::WallSeconds)], 4.0);
        assert_eq!(figures[&("sort, speed-up".to_owned(), Quantity::Times)], 2.0);
    }

    #[test]
    fn instructions_are_taken_from_the_statistics() {
        assert_eq!(instructions("vhart: 1000 instructions, 0.010 s, 100.0 MIPS\n"), Some(1000.0));
        assert_eq!(instructions("vhart: 2.0 s\n"), None);
    }
}
