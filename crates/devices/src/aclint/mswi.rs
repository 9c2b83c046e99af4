//! MSWI: machine-level software interrupts between harts.

use arch::Interrupt;
use bus::Device;
use vm_fdt::{Error, FdtWriter};

use super::{Harts, word_of};
use crate::{DtNode, Part, Placement, access, node_name};

/// The MSWI device: one `msip` of 32 bits for each hart, of which bit 0 is wired to the hart.
pub struct Mswi {
    harts: Harts,
}

impl Mswi {
    /// An MSWI that drives the machine software pins of `harts`.
    pub fn new(harts: Harts) -> Self {
        Mswi { harts }
    }

    fn msip(&self, offset: u64) -> u32 {
        let bit = |levels: u64| u32::from(levels & Interrupt::MachineSoftware.bit() != 0);
        word_of(&self.harts, offset).map_or(0, |hart| bit(hart.levels()))
    }
}

impl Device for Mswi {
    fn read(&mut self, offset: u64, data: &mut [u8]) {
        access::read_words(offset, data, |at| self.msip(at));
    }

    fn write(&mut self, offset: u64, data: &[u8]) {
        access::write_words(offset, data, |at, value| {
            if let Some(hart) = word_of(&self.harts, at) {
                hart.set(Interrupt::MachineSoftware, value & 1 != 0);
            }
        });
    }
}

impl Part for Mswi {
    fn reset(&mut self) {
        self.harts.iter().for_each(|hart| hart.set(Interrupt::MachineSoftware, false));
    }
}

bus::stateless!(Mswi);

impl DtNode for Mswi {
    fn write_node(&self, fdt: &mut FdtWriter, place: &Placement) -> Result<(), Error> {
        let node = fdt.begin_node(&node_name("mswi", place))?;
        fdt.property_string("compatible", "riscv,aclint-mswi")?;
        place.reg(fdt)?;
        place.hart_interrupts(fdt, &[Interrupt::MachineSoftware])?;
        fdt.property_u32("#interrupt-cells", 0)?;
        fdt.property_null("interrupt-controller")?;
        fdt.end_node(node)
    }
}

#[cfg(test)]
mod tests {
    use vcpu::HartPins;

    use super::*;

    #[test]
    fn only_bit_0_of_msip_is_there() {
        let harts = vec![HartPins::new(), HartPins::new()];
        let mut mswi = Mswi::new(harts.clone());
        mswi.write(4, &u32::MAX.to_le_bytes());
        let mut data = [0; 8];
        mswi.read(0, &mut data);
        assert_eq!(access::value(&data), 1 << 32);
        assert_eq!(harts[1].levels(), Interrupt::MachineSoftware.bit());
        mswi.write(4, &0u32.to_le_bytes());
        assert_eq!(harts[1].levels(), 0);
    }
}
