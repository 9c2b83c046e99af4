//! SSWI: supervisor-level software interrupts between harts.

use arch::Interrupt;
use bus::Device;
use vm_fdt::{Error, FdtWriter};

use super::{Harts, word_of};
use crate::{DtNode, Part, Placement, access, node_name};

/// The SSWI device: one `setssip` of 32 bits for each hart. Writing 1 to bit 0 is an edge to the hart; it reads as 0.
pub struct Sswi {
    harts: Harts,
}

impl Sswi {
    /// An SSWI that sends edges to `harts`.
    pub fn new(harts: Harts) -> Self {
        Sswi { harts }
    }
}

impl Device for Sswi {
    fn read(&mut self, _offset: u64, data: &mut [u8]) {
        data.fill(0);
    }

    fn write(&mut self, offset: u64, data: &[u8]) {
        access::write_words(offset, data, |at, value| match word_of(&self.harts, at) {
            Some(hart) if value & 1 != 0 => hart.pulse_ssip(),
            _ => {}
        });
    }
}

impl Part for Sswi {
    fn reset(&mut self) {
        self.harts.iter().for_each(|hart| _ = hart.take_ssip());
    }
}

bus::stateless!(Sswi);

impl DtNode for Sswi {
    fn write_node(&self, fdt: &mut FdtWriter, place: &Placement) -> Result<(), Error> {
        let node = fdt.begin_node(&node_name("sswi", place))?;
        fdt.property_string("compatible", "riscv,aclint-sswi")?;
        place.reg(fdt)?;
        place.hart_interrupts(fdt, &[Interrupt::SupervisorSoftware])?;
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
    fn a_one_is_an_edge_and_a_zero_is_nothing() {
        let harts = vec![HartPins::new(), HartPins::new()];
        let mut sswi = Sswi::new(harts.clone());
        sswi.write(0, &0u32.to_le_bytes());
        sswi.write(4, &1u32.to_le_bytes());
        assert!(!harts[0].take_ssip());
        assert!(harts[1].take_ssip());
    }
}
