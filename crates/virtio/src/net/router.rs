//! What becomes of the guest's frames.
//!
//! ARP and pings are answered for the gateway and the name server. TCP and UDP go to the host's sockets. Everything
//! else (IPv6, fragments, other protocols) goes nowhere.

use std::net::Ipv4Addr;

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol, Icmpv4Packet, Icmpv4Repr,
    IpProtocol, Ipv4Packet, UdpPacket,
};

use super::address::{BROADCAST, DNS, GATEWAY, GATEWAY_MAC, GUEST};
use super::dhcp;
use super::frame::{MTU, ToGuest};
use super::tcp::Tcp;
use super::udp::Udp;

/// The network's parts that frames go to.
pub struct Router {
    pub tcp: Tcp,
    pub udp: Udp,
    pub to_guest: ToGuest,
}

impl Router {
    /// Takes in one frame.
    pub fn route(&mut self, frame: &[u8]) {
        let Ok(frame) = EthernetFrame::new_checked(frame) else { return };
        if frame.src_addr().is_unicast() {
            self.to_guest.guest_mac = frame.src_addr();
        }
        match frame.ethertype() {
            EthernetProtocol::Arp => self.arp(frame.payload()),
            EthernetProtocol::Ipv4 => self.ipv4(frame.payload()),
            _ => {}
        }
    }

    fn arp(&mut self, packet: &[u8]) {
        let Ok(packet) = ArpPacket::new_checked(packet) else { return };
        let Ok(ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Request,
            source_hardware_addr,
            source_protocol_addr,
            target_protocol_addr,
            ..
        }) = ArpRepr::parse(&packet)
        else {
            return;
        };
        if !is_ours(target_protocol_addr) {
            return;
        }
        let reply = ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Reply,
            source_hardware_addr: EthernetAddress(GATEWAY_MAC),
            source_protocol_addr: target_protocol_addr,
            target_hardware_addr: source_hardware_addr,
            target_protocol_addr: source_protocol_addr,
        };
        self.to_guest.send(EthernetProtocol::Arp, reply.buffer_len(), |bytes| {
            reply.emit(&mut ArpPacket::new_unchecked(bytes));
        });
    }

    fn ipv4(&mut self, bytes: &[u8]) {
        let Ok(packet) = Ipv4Packet::new_checked(bytes) else { return };
        if packet.more_frags() || packet.frag_offset() != 0 {
            return;
        }
        let from_guest = packet.src_addr() == GUEST;
        match packet.next_header() {
            IpProtocol::Udp => self.udp(&packet),
            IpProtocol::Icmp if from_guest => self.icmp(&packet),
            IpProtocol::Tcp if from_guest => {
                // Ethernet may have padded it.
                let len = usize::from(packet.total_len()).min(bytes.len());
                self.tcp.receive(&bytes[..len], &mut self.to_guest);
            }
            _ => {}
        }
    }

    fn udp(&mut self, packet: &Ipv4Packet<&[u8]>) {
        let Ok(datagram) = UdpPacket::new_checked(packet.payload()) else { return };
        let to = (packet.dst_addr(), datagram.dst_port());
        let for_server = to.0.is_broadcast() || matches!(to.0, BROADCAST | GATEWAY);
        if for_server && to.1 == dhcp::SERVER_PORT {
            dhcp::answer(datagram.payload(), &mut self.to_guest);
        } else if packet.src_addr() == GUEST {
            self.udp.send(datagram.src_port(), to, datagram.payload());
        }
    }

    fn icmp(&mut self, packet: &Ipv4Packet<&[u8]>) {
        let addresses = (packet.dst_addr(), packet.src_addr());
        let Ok(request) = Icmpv4Packet::new_checked(packet.payload()) else { return };
        let parsed = Icmpv4Repr::parse(&request, &ChecksumCapabilities::ignored());
        let Ok(Icmpv4Repr::EchoRequest { ident, seq_no, data }) = parsed else { return };
        let reply = Icmpv4Repr::EchoReply { ident, seq_no, data };
        if !is_ours(addresses.0) || reply.buffer_len() > MTU {
            return;
        }
        self.to_guest.send_ip(addresses, IpProtocol::Icmp, reply.buffer_len(), |bytes| {
            reply.emit(&mut Icmpv4Packet::new_unchecked(bytes), &ChecksumCapabilities::default());
        });
    }
}

/// Whether we answer for `address`.
fn is_ours(address: Ipv4Addr) -> bool {
    matches!(address, GATEWAY | DNS)
}
