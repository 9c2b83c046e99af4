//! The start of a program.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::wire::{NotStarted, Task};

/// Where a program that came along is put.
const PACKED: &str = "/run/programs";
/// Bytes of a program's head that tell what it is.
const HEAD: u64 = 4096;

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
    let mut command = Command::new(&program);
    command.arg0(word).args(arguments.iter().map(|argument| OsStr::from_bytes(argument)));
    command.env_clear().envs(environment.clone()).process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if !task.directory.is_empty() {
        command.current_dir(OsStr::from_bytes(&task.directory));
    }
    report();
    command.spawn().map_err(|why| {
        let path = environment.clone().rfind(|(name, _)| name == "PATH").map(|(_, path)| path);
        failed(&why, find(&program, &path.unwrap_or_default()).as_deref())
    })
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
    let mut head = Vec::new();
    let read = |path: &Path| std::fs::File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    // One that cannot be read tells nothing more.
    let _ = found.map(read);
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
