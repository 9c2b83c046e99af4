//! A guest's interrupt controller, of wired sources: a PLIC, or an APLIC.
//!
//! RISC-V Platform-Level Interrupt Controller Specification 1.0.0; AIA 1.0, "Advanced Platform-Level Interrupt
//! Controller (APLIC)". Registers are those of vhart's own board (`cores`). Of the APLIC a guest sees the
//! supervisor-level domain alone, as on a machine whose firmware has delegated all sources.

use alloc::vec::Vec;

use arch::Phys;
use arch::addr::PAGE_BYTES;
use cores::aplic::{self, Addresses, Delivery, Domain, Layout, Shape};
use cores::plic;

use crate::devices::{IMSIC, SOURCES};

/// Which interrupt controllers a guest has, by the words of QEMU's `-machine virt,aia=`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Aia {
    /// A PLIC.
    #[default]
    None,
    /// An APLIC, whose wires lead to the virtual harts.
    Aplic,
    /// An APLIC that sends messages to the virtual harts' IMSICs.
    AplicImsic,
}

impl Aia {
    /// The words.
    pub const WORDS: [(&str, Aia); 3] = [("none", Aia::None), ("aplic", Aia::Aplic), ("aplic-imsic", Aia::AplicImsic)];

    /// The one of that name.
    pub fn named(word: &str) -> Option<Aia> {
        Aia::WORDS.into_iter().find(|(name, _)| *name == word).map(|(_, aia)| aia)
    }
}

/// The controller.
#[derive(Debug)]
pub enum Controller {
    /// A PLIC, with a context for each virtual hart.
    Plic(plic::Core),
    /// An APLIC.
    Aplic(aplic::Core),
}

impl Controller {
    /// For a guest with so many virtual harts.
    pub fn new(aia: Aia, vcpus: usize) -> Controller {
        match aia {
            Aia::None => Controller::Plic(plic::Core::new(SOURCES, vcpus)),
            Aia::Aplic => Controller::Aplic(delegated(Delivery::Direct, vcpus)),
            Aia::AplicImsic => Controller::Aplic(delegated(Delivery::Messages, vcpus)),
        }
    }

    /// The wire of `source` has `level`.
    pub fn set_level(&mut self, source: u32, level: bool) {
        match self {
            Controller::Plic(core) => core.set_level(source, level),
            Controller::Aplic(core) => core.set_level(source, level),
        }
    }

    /// An edge at `source`. An APLIC's sources know none, unless they are told to: the wire stays high until its device
    /// lowers it.
    pub fn pulse(&mut self, source: u32) {
        match self {
            Controller::Plic(core) => core.pulse(source),
            Controller::Aplic(core) => core.set_level(source, true),
        }
    }

    /// Reads a register.
    pub fn read(&mut self, offset: u64) -> u32 {
        match self {
            Controller::Plic(core) => core.read(offset),
            Controller::Aplic(core) => core.read(Domain::Supervisor, offset),
        }
    }

    /// Writes a register.
    pub fn write(&mut self, offset: u64, value: u32) {
        match self {
            Controller::Plic(core) => core.write(offset, value),
            Controller::Aplic(core) => core.write(Domain::Supervisor, offset, value),
        }
    }

    /// Whether the wire to a virtual hart is high.
    pub fn notifies(&self, vcpu: usize) -> bool {
        match self {
            Controller::Plic(core) => core.notifies(vcpu),
            Controller::Aplic(core) => core.signals(Domain::Supervisor, vcpu),
        }
    }

    /// Messages that are to be sent, in this order: to which virtual hart's file, and which identity.
    pub fn take_messages(&mut self) -> Vec<(usize, u32)> {
        match self {
            Controller::Plic(_) => Vec::new(),
            Controller::Aplic(core) => core
                .take_messages()
                .into_iter()
                .map(|message| (((message.address.0 - IMSIC.base.0) / PAGE_BYTES) as usize, message.data))
                .collect(),
        }
    }
}

/// An APLIC as firmware leaves it.
fn delegated(delivery: Delivery, vcpus: usize) -> aplic::Core {
    let mut core = aplic::Core::new(Shape { sources: SOURCES, harts: vcpus, delivery, guest_files: 0 });
    core.delegate_all();
    let files = Phys(IMSIC.base.0);
    let hart_bits = vcpus.next_power_of_two().trailing_zeros();
    core.set_addresses(Addresses::of(Layout { machine: files, supervisor: files, hart_bits, guest_bits: 0 }));
    core
}

#[cfg(test)]
mod tests {
    use super::*;
    use arch::aplic::{DM, DOMAINCFG, GENMSI, HART_INDEX_SHIFT, IDC, IDELIVERY, IE, SETIENUM, SOURCECFG, TARGET};
    use cores::aplic::Mode;

    /// Source 3 is level-sensitive, enabled, and goes to the second of two virtual harts, as identity or priority 7.
    fn aplic(aia: Aia) -> Controller {
        let mut controller = Controller::new(aia, 2);
        controller.write(DOMAINCFG, IE | DM);
        controller.write(SOURCECFG.start + 4 * 2, Mode::Level1 as u32);
        controller.write(TARGET.start + 4 * 2, 1 << HART_INDEX_SHIFT | 7);
        controller.write(SETIENUM, 3);
        controller
    }

    #[test]
    fn an_aplic_of_messages_names_the_virtual_hart_and_the_identity() {
        let mut controller = aplic(Aia::AplicImsic);
        controller.set_level(3, true);
        assert_eq!((controller.take_messages(), controller.notifies(1)), (vec![(1, 7)], false));
        controller.write(GENMSI, 9);
        // hart index numbers that there are not are cut off, as a layout of one bit does
        controller.write(GENMSI, 0x3fff << HART_INDEX_SHIFT | 5);
        assert_eq!(controller.take_messages(), [(0, 9), (1, 5)]);
    }

    #[test]
    fn an_aplic_of_wires_drives_them() {
        let mut controller = aplic(Aia::Aplic);
        controller.set_level(3, true);
        assert!(!controller.notifies(1) && controller.take_messages().is_empty());
        controller.write(IDC + 32 + IDELIVERY, 1);
        assert!(controller.notifies(1) && !controller.notifies(0));
    }

    #[test]
    fn words_are_qemus() {
        assert_eq!(
            ["none", "aplic", "aplic-imsic", "plic"].map(Aia::named),
            [Some(Aia::None), Some(Aia::Aplic), Some(Aia::AplicImsic), None]
        );
    }
}
