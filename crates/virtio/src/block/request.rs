//! One request, served in pieces.
//!
//! Models VIRTIO 1.2, "Block Device", "Device Operation". Between two pieces whoever serves it may give it up, or do
//! something else; between two pieces nothing is locked.

use memory::GuestMemoryMmap;
use virtio_bindings::bindings::virtio_blk::{
    VIRTIO_BLK_ID_BYTES, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_OK, VIRTIO_BLK_S_UNSUPP, VIRTIO_BLK_T_DISCARD,
    VIRTIO_BLK_T_FLUSH, VIRTIO_BLK_T_GET_ID, VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_WRITE_ZEROES,
    VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP,
};
use vm_memory::{Bytes, GuestAddress};

use super::base::Patience;
use super::file::{BlockFile, Stable};
use super::options::BlockAccess;
use super::{MAX_DISCARD_SECTORS, MAX_ZEROES_SECTORS, SECTOR_BYTES};
use crate::ring::{Broken, Request, Segments};
use crate::transport::read_space;

/// Data goes between file and memory in pieces of this size.
const PIECE_BYTES: usize = 256 << 10;
/// A read of at most so many bytes is tried at once, in case the host has them in memory; a write of so many goes to
/// the host's memory at once. To wake a thread takes longer.
const QUICK_BYTES: u64 = 64 << 10;
/// A legacy driver's other word for a flush ("Legacy Interface: Device Operation").
const FLUSH_OUT: u32 = 5;

/// What the driver gets to know of how a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    IoError,
    Unsupported,
}

/// An open disk, and room for a piece of data.
pub(super) struct Disk {
    pub file: BlockFile,
    buffer: Vec<u8>,
}

/// What decides about a request beside itself.
pub(super) struct Rules {
    /// The size of the disk.
    pub len_bytes: u64,
    pub access: BlockAccess,
    /// What is written is stable before the request is over.
    pub stable: bool,
}

/// What of a request is left to do.
enum Work {
    Read { at: u64 },
    Write { at: u64 },
    Zero { at: u64, left: u64, unmap: bool },
    Discard { at: u64, len: u64 },
    Flush,
    Identify,
    Over(Status),
}

/// What a piece of work came to.
pub(super) enum Step {
    /// There is more.
    More,
    /// Next, this is to be waited for, with nothing locked; [`Job::synced`] takes the result.
    Sync(Stable),
    /// The host does not have it at once.
    Wait,
    /// The request is over.
    Done(Status),
}

/// A request that is being served.
pub(super) struct Job {
    request: Request,
    status_at: GuestAddress,
    /// Bytes for the device's data when the request came.
    room: u64,
    work: Work,
    /// What it writes is stable before it is over.
    stable: bool,
}

impl Disk {
    pub fn new(file: BlockFile) -> Self {
        Disk { file, buffer: vec![0; PIECE_BYTES] }
    }
}

impl Job {
    /// Reads what a request asks for.
    ///
    /// # Errors
    /// [`Broken`] where there is no request in the buffers.
    pub fn begin(memory: &GuestMemoryMmap, mut request: Request, rules: &Rules) -> Result<Job, Broken> {
        let status_at = request.writable.split_last_byte().ok_or(Broken)?;
        let room = request.writable.len();
        let mut header = [0; 16];
        if request.readable.read(memory, &mut header)? != header.len() {
            return Err(Broken);
        }
        let (kind, sector) = (le_u32(&header, 0), le_u64(&header, 8));
        let work = match (kind, rules.access) {
            // "A device MUST set the status byte to VIRTIO_BLK_S_IOERR for a write request if the VIRTIO_BLK_F_RO
            // feature is offered".
            (VIRTIO_BLK_T_OUT | VIRTIO_BLK_T_DISCARD | VIRTIO_BLK_T_WRITE_ZEROES, BlockAccess::ReadOnly) => FAILED,
            _ => Work::of(memory, kind, sector, &mut request, rules.len_bytes)?,
        };
        Ok(Job { request, status_at, room, work, stable: rules.stable })
    }

    /// Whether it is worth trying without waiting for the host.
    pub fn may_be_quick(&self) -> bool {
        match self.work {
            Work::Read { .. } => self.room <= QUICK_BYTES,
            Work::Flush | Work::Identify | Work::Over(_) => true,
            Work::Write { .. } => self.request.readable.len() <= QUICK_BYTES && !self.stable,
            Work::Zero { .. } | Work::Discard { .. } => false,
        }
    }

    /// Does a piece.
    ///
    /// # Errors
    /// [`Broken`] when memory is not there after all.
    pub fn advance(&mut self, disk: &mut Disk, memory: &GuestMemoryMmap, patience: Patience) -> Result<Step, Broken> {
        match self.work {
            Work::Read { at } => self.read(disk, memory, at, patience),
            Work::Write { at } => self.write(disk, memory, at),
            Work::Zero { at, left, unmap } => Ok(self.zero(disk, at, left, unmap)),
            Work::Discard { at, len } => {
                let result = disk.file.discard(at, len);
                Ok(self.done_if(disk, "discarded", result))
            }
            Work::Flush => Ok(disk.file.stable().map_or(Step::Done(Status::Ok), Step::Sync)),
            Work::Identify => {
                let mut id = [0; VIRTIO_BLK_ID_BYTES as usize];
                read_space(disk.file.name().as_bytes(), 0, &mut id);
                self.request.writable.write(memory, &id)?;
                Ok(Step::Done(Status::Ok))
            }
            Work::Over(status) => Ok(Step::Done(status)),
        }
    }

    /// What [`Step::Sync`] waited for has happened, or failed.
    pub fn synced(&mut self, disk: &mut Disk, result: std::io::Result<()>) {
        let status = disk.file.synced(result);
        self.work = Work::Over(if status { Status::Ok } else { Status::IoError });
    }

    /// Tells the driver how it ended. Answers the request and how many bytes of memory were written for it.
    ///
    /// # Errors
    /// [`Broken`] when memory is not there after all.
    pub fn end(self, memory: &GuestMemoryMmap, status: Status) -> Result<(Request, u32), Broken> {
        memory.write_obj(status.byte(), self.status_at).map_err(|_| Broken)?;
        let written = self.room - self.request.writable.len() + 1;
        Ok((self.request, u32::try_from(written).unwrap_or(u32::MAX)))
    }

    fn read(&mut self, disk: &mut Disk, memory: &GuestMemoryMmap, at: u64, patience: Patience) -> Result<Step, Broken> {
        let room = &mut self.request.writable;
        let piece = &mut disk.buffer[..room.len().min(PIECE_BYTES as u64) as usize];
        match disk.file.read_at(at, piece, patience) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(Step::Wait),
            Err(error) => return Ok(self.failed(disk, "read", &error)),
            Ok(()) => {}
        }
        room.write(memory, piece)?;
        let empty = room.is_empty();
        self.work = Work::Read { at: at + piece.len() as u64 };
        Ok(if empty { Step::Done(Status::Ok) } else { Step::More })
    }

    fn write(&mut self, disk: &mut Disk, memory: &GuestMemoryMmap, at: u64) -> Result<Step, Broken> {
        let data = &mut self.request.readable;
        let piece = &mut disk.buffer[..data.len().min(PIECE_BYTES as u64) as usize];
        data.read(memory, piece)?;
        let empty = data.is_empty();
        if let Err(error) = disk.file.write_at(at, piece) {
            return Ok(self.failed(disk, "written", &error));
        }
        self.work = Work::Write { at: at + piece.len() as u64 };
        Ok(if empty { self.written() } else { Step::More })
    }

    fn zero(&mut self, disk: &mut Disk, at: u64, left: u64, unmap: bool) -> Step {
        if disk.file.zero(at, left, unmap).is_ok() {
            return self.written();
        }
        // The host's way of doing it at once does not work here.
        let piece = &mut disk.buffer[..left.min(PIECE_BYTES as u64) as usize];
        piece.fill(0);
        let len = piece.len() as u64;
        if let Err(error) = disk.file.write_at(at, piece) {
            return self.failed(disk, "written", &error);
        }
        self.work = Work::Zero { at: at + len, left: left - len, unmap };
        if left == len { self.written() } else { Step::More }
    }

    /// All is written; it may have to become stable.
    fn written(&mut self) -> Step {
        if !self.stable {
            return Step::Done(Status::Ok);
        }
        self.work = Work::Flush;
        Step::More
    }

    fn done_if(&mut self, disk: &mut Disk, what: &str, result: std::io::Result<()>) -> Step {
        match result {
            Ok(()) => Step::Done(Status::Ok),
            Err(error) => self.failed(disk, what, &error),
        }
    }

    fn failed(&mut self, disk: &mut Disk, what: &str, error: &std::io::Error) -> Step {
        disk.file.complain(what, error);
        Step::Done(Status::IoError)
    }
}

impl Work {
    fn of(
        memory: &GuestMemoryMmap,
        kind: u32,
        sector: u64,
        request: &mut Request,
        len_bytes: u64,
    ) -> Result<Work, Broken> {
        let place = |len| place(sector, len, len_bytes);
        Ok(match kind {
            VIRTIO_BLK_T_IN => place(request.writable.len()).map_or(FAILED, |at| Work::Read { at }),
            VIRTIO_BLK_T_OUT => place(request.readable.len()).map_or(FAILED, |at| Work::Write { at }),
            VIRTIO_BLK_T_FLUSH | FLUSH_OUT => Work::Flush,
            VIRTIO_BLK_T_GET_ID => Work::Identify,
            VIRTIO_BLK_T_WRITE_ZEROES | VIRTIO_BLK_T_DISCARD => {
                Work::of_range(memory, kind, &mut request.readable, len_bytes)?
            }
            _ => Work::Over(Status::Unsupported),
        })
    }

    /// A discard, or zeroes, of one range.
    fn of_range(memory: &GuestMemoryMmap, kind: u32, data: &mut Segments, len_bytes: u64) -> Result<Work, Broken> {
        let mut range = [0; 16];
        if data.read(memory, &mut range)? != range.len() || !data.is_empty() {
            return Ok(FAILED);
        }
        let (sectors, flags) = (le_u32(&range, 8), le_u32(&range, 12));
        let discard = kind == VIRTIO_BLK_T_DISCARD;
        let (known, most) = match discard {
            true => (0, MAX_DISCARD_SECTORS),
            false => (VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP, MAX_ZEROES_SECTORS),
        };
        let len = u64::from(sectors) * SECTOR_BYTES;
        Ok(match place(le_u64(&range, 0), len, len_bytes) {
            _ if flags & !known != 0 => Work::Over(Status::Unsupported),
            Some(at) if discard && sectors <= most => Work::Discard { at, len },
            Some(at) if sectors <= most => Work::Zero { at, left: len, unmap: flags != 0 },
            _ => FAILED,
        })
    }
}

const FAILED: Work = Work::Over(Status::IoError);

impl Status {
    fn byte(self) -> u8 {
        let number = match self {
            Status::Ok => VIRTIO_BLK_S_OK,
            Status::IoError => VIRTIO_BLK_S_IOERR,
            Status::Unsupported => VIRTIO_BLK_S_UNSUPP,
        };
        number as u8
    }
}

/// Where `sector` begins, if `len` bytes from there are whole sectors of the disk.
fn place(sector: u64, len: u64, len_bytes: u64) -> Option<u64> {
    let start = sector.checked_mul(SECTOR_BYTES)?;
    let end = start.checked_add(len)?;
    (end <= len_bytes && len.is_multiple_of(SECTOR_BYTES)).then_some(start)
}

fn le_u32(bytes: &[u8; 16], at: usize) -> u32 {
    le_u64(bytes, at) as u32
}

/// The number at `at`; bytes past the end are zero.
fn le_u64(bytes: &[u8; 16], at: usize) -> u64 {
    bytes.iter().skip(at).take(8).rev().fold(0, |value, &byte| value << 8 | u64::from(byte))
}
