//! A device for random programs.

use std::sync::Arc;

use arch::Interrupt;
use bus::Device;
use vcpu::HartPins;

/// A device that answers with what was written last, and drives MSIP with bit 0 of what is written to its first byte.
pub struct Echo {
    last: u8,
    pins: Arc<HartPins>,
}

impl Echo {
    /// One that interrupts the hart with these pins.
    pub fn new(pins: Arc<HartPins>) -> Echo {
        Echo { last: 0, pins }
    }
}

impl Device for Echo {
    fn read(&mut self, _offset: u64, data: &mut [u8]) {
        data.fill(self.last);
    }
    fn write(&mut self, offset: u64, data: &[u8]) {
        self.last = data.first().copied().unwrap_or_default();
        if offset == 0 {
            self.pins.set(Interrupt::MachineSoftware, self.last & 1 != 0);
        }
    }
}
