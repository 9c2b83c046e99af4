//! What the machine's device tree says.
//!
//! Devicetree Specification v0.4; Linux, Documentation/devicetree/bindings/riscv/cpus.yaml and extensions.yaml.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;

use dtoolkit::fdt::{Fdt, FdtNode};
use dtoolkit::{Node, Property, ToCellInt};

use super::controllers::Controllers;

/// The machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Board {
    /// Ids of the harts that may be used.
    pub harts: Vec<u64>,
    /// Names of the extensions that every hart has.
    pub extensions: Vec<String>,
    /// Ticks of `time` in a second.
    pub timebase_hz: u64,
    /// Bytes that CBO.ZERO zeroes, and its siblings manage; 0 where there is none.
    pub cbo_block_bytes: u64,
    /// RAM.
    pub memory: Vec<Range<u64>>,
    /// What of it is somebody else's.
    pub reserved: Vec<Range<u64>>,
    /// What the loader put there beside the hypervisor: its guests.
    pub initrd: Option<Range<u64>>,
    /// Random bytes, for whoever needs some before there is another source.
    pub rng_seed: Vec<u8>,
    /// Interrupt controllers.
    pub controllers: Controllers,
    /// Places of virtio devices, from the highest address down: on the `virt` board the first of the command line comes
    /// first.
    pub virtio: Vec<Slot>,
}

/// Where a virtio device may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its first register.
    pub base: u64,
    /// All of them.
    pub len_bytes: u64,
    /// Its interrupt.
    pub source: u32,
}

/// Why there is no going on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lack {
    /// What should be the tree is none.
    #[error("the firmware gave no device tree: {0}")]
    Tree(String),
    /// It does not tell what is named.
    #[error("the device tree tells of no {0}")]
    Told(&'static str),
    /// The harts have no H.
    #[error("the harts have no hypervisor extension (QEMU: -cpu rv64,h=true)")]
    Hypervisor,
}

impl Board {
    /// Reads a flattened tree.
    ///
    /// # Errors
    /// It is none, or lacks what a hypervisor cannot do without.
    pub fn read(flattened: &[u8]) -> Result<Board, Lack> {
        let tree = Fdt::new(flattened).map_err(|why| Lack::Tree(why.to_string()))?;
        let cpus = tree.find_node("/cpus").ok_or(Lack::Told("harts"))?;
        let harts: Vec<FdtNode<'_>> = cpus.children().filter(is_usable).collect();
        let first = *harts.first().ok_or(Lack::Told("harts"))?;
        let board = Board {
            harts: harts.iter().filter_map(|&hart| first_reg(hart)).map(|(id, _)| id).collect(),
            extensions: extensions(first),
            timebase_hz: number(cpus, "timebase-frequency").ok_or(Lack::Told("timebase-frequency"))?,
            cbo_block_bytes: number(first, "riscv,cboz-block-size").unwrap_or(0),
            memory: tree.root().children().filter(is_memory).flat_map(regs).collect(),
            reserved: reserved(tree),
            initrd: initrd(tree),
            rng_seed: rng_seed(tree),
            controllers: Controllers::read(tree.root(), &harts),
            virtio: virtio(tree),
        };
        match () {
            () if !board.has("h") => Err(Lack::Hypervisor),
            () if board.memory.is_empty() => Err(Lack::Told("memory")),
            () => Ok(board),
        }
    }

    /// Whether the harts have the extension of that name.
    pub fn has(&self, extension: &str) -> bool {
        self.extensions.iter().any(|name| name == extension)
    }
}

fn is_usable(node: &FdtNode<'_>) -> bool {
    let status = node.property("status").and_then(|status| status.value_as::<&str>().ok());
    node.name_without_address() == "cpu" && status.is_none_or(|status| status == "okay")
}

fn is_memory(node: &FdtNode<'_>) -> bool {
    node.name_without_address() == "memory"
}

/// The names in `riscv,isa-extensions`, else those in the older `riscv,isa`.
fn extensions(hart: FdtNode<'_>) -> Vec<String> {
    let text = |name: &str| hart.property(name).map(|property| String::from_utf8_lossy(property.value()).into_owned());
    match text("riscv,isa-extensions") {
        Some(list) => list.split('\0').filter(|name| !name.is_empty()).map(str::to_string).collect(),
        None => of_string(text("riscv,isa").unwrap_or_default().trim_end_matches('\0')),
    }
}

/// The names in `rv64imafdch_zicbom_...`.
fn of_string(isa: &str) -> Vec<String> {
    let mut words = isa.split('_');
    let letters = words.next().unwrap_or_default().chars().skip("rv64".len());
    letters.map(|letter| letter.to_string()).chain(words.map(str::to_string)).collect()
}

/// A property of one or two cells.
fn number(node: FdtNode<'_>, name: &str) -> Option<u64> {
    let value = node.property(name)?.value().to_vec();
    match value.len() {
        4 | 8 => Some(value.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))),
        _ => None,
    }
}

/// Address and size of the first pair in `reg`.
pub(super) fn first_reg(node: FdtNode<'_>) -> Option<(u64, u64)> {
    let reg = node.reg().ok()??.next()?;
    Some((reg.address.to_int().ok()?, reg.size.to_int().unwrap_or(0)))
}

pub(super) fn regs(node: FdtNode<'_>) -> Vec<Range<u64>> {
    let range = |reg: dtoolkit::standard::Reg<'_>| {
        let (base, len): (u64, u64) = (reg.address.to_int().ok()?, reg.size.to_int().ok()?);
        Some(base..base.checked_add(len)?)
    };
    let regs = node.reg().ok().flatten();
    regs.into_iter().flatten().filter_map(range).collect()
}

fn reserved(tree: Fdt<'_>) -> Vec<Range<u64>> {
    let block = tree.memory_reservations().map(|one| one.address()..one.address().saturating_add(one.size()));
    let node = tree.find_node("/reserved-memory");
    let children: Vec<_> = node.iter().flat_map(|node| node.children().flat_map(regs).collect::<Vec<_>>()).collect();
    block.chain(children).collect()
}

fn initrd(tree: Fdt<'_>) -> Option<Range<u64>> {
    let chosen = tree.find_node("/chosen")?;
    let (start, end) = (number(chosen, "linux,initrd-start")?, number(chosen, "linux,initrd-end")?);
    (start < end).then_some(start..end)
}

/// The node and all below it, of which `find` finds something.
pub(super) fn below<'a, T>(node: FdtNode<'a>, find: &dyn Fn(FdtNode<'a>) -> Option<T>) -> Vec<T> {
    let mut found: Vec<T> = find(node).into_iter().collect();
    node.children().for_each(|child| found.extend(below(child, find)));
    found
}

pub(super) fn is_compatible(node: FdtNode<'_>, with: &str) -> bool {
    node.compatible().is_some_and(|mut list| list.any(|name| name == with))
}

/// All cells of a property.
pub(super) fn cells_of(node: FdtNode<'_>, name: &str) -> Vec<u32> {
    node.property(name).and_then(|property| property.value_as().ok()).unwrap_or_default()
}

fn virtio(tree: Fdt<'_>) -> Vec<Slot> {
    let slot = |node| {
        let (base, len_bytes) = is_compatible(node, "virtio,mmio").then(|| first_reg(node)).flatten()?;
        Some(Slot { base, len_bytes, source: *cells_of(node, "interrupts").first()? })
    };
    let mut slots = below(tree.root(), &slot);
    slots.sort_by_key(|slot| core::cmp::Reverse(slot.base));
    slots
}

fn rng_seed(tree: Fdt<'_>) -> Vec<u8> {
    let chosen = tree.find_node("/chosen");
    chosen.and_then(|chosen| chosen.property("rng-seed").map(|seed| seed.value().to_vec())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::start::controllers::Plic;
    use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};

    fn node(name: &str, properties: &[(&str, &[u8])]) -> DeviceTreeNode {
        let mut node = DeviceTreeNode::new_unchecked(name);
        for (name, value) in properties {
            node.add_property(DeviceTreeProperty::new_unchecked(*name, *value));
        }
        node
    }

    fn cells(numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    /// Two harts, the second not to be used, and 64 MiB of memory with a hole for the firmware.
    fn tree(isa: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tree = DeviceTree::new();
        tree.root = node("", &[("#address-cells", &cells(&[2])), ("#size-cells", &cells(&[2]))]);
        let mut cpus = node(
            "cpus",
            &[
                ("#address-cells", &cells(&[1])),
                ("#size-cells", &[0; 4]),
                ("timebase-frequency", &cells(&[10_000_000])),
            ],
        );
        let mut hart = node("cpu@3", &[&[("reg", &cells(&[3])[..])], isa].concat());
        hart.add_child(node("interrupt-controller", &[("phandle", &cells(&[9]))]));
        cpus.add_child(hart);
        cpus.add_child(node("cpu@4", &[("reg", &cells(&[4])), ("status", b"disabled\0")]));
        tree.root.add_child(cpus);
        tree.root.add_child(node("memory@80000000", &[("reg", &cells(&[0, 0x8000_0000, 0, 0x400_0000]))]));
        let mut reserved = node("reserved-memory", &[("#address-cells", &cells(&[2])), ("#size-cells", &cells(&[2]))]);
        reserved.add_child(node("fw@80000000", &[("reg", &cells(&[0, 0x8000_0000, 0, 0x4_0000]))]));
        tree.root.add_child(reserved);
        let mut soc = node("soc", &[("#address-cells", &cells(&[2])), ("#size-cells", &cells(&[2]))]);
        let compatible: (&str, &[u8]) = ("compatible", b"sifive,plic-1.0.0\0riscv,plic0\0");
        let (reg, targets) = (cells(&[0, 0xc00_0000, 0, 0x60_0000]), cells(&[9, 11, 9, 9]));
        soc.add_child(node("plic@c000000", &[compatible, ("reg", &reg), ("interrupts-extended", &targets)]));
        for (number, base) in [(1, 0x1000_1000), (2, 0x1000_2000)] {
            let (reg, source) = (cells(&[0, base, 0, 0x1000]), cells(&[number]));
            let name = if number == 1 { "virtio_mmio@1" } else { "virtio_mmio@2" };
            soc.add_child(node(name, &[("compatible", b"virtio,mmio\0"), ("reg", &reg), ("interrupts", &source)]));
        }
        tree.root.add_child(soc);
        let (start, end) = (cells(&[0, 0x8200_0000]), cells(&[0x8280_0000]));
        tree.root.add_child(node(
            "chosen",
            &[("linux,initrd-start", &start), ("linux,initrd-end", &end), ("rng-seed", &[7; 32])],
        ));
        tree.to_dtb()
    }

    #[test]
    fn the_board_is_read_from_its_tree() {
        let board = Board::read(&tree(&[("riscv,isa-extensions", b"i\0h\0sstc\0")])).unwrap();
        assert_eq!((board.harts.as_slice(), board.timebase_hz), (&[3][..], 10_000_000));
        assert_eq!(board.memory[0], 0x8000_0000..0x8400_0000);
        assert_eq!(board.reserved[0], 0x8000_0000..0x8004_0000);
        assert_eq!(board.initrd, Some(0x8200_0000..0x8280_0000));
        assert_eq!(board.rng_seed, [7; 32]);
        let plic = Some(Plic { base: 0xc00_0000, contexts: vec![None, Some(3)] });
        assert_eq!(board.controllers, Controllers { plic, aplic: None, imsics: None });
        let slots: Vec<(u64, u32)> = board.virtio.iter().map(|slot| (slot.base, slot.source)).collect();
        assert_eq!(slots, [(0x1000_2000, 2), (0x1000_1000, 1)]);
        assert!(board.has("sstc") && !board.has("v"));
    }

    #[test]
    fn an_older_tree_has_its_extensions_in_one_string() {
        let board = Board::read(&tree(&[("riscv,isa", b"rv64imafdch_zicsr_sstc\0")])).unwrap();
        assert!(["i", "m", "h", "zicsr", "sstc"].iter().all(|name| board.has(name)));
    }

    #[test]
    fn what_lacks_is_said_in_one_sentence() {
        let lack = Board::read(&tree(&[("riscv,isa", b"rv64imafdc\0")])).unwrap_err();
        assert_eq!(lack, Lack::Hypervisor);
        assert!(matches!(Board::read(b"no tree"), Err(Lack::Tree(_))));
    }
}
