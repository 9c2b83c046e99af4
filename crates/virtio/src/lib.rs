//! Virtio devices behind the memory-mapped transport.
//!
//! Models "Virtual I/O Device (VIRTIO) Version 1.2": the transport ("Virtio Over MMIO", version 2, and version 1 for
//! legacy drivers), split virtqueues with event index and indirect descriptors, and the block, network, entropy,
//! console and 9P devices. A driver may write anything anywhere: a ring that makes no sense sets DEVICE_NEEDS_RESET and
//! is left alone until the driver resets the device.
//!
//! Files, sockets and other things that can fail are opened before the device is made, so that errors come before the
//! machine runs.

#![forbid(unsafe_code)]

pub mod block;
mod console;
mod entropy;
pub mod net;
mod ring;
pub mod share;
mod transport;

use std::sync::{Arc, Mutex};

pub use block::{
    Block, BlockAccess, BlockFile, Cache, ChangedDisk, Discard, DiskError, DiskOptions, Format, Report, Serving,
};
pub use console::{Console, ConsoleInput, MOST_PORTS, PortConfig, PortKind, PortLine, PortOut};
pub use devices::ConsoleOut;
pub use entropy::Entropy;
pub use net::{Forward, Net, NetConfig, NetError, Protocol, Reach, UserNet};
pub use ring::{Broken, Request, Ring, Segments};
pub use share::{Share, ShareAccess, ShareDir, ShareError, ShareOptions};
pub use transport::{EmptySlot, INTERRUPT_ACK, Interface, MmioTransport, QUEUE_NOTIFY, Slot, VirtioDevice};

/// Bytes of a transport's registers, configuration space included.
pub const REGION_BYTES: u64 = 0x1000;

/// A disk, whose requests `serving` serves.
pub fn block(slot: Slot, disk: BlockFile, serving: Serving) -> Arc<Mutex<MmioTransport<Block>>> {
    block::plug(slot, disk, serving)
}

/// A source of random numbers: the host's, or those that a seed decides.
pub fn entropy(slot: Slot, seed: Option<u64>) -> Arc<Mutex<MmioTransport<Entropy>>> {
    Arc::new(Mutex::new(MmioTransport::new(Entropy::new(seed), slot)))
}

/// A network card on the network that `net` opened.
pub fn network(slot: Slot, net: UserNet) -> Arc<Mutex<MmioTransport<Net>>> {
    net.plug(|card| Arc::new(Mutex::new(MmioTransport::new(card, slot))))
}

/// A directory of the host, whose messages `serving` serves.
pub fn share(slot: Slot, directory: ShareDir, serving: Serving) -> Arc<Mutex<MmioTransport<Share>>> {
    share::plug(slot, directory, serving)
}

/// A console whose output goes to `out`. Give input with [`ConsoleInput`].
pub fn console(slot: Slot, out: ConsoleOut) -> Arc<Mutex<MmioTransport<Console>>> {
    Console::alone(out).plug(slot)
}

/// Consoles and channels, each with two queues of its own; whoever is at the far end holds a [`PortLine`].
pub fn ports(slot: Slot, ports: Vec<PortConfig>) -> Arc<Mutex<MmioTransport<Console>>> {
    Console::with_ports(ports).plug(slot)
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
