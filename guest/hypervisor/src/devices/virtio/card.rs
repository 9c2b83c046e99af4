//! A guest's network card on the switch between the guests: queues with none of the machine's devices behind them.
//!
//! VIRTIO 1.2, "Network Device". Nothing is offered but the card's address: a frame is whole, has all its checksums,
//! and lies in one chain. A frame for a guest that has no room for it is lost, as on any network.

use alloc::vec::Vec;
use core::ops::RangeInclusive;

use cores::virtio::registers::{Effect, Registers, is_register};
use cores::virtio::ring::{Broken, Chain, Ring};
use cores::virtio_mmio::{self as at, INTERRUPT_USED};
use sbi::Memory;
use virtio_drivers::transport::DeviceType;

use super::MOST;
use super::switch::Address;

/// "VIRTIO_NET_F_MAC".
const MAC: u64 = 1 << 5;
/// "receiveq1" and "transmitq1".
const RECEIVE: usize = 0;
const TRANSMIT: usize = 1;
/// `struct virtio_net_hdr` of a frame for a guest: nothing is left for it to do, and it lies in one buffer
/// (`num_buffers`).
const HEADER: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0];
/// What a frame may have: Ethernet's header, and that of a VLAN with 1500 bytes behind them ("Maximum MAC Client Data
/// Size").
const FRAME_BYTES: RangeInclusive<usize> = 14..=1518;

/// The card.
#[derive(Debug)]
pub struct Card {
    registers: Registers,
    rings: [Option<Ring>; 2],
    address: Address,
}

impl Card {
    /// A card with that address.
    pub fn new(address: Address) -> Card {
        let registers = Registers::new(DeviceType::Network as u32, MAC, 2, MOST);
        Card { registers, rings: [None, None], address }
    }

    /// Whether its interrupt is on.
    pub fn interrupts(&self) -> bool {
        self.registers.interrupts()
    }

    /// Reads a register.
    pub fn read(&self, offset: u64, len_bytes: u8) -> u64 {
        self.registers.access(offset, len_bytes, |byte| self.address.get(byte as usize).copied().unwrap_or(0))
    }

    /// Writes a register; answers whether there may be something to be sent ([`Card::take`]).
    pub fn write(&mut self, offset: u64, len_bytes: u8, value: u64) -> bool {
        if !is_register(offset, len_bytes) {
            return false;
        }
        match self.registers.write(offset, value as u32) {
            Effect::Nothing => false,
            Effect::Reset => {
                self.rings = [None, None];
                false
            }
            Effect::Begin => {
                let rings = self.begin();
                self.unless_broken(rings);
                true
            }
            Effect::Notify(queue) => queue == TRANSMIT,
        }
    }

    fn begin(&mut self) -> Result<(), Broken> {
        for (ring, layout) in self.rings.iter_mut().zip(self.registers.layouts()) {
            *ring = layout.map(|layout| Ring::new(layout, MOST)).transpose()?;
        }
        Ok(())
    }

    /// The next frame that the guest sends; an empty one is none that can be sent.
    pub fn take(&mut self, memory: &dyn Memory) -> Option<Vec<u8>> {
        let frame = self.try_take(memory);
        self.unless_broken(frame).flatten()
    }

    fn try_take(&mut self, memory: &dyn Memory) -> Result<Option<Vec<u8>>, Broken> {
        let Some(ring) = &mut self.rings[TRANSMIT] else { return Ok(None) };
        let Some(chain) = ring.peek(memory)? else { return Ok(None) };
        ring.take();
        let frame = gathered(&chain, memory)?;
        self.finish(TRANSMIT, &chain, 0, memory)?;
        Ok(Some(frame))
    }

    /// A frame for the guest. It is lost where there is no room for it.
    pub fn receive(&mut self, frame: &[u8], memory: &dyn Memory) {
        let received = self.try_receive(frame, memory);
        self.unless_broken(received);
    }

    fn try_receive(&mut self, frame: &[u8], memory: &dyn Memory) -> Result<(), Broken> {
        let Some(ring) = &mut self.rings[RECEIVE] else { return Ok(()) };
        let Some(chain) = ring.peek(memory)? else { return Ok(()) };
        let bytes = [&HEADER, frame].concat();
        if chain.len_bytes() < bytes.len() as u64 {
            return Ok(());
        }
        ring.take();
        let mut rest = &bytes[..];
        for part in &chain.parts {
            let (here, behind) = rest.split_at(rest.len().min(part.len_bytes as usize));
            if !part.writable || memory.write(part.at.0, here).is_none() {
                return Err(Broken);
            }
            rest = behind;
        }
        self.finish(RECEIVE, &chain, bytes.len() as u32, memory)
    }

    fn finish(&mut self, queue: usize, chain: &Chain, written: u32, memory: &dyn Memory) -> Result<(), Broken> {
        let Some(ring) = &mut self.rings[queue] else { return Ok(()) };
        ring.finish(chain.head, written, memory)?;
        if ring.wants_interrupt(memory) {
            self.registers.interrupt(INTERRUPT_USED);
        }
        Ok(())
    }

    /// A driver that has done what makes no sense has a card that needs a reset.
    fn unless_broken<T>(&mut self, result: Result<T, Broken>) -> Option<T> {
        if result.is_err() {
            self.rings = [None, None];
            self.registers.break_down();
        }
        result.ok()
    }

    /// Forgets what the guest has written: it begins anew.
    pub fn reset(&mut self) {
        self.write(at::STATUS, 4, 0);
    }
}

/// The frame in a chain behind its header; an empty one, where what is there is none.
fn gathered(chain: &Chain, memory: &dyn Memory) -> Result<Vec<u8>, Broken> {
    if chain.parts.iter().any(|part| part.writable) {
        return Err(Broken);
    }
    let Some(len_bytes) = frame_bytes(chain) else { return Ok(Vec::new()) };
    let mut bytes = alloc::vec![0; HEADER.len() + len_bytes];
    let mut rest = &mut bytes[..];
    for part in &chain.parts {
        let (here, behind) = rest.split_at_mut(part.len_bytes as usize);
        memory.read(part.at.0, here).ok_or(Broken)?;
        rest = behind;
    }
    Ok(bytes.split_off(HEADER.len()))
}

/// How long the frame in a chain is, where it is one.
fn frame_bytes(chain: &Chain) -> Option<usize> {
    let len_bytes = (chain.len_bytes() as usize).checked_sub(HEADER.len())?;
    FRAME_BYTES.contains(&len_bytes).then_some(len_bytes)
}

#[cfg(test)]
mod tests {
    use core::cell::RefCell;

    use super::*;

    /// "VIRTQ_DESC_F_NEXT" and "VIRTQ_DESC_F_WRITE".
    const NEXT: u16 = 1;
    const WRITE: u16 = 2;

    /// 4 KiB from 0 on.
    struct Page(RefCell<Vec<u8>>);

    impl Memory for Page {
        fn has(&self, address: u64, len: u64) -> bool {
            address.checked_add(len).is_some_and(|end| end <= 4096)
        }
        fn read(&self, address: u64, into: &mut [u8]) -> Option<()> {
            into.copy_from_slice(self.0.borrow().get(address as usize..)?.get(..into.len())?);
            Some(())
        }
        fn write(&self, address: u64, bytes: &[u8]) -> Option<()> {
            self.0.borrow_mut().get_mut(address as usize..)?.get_mut(..bytes.len())?.copy_from_slice(bytes);
            Some(())
        }
    }

    /// Where a queue's parts are in its half of the page: descriptors, what is available, what is used, and buffers.
    const QUEUE_BYTES: u64 = 0x800;
    const AVAILABLE: u64 = 0x100;
    const USED: u64 = 0x180;
    const BUFFERS: u64 = 0x200;
    const ADDRESS: Address = [2, 0, 0, 0, 0, 7];

    /// A card whose driver has begun, with a buffer for a frame of 60 bytes in three parts, and nothing to be sent.
    fn card() -> (Card, Page) {
        let (mut card, page) = (Card::new(ADDRESS), Page(RefCell::new(alloc::vec![0; 4096])));
        let mut write = |offset, value: u64| card.write(offset, 4, value);
        write(at::STATUS, 3);
        for (half, features) in [(0, MAC), (1, 1)] {
            write(at::DRIVER_FEATURES_SEL, half);
            write(at::DRIVER_FEATURES, features);
        }
        write(at::STATUS, 11);
        for queue in [RECEIVE, TRANSMIT].map(|queue| queue as u64) {
            write(at::QUEUE_SEL, queue);
            write(at::QUEUE_NUM, 4);
            write(at::QUEUE_DESC_LOW, queue * QUEUE_BYTES);
            write(at::QUEUE_DRIVER_LOW, queue * QUEUE_BYTES + AVAILABLE);
            write(at::QUEUE_DEVICE_LOW, queue * QUEUE_BYTES + USED);
            write(at::QUEUE_READY, 1);
        }
        assert!(write(at::STATUS, 15));
        offer(&page, RECEIVE, &[(HEADER.len() as u32, WRITE), (10, WRITE), (50, WRITE)]);
        (card, page)
    }

    /// Makes a chain available whose parts lie one behind the other.
    fn offer(page: &Page, queue: usize, parts: &[(u32, u16)]) {
        let base = queue as u64 * QUEUE_BYTES;
        let mut buffer = base + BUFFERS;
        for (index, &(len_bytes, flags)) in parts.iter().enumerate() {
            let next = if index + 1 < parts.len() { NEXT } else { 0 };
            let descriptor = [&buffer.to_le_bytes()[..], &len_bytes.to_le_bytes(), &(flags | next).to_le_bytes()];
            let follower = (index as u16 + 1).to_le_bytes();
            page.write(base + 16 * index as u64, &[&descriptor.concat()[..], &follower].concat()).unwrap();
            buffer += u64::from(len_bytes);
        }
        page.write(base + AVAILABLE + 2, &[1, 0]).unwrap();
    }

    fn bytes<const LEN: usize>(page: &Page, at: u64) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        page.read(at, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn the_configuration_space_is_the_address() {
        let card = Card::new(ADDRESS);
        assert_eq!((card.read(at::CONFIG, 4), card.read(at::CONFIG + 4, 4)), (2, 0x0700));
        assert_eq!((card.read(at::CONFIG + 5, 1), card.read(at::DEVICE_ID, 4)), (7, 1));
    }

    #[test]
    fn a_frame_that_is_sent_comes_out_without_its_header() {
        let (mut card, page) = card();
        offer(&page, TRANSMIT, &[(12, 0), (14, 0), (6, 0)]);
        page.write(QUEUE_BYTES + BUFFERS, &[9; 12]).unwrap();
        page.write(QUEUE_BYTES + BUFFERS + 12, b"to the others, and more").unwrap();
        assert!(card.write(at::QUEUE_NOTIFY, 4, TRANSMIT as u64) && !card.write(at::QUEUE_NOTIFY, 4, RECEIVE as u64));
        assert_eq!(card.take(&page), Some(b"to the others, and m".to_vec()));
        assert_eq!((card.take(&page), card.interrupts()), (None, true));
        assert_eq!(bytes(&page, QUEUE_BYTES + USED), [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_frame_that_comes_lies_behind_a_header() {
        let (mut card, page) = card();
        card.receive(b"for this guest", &page);
        assert_eq!(bytes(&page, BUFFERS), HEADER);
        assert_eq!(&bytes(&page, BUFFERS + 12), b"for this guest");
        assert_eq!(bytes(&page, USED), [0, 0, 1, 0, 0, 0, 0, 0, 26, 0, 0, 0]);
        assert!(card.interrupts());
    }

    #[test]
    fn a_frame_without_room_is_lost_and_nothing_else_is() {
        let (mut card, page) = card();
        card.receive(&[1; 61], &page);
        assert_eq!((bytes(&page, USED), card.interrupts()), ([0; 4], false));
        card.receive(&[1; 60], &page);
        card.receive(&[2; 60], &page);
        assert_eq!((bytes(&page, USED + 2), bytes(&page, BUFFERS + 12)), ([1, 0], [1; 60]));
        assert_eq!(card.read(at::STATUS, 4), 15);
    }

    #[test]
    fn what_is_no_frame_is_given_back_unsent() {
        for len_bytes in [13, 12 + 13, 12 + 1519] {
            let (mut card, page) = card();
            offer(&page, TRANSMIT, &[(len_bytes, 0)]);
            assert_eq!(card.take(&page), Some(Vec::new()), "{len_bytes}");
            assert_eq!(bytes(&page, QUEUE_BYTES + USED + 2), [1, 0]);
        }
    }

    #[test]
    fn a_driver_that_makes_no_sense_has_a_card_that_needs_a_reset() {
        let (mut card, page) = card();
        offer(&page, TRANSMIT, &[(12 + 20, WRITE)]);
        assert_eq!((card.take(&page), card.read(at::STATUS, 4)), (None, 79));
        card.receive(&[1; 20], &page);
        assert_eq!(bytes(&page, USED), [0; 4]);
        card.reset();
        assert_eq!((card.read(at::STATUS, 4), card.interrupts()), (0, false));
        let (mut card, page) = self::card();
        offer(&page, RECEIVE, &[(12 + 20, 0)]);
        card.receive(&[1; 20], &page);
        assert_eq!(card.read(at::STATUS, 4), 79);
    }
}
