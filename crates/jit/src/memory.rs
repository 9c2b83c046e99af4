//! The memory that code lies in: mapped twice, once to be written and once to be executed.

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// Bytes of code kept at most, where nobody says otherwise.
pub const USUAL_BYTES: usize = 112 << 20;
/// More than that is out of the reach of a jump.
pub const MOST_BYTES: usize = (2 << 30) - (64 << 10);
const _: () = assert!(MOST_BYTES <= 1 << 32, "places in code are 32 bits");
/// Parts in seven of the memory that are for hot code; the others are for cold code.
const HOT_PARTS: usize = 4;

/// Memory for code. Pages are taken from the host when first written.
pub struct CodeMemory {
    writable: *mut u8,
    executable: *mut u8,
    /// Size of a mapping, and of its first part, which is for hot code.
    bytes: usize,
    hot_bytes: usize,
    hot: usize,
    cold: usize,
    /// Where hot code starts over.
    start: usize,
}

// SAFETY: the mappings are owned by this value alone, and everything that changes them takes `&mut self`.
unsafe impl Send for CodeMemory {}

impl CodeMemory {
    /// Reserves so many bytes, at most [`MOST_BYTES`].
    ///
    /// # Errors
    /// What the host said.
    pub fn new(bytes: usize) -> Result<Self, Errno> {
        let file = memfd_create("vhart-code", MemfdFlags::CLOEXEC)?;
        ftruncate(&file, bytes as u64)?;
        let map = |prot| {
            // SAFETY: a new mapping at an address of the host's choice; nothing else refers to it.
            unsafe { mmap(std::ptr::null_mut(), bytes, prot, MapFlags::SHARED, &file, 0) }
        };
        let writable: *mut u8 = map(ProtFlags::READ | ProtFlags::WRITE)?.cast();
        let executable = match map(ProtFlags::READ | ProtFlags::EXEC) {
            Ok(at) => at.cast::<u8>(),
            Err(errno) => {
                // SAFETY: the mapping was made above and nothing refers to it.
                let _ = unsafe { munmap(writable.cast(), bytes) };
                return Err(errno);
            }
        };
        let hot_bytes = (bytes / 7 * HOT_PARTS).next_multiple_of(16).min(bytes);
        Ok(CodeMemory { writable, executable, bytes, hot_bytes, hot: 0, cold: 0, start: 0 })
    }

    /// Whether an address is executable here.
    pub fn has(&self, address: u64) -> bool {
        address.wrapping_sub(self.executable as u64) < self.bytes as u64
    }

    /// Addresses of the next hot and cold code, if `bytes` of each have room.
    pub fn place(&self, bytes: usize) -> Option<[u64; 2]> {
        let fits = self.hot + bytes <= self.hot_bytes && self.hot_bytes + self.cold + bytes <= self.bytes;
        let base = self.executable as u64;
        fits.then_some([base + self.hot as u64, base + (self.hot_bytes + self.cold) as u64])
    }

    /// Puts code where [`CodeMemory::place`] said. Answers whether it fits.
    pub fn put(&mut self, hot: &[u8], cold: &[u8]) -> bool {
        if self.hot + hot.len() > self.hot_bytes || self.hot_bytes + self.cold + cold.len() > self.bytes {
            return false;
        }
        // SAFETY: both ranges lie within the writable mapping (just checked), which
        // nobody else writes, and the sources are not in it.
        unsafe {
            std::ptr::copy_nonoverlapping(hot.as_ptr(), self.writable.add(self.hot), hot.len());
            std::ptr::copy_nonoverlapping(cold.as_ptr(), self.writable.add(self.hot_bytes + self.cold), cold.len());
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

    /// Replaces code.
    #[cfg(test)]
    pub fn overwrite(&mut self, address: u64, with: &[u8]) {
        let at = (address - self.executable as u64) as usize;
        assert!(at + with.len() <= self.bytes);
        // SAFETY: within the writable mapping (just checked), which nobody else writes.
        unsafe { std::ptr::copy_nonoverlapping(with.as_ptr(), self.writable.add(at), with.len()) };
    }

    /// Lets the jump whose displacement ends at `end` go to `to`.
    pub fn patch(&mut self, end: u64, to: u64) {
        let at = end.wrapping_sub(self.executable as u64).wrapping_sub(4);
        if at as usize <= self.bytes - 4 {
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
            let _ = unsafe { munmap(at.cast(), self.bytes) };
        }
    }
}
