//! The heap: for what is made once, when guests are. A kept buddy allocator over the end of the image.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::NonNull;

use buddy_system_allocator::Heap;
use spin::Mutex;

/// Blocks are below 2 to the power of this.
const ORDERS: usize = 24;

struct Locked(Mutex<Heap<ORDERS>>);

#[global_allocator]
static HEAP: Locked = Locked(Mutex::new(Heap::empty()));

// SAFETY: the buddy allocator hands out blocks that do not overlap, and the lock keeps it to one hart at a time.
unsafe impl GlobalAlloc for Locked {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.0.lock().alloc(layout).map_or(core::ptr::null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let Some(block) = NonNull::new(block) {
            // SAFETY: `block` came from `alloc` with this layout, which the caller promises.
            unsafe { self.0.lock().dealloc(block, layout) };
        }
    }
}

/// Gives the heap its memory: once, before anything is made.
pub fn init() {
    let heap = super::entry::image().heap;
    // SAFETY: the linker script keeps this part of the image for the heap alone.
    unsafe { HEAP.0.lock().init(heap.start as usize, (heap.end - heap.start) as usize) };
}
