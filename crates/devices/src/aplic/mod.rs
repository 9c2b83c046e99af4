//! The advanced platform-level interrupt controller.
//!
//! [`Aplic`] is shared: it is the [`IrqSink`] of the devices' lines, and through [`AplicRegisters`], one for each
//! domain, a device on the bus. It reaches harts by wire ([`Delivery::Direct`]) or, where they have IMSICs, by
//! messages.
//!
//! Lock order: a device's lock, then the APLIC's own, then those behind the [`MsiSink`]: messages must not lead back to
//! the APLIC, so that the sink has interrupt files alone. The harts' pins are lock-free.

#[cfg(feature = "state")]
mod state;
#[cfg(test)]
mod tests;

pub use cores::aplic as core;
pub use cores::aplic::{Addresses, Delivery, Domain, Layout, Message, region_bytes};

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bus::{Device, InterruptController, IrqSink, MsiSink};
use vcpu::HartPins;
use vm_fdt::{Error, FdtWriter};

use self::core::{Core, Shape};
use crate::{DtNode, Part, Placement, access, dt, node_name};

/// Who hears of interrupts.
#[derive(Clone)]
pub enum Harts {
    /// Harts without IMSICs, by index numbers.
    Wired(Vec<Arc<HartPins>>),
    /// So many harts whose interrupt files take messages there.
    Messaged {
        /// How many.
        count: usize,
        /// How many guest interrupt files each has.
        guest_files: u8,
        /// The files.
        files: Arc<dyn MsiSink>,
    },
}

impl Harts {
    fn shape(&self, sources: u32) -> Shape {
        match self {
            Harts::Wired(pins) => Shape { sources, harts: pins.len(), delivery: Delivery::Direct, guest_files: 0 },
            &Harts::Messaged { count, guest_files, .. } => {
                Shape { sources, harts: count, delivery: Delivery::Messages, guest_files }
            }
        }
    }
}

struct State {
    core: Core,
    /// Levels last driven, by hart and domain.
    driven: Vec<[bool; 2]>,
}

/// The APLIC, shared between the bus and the devices' interrupt lines.
pub struct Aplic {
    state: Mutex<State>,
    harts: Harts,
    sources: u32,
}

impl Aplic {
    /// An APLIC with sources 1 to `sources`.
    pub fn new(sources: u32, harts: Harts) -> Arc<Self> {
        let core = Core::new(harts.shape(sources));
        let (sources, driven) = (core.shape().sources, vec![[false; 2]; core.shape().harts]);
        Arc::new(Aplic { state: Mutex::new(State { core, driven }), harts, sources })
    }

    /// The registers of a domain, for the bus.
    pub fn registers(self: &Arc<Self>, domain: Domain) -> AplicRegisters {
        AplicRegisters { aplic: self.clone(), domain }
    }

    /// What M-mode software does before it starts a supervisor, where it is no program: all sources are delegated, and
    /// messages go to the files of `layout`.
    pub fn hand_over(&self, layout: Option<Layout>) {
        let mut state = self.lock();
        state.core.delegate_all();
        layout.into_iter().for_each(|layout| state.core.set_addresses(Addresses::of(layout)));
        self.drive(&mut state);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the harts. Under the lock, so that levels and messages arrive in order.
    fn drive(&self, state: &mut State) {
        match &self.harts {
            Harts::Wired(pins) => drive_wires(state, pins),
            Harts::Messaged { files, .. } => {
                // where no file is, a message is lost, as a write to nowhere
                state
                    .core
                    .take_messages()
                    .into_iter()
                    .for_each(|Message { address, data }| _ = files.send(address, data));
            }
        }
    }
}

/// Drives the pins whose signal changed.
fn drive_wires(state: &mut State, pins: &[Arc<HartPins>]) {
    for ((hart, pins), driven) in pins.iter().enumerate().zip(&mut state.driven) {
        for (domain, driven) in Domain::ALL.into_iter().zip(driven) {
            let level = state.core.signals(domain, hart);
            if std::mem::replace(driven, level) != level {
                pins.set(domain.interrupt(), level);
            }
        }
    }
}

impl InterruptController for Aplic {
    fn inputs(&self) -> u32 {
        self.sources
    }

    fn reset(&self) {
        let mut state = self.lock();
        state.core.reset();
        self.drive(&mut state);
    }
}

impl IrqSink for Aplic {
    fn set_level(&self, number: u32, level: bool) {
        let mut state = self.lock();
        state.core.set_level(number, level);
        self.drive(&mut state);
    }

    /// Sources that are configured as level-sensitive know no edges: the wire stays high until its device lowers it.
    fn pulse(&self, number: u32) {
        self.set_level(number, true);
    }
}

/// The registers of a domain on the bus.
///
/// "Memory-mapped control region for an interrupt domain": "Only naturally aligned 32-bit simple reads and writes are
/// supported"; other accesses are ignored.
pub struct AplicRegisters {
    aplic: Arc<Aplic>,
    domain: Domain,
}

impl Device for AplicRegisters {
    fn read(&mut self, offset: u64, data: &mut [u8]) {
        data.fill(0);
        if data.len() == 4 && offset.is_multiple_of(4) {
            let mut state = self.aplic.lock();
            access::read_words(offset, data, |at| state.core.read(self.domain, at));
            self.aplic.drive(&mut state);
        }
    }

    fn write(&mut self, offset: u64, data: &[u8]) {
        if data.len() == 4 {
            let mut state = self.aplic.lock();
            access::write_words(offset, data, |at, value| state.core.write(self.domain, at, value));
            self.aplic.drive(&mut state);
        }
    }
}

#[cfg(not(feature = "state"))]
bus::unsaved!(AplicRegisters);

impl Part for AplicRegisters {
    fn reset(&mut self) {
        self.aplic.reset();
    }
}

/// Linux, Documentation/devicetree/bindings/interrupt-controller/riscv,aplic.yaml.
impl DtNode for AplicRegisters {
    fn write_node(&self, fdt: &mut FdtWriter, place: &Placement) -> Result<(), Error> {
        write_domain(fdt, place, self.domain, self.aplic.sources)
    }
}

/// Writes the node of a domain with so many sources, whoever has its registers.
pub fn write_domain(fdt: &mut FdtWriter, place: &Placement, domain: Domain, sources: u32) -> Result<(), Error> {
    let node = fdt.begin_node(&node_name("interrupt-controller", place))?;
    dt::compatible(fdt, &["qemu,aplic", "riscv,aplic"])?;
    place.reg(fdt)?;
    place.status(fdt)?;
    fdt.property_u32("#interrupt-cells", 2)?;
    fdt.property_u32("#address-cells", 0)?;
    fdt.property_null("interrupt-controller")?;
    match place.msi_parent {
        Some(imsics) => fdt.property_u32("msi-parent", imsics)?,
        None => place.hart_interrupts(fdt, &[domain.interrupt()])?,
    }
    fdt.property_u32("riscv,num-sources", sources)?;
    if let Some(child) = place.child {
        fdt.property_u32("riscv,children", child)?;
        fdt.property_array_u32("riscv,delegation", &[child, 1, sources])?;
    }
    place.own_phandle(fdt)?;
    fdt.end_node(node)
}
