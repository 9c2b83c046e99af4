//! A port: what waits for the guest, what it sends, and what the driver is yet to be told of it.

#[cfg(feature = "state")]
mod state;

#[cfg(feature = "state")]
pub(super) use state::PortState;

use std::collections::{BTreeSet, VecDeque};

use crate::ring::{Broken, Request, Ring};

use super::control::{self, Event};
use super::line::PortLine;

/// Most bytes of input that wait for the guest, but for those that are there from the beginning.
const MOST_INPUT: usize = 64 << 10;
/// Output goes out in pieces of at most this size: what Linux sends at once.
const PIECE_BYTES: usize = 32 << 10;

/// Is offered what the guest sends, and answers how many bytes of it were taken. The rest is offered again once the
/// port's line says that there is room.
pub type PortOut = Box<dyn FnMut(&[u8]) -> usize + Send>;

/// What a port is to the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortKind {
    /// A console, in Linux `hvc0` and on.
    Console,
    /// A channel with a name, in Linux `/dev/vport0p1` and on.
    Channel(String),
}

/// A port as it is wanted.
pub struct PortConfig {
    /// Its number, below [`super::MOST_PORTS`].
    pub number: u32,
    /// What it is.
    pub kind: PortKind,
    /// Where its output goes.
    pub out: PortOut,
    /// What waits for whoever opens it, as it comes from the beginning.
    pub input: Vec<u8>,
    /// Where its far end holds it.
    pub line: PortLine,
}

impl PortConfig {
    /// A console.
    pub fn console(number: u32, line: PortLine, out: PortOut) -> PortConfig {
        PortConfig { number, kind: PortKind::Console, out, input: Vec::new(), line }
    }

    /// A channel.
    pub fn channel(number: u32, name: &str, line: PortLine, out: PortOut) -> PortConfig {
        PortConfig { number, kind: PortKind::Channel(name.to_owned()), out, input: Vec::new(), line }
    }
}

/// A port of a device.
pub(super) struct Port {
    kind: PortKind,
    line: PortLine,
    out: PortOut,
    input: VecDeque<u8>,
    /// The driver has taken some input.
    seen: bool,
    /// A request whose output is not all out, and what is left of its last piece.
    begun: Option<(Request, Vec<u8>)>,
    guest_open: bool,
    far: Far,
    /// The driver has set it up.
    known: bool,
    owed: BTreeSet<Owed>,
}

/// The far end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
enum Far {
    Open,
    /// Nothing follows what is in the input.
    Ending,
    Closed,
}

/// What the driver is yet to be told, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
enum Owed {
    Itself,
    Kind,
    Name,
    Open,
}

impl Port {
    pub fn new(config: PortConfig) -> Port {
        Port {
            kind: config.kind,
            line: config.line,
            out: config.out,
            input: config.input.into(),
            seen: false,
            begun: None,
            guest_open: false,
            far: Far::Open,
            known: false,
            owed: BTreeSet::new(),
        }
    }

    pub fn line(&self) -> PortLine {
        self.line.clone()
    }

    /// Whether somebody in the guest takes input: a console does, as does whoever knows of no ports.
    pub fn is_open(&self, has_ports: bool) -> bool {
        !has_ports || self.guest_open || self.kind == PortKind::Console
    }

    /// Adds input. Answers how much of it was taken.
    pub fn add(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(MOST_INPUT.saturating_sub(self.input.len()));
        self.input.extend(&bytes[..taken]);
        taken
    }

    /// The far end is there again, or nothing follows.
    pub fn set_far(&mut self, open: bool) {
        let far = if open { Far::Open } else { Far::Ending };
        if open != (self.far == Far::Open) {
            self.far = far;
            self.owed.extend((open && self.known).then_some(Owed::Open));
        }
        self.close_at_end();
    }

    fn close_at_end(&mut self) {
        if self.far == Far::Ending && self.input.is_empty() {
            self.far = Far::Closed;
            self.owed.extend(self.known.then_some(Owed::Open));
        }
    }

    pub fn receive(&mut self, ring: &mut Ring) -> Result<(), Broken> {
        let memory = ring.memory();
        while !self.input.is_empty() {
            let Some(mut request) = ring.pop()? else { return Ok(()) };
            let len = request.writable.write(&memory, self.input.make_contiguous())?;
            self.input.drain(..len);
            self.seen = true;
            ring.finish(request, len as u32)?;
        }
        self.close_at_end();
        Ok(())
    }

    pub fn transmit(&mut self, ring: &mut Ring) -> Result<(), Broken> {
        let memory = ring.memory();
        while let Some((mut request, mut piece)) = self.next_output(ring)? {
            loop {
                if !self.takes(&mut piece) {
                    self.begun = Some((request, piece));
                    return Ok(());
                }
                if request.readable.is_empty() {
                    break;
                }
                let most = usize::try_from(request.readable.len()).unwrap_or(PIECE_BYTES);
                piece.resize(most.min(PIECE_BYTES), 0);
                request.readable.read(&memory, &mut piece)?;
            }
            ring.finish(request, 0)?;
        }
        Ok(())
    }

    /// Offers `piece` to the far end; answers whether all of it was taken, and leaves what was not.
    fn takes(&mut self, piece: &mut Vec<u8>) -> bool {
        if !piece.is_empty() {
            let taken = (self.out)(piece).min(piece.len());
            piece.drain(..taken);
        }
        piece.is_empty()
    }

    /// The request that was begun, else the next.
    fn next_output(&mut self, ring: &mut Ring) -> Result<Option<(Request, Vec<u8>)>, Broken> {
        match self.begun.take() {
            Some(begun) => Ok(Some(begun)),
            None => Ok(ring.pop()?.map(|request| (request, Vec::new()))),
        }
    }

    /// The driver took the queue away that the request begun was in.
    pub fn forget_output(&mut self) {
        self.begun = None;
    }

    /// Somebody in the guest has opened or closed it.
    pub fn opened(&mut self, open: bool) {
        self.guest_open = open;
    }

    /// The driver is to hear that there is this port.
    pub fn owe_itself(&mut self) {
        self.owed.insert(Owed::Itself);
    }

    /// The driver knows it, and is to hear all about it.
    pub fn owe_all(&mut self) {
        self.known = true;
        self.owed.insert(match self.kind {
            PortKind::Console => Owed::Kind,
            PortKind::Channel(_) => Owed::Name,
        });
        // A port that nobody said to be open is closed.
        self.owed.extend((self.far != Far::Closed).then_some(Owed::Open));
    }

    /// The message that the driver is to get next of this port, whose number is `number`.
    pub fn owed(&self, number: u32) -> Option<Vec<u8>> {
        let name = match &self.kind {
            PortKind::Channel(name) => name.as_bytes(),
            PortKind::Console => &[],
        };
        self.owed.first().map(|owed| match owed {
            Owed::Itself => control::message(number, Event::PortAdd, 1, &[]),
            Owed::Kind => control::message(number, Event::ConsolePort, 1, &[]),
            Owed::Name => control::message(number, Event::PortName, 1, name),
            Owed::Open => control::message(number, Event::PortOpen, (self.far != Far::Closed).into(), &[]),
        })
    }

    /// It got that message.
    pub fn told(&mut self) {
        self.owed.pop_first();
    }

    /// Back to the state before any driver. What no driver has begun to take still waits.
    pub fn reset(&mut self) {
        if std::mem::take(&mut self.seen) {
            self.input.clear();
        }
        self.begun = None;
        self.guest_open = false;
        self.known = false;
        self.owed.clear();
        self.close_at_end();
    }
}
