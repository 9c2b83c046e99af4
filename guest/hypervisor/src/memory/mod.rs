//! Part 3: memory.
//!
//! Whose memory is whose (`frames`), page tables of both stages (`table`), the hypervisor's own (`own`) and a guest's
//! (`guest`) by its VMID (`vmids`), and accesses to addresses where no memory is (`access`). Addresses of the machine,
//! of guests and of their programs are types of their own: `arch::{Phys, GuestPhys, Virt}`.

pub mod access;
pub mod frames;
#[cfg(feature = "image")]
pub mod guest;
#[cfg(feature = "image")]
pub mod own;
#[cfg(feature = "image")]
pub mod physical;
pub mod table;
pub mod vmids;

#[cfg(feature = "image")]
pub use image::*;

#[cfg(feature = "image")]
mod image {
    use core::ops::Range;

    use spin::Mutex;

    use super::frames::Frames;
    use crate::start::tree::Board;

    /// The memory that is nobody's.
    pub(super) static FREE: Mutex<Frames> = Mutex::new(Frames::new());

    /// Takes the board's memory, but for what the firmware, the loader and this image have of it.
    pub fn init(board: &Board, tree: Range<u64>) {
        let image = super::own::image();
        let taken: alloc::vec::Vec<Range<u64>> =
            board.reserved.iter().cloned().chain(board.initrd.clone()).chain([image, tree]).collect();
        let mut free = FREE.lock();
        board.memory.iter().for_each(|range| free.add(range.clone(), &taken));
    }

    /// How much of it there is.
    pub fn free_bytes() -> u64 {
        FREE.lock().free_bytes()
    }

    /// What the hypervisor has had for itself, at most: the image with its heap, tables, stacks, and queues.
    pub fn own_bytes() -> u64 {
        let image = super::own::image();
        image.end - image.start + FREE.lock().most_cut_bytes()
    }
}
