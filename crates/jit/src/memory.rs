//! The memory that code lies in: mapped twice, once to be written and once to be executed.
//!
//! Where half of a big page is code, the host is asked to make one page of it: megabytes of code that run in no order
//! miss the host's table of small pages all the time.

use std::ffi::c_void;

use rustix::fd::OwnedFd;
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

use crate::host::{Made, Places};

/// Bytes of code kept at most, where nobody says otherwise.
pub const USUAL_BYTES: usize = 112 << 20;
/// Sixteenths of the memory that hot code, cold code and slow paths have: all grow with the guest's code.
const SHARES: [usize; 3] = [10, 4, 2];
/// Bytes of slow paths at most, in a memory of so many bytes.
pub const fn most_slow_path_bytes(bytes: usize) -> usize {
    bytes / 16 * SHARES[2]
}

/// A part of the memory, filled from its start.
#[derive(Clone, Copy)]
struct Area {
    /// Offset in the memory.
    start: usize,
    bytes: usize,
    used: usize,
}

impl Area {
    fn has_room(&self, bytes: usize) -> bool {
        bytes <= self.bytes - self.used
    }

    /// Offset in the memory of what comes next.
    fn end(&self) -> usize {
        self.start + self.used
    }
}

/// Linux, include/uapi/asm-generic/mman-common.h; `libc` has it for some C libraries only.
const MADV_COLLAPSE: libc::c_int = 25;

/// Size of the host's big pages.
const BIG_PAGE: usize = 2 << 20;

/// Memory for code. Pages are taken from the host when first written.
pub struct CodeMemory {
    writable: Mapping,
    executable: Mapping,
    /// Size of a mapping.
    bytes: usize,
    hot: Area,
    cold: Area,
    slow_paths: Area,
    /// Bytes of hot code that are permanent.
    kept: usize,
}

// SAFETY: the mappings are owned by this value alone, and everything that changes them takes `&mut self`.
unsafe impl Send for CodeMemory {}

impl CodeMemory {
    /// Reserves so many bytes, in which jumps reach everything.
    ///
    /// # Errors
    /// What the host said.
    pub fn new(bytes: usize) -> Result<Self, Errno> {
        let file = memfd_create("vhart-code", MemfdFlags::CLOEXEC)?;
        ftruncate(&file, bytes as u64)?;
        let writable = Mapping::of(&file, bytes, ProtFlags::READ | ProtFlags::WRITE)?;
        let executable = Mapping::of(&file, bytes, ProtFlags::READ | ProtFlags::EXEC)?;
        let mut start = 0;
        let [hot, cold, slow_paths] = SHARES.map(|share| {
            let area = Area { start, bytes: bytes / 256 * 16 * share, used: 0 };
            start += area.bytes;
            area
        });
        Ok(CodeMemory { writable, executable, bytes, hot, cold, slow_paths, kept: 0 })
    }

    /// Whether an address is executable here.
    pub fn has(&self, address: u64) -> bool {
        address.wrapping_sub(self.executable.at as u64) < self.bytes as u64
    }

    /// Where the next code goes, if there is room for so many bytes of hot code and of each of the others.
    pub fn place(&self, hot: usize, others: usize) -> Option<Places> {
        let fits = self.hot.has_room(hot) && self.cold.has_room(others) && self.slow_paths.has_room(others);
        let address = |area: &Area| self.executable.at as u64 + area.end() as u64;
        let places =
            || Places { hot: address(&self.hot), cold: address(&self.cold), slow_paths: address(&self.slow_paths) };
        fits.then(places)
    }

    /// Puts code where [`CodeMemory::place`] said. Answers whether it fits.
    pub fn put(&mut self, made: &Made) -> bool {
        let before = self.hot.used;
        let parts =
            [(&mut self.hot, &made.hot), (&mut self.cold, &made.cold), (&mut self.slow_paths, &made.slow_paths)];
        if !parts.iter().all(|(area, code)| area.has_room(code.len())) {
            return false;
        }
        for (area, code) in parts {
            // SAFETY: the range lies within the area (just checked) and so within the writable mapping, which nobody
            // else writes, and the source is not in it.
            unsafe { std::ptr::copy_nonoverlapping(code.as_ptr(), self.writable.at.add(area.end()), code.len()) };
            area.used += code.len();
        }
        // the size of the area is a multiple of it
        self.hot.used = self.hot.used.next_multiple_of(16);
        self.gather(before);
        true
    }

    /// Makes one page of the big page of which half is hot code now, and was not when there were `before` bytes.
    fn gather(&self, before: usize) {
        let halves = |used: usize| (used + BIG_PAGE / 2) / BIG_PAGE;
        let start = (halves(self.hot.used) * BIG_PAGE).saturating_sub(BIG_PAGE);
        if halves(self.hot.used) == halves(before) || start + BIG_PAGE > self.hot.bytes {
            return;
        }
        // SAFETY: within the executable mapping, whose contents stay as they are. Hosts that cannot do it change
        // nothing.
        let _ = unsafe { libc::madvise(self.executable.at.add(start).cast(), BIG_PAGE, MADV_COLLAPSE) };
    }

    /// Makes the hot code that was put so far permanent.
    pub fn keep(&mut self) {
        self.kept = self.hot.used;
    }

    /// Forgets all code but what is permanent.
    pub fn clear(&mut self) {
        (self.hot.used, self.cold.used, self.slow_paths.used) = (self.kept, 0, 0);
    }

    /// Where hot code starts.
    pub fn base(&self) -> u64 {
        self.executable.at as u64
    }

    /// Bytes of hot code and of all other.
    pub fn used(&self) -> [usize; 2] {
        [self.hot.used, self.cold.used + self.slow_paths.used]
    }

    /// Replaces code.
    #[cfg(test)]
    pub fn overwrite(&mut self, address: u64, with: &[u8]) {
        let at = (address - self.executable.at as u64) as usize;
        assert!(at + with.len() <= self.bytes);
        // SAFETY: within the writable mapping (just checked), which nobody else writes.
        unsafe { std::ptr::copy_nonoverlapping(with.as_ptr(), self.writable.at.add(at), with.len()) };
    }

    /// Changes the code at an address.
    pub fn patch(&mut self, address: u64, with: [u8; 4]) {
        let at = address.wrapping_sub(self.executable.at as u64);
        if at as usize <= self.bytes - with.len() {
            // SAFETY: so many bytes within the writable mapping (just checked), which nobody else writes; the hart that
            // owns this memory is not executing them.
            unsafe { std::ptr::copy_nonoverlapping(with.as_ptr(), self.writable.at.add(at as usize), with.len()) };
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
            let Some(place) = memory.place(PIECE, 0) else { break };
            assert!(memory.put(&Made { hot: vec![number; PIECE], ..Made::default() }));
            places.push((place.hot, number));
        }
        assert!(memory.used()[0] > 4 * BIG_PAGE);
        for (hot, number) in places {
            // SAFETY: the mapping is readable, and has so much hot code.
            let code = unsafe { std::slice::from_raw_parts(hot as *const u8, PIECE) };
            assert!(code.iter().all(|&byte| byte == number), "{number}");
        }
    }

    /// Bytes of code of each kind.
    fn made(hot: usize, cold: usize, slow_paths: usize) -> Made {
        Made { hot: vec![1; hot], cold: vec![2; cold], slow_paths: vec![3; slow_paths], ..Made::default() }
    }

    #[test]
    fn each_kind_of_code_goes_on_where_its_last_ended() {
        let mut memory = CodeMemory::new(1 << 20).unwrap();
        let first = memory.place(0, 0).unwrap();
        assert!(memory.put(&made(20, 7, 10)));
        let second = memory.place(0, 0).unwrap();
        // hot code is aligned to 16 bytes
        let moved = (second.hot - first.hot, second.cold - first.cold, second.slow_paths - first.slow_paths);
        assert_eq!((moved, memory.used()), ((32, 7, 10), [32, 17]));
    }

    #[test]
    fn what_does_not_fit_is_refused_as_a_whole() {
        let mut memory = CodeMemory::new(1 << 20).unwrap();
        let [hot, cold, slow_paths] = SHARES.map(|share| (1 << 16) * share);
        let both = cold.min(slow_paths);
        assert!(memory.place(hot, both).is_some() && memory.place(hot + 1, 0).is_none());
        assert!(memory.place(hot, both + 1).is_none());
        for too_much in [made(hot + 1, 0, 0), made(0, cold + 1, 0), made(0, 0, slow_paths + 1)] {
            assert!(!memory.put(&too_much));
            assert_eq!(memory.used(), [0, 0]);
        }
        assert!(memory.put(&made(hot, cold, slow_paths)));
    }
}
