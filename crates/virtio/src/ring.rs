//! Virtqueues: requests out, used buffers in.
//!
//! Models VIRTIO 1.2, "Split Virtqueues". The rings themselves are `virtio-queue`'s; here is the distrust: a chain is
//! taken off the ring only as a whole, with every buffer inside guest memory, and the number of chains and bytes taken
//! in one go is bounded.

#[cfg(feature = "state")]
mod state;

#[cfg(feature = "state")]
pub(crate) use state::{RequestState, RingState};

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bus::IrqLine;
use cores::virtio_mmio::Layout;
use memory::GuestMemoryMmap;
use virtio_bindings::bindings::virtio_ring::VRING_AVAIL_F_NO_INTERRUPT;
use virtio_queue::{Queue, QueueOwnedT, QueueT};
use vm_memory::{Bytes, GuestAddress, GuestMemoryBackend};

/// The driver made a ring or a request that makes no sense. The device needs a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the driver broke a virtqueue")]
pub struct Broken;

/// Most chains taken in one go.
const CHAINS_AT_ONCE: u32 = 1024;
/// No further chain is taken in one go after so many bytes.
const BYTES_AT_ONCE: u64 = 64 << 20;

/// A virtqueue of a device that runs.
pub struct Ring {
    queue: Queue,
    memory: Arc<GuestMemoryMmap>,
    chains_left: u32,
    bytes_left: u64,
    /// A turn ended before the ring was empty.
    cut_short: bool,
    /// Something was used that the driver may want to be told of.
    used: bool,
    told: Told,
}

/// A chain of buffers that the driver made available. Whoever takes one gives it back with [`Ring::finish`].
#[derive(Debug)]
pub struct Request {
    head: u16,
    /// What the driver sends.
    pub readable: Segments,
    /// Room for what the device answers.
    pub writable: Segments,
}

/// Who is told of what a ring's driver gets back: whoever watches the device's wire.
pub(crate) struct Told {
    /// The device's wire.
    pub irq: IrqLine,
    /// The queue's number.
    pub queue: u16,
}

impl Ring {
    /// A queue with its parts where `layout` says.
    pub(crate) fn new(
        max_size: u16,
        layout: &Layout,
        event_idx: bool,
        memory: Arc<GuestMemoryMmap>,
        told: Told,
    ) -> Result<Self, Broken> {
        let mut queue = Queue::new(max_size).map_err(|_| Broken)?;
        let size = u16::try_from(layout.size).map_err(|_| Broken)?;
        queue.try_set_size(size).map_err(|_| Broken)?;
        queue.try_set_desc_table_address(GuestAddress(layout.descriptors)).map_err(|_| Broken)?;
        queue.try_set_avail_ring_address(GuestAddress(layout.driver)).map_err(|_| Broken)?;
        queue.try_set_used_ring_address(GuestAddress(layout.device)).map_err(|_| Broken)?;
        queue.set_event_idx(event_idx);
        queue.set_ready(true);
        match queue.is_valid(&*memory) {
            true => Ok(Ring { queue, memory, chains_left: 0, bytes_left: 0, cut_short: false, used: false, told }),
            false => Err(Broken),
        }
    }

    /// Driver and device agreed on event indices, or on none.
    pub(crate) fn set_event_idx(&mut self, event_idx: bool) {
        self.queue.set_event_idx(event_idx);
    }

    /// Takes the next request; `None` when there is none, or when enough was taken for now ([`Ring::cut_short`]).
    ///
    /// # Errors
    /// [`Broken`] when the ring or the chain makes no sense.
    pub fn pop(&mut self) -> Result<Option<Request>, Broken> {
        while !self.exhausted() {
            let memory = self.memory.clone();
            let chain = self.queue.iter(&*memory).map_err(|_| Broken)?.next();
            if let Some(chain) = chain {
                let request = Request::collect(chain.head_index(), chain, &memory)?;
                self.chains_left -= 1;
                self.bytes_left = self.bytes_left.saturating_sub(request.len_bytes());
                return Ok(Some(request));
            }
            if !self.asked_for_notification(&memory)? {
                return Ok(None);
            }
        }
        self.cut_short = true;
        Ok(None)
    }

    /// Asks the driver to tell of the next request. Answers whether one came in between.
    fn asked_for_notification(&mut self, memory: &GuestMemoryMmap) -> Result<bool, Broken> {
        match self.queue.event_idx_enabled() {
            true => self.queue.enable_notification(memory).map_err(|_| Broken),
            false => Ok(false),
        }
    }

    /// Leaves the request that was taken last for the next time.
    pub(crate) fn put_back(&mut self, _request: Request) {
        self.queue.set_next_avail(self.queue.next_avail().wrapping_sub(1));
    }

    /// Gives `request` back to the driver, with `written` bytes of its writable buffers filled.
    ///
    /// # Errors
    /// [`Broken`] when the used ring is not there.
    pub fn finish(&mut self, request: Request, written: u32) -> Result<(), Broken> {
        self.used = true;
        self.queue.add_used(&*self.memory, request.head, written).map_err(|_| Broken)?;
        self.told.irq.completed(self.told.queue, written);
        Ok(())
    }

    /// The memory that requests are in.
    pub fn memory(&self) -> Arc<GuestMemoryMmap> {
        self.memory.clone()
    }

    /// Whether so much was taken that the rest waits for another turn.
    pub fn cut_short(&self) -> bool {
        self.cut_short
    }

    fn exhausted(&self) -> bool {
        self.chains_left == 0 || self.bytes_left == 0
    }

    /// A new turn begins.
    pub(crate) fn refill(&mut self) {
        self.chains_left = CHAINS_AT_ONCE;
        self.bytes_left = BYTES_AT_ONCE;
        self.cut_short = false;
    }

    /// Whether the driver wants an interrupt for what was used since the last call.
    pub(crate) fn take_interrupt(&mut self) -> Result<bool, Broken> {
        if !std::mem::take(&mut self.used) {
            return Ok(false);
        }
        let wanted = self.queue.needs_notification(&*self.memory).map_err(|_| Broken)?;
        if self.cut_short {
            // The rest comes with the driver's next access.
            return Ok(true);
        }
        Ok(wanted && (self.queue.event_idx_enabled() || !self.interrupts_suppressed()?))
    }

    fn interrupts_suppressed(&self) -> Result<bool, Broken> {
        let at = GuestAddress(self.queue.avail_ring());
        let flags: u16 = self.memory.load(at, Ordering::Relaxed).map_err(|_| Broken)?;
        Ok(u32::from(u16::from_le(flags)) & VRING_AVAIL_F_NO_INTERRUPT != 0)
    }
}

impl Request {
    fn collect<M>(head: u16, chain: virtio_queue::DescriptorChain<M>, memory: &GuestMemoryMmap) -> Result<Self, Broken>
    where
        M: Deref<Target = GuestMemoryMmap>,
    {
        let mut request = Request { head, readable: Segments::default(), writable: Segments::default() };
        // The iterator ends alike at the end of a chain and at what it cannot follow; then the last one it found, if
        // any, says that there is more.
        let mut incomplete = true;
        for descriptor in chain {
            incomplete = descriptor.has_next();
            if !memory.check_range(descriptor.addr(), descriptor.len() as usize) {
                return Err(Broken);
            }
            match descriptor.is_write_only() {
                true => request.writable.push(descriptor.addr(), descriptor.len()),
                false if request.writable.is_empty() => request.readable.push(descriptor.addr(), descriptor.len()),
                // "The driver MUST place any device-writable descriptor elements after any device-readable ones."
                false => return Err(Broken),
            }
        }
        if incomplete { Err(Broken) } else { Ok(request) }
    }

    fn len_bytes(&self) -> u64 {
        self.readable.len() + self.writable.len()
    }
}

/// Buffers of a request, consumed from the front. All lie in guest memory.
#[derive(Debug, Default)]
pub struct Segments {
    list: VecDeque<Segment>,
    len: u64,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    at: GuestAddress,
    len: u32,
}

impl Segments {
    fn push(&mut self, at: GuestAddress, len: u32) {
        if len != 0 {
            self.list.push_back(Segment { at, len });
            self.len += u64::from(len);
        }
    }

    /// Bytes that are left.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Fills `data` as far as there are bytes, consumes them, and answers how many.
    ///
    /// # Errors
    /// [`Broken`] when memory is not there after all.
    pub fn read(&mut self, memory: &GuestMemoryMmap, data: &mut [u8]) -> Result<usize, Broken> {
        let mut done = 0;
        while let Some((at, len)) = self.front(data.len() - done) {
            memory.read_slice(&mut data[done..done + len], at).map_err(|_| Broken)?;
            self.consume(len);
            done += len;
        }
        Ok(done)
    }

    /// Stores as much of `data` as there is room for, consumes the room, and answers how much.
    ///
    /// # Errors
    /// [`Broken`] when memory is not there after all.
    pub fn write(&mut self, memory: &GuestMemoryMmap, data: &[u8]) -> Result<usize, Broken> {
        let mut done = 0;
        while let Some((at, len)) = self.front(data.len() - done) {
            memory.write_slice(&data[done..done + len], at).map_err(|_| Broken)?;
            self.consume(len);
            done += len;
        }
        Ok(done)
    }

    /// Takes the last byte away and answers where it is.
    pub fn split_last_byte(&mut self) -> Option<GuestAddress> {
        let last = self.list.back_mut()?;
        last.len -= 1;
        self.len -= 1;
        // No overflow: the segment lies in memory.
        let at = GuestAddress(last.at.0 + u64::from(last.len));
        if last.len == 0 {
            self.list.pop_back();
        }
        Some(at)
    }

    /// The first bytes: where, and how many, at most `limit` and never zero.
    fn front(&self, limit: usize) -> Option<(GuestAddress, usize)> {
        let first = self.list.front()?;
        let len = limit.min(first.len as usize);
        (len != 0).then_some((first.at, len))
    }

    /// Drops `len` bytes of the first segment, which has so many.
    fn consume(&mut self, len: usize) {
        let Some(first) = self.list.front_mut() else { return };
        first.at.0 += len as u64;
        first.len -= len as u32;
        self.len -= len as u64;
        if first.len == 0 {
            self.list.pop_front();
        }
    }
}
