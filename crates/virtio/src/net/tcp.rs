//! TCP between the guest and the host's sockets.
//!
//! The guest's end is smoltcp's, under whatever address the guest connected to; the other end is a socket of the host.
//! The guest's SYN is held back until the host is connected: the guest finds ports open or closed as they are.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::time::Duration;

use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::{Duration as SmolDuration, Instant};
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr, Ipv4Packet, TcpPacket};

use super::address::{GATEWAY, GUEST, Reach};
use super::frame::ToGuest;
use super::link::Link;
use super::tokens::Tokens;

/// Most connections.
const MOST_FLOWS: usize = 512;
/// Bytes that wait in each direction of a connection.
const BUFFER_BYTES: usize = 256 << 10;
/// A quiet connection is probed so often, and given up after so long without an answer.
const KEEP_ALIVE: SmolDuration = SmolDuration::from_secs(75);
const GIVE_UP: SmolDuration = SmolDuration::from_secs(600);
/// Where the gateway's ports for connections to the guest begin.
const FIRST_PORT: u16 = 0x8000;

/// A connection as the guest sees it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Pair {
    guest_port: u16,
    peer: (Ipv4Addr, u16),
}

/// How far a connection is.
enum Stage {
    /// The host connects; the guest's SYN waits.
    Connecting { syn: Vec<u8> },
    /// The guest's end is there.
    Open(SocketHandle),
}

struct Flow {
    pair: Pair,
    stream: TcpStream,
    stage: Stage,
    /// The host's socket may have something to read.
    readable: bool,
    /// The host's socket may have room.
    writable: bool,
    /// The host was told that the guest sends no more.
    shut: bool,
    /// The host's end broke; what the guest still has for it is lost.
    failed: bool,
}

struct Port {
    listener: TcpListener,
    guest_port: u16,
}

/// All TCP.
pub struct Tcp {
    registry: Registry,
    interface: Interface,
    sockets: SocketSet<'static>,
    flows: HashMap<Token, Flow>,
    ports: HashMap<Token, Port>,
    new_tokens: Tokens,
    next_port: u16,
    start: std::time::Instant,
    reach: Reach,
}

impl Tcp {
    pub fn new(registry: Registry, new_tokens: Tokens, reach: Reach) -> io::Result<Self> {
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = getrandom::u64().map_err(io::Error::other)?;
        let mut interface = Interface::new(config, &mut Link::describe(), Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            // The list is empty and has room for one.
            let _ = addresses.push(IpCidr::new(IpAddress::Ipv4(GATEWAY), 24));
        });
        interface.set_any_ip(true);
        Ok(Tcp {
            registry,
            interface,
            sockets: SocketSet::new(Vec::new()),
            flows: HashMap::new(),
            ports: HashMap::new(),
            new_tokens,
            next_port: 0,
            start: std::time::Instant::now(),
            reach,
        })
    }

    /// Forwards connections to `host` to the guest. Answers where it listens: a port of 0 is any that is free.
    pub fn forward(&mut self, host: SocketAddr, guest_port: u16) -> io::Result<SocketAddr> {
        let mut listener = TcpListener::bind(host)?;
        let listening = listener.local_addr()?;
        let token = self.new_tokens.next();
        self.registry.register(&mut listener, token, Interest::READABLE)?;
        self.ports.insert(token, Port { listener, guest_port });
        Ok(listening)
    }

    /// Takes in an IP packet of the guest.
    pub fn receive(&mut self, packet: &[u8], to_guest: &mut ToGuest) {
        if let Some(pair) = syn_of(packet)
            && !self.admit(pair, packet)
        {
            return;
        }
        self.process(packet, to_guest);
    }

    /// Whether the guest's end may see this SYN now.
    fn admit(&mut self, pair: Pair, syn: &[u8]) -> bool {
        let known = self.flows.iter().find(|(_, flow)| flow.pair == pair);
        if let Some((&token, flow)) = known {
            match flow.stage {
                Stage::Connecting { .. } => return false,
                Stage::Open(handle) if self.sockets.get::<Socket>(handle).state() != State::TimeWait => return true,
                Stage::Open(_) => self.forget(token),
            }
        }
        if self.flows.len() >= MOST_FLOWS {
            // It comes again.
            return false;
        }
        // Without a flow, the guest's end answers that the connection is refused.
        self.connect(pair, syn).is_none()
    }

    fn connect(&mut self, pair: Pair, syn: &[u8]) -> Option<()> {
        let stream = TcpStream::connect(self.reach.on_host(pair.peer.0, pair.peer.1)?).ok()?;
        self.insert(pair, stream, Stage::Connecting { syn: syn.to_vec() }).ok()
    }

    fn insert(&mut self, pair: Pair, mut stream: TcpStream, stage: Stage) -> io::Result<()> {
        let token = self.new_tokens.next();
        // Small segments are the guest's business. If the option cannot be set, they are only later.
        let _ = stream.set_nodelay(true);
        self.registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        self.flows
            .insert(token, Flow { pair, stream, stage, readable: true, writable: true, shut: false, failed: false });
        Ok(())
    }

    fn forget(&mut self, token: Token) {
        if let Some(Flow { stage: Stage::Open(handle), .. }) = self.flows.remove(&token) {
            self.sockets.remove(handle);
        }
    }

    fn now(&self) -> Instant {
        Instant::from_micros(self.start.elapsed().as_micros() as i64)
    }

    fn process(&mut self, packet: &[u8], to_guest: &mut ToGuest) {
        let now = self.now();
        self.interface.poll_ingress_single(now, &mut Link::new(Some(packet), to_guest), &mut self.sockets);
    }

    /// Something happened at the socket of `token`, if it is one of these.
    pub fn ready(&mut self, token: Token, event: &Event, to_guest: &mut ToGuest) {
        if self.ports.contains_key(&token) {
            return self.accept(token);
        }
        let Some(flow) = self.flows.get_mut(&token) else { return };
        flow.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        flow.writable |= event.is_writable() || event.is_write_closed() || event.is_error();
        if matches!(flow.stage, Stage::Connecting { .. }) {
            self.connected(token, to_guest);
        }
    }

    /// The host's connection came about, or failed: the guest's SYN is answered.
    fn connected(&mut self, token: Token, to_guest: &mut ToGuest) {
        let Some(flow) = self.flows.get_mut(&token) else { return };
        let failed = !matches!(flow.stream.take_error(), Ok(None));
        if !failed && flow.stream.peer_addr().is_err() {
            return;
        }
        let Stage::Connecting { syn } = &mut flow.stage else { return };
        let syn = std::mem::take(syn);
        if failed {
            self.flows.remove(&token);
        } else {
            let mut socket = new_socket();
            // The port is not zero, and the socket is new.
            let _ = socket.listen((IpAddress::Ipv4(flow.pair.peer.0), flow.pair.peer.1));
            flow.stage = Stage::Open(self.sockets.add(socket));
        }
        self.process(&syn, to_guest);
    }

    fn accept(&mut self, token: Token) {
        while let Some(port) = self.ports.get(&token) {
            let guest_port = port.guest_port;
            match port.listener.accept() {
                // One too many is closed again.
                Ok((stream, _)) if self.flows.len() < MOST_FLOWS => self.enter(guest_port, stream),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(_) => return,
            }
        }
    }

    /// Connects to the guest on behalf of `stream`.
    fn enter(&mut self, guest_port: u16, stream: TcpStream) {
        let pair = Pair { guest_port, peer: (GATEWAY, self.free_port()) };
        let mut socket = new_socket();
        let guest = (IpAddress::Ipv4(GUEST), guest_port);
        let gateway = (IpAddress::Ipv4(GATEWAY), pair.peer.1);
        if socket.connect(self.interface.context(), guest, gateway).is_ok() {
            let handle = self.sockets.add(socket);
            if self.insert(pair, stream, Stage::Open(handle)).is_err() {
                self.sockets.remove(handle);
            }
        }
    }

    /// A port of the gateway that no connection has. There are far more than connections.
    fn free_port(&mut self) -> u16 {
        loop {
            let port = FIRST_PORT | self.next_port;
            self.next_port = (self.next_port + 1) % FIRST_PORT;
            if !self.flows.values().any(|flow| flow.pair.peer == (GATEWAY, port)) {
                return port;
            }
        }
    }

    /// Carries data both ways and drops what is over.
    pub fn pump(&mut self, to_guest: &mut ToGuest) {
        for flow in self.flows.values_mut() {
            if let Stage::Open(handle) = flow.stage {
                flow.carry(self.sockets.get_mut(handle));
            }
        }
        let now = self.now();
        self.interface.poll(now, &mut Link::new(None, to_guest), &mut self.sockets);
        self.sweep();
    }

    fn sweep(&mut self) {
        let sockets = &self.sockets;
        let over = |flow: &Flow| matches!(flow.stage, Stage::Open(handle) if flow.is_over(sockets.get(handle)));
        let tokens: Vec<Token> = self.flows.iter().filter(|(_, flow)| over(flow)).map(|(&token, _)| token).collect();
        tokens.into_iter().for_each(|token| self.forget(token));
    }

    /// How long until there is something to do without anything happening.
    pub fn delay(&mut self) -> Option<Duration> {
        let now = self.now();
        self.interface.poll_delay(now, &self.sockets).map(|delay| Duration::from_micros(delay.total_micros()))
    }
}

impl Flow {
    fn carry(&mut self, socket: &mut Socket) {
        if self.carry_out(socket).is_err() || self.carry_in(socket).is_err() {
            self.failed = true;
            socket.abort();
        }
    }

    /// Whether both ends are done with each other, and know it.
    fn is_over(&self, socket: &Socket) -> bool {
        let all_carried = self.failed || !socket.can_recv();
        match socket.state() {
            // As long as there is a remote end, it is still to be reset.
            State::Closed => all_carried && socket.remote_endpoint().is_none(),
            // Nothing of an old connection is on this network for a new one to be confused by.
            State::TimeWait => all_carried,
            _ => false,
        }
    }

    fn carry_out(&mut self, socket: &mut Socket) -> io::Result<()> {
        while self.writable && socket.can_recv() {
            let stream = &mut self.stream;
            // Cannot fail: there is something to receive.
            let Ok(result) = socket.recv(|data| match stream.write(data) {
                Ok(len) => (len, Ok(true)),
                Err(error) => (0, waiting(error)),
            }) else {
                break;
            };
            self.writable = result?;
        }
        let guest_is_done =
            matches!(socket.state(), State::CloseWait | State::LastAck | State::Closing | State::TimeWait);
        if guest_is_done && !socket.can_recv() && !self.shut {
            self.shut = true;
            // The host may be gone already.
            let _ = self.stream.shutdown(Shutdown::Write);
        }
        Ok(())
    }

    fn carry_in(&mut self, socket: &mut Socket) -> io::Result<()> {
        while self.readable && socket.can_send() {
            let stream = &mut self.stream;
            let mut ended = false;
            // Cannot fail: there is room to send.
            let Ok(result) = socket.send(|room| match stream.read(room) {
                Ok(len) => {
                    ended = len == 0;
                    (len, Ok(!ended))
                }
                Err(error) => (0, waiting(error)),
            }) else {
                break;
            };
            self.readable = result?;
            if ended {
                socket.close();
            }
        }
        Ok(())
    }
}

/// Whether to try again at once after `error`, or later.
fn waiting(error: io::Error) -> io::Result<bool> {
    match error.kind() {
        ErrorKind::WouldBlock => Ok(false),
        ErrorKind::Interrupted => Ok(true),
        _ => Err(error),
    }
}

fn new_socket() -> Socket<'static> {
    let buffer = || SocketBuffer::new(vec![0; BUFFER_BYTES]);
    let mut socket = Socket::new(buffer(), buffer());
    socket.set_nagle_enabled(false);
    socket.set_ack_delay(None);
    socket.set_keep_alive(Some(KEEP_ALIVE));
    socket.set_timeout(Some(GIVE_UP));
    socket
}

/// The connection that a packet wants to begin, if it does.
fn syn_of(packet: &[u8]) -> Option<Pair> {
    let packet = Ipv4Packet::new_checked(packet).ok()?;
    let segment = TcpPacket::new_checked(packet.payload()).ok()?;
    let pair = Pair { guest_port: segment.src_port(), peer: (packet.dst_addr(), segment.dst_port()) };
    (segment.syn() && !segment.ack()).then_some(pair)
}
