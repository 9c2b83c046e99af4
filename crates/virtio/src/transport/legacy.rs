//! Where a legacy driver's queues are.
//!
//! Models VIRTIO 1.2, "Legacy interface" of "Virtio Over MMIO" and of "Virtqueues": a queue is one piece of memory that
//! begins with a page; its parts follow each other.

use cores::virtio_mmio::Layout;

use crate::ring::Broken;

/// The registers of a queue that only legacy drivers use.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Queue {
    /// Alignment of the used ring, in bytes.
    pub align: u32,
    /// The first page, in units of the driver's page size; 0 while there is no queue.
    pub pfn: u32,
}

impl Queue {
    /// The parts of a queue of `size` descriptors, with pages of `page_bytes`.
    ///
    /// # Errors
    /// [`Broken`] where the driver did not say how large a page is, or how to align.
    pub fn layout(&self, size: u32, page_bytes: u32) -> Result<Layout, Broken> {
        if !page_bytes.is_power_of_two() || !self.align.is_power_of_two() {
            return Err(Broken);
        }
        let descriptors = u64::from(self.pfn) * u64::from(page_bytes);
        let driver = descriptors + 16 * u64::from(size);
        // Flags, index, as many entries as descriptors, and the event index.
        let driver_end = driver + 2 * (3 + u64::from(size));
        Ok(Layout { size, descriptors, driver, device: driver_end.next_multiple_of(u64::from(self.align)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_queue_follow_each_other() {
        let queue = Queue { align: 4096, pfn: 0x80001 };
        let layout = queue.layout(8, 4096).unwrap();
        assert_eq!((layout.descriptors, layout.driver, layout.device), (0x8000_1000, 0x8000_1080, 0x8000_2000));
    }

    #[test]
    fn without_a_page_size_there_is_no_queue() {
        for (align, page_bytes) in [(4096, 0), (0, 4096), (3, 4096), (4096, 1000)] {
            assert!(Queue { align, pfn: 1 }.layout(8, page_bytes).is_err());
        }
    }
}
