//! An initramfs whose init runs one program, in the host or in its guest, and ends.
//!
//! It is what an emulator runs that has no vhart in it: the program's output comes over the serial port.

pub mod said;

use std::fs;
use std::io;
use std::path::Path;

use crate::cpio::Archive;
use crate::error::{OnFile, Result};

/// The word with which the program is told that there is a network.
pub const NETWORK: &str = "--network";

/// Where the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// In the host.
    Host,
    /// In its guest.
    Guest,
}

/// The line after which nothing more is said.
pub const OVER: &str = "bench: over";

const PROGRAM: &str = "bench/program";
const EXECUTABLE: u32 = 0o755;

/// What both kernels' inits begin with. What was said last may have been no whole line.
const BEGIN: &str =
    "#!/bin/busybox sh\n. /etc/vhart/common.sh\nload $DRIVERS\nover() { echo; echo 'bench: over'; off; }\n";

/// The host's part where the guest runs the program. Linux unpacks archives one after the other.
const LEAD_ON: &str = "[ -e /dev/kvm ] || modprobe kvm || { echo 'the host cannot load KVM'; over; }\n\
                       cat /bench/guest.cpio >>/boot/guest.cpio\nguest || echo \"the guest ended with status $?\"\nover\n";

/// A program that is a kernel, and measures (`guest/switches`), as a flat image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// How long it takes to leave its world and come back.
    Switches,
    /// How long it takes until an interrupt is taken, on two harts with AIA.
    Interrupts,
}

impl Kernel {
    /// All of them.
    pub const ALL: [Kernel; 2] = [Kernel::Switches, Kernel::Interrupts];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Kernel::Switches => "switches",
            Kernel::Interrupts => "interrupts",
        }
    }

    /// The image.
    pub fn image(self) -> &'static [u8] {
        match self {
            Kernel::Switches => include_bytes!("../../../guest/switches/ready/switches.bin"),
            Kernel::Interrupts => include_bytes!("../../../guest/switches/ready/interrupts.bin"),
        }
    }

    /// What the host's init does where it is the guest's kernel.
    fn guest(self) -> &'static str {
        match self {
            Kernel::Switches => "guest || echo \"the guest ended with status $?\"\nover\n",
            Kernel::Interrupts => TWO_HARTS,
        }
    }
}

/// A guest of two harts, each on a processor of its own, as is whoever answers notices: where Linux puts threads by
/// itself, it puts two on one now and then; and one that goes elsewhere while it sleeps loses the message that is to
/// wake it (6.12's KVM; `kvm::check::moves`). The guest waits for a second before it begins: on a busy computer that
/// may be too short for this script, which then begins again.
const TWO_HARTS: &str = r#"now() { read -r up _ </proc/uptime; whole=${up%.*} part=${up#*.}; echo $((whole * 100 + 1$part - 100)); }
tries=0
while
    vhart run --engine kvm --no-reboot --harts 2 --memory 64M --kernel /boot/vmlinuz --aia aplic-imsic </dev/null &
    last=$(now)
    until cat /proc/$!/task/*/comm 2>/dev/null | grep -qx 'hart 1' || ! kill -0 $! 2>/dev/null; do
        last=$(now)
        usleep 20000
    done
    for task in /proc/$!/task/*; do
        case $(cat "$task/comm") in
        "hart 0") taskset -p 1 "${task##*/}" ;;
        "hart 1" | doorbells) taskset -p 2 "${task##*/}" ;;
        esac
    done >/dev/null 2>&1
    tries=$((tries + 1))
    [ $(($(now) - last)) -gt 80 ] && [ $tries -lt 30 ]
do
    kill -9 $!
    wait $!
done
wait $! || echo "the guest ended with status $?"
over
"#;

/// The line behind all of its operations but one, which QEMU's firmware ends a guest for.
pub const SWITCHES_DONE: &str = "switches: done";

/// How the host's init begins where a kernel of ours is the guest's.
const WITH_KVM: &str = "[ -e /dev/kvm ] || modprobe kvm || { echo 'the host cannot load KVM'; over; }\n";

/// Writes the initramfs at `initrd` to `to`, with another init and another kernel for the guest.
///
/// # Errors
/// A file cannot be read or written.
pub fn with_kernel(initrd: &Path, kernel: Kernel, to: &Path) -> Result<()> {
    let overlay = || -> io::Result<Vec<u8>> {
        let mut host = Archive::new(Vec::new());
        host.file("init", EXECUTABLE, format!("{BEGIN}{WITH_KVM}{}", kernel.guest()).as_bytes())?;
        host.file("boot/vmlinuz", 0o644, kernel.image())?;
        host.finish()
    };
    append(initrd, &overlay().on_file("write", to)?, to)
}

/// Linux unpacks archives one after the other.
fn append(initrd: &Path, archive: &[u8], to: &Path) -> Result<()> {
    let mut content = fs::read(initrd).on_file("read", initrd)?;
    content.resize(content.len().next_multiple_of(4), 0);
    content.extend(archive);
    fs::write(to, content).on_file("write", to)
}

/// Writes the initramfs at `initrd` to `to`, with another init: it runs `program` with these words, which are letters,
/// digits, dashes and slashes.
///
/// # Errors
/// A file cannot be read or written.
pub fn with_work(initrd: &Path, program: &[u8], words: &[String], level: Level, to: &Path) -> Result<()> {
    append(initrd, &overlay(program, words, level).on_file("write", to)?, to)
}

fn overlay(program: &[u8], words: &[String], level: Level) -> io::Result<Vec<u8>> {
    let network = if words.iter().any(|word| word == NETWORK) { "network\n" } else { "" };
    let run = format!("{BEGIN}{network}/{PROGRAM} {} || echo \"it ended with status $?\"\nover\n", words.join(" "));
    let works = |init: &str| -> io::Result<Archive<Vec<u8>>> {
        let mut archive = Archive::new(Vec::new());
        archive.file("init", EXECUTABLE, init.as_bytes())?;
        Ok(archive)
    };
    if level == Level::Host {
        let mut host = works(&run)?;
        host.file(PROGRAM, EXECUTABLE, program)?;
        return host.finish();
    }
    let (mut host, mut guest) = (works(&format!("{BEGIN}{LEAD_ON}"))?, works(&run)?);
    guest.file(PROGRAM, EXECUTABLE, program)?;
    host.file("bench/guest.cpio", 0o644, &guest.finish()?)?;
    host.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(level: Level) -> String {
        let words = ["--part".to_owned(), "4".to_owned()];
        String::from_utf8_lossy(&overlay(b"ELF", &words, level).unwrap()).into_owned()
    }

    #[test]
    fn the_program_is_run_where_it_shall() {
        let (host, guest) = (text(Level::Host), text(Level::Guest));
        assert!(BEGIN.contains(OVER), "{BEGIN}");
        assert!(host.contains("/bench/program --part 4") && !host.contains("guest.cpio"));
        assert!(!host.contains("network\n"));
        assert!(guest.contains("cat /bench/guest.cpio") && guest.contains("/bench/program --part 4"));
    }

    #[test]
    fn hundredths_of_a_second_are_reckoned_in_tens_in_the_first_second_too() {
        let place = tempfile::tempdir().unwrap();
        let uptime = place.path().join("uptime");
        let now = TWO_HARTS.lines().next().unwrap().replace("/proc/uptime", uptime.to_str().unwrap());
        for (text, hundredths) in [("0.08", "8"), ("0.85", "85"), ("1.09", "109"), ("9.99", "999"), ("10.00", "1000")] {
            fs::write(&uptime, format!("{text} 1.90\n")).unwrap();
            let output = std::process::Command::new("sh").args(["-c", &format!("{now}\nnow")]).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), hundredths, "{text}: {output:?}");
        }
    }

    /// Linux, Documentation/arch/riscv/boot-image-header.rst: the second magic number.
    #[test]
    fn other_kernels_are_kernels_and_lie_where_the_guests_does() {
        for kernel in Kernel::ALL {
            assert_eq!(kernel.image()[56..60], *b"RSC\x05");
            let place = tempfile::tempdir().unwrap();
            let [from, to] = ["from", "to"].map(|name| place.path().join(name));
            fs::write(&from, b"").unwrap();
            with_kernel(&from, kernel, &to).unwrap();
            let content = fs::read(&to).unwrap();
            let has = |wanted: &[u8]| content.windows(wanted.len()).any(|bytes| bytes == wanted);
            assert!(has(b"boot/vmlinuz") && has(kernel.image()) && has(SWITCHES_DONE.as_bytes()));
        }
    }

    #[test]
    fn it_lies_behind_what_was_there() {
        let place = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| place.path().join(name));
        fs::write(&from, b"12345").unwrap();
        with_work(&from, b"ELF", &[], Level::Host, &to).unwrap();
        let content = fs::read(&to).unwrap();
        assert_eq!((&content[..5], &content[8..14]), (&b"12345"[..], &b"070701"[..]));
    }
}
