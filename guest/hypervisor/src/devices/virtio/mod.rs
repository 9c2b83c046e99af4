//! Virtio devices of a guest: each is backed by one of the machine's own, but for a network card that leads to the
//! other guests.
//!
//! VIRTIO 1.2. The guest's driver meets registers and queues that are the hypervisor's (`cores::virtio`). What it puts
//! into its queues is put into the machine's device's (`device`), with the machine's addresses for the guest's, and
//! comes back the same way; the data themselves are not copied. So a device of any kind will do whose requests have no
//! addresses in them. What a card (`card`) sends is copied into the queues of those that it is for (`switch`).

pub mod card;
#[cfg(feature = "image")]
pub mod device;
#[cfg(feature = "image")]
mod frames;
#[cfg(feature = "image")]
pub mod plugged;
pub mod switch;

use virtio_drivers::transport::DeviceType;

/// A kind of device that a guest can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// What a manifest calls it.
    pub name: &'static str,
    /// What the device says that it is.
    pub device: DeviceType,
    /// Features of its own that are handed on: those that are about what is in the requests.
    pub features: u64,
}

/// All kinds.
pub const KINDS: [Kind; 5] = [
    // SIZE_MAX, SEG_MAX, GEOMETRY, RO, BLK_SIZE, FLUSH, TOPOLOGY, CONFIG_WCE, DISCARD, WRITE_ZEROES
    Kind { name: "block", device: DeviceType::Block, features: 0b110_1110_0111_0110 },
    // CSUM, GUEST_CSUM, MTU, MAC, GUEST_TSO4, GUEST_TSO6, HOST_TSO4, HOST_TSO6, MRG_RXBUF, STATUS
    Kind { name: "net", device: DeviceType::Network, features: 0b1_1001_1001_1010_1011 },
    // SIZE
    Kind { name: "console", device: DeviceType::Console, features: 1 },
    Kind { name: "entropy", device: DeviceType::EntropySource, features: 0 },
    // MOUNT_TAG
    Kind { name: "share", device: DeviceType::_9P, features: 1 },
];

/// Descriptors of a guest's queue at most.
pub const MOST: u32 = 32;
/// Data buffers of a disk's request at most: header and status are the others.
pub const SEGMENTS: u32 = MOST - 2;

impl Kind {
    /// The one of that name.
    pub fn named(name: &str) -> Option<Kind> {
        KINDS.into_iter().find(|kind| kind.name == name)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn features_are_those_that_the_specification_names() {
        let bits = |kind: &str| {
            let features = Kind::named(kind).map_or(0, |kind| kind.features);
            (0..64).filter(|bit| features >> bit & 1 != 0).collect::<Vec<u32>>()
        };
        assert_eq!(bits("block"), [1, 2, 4, 5, 6, 9, 10, 11, 13, 14]);
        assert_eq!(bits("net"), [0, 1, 3, 5, 7, 8, 11, 12, 15, 16]);
        assert_eq!(Kind::named("balloon"), None);
    }
}
