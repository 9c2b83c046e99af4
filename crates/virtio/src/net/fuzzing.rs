//! Doors for the crate `fuzz`: the network without its thread, and a card without a network.

use std::collections::VecDeque;
use std::io;

use mio::{Events, Poll, Token, Waker};

use super::backend::Backend;
use super::{Arc, FRAMES_AT_ONCE, LEGACY_HEADER_BYTES, Net, NetConfig, NetError, Transport};

/// A network whose turns are taken by hand: it waits for nothing.
pub struct Network {
    backend: Backend,
    events: Events,
}

impl Network {
    /// Opens the forwarded ports.
    ///
    /// # Errors
    /// [`NetError`] names the port that cannot be had.
    pub fn open(config: &NetConfig) -> Result<Self, NetError> {
        Ok(Network { backend: Backend::open(config)?, events: Events::with_capacity(16) })
    }

    /// Takes in the guest's `frames`, carries what is to be carried, and answers the frames for the guest.
    pub fn turn(&mut self, frames: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        self.backend.turn(frames, &mut self.events)
    }
}

/// A card whose cable ends in itself: what it sends comes back.
pub struct Loop {
    card: Transport,
    frames: VecDeque<Vec<u8>>,
    /// The waker's; nobody waits.
    _poll: Poll,
}

impl Loop {
    /// Makes a card and has `place` put it into its transport.
    ///
    /// # Errors
    /// The host has no more files.
    pub fn new(mac: [u8; 6], place: impl FnOnce(Net) -> Transport) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), Token(0))?);
        Ok(Loop {
            card: place(Net { mac, given_mac: mac, waker, checksums_valid: false, header_bytes: LEGACY_HEADER_BYTES }),
            frames: VecDeque::new(),
            _poll: poll,
        })
    }

    /// The card in its transport.
    pub fn card(&self) -> Transport {
        self.card.clone()
    }

    /// Moves frames once.
    pub fn turn(&mut self) {
        let mut taken = Vec::new();
        let frames = &mut self.frames;
        if let Ok(mut card) = self.card.lock() {
            card.work(|net, rings| {
                net.give(rings, frames)?;
                net.take(rings, &mut taken)
            });
        }
        self.frames.extend(taken);
        self.frames.truncate(FRAMES_AT_ONCE);
    }
}
