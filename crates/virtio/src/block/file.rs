//! The file behind a disk.
//!
//! Three ways to use it: as it is, only to be read, or with the guest's writes kept aside (see [`Overlay`]).

use std::fs::{File, FileType, OpenOptions};
use std::io::{self, ErrorKind, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, FileTypeExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::base::{Base, Patience};
use super::format::{self, Known};
use super::lock::{self, Locked};
use super::options::{BlockAccess, Cache, Discard, DiskOptions, Format};
use super::overlay::Overlay;
use super::{SECTOR_BYTES, host};

/// Why a disk could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// There is no such file.
    #[error("there is no disk image {path:?}; create an empty one with: truncate -s 8G {path:?}")]
    NotFound {
        /// The file.
        path: PathBuf,
    },
    /// The host's permissions do not allow it.
    #[error("no permission to open disk image {path:?} for {purpose}; change its permissions{advice}")]
    Permission {
        /// The file.
        path: PathBuf,
        /// Reading, or reading and writing.
        purpose: &'static str,
        /// What else helps.
        advice: &'static str,
    },
    /// What it is on cannot be written to.
    #[error("disk image {path:?} is on a read-only medium; open it readonly or as a snapshot")]
    ReadOnlyMedium {
        /// The file.
        path: PathBuf,
    },
    /// It is something else.
    #[error("{path:?} is {what}; a disk is a raw image file or a block device")]
    NoDisk {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// It is an image, but no raw one.
    #[error(
        "disk image {path:?} is in format {format}, and a disk is a raw file; 'qemu-img convert -O raw {} {}' makes one",
        path.display(),
        path.with_extension("raw").display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The format, as QEMU calls it.
        format: &'static str,
    },
    /// There is nothing in it.
    #[error("disk image {path:?} is empty; give it a size with: truncate -s 8G {path:?}")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Someone else has it open.
    #[error(
        "disk image {path:?} is in use by another machine, vhart's or QEMU's; end that one first, or work on a copy of the file"
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// There is no place for what the guest writes.
    #[error("no temporary file for the snapshot of {path:?} (set TMPDIR to a directory with room)")]
    Scratch {
        /// The file.
        path: PathBuf,
        /// What the host said.
        source: io::Error,
    },
    /// Anything else.
    #[error("cannot open disk image {path:?}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the host said.
        source: io::Error,
    },
}

/// An open disk image.
pub struct BlockFile {
    base: Base,
    options: DiskOptions,
    overlay: Option<Overlay>,
    name: String,
    /// A flush failed: what the host dropped then is not to be found again, so that no later flush can succeed.
    lost: bool,
    /// Errors that the user was told of.
    told: Vec<ErrorKind>,
}

/// A file whose data is to be stable.
pub(super) struct Stable(Arc<File>);

impl Stable {
    /// Waits until all that was written is on the host's disk.
    pub(super) fn wait(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

impl BlockFile {
    /// Opens the raw image `path`. A size that is no multiple of 512 is rounded up; the missing bytes read as zeros.
    ///
    /// A writable image is locked against all other users, another one against writers.
    ///
    /// # Errors
    /// [`DiskError`] names the file and says what to do.
    pub fn open(path: &Path, options: impl Into<DiskOptions>) -> Result<Self, DiskError> {
        let options = options.into();
        let access = options.access;
        let io_error = |source| DiskError::Io { path: path.into(), source };
        // Before it is opened: a FIFO would let us wait.
        let found = std::fs::metadata(path).map_err(|error| explain(path, access, error))?;
        if let Some(what) = no_disk(found.file_type()) {
            return Err(DiskError::NoDisk { path: path.into(), what });
        }
        let writable = access == BlockAccess::ReadWrite;
        let opened = OpenOptions::new().read(true).write(writable).open(path);
        let mut file = opened.map_err(|error| explain(path, access, error))?;
        if lock::take(&file, access).map_err(io_error)? == Locked::InUse {
            return Err(DiskError::InUse { path: path.into() });
        }
        // A block device's metadata has no size.
        let len_bytes = file.seek(SeekFrom::End(0)).map_err(io_error)?;
        if len_bytes == 0 {
            return Err(DiskError::Empty { path: path.into() });
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match format::known(&file).filter(|_| options.format == Format::Probed) {
            Some(Known::Image(format)) => return Err(DiskError::Foreign { path: path.into(), format }),
            Some(Known::Packed { with, by }) => (options.report)(&format!(
                "disk image {name:?} is packed with {with}, and the guest sees it packed; '{by} {}' unpacks it",
                path.display()
            )),
            None => (),
        }
        let overlay = match access {
            BlockAccess::Snapshot => Some(scratch(path, len_bytes)?),
            BlockAccess::ReadWrite | BlockAccess::ReadOnly => None,
        };
        let base = Base { file: Arc::new(file), len_bytes };
        Ok(BlockFile { base, options, overlay, name, lost: false, told: Vec::new() })
    }

    /// The size of the disk, a multiple of 512.
    pub fn len_bytes(&self) -> u64 {
        self.base.len_bytes.next_multiple_of(SECTOR_BYTES)
    }

    /// What the guest may do.
    pub fn access(&self) -> BlockAccess {
        self.options.access
    }

    /// When writes are on the host's disk.
    pub fn cache(&self) -> Cache {
        self.options.cache
    }

    /// What becomes of discarded blocks.
    pub(super) fn discarding(&self) -> Discard {
        self.options.discard
    }

    /// The name of the file, without directories.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What is as the user asks for it.
    #[cfg(feature = "state")]
    pub(super) fn options(&self) -> &DiskOptions {
        &self.options
    }

    /// The image, whatever is written elsewhere.
    #[cfg(feature = "state")]
    pub(super) fn base(&self) -> &File {
        &self.base.file
    }

    /// Where writes go that the image does not get.
    #[cfg(feature = "state")]
    pub(super) fn overlay_mut(&mut self) -> Option<&mut Overlay> {
        self.overlay.as_mut()
    }

    /// Fills `data` from `at` on.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`] where the host does not have it and nobody is to wait.
    pub(super) fn read_at(&mut self, at: u64, data: &mut [u8], patience: Patience) -> io::Result<()> {
        match &self.overlay {
            Some(overlay) => overlay.read_at(&self.base, at, data, patience),
            None => self.base.read_at(at, data, patience),
        }
    }

    pub(super) fn write_at(&mut self, at: u64, data: &[u8]) -> io::Result<()> {
        match (self.options.access, &mut self.overlay) {
            (BlockAccess::ReadOnly, _) => Err(ErrorKind::ReadOnlyFilesystem.into()),
            (_, Some(overlay)) => overlay.write_at(&self.base, at, data),
            (_, None) => {
                self.base.file.write_all_at(data, at)?;
                self.base.len_bytes = self.base.len_bytes.max(at + data.len() as u64);
                Ok(())
            }
        }
    }

    /// Makes `len` bytes from `at` on zeros without writing them; the guest does not need their blocks if `unmap` says
    /// so.
    ///
    /// # Errors
    /// It cannot be done this way.
    pub(super) fn zero(&mut self, at: u64, len: u64, unmap: bool) -> io::Result<()> {
        match self.options.access {
            BlockAccess::ReadWrite => {
                host::zero(&self.base.file, at, len, unmap && self.options.discard == Discard::Unmap)
            }
            BlockAccess::ReadOnly | BlockAccess::Snapshot => Err(ErrorKind::Unsupported.into()),
        }
    }

    /// The guest does not need `len` bytes from `at` on any more. A host that cannot use that need not.
    ///
    /// # Errors
    /// The host tried, and failed.
    pub(super) fn discard(&mut self, at: u64, len: u64) -> io::Result<()> {
        if self.options.discard == Discard::Ignore {
            return Ok(());
        }
        match self.zero(at, len, true) {
            Err(error) if error.kind() == ErrorKind::Unsupported => Ok(()),
            result => result,
        }
    }

    /// What to wait for until all that was written is on the host's disk; `None` where it need not be.
    pub(super) fn stable(&self) -> Option<Stable> {
        let kept = self.options.access == BlockAccess::ReadWrite && self.options.cache != Cache::Unsafe;
        kept.then(|| Stable(self.base.file.clone()))
    }

    /// Takes in what waiting came to. Answers whether all that was ever written is on the host's disk.
    pub(super) fn synced(&mut self, result: io::Result<()>) -> bool {
        if let Err(error) = result {
            self.lost = true;
            self.complain("flushed", &error);
        }
        !self.lost
    }

    /// Tells the user of an error of the host, once for each kind.
    pub(super) fn complain(&mut self, what: &str, error: &io::Error) {
        if !self.told.contains(&error.kind()) {
            self.told.push(error.kind());
            let name = &self.name;
            (self.options.report)(&format!("the guest gets I/O errors: disk image {name:?} cannot be {what}: {error}"));
        }
    }
}

/// What a file is that is no disk.
fn no_disk(kind: FileType) -> Option<&'static str> {
    match kind {
        _ if kind.is_dir() => Some("a directory"),
        _ if kind.is_fifo() => Some("a FIFO"),
        _ if kind.is_char_device() => Some("a character device"),
        _ if kind.is_socket() => Some("a socket"),
        _ => None,
    }
}

fn explain(path: &Path, access: BlockAccess, source: io::Error) -> DiskError {
    let path = path.to_path_buf();
    let (purpose, advice) = match access {
        BlockAccess::ReadWrite => ("reading and writing", ", or open it readonly or as a snapshot"),
        BlockAccess::ReadOnly | BlockAccess::Snapshot => ("reading", ""),
    };
    match source.kind() {
        ErrorKind::NotFound => DiskError::NotFound { path },
        ErrorKind::PermissionDenied => DiskError::Permission { path, purpose, advice },
        ErrorKind::ReadOnlyFilesystem => DiskError::ReadOnlyMedium { path },
        _ => DiskError::Io { path, source },
    }
}

fn scratch(path: &Path, len_bytes: u64) -> Result<Overlay, DiskError> {
    let beside = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Overlay::new(len_bytes, beside).map_err(|source| DiskError::Scratch { path: path.into(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::options::Report;
    use std::sync::Mutex;

    fn error(path: &Path, access: BlockAccess) -> String {
        BlockFile::open(path, access).err().unwrap().to_string()
    }

    #[test]
    fn what_is_no_disk_is_explained() {
        let dir = tempfile::tempdir().unwrap();
        let empty = dir.path().join("empty.img");
        File::create(&empty).unwrap();
        assert!(error(&dir.path().join("none.img"), BlockAccess::ReadWrite).contains("none.img\"; create"));
        assert!(error(dir.path(), BlockAccess::ReadWrite).contains("is a directory"));
        assert!(error(dir.path(), BlockAccess::ReadOnly).contains("is a directory"));
        assert!(error(&empty, BlockAccess::Snapshot).contains("is empty"));
    }

    #[test]
    fn an_image_in_another_format_is_no_disk_unless_its_bytes_are_meant() {
        let file = tempfile::NamedTempFile::with_suffix(".img").unwrap();
        let of = |at: usize, magic: &[u8]| {
            let mut content = vec![0; 512];
            content[at..at + magic.len()].copy_from_slice(magic);
            std::fs::write(file.path(), content).unwrap();
            let raw = DiskOptions { format: Format::Raw, ..BlockAccess::ReadWrite.into() };
            assert!(BlockFile::open(file.path(), raw).is_ok());
            error(file.path(), BlockAccess::ReadOnly)
        };
        for (at, magic, format) in
            [(0, &b"QFI\xfb\0\0\0\x03"[..], "qcow2"), (0x40, b"\x7f\x10\xda\xbe", "vdi"), (0, b"vhdxfile", "vhdx")]
        {
            let said = of(at, magic);
            assert!(said.contains(&format!("is in format {format}, ")) && said.contains(".raw' makes one"), "{said}");
        }
        // A boot sector, and the shortest of all.
        for content in [&[0xeb; 512][..], b"Q"] {
            std::fs::write(file.path(), content).unwrap();
            assert!(BlockFile::open(file.path(), BlockAccess::ReadWrite).is_ok());
        }
    }

    #[test]
    fn of_a_packed_image_the_user_hears() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"\xfd7zXZ\0 and so on").unwrap();
        let told = Arc::new(Mutex::new(String::new()));
        let hears = told.clone();
        let report: Report = Arc::new(move |text| hears.lock().unwrap().push_str(text));
        let options = |format| DiskOptions { format, report: report.clone(), ..BlockAccess::ReadWrite.into() };
        assert!(BlockFile::open(file.path(), options(Format::Raw)).is_ok() && told.lock().unwrap().is_empty());
        assert!(BlockFile::open(file.path(), options(Format::Probed)).is_ok());
        assert!(told.lock().unwrap().contains("is packed with xz, and the guest sees it packed; 'unxz -k /"));
    }

    #[test]
    fn a_writable_disk_has_one_user() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(512).unwrap();
        let first = BlockFile::open(file.path(), BlockAccess::ReadWrite).unwrap();
        assert!(error(file.path(), BlockAccess::ReadWrite).contains("in use"));
        assert!(error(file.path(), BlockAccess::Snapshot).contains("in use"));
        drop(first);
        let _reader = BlockFile::open(file.path(), BlockAccess::ReadOnly).unwrap();
        BlockFile::open(file.path(), BlockAccess::Snapshot).unwrap();
    }

    #[test]
    fn an_incomplete_sector_reads_as_if_zeros_followed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [7; 513]).unwrap();
        let mut disk = BlockFile::open(file.path(), BlockAccess::ReadWrite).unwrap();
        assert_eq!(disk.len_bytes(), 1024);
        let mut data = [1; 512];
        disk.read_at(512, &mut data, Patience::Wait).unwrap();
        assert_eq!(data[..2], [7, 0]);
        disk.write_at(512, &[9; 512]).unwrap();
        disk.read_at(512, &mut data, Patience::Wait).unwrap();
        assert_eq!(data, [9; 512]);
    }
    #[test]
    fn what_is_not_a_file_is_named_as_what_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRUSR).unwrap();
        let socket = dir.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for access in [BlockAccess::ReadWrite, BlockAccess::ReadOnly, BlockAccess::Snapshot] {
            assert!(error(&fifo, access).contains("fifo\" is a FIFO; a disk is a raw image file"));
            assert!(error(&socket, access).contains("is a socket"));
            assert!(error(Path::new("/dev/null"), access).contains("\"/dev/null\" is a character device"));
        }
    }

    /// A disk whose writes the host refuses, and what the user hears of it.
    fn unwritable() -> (BlockFile, std::sync::mpsc::Receiver<String>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(512).unwrap();
        let (said, heard) = std::sync::mpsc::channel();
        let report: Report = Arc::new(move |text: &str| said.send(text.to_owned()).unwrap());
        let mut disk = BlockFile::open(file.path(), DiskOptions { report, ..BlockAccess::ReadOnly.into() }).unwrap();
        disk.options.access = BlockAccess::ReadWrite;
        (disk, heard)
    }

    #[test]
    fn an_error_of_the_host_is_said_once() {
        let (mut disk, heard) = unwritable();
        for _ in 0..3 {
            let error = disk.write_at(0, &[1; 512]).unwrap_err();
            disk.complain("written", &error);
        }
        let said: Vec<String> = heard.try_iter().collect();
        assert_eq!(said.len(), 1);
        assert!(said[0].contains("the guest gets I/O errors") && said[0].contains("cannot be written: "), "{said:?}");
    }

    #[test]
    fn after_a_flush_that_failed_none_succeeds() {
        let (mut disk, _heard) = unwritable();
        assert!(disk.synced(Ok(())));
        assert!(!disk.synced(Err(ErrorKind::StorageFull.into())));
        assert!(!disk.synced(Ok(())));
    }

    #[test]
    fn only_what_is_to_be_kept_is_waited_for() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(512).unwrap();
        let waits = |access: BlockAccess, cache| {
            let options = DiskOptions { cache, ..access.into() };
            BlockFile::open(file.path(), options).unwrap().stable().is_some()
        };
        assert!(waits(BlockAccess::ReadWrite, Cache::Writeback));
        assert!(waits(BlockAccess::ReadWrite, Cache::Writethrough));
        assert!(!waits(BlockAccess::ReadWrite, Cache::Unsafe));
        assert!(!waits(BlockAccess::Snapshot, Cache::Writeback));
    }
}
