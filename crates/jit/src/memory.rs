//! The memory that code lies in: mapped twice, once to be written and once to be executed.
//!
//! Where half of a big page is code, the host is asked to make one page of it: megabytes of code that run in no order
//! miss the host's table of small pages all the time.

use std::ffi::c_void;

use rustix::fd::OwnedFd;
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

/// Bytes of code kept at most, where nobody says otherwise.
pub const USUAL_BYTES: usize = 112 << 20;
/// More than that is out of the reach of a jump.
pub const MOST_BYTES: usize = (2 << 30) - (64 << 10);
const _: () = assert!(MOST_BYTES <= 1 << 32, "places in code are 32 bits");
/// Parts in seven of the memory that are for hot code; the others are for cold code.
const HOT_PARTS: usize = 4;

/// Size of the host's big pages.
const BIG_PAGE: usize = 2 << 20;

/// Memory for code. Pages are taken from the host when first written.
pub struct CodeMemory {
    writable: Mapping,
    executable: Mapping,
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
        let writable = Mapping::of(&file, bytes, ProtFlags::READ | ProtFlags::WRITE)?;
        let executable = Mapping::of(&file, bytes, ProtFlags::READ | ProtFlags::EXEC)?;
        let hot_bytes = (bytes / 7 * HOT_PARTS).next_multiple_of(16).min(bytes);
        Ok(CodeMemory { writable, executable, bytes, hot_bytes, hot: 0, cold: 0, start: 0 })
    }

    /// Whether an address is executable here.
    pub fn has(&self, address: u64) -> bool {
        address.wrapping_sub(self.executable.at as u64) < self.bytes as u64
    }

    /// Addresses of the next hot and cold code, if `bytes` of each have room.
    pub fn place(&self, bytes: usize) -> Option<[u64; 2]> {
        let fits = self.hot + bytes <= self.hot_bytes && self.hot_bytes + self.cold + bytes <= self.bytes;
        let base = self.executable.at as u64;
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
            std::ptr::copy_nonoverlapping(hot.as_ptr(), self.writable.at.add(self.hot), hot.len());
            std::ptr::copy_nonoverlapping(cold.as_ptr(), self.writable.at.add(self.hot_bytes + self.cold), cold.len());
        }
        let before = self.hot;
        self.hot = (self.hot + hot.len()).next_multiple_of(16);
        self.cold += cold.len();
        self.gather(before);
        true
    }

    /// Makes one page of the big page of which half is hot code now, and was not when there were `before` bytes.
    fn gather(&self, before: usize) {
        let halves = |used: usize| (used + BIG_PAGE / 2) / BIG_PAGE;
        let start = (halves(self.hot) * BIG_PAGE).saturating_sub(BIG_PAGE);
        if halves(self.hot) == halves(before) || start + BIG_PAGE > self.hot_bytes {
            return;
        }
        // SAFETY: within the executable mapping, whose contents stay as they are. Hosts that cannot do it change nothing.
        let _ = unsafe { libc::madvise(self.executable.at.add(start).cast(), BIG_PAGE, libc::MADV_COLLAPSE) };
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
        self.executable.at as u64
    }

    /// Bytes of hot and of cold code.
    pub fn used(&self) -> [usize; 2] {
        [self.hot, self.cold]
    }

    /// Replaces code.
    #[cfg(test)]
    pub fn overwrite(&mut self, address: u64, with: &[u8]) {
        let at = (address - self.executable.at as u64) as usize;
        assert!(at + with.len() <= self.bytes);
        // SAFETY: within the writable mapping (just checked), which nobody else writes.
        unsafe { std::ptr::copy_nonoverlapping(with.as_ptr(), self.writable.at.add(at), with.len()) };
    }

    /// Lets the jump whose displacement ends at `end` go to `to`.
    pub fn patch(&mut self, end: u64, to: u64) {
        let at = end.wrapping_sub(self.executable.at as u64).wrapping_sub(4);
        if at as usize <= self.bytes - 4 {
            let displacement = (to.wrapping_sub(end) as i32).to_le_bytes();
            // SAFETY: four bytes within the writable mapping (just checked), which nobody else writes; the hart that
            // owns this memory is not executing them.
            unsafe { std::ptr::copy_nonoverlapping(displacement.as_ptr(), self.writable.at.add(at as usize), 4) };
        }
    }
}

/// A file in memory where big pages can be, and the room around it.
struct Mapping {
    room: *mut c_void,
    room_bytes: usize,
    /// Where the file begins.
    at: *mut u8,
}

impl Mapping {
    fn of(file: &OwnedFd, bytes: usize, prot: ProtFlags) -> Result<Mapping, Errno> {
        let room_bytes = bytes + BIG_PAGE;
        // SAFETY: a new mapping at an address of the host's choice; nothing else refers to it.
        let room = unsafe { mmap_anonymous(std::ptr::null_mut(), room_bytes, ProtFlags::empty(), MapFlags::PRIVATE)? };
        let mapping = Mapping { room, room_bytes, at: room.map_addr(|at| at.next_multiple_of(BIG_PAGE)).cast() };
        // SAFETY: replaces a part of the mapping made above, which is as much larger as its start may move.
        unsafe { mmap(mapping.at.cast(), bytes, prot, MapFlags::SHARED | MapFlags::FIXED, file, 0)? };
        Ok(mapping)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: a mapping of this size that only this value refers to.
        let _ = unsafe { munmap(self.room, self.room_bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_reads_the_same_where_pages_are_gathered() {
        const PIECE: usize = 48 << 10;
        let mut memory = CodeMemory::new(16 << 20).unwrap();
        let mut places = Vec::new();
        for number in 0u8.. {
            let Some([hot, _]) = memory.place(PIECE) else { break };
            assert!(memory.put(&[number; PIECE], &[]));
            places.push((hot, number));
        }
        assert!(memory.used()[0] > 4 * BIG_PAGE);
        for (hot, number) in places {
            // SAFETY: the mapping is readable, and has so much hot code.
            let code = unsafe { std::slice::from_raw_parts(hot as *const u8, PIECE) };
            assert!(code.iter().all(|&byte| byte == number), "{number}");
        }
    }
}
