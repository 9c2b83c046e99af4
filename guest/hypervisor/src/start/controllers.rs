//! What the machine's device tree says of interrupt controllers.
//!
//! Linux, Documentation/devicetree/bindings/interrupt-controller/sifive,plic-1.0.0.yaml, riscv,aplic.yaml and
//! riscv,imsics.yaml: "interrupts-extended" names the harts' own controllers by their phandles, each with the interrupt
//! that is driven there.

use alloc::vec::Vec;
use core::ops::Range;

use arch::addr::PAGE_BYTES;
use arch::{Interrupt, Phys};
use cores::aplic::Delivery;
use dtoolkit::Node;
use dtoolkit::fdt::FdtNode;

use super::tree::{below, cells_of, first_reg, is_compatible, regs};

/// A PLIC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plic {
    /// Its first register.
    pub base: u64,
    /// Whose external interrupt in S-mode each context is, by the hart's id.
    pub contexts: Vec<Option<u64>>,
}

/// The supervisor-level domain of an APLIC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aplic {
    /// Its registers.
    pub registers: Range<u64>,
    /// How its interrupts come.
    pub delivery: Delivery,
    /// Ids of harts, by hart index numbers.
    pub harts: Vec<Option<u64>>,
}

/// The harts' supervisor-level interrupt files, each with those for guests behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imsics {
    /// Where they are; a new region begins with each group of harts.
    pub regions: Vec<Range<u64>>,
    /// Ids of harts, in the order of their files.
    pub harts: Vec<Option<u64>>,
    /// A hart has two to this power pages.
    pub guest_index_bits: u32,
    /// The highest identity of a file.
    pub identities: u16,
}

impl Imsics {
    /// The page of a hart's file: 0 is its own, others are for guests.
    pub fn page(&self, hart: u64, file: u64) -> Option<Phys> {
        let stride = PAGE_BYTES.checked_shl(self.guest_index_bits)?;
        let mut before = self.harts.iter().position(|&id| id == Some(hart))? as u64;
        for region in &self.regions {
            let count = (region.end - region.start) / stride;
            if before < count {
                return Some(Phys(region.start + before * stride + file * PAGE_BYTES));
            }
            before -= count;
        }
        None
    }
}

/// All three; there are those that the machine has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Controllers {
    /// The PLIC.
    pub plic: Option<Plic>,
    /// The APLIC.
    pub aplic: Option<Aplic>,
    /// The IMSICs.
    pub imsics: Option<Imsics>,
}

impl Controllers {
    /// Reads a tree, of which `harts` are the nodes of the harts.
    pub(super) fn read(root: FdtNode<'_>, harts: &[FdtNode<'_>]) -> Controllers {
        let nodes = |names: &[&str]| {
            below(root, &|node| names.iter().any(|name| is_compatible(node, name)).then_some(node)).into_iter()
        };
        let files = nodes(&["riscv,imsics"]).find(|&node| is_of_supervisor(node));
        let phandle = files.and_then(|node| cells_of(node, "phandle").first().copied());
        Controllers {
            plic: nodes(&["sifive,plic-1.0.0", "riscv,plic0"]).find_map(|node| plic(node, harts)),
            aplic: nodes(&["riscv,aplic"]).find_map(|node| aplic(node, phandle, harts)),
            imsics: files.and_then(|node| imsics(node, harts)),
        }
    }
}

/// The hart that each pair names by its controller, if what is driven there is the supervisor's external interrupt.
fn targets(node: FdtNode<'_>, harts: &[FdtNode<'_>]) -> Vec<Option<u64>> {
    let hart_of = |phandle: u32| {
        let has =
            |hart: &&FdtNode<'_>| hart.children().any(|child| cells_of(child, "phandle").first() == Some(&phandle));
        harts.iter().find(has).and_then(|&hart| first_reg(hart)).map(|(id, _)| id)
    };
    let pairs = cells_of(node, "interrupts-extended");
    pairs.chunks_exact(2).map(|pair| hart_of(pair[0]).filter(|_| pair[1] == external())).collect()
}

fn external() -> u32 {
    Interrupt::SupervisorExternal.code().into()
}

fn is_of_supervisor(node: FdtNode<'_>) -> bool {
    cells_of(node, "interrupts-extended").get(1) == Some(&external())
}

fn plic(node: FdtNode<'_>, harts: &[FdtNode<'_>]) -> Option<Plic> {
    Some(Plic { base: first_reg(node)?.0, contexts: targets(node, harts) })
}

/// A domain that drives the harts' wires, or sends messages to the files with that phandle.
fn aplic(node: FdtNode<'_>, files: Option<u32>, harts: &[FdtNode<'_>]) -> Option<Aplic> {
    let (base, len_bytes) = first_reg(node)?;
    let parent = cells_of(node, "msi-parent").first().copied();
    let delivery = match parent {
        Some(_) if parent == files => Delivery::Messages,
        None if is_of_supervisor(node) => Delivery::Direct,
        _ => return None,
    };
    Some(Aplic { registers: base..base.checked_add(len_bytes)?, delivery, harts: targets(node, harts) })
}

fn imsics(node: FdtNode<'_>, harts: &[FdtNode<'_>]) -> Option<Imsics> {
    let number = |name: &str| cells_of(node, name).first().copied();
    let identities = number("riscv,num-guest-ids").or(number("riscv,num-ids"))?;
    Some(Imsics {
        regions: regs(node),
        harts: targets(node, harts),
        guest_index_bits: number("riscv,guest-index-bits").unwrap_or(0),
        identities: identities.try_into().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_in_all_regions() {
        let regions = [0x2800_0000..0x2801_0000, 0x2900_0000..0x2900_8000].to_vec();
        let imsics = Imsics { regions, harts: [4, 5, 6].map(Some).to_vec(), guest_index_bits: 3, identities: 255 };
        assert_eq!(imsics.page(5, 0), Some(Phys(0x2800_8000)));
        assert_eq!(imsics.page(6, 2), Some(Phys(0x2900_2000)));
        assert_eq!((imsics.page(7, 0), Imsics { guest_index_bits: 64, ..imsics }.page(4, 0)), (None, None));
    }
}
