//! The platform-level interrupt controller.
//!
//! [`Plic`] is shared: it is the [`IrqSink`] of the devices' lines, and through [`PlicRegisters`] a device on the bus.
//!
//! Lock order: a device's lock, then the PLIC's own, then nothing: the harts' pins are lock-free. So a device may drive
//! its line while it is locked, and the PLIC never calls a device.

#[cfg(feature = "state")]
mod state;

pub use cores::plic as core;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arch::Interrupt;
use bus::{Device, InterruptController, IrqSink};
use vcpu::HartPins;
use vm_fdt::{Error, FdtWriter};

use crate::{DtNode, Part, Placement, access, dt, node_name};

/// Bytes of the PLIC's region on the board (contexts for far more than 64 harts).
pub const PLIC_BYTES: u64 = 0x60_0000;

/// Which interrupts of a hart the PLIC drives, one context each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contexts {
    /// Context 2h is machine external of hart h, context 2h+1 its supervisor external.
    MachineAndSupervisor,
    /// Context h is supervisor external of hart h: a machine without M-mode, as a KVM guest sees it.
    SupervisorOnly,
}

impl Contexts {
    fn pins(self) -> &'static [Interrupt] {
        match self {
            Contexts::MachineAndSupervisor => &[Interrupt::MachineExternal, Interrupt::SupervisorExternal],
            Contexts::SupervisorOnly => &[Interrupt::SupervisorExternal],
        }
    }
}

struct State {
    core: core::Core,
    /// Levels last driven, by context.
    driven: Vec<bool>,
}

/// The PLIC, shared between the bus and the devices' interrupt lines.
pub struct Plic {
    state: Mutex<State>,
    layout: Contexts,
    outputs: Vec<(Arc<HartPins>, Interrupt)>,
    sources: u32,
}

impl Plic {
    /// A PLIC with sources 1 to `sources` that drives `harts`.
    pub fn new(sources: u32, layout: Contexts, harts: &[Arc<HartPins>]) -> Arc<Self> {
        let outputs: Vec<_> =
            harts.iter().flat_map(|hart| layout.pins().iter().map(|&pin| (hart.clone(), pin))).collect();
        let core = core::Core::new(sources, outputs.len());
        let sources = core.sources();
        let state = Mutex::new(State { core, driven: vec![false; outputs.len()] });
        Arc::new(Plic { state, layout, outputs, sources })
    }

    /// The registers, for the bus.
    pub fn registers(self: &Arc<Self>) -> PlicRegisters {
        PlicRegisters(self.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drives the pins of contexts whose notification changed. Under the lock, so that levels arrive in order.
    fn drive(&self, state: &mut State) {
        for (context, (hart, pin)) in self.outputs.iter().enumerate() {
            let level = state.core.notifies(context);
            if let Some(driven) = state.driven.get_mut(context).filter(|driven| **driven != level) {
                *driven = level;
                hart.set(*pin, level);
            }
        }
    }
}

impl InterruptController for Plic {
    fn inputs(&self) -> u32 {
        self.sources
    }

    fn reset(&self) {
        let mut state = self.lock();
        let fresh = core::Core::new(self.sources, self.outputs.len());
        state.core = state.core.wires_into(fresh);
        self.drive(&mut state);
    }
}

impl IrqSink for Plic {
    fn set_level(&self, number: u32, level: bool) {
        let mut state = self.lock();
        state.core.set_level(number, level);
        self.drive(&mut state);
    }

    fn pulse(&self, number: u32) {
        let mut state = self.lock();
        state.core.pulse(number);
        self.drive(&mut state);
    }
}

/// The PLIC's registers on the bus: 32 bits each.
pub struct PlicRegisters(Arc<Plic>);

impl Device for PlicRegisters {
    fn read(&mut self, offset: u64, data: &mut [u8]) {
        let mut state = self.0.lock();
        access::read_words(offset, data, |at| state.core.read(at));
        self.0.drive(&mut state);
    }

    fn write(&mut self, offset: u64, data: &[u8]) {
        let mut state = self.0.lock();
        access::write_words(offset, data, |at, value| state.core.write(at, value));
        self.0.drive(&mut state);
    }
}

impl DtNode for Plic {
    fn write_node(&self, fdt: &mut FdtWriter, place: &Placement) -> Result<(), Error> {
        let node = fdt.begin_node(&node_name("plic", place))?;
        dt::compatible(fdt, &["sifive,plic-1.0.0", "riscv,plic0"])?;
        place.reg(fdt)?;
        fdt.property_u32("#interrupt-cells", 1)?;
        fdt.property_u32("#address-cells", 0)?;
        fdt.property_null("interrupt-controller")?;
        place.hart_interrupts(fdt, self.layout.pins())?;
        fdt.property_u32("riscv,ndev", self.sources)?;
        place.own_phandle(fdt)?;
        fdt.end_node(node)
    }
}

#[cfg(not(feature = "state"))]
bus::unsaved!(PlicRegisters);

impl Part for PlicRegisters {
    fn reset(&mut self) {
        self.0.reset();
    }
}

impl DtNode for PlicRegisters {
    fn write_node(&self, fdt: &mut FdtWriter, place: &Placement) -> Result<(), Error> {
        self.0.write_node(fdt, place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reaches_the_supervisor_pin_of_its_context() {
        let harts = [HartPins::new(), HartPins::new()];
        let plic = Plic::new(95, Contexts::MachineAndSupervisor, &harts);
        let mut registers = plic.registers();
        registers.write(10 * 4, &1u32.to_le_bytes());
        registers.write(0x2000 + 3 * 0x80, &(1u32 << 10).to_le_bytes());
        plic.set_level(10, true);
        assert_eq!(harts[0].levels(), 0);
        assert_eq!(harts[1].levels(), Interrupt::SupervisorExternal.bit());
        let mut claim = [0; 4];
        registers.read(0x20_0004 + 3 * 0x1000, &mut claim);
        assert_eq!(u32::from_le_bytes(claim), 10);
        assert_eq!(harts[1].levels(), 0);
    }

    #[test]
    fn without_machine_mode_context_0_is_supervisor_of_hart_0() {
        let hart = HartPins::new();
        let plic = Plic::new(95, Contexts::SupervisorOnly, std::slice::from_ref(&hart));
        let mut registers = plic.registers();
        registers.write(4, &1u32.to_le_bytes());
        registers.write(0x2000, &2u32.to_le_bytes());
        plic.set_level(1, true);
        assert_eq!(hart.levels(), Interrupt::SupervisorExternal.bit());
    }

    #[test]
    fn reset_lowers_the_pins_and_keeps_the_wires() {
        let hart = HartPins::new();
        let plic = Plic::new(95, Contexts::SupervisorOnly, std::slice::from_ref(&hart));
        let mut registers = plic.registers();
        let enable = |registers: &mut PlicRegisters| {
            registers.write(4, &1u32.to_le_bytes());
            registers.write(0x2000, &2u32.to_le_bytes());
        };
        enable(&mut registers);
        plic.set_level(1, true);
        plic.reset();
        assert_eq!(hart.levels(), 0);
        enable(&mut registers);
        assert_ne!(hart.levels(), 0);
    }
}
