//! A virtqueue of a guest's, from the device's side.
//!
//! VIRTIO 1.2, "Split Virtqueues". A guest may write anything anywhere, also while this reads it: every number is read
//! once, and a ring or a chain that makes no sense is [`Broken`]. Left out: indirect descriptors and event indices,
//! which are not offered.

use alloc::vec::Vec;
use core::sync::atomic::{Ordering, fence};

use arch::GuestPhys;
use sbi::Memory;

use crate::virtio_mmio::Layout;

/// The guest made a ring or a chain that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// `struct virtq_desc`.
const DESCRIPTOR_BYTES: u64 = 16;
const NEXT: u16 = 1;
const WRITE: u16 = 2;
const INDIRECT: u16 = 4;
/// Both rings begin with flags and an index.
const INDEX: u64 = 2;
const ENTRIES: u64 = 4;
/// `struct virtq_used_elem`.
const USED_BYTES: u64 = 8;
/// "VIRTQ_AVAIL_F_NO_INTERRUPT".
const NO_INTERRUPT: u16 = 1;

/// A queue.
#[derive(Clone, Debug)]
pub struct Ring {
    layout: Layout,
    next: u16,
    used: u16,
}

/// Buffers that belong together: those that the device reads come first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// What the guest knows it by.
    pub head: u16,
    /// The buffers, none of them empty.
    pub parts: Vec<Part>,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where.
    pub at: GuestPhys,
    /// How long.
    pub len_bytes: u32,
    /// The device writes to it.
    pub writable: bool,
}

impl Chain {
    /// Of all its buffers.
    pub fn len_bytes(&self) -> u64 {
        self.parts.iter().map(|part| u64::from(part.len_bytes)).sum()
    }
}

impl Ring {
    /// A queue of at most `most` descriptors.
    ///
    /// # Errors
    /// It has more, or is not aligned.
    pub fn new(layout: Layout, most: u32) -> Result<Ring, Broken> {
        let aligned = layout.descriptors.is_multiple_of(DESCRIPTOR_BYTES)
            && layout.driver.is_multiple_of(2)
            && layout.device.is_multiple_of(4);
        match aligned && layout.size.is_power_of_two() && layout.size <= most {
            true => Ok(Ring { layout, next: 0, used: 0 }),
            false => Err(Broken),
        }
    }

    /// The next chain, which stays where it is until [`Ring::take`].
    ///
    /// # Errors
    /// The ring or the chain makes no sense.
    pub fn peek(&self, memory: &dyn Memory) -> Result<Option<Chain>, Broken> {
        let index = read_u16(memory, behind(self.layout.driver, INDEX)?)?;
        if index == self.next {
            return Ok(None);
        }
        if u32::from(index.wrapping_sub(self.next)) > self.layout.size {
            return Err(Broken);
        }
        // What the index tells of is there.
        fence(Ordering::Acquire);
        let head = read_u16(memory, behind(self.layout.driver, ENTRIES + 2 * self.slot(self.next))?)?;
        Ok(Some(Chain { head, parts: self.parts(head, memory)? }))
    }

    /// The chain that was seen is taken.
    pub fn take(&mut self) {
        self.next = self.next.wrapping_add(1);
    }

    /// Gives a chain back, with so many bytes written to it.
    ///
    /// # Errors
    /// The ring is not in the guest's memory.
    pub fn finish(&mut self, head: u16, written: u32, memory: &dyn Memory) -> Result<(), Broken> {
        let entry = (u64::from(written) << 32 | u64::from(head)).to_le_bytes();
        let at = behind(self.layout.device, ENTRIES + USED_BYTES * self.slot(self.used))?;
        memory.write(at, &entry).ok_or(Broken)?;
        self.used = self.used.wrapping_add(1);
        // The entry is there before the index tells of it.
        fence(Ordering::Release);
        memory.write(behind(self.layout.device, INDEX)?, &self.used.to_le_bytes()).ok_or(Broken)
    }

    /// Whether the guest wants to be interrupted for what it gets back.
    pub fn wants_interrupt(&self, memory: &dyn Memory) -> bool {
        fence(Ordering::SeqCst);
        read_u16(memory, self.layout.driver).is_ok_and(|flags| flags & NO_INTERRUPT == 0)
    }

    fn slot(&self, index: u16) -> u64 {
        u64::from(index) % u64::from(self.layout.size)
    }

    fn parts(&self, head: u16, memory: &dyn Memory) -> Result<Vec<Part>, Broken> {
        let mut parts: Vec<Part> = Vec::new();
        let mut next = Some(head);
        for _ in 0..self.layout.size {
            let Some(index) = next else { break };
            let (part, flags, follower) = self.descriptor(index, memory)?;
            // "The driver MUST place any device-writable descriptor elements after any device-readable ones."
            let late = !part.writable && parts.last().is_some_and(|last| last.writable);
            if late || flags & INDIRECT != 0 || !memory.has(part.at.0, part.len_bytes.into()) {
                return Err(Broken);
            }
            parts.extend(Some(part).filter(|part| part.len_bytes != 0));
            next = (flags & NEXT != 0).then_some(follower);
        }
        // A chain that does not end is none, nor is one without a byte.
        if next.is_some() || parts.is_empty() { Err(Broken) } else { Ok(parts) }
    }

    fn descriptor(&self, index: u16, memory: &dyn Memory) -> Result<(Part, u16, u16), Broken> {
        if u32::from(index) >= self.layout.size {
            return Err(Broken);
        }
        let mut bytes = [0; DESCRIPTOR_BYTES as usize];
        let at = behind(self.layout.descriptors, DESCRIPTOR_BYTES * u64::from(index))?;
        memory.read(at, &mut bytes).ok_or(Broken)?;
        let whole = u128::from_le_bytes(bytes);
        let (flags, next) = ((whole >> 96) as u16, (whole >> 112) as u16);
        let part = Part { at: GuestPhys(whole as u64), len_bytes: (whole >> 64) as u32, writable: flags & WRITE != 0 };
        Ok((part, flags, next))
    }
}

/// No part of a ring lies across the end of the addresses.
fn behind(base: u64, offset: u64) -> Result<u64, Broken> {
    base.checked_add(offset).ok_or(Broken)
}

fn read_u16(memory: &dyn Memory, at: u64) -> Result<u16, Broken> {
    let mut bytes = [0; 2];
    memory.read(at, &mut bytes).ok_or(Broken)?;
    Ok(u16::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use core::cell::RefCell;

    use super::*;

    /// 4 KiB from 0 on.
    struct Page(RefCell<Vec<u8>>);

    impl Page {
        fn new() -> Page {
            Page(RefCell::new(alloc::vec![0; 4096]))
        }

        /// Writes a descriptor (address, length, flags, next) of the table at `table`.
        fn describe(&self, table: u64, index: u16, (at, len, flags, next): (u64, u32, u16, u16)) {
            let whole = u128::from(at) | u128::from(len) << 64 | u128::from(flags) << 96 | u128::from(next) << 112;
            self.write(table + DESCRIPTOR_BYTES * u64::from(index), &whole.to_le_bytes()).unwrap();
        }
    }

    impl Memory for Page {
        fn has(&self, address: u64, len: u64) -> bool {
            address.checked_add(len).is_some_and(|end| end <= 4096)
        }
        fn read(&self, address: u64, into: &mut [u8]) -> Option<()> {
            self.has(address, into.len() as u64).then_some(())?;
            into.copy_from_slice(&self.0.borrow()[address as usize..][..into.len()]);
            Some(())
        }
        fn write(&self, address: u64, bytes: &[u8]) -> Option<()> {
            self.has(address, bytes.len() as u64).then_some(())?;
            self.0.borrow_mut()[address as usize..][..bytes.len()].copy_from_slice(bytes);
            Some(())
        }
    }

    const LAYOUT: Layout = Layout { size: 4, descriptors: 0, driver: 0x100, device: 0x200 };

    /// Descriptors (address, length, flags, next), and heads that are available.
    fn page(descriptors: &[(u64, u32, u16, u16)], heads: &[u16]) -> Page {
        let page = Page::new();
        descriptors
            .iter()
            .zip(0..)
            .for_each(|(descriptor, index)| page.describe(LAYOUT.descriptors, index, *descriptor));
        for (index, head) in heads.iter().enumerate() {
            page.write(0x104 + 2 * index as u64, &head.to_le_bytes());
        }
        page.write(0x102, &(heads.len() as u16).to_le_bytes());
        page
    }

    fn peek(descriptors: &[(u64, u32, u16, u16)], heads: &[u16]) -> Result<Option<Chain>, Broken> {
        Ring::new(LAYOUT, 4).unwrap().peek(&page(descriptors, heads))
    }

    #[test]
    fn a_chain_is_followed_to_its_end_and_given_back() {
        let page = page(&[(0x400, 16, NEXT, 2), (0, 0, 0, 0), (0x500, 8, WRITE, 0)], &[0]);
        let mut ring = Ring::new(LAYOUT, 4).unwrap();
        let chain = ring.peek(&page).unwrap().unwrap();
        let part = |at, len_bytes, writable| Part { at: GuestPhys(at), len_bytes, writable };
        assert_eq!(chain, Chain { head: 0, parts: alloc::vec![part(0x400, 16, false), part(0x500, 8, true)] });
        ring.take();
        assert_eq!(ring.peek(&page), Ok(None));
        ring.finish(0, 8, &page).unwrap();
        let mut used = [0; 12];
        page.read(0x200, &mut used);
        assert_eq!(used, [0, 0, 1, 0, 0, 0, 0, 0, 8, 0, 0, 0]);
        assert!(ring.wants_interrupt(&page));
        page.write(0x100, &[1, 0]);
        assert!(!ring.wants_interrupt(&page));
    }

    #[test]
    fn what_makes_no_sense_is_broken() {
        // a loop, a descriptor that there is not, one out of memory, one that is indirect, a read behind a write,
        // nothing at all
        assert_eq!(peek(&[(0x400, 1, NEXT, 0)], &[0]), Err(Broken));
        assert_eq!(peek(&[(0x400, 1, NEXT, 4)], &[0]), Err(Broken));
        assert_eq!(peek(&[(0xfff, 2, 0, 0)], &[0]), Err(Broken));
        assert_eq!(peek(&[(u64::MAX, 2, 0, 0)], &[0]), Err(Broken));
        assert_eq!(peek(&[(0x400, 16, INDIRECT, 0)], &[0]), Err(Broken));
        assert_eq!(peek(&[(0x400, 1, WRITE | NEXT, 1), (0x400, 1, 0, 0)], &[0]), Err(Broken));
        assert_eq!(peek(&[(0x400, 0, 0, 0)], &[0]), Err(Broken));
        assert_eq!(peek(&[], &[4]), Err(Broken));
        // more than there is room for
        assert_eq!(peek(&[(0x400, 1, 0, 0)], &[0; 5]), Err(Broken));
    }

    #[test]
    fn rings_are_of_a_size_and_aligned() {
        for layout in [
            Layout { size: 0, ..LAYOUT },
            Layout { size: 3, ..LAYOUT },
            Layout { size: 8, ..LAYOUT },
            Layout { descriptors: 8, ..LAYOUT },
            Layout { driver: 1, ..LAYOUT },
            Layout { device: 2, ..LAYOUT },
        ] {
            assert!(Ring::new(layout, 4).is_err(), "{layout:?}");
        }
        // a ring that is nowhere
        let ring = Ring::new(Layout { driver: u64::MAX - 1, ..LAYOUT }, 4).unwrap();
        assert_eq!(ring.peek(&page(&[], &[])), Err(Broken));
    }
}
