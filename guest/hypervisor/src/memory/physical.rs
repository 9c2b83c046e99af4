//! The machine's memory by its physical addresses, which the hypervisor's own tables map one to one (`own`).

use core::arch::asm;
use core::sync::atomic::{Ordering, fence};

use arch::Phys;
use arch::addr::PAGE_BYTES;

use super::image::FREE;
use super::table::TableMemory;
use crate::start::hart;

/// The device tree, by the length in its header (Devicetree Specification v0.4, "Header").
pub fn device_tree(at: Phys) -> &'static [u8] {
    const TOTALSIZE: u64 = 4;
    let len_bytes = u32::from_be(read::<u32>(Phys(at.0 + TOTALSIZE)));
    bytes(at, len_bytes.into())
}

/// Memory that nobody writes to any more: what the loader put there.
pub fn bytes(at: Phys, len_bytes: u64) -> &'static [u8] {
    // SAFETY: firmware and loader tell of it, it is kept out of the free memory (`memory::init`), and nothing here
    // writes to it.
    unsafe { core::slice::from_raw_parts(at.0 as *const u8, len_bytes as usize) }
}

/// Reads a value, which may be of any kind that is only bits.
fn read<T: Copy>(at: Phys) -> T {
    // SAFETY: `at` is in RAM: an address out of the device tree, of a table, or of memory given to a guest.
    unsafe { (at.0 as *const T).read_volatile() }
}

/// A guest's memory, for a device that is told where it is. Nobody reads or writes it by this: guest and device do, at
/// the same time.
pub fn of_guest(at: Phys, len_bytes: usize) -> &'static mut [u8] {
    // SAFETY: `at` came from a guest's table, as for `copy_from`; the memory is the guest's until its devices have
    // stopped.
    unsafe { core::slice::from_raw_parts_mut(at.0 as *mut u8, len_bytes) }
}

/// Reads a register of a device of the machine's.
pub fn read_register(at: Phys) -> u32 {
    read(at)
}

/// Writes a register of a device of the machine's.
pub fn write_register(at: Phys, value: u32) {
    // SAFETY: the machine's tree tells of the device, and its registers are no memory.
    unsafe { (at.0 as *mut u32).write_volatile(value) }
}

/// Copies memory of a guest to `into`.
pub fn copy_from(at: Phys, into: &mut [u8]) {
    // SAFETY: `at` came from a guest's table, whose leaves map pieces that are the guest's; the caller keeps within
    // one.
    unsafe { core::ptr::copy(at.0 as *const u8, into.as_mut_ptr(), into.len()) }
}

/// Copies `bytes` to memory of a guest.
pub fn copy_to(at: Phys, bytes: &[u8]) {
    // SAFETY: as for `copy_from`.
    unsafe { core::ptr::copy(bytes.as_ptr(), at.0 as *mut u8, bytes.len()) }
}

/// Zeroes memory before somebody gets it: whole pages, by cache blocks where the hart can (Zicboz).
pub fn zero(at: Phys, len_bytes: u64) {
    match hart::board().cbo_block_bytes {
        // Four blocks in each turn: a page has that many of any that there are.
        block_bytes if block_bytes != 0 && PAGE_BYTES.is_multiple_of(4 * block_bytes) => {
            zero_blocks(at, len_bytes, block_bytes);
        }
        // SAFETY: the memory was just taken from the free.
        _ => unsafe { core::ptr::write_bytes(at.0 as *mut u8, 0, len_bytes as usize) },
    }
}

/// A loop without a word too many: a first touch takes longest for it.
fn zero_blocks(at: Phys, len_bytes: u64, block_bytes: u64) {
    // SAFETY: "CBO.ZERO [...] stores zeros to the full set of bytes corresponding to the cache block", which the caller
    // owns.
    unsafe {
        asm!(
            ".option push", ".option arch, +zicboz",
            "1:",
            "cbo.zero ({at})", "add {at}, {at}, {block}",
            "cbo.zero ({at})", "add {at}, {at}, {block}",
            "cbo.zero ({at})", "add {at}, {at}, {block}",
            "cbo.zero ({at})", "add {at}, {at}, {block}",
            "bltu {at}, {end}, 1b",
            ".option pop",
            at = inout(reg) at.0 => _, block = in(reg) block_bytes, end = in(reg) at.0 + len_bytes, options(nostack)
        )
    };
}

/// The machine's memory, as tables need it.
pub struct Physical;

impl TableMemory for Physical {
    fn read(&self, at: Phys) -> u64 {
        read(at)
    }

    fn write(&mut self, at: Phys, entry: u64) {
        // Another hart that walks here finds what the entry names as it was written before.
        fence(Ordering::Release);
        // SAFETY: `at` is in a table, which was taken from the free memory.
        unsafe { (at.0 as *mut u64).write_volatile(entry) }
    }

    fn pages(&mut self, count: u64) -> Option<Phys> {
        let pages = FREE.lock().pages(count)?;
        zero(pages, count * PAGE_BYTES);
        Some(pages)
    }

    fn return_pages(&mut self, at: Phys, count: u64) {
        FREE.lock().return_pages(at, count);
    }
}
