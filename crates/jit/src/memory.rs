//! The memory that code lies in: mapped twice, once to be written and once to be executed.

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// Bytes of hot code.
const HOT_BYTES: usize = 64 << 20;
/// Bytes of cold code.
const COLD_BYTES: usize = 48 << 20;
const _: () = assert!(HOT_BYTES <= 1 << 32, "places in hot code are 32 bits");
const BYTES: usize = HOT_BYTES + COLD_BYTES;

/// Memory for code. Pages are taken from the host when first written.
pub struct CodeMemory {
    writable: *mut u8,
    executable: *mut u8,
    hot: usize,
    cold: usize,
    /// What is left of hot and of cold memory must hold at least the code of one translation.
    limit: [usize; 2],
    /// Where hot code starts over.
    start: usize,
}

// SAFETY: the mappings are owned by this value alone, and everything that changes them takes `&mut self`.
unsafe impl Send for CodeMemory {}

impl CodeMemory {
    /// Reserves the memory.
    ///
    /// # Errors
    /// What the host said.
    pub fn new(limit: Option<usize>) -> Result<Self, Errno> {
        let file = memfd_create("vhart-code", MemfdFlags::CLOEXEC)?;
        ftruncate(&file, BYTES as u64)?;
        let map = |prot| {
            // SAFETY: a new mapping at an address of the host's choice; nothing else refers to it.
            unsafe { mmap(std::ptr::null_mut(), BYTES, prot, MapFlags::SHARED, &file, 0) }
        };
        let writable: *mut u8 = map(ProtFlags::READ | ProtFlags::WRITE)?.cast();
        let executable = match map(ProtFlags::READ | ProtFlags::EXEC) {
            Ok(at) => at.cast::<u8>(),
            Err(errno) => {
                // SAFETY: the mapping was made above and nothing refers to it.
                let _ = unsafe { munmap(writable.cast(), BYTES) };
                return Err(errno);
            }
        };
        let limit = [HOT_BYTES.min(limit.unwrap_or(usize::MAX)), COLD_BYTES.min(limit.unwrap_or(usize::MAX))];
        Ok(CodeMemory { writable, executable, hot: 0, cold: 0, limit, start: 0 })
    }

    /// Addresses of the next hot and cold code, if `bytes` of each have room.
    pub fn place(&self, bytes: usize) -> Option<[u64; 2]> {
        let fits = self.hot + bytes <= self.limit[0] && self.cold + bytes <= self.limit[1];
        let base = self.executable as u64;
        fits.then_some([base + self.hot as u64, base + (HOT_BYTES + self.cold) as u64])
    }

    /// Puts code where [`CodeMemory::place`] said. Answers whether it fits.
    pub fn put(&mut self, hot: &[u8], cold: &[u8]) -> bool {
        if self.hot + hot.len() > self.limit[0] || self.cold + cold.len() > self.limit[1] {
            return false;
        }
        // SAFETY: both ranges lie within the writable mapping (the limits are at most the sizes of their parts), which
        // nobody else writes, and the sources are not in it.
        unsafe {
            std::ptr::copy_nonoverlapping(hot.as_ptr(), self.writable.add(self.hot), hot.len());
            std::ptr::copy_nonoverlapping(cold.as_ptr(), self.writable.add(HOT_BYTES + self.cold), cold.len());
        }
        self.hot = (self.hot + hot.len()).next_multiple_of(16);
        self.cold += cold.len();
        true
    }

    /// Makes what was put so far permanent.
    pub fn keep(&mut self) {
        self.start = self.hot;
    }

    /// Forgets all code but what is permanent.
    pub fn clear(&mut self) {
        (self.hot, self.cold) = (self.start, 0);
    }

    /// Where hot code starts.
    pub fn base(&self) -> u64 {
        self.executable as u64
    }

    /// Bytes of hot and of cold code.
    pub fn used(&self) -> [usize; 2] {
        [self.hot, self.cold]
    }

    /// Lets the jump whose displacement ends at `end` go to `to`.
    pub fn patch(&mut self, end: u64, to: u64) {
        let at = end.wrapping_sub(self.executable as u64).wrapping_sub(4);
        if at as usize <= BYTES - 4 {
            let displacement = (to.wrapping_sub(end) as i32).to_le_bytes();
            // SAFETY: four bytes within the writable mapping (just checked), which nobody else writes; the hart that
            // owns this memory is not executing them.
            unsafe { std::ptr::copy_nonoverlapping(displacement.as_ptr(), self.writable.add(at as usize), 4) };
        }
    }
}

impl Drop for CodeMemory {
    fn drop(&mut self) {
        for at in [self.writable, self.executable] {
            // SAFETY: a mapping of this size that only this value refers to.
            let _ = unsafe { munmap(at.cast(), BYTES) };
        }
    }
}
