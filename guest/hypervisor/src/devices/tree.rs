//! A guest's device tree.
//!
//! Devicetree Specification v0.4; Linux, Documentation/devicetree/bindings/riscv/cpus.yaml, and of interrupt-controller
//! sifive,plic-1.0.0.yaml, riscv,aplic.yaml and riscv,imsics.yaml.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;

use arch::GuestPhys;
use arch::addr::PAGE_BYTES;
use cores::node::{CLOCK_HZ, LEVEL_HIGH};
use dtoolkit::ToPropertyValue;
use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};

use super::{
    APLIC, FIRST_VIRTIO_INTERRUPT, IMSIC, MEMORY_BASE, PLIC, Region, SOURCES, UART, UART_INTERRUPT, VIRTIO,
    VIRTIO_BYTES, VIRTIO_SLOTS,
};
use crate::interrupts::controller::Aia;

/// Phandles: the interrupt controller of wires, the IMSICs, then one for each virtual hart's own.
const CONTROLLER_PHANDLE: u32 = 1;
const IMSIC_PHANDLE: u32 = 2;
const FIRST_HART_PHANDLE: u32 = 3;

/// What a guest is told of.
#[derive(Clone, Debug)]
pub struct Told<'a> {
    /// Virtual harts.
    pub vcpus: usize,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Names of extensions.
    pub extensions: Vec<&'a str>,
    /// Ticks of `time` in a second.
    pub timebase_hz: u64,
    /// Bytes of a block of Zicbom and Zicboz.
    pub cbo_block_bytes: u64,
    /// The kernel's command line.
    pub bootargs: &'a str,
    /// Where its initial RAM disk lies.
    pub initrd: Option<Range<u64>>,
    /// Virtio devices.
    pub virtio: usize,
    /// Interrupt controllers.
    pub aia: Aia,
    /// The highest identity of an interrupt file.
    pub identities: u16,
    /// Random bytes to begin with.
    pub rng_seed: Option<[u8; 32]>,
}

impl Told<'_> {
    /// The flattened tree.
    pub fn flatten(&self) -> Vec<u8> {
        let mut tree = DeviceTree::new();
        let root = &mut tree.root;
        add(root, "#address-cells", 2u32);
        add(root, "#size-cells", 2u32);
        add(root, "compatible", &["vhart,guest", "riscv-virtio"][..]);
        add(root, "model", "vhart,guest");
        root.add_child(self.chosen());
        root.add_child(self.memory());
        root.add_child(self.cpus());
        root.add_child(self.soc());
        tree.to_dtb()
    }

    fn chosen(&self) -> DeviceTreeNode {
        let mut node = DeviceTreeNode::new_unchecked("chosen");
        add(&mut node, "bootargs", self.bootargs);
        add(&mut node, "stdout-path", &*format!("/soc/{}", name("serial", UART)));
        if let Some(initrd) = &self.initrd {
            add(&mut node, "linux,initrd-start", initrd.start);
            add(&mut node, "linux,initrd-end", initrd.end);
        }
        if let Some(seed) = &self.rng_seed {
            add(&mut node, "rng-seed", &seed[..]);
        }
        node
    }

    fn memory(&self) -> DeviceTreeNode {
        let mut node = at("memory", Region { base: MEMORY_BASE, len_bytes: self.memory_bytes });
        add(&mut node, "device_type", "memory");
        node
    }

    fn cpus(&self) -> DeviceTreeNode {
        let mut node = DeviceTreeNode::new_unchecked("cpus");
        add(&mut node, "#address-cells", 1u32);
        add(&mut node, "#size-cells", 0u32);
        add(&mut node, "timebase-frequency", self.timebase_hz as u32);
        (0..self.vcpus).for_each(|hart| node.add_child(self.cpu(hart as u32)));
        node
    }

    fn cpu(&self, hart: u32) -> DeviceTreeNode {
        let mut node = DeviceTreeNode::new_unchecked(format!("cpu@{hart:x}"));
        add(&mut node, "device_type", "cpu");
        add(&mut node, "reg", hart);
        add(&mut node, "status", "okay");
        add(&mut node, "compatible", "riscv");
        add(&mut node, "riscv,isa", &*self.isa());
        add(&mut node, "riscv,isa-base", "rv64i");
        add(&mut node, "riscv,isa-extensions", &self.extensions[..]);
        for (extension, property) in [("zicbom", "riscv,cbom-block-size"), ("zicboz", "riscv,cboz-block-size")] {
            if self.extensions.contains(&extension) {
                add(&mut node, property, self.cbo_block_bytes as u32);
            }
        }
        let own = DeviceTreeNode::new_unchecked("interrupt-controller");
        node.add_child(controller(own, "riscv,cpu-intc", FIRST_HART_PHANDLE + hart));
        node
    }

    /// `rv64imafdc_zicsr_...`.
    fn isa(&self) -> String {
        let (letters, words): (Vec<&str>, Vec<&str>) = self.extensions.iter().partition(|name| name.len() == 1);
        let words: String = words.iter().map(|name| format!("_{name}")).collect();
        format!("rv64{}{words}", letters.concat())
    }

    fn soc(&self) -> DeviceTreeNode {
        let mut node = DeviceTreeNode::new_unchecked("soc");
        add(&mut node, "#address-cells", 2u32);
        add(&mut node, "#size-cells", 2u32);
        add(&mut node, "compatible", "simple-bus");
        add(&mut node, "ranges", &[][..] as &[u32]);
        node.add_child(if self.aia == Aia::None { self.plic() } else { self.aplic() });
        if self.aia == Aia::AplicImsic {
            node.add_child(self.imsics());
        }
        node.add_child(self.uart());
        (0..self.virtio.min(VIRTIO_SLOTS as usize)).for_each(|slot| node.add_child(self.virtio(slot as u32)));
        node
    }

    fn plic(&self) -> DeviceTreeNode {
        let mut node = controller(at("plic", PLIC), "sifive,plic-1.0.0", CONTROLLER_PHANDLE);
        add(&mut node, "compatible", &["sifive,plic-1.0.0", "riscv,plic0"][..]);
        add(&mut node, "#address-cells", 0u32);
        add(&mut node, "riscv,ndev", SOURCES);
        self.drives_harts(&mut node);
        node
    }

    fn aplic(&self) -> DeviceTreeNode {
        let mut node = controller(at("interrupt-controller", APLIC), "riscv,aplic", CONTROLLER_PHANDLE);
        add(&mut node, "#interrupt-cells", 2u32);
        add(&mut node, "#address-cells", 0u32);
        add(&mut node, "riscv,num-sources", SOURCES);
        match self.aia {
            Aia::AplicImsic => add(&mut node, "msi-parent", IMSIC_PHANDLE),
            Aia::Aplic | Aia::None => self.drives_harts(&mut node),
        }
        node
    }

    fn imsics(&self) -> DeviceTreeNode {
        let region = Region { len_bytes: self.vcpus as u64 * PAGE_BYTES, ..IMSIC };
        let mut node = controller(at("interrupt-controller", region), "riscv,imsics", IMSIC_PHANDLE);
        add(&mut node, "#interrupt-cells", 0u32);
        add(&mut node, "msi-controller", &[][..] as &[u32]);
        add(&mut node, "#msi-cells", 0u32);
        add(&mut node, "riscv,num-ids", u32::from(self.identities));
        self.drives_harts(&mut node);
        node
    }

    /// All virtual harts' external interrupts come from there.
    fn drives_harts(&self, node: &mut DeviceTreeNode) {
        let external = u32::from(arch::Interrupt::SupervisorExternal.code());
        let targets: Vec<u32> = (0..self.vcpus as u32).flat_map(|hart| [FIRST_HART_PHANDLE + hart, external]).collect();
        add(node, "interrupts-extended", &targets[..]);
    }

    fn interrupt(&self, node: &mut DeviceTreeNode, source: u32) {
        match self.aia {
            Aia::None => add(node, "interrupts", source),
            Aia::Aplic | Aia::AplicImsic => add(node, "interrupts", &[source, LEVEL_HIGH][..]),
        }
        add(node, "interrupt-parent", CONTROLLER_PHANDLE);
    }

    fn uart(&self) -> DeviceTreeNode {
        let mut node = at("serial", UART);
        add(&mut node, "compatible", "ns16550a");
        add(&mut node, "clock-frequency", CLOCK_HZ);
        self.interrupt(&mut node, UART_INTERRUPT);
        node
    }

    fn virtio(&self, slot: u32) -> DeviceTreeNode {
        let base = GuestPhys(VIRTIO.base.0 + VIRTIO_BYTES * u64::from(slot));
        let mut node = at("virtio_mmio", Region { base, len_bytes: VIRTIO_BYTES });
        add(&mut node, "compatible", "virtio,mmio");
        self.interrupt(&mut node, FIRST_VIRTIO_INTERRUPT + slot);
        node
    }
}

fn controller(mut node: DeviceTreeNode, compatible: &str, phandle: u32) -> DeviceTreeNode {
    add(&mut node, "compatible", compatible);
    add(&mut node, "interrupt-controller", &[][..] as &[u32]);
    add(&mut node, "#interrupt-cells", 1u32);
    add(&mut node, "phandle", phandle);
    node
}

fn add(node: &mut DeviceTreeNode, name: &str, value: impl ToPropertyValue) {
    node.add_property(DeviceTreeProperty::new_unchecked(name.to_string(), value));
}

fn name(kind: &str, region: Region) -> String {
    format!("{kind}@{:x}", region.base.0)
}

/// A node with registers or memory there: two cells of address and two of size.
fn at(kind: &str, region: Region) -> DeviceTreeNode {
    let mut node = DeviceTreeNode::new_unchecked(name(kind, region));
    add(&mut node, "reg", [region.base.0, region.len_bytes].map(u64::to_be_bytes).concat());
    node
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::start::tree::Board;
    use arch::Phys;
    use cores::aplic::Delivery;

    fn told() -> Told<'static> {
        Told {
            vcpus: 2,
            memory_bytes: 64 << 20,
            extensions: ["i", "m", "h", "zicboz", "sstc"].to_vec(),
            timebase_hz: 10_000_000,
            cbo_block_bytes: 64,
            bootargs: "console=ttyS0",
            initrd: Some(0x8200_0000..0x8210_0000),
            virtio: 2,
            aia: Aia::None,
            identities: 255,
            rng_seed: Some([7; 32]),
        }
    }

    #[test]
    fn the_tree_tells_what_the_hypervisors_own_reader_reads() {
        let board = Board::read(&told().flatten()).unwrap();
        assert_eq!((board.harts.as_slice(), board.timebase_hz, board.cbo_block_bytes), (&[0, 1][..], 10_000_000, 64));
        assert_eq!(board.memory[0], 0x8000_0000..0x8400_0000);
        assert_eq!(board.initrd, Some(0x8200_0000..0x8210_0000));
        assert_eq!(board.rng_seed, [7; 32]);
        assert_eq!(board.controllers.plic.as_ref().unwrap().contexts, [Some(0), Some(1)]);
        let slots: Vec<(u64, u32)> = board.virtio.iter().map(|slot| (slot.base, slot.source)).collect();
        assert_eq!(slots, [(0x1000_2000, 2), (0x1000_1000, 1)]);
        assert!(board.has("sstc"));
    }

    #[test]
    fn interrupt_controllers_are_told_as_the_machines_are() {
        let board = |aia| Board::read(&Told { aia, ..told() }.flatten()).unwrap();
        let harts = [Some(0), Some(1)];
        let controllers = board(Aia::Aplic).controllers;
        let aplic = controllers.aplic.unwrap();
        assert_eq!((aplic.delivery, aplic.harts.as_slice(), controllers.plic), (Delivery::Direct, &harts[..], None));
        let board = board(Aia::AplicImsic);
        assert_eq!(board.controllers.aplic.unwrap().delivery, Delivery::Messages);
        let imsics = board.controllers.imsics.unwrap();
        assert_eq!((imsics.identities, imsics.page(1, 0)), (255, Some(Phys(0x2800_1000))));
        assert_eq!(board.virtio.iter().map(|slot| slot.source).collect::<Vec<u32>>(), [2, 1]);
    }

    #[test]
    fn the_isa_string_has_letters_first() {
        assert_eq!(told().isa(), "rv64imh_zicboz_sstc");
    }
}
