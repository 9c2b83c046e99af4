//! What a board does with each of its devices, whatever they are.

use bus::{Device, Stateful};

use crate::DtNode;

/// A part of the board: registers that describe themselves, go back to what they are after reset, and can be saved
/// ([`bus::state`]).
pub trait Part: Device + DtNode + Stateful {
    /// Back to the state after reset. Wires are driven accordingly.
    fn reset(&mut self) {}

    /// Goes on with what time has brought, or what was left to do when a driver asked for it. Answers whether something
    /// is left that can be done at once.
    ///
    /// For machines whose harts take turns: called when a turn is over. Others have threads for such things.
    fn poll(&mut self) -> bool {
        false
    }
}
