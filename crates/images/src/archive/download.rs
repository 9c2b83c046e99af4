//! Downloads files whose sums are known, several at a time, and goes on where an earlier run stopped.
//!
//! A file in the making is called by its sum and `.part`; it loses that ending when its sum has been found right. So a
//! file by the name of a sum is whole, whatever ended the run that was getting it.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::http::{Answer, Client, Failure};
use super::release::Sum;
use crate::error::{Error, OnFile, Result};
use crate::progress::Progress;

/// Files at a time.
const AT_ONCE: usize = 4;

/// How often a download is tried in vain.
const TRIES: u32 = 4;

/// What a try must bring so as not to be in vain: a connection that breaks again and again gets there in the end.
const GAIN_BYTES: u64 = 1 << 16;

/// How long is waited before the second try; before each later one, twice as long.
const PAUSE: Duration = Duration::from_millis(if cfg!(test) { 5 } else { 1000 });

/// How often progress is told.
const TICK: Duration = Duration::from_millis(100);

/// A file to get.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// Its addresses: a later one is for servers that lack it at those before.
    pub(crate) addresses: Vec<String>,
    /// What it must be.
    pub(crate) sum: Sum,
}

/// Gets all files that are wanted into `directory`, and says where each is.
///
/// # Errors
/// The first that there is, each naming the address; what has come until then is kept.
pub(crate) fn fetch(
    client: &Client,
    wanted: &[Wanted],
    directory: &Path,
    progress: &dyn Progress,
) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(directory).on_file("make directory", directory)?;
    let work = Work::new(client, wanted, directory);
    let total = wanted.iter().map(|file| file.sum.len_bytes).sum();
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(wanted.len()) {
            let (work, sender) = (&work, sender.clone());
            scope.spawn(move || work.some(&sender));
        }
        drop(sender);
        let mut results = Vec::new();
        loop {
            match receiver.recv_timeout(TICK) {
                Ok(result) => results.push(result),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
            progress.bytes(work.done_bytes(), total);
        }
        results.sort_by_key(|(number, _)| *number);
        results.into_iter().map(|(_, result)| result).collect()
    })
}

/// What the threads share.
struct Work<'a> {
    client: &'a Client,
    directory: &'a Path,
    files: Vec<(&'a Wanted, AtomicU64)>,
    next: AtomicUsize,
    stop: AtomicBool,
}

impl<'a> Work<'a> {
    fn new(client: &'a Client, wanted: &'a [Wanted], directory: &'a Path) -> Work<'a> {
        let files = wanted.iter().map(|file| (file, AtomicU64::new(0))).collect();
        Work { client, directory, files, next: AtomicUsize::new(0), stop: AtomicBool::new(false) }
    }

    fn done_bytes(&self) -> u64 {
        self.files.iter().map(|(_, done)| done.load(Ordering::Relaxed)).sum()
    }

    /// Gets files until there are no more, or one failed.
    fn some(&self, results: &mpsc::Sender<(usize, Result<PathBuf>)>) {
        while !self.stop.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let Some((file, done)) = self.files.get(number) else { return };
            let result = self.one(file, done);
            // What fails after another failure does so because of it.
            if result.is_err() && self.stop.swap(true, Ordering::Relaxed) {
                return;
            }
            // Nobody listens only where nobody asks any more.
            let _ = results.send((number, result));
        }
    }

    fn one(&self, file: &Wanted, done: &AtomicU64) -> Result<PathBuf> {
        let whole = self.directory.join(&file.sum.sha256);
        if whole.is_file() && sha256(&whole)? == file.sum.sha256 {
            done.store(file.sum.len_bytes, Ordering::Relaxed);
            return Ok(whole);
        }
        let part = whole.with_extension("part");
        let mut pauses = pauses();
        loop {
            let before = len_bytes(&part);
            let detail = match self.attempt(file, &part, done) {
                Ok(()) => break,
                Err(Attempt::Failed(why)) => return Err(why),
                Err(Attempt::Again(detail)) => detail,
            };
            if len_bytes(&part) >= before + GAIN_BYTES {
                pauses = self::pauses();
            }
            match pauses.next() {
                Some(pause) if !self.stop.load(Ordering::Relaxed) => thread::sleep(pause),
                _ => return Err(Error::Network { detail }),
            }
        }
        fs::rename(&part, &whole).on_file("write", &whole)?;
        Ok(whole)
    }

    /// Appends to `part` until it is whole, and looks whether it is right.
    fn attempt(&self, file: &Wanted, part: &Path, done: &AtomicU64) -> std::result::Result<(), Attempt> {
        let here = len_bytes(part);
        let from = if here < file.sum.len_bytes { here } else { 0 };
        let (address, answer) = self.ask(file, from)?;
        let wrong = |detail: String| Attempt::Failed(Error::Wrong { address: address.clone(), detail });
        let want = file.sum.len_bytes;
        if let Some(len) = answer.len_bytes.filter(|len| *len != want) {
            remove(part)?;
            return Err(wrong(format!("{} of {len} bytes, where its index says {want}", answer.kind)));
        }
        let resumed = answer.start > 0;
        let len = self.append(answer, part, want, done).map_err(|why| why.of(&address))?;
        if len > want {
            remove(part)?;
            return Err(wrong(format!("more than the {want} bytes of its index")));
        }
        if len < want {
            return Err(Attempt::Again(format!("{address} ended after {len} of {want} bytes")));
        }
        if sha256(part)? == file.sum.sha256 {
            return Ok(());
        }
        remove(part)?;
        // What was there before may have been another file.
        match resumed {
            true => Err(Attempt::Again(format!("what was there of {address} did not fit"))),
            false => Err(wrong("a file whose sum (SHA-256) is not the one in its index".to_owned())),
        }
    }

    /// Asks one address after the other.
    fn ask(&self, file: &Wanted, from: u64) -> std::result::Result<(String, Answer), Attempt> {
        for address in &file.addresses {
            match self.client.get(address, from) {
                Ok(answer) => return Ok((address.clone(), answer)),
                Err(Failure::Missing) => {}
                Err(Failure::Passing(why)) => return Err(Attempt::Again(why)),
                Err(Failure::Lasting(why)) => return Err(Error::Network { detail: why }.into()),
            }
        }
        let address = file.addresses.last().cloned().unwrap_or_default();
        Err(Error::Gone { address }.into())
    }

    /// Writes the answer's bytes to the end of `part`, or over it where the answer starts at the beginning. Says how
    /// long it is then; that may be too short, or longer than `want`.
    fn append(
        &self,
        mut answer: Answer,
        part: &Path,
        want: u64,
        done: &AtomicU64,
    ) -> std::result::Result<u64, Attempt> {
        let mut file = File::options().create(true).truncate(false).write(true).open(part).on_file("write", part)?;
        file.set_len(answer.start).and_then(|()| file.seek(SeekFrom::End(0))).on_file("write", part)?;
        let mut len = answer.start;
        let mut buffer = vec![0; 1 << 16];
        while len <= want && !self.stop.load(Ordering::Relaxed) {
            let got = match answer.body.read(&mut buffer) {
                Ok(0) => break,
                Ok(got) => got,
                Err(why) => return Err(Attempt::Again(format!("broke off after {len} of {want} bytes: {why}"))),
            };
            file.write_all(&buffer[..got]).on_file("write", part)?;
            len += got as u64;
            done.store(len, Ordering::Relaxed);
        }
        Ok(len)
    }
}

/// How a try ended that got nothing whole.
enum Attempt {
    Again(String),
    Failed(Error),
}

impl Attempt {
    /// The same, with the address named that it is about.
    fn of(self, address: &str) -> Attempt {
        match self {
            Attempt::Again(detail) => Attempt::Again(format!("{address} {detail}")),
            failed => failed,
        }
    }
}

impl From<Error> for Attempt {
    fn from(why: Error) -> Attempt {
        Attempt::Failed(why)
    }
}

/// How long is waited after each try in vain but the last.
fn pauses() -> impl Iterator<Item = Duration> {
    (0..TRIES - 1).map(|number| PAUSE * 2u32.pow(number))
}

/// The length of a file; of none, zero.
fn len_bytes(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// How much of `wanted` an earlier run has left in `directory`.
pub(crate) fn present_bytes(wanted: &[Wanted], directory: &Path) -> u64 {
    let whole = wanted.iter().map(|file| directory.join(&file.sum.sha256));
    whole.map(|whole| len_bytes(&whole).max(len_bytes(&whole.with_extension("part")))).sum()
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => Err(Error::file("remove", path, why)),
        _ => Ok(()),
    }
}

/// The SHA-256 of a file.
fn sha256(path: &Path) -> Result<String> {
    let mut file = File::open(path).on_file("read", path)?;
    let mut sum = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let len = file.read(&mut buffer).on_file("read", path)?;
        if len == 0 {
            break;
        }
        sum.update(&buffer[..len]);
    }
    Ok(hex::encode(sum.finalize()))
}

/// A text of at most `limit_bytes` whose sum nothing tells; none where the server has none.
///
/// # Errors
/// [`Error::Network`] where it cannot be had.
pub(crate) fn text(client: &Client, address: &str, limit_bytes: u64) -> Result<Option<String>> {
    let mut pauses = pauses();
    loop {
        let why = match client.get(address, 0).map(|answer| read_text(answer, limit_bytes)) {
            Ok(Ok(text)) => return Ok(Some(text)),
            Ok(Err(why)) => format!("{address} broke off: {why}"),
            Err(Failure::Missing) => return Ok(None),
            Err(Failure::Lasting(detail)) => return Err(Error::Network { detail }),
            Err(Failure::Passing(why)) => why,
        };
        match pauses.next() {
            Some(pause) => thread::sleep(pause),
            None => return Err(Error::Network { detail: why }),
        }
    }
}

fn read_text(answer: Answer, limit_bytes: u64) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    answer.body.take(limit_bytes).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
