//! Guest RAM as SBI calls name parts of it.

use arch::Phys;

use crate::Ram;

impl sbi::Memory for Ram {
    fn has(&self, address: u64, len: u64) -> bool {
        self.offset(Phys(address), len).is_some()
    }

    fn read(&self, address: u64, into: &mut [u8]) -> Option<()> {
        self.read_bytes(self.offset(Phys(address), into.len() as u64)?, into)
    }

    fn write(&self, address: u64, bytes: &[u8]) -> Option<()> {
        self.write_bytes(self.offset(Phys(address), bytes.len() as u64)?, bytes)
    }
}
