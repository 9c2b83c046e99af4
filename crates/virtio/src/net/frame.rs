//! Frames for the guest.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr, IpAddress, IpProtocol, Ipv4Packet, Ipv4Repr,
    UdpPacket, UdpRepr,
};

use super::address::GATEWAY_MAC;

/// Bytes of an Ethernet header.
pub const ETHERNET_BYTES: usize = 14;
/// Longest IP packet for the guest.
pub const MTU: usize = 1500;

/// While so many frames wait for the guest, nobody makes more.
const ENOUGH_FRAMES: usize = 256;
/// Hops that a packet may take; the guest is one away.
const HOP_LIMIT: u8 = 64;

/// Frames on their way to the guest.
pub struct ToGuest {
    /// In the order of sending.
    pub frames: VecDeque<Vec<u8>>,
    /// The guest's address: the configured one, or what it last sent from.
    pub guest_mac: EthernetAddress,
}

impl ToGuest {
    /// Whether to wait until the guest took some.
    pub fn is_full(&self) -> bool {
        self.frames.len() >= ENOUGH_FRAMES
    }

    /// Queues a frame with a payload of `len` bytes that `fill` writes.
    pub fn send<R>(&mut self, ethertype: EthernetProtocol, len: usize, fill: impl FnOnce(&mut [u8]) -> R) -> R {
        let mut bytes = vec![0; ETHERNET_BYTES + len];
        let header = EthernetRepr { src_addr: EthernetAddress(GATEWAY_MAC), dst_addr: self.guest_mac, ethertype };
        header.emit(&mut EthernetFrame::new_unchecked(&mut bytes[..]));
        let result = fill(&mut bytes[ETHERNET_BYTES..]);
        self.frames.push_back(bytes);
        result
    }

    /// Queues an IP packet with `len` bytes of payload that `fill` writes.
    pub fn send_ip(
        &mut self,
        (src_addr, dst_addr): (Ipv4Addr, Ipv4Addr),
        next_header: IpProtocol,
        len: usize,
        fill: impl FnOnce(&mut [u8]),
    ) {
        let header = Ipv4Repr { src_addr, dst_addr, next_header, payload_len: len, hop_limit: HOP_LIMIT };
        self.send(EthernetProtocol::Ipv4, header.buffer_len() + len, |bytes| {
            let mut packet = Ipv4Packet::new_unchecked(bytes);
            header.emit(&mut packet, &ChecksumCapabilities::default());
            fill(packet.payload_mut());
        });
    }

    /// Queues a datagram. One that does not fit a frame is lost, as is one for which there is no room.
    pub fn send_udp(&mut self, from: (Ipv4Addr, u16), to: (Ipv4Addr, u16), data: &[u8]) {
        let header = UdpRepr { src_port: from.1, dst_port: to.1 };
        let len = header.header_len() + data.len();
        if self.is_full() || len > MTU - smoltcp::wire::IPV4_HEADER_LEN {
            return;
        }
        self.send_ip((from.0, to.0), IpProtocol::Udp, len, |bytes| {
            let (from, to) = (IpAddress::Ipv4(from.0), IpAddress::Ipv4(to.0));
            let mut packet = UdpPacket::new_unchecked(bytes);
            let copy = |payload: &mut [u8]| payload.copy_from_slice(data);
            header.emit(&mut packet, &from, &to, data.len(), copy, &ChecksumCapabilities::default());
        });
    }
}
