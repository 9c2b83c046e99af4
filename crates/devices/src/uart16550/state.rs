//! What a UART is saved as.

use std::collections::VecDeque;

use bus::state::{Plain, Unfit, Unsaved, check, to_bytes};
use cores::uart16550::{Core, Interrupt};
use serde::{Deserialize, Serialize};

use super::{BACKLOG_BYTES, Uart16550};

/// The registers, what waits to be received, and the interrupt last shown.
#[derive(Deserialize, Serialize)]
pub struct Saved {
    core: Core,
    backlog: VecDeque<u8>,
    shown: Interrupt,
}

impl Plain for Uart16550 {
    type State = Saved;

    fn save(&mut self) -> Result<Saved, Unsaved> {
        Ok(Saved { core: self.core.clone(), backlog: self.backlog.clone(), shown: self.shown })
    }

    fn load(&mut self, saved: Saved) -> Result<(), Unfit> {
        check(saved.core.is_legal() && saved.backlog.len() <= BACKLOG_BYTES, "the serial port holds too much")?;
        (self.core, self.backlog, self.shown) = (saved.core, saved.backlog, saved.shown);
        // never lower: that would take back an edge that waits
        if self.shown == Interrupt::Level {
            self.irq.set(true);
        }
        Ok(())
    }

    /// Input comes when the host has some.
    fn reproducible(&mut self) -> Option<Vec<u8>> {
        to_bytes(&self.core.without_input()).ok()
    }
}
