//! The reset ROM: harts start here and jump to the firmware.
//!
//! As on QEMU's `virt`: `a0` is the hart's id, `a1` the device tree, `a2` a `fw_dynamic_info` (OpenSBI,
//! docs/firmware/fw_dynamic.md), which tells OpenSBI where the kernel is and in which mode to enter it.

use std::sync::{Arc, Mutex, PoisonError};

use bus::Device;
use devices::{DtNode, Part, Placement};
use vm_fdt::{Error, FdtWriter};

/// "OSBI".
const INFO_MAGIC: u64 = 0x4942_534f;
const INFO_VERSION: u64 = 2;
const NEXT_MODE_S: u64 = 1;
const BOOT_HART: u64 = 0;

/// `auipc t0, 0; addi a2, t0, 40; csrr a0, mhartid; ld a1, 32(t0); ld t0, 24(t0); jr t0`: the two words that it loads
/// and the info follow it.
const CODE: [u32; 6] = [0x0000_0297, 0x0282_8613, 0xf140_2573, 0x0202_b583, 0x0182_b283, 0x0002_8067];

/// `struct fw_dynamic_info`: what firmware starts in S-mode, at this address.
pub fn dynamic_info(next: u64) -> [u64; 6] {
    [INFO_MAGIC, INFO_VERSION, next, NEXT_MODE_S, 0, BOOT_HART]
}

/// Where harts go from reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boot {
    /// First instruction after the ROM, in M-mode.
    pub start: u64,
    /// The device tree.
    pub tree: u64,
    /// What firmware starts in S-mode; 0 is nothing.
    pub next: u64,
}

impl Boot {
    fn bytes(&self) -> Vec<u8> {
        let data = [self.start, self.tree].into_iter().chain(dynamic_info(self.next));
        let code = CODE.iter().flat_map(|word| word.to_le_bytes());
        code.chain(data.flat_map(u64::to_le_bytes)).collect()
    }
}

/// The ROM on the bus. Clones share it, so that the board can write what the machine only reads.
#[derive(Clone, Default)]
pub struct Rom(Arc<Mutex<Vec<u8>>>);

impl Rom {
    /// Writes the way from reset to `boot`.
    pub fn program(&self, boot: &Boot) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = boot.bytes();
    }
}

impl Part for Rom {}

#[cfg(feature = "state")]
impl bus::state::Plain for Rom {
    /// What is in it.
    type State = Vec<u8>;

    fn save(&mut self) -> Result<Vec<u8>, bus::state::Unsaved> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn load(&mut self, content: Vec<u8>) -> Result<(), bus::state::Unfit> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = content;
        Ok(())
    }
}

#[cfg(not(feature = "state"))]
bus::unsaved!(Rom);

/// What is in it is not for the kernel.
impl DtNode for Rom {
    fn write_node(&self, _fdt: &mut FdtWriter, _place: &Placement) -> Result<(), Error> {
        Ok(())
    }
}

impl Device for Rom {
    fn read(&mut self, offset: u64, data: &mut [u8]) {
        let content = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let from = content.get(usize::try_from(offset).unwrap_or(usize::MAX)..).unwrap_or_default();
        for (at, byte) in data.iter_mut().enumerate() {
            *byte = from.get(at).copied().unwrap_or(0);
        }
    }

    fn write(&mut self, _offset: u64, _data: &[u8]) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_lie_where_the_code_loads_them() {
        let mut rom = Rom::default();
        rom.program(&Boot { start: 0x8000_0000, tree: 0x8800_0000, next: 0x8020_0000 });
        let mut word = |offset| {
            let mut data = [0; 8];
            rom.read(offset, &mut data);
            u64::from_le_bytes(data)
        };
        assert_eq!((word(24), word(32), word(40)), (0x8000_0000, 0x8800_0000, INFO_MAGIC));
        assert_eq!((word(56), word(0x8000)), (0x8020_0000, 0));
    }
}
