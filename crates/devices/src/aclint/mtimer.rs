//! MTIMER: one `mtime` for all harts, one `mtimecmp` for each.

use std::sync::Arc;

use arch::Interrupt;
use bus::Device;
use vcpu::{Clock, HartPins};
use vm_fdt::{Error, FdtWriter};

use super::Harts;
use crate::{DtNode, Part, Placement, access, node_name};

/// Offset of `mtime` in the default layout; `mtimecmp` of the harts starts at 0.
const MTIME: u64 = 0x7ff8;
const REGISTER_BYTES: u64 = 8;

enum Reg<'a> {
    MtimeCmp(&'a Arc<HartPins>),
    Mtime,
}

/// The MTIMER device. Accesses of 4 and 8 bytes, at any byte of a register.
pub struct Mtimer {
    clock: Arc<Clock>,
    harts: Harts,
}

impl Mtimer {
    /// A timer that shows `clock` and drives the comparators of `harts`.
    pub fn new(clock: Arc<Clock>, harts: Harts) -> Self {
        Mtimer { clock, harts }
    }

    fn reg(&self, offset: u64) -> Option<Reg<'_>> {
        if offset / REGISTER_BYTES == MTIME / REGISTER_BYTES {
            return Some(Reg::Mtime);
        }
        self.harts.get(usize::try_from(offset / REGISTER_BYTES).ok()?).map(Reg::MtimeCmp)
    }

    /// Every hart looks at its comparator again, because time has jumped.
    fn set_mtime(&self, ticks: u64) {
        self.clock.set(ticks);
        self.harts.iter().for_each(|hart| hart.set_mtimecmp(hart.mtimecmp()));
    }
}

impl Device for Mtimer {
    fn read(&mut self, offset: u64, data: &mut [u8]) {
        let value = match self.reg(offset) {
            Some(Reg::MtimeCmp(hart)) => hart.mtimecmp(),
            Some(Reg::Mtime) => self.clock.now(),
            None => 0,
        };
        access::read_part(value, offset % REGISTER_BYTES, data);
    }

    fn write(&mut self, offset: u64, data: &[u8]) {
        let merged = |old| access::write_part(old, offset % REGISTER_BYTES, data);
        match self.reg(offset) {
            Some(Reg::MtimeCmp(hart)) => hart.set_mtimecmp(merged(hart.mtimecmp())),
            Some(Reg::Mtime) => self.set_mtime(merged(self.clock.now())),
            None => {}
        }
    }
}

impl Part for Mtimer {
    /// No timer is set; `mtime` goes on.
    fn reset(&mut self) {
        self.harts.iter().for_each(|hart| hart.set_mtimecmp(u64::MAX));
    }
}

bus::stateless!(Mtimer);

impl DtNode for Mtimer {
    /// The binding names `mtime` first, then the comparators.
    fn write_node(&self, fdt: &mut FdtWriter, place: &Placement) -> Result<(), Error> {
        let node = fdt.begin_node(&node_name("mtimer", place))?;
        fdt.property_string("compatible", "riscv,aclint-mtimer")?;
        let mtime = place.base.0.wrapping_add(MTIME);
        fdt.property_array_u64("reg", &[mtime, REGISTER_BYTES, place.base.0, MTIME])?;
        place.hart_interrupts(fdt, &[Interrupt::MachineTimer])?;
        fdt.end_node(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timer() -> (Mtimer, Harts, Arc<Clock>) {
        let harts = vec![HartPins::new(), HartPins::new()];
        let clock = Arc::new(Clock::virtual_time());
        (Mtimer::new(clock.clone(), harts.clone()), harts, clock)
    }

    fn read<const N: usize>(timer: &mut Mtimer, offset: u64) -> u64 {
        let mut data = [0; N];
        timer.read(offset, &mut data);
        access::value(&data)
    }

    #[test]
    fn the_comparator_takes_8_bytes_or_two_halves() {
        let (mut timer, harts, _) = timer();
        timer.write(8, &0x1_0000_0002u64.to_le_bytes());
        assert_eq!(harts[1].mtimecmp(), 0x1_0000_0002);
        timer.write(12, &7u32.to_le_bytes());
        timer.write(8, &9u32.to_le_bytes());
        assert_eq!(harts[1].mtimecmp(), 0x7_0000_0009);
        assert_eq!(read::<4>(&mut timer, 12), 7);
        assert_eq!(harts[0].mtimecmp(), u64::MAX);
    }

    #[test]
    fn mtime_shows_the_clock_and_moves_it() {
        let (mut timer, harts, clock) = timer();
        clock.advance(0x1_0000_0005);
        assert_eq!(read::<8>(&mut timer, MTIME), 0x1_0000_0005);
        assert_eq!(read::<4>(&mut timer, MTIME + 4), 1);
        timer.write(MTIME, &100u64.to_le_bytes());
        assert_eq!(clock.now(), 100);
        assert!(harts[0].take_attention(), "a sleeping hart looks again");
    }

    #[test]
    fn a_hart_that_is_not_there_has_no_comparator() {
        let (mut timer, _, _) = timer();
        timer.write(16, &[0; 8]);
        assert_eq!(read::<8>(&mut timer, 16), 0);
    }
}
