//! The test finisher: one register that ends the machine's run.
//!
//! Models SiFive's test device (`sifive,test1`) as kernels and firmware use it through the syscon bindings: the low
//! half of the register says how, the upper half carries a failure's code.

use std::sync::Arc;

use bus::Device;
use vcpu::{Reset, SystemEvent};
use vm_fdt::{Error, FdtWriter};

use crate::{DtNode, Part, Placement, PowerSwitch, access, dt, node_name};

const FAIL: u64 = 0x3333;
const PASS: u64 = 0x5555;
const RESET: u64 = 0x7777;

/// What a write of `value` to the register asks for.
pub fn decode(value: u64) -> Option<SystemEvent> {
    match value & 0xffff {
        PASS => Some(SystemEvent::Shutdown),
        RESET => Some(SystemEvent::Reset(Reset::Cold)),
        FAIL => Some(SystemEvent::Fail((value >> 16) as u16 as u32)),
        _ => None,
    }
}

/// The finisher on the bus. Writes of 2, 4 and 8 bytes are taken.
pub struct Finisher {
    power: Arc<PowerSwitch>,
}

impl Finisher {
    /// A finisher that presses `power`.
    pub fn new(power: Arc<PowerSwitch>) -> Self {
        Finisher { power }
    }

    /// Writes the `poweroff` and `reboot` nodes, which name the finisher by its phandle. Their place is the root.
    ///
    /// # Errors
    /// What the writer refuses.
    pub fn write_power_nodes(fdt: &mut FdtWriter, finisher_phandle: u32) -> Result<(), Error> {
        for (name, compatible, value) in [("poweroff", "syscon-poweroff", PASS), ("reboot", "syscon-reboot", RESET)] {
            let node = fdt.begin_node(name)?;
            fdt.property_string("compatible", compatible)?;
            fdt.property_u32("regmap", finisher_phandle)?;
            fdt.property_u32("offset", 0)?;
            fdt.property_u32("value", value as u32)?;
            fdt.end_node(node)?;
        }
        Ok(())
    }
}

impl Device for Finisher {
    fn read(&mut self, _offset: u64, data: &mut [u8]) {
        data.fill(0);
    }

    fn write(&mut self, offset: u64, data: &[u8]) {
        let whole = offset == 0 && data.len() >= 2;
        if let Some(event) = decode(access::value(data)).filter(|_| whole) {
            self.power.request(event);
        }
    }
}

impl Part for Finisher {}

bus::stateless!(Finisher);

impl DtNode for Finisher {
    fn write_node(&self, fdt: &mut FdtWriter, place: &Placement) -> Result<(), Error> {
        let node = fdt.begin_node(&node_name("test", place))?;
        dt::compatible(fdt, &["sifive,test1", "sifive,test0", "syscon"])?;
        place.reg(fdt)?;
        place.own_phandle(fdt)?;
        fdt.end_node(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(offset: u64, data: &[u8]) -> Option<SystemEvent> {
        let power = PowerSwitch::new(vec![]);
        Finisher::new(power.clone()).write(offset, data);
        power.event()
    }

    #[test]
    fn pass_fail_and_reset_are_told_apart() {
        assert_eq!(after(0, &0x5555u32.to_le_bytes()), Some(SystemEvent::Shutdown));
        assert_eq!(after(0, &0x0003_3333u32.to_le_bytes()), Some(SystemEvent::Fail(3)));
        assert_eq!(after(0, &0x7777u32.to_le_bytes()), Some(SystemEvent::Reset(Reset::Cold)));
    }

    #[test]
    fn writes_of_other_widths_count() {
        assert_eq!(after(0, &0x5555u16.to_le_bytes()), Some(SystemEvent::Shutdown));
        assert_eq!(after(0, &0x5555u64.to_le_bytes()), Some(SystemEvent::Shutdown));
    }

    #[test]
    fn other_values_and_places_do_nothing() {
        assert_eq!(after(0, &1u32.to_le_bytes()), None);
        assert_eq!(after(0, &[0x55]), None);
        assert_eq!(after(4, &0x5555u32.to_le_bytes()), None);
    }
}
