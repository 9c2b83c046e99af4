//! The network device, on a network of the emulator's own.
//!
//! Models VIRTIO 1.2, "Network Device", with one pair of queues, checksum offload, and segmentation offload for what
//! the guest sends. A thread (`backend.rs`) takes frames off the guest's rings and is the rest of the network: it gives
//! the guest an address by DHCP and carries its connections over sockets of the host, so that no privileges are needed.

mod address;
mod backend;
mod dhcp;
mod frame;
#[doc(hidden)]
pub mod fuzzing;
mod link;
mod router;
mod tcp;
mod tokens;
mod udp;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, Weak};

use mio::Waker;
use virtio_bindings::bindings::virtio_config::VIRTIO_F_VERSION_1;
use virtio_bindings::bindings::virtio_net::{
    VIRTIO_NET_F_CSUM, VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_MAC, VIRTIO_NET_F_STATUS,
    VIRTIO_NET_HDR_F_DATA_VALID, VIRTIO_NET_S_LINK_UP,
};
use virtio_bindings::virtio_ids::VIRTIO_ID_NET;

use crate::ring::{Broken, Ring};
use crate::transport::{MmioTransport, VirtioDevice, read_space};

pub use address::Reach;

/// TCP or UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
        })
    }
}

/// A port of the host that leads to a port of the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    /// What is forwarded.
    pub protocol: Protocol,
    /// Where the emulator listens.
    pub host: SocketAddr,
    /// The port in the guest.
    pub guest_port: u16,
}

impl fmt::Display for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} leads to the guest's port {}", self.protocol, self.host, self.guest_port)
    }
}

/// A network card as the user asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetConfig {
    /// The card's address. Not a multicast one.
    pub mac: [u8; 6],
    /// Ways into the guest.
    pub forwards: Vec<Forward>,
    /// Ways out of it.
    pub reach: Reach,
}

/// Why there is no network.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// A forwarded port cannot be had.
    #[error("cannot listen on {protocol} {host} to forward it to the guest's port {guest_port}")]
    Listen {
        /// TCP or UDP.
        protocol: Protocol,
        /// Where.
        host: SocketAddr,
        /// What it was for.
        guest_port: u16,
        /// What the host said.
        source: io::Error,
    },
    /// The host has no more threads or files.
    #[error("cannot start the user-mode network: {0}")]
    Start(#[from] io::Error),
}

/// A network whose ports are open and whose thread waits for a card.
pub struct UserNet {
    mac: [u8; 6],
    forwards: Vec<Forward>,
    waker: Arc<Waker>,
    card: SyncSender<Weak<Mutex<MmioTransport<Net>>>>,
}

impl UserNet {
    /// Opens the forwarded ports and starts the network's thread.
    ///
    /// # Errors
    /// [`NetError`] names the port that cannot be had.
    pub fn open(config: NetConfig) -> Result<Self, NetError> {
        let backend = backend::Backend::open(&config)?;
        let (waker, forwards) = (backend.waker(), backend.forwards().to_vec());
        let (card, cards) = sync_channel(1);
        std::thread::Builder::new().name("net".into()).spawn(move || {
            // Without a card ever, there is nothing to do.
            if let Ok(card) = cards.recv() {
                backend.run(&card);
            }
        })?;
        Ok(UserNet { mac: config.mac, forwards, waker, card })
    }

    /// The ways in, with the ports that the host gave where any would do.
    pub fn forwards(&self) -> &[Forward] {
        &self.forwards
    }

    /// Makes the card, has `place` put it into its transport, and connects it.
    pub(crate) fn plug(self, place: impl FnOnce(Net) -> Transport) -> Transport {
        let transport = place(Net {
            mac: self.mac,
            given_mac: self.mac,
            waker: self.waker,
            checksums_valid: false,
            header_bytes: LEGACY_HEADER_BYTES,
        });
        // The thread waits for this. Were it dead, the card would have no one at the other end.
        let _ = self.card.send(Arc::downgrade(&transport));
        transport
    }
}

/// The card in its place.
type Transport = Arc<Mutex<MmioTransport<Net>>>;

const RECEIVE: usize = 0;
const TRANSMIT: usize = 1;
/// `struct virtio_net_hdr_v1`: flags, type, four lengths, number of buffers.
const HEADER_BYTES: usize = 12;
/// A legacy driver's header has no number of buffers.
const LEGACY_HEADER_BYTES: usize = 10;
/// Longest frame that a guest sends: 64 KiB to be segmented, and the Ethernet header.
const MAX_FRAME_BYTES: u64 = 65535 + 14;
/// Most frames taken from the guest in one go.
const FRAMES_AT_ONCE: usize = 128;

/// A network card.
pub struct Net {
    mac: [u8; 6],
    /// The address before a driver changed it.
    given_mac: [u8; 6],
    waker: Arc<Waker>,
    /// The driver takes our word for checksums.
    checksums_valid: bool,
    /// Length of the header of each frame.
    header_bytes: usize,
}

impl Drop for Net {
    fn drop(&mut self) {
        // The thread wakes up to find the card gone.
        let _ = self.waker.wake();
    }
}

impl Net {
    /// Takes frames off the transmit ring.
    fn take(&mut self, rings: &mut [Option<Ring>], frames: &mut Vec<Vec<u8>>) -> Result<(), Broken> {
        let Some(Some(ring)) = rings.get_mut(TRANSMIT) else { return Ok(()) };
        let memory = ring.memory();
        while frames.len() < FRAMES_AT_ONCE {
            let Some(mut request) = ring.pop()? else { break };
            let len = request.readable.len().min(MAX_FRAME_BYTES + self.header_bytes as u64);
            let mut frame = vec![0; len as usize];
            request.readable.read(&memory, &mut frame)?;
            // What is too long for a frame is none, nor is what has no room for a header.
            if request.readable.is_empty() && frame.len() > self.header_bytes {
                frame.drain(..self.header_bytes);
                frames.push(frame);
            }
            ring.finish(request, 0)?;
        }
        Ok(())
    }

    /// Puts frames into the receive ring, as far as there are buffers.
    fn give(&mut self, rings: &mut [Option<Ring>], frames: &mut VecDeque<Vec<u8>>) -> Result<(), Broken> {
        let Some(Some(ring)) = rings.get_mut(RECEIVE) else { return Ok(()) };
        let memory = ring.memory();
        while let Some(frame) = frames.front() {
            let Some(mut request) = ring.pop()? else { break };
            let len = self.header_bytes + frame.len();
            if request.writable.len() < len as u64 {
                // "the driver SHOULD populate the receive queue(s) with buffers of at least 1526 bytes": where it did
                // not, the frame is lost and the buffer stays for a shorter one, as with QEMU.
                ring.put_back(request);
                frames.pop_front();
                continue;
            }
            request.writable.write(&memory, &self.header()[..self.header_bytes])?;
            request.writable.write(&memory, frame)?;
            ring.finish(request, len as u32)?;
            frames.pop_front();
        }
        Ok(())
    }

    /// The header of a frame for the guest.
    fn header(&self) -> [u8; HEADER_BYTES] {
        let mut header = [0; HEADER_BYTES];
        header[0] = if self.checksums_valid { VIRTIO_NET_HDR_F_DATA_VALID as u8 } else { 0 };
        // num_buffers: "The device MUST set num_buffers to 1" unless buffers are merged.
        header[10] = 1;
        header
    }
}

/// The card alone: what the network has open with others ends with the machine that is saved.
#[cfg(feature = "state")]
impl bus::state::Plain for Net {
    /// Address, whether checksums are right, and whether its driver is a legacy one.
    type State = ([u8; 6], bool, bool);

    fn save(&mut self) -> Result<Self::State, bus::state::Unsaved> {
        Ok((self.mac, self.checksums_valid, self.header_bytes == LEGACY_HEADER_BYTES))
    }

    fn load(&mut self, (mac, checksums_valid, legacy): Self::State) -> Result<(), bus::state::Unfit> {
        (self.mac, self.checksums_valid) = (mac, checksums_valid);
        self.header_bytes = if legacy { LEGACY_HEADER_BYTES } else { HEADER_BYTES };
        // There may be frames to be taken.
        let _ = self.waker.wake();
        Ok(())
    }
}

#[cfg(not(feature = "state"))]
bus::unsaved!(Net);

impl VirtioDevice for Net {
    const ID: u32 = VIRTIO_ID_NET;
    const QUEUE_SIZES: &'static [u16] = &[256, 256];

    fn features(&self) -> u64 {
        1 << VIRTIO_NET_F_MAC
            | 1 << VIRTIO_NET_F_STATUS
            | 1 << VIRTIO_NET_F_CSUM
            | 1 << VIRTIO_NET_F_GUEST_CSUM
            | 1 << VIRTIO_NET_F_HOST_TSO4
    }

    /// `struct virtio_net_config`: address, status.
    fn read_config(&self, offset: u64, data: &mut [u8]) {
        let mut space = [0; 8];
        space[..6].copy_from_slice(&self.mac);
        space[6] = VIRTIO_NET_S_LINK_UP as u8;
        read_space(&space, offset, data);
    }

    /// "When using the legacy interface, mac is driver-writable".
    fn write_config(&mut self, offset: u64, data: &[u8]) {
        if self.header_bytes == LEGACY_HEADER_BYTES {
            for (at, &byte) in (offset..).zip(data) {
                usize::try_from(at).ok().and_then(|at| self.mac.get_mut(at)).into_iter().for_each(|own| *own = byte);
            }
        }
    }

    fn negotiated(&mut self, features: u64) {
        self.checksums_valid = features & 1 << VIRTIO_NET_F_GUEST_CSUM != 0;
        self.header_bytes = match features & 1 << VIRTIO_F_VERSION_1 {
            0 => LEGACY_HEADER_BYTES,
            _ => HEADER_BYTES,
        };
    }

    fn notify(&mut self, _queue: usize, _rings: &mut [Option<Ring>]) -> Result<(), Broken> {
        // The thread does the work. Waking it fails only when it is bound to wake up anyway.
        let _ = self.waker.wake();
        Ok(())
    }

    fn reset(&mut self) {
        self.negotiated(0);
        self.mac = self.given_mac;
    }
}

#[cfg(test)]
mod tests;
