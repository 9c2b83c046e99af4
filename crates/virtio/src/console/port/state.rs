//! What a port is saved as. Where it leads to is the machine's that it is loaded into.

use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::{Far, Owed, Port};
use crate::ring::{Request, RequestState};

/// A port between two notices.
#[derive(Deserialize, Serialize)]
pub struct PortState {
    input: VecDeque<u8>,
    seen: bool,
    begun: Option<(RequestState, Vec<u8>)>,
    guest_open: bool,
    far: Far,
    known: bool,
    owed: BTreeSet<Owed>,
}

impl Port {
    /// What it has come to.
    pub fn save(&self) -> PortState {
        PortState {
            input: self.input.clone(),
            seen: self.seen,
            begun: self.begun.as_ref().map(|(request, piece)| (request.save(), piece.clone())),
            guest_open: self.guest_open,
            far: self.far,
            known: self.known,
            owed: self.owed.clone(),
        }
    }

    /// Whether the driver knows it, and whether somebody in the guest has it open.
    pub fn as_the_driver_has_it(&self) -> (bool, bool) {
        (self.known, self.guest_open)
    }

    /// Makes it what such was.
    pub fn load(&mut self, state: PortState) {
        let PortState { input, seen, begun, guest_open, far, known, owed } = state;
        self.begun = begun.map(|(request, piece)| (Request::restore(&request), piece));
        (self.input, self.seen, self.guest_open) = (input, seen, guest_open);
        (self.far, self.known, self.owed) = (far, known, owed);
    }
}
