//! The start of a program.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::io::Errno;

use crate::wire::{NotStarted, Task};

/// Where a program that came along is put.
const PACKED: &str = "/run/programs";
/// Bytes of a program's head that tell what it is.
const HEAD: u64 = 4096;
/// Bytes of the header of a 64-bit ELF file.
const ELF_HEADER: usize = 64;

/// Starts what is to be run, in a group of processes of its own; all is ready when `report` is called, and nothing runs
/// yet.
pub fn start(task: &Task, report: impl FnOnce()) -> Result<Child, NotStarted> {
    let [word, arguments @ ..] = task.words.as_slice() else {
        return Err(failed(&io::ErrorKind::NotFound.into(), None));
    };
    let word = OsStr::from_bytes(word);
    let program = match &task.program {
        Some(content) => pack(word, content).map_err(|why| failed(&why, None))?,
        None => word.into(),
    };
    let environment = task.environment.iter().map(|variable| pair(variable));
    let path = environment.clone().rfind(|(name, _)| name == "PATH").map(|(_, path)| path).unwrap_or_default();
    let failed = |why: &io::Error| failed(why, find(&program, &path).as_deref());
    let mut command = Command::new(&program);
    command.arg0(word).args(arguments.iter().map(|argument| OsStr::from_bytes(argument)));
    command.env_clear().envs(environment.clone()).process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if !task.directory.is_empty() {
        command.current_dir(OsStr::from_bytes(&task.directory));
    }
    report();
    if find(&program, &path).is_some_and(|file| is_foreign(&file)) {
        return Err(failed(&Errno::NOEXEC.into()));
    }
    command.spawn().map_err(|why| failed(&why))
}

/// Whether the kernel would not execute this file, though it may: the C library has a shell read what the kernel does
/// not take, a program for another machine too. What cannot be read is left to the kernel.
fn is_foreign(file: &Path) -> bool {
    let executable = file.metadata().is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0);
    let (Ok(head), Ok(own)) = (head(file), head(Path::new("/proc/self/exe"))) else { return false };
    executable && !head.starts_with(b"#!") && kind_of_elf(&head) != kind_of_elf(&own)
}

/// What an ELF file is for: class and order of bytes, and the machine ("ELF Header" of the System V ABI).
fn kind_of_elf(head: &[u8]) -> Option<(&[u8], &[u8])> {
    let header = head.get(..ELF_HEADER).filter(|header| header.starts_with(b"\x7fELF"))?;
    Some((&header[4..6], &header[18..20]))
}

/// How a file begins, as far as it tells what it is.
///
/// # Errors
/// It cannot be read.
pub fn head(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    std::fs::File::open(path)?.take(HEAD).read_to_end(&mut head)?;
    Ok(head)
}

/// Name and value of `NAME=VALUE`.
fn pair(variable: &[u8]) -> (OsString, OsString) {
    let at = variable.iter().position(|&byte| byte == b'=').unwrap_or(variable.len());
    let value = variable.get(at + 1..).unwrap_or_default();
    (OsString::from_vec(variable[..at].to_vec()), OsString::from_vec(value.to_vec()))
}

/// Puts a program that came along where it can be run.
fn pack(word: &OsStr, content: &[u8]) -> io::Result<PathBuf> {
    let path = Path::new(PACKED).join(Path::new(word).file_name().unwrap_or(OsStr::new("program")));
    std::fs::create_dir_all(PACKED)?;
    // What a program before this one left running may still run it: the file stays that one's.
    let _ = std::fs::remove_file(&path);
    std::fs::write(&path, content)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    Ok(path)
}

fn failed(why: &io::Error, found: Option<&Path>) -> NotStarted {
    // One that cannot be read tells nothing more.
    let head = found.and_then(|file| head(file).ok()).unwrap_or_default();
    let error = why.raw_os_error().and_then(|error| u32::try_from(error).ok()).unwrap_or(0);
    NotStarted { error, not_found: found.is_none(), head }
}

/// The file that is meant, if it is there.
fn find(program: &Path, path: &OsStr) -> Option<PathBuf> {
    if program.components().count() > 1 || program.is_absolute() {
        return program.exists().then(|| program.into());
    }
    std::env::split_paths(path).map(|directory| directory.join(program)).find(|file| file.is_file())
}
