//! Nodes of the device tree as QEMU 11.1.2 writes them (`-M virt,aia=...,dumpdtb=FILE -smp 2`), but for the numbers of
//! phandles.

use devices::Status;
use dtoolkit::fdt::Fdt;
use dtoolkit::{Node, Property};
use vcpu::Cpu;

use super::*;
use crate::loader::Range;
use crate::tree::{Chosen, Mapped, Tree};

/// A device with an interrupt.
struct Wired;

impl devices::DtNode for Wired {
    fn write_node(&self, fdt: &mut vm_fdt::FdtWriter, place: &devices::Placement) -> Result<(), vm_fdt::Error> {
        let node = fdt.begin_node("wired")?;
        place.interrupts(fdt)?;
        fdt.end_node(node)
    }
}

/// The tree of a machine with two harts whose kernel may use what is M-mode's or not.
fn tree(aia: Aia, machine_level: Status) -> Vec<u8> {
    let pins: Vec<_> = (0..2).map(|_| aia.imsic().map_or_else(HartPins::new, HartPins::with_imsic)).collect();
    tree_of(&Controllers::new(aia, Modes::All, &pins).unwrap(), machine_level)
}

fn tree_of(controllers: &Controllers, machine_level: Status) -> Vec<u8> {
    let locked: Vec<_> = controllers.parts.iter().map(|placed| (placed, placed.part.lock().unwrap())).collect();
    let mut devices: Vec<Mapped> = locked.iter().map(|(placed, part)| placed.node(&**part)).collect();
    devices.push(Mapped { device: &Wired, region: map::UART, irq: Some(10), role: Role::Plain });
    let memory = Range { start: 0x8000_0000, end: 0x8800_0000 };
    let (cpu, chosen) = (Cpu::of_isa(arch::Isa::default()), Chosen::default());
    Tree { cpu: &cpu, harts: 2, memory, devices, machine_level, console: String::new(), chosen }.flatten().unwrap()
}

/// The cells of a property; none where there is no such property.
fn cells(tree: &[u8], node: &str, property: &str) -> Vec<u32> {
    value(tree, node, property).chunks(4).map(|cell| u32::from_be_bytes(cell.try_into().unwrap())).collect()
}

fn strings(tree: &[u8], node: &str, property: &str) -> String {
    String::from_utf8(value(tree, node, property)).unwrap()
}

/// The bytes of a property of a node below `soc`.
fn value(tree: &[u8], node: &str, property: &str) -> Vec<u8> {
    let fdt = Fdt::new(tree).unwrap();
    let soc = fdt.root().child("soc").unwrap();
    let node = soc.child(node).unwrap();
    node.property(property).map(|property| property.value().to_vec()).unwrap_or_default()
}

fn phandle(tree: &[u8], node: &str) -> u32 {
    cells(tree, node, "phandle")[0]
}

/// Phandles of the two harts' local controllers.
const INTCS: [u32; 2] = [4, 6];
const APLIC_S: &str = "interrupt-controller@d000000";
const APLIC_M: &str = "interrupt-controller@c000000";
const IMSIC_S: &str = "interrupt-controller@28000000";
const IMSIC_M: &str = "interrupt-controller@24000000";

#[test]
fn an_aplic_with_wires_is_described_as_qemus() {
    let tree = tree(Aia::Aplic, Status::Okay);
    let supervisor = phandle(&tree, APLIC_S);
    for (node, base, cause) in [(APLIC_S, 0xd00_0000, 9), (APLIC_M, 0xc00_0000, 11)] {
        assert_eq!(strings(&tree, node, "compatible"), "qemu,aplic\0riscv,aplic\0");
        assert_eq!(cells(&tree, node, "reg"), [0, base, 0, 0x8000]);
        assert_eq!(cells(&tree, node, "interrupts-extended"), [INTCS[0], cause, INTCS[1], cause]);
        assert_eq!(cells(&tree, node, "riscv,num-sources"), [0x60]);
        assert_eq!((cells(&tree, node, "#interrupt-cells"), cells(&tree, node, "#address-cells")), (vec![2], vec![0]));
        assert!(cells(&tree, node, "msi-parent").is_empty());
    }
    assert_eq!(cells(&tree, APLIC_M, "riscv,children"), [supervisor]);
    assert_eq!(cells(&tree, APLIC_M, "riscv,delegation"), [supervisor, 1, 0x60]);
    assert!(cells(&tree, APLIC_S, "riscv,delegation").is_empty());
    assert_eq!(
        (cells(&tree, "wired", "interrupts"), cells(&tree, "wired", "interrupt-parent")),
        (vec![10, 4], vec![supervisor])
    );
}

#[test]
fn an_aplic_with_messages_is_described_as_qemus() {
    let tree = tree(Aia::AplicImsic { guest_files: 5 }, Status::Okay);
    for (node, files) in [(APLIC_S, IMSIC_S), (APLIC_M, IMSIC_M)] {
        assert_eq!(cells(&tree, node, "msi-parent"), [phandle(&tree, files)]);
        assert!(cells(&tree, node, "interrupts-extended").is_empty());
        assert_eq!(cells(&tree, node, "riscv,num-sources"), [0x60]);
    }
    for (node, base, len, cause) in [(IMSIC_S, 0x2800_0000, 0x1_0000, 9), (IMSIC_M, 0x2400_0000, 0x2000, 11)] {
        assert_eq!(strings(&tree, node, "compatible"), "qemu,imsics\0riscv,imsics\0");
        assert_eq!(cells(&tree, node, "reg"), [0, base, 0, len]);
        assert_eq!(cells(&tree, node, "interrupts-extended"), [INTCS[0], cause, INTCS[1], cause]);
        assert_eq!(
            (cells(&tree, node, "riscv,num-ids"), cells(&tree, node, "#interrupt-cells")),
            (vec![0xff], vec![0])
        );
    }
    assert_eq!(cells(&tree, IMSIC_S, "riscv,guest-index-bits"), [3]);
    assert!(cells(&tree, IMSIC_M, "riscv,guest-index-bits").is_empty());
    let mut phandles = [APLIC_S, APLIC_M, IMSIC_S, IMSIC_M].map(|node| phandle(&tree, node));
    phandles.sort_unstable();
    assert!(phandles.windows(2).all(|pair| pair[0] != pair[1]), "{phandles:?}");
}

#[test]
fn what_the_built_in_firmware_keeps_is_disabled() {
    for aia in [Aia::Aplic, Aia::AplicImsic { guest_files: 0 }] {
        let tree = tree(aia, Status::Disabled);
        let disabled = |node: &str| strings(&tree, node, "status") == "disabled\0";
        assert!(disabled(APLIC_M) && !disabled(APLIC_S));
        assert!(aia == Aia::Aplic || disabled(IMSIC_M) && !disabled(IMSIC_S));
    }
}

/// A host's controllers, which do nothing here.
struct Host;

impl bus::IrqSink for Host {
    fn set_level(&self, _: u32, _: bool) {}
}

impl InterruptController for Host {
    fn inputs(&self) -> u32 {
        96
    }
    fn reset(&self) {}
}

impl bus::MsiSink for Host {
    fn send(&self, _: Phys, _: u32) -> Result<(), bus::Unmapped> {
        Ok(())
    }
}

/// QEMU 11.1.2 writes such nodes for `-accel kvm`: there is no M-mode, and nothing of its.
#[test]
fn a_host_s_controllers_are_described_without_m_mode_s() {
    for aplic in [HostAplic::There, HostAplic::Missing] {
        let host = HostInterrupts { controller: Arc::new(Host), files: Arc::new(Host), aplic, identities: 0xff };
        let tree = tree_of(&Controllers::of_host(&host, 2), Status::Disabled);
        assert_eq!(cells(&tree, APLIC_S, "msi-parent"), [phandle(&tree, IMSIC_S)]);
        assert_eq!(cells(&tree, APLIC_S, "riscv,num-sources"), [0x60]);
        assert_eq!(cells(&tree, IMSIC_S, "reg"), [0, 0x2800_0000, 0, 0x2000]);
        assert_eq!(cells(&tree, IMSIC_S, "riscv,num-ids"), [0xff]);
        assert_eq!(cells(&tree, "wired", "interrupts"), [10, 4]);
        let fdt = Fdt::new(&tree).unwrap();
        let soc = fdt.root().child("soc").unwrap();
        assert!(soc.child(APLIC_M).is_none() && soc.child(IMSIC_M).is_none());
    }
}

#[test]
fn harts_without_m_mode_have_an_aplic_of_one_domain() {
    let pins: Vec<_> = (0..2).map(|_| HartPins::new()).collect();
    let tree = tree_of(&Controllers::new(Aia::Aplic, Modes::SupervisorOnly, &pins).unwrap(), Status::Disabled);
    assert_eq!(cells(&tree, APLIC_S, "interrupts-extended"), [INTCS[0], 9, INTCS[1], 9]);
    assert_eq!(cells(&tree, "wired", "interrupts"), [10, 4]);
    assert!(Fdt::new(&tree).unwrap().root().child("soc").unwrap().child(APLIC_M).is_none());
}

#[test]
fn a_plic_is_named_by_its_number_alone() {
    let tree = tree(Aia::None, Status::Disabled);
    assert_eq!(cells(&tree, "wired", "interrupts"), [10]);
    assert_eq!(strings(&tree, "plic@c000000", "status"), "");
}
