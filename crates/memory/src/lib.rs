//! Guest RAM.
//!
//! One contiguous region of anonymous memory, lazily backed by the host. Devices reach it through
//! [`vm_memory`]; harts through typed accesses at byte offsets, which are atomic when aligned (RVWMO needs no more of a
//! plain access). An access outside the region answers `None`: nothing a guest does reaches other memory.

#![deny(unsafe_op_in_unsafe_fn)]

mod sbi;
mod watch;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

use arch::Phys;
use portable_atomic::AtomicU128;
use vm_memory::{GuestAddress, GuestMemoryBackend};

pub use watch::{CodeWatch, Watcher};

/// Guest memory as the rust-vmm crates see it, with what they write noted.
pub type GuestMemoryMmap = vm_memory::GuestMemoryMmap<CodeWatch>;

/// Why RAM could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The host refused the mapping.
    #[error("cannot reserve {len_bytes} bytes of guest memory at {base:#x}: {reason}")]
    Map {
        /// Size asked for.
        len_bytes: u64,
        /// Guest address.
        base: u64,
        /// What the host said.
        reason: String,
    },
}

/// Guest RAM, shared between harts and devices. Cloning shares it.
#[derive(Clone)]
pub struct Ram {
    base: u64,
    len: u64,
    host: *mut u8,
    mmap: Arc<GuestMemoryMmap>,
    watch: CodeWatch,
}

// SAFETY: `host` points into `mmap`, which is kept alive by the Arc; every access through it is atomic or a
// byte-wise copy of atomics, so sharing between threads is defined.
unsafe impl Send for Ram {}
// SAFETY: as for Send.
unsafe impl Sync for Ram {}

impl Ram {
    /// Reserves `len_bytes` of RAM at `base`. Pages are taken from the host when first touched.
    ///
    /// # Errors
    /// [`Error::Map`] when the host has no room for it, or the size is zero or not a multiple of 4 KiB.
    pub fn new(base: Phys, len_bytes: u64) -> Result<Self, Error> {
        let fail = |reason: String| Error::Map { len_bytes, base: base.0, reason };
        if len_bytes == 0
            || !len_bytes.is_multiple_of(arch::addr::PAGE_BYTES)
            || base.0.checked_add(len_bytes).is_none()
        {
            return Err(fail("the size is not a positive multiple of 4 KiB".into()));
        }
        let len = usize::try_from(len_bytes).map_err(|e| fail(e.to_string()))?;
        let mmap = GuestMemoryMmap::from_ranges(&[(GuestAddress(base.0), len)]).map_err(|e| fail(e.to_string()))?;
        let host = mmap.get_host_address(GuestAddress(base.0)).map_err(|e| fail(e.to_string()))?;
        let watch = mmap.iter().next().map(|region| region.get_mmap().bitmap().clone()).unwrap_or_default();
        Ok(Ram { base: base.0, len: len_bytes, host, mmap: Arc::new(mmap), watch })
    }

    /// First address.
    pub fn base(&self) -> Phys {
        Phys(self.base)
    }

    /// Size in bytes.
    pub fn len_bytes(&self) -> u64 {
        self.len
    }

    /// The same memory as the rust-vmm crates see it.
    pub fn guest_memory(&self) -> Arc<GuestMemoryMmap> {
        self.mmap.clone()
    }

    /// The pages that code was translated from.
    #[inline]
    pub fn watch(&self) -> &CodeWatch {
        &self.watch
    }

    /// First byte on the host. For executors that map RAM themselves (KVM, a translator).
    pub fn host_base(&self) -> *mut u8 {
        self.host
    }

    /// Byte offset of `addr` when `len` bytes from it are RAM.
    #[inline(always)]
    pub fn offset(&self, addr: Phys, len: u64) -> Option<u64> {
        let offset = addr.0.wrapping_sub(self.base);
        (offset < self.len && len <= self.len - offset).then_some(offset)
    }

    /// Copies RAM at `offset` into `into`, bytewise.
    pub fn read_bytes(&self, offset: u64, into: &mut [u8]) -> Option<()> {
        self.check(offset, into.len() as u64)?;
        for (i, byte) in into.iter_mut().enumerate() {
            *byte = self.atomic_u8(offset + i as u64).load(Ordering::Relaxed);
        }
        Some(())
    }

    /// Copies `from` into RAM at `offset`, bytewise.
    pub fn write_bytes(&self, offset: u64, from: &[u8]) -> Option<()> {
        self.check(offset, from.len() as u64)?;
        for (i, byte) in from.iter().enumerate() {
            self.atomic_u8(offset + i as u64).store(*byte, Ordering::Relaxed);
        }
        // after the write: whoever looks at what is noted compares what is written
        self.watch.note_written(offset, from.len() as u64);
        Some(())
    }

    #[inline(always)]
    fn check(&self, offset: u64, len: u64) -> Option<()> {
        (offset < self.len && len <= self.len - offset).then_some(())
    }

    /// Callers have checked `offset`.
    fn atomic_u8(&self, offset: u64) -> &AtomicU8 {
        debug_assert!(offset < self.len);
        // SAFETY: both callers checked that `offset` lies inside the mapping, which `self.mmap` keeps alive; any byte
        // of it is a valid AtomicU8.
        unsafe { AtomicU8::from_ptr(self.host.add(offset as usize)) }
    }
}

macro_rules! cell {
    ($name:ident, $around:ident, $load:ident, $store:ident, $atomic:ident, $int:ident) => {
        impl Ram {
            /// The naturally aligned cell at `offset`, or `None` outside RAM or misaligned.
            #[inline(always)]
            pub fn $name(&self, offset: u64) -> Option<&$atomic> {
                let aligned = offset.is_multiple_of(size_of::<$int>() as u64);
                self.$around(offset).filter(|_| aligned)
            }

            /// The naturally aligned cell that the byte at `offset` is in, or `None` outside RAM. For offsets that are
            /// known to be aligned: there is nothing else to check.
            #[inline(always)]
            pub fn $around(&self, offset: u64) -> Option<&$atomic> {
                let start = offset & !(size_of::<$int>() as u64 - 1);
                if start >= self.len {
                    return None;
                }
                // SAFETY: the cell lies inside the mapping (its start does, and the length is a multiple of 4 KiB), is
                // aligned (the mapping is page-aligned and the start a multiple of the size), and lives as long as
                // `self.mmap`, hence as `&self`.
                Some(unsafe { $atomic::from_ptr(self.host.add(start as usize).cast()) })
            }

            /// Little-endian load at any alignment; single-copy atomic when naturally aligned.
            #[inline(always)]
            pub fn $load(&self, offset: u64) -> Option<$int> {
                if let Some(cell) = self.$name(offset) {
                    return Some($int::from_le(cell.load(Ordering::Relaxed)));
                }
                let mut bytes = [0; size_of::<$int>()];
                self.read_bytes(offset, &mut bytes)?;
                Some($int::from_le_bytes(bytes))
            }

            /// Little-endian store at any alignment; single-copy atomic when naturally aligned.
            #[inline(always)]
            pub fn $store(&self, offset: u64, value: $int) -> Option<()> {
                if let Some(cell) = self.$name(offset) {
                    cell.store(value.to_le(), Ordering::Relaxed);
                    self.watch.note_written(offset, size_of::<$int>() as u64);
                    return Some(());
                }
                self.write_bytes(offset, &value.to_le_bytes())
            }
        }
    };
}
cell!(cell_u16, around_u16, load_u16, store_u16, AtomicU16, u16);
cell!(cell_u32, around_u32, load_u32, store_u32, AtomicU32, u32);
cell!(cell_u64, around_u64, load_u64, store_u64, AtomicU64, u64);

impl Ram {
    /// The naturally aligned 16 bytes at `offset`, or `None` outside RAM or misaligned.
    pub fn cell_u128(&self, offset: u64) -> Option<&AtomicU128> {
        self.check(offset, 16).filter(|()| offset.is_multiple_of(16))?;
        // SAFETY: the cell lies inside the mapping, is aligned (the mapping is page-aligned), and lives as long as
        // `self.mmap`, hence as `&self`. Where the host has no such instruction, the type takes a lock, and a
        // concurrent access of another size is defined all the same, as both are atomic accesses to raw memory outside
        // Rust's view.
        Some(unsafe { AtomicU128::from_ptr(self.host.add(offset as usize).cast()) })
    }

    /// The byte at `offset`.
    #[inline(always)]
    pub fn cell_u8(&self, offset: u64) -> Option<&AtomicU8> {
        self.check(offset, 1)?;
        Some(self.atomic_u8(offset))
    }

    /// Loads a byte.
    #[inline(always)]
    pub fn load_u8(&self, offset: u64) -> Option<u8> {
        self.check(offset, 1)?;
        Some(self.atomic_u8(offset).load(Ordering::Relaxed))
    }

    /// Stores a byte.
    #[inline(always)]
    pub fn store_u8(&self, offset: u64, value: u8) -> Option<()> {
        self.check(offset, 1)?;
        self.atomic_u8(offset).store(value, Ordering::Relaxed);
        self.watch.note_written(offset, 1);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ram() -> Ram {
        Ram::new(Phys(0x8000_0000), 0x2000).unwrap()
    }

    #[test]
    fn a_misaligned_store_reads_back() {
        let ram = ram();
        ram.store_u64(0x1003, 0x0123_4567_89ab_cdef).unwrap();
        assert_eq!(ram.load_u64(0x1003), Some(0x0123_4567_89ab_cdef));
        assert_eq!(ram.load_u8(0x1003), Some(0xef));
    }

    #[test]
    fn a_cell_is_the_one_around_a_byte() {
        let ram = ram();
        ram.store_u32(0x1ffc, 7).unwrap();
        assert_eq!(ram.around_u32(0x1fff).map(|cell| cell.load(Ordering::Relaxed)), Some(7u32.to_le()));
        assert!(ram.around_u32(0x2000).is_none() && ram.around_u64(u64::MAX).is_none());
        assert!(ram.cell_u32(0x1ffe).is_none());
    }

    #[test]
    fn nothing_outside_is_reached() {
        let ram = ram();
        assert_eq!(ram.load_u64(0x1ff9), None);
        assert_eq!(ram.store_u8(0x2000, 1), None);
        assert_eq!(ram.load_u32(u64::MAX), None);
        assert_eq!(ram.offset(Phys(0x7fff_ffff), 1), None);
        assert_eq!(ram.offset(Phys(0x8000_1ffc), 4), Some(0x1ffc));
    }

    #[test]
    fn a_size_of_zero_is_refused() {
        assert!(Ram::new(Phys(0x8000_0000), 0).is_err());
    }
}
