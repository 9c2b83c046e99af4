//! Which states a UART can come to.

use super::{Core, FIFO_DEPTH, ier, mcr};

impl Core {
    /// Whether this is a state of a UART.
    pub fn is_legal(&self) -> bool {
        self.received.len() <= FIFO_DEPTH && self.ier & !ier::ALL == 0 && self.mcr & !mcr::ALL == 0
    }
}
