//! An initramfs whose init runs one program, in the host or in its guest, and ends.
//!
//! It is what an emulator runs that has no vhart in it: the program's output comes over the serial port.

use std::fs;
use std::io;
use std::path::Path;

use crate::cpio::Archive;
use crate::error::{OnFile, Result};

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

/// Writes the initramfs at `initrd` to `to`, with another init: it runs `program` with these words, which are letters, digits and dashes.
///
/// # Errors
/// A file cannot be read or written.
pub fn with_work(initrd: &Path, program: &[u8], words: &[String], level: Level, to: &Path) -> Result<()> {
    let mut content = fs::read(initrd).on_file("read", initrd)?;
    content.resize(content.len().next_multiple_of(4), 0);
    content.extend(overlay(program, words, level).on_file("write", to)?);
    fs::write(to, content).on_file("write", to)
}

fn overlay(program: &[u8], words: &[String], level: Level) -> io::Result<Vec<u8>> {
    let run = format!("{BEGIN}/{PROGRAM} {} || echo \"it ended with status $?\"\nover\n", words.join(" "));
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
        assert!(guest.contains("cat /bench/guest.cpio") && guest.contains("/bench/program --part 4"));
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
