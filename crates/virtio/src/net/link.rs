//! The guest's network as smoltcp sees it: a link that carries IP packets.

use smoltcp::phy::{Checksum, ChecksumCapabilities, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;
use smoltcp::wire::EthernetProtocol;

use super::frame::{MTU, ToGuest};

/// One packet from the guest at most, and the way to the guest.
pub struct Link<'a> {
    packet: Option<&'a [u8]>,
    to_guest: Option<&'a mut ToGuest>,
}

impl<'a> Link<'a> {
    pub fn new(packet: Option<&'a [u8]>, to_guest: &'a mut ToGuest) -> Self {
        Link { packet, to_guest: Some(to_guest) }
    }

    /// A link only to ask for its capabilities.
    pub fn describe() -> Self {
        Link { packet: None, to_guest: None }
    }
}

impl Device for Link<'_> {
    type RxToken<'b>
        = Packet<'b>
    where
        Self: 'b;
    type TxToken<'b>
        = Way<'b>
    where
        Self: 'b;

    fn capabilities(&self) -> DeviceCapabilities {
        let mut checksum = ChecksumCapabilities::default();
        // The guest may leave its checksum to the device (VIRTIO_NET_F_CSUM); there is no wire to damage the data.
        checksum.tcp = Checksum::Tx;
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = MTU;
        capabilities.checksum = checksum;
        capabilities
    }

    fn receive(&mut self, now: Instant) -> Option<(Packet<'_>, Way<'_>)> {
        let packet = self.packet.take()?;
        Some((Packet(packet), self.transmit(now)?))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Way<'_>> {
        self.to_guest.as_deref_mut().filter(|to_guest| !to_guest.is_full()).map(Way)
    }
}

/// A packet from the guest.
pub struct Packet<'a>(&'a [u8]);

impl RxToken for Packet<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(self.0)
    }
}

/// The way to the guest, for one packet.
pub struct Way<'a>(&'a mut ToGuest);

impl TxToken for Way<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, fill: F) -> R {
        self.0.send(EthernetProtocol::Ipv4, len, fill)
    }
}
