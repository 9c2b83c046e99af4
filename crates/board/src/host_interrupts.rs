//! Interrupt controllers that a guest's host has: they are on the map and in the device tree, and execute elsewhere.

use std::sync::Arc;

use bus::{Device, InterruptController, MsiSink};
use devices::aplic::{Domain, write_domain};
use devices::imsic::write_files;
use devices::{DtNode, FileLevel, Part, Placement};
use vm_fdt::{Error, FdtWriter};

/// What a host has of the interrupt controllers of its guests' harts.
#[derive(Clone)]
pub struct HostInterrupts {
    /// All that wires and resets concern.
    pub controller: Arc<dyn InterruptController>,
    /// The harts' interrupt files.
    pub files: Arc<dyn MsiSink>,
    /// Whether wires lead to an APLIC of the host's; else the board has one.
    pub aplic: HostAplic,
    /// Interrupt identities of each file.
    pub identities: u32,
}

/// Who has the APLIC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostAplic {
    /// The host.
    There,
    /// The board.
    Missing,
}

/// The registers of the host's APLIC.
pub struct HostDomain(pub Arc<dyn InterruptController>);

/// The host answers accesses.
impl Device for HostDomain {
    fn read(&mut self, _offset: u64, data: &mut [u8]) {
        data.fill(0);
    }

    fn write(&mut self, _offset: u64, _data: &[u8]) {}
}

impl DtNode for HostDomain {
    fn write_node(&self, fdt: &mut FdtWriter, place: &Placement) -> Result<(), Error> {
        write_domain(fdt, place, Domain::Supervisor, self.0.inputs())
    }
}

impl Part for HostDomain {}

// machines whose harts the host executes are not saved
bus::stateless!(HostDomain);
bus::stateless!(HostFiles);

/// The harts' interrupt files, of the host's.
pub struct HostFiles {
    /// Who puts them back to reset.
    pub controller: Arc<dyn InterruptController>,
    /// Interrupt identities of each.
    pub identities: u32,
}

/// The host answers accesses.
impl Device for HostFiles {
    fn read(&mut self, _offset: u64, data: &mut [u8]) {
        data.fill(0);
    }

    fn write(&mut self, _offset: u64, _data: &[u8]) {}
}

impl DtNode for HostFiles {
    fn write_node(&self, fdt: &mut FdtWriter, place: &Placement) -> Result<(), Error> {
        write_files(fdt, place, FileLevel::Supervisor, self.identities, 0)
    }
}

impl Part for HostFiles {
    /// All that the host has goes back at once.
    fn reset(&mut self) {
        self.controller.reset();
    }
}
