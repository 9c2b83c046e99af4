//! UDP between the guest and the host's sockets.
//!
//! Each pair of a guest's port and a destination has a connected socket of its own until nothing went through for a
//! while. A forwarded port has one socket; each of its peers appears to the guest as a port of the gateway.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};

use super::address::{GATEWAY, GUEST, Reach};
use super::frame::ToGuest;
use super::tokens::Tokens;

/// Most pairs, and most peers of forwarded ports.
const MOST_ENTRIES: usize = 512;
/// An entry is forgotten after so long without a datagram.
const IDLE: Duration = Duration::from_secs(180);
/// Most datagrams taken from a socket in one go.
const DATAGRAMS_AT_ONCE: usize = 64;
/// Where the ports of peers begin.
const FIRST_PEER_PORT: u16 = 0x8000;

/// A guest's port and where it sends.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Pair {
    guest_port: u16,
    to: (Ipv4Addr, u16),
}

struct Flow {
    pair: Pair,
    socket: UdpSocket,
    last_use: Instant,
}

struct Port {
    socket: UdpSocket,
    guest_port: u16,
}

/// Who sent to a forwarded port.
struct Peer {
    /// Of the forwarded port's socket.
    port: Token,
    address: SocketAddr,
    last_use: Instant,
}

/// All UDP.
pub struct Udp {
    registry: Registry,
    flows: HashMap<Token, Flow>,
    tokens: HashMap<Pair, Token>,
    ports: HashMap<Token, Port>,
    /// By the gateway's port that the guest sees.
    peers: HashMap<u16, Peer>,
    next_peer: u16,
    new_tokens: Tokens,
    /// Sockets that may have more than was taken at once.
    unfinished: Vec<Token>,
    buffer: Vec<u8>,
    reach: Reach,
}

impl Udp {
    pub fn new(registry: Registry, new_tokens: Tokens, reach: Reach) -> Self {
        Udp {
            registry,
            flows: HashMap::new(),
            tokens: HashMap::new(),
            ports: HashMap::new(),
            peers: HashMap::new(),
            next_peer: 0,
            new_tokens,
            unfinished: Vec::new(),
            buffer: vec![0; 65536],
            reach,
        }
    }

    /// Forwards datagrams for `host` to the guest. Answers where they are taken: a port of 0 is any that is free.
    pub fn forward(&mut self, host: SocketAddr, guest_port: u16) -> io::Result<SocketAddr> {
        let mut socket = UdpSocket::bind(host)?;
        let listening = socket.local_addr()?;
        let token = self.new_tokens.next();
        self.registry.register(&mut socket, token, Interest::READABLE)?;
        self.ports.insert(token, Port { socket, guest_port });
        Ok(listening)
    }

    /// Sends the guest's datagram on. One that cannot be sent is lost, as datagrams may be.
    pub fn send(&mut self, guest_port: u16, to: (Ipv4Addr, u16), data: &[u8]) {
        if to.0 == GATEWAY && self.answer_peer(guest_port, to.1, data) {
            return;
        }
        let pair = Pair { guest_port, to };
        let token = match self.tokens.get(&pair) {
            Some(&token) => token,
            None => match self.open(pair) {
                Some(token) => token,
                None => return,
            },
        };
        if let Some(flow) = self.flows.get_mut(&token) {
            flow.last_use = Instant::now();
            let _ = flow.socket.send(data);
        }
    }

    /// Sends to the peer of a forwarded port that `peer_port` stands for, if it does.
    fn answer_peer(&mut self, guest_port: u16, peer_port: u16, data: &[u8]) -> bool {
        let Some(peer) = self.peers.get_mut(&peer_port) else { return false };
        let Some(port) = self.ports.get(&peer.port).filter(|port| port.guest_port == guest_port) else { return false };
        peer.last_use = Instant::now();
        let _ = port.socket.send_to(data, peer.address);
        true
    }

    fn open(&mut self, pair: Pair) -> Option<Token> {
        let target = self.reach.on_host(pair.to.0, pair.to.1)?;
        let any: SocketAddr = match target {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        if self.flows.len() >= MOST_ENTRIES {
            let oldest = self.flows.iter().min_by_key(|(_, flow)| flow.last_use).map(|(&token, _)| token)?;
            self.close(oldest);
        }
        let mut socket = UdpSocket::bind(any).ok()?;
        socket.connect(target).ok()?;
        let token = self.new_tokens.next();
        self.registry.register(&mut socket, token, Interest::READABLE).ok()?;
        self.flows.insert(token, Flow { pair, socket, last_use: Instant::now() });
        self.tokens.insert(pair, token);
        Some(token)
    }

    fn close(&mut self, token: Token) {
        if let Some(flow) = self.flows.remove(&token) {
            self.tokens.remove(&flow.pair);
        }
    }

    /// Something came in at the socket of `token`, if it is one of these.
    pub fn ready(&mut self, token: Token) {
        let known = self.flows.contains_key(&token) || self.ports.contains_key(&token);
        if known && !self.unfinished.contains(&token) {
            self.unfinished.push(token);
        }
    }

    /// Brings what came in to the guest. Answers whether there is more.
    pub fn pump(&mut self, to_guest: &mut ToGuest) -> bool {
        for token in std::mem::take(&mut self.unfinished) {
            let mut more = true;
            for _ in 0..DATAGRAMS_AT_ONCE {
                more = !to_guest.is_full() && self.take_one(token, to_guest);
                if !more {
                    break;
                }
            }
            if more || to_guest.is_full() {
                self.unfinished.push(token);
            }
        }
        !self.unfinished.is_empty()
    }

    /// Brings one datagram to the guest, if there is one.
    fn take_one(&mut self, token: Token, to_guest: &mut ToGuest) -> bool {
        if let Some(flow) = self.flows.get_mut(&token) {
            return match flow.socket.recv(&mut self.buffer) {
                Ok(len) => {
                    flow.last_use = Instant::now();
                    to_guest.send_udp(flow.pair.to, (GUEST, flow.pair.guest_port), &self.buffer[..len]);
                    true
                }
                // "Connection refused" was about an earlier datagram; only an empty socket ends this.
                Err(error) => error.kind() != io::ErrorKind::WouldBlock,
            };
        }
        let Some(port) = self.ports.get(&token) else { return false };
        match port.socket.recv_from(&mut self.buffer) {
            Ok((len, from)) => {
                let guest_port = port.guest_port;
                if let Some(peer_port) = self.peer_port(token, from) {
                    to_guest.send_udp((GATEWAY, peer_port), (GUEST, guest_port), &self.buffer[..len]);
                }
                true
            }
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
    }

    /// The gateway's port that stands for `address` at a forwarded port.
    fn peer_port(&mut self, port: Token, address: SocketAddr) -> Option<u16> {
        let last_use = Instant::now();
        let known = self.peers.iter_mut().find(|(_, peer)| peer.port == port && peer.address == address);
        if let Some((&number, peer)) = known {
            peer.last_use = last_use;
            return Some(number);
        }
        if self.peers.len() >= MOST_ENTRIES {
            let oldest = self.peers.iter().min_by_key(|(_, peer)| peer.last_use).map(|(&number, _)| number)?;
            self.peers.remove(&oldest);
        }
        // There are far more ports than peers.
        let number = loop {
            let number = FIRST_PEER_PORT | self.next_peer;
            self.next_peer = (self.next_peer + 1) % FIRST_PEER_PORT;
            if !self.peers.contains_key(&number) {
                break number;
            }
        };
        self.peers.insert(number, Peer { port, address, last_use });
        Some(number)
    }

    /// Forgets what was idle too long.
    pub fn expire(&mut self) {
        let now = Instant::now();
        let idle = |last_use: Instant| now.duration_since(last_use) > IDLE;
        let old: Vec<Token> =
            self.flows.iter().filter(|(_, flow)| idle(flow.last_use)).map(|(&token, _)| token).collect();
        old.into_iter().for_each(|token| self.close(token));
        self.peers.retain(|_, peer| !idle(peer.last_use));
    }

    /// When to call [`Udp::expire`], if ever.
    pub fn expire_after(&self) -> Option<Duration> {
        (!self.flows.is_empty() || !self.peers.is_empty()).then_some(IDLE)
    }
}
