//! Where messages go: `mmsiaddrcfg`, `smsiaddrcfg` and their upper halves.
//!
//! AIA 1.0, "Machine MSI address configuration", "Supervisor MSI address configuration" and "Addresses and data for
//! outgoing MSIs".

use arch::Phys;
use arch::addr::PAGE_SHIFT;

use super::Domain;

/// `mmsiaddrcfgh.L`: all four registers are locked.
const L: u32 = 1 << 31;
/// The bits that exist: L, HHXS, LHXS, HHXW, LHXW and High Base PPN of `mmsiaddrcfgh`; LHXS and High Base PPN of
/// `smsiaddrcfgh`.
const EXISTING: [u32; 4] = [u32::MAX, L | 0x1f77_ffff, u32::MAX, 0x0070_0fff];
const HIGH_BASE_PPN: u32 = 0xfff;

/// `mmsiaddrcfg`, `mmsiaddrcfgh`, `smsiaddrcfg`, `smsiaddrcfgh` of the root domain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub struct Addresses([u32; 4]);

/// How the interrupt files of harts lie in memory: `h << LHXS` pages behind the first of their level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Page of the first machine-level file.
    pub machine: Phys,
    /// Page of the first supervisor-level file.
    pub supervisor: Phys,
    /// Bits of a hart index number.
    pub hart_bits: u32,
    /// Bits of a guest index number: so many pages are between one hart's supervisor-level file and the next's.
    pub guest_bits: u32,
}

impl Addresses {
    /// Whether software can have written these.
    #[cfg(feature = "state")]
    pub fn is_legal(&self) -> bool {
        self.0.iter().zip(EXISTING).all(|(value, existing)| value & !existing == 0)
    }

    /// What M-mode software writes for files that lie so.
    pub fn of(layout: Layout) -> Addresses {
        let ppn = |page: Phys| page.0 >> PAGE_SHIFT;
        let high = |page| (ppn(page) >> 32) as u32 & HIGH_BASE_PPN;
        let widths = layout.hart_bits << 12;
        Addresses([
            ppn(layout.machine) as u32,
            high(layout.machine) | widths,
            ppn(layout.supervisor) as u32,
            high(layout.supervisor) | layout.guest_bits << 20,
        ])
    }

    /// Reads register 0 to 3.
    pub fn read(&self, register: usize) -> u32 {
        self.0.get(register).copied().unwrap_or(0)
    }

    /// Writes register 0 to 3. "If bit L in `mmsiaddrcfgh` is set to one, \[they\] are *locked*, and writes to the
    /// registers are ignored".
    pub fn write(&mut self, register: usize, value: u32) {
        if self.0[1] & L == 0
            && let (Some(place), Some(existing)) = (self.0.get_mut(register), EXISTING.get(register))
        {
            *place = value & existing;
        }
    }

    /// Where a message goes to hart `index` at the level of `domain`, or to its guest interrupt file `guest`.
    pub fn address(&self, domain: Domain, index: u32, guest: u32) -> Phys {
        let [_, widths, ..] = self.0;
        let (low, high) = match domain {
            Domain::Machine => (self.0[0], self.0[1]),
            Domain::Supervisor => (self.0[2], self.0[3]),
        };
        let field = |register: u32, at: u32, bits: u32| register >> at & ((1 << bits) - 1);
        let (hhxs, hhxw, lhxw) = (field(widths, 24, 5), field(widths, 16, 3), field(widths, 12, 4));
        let lhxs = field(high, 20, 3);
        let group = u64::from(index >> lhxw & ((1 << hhxw) - 1));
        let hart = u64::from(index & ((1 << lhxw) - 1));
        let base = u64::from(high & HIGH_BASE_PPN) << 32 | u64::from(low);
        Phys((base | group << (hhxs + 12) | hart << lhxs | u64::from(guest)) << PAGE_SHIFT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// QEMU's `virt`: files of M-mode page by page, of S-mode with room for seven guests.
    const VIRT: Layout =
        Layout { machine: Phys(0x2400_0000), supervisor: Phys(0x2800_0000), hart_bits: 2, guest_bits: 3 };

    #[test]
    fn files_are_found_where_the_layout_says() {
        let addresses = Addresses::of(VIRT);
        assert_eq!(addresses.address(Domain::Machine, 3, 0), Phys(0x2400_3000));
        assert_eq!(addresses.address(Domain::Supervisor, 0, 0), Phys(0x2800_0000));
        assert_eq!(addresses.address(Domain::Supervisor, 3, 5), Phys(0x2801_d000));
    }

    #[test]
    fn groups_lie_apart_by_hhxs() {
        // "g = (Hart Index >> LHXW) & (2^HHXW - 1)", "g << (HHXS + 12)", of page numbers
        let mut addresses = Addresses::of(VIRT);
        addresses.write(1, 0x0101_2000);
        assert_eq!(addresses.address(Domain::Machine, 7, 0), Phys(0x2400_3000 | 1 << (1 + 12 + 12)));
    }

    #[test]
    fn a_page_number_has_44_bits() {
        let high = Phys(0xabc_1234_5678 << PAGE_SHIFT);
        let addresses = Addresses::of(Layout { machine: high, ..VIRT });
        assert_eq!(addresses.address(Domain::Machine, 0, 0), high);
    }

    #[test]
    fn the_largest_fields_are_harmless() {
        let mut addresses = Addresses::default();
        (0..4).rev().for_each(|register| addresses.write(register, u32::MAX));
        let _ = addresses.address(Domain::Supervisor, u32::MAX, u32::MAX);
    }

    #[test]
    fn only_the_fields_of_the_format_can_be_written() {
        let mut addresses = Addresses::default();
        [0, 2, 3].into_iter().for_each(|register| addresses.write(register, u32::MAX));
        addresses.write(1, !L);
        assert_eq!([0, 1, 2, 3].map(|n| addresses.read(n)), [u32::MAX, 0x1f77_ffff, u32::MAX, 0x0070_0fff]);
    }

    #[test]
    fn what_is_locked_stays() {
        let mut addresses = Addresses::of(VIRT);
        addresses.write(1, addresses.read(1) | L);
        let locked = addresses;
        (0..4).for_each(|register| addresses.write(register, 0));
        assert_eq!(addresses, locked);
    }
}
