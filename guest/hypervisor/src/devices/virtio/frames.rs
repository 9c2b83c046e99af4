//! Memory for the queues of the machine's devices.
//!
//! Addresses are physical ones for devices as for the hypervisor, so that nothing has to be shared or copied.

use core::ptr::NonNull;

use arch::Phys;
use virtio_drivers::{BufferDirection, Hal, PhysAddr};

use crate::memory::physical::Physical;
use crate::memory::table::TableMemory;

/// Where `virtio-drivers` has its memory from.
pub struct Frames;

fn count(pages: usize) -> u64 {
    (pages as u64).next_power_of_two()
}

// SAFETY: pages come zeroed from the free memory and are nobody else's until they are given back; devices see them
// where the hypervisor does.
unsafe impl Hal for Frames {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        // Zero means that there is none.
        let at = Physical.pages(count(pages)).map_or(0, |at| at.0);
        (at, NonNull::new(at as *mut u8).unwrap_or(NonNull::dangling()))
    }

    unsafe fn dma_dealloc(at: PhysAddr, _: NonNull<u8>, pages: usize) -> i32 {
        Physical.return_pages(Phys(at), count(pages));
        0
    }

    unsafe fn mmio_phys_to_virt(_: PhysAddr, _: usize) -> NonNull<u8> {
        unreachable!("there is no PCI here")
    }

    unsafe fn share(buffer: NonNull<[u8]>, _: BufferDirection) -> PhysAddr {
        buffer.cast::<u8>().as_ptr() as u64
    }

    unsafe fn unshare(_: PhysAddr, _: NonNull<[u8]>, _: BufferDirection) {}
}
