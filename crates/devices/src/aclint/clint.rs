//! The SiFive CLINT: an MSWI at 0 and an MTIMER at 0x4000 of one region.

use std::sync::Arc;

use arch::Interrupt;
use bus::Device;
use vcpu::Clock;
use vm_fdt::{Error, FdtWriter};

use super::{Harts, Mswi, Mtimer, SWI_BYTES};
use crate::{DtNode, Part, Placement, dt, node_name};

/// The CLINT on the bus.
pub struct Clint {
    mswi: Mswi,
    mtimer: Mtimer,
}

impl Clint {
    /// A CLINT that shows `clock` and drives the pins of `harts`.
    pub fn new(clock: Arc<Clock>, harts: Harts) -> Self {
        Clint { mswi: Mswi::new(harts.clone()), mtimer: Mtimer::new(clock, harts) }
    }
}

impl Device for Clint {
    fn read(&mut self, offset: u64, data: &mut [u8]) {
        match offset.checked_sub(SWI_BYTES) {
            None => self.mswi.read(offset, data),
            Some(offset) => self.mtimer.read(offset, data),
        }
    }

    fn write(&mut self, offset: u64, data: &[u8]) {
        match offset.checked_sub(SWI_BYTES) {
            None => self.mswi.write(offset, data),
            Some(offset) => self.mtimer.write(offset, data),
        }
    }
}

impl Part for Clint {
    fn reset(&mut self) {
        self.mswi.reset();
        self.mtimer.reset();
    }
}

bus::stateless!(Clint);

impl DtNode for Clint {
    fn write_node(&self, fdt: &mut FdtWriter, place: &Placement) -> Result<(), Error> {
        let node = fdt.begin_node(&node_name("clint", place))?;
        dt::compatible(fdt, &["sifive,clint0", "riscv,clint0"])?;
        place.reg(fdt)?;
        place.hart_interrupts(fdt, &[Interrupt::MachineSoftware, Interrupt::MachineTimer])?;
        fdt.end_node(node)
    }
}

#[cfg(test)]
mod tests {
    use vcpu::HartPins;

    use super::*;
    use crate::access;

    #[test]
    fn the_legacy_offsets_reach_their_registers() {
        let pins = HartPins::new();
        let clock = Arc::new(Clock::virtual_time());
        clock.advance(5);
        let mut clint = Clint::new(clock, vec![pins.clone()]);
        clint.write(0, &1u32.to_le_bytes());
        clint.write(0x4000, &77u64.to_le_bytes());
        let mut time = [0; 8];
        clint.read(0xbff8, &mut time);
        assert_eq!(pins.levels(), Interrupt::MachineSoftware.bit());
        assert_eq!(pins.mtimecmp(), 77);
        assert_eq!(access::value(&time), 5);
    }
}
