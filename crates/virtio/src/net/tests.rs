//! A guest with a network stack of its own (smoltcp), behind the card's registers and rings.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Checksum, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::{dhcpv4, tcp, udp};
use smoltcp::time::Instant as Time;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpCidr, Ipv4Address, Ipv4Cidr};
use vm_memory::{Bytes, GuestAddress};

use super::*;
use crate::testing::{BUFFERS, Driver};

const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
const SLOTS: u16 = 32;
const SLOT_BYTES: u64 = 2048;
const RECEIVE_BUFFERS: u64 = BUFFERS;
const TRANSMIT_BUFFERS: u64 = BUFFERS + SLOTS as u64 * SLOT_BYTES;
/// Room for 64 KiB to be segmented.
const TRANSMIT_BYTES: u64 = 66 << 10;
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// The guest's driver, as a smoltcp device.
struct Card {
    driver: Driver<Net>,
    received: u16,
    sent: u16,
    longest_sent: usize,
    /// Leave checksums and segmentation to the device.
    offload: bool,
    header_bytes: usize,
}

impl Card {
    fn new(forwards: Vec<Forward>) -> Self {
        Card::reaching(Reach::Everything, forwards)
    }

    fn reaching(reach: Reach, forwards: Vec<Forward>) -> Self {
        let net = UserNet::open(NetConfig { mac: MAC, forwards, reach }).unwrap();
        let mut driver = Driver::new(|slot| crate::network(slot, net));
        driver.start(0);
        Card::with_driver(driver, HEADER_BYTES)
    }

    /// A card whose driver knows no VERSION_1, in a legacy slot or in a modern one.
    fn legacy(interface: crate::Interface) -> Self {
        let net = UserNet::open(NetConfig { mac: MAC, forwards: Vec::new(), reach: Reach::Everything }).unwrap();
        let mut driver = Driver::with_interface(interface, |slot| crate::network(slot, net));
        match interface {
            crate::Interface::Legacy => driver.start_legacy(0),
            crate::Interface::Modern => driver.start_with(0),
        }
        Card::with_driver(driver, LEGACY_HEADER_BYTES)
    }

    fn with_driver(driver: Driver<Net>, header_bytes: usize) -> Self {
        let mut card = Card { driver, received: 0, sent: 0, longest_sent: 0, offload: false, header_bytes };
        (0..SLOTS).for_each(|slot| card.offer_buffer(slot));
        card
    }

    fn offer_buffer(&mut self, slot: u16) {
        self.offer_buffer_of(slot, SLOT_BYTES as u32);
    }

    fn offer_buffer_of(&mut self, slot: u16, bytes: u32) {
        let at = RECEIVE_BUFFERS + u64::from(slot) * SLOT_BYTES;
        self.driver.offer(RECEIVE, slot, &[(at, bytes, true)]);
        self.driver.notify(RECEIVE);
    }

    fn receive_frame(&mut self) -> Option<Vec<u8>> {
        if self.driver.used(RECEIVE) == self.received {
            return None;
        }
        let (slot, len) = self.driver.used_element(RECEIVE, self.received);
        self.received = self.received.wrapping_add(1);
        let mut frame = vec![0; len as usize];
        let at = RECEIVE_BUFFERS + u64::from(slot) * SLOT_BYTES;
        self.driver.memory.read_slice(&mut frame, GuestAddress(at)).unwrap();
        self.offer_buffer(slot as u16);
        Some(frame.split_off(self.header_bytes))
    }

    fn send_frame(&mut self, frame: &[u8]) {
        let slot = self.sent % SLOTS;
        let at = TRANSMIT_BUFFERS + u64::from(slot) * TRANSMIT_BYTES;
        self.driver.memory.write_slice(&[0; HEADER_BYTES][..self.header_bytes], GuestAddress(at)).unwrap();
        self.driver.memory.write_slice(frame, GuestAddress(at + self.header_bytes as u64)).unwrap();
        self.driver.offer(TRANSMIT, slot, &[(at, (self.header_bytes + frame.len()) as u32, false)]);
        self.driver.notify(TRANSMIT);
        self.sent = self.sent.wrapping_add(1);
        self.longest_sent = self.longest_sent.max(frame.len());
    }

    fn can_send(&self) -> bool {
        self.sent.wrapping_sub(self.driver.used(TRANSMIT)) < SLOTS
    }
}

struct Frame(Vec<u8>);

impl RxToken for Frame {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(&self.0)
    }
}

struct Sender<'a>(&'a mut Card);

impl TxToken for Sender<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, fill: F) -> R {
        let mut frame = vec![0; len];
        let result = fill(&mut frame);
        self.0.send_frame(&frame);
        result
    }
}

impl Device for Card {
    type RxToken<'a> = Frame;
    type TxToken<'a> = Sender<'a>;

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        if self.offload {
            capabilities.checksum.tcp = Checksum::Rx;
            capabilities.segmentation.tcpv4 = NonZeroUsize::new(60000);
        }
        capabilities
    }

    fn receive(&mut self, _now: Time) -> Option<(Frame, Sender<'_>)> {
        if !self.can_send() {
            return None;
        }
        let frame = self.receive_frame()?;
        Some((Frame(frame), Sender(self)))
    }

    fn transmit(&mut self, _now: Time) -> Option<Sender<'_>> {
        self.can_send().then_some(Sender(self))
    }
}

struct Guest {
    card: Card,
    interface: Interface,
    sockets: SocketSet<'static>,
    start: Instant,
}

impl Guest {
    fn new(forwards: Vec<Forward>) -> Self {
        Guest::with_card(Card::new(forwards))
    }

    fn with_card(mut card: Card) -> Self {
        let config = Config::new(HardwareAddress::Ethernet(EthernetAddress(MAC)));
        let interface = Interface::new(config, &mut card, Time::ZERO);
        Guest { card, interface, sockets: SocketSet::new(Vec::new()), start: Instant::now() }
    }

    /// A guest that has its address without asking.
    fn with_address(forwards: Vec<Forward>) -> Self {
        Guest::reaching(Reach::Everything, forwards)
    }

    fn reaching(reach: Reach, forwards: Vec<Forward>) -> Self {
        let mut guest = Guest::with_card(Card::reaching(reach, forwards));
        guest.set_address(Ipv4Cidr::new(address::GUEST, 24), address::GATEWAY);
        guest
    }

    fn set_address(&mut self, address: Ipv4Cidr, router: Ipv4Address) {
        self.interface.update_ip_addrs(|list| list.push(IpCidr::Ipv4(address)).unwrap());
        self.interface.routes_mut().add_default_ipv4_route(router).unwrap();
    }

    fn poll(&mut self) {
        let now = Time::from_micros(self.start.elapsed().as_micros() as i64);
        self.interface.poll(now, &mut self.card, &mut self.sockets);
    }

    /// Lets the guest run until `done` answers.
    fn until<T>(&mut self, mut done: impl FnMut(&mut Guest) -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            self.poll();
            if let Some(answer) = done(self) {
                return answer;
            }
            assert!(start.elapsed() < PATIENCE, "this takes too long");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn tcp(&mut self, handle: SocketHandle) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(handle)
    }

    fn add_tcp(&mut self) -> SocketHandle {
        let buffer = || tcp::SocketBuffer::new(vec![0; 65536]);
        self.sockets.add(tcp::Socket::new(buffer(), buffer()))
    }

    fn connect(&mut self, to: Ipv4Addr, port: u16) -> SocketHandle {
        let handle = self.add_tcp();
        let socket = self.sockets.get_mut::<tcp::Socket>(handle);
        socket.connect(self.interface.context(), (to, port), 50000).unwrap();
        handle
    }

    fn add_udp(&mut self, port: u16) -> SocketHandle {
        let buffer = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 8], vec![0; 8192]);
        let mut socket = udp::Socket::new(buffer(), buffer());
        socket.bind(port).unwrap();
        self.sockets.add(socket)
    }

    fn receive_datagram(&mut self, handle: SocketHandle) -> (Vec<u8>, smoltcp::wire::IpEndpoint) {
        self.until(|guest| {
            let (data, from) = guest.sockets.get_mut::<udp::Socket>(handle).recv().ok()?;
            Some((data.to_vec(), from.endpoint))
        })
    }
}

fn forward(protocol: Protocol, host_port: u16, guest_port: u16) -> Forward {
    Forward { protocol, host: (Ipv4Addr::LOCALHOST, host_port).into(), guest_port }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Sends back what comes until the other side ends.
fn echo(listener: TcpListener) {
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut data = Vec::new();
        stream.read_to_end(&mut data).unwrap();
        stream.write_all(&data).unwrap();
    });
}

#[test]
fn dhcp_gives_address_router_and_name_server() {
    let mut guest = Guest::new(Vec::new());
    let handle = guest.sockets.add(dhcpv4::Socket::new());
    let (address, router, servers) =
        guest.until(|guest| match guest.sockets.get_mut::<dhcpv4::Socket>(handle).poll() {
            Some(dhcpv4::Event::Configured(config)) => Some((config.address, config.router, config.dns_servers)),
            _ => None,
        });
    assert_eq!(address, Ipv4Cidr::new(Ipv4Addr::new(10, 0, 2, 15), 24));
    assert_eq!(router, Some(Ipv4Addr::new(10, 0, 2, 2)));
    assert_eq!(servers[..], [Ipv4Addr::new(10, 0, 2, 3)]);
}

#[test]
fn the_guest_reaches_a_server_on_the_host() {
    talk_to_echo(&mut Guest::with_address(Vec::new()));
}

#[test]
fn a_legacy_drivers_frames_have_a_shorter_header() {
    for interface in [crate::Interface::Legacy, crate::Interface::Modern] {
        let mut guest = Guest::with_card(Card::legacy(interface));
        guest.set_address(Ipv4Cidr::new(address::GUEST, 24), address::GATEWAY);
        talk_to_echo(&mut guest);
    }
}

#[test]
fn the_device_can_segment_and_sum_for_the_guest() {
    let mut card = Card::new(Vec::new());
    card.offload = true;
    let mut guest = Guest::with_card(card);
    guest.set_address(Ipv4Cidr::new(address::GUEST, 24), address::GATEWAY);
    talk_to_echo(&mut guest);
    assert!(guest.card.longest_sent > 10_000, "{}", guest.card.longest_sent);
}

/// Sends a megabyte to a server on the host and gets it back.
fn talk_to_echo(guest: &mut Guest) {
    const LEN: usize = 1 << 20;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    echo(listener);
    let handle = guest.connect(address::GATEWAY, port);
    let data: Vec<u8> = (0..LEN).map(|i| ((i * 7) >> 3) as u8).collect();
    let (mut sent, mut received) = (0, Vec::new());
    guest.until(|guest| {
        let socket = guest.tcp(handle);
        if socket.can_send() && sent < LEN {
            sent += socket.send_slice(&data[sent..]).unwrap();
            if sent == LEN {
                socket.close();
            }
        }
        while socket.can_recv() {
            socket.recv(|bytes| (bytes.len(), received.extend_from_slice(bytes))).unwrap();
        }
        (received.len() == LEN).then_some(())
    });
    assert!(received == data);
    guest.until(|guest| (!guest.tcp(handle).may_recv()).then_some(()));
}

#[test]
fn a_closed_port_refuses() {
    let mut guest = Guest::with_address(Vec::new());
    let handle = guest.connect(address::GATEWAY, free_port());
    guest.until(|guest| (guest.tcp(handle).state() == tcp::State::Closed).then_some(()));
}

#[test]
fn a_forwarded_port_reaches_the_guest() {
    let port = free_port();
    enter_by(port, Guest::with_address(vec![forward(Protocol::Tcp, port, 22)]));
}

/// Connects to the guest's port 22 through `port` of the host, and sends both ways.
fn enter_by(port: u16, mut guest: Guest) {
    let handle = guest.add_tcp();
    guest.tcp(handle).listen(22).unwrap();
    let client = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let mut greeting = [0; 5];
        stream.read_exact(&mut greeting).unwrap();
        stream.write_all(b"thanks").unwrap();
        greeting
    });
    guest.until(|guest| guest.tcp(handle).can_send().then_some(()));
    guest.tcp(handle).send_slice(b"hello").unwrap();
    let answer = guest.until(|guest| {
        let socket = guest.tcp(handle);
        (socket.recv_queue() == 6).then(|| socket.recv(|bytes| (bytes.len(), bytes.to_vec())).unwrap())
    });
    assert_eq!(answer, b"thanks");
    assert_eq!(client.join().unwrap(), *b"hello");
    // The client's end arrives.
    guest.until(|guest| (guest.tcp(handle).state() == tcp::State::CloseWait).then_some(()));
}

#[test]
fn datagrams_go_out_and_come_back() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = (address::GATEWAY, server.local_addr().unwrap().port());
    let mut guest = Guest::with_address(Vec::new());
    let handle = guest.add_udp(4000);
    guest.sockets.get_mut::<udp::Socket>(handle).send_slice(b"ping", to).unwrap();
    server.set_nonblocking(true).unwrap();
    let mut data = [0; 16];
    let (len, from) = guest.until(|_| server.recv_from(&mut data).ok());
    assert_eq!(data[..len], *b"ping");
    server.send_to(b"pong", from).unwrap();
    assert_eq!(guest.receive_datagram(handle), (b"pong".to_vec(), to.into()));
}

#[test]
fn a_forwarded_datagram_reaches_the_guest_and_its_answer_the_sender() {
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_nonblocking(true).unwrap();
    let port = free_port();
    let mut guest = Guest::with_address(vec![forward(Protocol::Udp, port, 53)]);
    let handle = guest.add_udp(53);
    client.send_to(b"question", ("127.0.0.1", port)).unwrap();
    let (data, from) = guest.receive_datagram(handle);
    assert_eq!(data, b"question");
    guest.sockets.get_mut::<udp::Socket>(handle).send_slice(b"answer", from).unwrap();
    let mut data = [0; 16];
    let len = guest.until(|_| client.recv(&mut data).ok());
    assert_eq!(data[..len], *b"answer");
}

#[test]
fn a_restricted_guest_reaches_nobody_and_is_reached_by_its_forwarded_ports() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free_port();
    let mut guest = Guest::reaching(Reach::Nothing, vec![forward(Protocol::Tcp, port, 22)]);
    let handle = guest.connect(address::GATEWAY, listener.local_addr().unwrap().port());
    guest.until(|guest| (guest.tcp(handle).state() == tcp::State::Closed).then_some(()));
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err());
    let to = (address::GATEWAY, server.local_addr().unwrap().port());
    let handle = guest.add_udp(4000);
    guest.sockets.get_mut::<udp::Socket>(handle).send_slice(b"ping", to).unwrap();
    guest.poll();
    assert!(server.recv(&mut [0; 16]).is_err());
    enter_by(port, guest);
}

#[test]
fn a_port_of_zero_is_any_and_is_told() {
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        let config = NetConfig { mac: MAC, forwards: vec![forward(protocol, 0, 22)], reach: Reach::Everything };
        let net = UserNet::open(config).unwrap();
        let [got] = net.forwards() else { panic!("one forward was asked for") };
        assert_ne!(got.host.port(), 0);
        let expected = format!("{protocol} 127.0.0.1:{} leads to the guest's port 22", got.host.port());
        assert_eq!(got.to_string(), expected);
    }
}

#[test]
fn the_address_is_a_legacy_drivers_to_change() {
    let card = Card::legacy(crate::Interface::Legacy);
    card.driver.write(0x100, 0x3322_1102);
    assert_eq!((card.driver.read(0x100), card.driver.read(0x104) & 0xffff), (0x3322_1102, 0x5634));
    card.driver.write(0x70, 0);
    assert_eq!(card.driver.read(0x100), 0x1200_5452);
    let card = Card::new(Vec::new());
    card.driver.write(0x100, 0x3322_1102);
    assert_eq!(card.driver.read(0x100), 0x1200_5452);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let config = NetConfig { mac: MAC, forwards: vec![forward(Protocol::Tcp, port, 22)], reach: Reach::Everything };
    let error = UserNet::open(config).err().unwrap().to_string();
    assert!(error.contains(&format!("127.0.0.1:{port}")), "{error}");
}

#[test]
fn without_a_card_the_ports_are_closed_again() {
    let port = free_port();
    drop(Card::new(vec![forward(Protocol::Tcp, port, 22)]));
    let start = Instant::now();
    while TcpListener::bind(("127.0.0.1", port)).is_err() {
        assert!(start.elapsed() < PATIENCE, "the port is still taken");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn frames_that_make_no_sense_are_dropped() {
    const ETHERNET_IP: [u8; 14] = [0x52, 0x55, 10, 0, 2, 2, 0x52, 0x54, 0, 0x12, 0x34, 0x56, 8, 0];
    const ARP: [u8; 8] = [0, 1, 8, 0, 6, 4, 0, 1];
    let config = NetConfig { mac: MAC, forwards: Vec::new(), reach: Reach::Everything };
    let mut router = backend::Backend::open(&config).unwrap().into_router();
    let mut seed = 1u32;
    let mut random = move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 16) as u8
    };
    for round in 0..100_000u32 {
        let mut frame = ETHERNET_IP.to_vec();
        frame.extend((0..random() as usize * 2).map(|_| random()));
        let protocol = [1, 6, 17, 2][round as usize % 4];
        // Nobody is at 10.0.2.99: nothing leaves for the host.
        let to = if random() & 1 == 0 { [10, 0, 2, 99] } else { [255; 4] };
        let header = [&[0x45, 0, 0, random(), 0, 0, 0, 0, 64, protocol, 0, 0, 10, 0, 2, 15][..], &to].concat();
        if frame.len() >= 14 + 28 {
            frame[14..34].copy_from_slice(&header);
            frame[36..38].copy_from_slice(&[0, 67]);
        }
        if round % 7 == 0 && frame.len() >= 22 {
            frame[13] = 6;
            frame[14..22].copy_from_slice(&ARP);
        }
        router.route(&frame);
        router.tcp.pump(&mut router.to_guest);
        router.to_guest.frames.clear();
    }
}

/// QEMU 11 drops what does not fit into the buffer and keeps that (`virtio_net_receive_rcu`, without merged buffers).
#[test]
fn a_frame_that_a_buffer_is_too_small_for_is_dropped_and_the_buffer_kept() {
    let config = NetConfig { mac: MAC, forwards: Vec::new(), reach: Reach::Everything };
    let net = UserNet::open(config).unwrap();
    let mut driver = Driver::new(|slot| crate::network(slot, net));
    driver.start(0);
    let mut card = Card { driver, received: 0, sent: 0, longest_sent: 0, offload: false, header_bytes: HEADER_BYTES };
    card.offer_buffer_of(0, 64);
    card.offer_buffer_of(1, SLOT_BYTES as u32);
    let device = card.driver.transport.clone();
    let frames = [100, 52, 53, 1500].map(|len| vec![len as u8; len]);
    let mut frames: VecDeque<Vec<u8>> = frames.into();
    device.lock().unwrap().work(|net, rings| net.give(rings, &mut frames));
    // 12 and 52 are 64
    assert_eq!(card.receive_frame().unwrap(), vec![52; 52]);
    assert_eq!(card.receive_frame().unwrap(), vec![53; 53]);
    assert!(frames.len() == 1 && !card.driver.needs_reset(), "{} frames are left", frames.len());
}
