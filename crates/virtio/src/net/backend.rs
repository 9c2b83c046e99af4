//! The thread behind a network card.
//!
//! It sleeps until the guest notifies, a socket is ready, or a timer is due. It holds the card's lock only while it
//! moves frames; sockets and protocols are its own. It ends when the card is gone.

use std::io;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use mio::{Events, Poll, Token, Waker};
use smoltcp::wire::EthernetAddress;

use super::frame::ToGuest;
use super::router::Router;
use super::tcp::Tcp;
use super::tokens::Tokens;
use super::udp::Udp;
use super::{FRAMES_AT_ONCE, Forward, Net, NetConfig, NetError, Protocol};
use crate::transport::MmioTransport;

const WAKER: Token = Token(0);
const EVENTS_AT_ONCE: usize = 256;
/// A timer that is due although everything was just done is not due at once.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// The network without its card.
pub struct Backend {
    poll: Poll,
    waker: Arc<Waker>,
    router: Router,
    /// With the ports that were got.
    forwards: Vec<Forward>,
}

/// What moving frames came to.
struct Moved {
    /// There may be more frames from the guest.
    more: bool,
    /// The guest has no buffers for the frames that are left.
    blocked: bool,
}

impl Backend {
    /// Opens the forwarded ports.
    pub fn open(config: &NetConfig) -> Result<Self, NetError> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let tokens = Tokens::behind(WAKER);
        let mut tcp = Tcp::new(poll.registry().try_clone()?, tokens.clone(), config.reach)?;
        let mut udp = Udp::new(poll.registry().try_clone()?, tokens, config.reach);
        let mut forwards = config.forwards.clone();
        for Forward { protocol, host, guest_port } in &mut forwards {
            let opened = match protocol {
                Protocol::Tcp => tcp.forward(*host, *guest_port),
                Protocol::Udp => udp.forward(*host, *guest_port),
            };
            let (protocol, asked, guest_port) = (*protocol, *host, *guest_port);
            *host = opened.map_err(|source| NetError::Listen { protocol, host: asked, guest_port, source })?;
        }
        let to_guest = ToGuest { frames: Default::default(), guest_mac: EthernetAddress(config.mac) };
        Ok(Backend { poll, waker, router: Router { tcp, udp, to_guest }, forwards })
    }

    /// Only the part that frames go to.
    #[cfg(test)]
    pub fn into_router(self) -> Router {
        self.router
    }

    /// The ways in, with the ports that the host gave where any would do.
    pub fn forwards(&self) -> &[Forward] {
        &self.forwards
    }

    /// Wakes the thread up.
    pub fn waker(&self) -> Arc<Waker> {
        self.waker.clone()
    }

    /// Works for `card` until it is gone.
    pub fn run(mut self, card: &Weak<Mutex<MmioTransport<Net>>>) {
        let mut from_guest = Vec::with_capacity(FRAMES_AT_ONCE);
        let mut events = Events::with_capacity(EVENTS_AT_ONCE);
        while let Some(moved) = self.move_frames(card, &mut from_guest) {
            let more_datagrams = self.carry(from_guest.drain(..));
            let to_guest = &self.router.to_guest;
            let deliverable = !moved.blocked && !to_guest.frames.is_empty();
            let busy = deliverable || !to_guest.is_full() && (moved.more || more_datagrams);
            let timeout = if busy { Some(Duration::ZERO) } else { self.sleep() };
            if !self.wait(timeout, &mut events) {
                return;
            }
        }
    }

    /// Takes in the guest's frames and carries what there is both ways. Answers whether there are more datagrams.
    fn carry(&mut self, from_guest: impl IntoIterator<Item = Vec<u8>>) -> bool {
        from_guest.into_iter().for_each(|frame| self.router.route(&frame));
        let Router { tcp, udp, to_guest } = &mut self.router;
        let more_datagrams = udp.pump(to_guest);
        tcp.pump(to_guest);
        more_datagrams
    }

    /// A turn without a card: takes in frames of the guest and answers those for it. Waits for nothing.
    pub fn turn(&mut self, from_guest: Vec<Vec<u8>>, events: &mut Events) -> Vec<Vec<u8>> {
        self.carry(from_guest);
        self.wait(Some(Duration::ZERO), events);
        self.carry([]);
        self.router.to_guest.frames.drain(..).collect()
    }

    /// Moves frames between the card and here; `None` when the card is gone.
    fn move_frames(&mut self, card: &Weak<Mutex<MmioTransport<Net>>>, from_guest: &mut Vec<Vec<u8>>) -> Option<Moved> {
        let card = card.upgrade()?;
        let to_guest = &mut self.router.to_guest;
        let mut running = false;
        card.lock().ok()?.work(|net, rings| {
            running = true;
            net.give(rings, &mut to_guest.frames)?;
            // Answers must have a place.
            if to_guest.is_full() { Ok(()) } else { net.take(rings, from_guest) }
        });
        if !running {
            to_guest.frames.clear();
        }
        Some(Moved { more: from_guest.len() == FRAMES_AT_ONCE, blocked: !to_guest.frames.is_empty() })
    }

    /// How long there is nothing to do, unless something happens.
    fn sleep(&mut self) -> Option<Duration> {
        let Router { tcp, udp, to_guest } = &mut self.router;
        // What is due cannot be sent before the guest makes room, and that wakes us.
        let tcp_due = if to_guest.is_full() { None } else { tcp.delay().map(|delay| delay.max(SHORTEST_SLEEP)) };
        [tcp_due, udp.expire_after()].into_iter().flatten().min()
    }

    /// Waits for events and notes them. Answers false when the host cannot wait.
    fn wait(&mut self, timeout: Option<Duration>, events: &mut Events) -> bool {
        if let Err(error) = self.poll.poll(events, timeout) {
            return error.kind() == io::ErrorKind::Interrupted;
        }
        let Router { tcp, udp, to_guest } = &mut self.router;
        for event in events.iter().filter(|event| event.token() != WAKER) {
            udp.ready(event.token());
            tcp.ready(event.token(), event, to_guest);
        }
        udp.expire();
        true
    }
}
