//! Which states a UART can come to, and what of one is its driver's.

use alloc::collections::VecDeque;

use super::{Core, FIFO_DEPTH, ier, mcr};

impl Core {
    /// Whether this is a state of a UART.
    pub fn is_legal(&self) -> bool {
        self.received.len() <= FIFO_DEPTH && self.ier & !ier::ALL == 0 && self.mcr & !mcr::ALL == 0
    }

    /// The same, and nothing has come in that its driver has not read.
    pub fn without_input(&self) -> Core {
        Core { received: VecDeque::new(), overrun: false, ..self.clone() }
    }
}
