//! Device-tree nodes, written by the devices themselves.
//!
//! Models the bindings of the Devicetree Specification v0.4 ("Interrupts and Interrupt Mapping", "reg") with two cells
//! of address and two of size, as on a 64-bit SoC bus.

use arch::Phys;
use cores::node::LEVEL_HIGH;
use vm_fdt::{Error, FdtWriter};

/// How a node names one of an interrupt controller's inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Specifier {
    /// By its number.
    Number,
    /// By its number and, as a second cell, how its wire interrupts: high levels do.
    NumberAndLevel,
}

/// Whether the kernel that gets the tree may use a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It may.
    Okay,
    /// It is another's: M-mode's.
    Disabled,
}

/// Where the board put a device, and the phandles its node refers to.
#[derive(Clone, Copy, Debug)]
pub struct Placement<'a> {
    /// First address of its registers.
    pub base: Phys,
    /// Bytes of its region.
    pub len: u64,
    /// Its interrupt number, where it has one.
    pub irq: Option<u32>,
    /// The phandle of the interrupt controller that `irq` counts in.
    pub interrupt_parent: u32,
    /// How that controller's inputs are named.
    pub specifier: Specifier,
    /// The phandles of the harts' local interrupt controllers (`riscv,cpu-intc`), in the order of hart ids.
    pub cpu_intcs: &'a [u32],
    /// The phandle this node is to carry, where others refer to it.
    pub phandle: Option<u32>,
    /// The phandle of the MSI controllers that its messages go to.
    pub msi_parent: Option<u32>,
    /// The phandle of the interrupt domain below its own.
    pub child: Option<u32>,
    /// Whether it may be used.
    pub status: Status,
}

impl<'a> Placement<'a> {
    /// A place without interrupts; struct update fills in the rest.
    pub fn at(base: Phys, len: u64) -> Self {
        Placement {
            base,
            len,
            irq: None,
            interrupt_parent: 0,
            specifier: Specifier::Number,
            cpu_intcs: &[],
            phandle: None,
            msi_parent: None,
            child: None,
            status: Status::Okay,
        }
    }

    /// Writes the `reg` property.
    pub fn reg(&self, fdt: &mut FdtWriter) -> Result<(), Error> {
        fdt.property_array_u64("reg", &[self.base.0, self.len])
    }

    /// Writes the `interrupts` and `interrupt-parent` properties, if the device has an interrupt.
    pub fn interrupts(&self, fdt: &mut FdtWriter) -> Result<(), Error> {
        let Some(irq) = self.irq else { return Ok(()) };
        match self.specifier {
            Specifier::Number => fdt.property_u32("interrupts", irq)?,
            Specifier::NumberAndLevel => fdt.property_array_u32("interrupts", &[irq, LEVEL_HIGH])?,
        }
        fdt.property_u32("interrupt-parent", self.interrupt_parent)
    }

    /// Writes the `status` property of a device that is another's.
    pub fn status(&self, fdt: &mut FdtWriter) -> Result<(), Error> {
        match self.status {
            Status::Okay => Ok(()),
            Status::Disabled => fdt.property_string("status", "disabled"),
        }
    }

    /// Writes the `phandle` property, if the node has one.
    pub fn own_phandle(&self, fdt: &mut FdtWriter) -> Result<(), Error> {
        self.phandle.map_or(Ok(()), |phandle| fdt.property_phandle(phandle))
    }

    /// Writes `interrupts-extended`: for each hart, its local controller with each of `causes`.
    pub fn hart_interrupts(&self, fdt: &mut FdtWriter, causes: &[arch::Interrupt]) -> Result<(), Error> {
        let pairs = |&intc: &u32| causes.iter().flat_map(move |&cause| [intc, cause.code().into()]);
        let cells: Vec<u32> = self.cpu_intcs.iter().flat_map(pairs).collect();
        fdt.property_array_u32("interrupts-extended", &cells)
    }
}

/// A device that describes itself.
pub trait DtNode {
    /// Writes the device's node, as a child of the node that is open in `fdt`.
    ///
    /// # Errors
    /// What the writer refuses.
    fn write_node(&self, fdt: &mut FdtWriter, place: &Placement) -> Result<(), Error>;
}

/// `name@base`, as the Devicetree Specification asks of nodes with a `reg`.
pub fn node_name(name: &str, place: &Placement) -> String {
    format!("{name}@{:x}", place.base.0)
}

/// A `compatible` property of several strings.
pub(crate) fn compatible(fdt: &mut FdtWriter, names: &[&str]) -> Result<(), Error> {
    fdt.property_string_list("compatible", names.iter().map(|&s| s.into()).collect())
}
