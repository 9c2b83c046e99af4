//! The block device.
//!
//! Models VIRTIO 1.2, "Block Device": reads, writes, flushes, discards, write-zeroes, the identification string and a
//! cache mode that the driver can change, over a raw file. Requests are served by a thread (`worker.rs`), or where runs
//! must not depend on the host, by the hart that notifies. Left out: geometry, topology, several queues, lifetime,
//! secure erase, zones.

mod base;
mod file;
mod format;
mod host;
mod lock;
mod options;
mod overlay;
mod request;
#[cfg(feature = "state")]
mod state;
mod worker;

use std::sync::{Arc, Mutex};

use memory::GuestMemoryMmap;
use virtio_bindings::bindings::virtio_blk::{
    VIRTIO_BLK_F_BLK_SIZE, VIRTIO_BLK_F_CONFIG_WCE, VIRTIO_BLK_F_DISCARD, VIRTIO_BLK_F_FLUSH, VIRTIO_BLK_F_RO,
    VIRTIO_BLK_F_SEG_MAX, VIRTIO_BLK_F_WRITE_ZEROES,
};
use virtio_bindings::bindings::virtio_config::VIRTIO_F_VERSION_1;
use virtio_bindings::virtio_ids::VIRTIO_ID_BLOCK;

use crate::ring::{Broken, Request, Ring};
use crate::transport::{MmioTransport, Slot, VirtioDevice, read_space};
use base::Patience;
use request::{Disk, Job, Rules, Status, Step};
use worker::{Order, Shared, Thread};

pub use file::{BlockFile, DiskError};
pub use options::{BlockAccess, Cache, ChangedDisk, Discard, DiskOptions, Format, Report};

/// Bytes per sector; the unit of every number in the protocol.
pub const SECTOR_BYTES: u64 = 512;

const QUEUE_SIZE: u16 = 256;
/// Most data buffers of a request: the rest of a ring's worth is for header and status.
const SEG_MAX: u32 = QUEUE_SIZE as u32 - 2;
/// Most sectors that one write-zeroes may ask for (32 MiB).
const MAX_ZEROES_SECTORS: u32 = 1 << 16;
/// Most sectors that one discard may ask for (1 GiB).
const MAX_DISCARD_SECTORS: u32 = 1 << 21;
/// Discards of whole pages of the host are worth most; in sectors.
const DISCARD_ALIGNMENT: u32 = 8;
/// Where `writeback` is in the configuration space.
const WRITEBACK: u64 = 32;
/// Pieces of requests that a hart serves in one go.
const PIECES_AT_ONCE: u32 = 64;

/// Who serves the requests of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serving {
    /// A thread, while the hart goes on.
    Thread,
    /// The hart that notifies, in the order of the requests: the same in every run.
    Hart,
}

/// A disk in a slot.
pub(crate) fn plug(slot: Slot, file: BlockFile, serving: Serving) -> Arc<Mutex<MmioTransport<Block>>> {
    let memory = slot.memory.clone();
    let block = Block::new(file);
    let shared = block.shared.clone();
    let transport = Arc::new(Mutex::new(MmioTransport::new(block, slot)));
    // Where the host has no room for a thread, harts do it.
    if serving == Serving::Thread
        && let Ok(thread) = Thread::start(shared, memory, Arc::downgrade(&transport))
        && let Ok(mut transport) = transport.lock()
    {
        transport.device().server = Server::Thread { thread, busy: false };
    }
    transport
}

/// Who serves, and how far that is.
enum Server {
    Thread {
        thread: Thread,
        /// It has something to do, and will look at the ring when that is done.
        busy: bool,
    },
    /// With a request that was not finished in one go.
    Hart(Option<Job>),
}

/// A disk.
pub struct Block {
    shared: Arc<Shared>,
    server: Server,
    len_bytes: u64,
    access: BlockAccess,
    cache: Cache,
    discard: Discard,
    /// What driver and device agreed on.
    features: u64,
    /// The driver flushes; otherwise each write is stable when it is complete.
    writeback: bool,
}

impl Block {
    /// A disk over an open file, which harts serve.
    fn new(file: BlockFile) -> Self {
        let (len_bytes, access, cache, discard) = (file.len_bytes(), file.access(), file.cache(), file.discarding());
        Block {
            shared: Shared::new(Disk::new(file)),
            server: Server::Hart(None),
            len_bytes,
            access,
            cache,
            discard,
            features: 0,
            writeback: cache != Cache::Writethrough,
        }
    }

    /// The configuration space: `struct virtio_blk_config`.
    fn config(&self) -> [u8; 60] {
        let mut space = [0; 60];
        let mut put = |at: usize, value: u32| space[at..at + 4].copy_from_slice(&value.to_le_bytes());
        put(12, SEG_MAX);
        put(20, SECTOR_BYTES as u32);
        put(WRITEBACK as usize, self.writeback.into());
        put(36, MAX_DISCARD_SECTORS);
        put(40, 1);
        put(44, DISCARD_ALIGNMENT);
        put(48, MAX_ZEROES_SECTORS);
        put(52, 1);
        put(56, (self.discard == Discard::Unmap).into());
        space[0..8].copy_from_slice(&(self.len_bytes / SECTOR_BYTES).to_le_bytes());
        space
    }

    /// "A write becomes stable once it is completed and [...] neither VIRTIO_BLK_F_CONFIG_WCE nor VIRTIO_BLK_F_FLUSH
    /// feature were negotiated", or `writeback` is 0. Whoever keeps the file safe by other means, or not at all, said
    /// so.
    fn writes_are_stable(&self) -> bool {
        let has = |feature: u32| self.features & 1 << feature != 0;
        match self.cache {
            Cache::Unsafe => false,
            _ if has(VIRTIO_BLK_F_CONFIG_WCE) => !self.writeback,
            _ if has(VIRTIO_BLK_F_FLUSH) => self.cache == Cache::Writethrough,
            _ => true,
        }
    }

    fn begin(&self, memory: &GuestMemoryMmap, request: Request) -> Result<Job, Broken> {
        let rules = Rules { len_bytes: self.len_bytes, access: self.access, stable: self.writes_are_stable() };
        Job::begin(memory, request, &rules)
    }

    /// What was ordered in `generation` is still wanted.
    fn is_current(&self, generation: u64) -> bool {
        self.shared.generation() == generation
    }

    /// For the thread: ends a request and takes the next. What the host has at once is served on the way.
    fn give_and_take(
        &mut self,
        memory: &GuestMemoryMmap,
        ended: Option<(Job, Result<Status, Broken>)>,
        rings: &mut [Option<Ring>],
    ) -> Result<Option<Order>, Broken> {
        let Some(Some(ring)) = rings.first_mut() else { return Ok(None) };
        if let Some((job, status)) = ended {
            give_back(memory, ring, job, status?)?;
        }
        let next = self.next_order(memory, ring)?;
        if let Server::Thread { busy, .. } = &mut self.server {
            *busy = next.is_some();
        }
        Ok(next)
    }

    /// Serves what can be served at once. The answer is what cannot, and is for the thread.
    fn next_order(&mut self, memory: &GuestMemoryMmap, ring: &mut Ring) -> Result<Option<Order>, Broken> {
        let generation = self.shared.generation();
        while let Some(request) = ring.pop()? {
            let mut job = self.begin(memory, request)?;
            match self.try_now(memory, &mut job)? {
                Some(status) => give_back(memory, ring, job, status)?,
                None => return Ok(Some(Order { generation, job: Some(job) })),
            }
        }
        Ok(ring.cut_short().then_some(Order { generation, job: None }))
    }

    /// How a request ended that takes no time.
    fn try_now(&self, memory: &GuestMemoryMmap, job: &mut Job) -> Result<Option<Status>, Broken> {
        let Some(mut disk) = self.shared.free_disk().filter(|_| job.may_be_quick()) else { return Ok(None) };
        match job.advance(&mut disk, memory, Patience::Now)? {
            Step::Done(status) => Ok(Some(status)),
            Step::More | Step::Sync(_) | Step::Wait => Ok(None),
        }
    }

    /// Serves requests here, up to [`PIECES_AT_ONCE`].
    fn serve(&mut self, ring: &mut Ring) -> Result<(), Broken> {
        let memory = ring.memory();
        let mut pieces = PIECES_AT_ONCE;
        loop {
            let begun = match &mut self.server {
                Server::Hart(begun) => begun.take(),
                Server::Thread { .. } => return Ok(()),
            };
            let mut job = match begun {
                Some(job) => job,
                None => match ring.pop()? {
                    Some(request) => self.begin(&memory, request)?,
                    None => return Ok(()),
                },
            };
            match self.finish_here(&memory, &mut job, &mut pieces)? {
                Some(status) => give_back(&memory, ring, job, status)?,
                None => {
                    self.server = Server::Hart(Some(job));
                    return Ok(());
                }
            }
        }
    }
}

impl Block {
    /// Does pieces of a request, as many as are left, and answers how it ended, if it did.
    fn finish_here(&self, memory: &GuestMemoryMmap, job: &mut Job, pieces: &mut u32) -> Result<Option<Status>, Broken> {
        let mut disk = self.shared.disk();
        while let Some(left) = pieces.checked_sub(1) {
            *pieces = left;
            match job.advance(&mut disk, memory, Patience::Wait)? {
                Step::More | Step::Wait => {}
                Step::Sync(stable) => {
                    let result = stable.wait();
                    job.synced(&mut disk, result);
                }
                Step::Done(status) => return Ok(Some(status)),
            }
        }
        Ok(None)
    }

    /// Gives the thread something to do.
    fn send(&mut self, order: Option<Order>) {
        if let (Server::Thread { thread, busy }, Some(order)) = (&mut self.server, order) {
            *busy = thread.send(order);
        }
    }
}

#[cfg(not(feature = "state"))]
bus::unsaved!(Block);

impl VirtioDevice for Block {
    const ID: u32 = VIRTIO_ID_BLOCK;
    const QUEUE_SIZES: &'static [u16] = &[QUEUE_SIZE];

    fn features(&self) -> u64 {
        let common = 1 << VIRTIO_BLK_F_SEG_MAX
            | 1 << VIRTIO_BLK_F_BLK_SIZE
            | 1 << VIRTIO_BLK_F_FLUSH
            | 1 << VIRTIO_BLK_F_CONFIG_WCE;
        match self.access {
            BlockAccess::ReadOnly => common | 1 << VIRTIO_BLK_F_RO,
            BlockAccess::ReadWrite | BlockAccess::Snapshot => {
                common | 1 << VIRTIO_BLK_F_DISCARD | 1 << VIRTIO_BLK_F_WRITE_ZEROES
            }
        }
    }

    fn read_config(&self, offset: u64, data: &mut [u8]) {
        read_space(&self.config(), offset, data);
    }

    fn write_config(&mut self, offset: u64, data: &[u8]) {
        if let (WRITEBACK, Some(&value)) = (offset, data.first()) {
            self.writeback = value != 0;
        }
    }

    fn negotiated(&mut self, features: u64) {
        self.features = features;
        let has = |feature: u32| features & 1 << feature != 0;
        // "If VIRTIO_BLK_F_CONFIG_WCE is negotiated but VIRTIO_BLK_F_FLUSH is not, the device MUST initialize writeback
        // to 0", but not where a legacy driver writes features.
        if has(VIRTIO_BLK_F_CONFIG_WCE) && !has(VIRTIO_BLK_F_FLUSH) && has(VIRTIO_F_VERSION_1) {
            self.writeback = false;
        }
    }

    fn notify(&mut self, queue: usize, rings: &mut [Option<Ring>]) -> Result<(), Broken> {
        let Some(Some(ring)) = rings.get_mut(queue) else { return Ok(()) };
        match &self.server {
            Server::Hart(_) => self.serve(ring),
            Server::Thread { busy: true, .. } => Ok(()),
            Server::Thread { busy: false, .. } => {
                let order = self.next_order(&ring.memory(), ring)?;
                self.send(order);
                Ok(())
            }
        }
    }

    fn poll(&mut self, rings: &mut [Option<Ring>]) -> Result<(), Broken> {
        match rings.first_mut() {
            Some(Some(ring)) => self.serve(ring),
            _ => Ok(()),
        }
    }

    fn is_behind(&self) -> bool {
        matches!(self.server, Server::Hart(Some(_)))
    }

    fn stopped(&mut self, _queue: usize) {
        self.shared.cancel();
        match &mut self.server {
            Server::Thread { busy, .. } => *busy = false,
            Server::Hart(job) => *job = None,
        }
    }

    fn reset(&mut self) {
        self.features = 0;
        self.writeback = self.cache != Cache::Writethrough;
    }
}

/// Tells the driver how a request ended.
fn give_back(memory: &GuestMemoryMmap, ring: &mut Ring, job: Job, status: Status) -> Result<(), Broken> {
    let (request, written) = job.end(memory, status)?;
    ring.finish(request, written)
}

#[cfg(test)]
mod tests;
