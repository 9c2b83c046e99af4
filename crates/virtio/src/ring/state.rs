//! What a virtqueue, and a request that was taken off one, are saved as.

use std::sync::Arc;

use memory::GuestMemoryMmap;
use serde::{Deserialize, Serialize};
use virtio_queue::QueueT;
use vm_memory::GuestAddress;

use cores::virtio_mmio::Layout;

use super::{Broken, Request, Ring, Segments, Told};

/// A queue between two turns. Where its parts lie in memory, and how far both sides are.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct RingState {
    layout: Layout,
    event_idx: bool,
    next_avail: u16,
    next_used: u16,
    cut_short: bool,
    used: bool,
}

/// A request that is not done: its number, and what is left of its buffers.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct RequestState {
    head: u16,
    readable: Vec<(u64, u32)>,
    writable: Vec<(u64, u32)>,
}

impl Ring {
    /// What it has come to.
    pub(crate) fn save(&self) -> RingState {
        let queue = &self.queue;
        RingState {
            layout: Layout {
                size: queue.size().into(),
                descriptors: queue.desc_table(),
                driver: queue.avail_ring(),
                device: queue.used_ring(),
            },
            event_idx: queue.event_idx_enabled(),
            next_avail: queue.next_avail(),
            next_used: queue.next_used(),
            cut_short: self.cut_short,
            used: self.used,
        }
    }

    /// One that goes on where such was.
    ///
    /// # Errors
    /// [`Broken`]: it is not in this memory.
    pub(crate) fn restore(
        max_size: u16,
        saved: &RingState,
        memory: Arc<GuestMemoryMmap>,
        told: Told,
    ) -> Result<Ring, Broken> {
        let mut ring = Ring::new(max_size, &saved.layout, saved.event_idx, memory, told)?;
        ring.queue.set_next_avail(saved.next_avail);
        ring.queue.set_next_used(saved.next_used);
        (ring.cut_short, ring.used) = (saved.cut_short, saved.used);
        Ok(ring)
    }
}

impl Request {
    /// What is left of it.
    pub(crate) fn save(&self) -> RequestState {
        RequestState { head: self.head, readable: self.readable.save(), writable: self.writable.save() }
    }

    /// One of which that is left. What is not in memory is found out when it is accessed.
    pub(crate) fn restore(saved: &RequestState) -> Request {
        let [readable, writable] = [&saved.readable, &saved.writable].map(|saved| Segments::restore(saved));
        Request { head: saved.head, readable, writable }
    }
}

impl Segments {
    fn save(&self) -> Vec<(u64, u32)> {
        self.list.iter().map(|segment| (segment.at.0, segment.len)).collect()
    }

    fn restore(saved: &[(u64, u32)]) -> Segments {
        let mut segments = Segments::default();
        saved.iter().for_each(|&(at, len)| segments.push(GuestAddress(at), len));
        segments
    }
}
