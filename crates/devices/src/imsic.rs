//! The pages through which interrupt files are sent messages.
//!
//! AIA 1.0, "Memory region for an interrupt file" and "Arrangement of the memory regions of multiple interrupt files".
//! The files themselves are the harts' own ([`vcpu::imsic`]). One [`ImsicPages`] has the pages of all harts at one
//! level: hart h's begin at `h << guest_index_bits` pages, its supervisor level's first, then guest files 1, 2, and so
//! on. What lies between are read-only zeros.

use arch::Interrupt;
use arch::addr::PAGE_BYTES;
use bus::Device;
use vcpu::FileId;
use vm_fdt::{Error, FdtWriter};

use crate::aclint::Harts;
use crate::{DtNode, Part, Placement, dt, node_name};

const SETEIPNUM_LE: u64 = 0;
const SETEIPNUM_BE: u64 = 4;

/// Whose interrupt files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileLevel {
    /// Machine level's: one page for each hart.
    Machine,
    /// Supervisor level's, and the guests'.
    Supervisor,
}

/// The pages of all harts' interrupt files at one level.
pub struct ImsicPages {
    harts: Harts,
    level: FileLevel,
}

impl ImsicPages {
    /// The pages of harts made by [`vcpu::HartPins::with_imsic`], all with the same shape.
    pub fn new(harts: Harts, level: FileLevel) -> Self {
        ImsicPages { harts, level }
    }

    /// `riscv,guest-index-bits`: a hart has two to this power pages.
    pub fn guest_index_bits(&self) -> u32 {
        match self.level {
            FileLevel::Machine => 0,
            FileLevel::Supervisor => u32::from(self.guest_files() + 1).next_power_of_two().trailing_zeros(),
        }
    }

    /// Bytes of all pages.
    pub fn bytes(&self) -> u64 {
        (self.harts.len() as u64 * PAGE_BYTES) << self.guest_index_bits()
    }

    fn guest_files(&self) -> u8 {
        self.shape().map_or(0, |shape| shape.guest_files)
    }

    fn shape(&self) -> Option<vcpu::ImsicShape> {
        self.harts.first().and_then(|pins| pins.imsic()).map(|imsic| imsic.shape())
    }

    /// The file that has this page of a hart's.
    fn file(&self, page: u64) -> FileId {
        match (self.level, page as u8) {
            (FileLevel::Machine, _) => FileId::Machine,
            (FileLevel::Supervisor, 0) => FileId::Supervisor,
            (FileLevel::Supervisor, guest) => FileId::Guest(guest),
        }
    }

    fn is_own(&self, id: FileId) -> bool {
        (id == FileId::Machine) == (self.level == FileLevel::Machine)
    }
}

/// "Only naturally aligned 32-bit simple reads and writes are supported": others are ignored.
impl Device for ImsicPages {
    fn read(&mut self, _offset: u64, data: &mut [u8]) {
        data.fill(0);
    }

    fn write(&mut self, offset: u64, data: &[u8]) {
        let Ok(bytes) = <[u8; 4]>::try_from(data) else { return };
        let identity = match offset % PAGE_BYTES {
            SETEIPNUM_LE => u32::from_le_bytes(bytes),
            SETEIPNUM_BE => u32::from_be_bytes(bytes),
            _ => return,
        };
        let (page, bits) = (offset / PAGE_BYTES, self.guest_index_bits());
        if let Some(hart) = usize::try_from(page >> bits).ok().and_then(|at| self.harts.get(at)) {
            hart.message(self.file(page & ((1 << bits) - 1)), identity);
        }
    }
}

impl Part for ImsicPages {
    fn reset(&mut self) {
        for hart in &self.harts {
            hart.reset_files(hart.imsic().into_iter().flat_map(|imsic| imsic.ids()).filter(|&id| self.is_own(id)));
        }
    }
}

bus::stateless!(ImsicPages);

/// Linux, Documentation/devicetree/bindings/interrupt-controller/riscv,imsics.yaml.
impl DtNode for ImsicPages {
    fn write_node(&self, fdt: &mut FdtWriter, place: &Placement) -> Result<(), Error> {
        let identities = self.shape().map_or(0, |shape| shape.identities.into());
        write_files(fdt, place, self.level, identities, self.guest_index_bits())
    }
}

/// Writes the node of the harts' files at one level, whoever has them.
pub fn write_files(
    fdt: &mut FdtWriter,
    place: &Placement,
    level: FileLevel,
    identities: u32,
    guest_index_bits: u32,
) -> Result<(), Error> {
    let cause = match level {
        FileLevel::Machine => Interrupt::MachineExternal,
        FileLevel::Supervisor => Interrupt::SupervisorExternal,
    };
    let node = fdt.begin_node(&node_name("interrupt-controller", place))?;
    dt::compatible(fdt, &["qemu,imsics", "riscv,imsics"])?;
    place.reg(fdt)?;
    place.status(fdt)?;
    fdt.property_u32("#interrupt-cells", 0)?;
    fdt.property_null("interrupt-controller")?;
    fdt.property_u32("#msi-cells", 0)?;
    fdt.property_null("msi-controller")?;
    place.hart_interrupts(fdt, &[cause])?;
    fdt.property_u32("riscv,num-ids", identities)?;
    if guest_index_bits != 0 {
        fdt.property_u32("riscv,guest-index-bits", guest_index_bits)?;
    }
    place.own_phandle(fdt)?;
    fdt.end_node(node)
}

#[cfg(test)]
mod tests {
    use vcpu::imsic::FileRegister;
    use vcpu::{HartPins, ImsicShape};

    use super::*;

    fn harts(guest_files: u8) -> Harts {
        (0..3).map(|_| HartPins::with_imsic(ImsicShape { identities: 255, guest_files })).collect()
    }

    /// The files that have identities pending, of which hart, and the bits of the first 64.
    fn pending(harts: &Harts) -> Vec<(usize, FileId, u64)> {
        let of_hart = |(at, pins): (usize, &std::sync::Arc<HartPins>)| {
            let files: Vec<_> = pins.imsic().unwrap().ids().collect();
            let bits = |id| (at, id, pins.file_register(id, FileRegister::Pending(0)));
            files.into_iter().map(bits).filter(|(.., bits)| *bits != 0).collect::<Vec<_>>()
        };
        harts.iter().enumerate().flat_map(of_hart).collect()
    }

    #[test]
    fn each_page_is_a_file_s_and_holes_are_nobody_s() {
        let harts = harts(5);
        let mut pages = ImsicPages::new(harts.clone(), FileLevel::Supervisor);
        assert_eq!((pages.guest_index_bits(), pages.bytes()), (3, 3 * 8 * 0x1000));
        for page in [0, 8 + 5, 16 + 6, 16 + 7, 24] {
            pages.write(page * 0x1000, &3u32.to_le_bytes());
        }
        assert_eq!(pending(&harts), [(0, FileId::Supervisor, 8), (1, FileId::Guest(5), 8)]);
        pages.reset();
        assert_eq!(pending(&harts), []);
    }

    #[test]
    fn a_machine_level_s_hart_has_one_page() {
        let harts = harts(3);
        let mut pages = ImsicPages::new(harts.clone(), FileLevel::Machine);
        assert_eq!(pages.bytes(), 3 * 0x1000);
        pages.write(2 * 0x1000, &1u32.to_le_bytes());
        assert_eq!(pending(&harts), [(2, FileId::Machine, 2)]);
        ImsicPages::new(harts.clone(), FileLevel::Supervisor).reset();
        assert_eq!(pending(&harts), [(2, FileId::Machine, 2)]);
    }

    #[test]
    fn both_byte_orders_have_a_register_and_nothing_else_is_one() {
        let harts = harts(0);
        let mut pages = ImsicPages::new(harts.clone(), FileLevel::Machine);
        pages.write(4, &5u32.to_be_bytes());
        pages.write(4, &6u32.to_le_bytes());
        for (offset, data) in
            [(8, &[1, 0, 0, 0][..]), (0, &[1]), (0, &[1, 0]), (0, &[1, 0, 0, 0, 1, 0, 0, 0]), (2, &[1; 4])]
        {
            pages.write(offset, data);
        }
        assert_eq!(pending(&harts), [(0, FileId::Machine, 1 << 5)]);
        let mut data = [0xff; 4];
        pages.read(0, &mut data);
        assert_eq!(data, [0; 4]);
    }

    #[test]
    fn harts_without_interrupt_files_take_no_messages() {
        let mut pages = ImsicPages::new(vec![HartPins::new()], FileLevel::Supervisor);
        assert_eq!(pages.bytes(), 0x1000);
        pages.write(0, &1u32.to_le_bytes());
        pages.reset();
    }
}
