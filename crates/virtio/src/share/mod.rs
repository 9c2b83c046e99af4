//! A directory of the host, shared with the guest.
//!
//! Models VIRTIO 1.2's device 9, "9P transport", whose messages are 9P2000.L (`wire.rs`). A thread serves them
//! (`worker.rs`), or the hart that notifies: where they are short, and where runs must not depend on the host's
//! threads. How a guest is kept inside the directory is in `node.rs`. Left out: 9P2000 and 9P2000.u, authentication,
//! locks between guest and host.

mod attributes;
mod complaints;
mod descriptors;
mod directory;
mod files;
#[doc(hidden)]
pub mod fuzzing;
mod listing;
mod names;
mod node;
mod owners;
mod server;
mod short;
mod wire;
mod worker;
mod xattr;

use std::sync::{Arc, Mutex};
use std::time::Instant;

use memory::GuestMemoryMmap;
use virtio_bindings::virtio_ids::VIRTIO_ID_9P;

use crate::block::Serving;
use crate::ring::{Broken, Request, Ring};
use crate::transport::{MmioTransport, Slot, VirtioDevice, read_space};
use server::{MOST_MESSAGE_BYTES, Server};
use short::MOST_AT_ONCE;
use wire::{ERROR_BYTES, HEADER_BYTES, Reply};
use worker::Thread;

pub use directory::{ShareAccess, ShareDir, ShareError, ShareOptions};

/// The configuration space has the tag (Linux, include/uapi/linux/virtio_9p.h: VIRTIO_9P_MOUNT_TAG).
const MOUNT_TAG: u64 = 1 << 0;
/// As many buffers as Linux makes of one message.
const QUEUE_SIZE: u16 = 128;

/// A shared directory in a slot.
pub(crate) fn plug(slot: Slot, directory: ShareDir, serving: Serving) -> Arc<Mutex<MmioTransport<Share>>> {
    let ShareDir { tag, server } = directory;
    let transport = Arc::new(Mutex::new(MmioTransport::new(Share::new(tag), slot)));
    let left = match serving {
        Serving::Thread => Thread::start(server, &transport),
        Serving::Hart => Err(server),
    };
    if let Ok(mut transport) = transport.lock() {
        // Where the host has no room for a thread, harts do it.
        transport.device().by = match left {
            Ok(thread) => By::Thread(thread),
            Err(server) => By::Hart(server, Reply::default()),
        };
    }
    transport
}

/// Who serves.
enum By {
    Nobody,
    Thread(Thread),
    Hart(Box<Server>, Reply),
}

/// A shared directory.
pub struct Share {
    tag: String,
    by: By,
    /// Counts what makes requests void.
    generation: u64,
    /// The driver has sent a message since its queue is there.
    in_use: bool,
    /// What a hart took and left to the thread.
    left: Option<Asked>,
}

/// A message of the driver's, whose request waits for the answer.
struct Asked {
    request: Request,
    message: Vec<u8>,
    /// What the session has to be that the message is of.
    generation: u64,
}

impl Asked {
    /// Bytes that the driver has room for.
    fn room(&self) -> usize {
        usize::try_from(self.request.writable.len()).unwrap_or(usize::MAX)
    }

    /// Takes the next message off the ring.
    ///
    /// # Errors
    /// It has no header, or its request no room for an error.
    fn next(ring: &mut Ring, generation: u64) -> Result<Option<Asked>, Broken> {
        let Some(mut request) = ring.pop()? else { return Ok(None) };
        // What is too long to be served is told from its first bytes.
        let len = request.readable.len().min(u64::from(MOST_MESSAGE_BYTES));
        if len < HEADER_BYTES as u64 || request.writable.len() < ERROR_BYTES as u64 {
            return Err(Broken);
        }
        let mut message = vec![0; len as usize];
        request.readable.read(&ring.memory(), &mut message)?;
        Ok(Some(Asked { request, message, generation }))
    }

    /// Gives the driver its answer.
    fn end(mut self, memory: &GuestMemoryMmap, ring: &mut Ring, answer: &[u8]) -> Result<(), Broken> {
        let written = self.request.writable.write(memory, answer)?;
        ring.finish(self.request, written as u32)
    }
}

impl Share {
    fn new(tag: String) -> Self {
        Share { tag, by: By::Nobody, generation: 0, in_use: false, left: None }
    }

    /// For the thread: gives an answer, if it is still wanted, and takes the next message.
    fn give_and_take(
        &mut self,
        ended: Option<(Asked, &[u8])>,
        rings: &mut [Option<Ring>],
    ) -> Result<Option<Asked>, Broken> {
        let Some(Some(ring)) = rings.first_mut() else { return Ok(None) };
        if let Some((asked, answer)) = ended.filter(|(asked, _)| asked.generation == self.generation) {
            asked.end(&ring.memory(), ring, answer)?;
        }
        let asked = match self.left.take() {
            Some(left) => Some(left),
            None => Asked::next(ring, self.generation)?,
        };
        self.in_use |= asked.is_some();
        Ok(asked)
    }

    /// For a hart: serves short messages while the thread has nothing to do. Answers whether nothing is left for it.
    fn serve_short(&mut self, ring: &mut Ring) -> Result<bool, Broken> {
        let By::Thread(thread) = &mut self.by else { return Ok(false) };
        if self.left.is_some() || thread.pace.rests() {
            return Ok(false);
        }
        let Ok(mut session) = thread.session.try_lock() else { return Ok(false) };
        session.renew(self.generation);
        for _ in 0..MOST_AT_ONCE {
            let Some(asked) = Asked::next(ring, self.generation)? else { return Ok(true) };
            self.in_use = true;
            if !short::is_short(&asked.message) {
                self.left = Some(asked);
                return Ok(false);
            }
            let begun = Instant::now();
            let answer = session.serve(&asked);
            asked.end(&ring.memory(), ring, answer)?;
            if thread.pace.took(begun) {
                break;
            }
        }
        Ok(false)
    }

    /// Serves messages here, as many as the ring gives in one go.
    fn serve(&mut self, ring: &mut Ring) -> Result<(), Broken> {
        let By::Hart(server, reply) = &mut self.by else { return Ok(()) };
        while let Some(asked) = Asked::next(ring, self.generation)? {
            self.in_use = true;
            let answer = server.serve(&asked.message, asked.room(), reply);
            asked.end(&ring.memory(), ring, answer)?;
        }
        Ok(())
    }
}

/// What a guest has open in it is this host's, and no data.
#[cfg(feature = "state")]
impl bus::state::Plain for Share {
    /// Its name.
    type State = String;

    fn save(&mut self) -> Result<String, bus::state::Unsaved> {
        let in_use = || format!("the guest has the shared directory {:?} mounted; unmount it there first", self.tag);
        if self.in_use { Err(bus::state::Unsaved::Never(in_use())) } else { Ok(self.tag.clone()) }
    }

    fn load(&mut self, tag: String) -> Result<(), bus::state::Unfit> {
        bus::state::check(tag == self.tag, "a shared directory has another tag")
    }

    fn reproducible(&mut self) -> Option<Vec<u8>> {
        bus::state::to_bytes(&self.tag).ok()
    }
}

#[cfg(not(feature = "state"))]
bus::unsaved!(Share);

impl VirtioDevice for Share {
    const ID: u32 = VIRTIO_ID_9P;
    const QUEUE_SIZES: &'static [u16] = &[QUEUE_SIZE];

    fn features(&self) -> u64 {
        MOUNT_TAG
    }

    /// `struct virtio_9p_config`: the length of the tag, and the tag without a zero at its end.
    fn read_config(&self, offset: u64, data: &mut [u8]) {
        let len = (self.tag.len() as u16).to_le_bytes();
        read_space(&[&len, self.tag.as_bytes()].concat(), offset, data);
    }

    fn notify(&mut self, queue: usize, rings: &mut [Option<Ring>]) -> Result<(), Broken> {
        let Some(Some(ring)) = rings.get_mut(queue) else { return Ok(()) };
        if !matches!(self.by, By::Thread(_)) {
            return self.serve(ring);
        }
        let is_done = self.serve_short(ring)?;
        if let (By::Thread(thread), false) = (&self.by, is_done) {
            thread.wake();
        }
        Ok(())
    }

    fn stopped(&mut self, _queue: usize) {
        self.generation = self.generation.wrapping_add(1);
        self.in_use = false;
        self.left = None;
        match &mut self.by {
            By::Thread(thread) => thread.wake(),
            By::Hart(server, _) => server.reset(),
            By::Nobody => {}
        }
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
