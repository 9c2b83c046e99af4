//! Frames of a guest: Ethernet, ARP, IPv4, ICMP, UDP, DHCP and TCP, and the host's side of its connections.
//!
//! Nothing leaves for anywhere but this process: destinations are the gateway's ports that the target itself listens
//! at, one where nobody does, and addresses that are nobody's.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use ::virtio::net::fuzzing::Network;
use ::virtio::{Forward, NetConfig, Protocol, Reach};
use arbitrary::{Result, Unstructured};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ArpPacket, ArpRepr, EthernetFrame, EthernetProtocol, IpAddress, IpProtocol, Ipv4Packet, Ipv4Repr, TcpPacket,
    UdpPacket,
};

use super::{Target, with};

pub const TARGET: Target = Target {
    name: "frames",
    what: "frames of a guest: Ethernet, ARP, IPv4, ICMP, UDP, DHCP, TCP",
    run: |input| with(input, run),
    seeds,
};

const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
const GATEWAY_MAC: [u8; 6] = [0x52, 0x55, 10, 0, 2, 2];
const GUEST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
const DNS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 3);
const NOBODY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 99);
const DHCP_SERVER: u16 = 67;
const DHCP_CLIENT: u16 = 68;
/// A port of the host's loopback where nobody listens.
const CLOSED: u16 = 1;
const MTU: usize = 1500;
const ETHERNET_BYTES: usize = 14;
/// The guest's ports, and what is forwarded to.
const GUEST_PORT: u16 = 1000;
const PORTS: usize = 4;

fn seeds() -> Vec<Vec<u8>> {
    let discover = [&[3, 1][..], &[1, 2, 3, 4], &[12, 53, 1, 1, 50, 4, 10, 0, 2, 15, 55, 1, 3, 255]].concat();
    let ping = [1, 0, 0, 10, 8, 0, 0, 0, 0, 1, 0, 1, 7, 7];
    let datagram = [2, 0, 1, 2, 4, 1, 2, 3, 4, 5, 1];
    vec![discover, connection(), ping.to_vec(), datagram.to_vec(), vec![5, 0, 4, 0, 0, 0x12, 0, 0, 0, 0, 0, 5, 2]]
}

/// A connection: SYN, the answer to the host's SYN, data both ways, and an end.
fn connection() -> Vec<u8> {
    let segment = |flags: u8, data: &[u8]| [&[4, 0, 0, flags, 0, 0, 0, 0, data.len() as u8], data].concat();
    let host_sends = [6, 0, 3, b'a', b'b', b'c'];
    [segment(2, b""), segment(0x10, b""), host_sends.to_vec(), segment(0x18, b"hello"), segment(0x11, b"")].concat()
}

thread_local! {
    static HOST: Host = Host::new();
}

/// What the target listens at.
struct Host {
    tcp: TcpListener,
    udp: UdpSocket,
    tcp_port: u16,
    udp_port: u16,
    /// Where the network listens for the guest.
    forwarded: SocketAddr,
}

impl Host {
    fn new() -> Host {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the host has a port left");
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("the host has a port left");
        tcp.set_nonblocking(true).expect("sockets can do that");
        udp.set_nonblocking(true).expect("sockets can do that");
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the host has a port left");
        let address = |socket: std::io::Result<SocketAddr>| socket.expect("it is bound");
        let (tcp_port, udp_port) = (address(tcp.local_addr()).port(), address(udp.local_addr()).port());
        Host { tcp_port, udp_port, forwarded: address(free.local_addr()), tcp, udp }
    }
}

/// A connection that ends at once and leaves nothing behind when it is dropped.
fn brief(stream: TcpStream) -> TcpStream {
    stream.set_nonblocking(true).expect("sockets can do that");
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).expect("sockets can do that");
    stream
}

/// How far a guest's port is.
#[derive(Clone, Copy, Default)]
struct Port {
    next: u32,
    expected: u32,
    /// Bytes of data that came.
    received: usize,
}

struct Guest<'a> {
    host: &'a Host,
    network: Network,
    streams: Vec<TcpStream>,
    ports: [Port; PORTS],
}

impl Guest<'_> {
    fn step(&mut self, input: &mut Unstructured) -> Result<()> {
        match input.int_in_range(0..=6)? {
            0 => {
                let (kind, bytes) = (*input.choose(&[0x0800, 0x0806, 0x86dd, 0x8100])?, some(input)?);
                self.send(frame(kind, bytes));
            }
            1 => {
                let (protocol, to) = (*input.choose(&[1u8, 2, 6, 17, 58])?, self.address(input)?);
                self.send(packet(protocol.into(), GUEST, to, some(input)?));
            }
            2 => {
                let (to, from, port) = (self.address(input)?, input.arbitrary::<u8>()?, self.port(input)?);
                self.send(datagram(GUEST, to, (GUEST_PORT + u16::from(from), port), some(input)?));
            }
            3 => self.dhcp(input)?,
            4 => self.segment(input)?,
            5 => self.outside(input)?,
            _ => self.stream(input)?,
        }
        Ok(())
    }

    fn address(&self, input: &mut Unstructured) -> Result<Ipv4Addr> {
        Ok(match input.int_in_range(0..=4)? {
            0 | 1 => GATEWAY,
            2 => DNS,
            3 => Ipv4Addr::BROADCAST,
            _ => input.arbitrary::<u32>()?.into(),
        })
    }

    fn port(&self, input: &mut Unstructured) -> Result<u16> {
        Ok(*input.choose(&[DHCP_SERVER, self.host.tcp_port, self.host.udp_port, CLOSED])?)
    }

    fn dhcp(&mut self, input: &mut Unstructured) -> Result<()> {
        let (op, id): (u8, [u8; 4]) = (input.arbitrary()?, input.arbitrary()?);
        let mut message = vec![0; 236];
        message[..4].copy_from_slice(&[op, 1, 6, 0]);
        message[4..8].copy_from_slice(&id);
        message[28..34].copy_from_slice(&MAC);
        message.extend([0x63, 0x82, 0x53, 0x63]);
        message.extend(some(input)?);
        self.send(datagram(Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST, (DHCP_CLIENT, DHCP_SERVER), &message));
        Ok(())
    }

    /// A segment near to what comes next at a port.
    fn segment(&mut self, input: &mut Unstructured) -> Result<()> {
        let number = usize::from(input.arbitrary::<u8>()?) % PORTS;
        let to = if input.arbitrary::<u8>()? & 7 == 7 { CLOSED } else { self.host.tcp_port };
        let (flags, seq, ack): (u8, i8, i8) = (input.arbitrary()?, input.arbitrary()?, input.arbitrary()?);
        let (window, options, data) = (input.arbitrary::<u8>()?, some_words(input)?, some(input)?);
        let port = &mut self.ports[number];
        let mut segment = vec![0; 20];
        segment[..2].copy_from_slice(&(GUEST_PORT + number as u16).to_be_bytes());
        segment[2..4].copy_from_slice(&to.to_be_bytes());
        segment[4..8].copy_from_slice(&port.next.wrapping_add_signed(seq.into()).to_be_bytes());
        segment[8..12].copy_from_slice(&port.expected.wrapping_add_signed(ack.into()).to_be_bytes());
        segment[12] = ((5 + options.len() / 4) as u8) << 4;
        segment[13] = flags;
        segment[14..16].copy_from_slice(&(u16::from(!window) << 8).to_be_bytes());
        segment.extend(options);
        segment.extend(data);
        if seq == 0 {
            port.next =
                port.next.wrapping_add((data.len() + usize::from(flags & 1) + usize::from(flags >> 1 & 1)) as u32);
        }
        self.send(packet(IpProtocol::Tcp, GUEST, GATEWAY, &segment));
        Ok(())
    }

    /// Something that begins outside: a connection to a forwarded port, a datagram.
    fn outside(&mut self, input: &mut Unstructured) -> Result<()> {
        match input.int_in_range(0..=2)? {
            0 => self.streams.extend(TcpStream::connect(self.host.forwarded).map(brief)),
            1 => {
                let mut bytes = [0; 2048];
                while let Ok((len, from)) = self.host.udp.recv_from(&mut bytes) {
                    let _ = self.host.udp.send_to(&bytes[..len], from);
                }
            }
            _ => self.streams.retain_mut(|stream| stream.read(&mut [0; 4096]).is_ok_and(|len| len != 0)),
        }
        self.turn(Vec::new());
        Ok(())
    }

    /// The host's end of the connections: they come in, and send, or end.
    fn stream(&mut self, input: &mut Unstructured) -> Result<()> {
        while let Ok((stream, _)) = self.host.tcp.accept() {
            self.streams.push(brief(stream));
        }
        match (input.int_in_range(0..=2)?, self.streams.last_mut()) {
            (0, Some(stream)) => drop(stream.write(some(input)?)),
            (1, Some(stream)) => drop(stream.shutdown(std::net::Shutdown::Write)),
            (2, Some(_)) => drop(self.streams.pop()),
            _ => {}
        }
        self.turn(Vec::new());
        Ok(())
    }

    fn send(&mut self, mut frame: Vec<u8>) {
        tame(&mut frame, self.host);
        self.turn(vec![frame]);
    }

    fn turn(&mut self, frames: Vec<Vec<u8>>) {
        for frame in self.network.turn(frames) {
            self.receive(&frame);
        }
    }

    /// What the guest gets is well-formed.
    fn receive(&mut self, bytes: &[u8]) {
        let frame = EthernetFrame::new_checked(bytes).expect("it is a frame");
        assert_eq!(frame.src_addr().0, GATEWAY_MAC);
        assert!(bytes.len() <= ETHERNET_BYTES + MTU, "{} bytes are more than a frame", bytes.len());
        match frame.ethertype() {
            EthernetProtocol::Arp => {
                let packet = ArpPacket::new_checked(frame.payload()).expect("it is an ARP packet");
                ArpRepr::parse(&packet).expect("it is an ARP packet for Ethernet");
            }
            EthernetProtocol::Ipv4 => self.receive_packet(frame.payload()),
            other => panic!("{other} is nothing that the guest should get"),
        }
    }

    fn receive_packet(&mut self, bytes: &[u8]) {
        let packet = Ipv4Packet::new_checked(bytes).expect("it is an IP packet");
        assert!(packet.verify_checksum() && usize::from(packet.total_len()) == bytes.len());
        let (from, to) = (IpAddress::Ipv4(packet.src_addr()), IpAddress::Ipv4(packet.dst_addr()));
        match packet.next_header() {
            IpProtocol::Udp => {
                let datagram = UdpPacket::new_checked(packet.payload()).expect("it is a datagram");
                assert!(datagram.verify_checksum(&from, &to));
            }
            IpProtocol::Tcp => {
                let segment = TcpPacket::new_checked(packet.payload()).expect("it is a segment");
                assert!(segment.verify_checksum(&from, &to));
                if let Some(port) = self.ports.get_mut(usize::from(segment.dst_port().wrapping_sub(GUEST_PORT))) {
                    let end = segment.seq_number() + segment.segment_len();
                    port.expected = end.0 as u32;
                    port.received += segment.payload().len();
                }
            }
            _ => {}
        }
    }
}

/// Sends what would leave this process to nobody.
fn tame(frame: &mut [u8], host: &Host) {
    let Some(&first) = frame.get(ETHERNET_BYTES) else { return };
    let transport = ETHERNET_BYTES + usize::from(first & 15) * 4;
    let Some(to) = frame.get(30..34).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok()) else { return };
    let port = frame.get(transport + 2..transport + 4).map_or(0, |bytes| u16::from_be_bytes([bytes[0], bytes[1]]));
    let ours = [DHCP_SERVER, host.tcp_port, host.udp_port, CLOSED];
    let to = Ipv4Addr::from(to);
    let fine = match to {
        GATEWAY => ours.contains(&port),
        DNS => port != 53,
        _ => to.octets()[..3] == GATEWAY.octets()[..3] || to.is_broadcast(),
    };
    if !fine {
        frame[30..34].copy_from_slice(&NOBODY.octets());
        fix_checksum(&mut frame[ETHERNET_BYTES..]);
    }
}

fn fix_checksum(packet: &mut [u8]) {
    if let Ok(mut packet) = Ipv4Packet::new_checked(packet) {
        packet.fill_checksum();
    }
}

fn frame(kind: u16, payload: &[u8]) -> Vec<u8> {
    [&GATEWAY_MAC[..], &MAC, &kind.to_be_bytes(), payload].concat()
}

fn packet(protocol: IpProtocol, from: Ipv4Addr, to: Ipv4Addr, payload: &[u8]) -> Vec<u8> {
    let header =
        Ipv4Repr { src_addr: from, dst_addr: to, next_header: protocol, payload_len: payload.len(), hop_limit: 64 };
    let mut bytes = vec![0; header.buffer_len() + payload.len()];
    let mut packet = Ipv4Packet::new_unchecked(&mut bytes[..]);
    header.emit(&mut packet, &ChecksumCapabilities::default());
    packet.payload_mut().copy_from_slice(payload);
    frame(0x0800, &bytes)
}

fn datagram(from: Ipv4Addr, to: Ipv4Addr, ports: (u16, u16), data: &[u8]) -> Vec<u8> {
    let words = [ports.0, ports.1, 8 + data.len() as u16, 0].map(u16::to_be_bytes).concat();
    packet(IpProtocol::Udp, from, to, &[&words, data].concat())
}

/// As many bytes as the next byte says, if there are so many.
fn some<'a>(input: &mut Unstructured<'a>) -> Result<&'a [u8]> {
    let len = usize::from(input.arbitrary::<u8>()?).min(input.len());
    input.bytes(len)
}

/// TCP options: up to ten words.
fn some_words<'a>(input: &mut Unstructured<'a>) -> Result<&'a [u8]> {
    let len = usize::from(input.arbitrary::<u8>()? % 11) * 4;
    input.bytes(if len <= input.len() { len } else { 0 })
}

fn run(input: &mut Unstructured) -> Result<()> {
    HOST.with(|host| {
        let mut guest = Guest::new(host);
        let done = guest.steps(input);
        guest.leases_an_address();
        guest.hang_up();
        done
    })
}

impl Guest<'_> {
    fn new(host: &Host) -> Guest<'_> {
        let forward = Forward { protocol: Protocol::Tcp, host: host.forwarded, guest_port: GUEST_PORT };
        let config = |forwards| NetConfig { mac: MAC, forwards, reach: Reach::Everything };
        // The port may be another test's.
        let network = Network::open(&config(vec![forward])).or_else(|_| Network::open(&config(Vec::new())));
        let network = network.expect("the host has files left");
        Guest { host, network, streams: Vec::new(), ports: [Port::default(); PORTS] }
    }

    fn steps(&mut self, input: &mut Unstructured) -> Result<()> {
        while !input.is_empty() {
            self.step(input)?;
        }
        Ok(())
    }

    /// Nothing is left for the next.
    fn hang_up(self) {
        while let Ok((stream, _)) = self.host.tcp.accept() {
            drop(brief(stream));
        }
    }

    /// Whatever came before, a client is offered an address.
    fn leases_an_address(&mut self) {
        let mut message = vec![0; 236];
        message[..8].copy_from_slice(&[1, 1, 6, 0, 1, 2, 3, 4]);
        message[28..34].copy_from_slice(&MAC);
        message.extend([0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255]);
        let request = datagram(Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST, (DHCP_CLIENT, DHCP_SERVER), &message);
        let answers = self.network.turn(vec![request]);
        let offers = |frame: &Vec<u8>| frame.get(36..38) == Some(&DHCP_CLIENT.to_be_bytes());
        assert!(answers.iter().any(offers), "no address is offered any more");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_s_connection_carries_data_both_ways() {
        HOST.with(|host| {
            let mut guest = Guest::new(host);
            guest.steps(&mut Unstructured::new(&connection())).unwrap();
            let mut data = [0; 16];
            let len = guest.streams[0].read(&mut data).unwrap();
            assert_eq!(data[..len], *b"hello");
            assert_eq!(guest.ports[0].received, b"abc".len());
            guest.hang_up();
        });
    }
}
