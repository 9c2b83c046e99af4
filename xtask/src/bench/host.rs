//! The host Linux with KVM of `vhart linux`, and the same with another guest in it; vhart's hypervisor with a guest.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::child;
use super::subject::Subject;

/// What `vhart linux --check` boots, or `vhart hypervisor`.
pub struct Host {
    /// QEMU's command line for it, without the program.
    pub words: Vec<String>,
}

impl Host {
    /// Asks `vhart` for it; what is missing is fetched and built. `args` are more options of `vhart linux`.
    ///
    /// # Errors
    /// vhart cannot prepare it, or prints what is not understood.
    pub fn of(vhart: &Subject, args: &[String], limit: std::time::Duration) -> anyhow::Result<Host> {
        let words = ["--check"].into_iter().chain(args.iter().map(String::as_str));
        Host::printed(vhart, "linux", words.map(OsStr::new), limit)
    }

    /// The same of vhart's hypervisor, with one guest as `vhart hypervisor --check` has it.
    ///
    /// # Errors
    /// As for [`Host::of`].
    pub fn of_checked_hypervisor(vhart: &Subject, limit: std::time::Duration) -> anyhow::Result<Host> {
        let words = ["--check", "--guests", "1", "--harts", "1"].map(OsStr::new);
        Host::printed(vhart, "hypervisor", words.into_iter(), limit)
    }

    fn printed<'a>(
        vhart: &Subject,
        subcommand: &str,
        words: impl Iterator<Item = &'a OsStr>,
        limit: std::time::Duration,
    ) -> anyhow::Result<Host> {
        let words = words.chain(["--print", "qemu"].map(OsStr::new));
        let output = child::run(vhart.vhart(subcommand, words), limit)?.output();
        let line = output.lines().rev().find(|line| line.starts_with("qemu-system-riscv64 "));
        let line = line.with_context(|| format!("vhart {subcommand} --print qemu printed no command line"))?;
        Ok(Host { words: words_of(line).split_off(1) })
    }

    /// The kernel.
    pub fn kernel(&self) -> anyhow::Result<&Path> {
        self.after("-kernel").map(Path::new)
    }

    /// The initial RAM disk.
    pub fn initrd(&self) -> anyhow::Result<&Path> {
        self.after("-initrd").map(Path::new)
    }

    /// The kernel's command line.
    pub fn append(&self) -> anyhow::Result<&str> {
        self.after("-append")
    }

    /// Writes the initial RAM disk to `to`, with an init script that runs each of `programs` alone and twice at once;
    /// the script is in `folder`.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn with_pairs(&self, programs: &[(String, PathBuf)], folder: &Path, to: PathBuf) -> anyhow::Result<PathBuf> {
        let mut archive = Archive::default();
        archive.file("init", EXECUTABLE, &read(&folder.join("harts.sh"))?);
        add_programs(&mut archive, programs)?;
        self.with(archive, to)
    }

    /// Writes the initial RAM disk to `to`, with an init script that runs `program` as a guest whose interrupts the
    /// kernel has; the script is in `folder`.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn with_interrupts(&self, program: &Path, folder: &Path, to: PathBuf) -> anyhow::Result<PathBuf> {
        let mut archive = Archive::default();
        archive.file("init", EXECUTABLE, &read(&folder.join("interrupts.sh"))?);
        archive.directory("bench");
        archive.file("bench/interrupts", READABLE, &read(program)?);
        self.with(archive, to)
    }

    /// Writes the initial RAM disk to `to`, with `more` behind it: Linux unpacks archives one after the other, and a
    /// later file replaces one of the same name.
    fn with(&self, more: Archive, to: PathBuf) -> anyhow::Result<PathBuf> {
        let mut content = read(self.initrd()?)?;
        content.resize(content.len().next_multiple_of(4), 0);
        content.extend(more.finish());
        File::create(&to)
            .and_then(|mut file| file.write_all(&content))
            .with_context(|| format!("cannot write '{}'", to.display()))?;
        Ok(to)
    }

    fn after(&self, option: &str) -> anyhow::Result<&str> {
        let at = self.words.iter().position(|word| word == option);
        match at.and_then(|at| self.words.get(at + 1)) {
            Some(word) => Ok(word),
            None => bail!("vhart linux --print qemu printed no {option}"),
        }
    }
}

/// Permissions of files.
const READABLE: u32 = 0o644;
const EXECUTABLE: u32 = 0o755;

fn add_programs(archive: &mut Archive, programs: &[(String, PathBuf)]) -> anyhow::Result<()> {
    archive.directory("bench");
    archive.directory("bench/programs");
    for (name, file) in programs {
        archive.file(&format!("bench/programs/{name}"), EXECUTABLE, &read(file)?);
    }
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read '{}'", path.display()))
}

/// A cpio archive (newc, as the kernel's initramfs documentation describes it).
#[derive(Default)]
struct Archive(Vec<u8>);

impl Archive {
    fn directory(&mut self, name: &str) {
        self.entry(name, 0o040_000 | EXECUTABLE, &[]);
    }

    fn file(&mut self, name: &str, permissions: u32, content: &[u8]) {
        self.entry(name, 0o100_000 | permissions, content);
    }

    fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.0
    }

    fn entry(&mut self, name: &str, mode: u32, content: &[u8]) {
        let (links, size, name_size) = (1, content.len() as u32, name.len() as u32 + 1);
        let archive = &mut self.0;
        archive.extend_from_slice(b"070701");
        for field in [0, mode, 0, 0, links, 0, size, 0, 0, 0, 0, name_size, 0_u32] {
            archive.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        archive.extend_from_slice(name.as_bytes());
        archive.push(0);
        archive.resize(archive.len().next_multiple_of(4), 0);
        archive.extend_from_slice(content);
        archive.resize(archive.len().next_multiple_of(4), 0);
    }
}

/// The words of a shell's line that quotes with apostrophes and escapes apostrophes with backslashes.
fn words_of(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (letter, words.last_mut()) {
            ('\'', _) => quoted = !quoted,
            (' ', _) if !quoted => words.push(String::new()),
            ('\\', Some(word)) if !quoted => word.extend(letters.next()),
            (other, Some(word)) => word.push(other),
            (_, None) => {}
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lose_their_quotes() {
        assert_eq!(words_of(r"q -append 'a=1 b' 'it'\''s'"), ["q", "-append", "a=1 b", "it's"]);
    }

    #[test]
    fn archive_entries_are_aligned() {
        let mut archive = Archive::default();
        archive.file("ab", READABLE, b"12345");
        assert_eq!(archive.0.len(), (110_usize + 3).next_multiple_of(4) + 8);
        assert!(archive.0.starts_with(b"070701"));
    }
}
