//! The block device.
//!
//! Models VIRTIO 1.2, "Block Device": reads, writes, flushes, write-zeroes and the identification string, over a raw
//! file. Left out: discard, geometry, several queues, zones.

mod file;
mod overlay;

use std::sync::Arc;

use memory::GuestMemoryMmap;
use virtio_bindings::bindings::virtio_blk::{
    VIRTIO_BLK_F_BLK_SIZE, VIRTIO_BLK_F_FLUSH, VIRTIO_BLK_F_RO, VIRTIO_BLK_F_SEG_MAX, VIRTIO_BLK_F_WRITE_ZEROES,
    VIRTIO_BLK_ID_BYTES, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_OK, VIRTIO_BLK_S_UNSUPP, VIRTIO_BLK_T_FLUSH,
    VIRTIO_BLK_T_GET_ID, VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_WRITE_ZEROES,
};
use virtio_bindings::virtio_ids::VIRTIO_ID_BLOCK;
use vm_memory::Bytes;

use crate::ring::{Broken, Request, Ring, Segments};
use crate::transport::{VirtioDevice, read_space};

pub use file::{BlockAccess, BlockFile, DiskError};

/// Bytes per sector; the unit of every number in the protocol.
pub const SECTOR_BYTES: u64 = 512;

const QUEUE_SIZE: u16 = 256;
/// Most data buffers of a request: the rest of a ring's worth is for header and status.
const SEG_MAX: u32 = QUEUE_SIZE as u32 - 2;
/// Most sectors that one write-zeroes may ask for (32 MiB): it bounds the time of a request.
const MAX_ZEROES_SECTORS: u32 = 1 << 16;
/// Data goes between file and memory through a buffer of this size.
const CHUNK_BYTES: usize = 256 << 10;

/// How a request ends.
#[derive(Clone, Copy)]
enum Failure {
    Io,
    Unsupported,
    Broken,
}

impl From<Broken> for Failure {
    fn from(_: Broken) -> Self {
        Failure::Broken
    }
}

impl From<std::io::Error> for Failure {
    fn from(_: std::io::Error) -> Self {
        Failure::Io
    }
}

/// The header of a request.
struct Header {
    kind: u32,
    sector: u64,
}

/// A disk.
pub struct Block {
    file: BlockFile,
    buffer: Vec<u8>,
}

impl Block {
    /// A disk over an open file.
    pub fn new(file: BlockFile) -> Self {
        Block { file, buffer: vec![0; CHUNK_BYTES] }
    }

    /// The configuration space: `struct virtio_blk_config`.
    fn config(&self) -> [u8; 60] {
        let mut space = [0; 60];
        space[0..8].copy_from_slice(&(self.file.len_bytes() / SECTOR_BYTES).to_le_bytes());
        space[12..16].copy_from_slice(&SEG_MAX.to_le_bytes());
        space[20..24].copy_from_slice(&(SECTOR_BYTES as u32).to_le_bytes());
        space[48..52].copy_from_slice(&MAX_ZEROES_SECTORS.to_le_bytes());
        space[52..56].copy_from_slice(&1u32.to_le_bytes());
        space
    }

    /// Serves one request and answers how many bytes it wrote to memory.
    fn serve(&mut self, memory: &GuestMemoryMmap, request: &mut Request) -> Result<u32, Broken> {
        let status_at = request.writable.split_last_byte().ok_or(Broken)?;
        let room = request.writable.len();
        let status = match self.execute(memory, request) {
            Ok(()) => VIRTIO_BLK_S_OK,
            Err(Failure::Io) => VIRTIO_BLK_S_IOERR,
            Err(Failure::Unsupported) => VIRTIO_BLK_S_UNSUPP,
            Err(Failure::Broken) => return Err(Broken),
        };
        memory.write_obj(status as u8, status_at).map_err(|_| Broken)?;
        Ok((room - request.writable.len()) as u32 + 1)
    }

    fn execute(&mut self, memory: &GuestMemoryMmap, request: &mut Request) -> Result<(), Failure> {
        let header = read_header(memory, &mut request.readable)?;
        match header.kind {
            VIRTIO_BLK_T_IN => self.read(memory, header.sector, &mut request.writable),
            VIRTIO_BLK_T_OUT => self.write(memory, header.sector, &mut request.readable),
            VIRTIO_BLK_T_FLUSH => Ok(self.file.flush()?),
            VIRTIO_BLK_T_GET_ID => {
                let mut id = [0; VIRTIO_BLK_ID_BYTES as usize];
                read_space(self.file.name().as_bytes(), 0, &mut id);
                request.writable.write(memory, &id)?;
                Ok(())
            }
            VIRTIO_BLK_T_WRITE_ZEROES => self.write_zeroes(memory, &mut request.readable),
            _ => Err(Failure::Unsupported),
        }
    }

    fn read(&mut self, memory: &GuestMemoryMmap, sector: u64, room: &mut Segments) -> Result<(), Failure> {
        let mut at = self.offset(sector, room.len())?;
        while !room.is_empty() {
            let chunk = &mut self.buffer[..room.len().min(CHUNK_BYTES as u64) as usize];
            self.file.read_at(at, chunk)?;
            room.write(memory, chunk)?;
            at += chunk.len() as u64;
        }
        Ok(())
    }

    fn write(&mut self, memory: &GuestMemoryMmap, sector: u64, data: &mut Segments) -> Result<(), Failure> {
        let mut at = self.offset(sector, data.len())?;
        while !data.is_empty() {
            let chunk = &mut self.buffer[..data.len().min(CHUNK_BYTES as u64) as usize];
            data.read(memory, chunk)?;
            self.file.write_at(at, chunk)?;
            at += chunk.len() as u64;
        }
        Ok(())
    }

    fn write_zeroes(&mut self, memory: &GuestMemoryMmap, data: &mut Segments) -> Result<(), Failure> {
        let mut range = [0; 16];
        if data.read(memory, &mut range)? != range.len() || !data.is_empty() {
            return Err(Failure::Io);
        }
        let sectors = le_u32(&range, 8);
        if sectors > MAX_ZEROES_SECTORS {
            return Err(Failure::Io);
        }
        let mut left = u64::from(sectors) * SECTOR_BYTES;
        let mut at = self.offset(le_u64(&range, 0), left)?;
        self.buffer.fill(0);
        while left != 0 {
            let chunk = &self.buffer[..left.min(CHUNK_BYTES as u64) as usize];
            self.file.write_at(at, chunk)?;
            at += chunk.len() as u64;
            left -= chunk.len() as u64;
        }
        Ok(())
    }

    /// Where `sector` begins, if `len` bytes from there are whole sectors of the disk.
    fn offset(&self, sector: u64, len: u64) -> Result<u64, Failure> {
        let start = sector.checked_mul(SECTOR_BYTES).ok_or(Failure::Io)?;
        let end = start.checked_add(len).ok_or(Failure::Io)?;
        let fits = end <= self.file.len_bytes() && len.is_multiple_of(SECTOR_BYTES);
        fits.then_some(start).ok_or(Failure::Io)
    }
}

fn read_header(memory: &GuestMemoryMmap, data: &mut Segments) -> Result<Header, Broken> {
    let mut header = [0; 16];
    match data.read(memory, &mut header)? == header.len() {
        true => Ok(Header { kind: le_u32(&header, 0), sector: le_u64(&header, 8) }),
        false => Err(Broken),
    }
}

fn le_u32(bytes: &[u8; 16], at: usize) -> u32 {
    le_u64(bytes, at) as u32
}

/// The number at `at`; bytes past the end are zero.
fn le_u64(bytes: &[u8; 16], at: usize) -> u64 {
    bytes.iter().skip(at).take(8).rev().fold(0, |value, &byte| value << 8 | u64::from(byte))
}

impl VirtioDevice for Block {
    const ID: u32 = VIRTIO_ID_BLOCK;
    const QUEUE_SIZES: &'static [u16] = &[QUEUE_SIZE];

    fn features(&self) -> u64 {
        let common = 1 << VIRTIO_BLK_F_SEG_MAX | 1 << VIRTIO_BLK_F_BLK_SIZE | 1 << VIRTIO_BLK_F_FLUSH;
        match self.file.access() {
            BlockAccess::ReadOnly => common | 1 << VIRTIO_BLK_F_RO,
            BlockAccess::ReadWrite | BlockAccess::Snapshot => common | 1 << VIRTIO_BLK_F_WRITE_ZEROES,
        }
    }

    fn read_config(&self, offset: u64, data: &mut [u8]) {
        read_space(&self.config(), offset, data);
    }

    fn notify(&mut self, queue: usize, rings: &mut [Option<Ring>]) -> Result<(), Broken> {
        let Some(Some(ring)) = rings.get_mut(queue) else { return Ok(()) };
        let memory: Arc<GuestMemoryMmap> = ring.memory();
        while let Some(mut request) = ring.pop()? {
            let written = self.serve(&memory, &mut request)?;
            ring.finish(request, written)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
