//! `--commit-log`: every retired instruction and its effects, as Spike's `--log-commits` writes them.
//!
//! A line is `core 0: 3 0x0000000080000010 (0x00006008) x10 0x0000000000000000 mem 0x0000000080002040`: privilege, pc,
//! bits, registers written, CSRs written, addresses read, addresses written with values. A trap has no line.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use arch::Mode;
use hart::Record;

/// A log that all harts write to. It takes lines from [`CommitLog::open`] to [`CommitLog::close`].
#[derive(Clone, Default)]
pub struct CommitLog(Arc<Mutex<Log>>);

#[derive(Default)]
struct Log {
    file: Option<BufWriter<File>>,
    path: PathBuf,
    failure: Option<io::Error>,
    on_failure: Option<OnFailure>,
}

/// Is told once that the log cannot be written.
pub type OnFailure = Box<dyn Fn() + Send>;

impl CommitLog {
    /// Begins the file. `on_failure` hears of a line that cannot be written; [`CommitLog::close`] says why.
    pub fn open(&self, path: &Path, on_failure: OnFailure) -> Result<()> {
        let file = File::create(path).with_context(|| cannot_write(path))?;
        let mut log = self.lock();
        (log.file, log.path, log.on_failure) = (Some(BufWriter::new(file)), path.to_owned(), Some(on_failure));
        Ok(())
    }

    /// Ends the file, and tells whether all of it was written.
    pub fn close(&self) -> Result<()> {
        let mut log = self.lock();
        let flushed = log.file.take().map_or(Ok(()), |mut file| file.flush());
        log.failure.take().map_or(flushed, Err).with_context(|| cannot_write(&log.path))
    }

    /// What records hart `id`.
    pub fn of_hart(&self, id: usize) -> HartLog {
        HartLog {
            log: self.clone(),
            id,
            head: String::new(),
            written: String::new(),
            read: String::new(),
            stored: String::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write commit log '{}'", path.display())
}

impl Log {
    /// After a failure nothing more is written.
    fn line(&mut self, parts: [&str; 4]) {
        let Some(file) = &mut self.file else { return };
        let written = parts.iter().try_for_each(|part| file.write_all(part.as_bytes()));
        if let Err(error) = written.and_then(|()| file.write_all(b"\n")) {
            self.failure = Some(error);
            self.file = None;
            self.on_failure.iter().for_each(|tell| tell());
        }
    }
}

/// The line of the instruction that one hart executes now, in the order of Spike's parts.
pub struct HartLog {
    log: CommitLog,
    id: usize,
    head: String,
    /// Registers and CSRs.
    written: String,
    read: String,
    stored: String,
}

// Writing to a String cannot fail.
impl Record for HartLog {
    fn begin(&mut self, mode: Mode, pc: u64, raw: u32) {
        self.head.clear();
        [&mut self.written, &mut self.read, &mut self.stored].into_iter().for_each(String::clear);
        let width = if raw & 3 == 3 { 10 } else { 6 };
        let privilege = mode.privilege as u8;
        let _ = write!(self.head, "core{:>4}: {privilege} {pc:#018x} ({raw:#0width$x})", self.id);
    }

    fn x(&mut self, register: u8, value: u64) {
        let _ = write!(self.written, " x{register:<2} {value:#018x}");
    }

    fn f(&mut self, register: u8, value: u64) {
        let _ = write!(self.written, " f{register:<2} {value:#018x}");
    }

    fn csr(&mut self, address: u16, value: u64) {
        let _ = match arch::csr::name(address) {
            Some(name) => write!(self.written, " c{address}_{name} {value:#018x}"),
            None => write!(self.written, " c{address}_unknown {value:#018x}"),
        };
    }

    fn load(&mut self, address: u64, _bytes: u8) {
        let _ = write!(self.read, " mem {address:#018x}");
    }

    fn store(&mut self, address: u64, value: u64, bytes: u8) {
        let width = usize::from(bytes) * 2 + 2;
        let value = value & u64::MAX.checked_shr(64 - 8 * u32::from(bytes.clamp(1, 8))).unwrap_or(u64::MAX);
        let _ = write!(self.stored, " mem {address:#018x} {value:#0width$x}");
    }

    fn end(&mut self) {
        self.log.lock().line([&self.head, &self.written, &self.read, &self.stored]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_spikes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let log = CommitLog::default();
        log.open(&path, Box::new(|| ())).unwrap();
        let mut hart = log.of_hart(0);
        hart.begin(Mode::M, 0x8000_1014, 0xe408);
        hart.store(0x8000_2048, 3, 8);
        hart.end();
        hart.begin(Mode::M, 0x8000_1016, 0x3002_9073);
        hart.x(5, 1);
        hart.csr(arch::csr::MSTATUS, 0xa_0000_0000);
        hart.end();
        hart.begin(Mode::M, 0x8000_101a, 0x0000_0073);
        log.close().unwrap();
        let expected = "core   0: 3 0x0000000080001014 (0xe408) mem 0x0000000080002048 0x0000000000000003\n\
                        core   0: 3 0x0000000080001016 (0x30029073) x5  0x0000000000000001 c768_mstatus \
                        0x0000000a00000000\n";
        assert_eq!(std::fs::read_to_string(path).unwrap(), expected);
    }
}
