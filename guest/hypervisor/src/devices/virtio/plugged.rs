//! The virtio devices that a guest has, in its slots, and what its network card sends.
//!
//! VIRTIO 1.2, "Virtio Over MMIO". A guest that sends does so on its own hart, in its own time: a notification brings
//! as many frames as its queue has room for, and who has no room for one goes without it.

use alloc::vec::Vec;

use spin::Mutex;

use super::card::Card;
use super::device::Virtio;
use super::switch::{self, For};
use super::{Kind, MOST};
use crate::control::guests::{Guest, all};
use crate::devices::FIRST_VIRTIO_INTERRUPT;
use crate::interrupts::{self, machine};
use crate::memory::guest::{GuestMemory, Shared};
use crate::memory::own;
use crate::start::tree::Slot;

/// A virtio device of a guest's.
pub struct Plugged {
    /// The interrupt of the machine's device behind it.
    source: Option<u32>,
    device: Mutex<Device>,
}

/// What is behind its registers.
enum Device {
    /// A device of the machine's.
    Machines(Virtio),
    /// The switch.
    Card(Card),
}

impl Plugged {
    /// A card of the guest of that number on the switch.
    pub fn card(guest: usize) -> Plugged {
        Plugged { source: None, device: Mutex::new(Device::Card(Card::new(switch::address(guest)))) }
    }

    /// The first of the machine's slots that has such a device, which it has no longer then; none where there is none,
    /// or no hart could take its interrupt.
    pub fn take(kind: Kind, slots: &mut Vec<Slot>) -> Option<Plugged> {
        slots.iter().for_each(|slot| own::map_device(slot.base..slot.base + slot.len_bytes));
        let open = |(index, slot): (usize, &Slot)| Virtio::open(slot, kind).map(|device| (index, device));
        let (index, mut device) = slots.iter().enumerate().find_map(open)?;
        let source = slots.remove(index).source;
        // Whoever had it before has it no longer.
        device.stop();
        machine::enable(source).then(|| Plugged { source: Some(source), device: Mutex::new(Device::Machines(device)) })
    }

    /// Forgets what the guest has written; the machine's device has nothing of the guest's memory from now on.
    pub fn reset(&self) {
        self.device.lock().reset();
    }
}

impl Device {
    fn interrupts(&self) -> bool {
        match self {
            Device::Machines(device) => device.interrupts(),
            Device::Card(card) => card.interrupts(),
        }
    }

    fn reset(&mut self) {
        match self {
            Device::Machines(device) => device.reset(),
            Device::Card(card) => card.reset(),
        }
    }

    fn read(&mut self, offset: u64, len_bytes: u8) -> u64 {
        match self {
            Device::Machines(device) => device.read(offset, len_bytes),
            Device::Card(card) => card.read(offset, len_bytes),
        }
    }

    /// Answers whether there may be frames to be sent.
    fn write(&mut self, offset: u64, len_bytes: u8, value: u64, memory: &Mutex<GuestMemory>) -> bool {
        match self {
            Device::Machines(device) => {
                device.write(offset, len_bytes, value, memory);
                false
            }
            Device::Card(card) => card.write(offset, len_bytes, value),
        }
    }
}

/// A device of the machine's has interrupted.
pub fn interrupted(source: u32) {
    let has = |plugged: &Plugged| plugged.source == Some(source);
    for guest in all() {
        if let Some(slot) = guest.virtio.iter().position(has) {
            guest.with_virtio(slot, |device| match device {
                Device::Machines(device) => device.interrupted(&guest.memory),
                Device::Card(_) => {}
            });
        }
    }
}

impl Guest {
    /// Does something with a virtio device, and brings its interrupt to the controller. Where there is none, nothing
    /// happens.
    fn with_virtio<T: Default>(&'static self, slot: usize, what: impl FnOnce(&mut Device) -> T) -> T {
        let Some(plugged) = self.virtio.get(slot) else { return T::default() };
        let mut device = plugged.device.lock();
        let before = device.interrupts();
        let result = what(&mut device);
        let level = device.interrupts();
        if level != before {
            let mut line = self.devices();
            line.set_level(FIRST_VIRTIO_INTERRUPT + slot as u32, level);
            interrupts::drive(&mut line, &self.vcpus);
        }
        result
    }

    /// Reads a register of a virtio device.
    pub fn read_virtio(&'static self, slot: usize, offset: u64, len_bytes: u8) -> u64 {
        self.with_virtio(slot, |device| device.read(offset, len_bytes))
    }

    /// Writes one.
    pub fn write_virtio(&'static self, slot: usize, offset: u64, len_bytes: u8, value: u64) {
        if self.with_virtio(slot, |device| device.write(offset, len_bytes, value, &self.memory)) {
            self.send();
        }
    }

    fn with_card<T: Default>(&'static self, what: impl FnOnce(&mut Card, &Shared<'_>) -> T) -> T {
        let Some(slot) = self.card() else { return T::default() };
        self.with_virtio(slot, |device| match device {
            Device::Card(card) => what(card, &Shared(&self.memory)),
            Device::Machines(_) => T::default(),
        })
    }

    // ANCHOR: send
    /// Brings what its card has to send to others' cards. One card is locked at a time, so that two that send to each
    /// other both get on.
    fn send(&'static self) {
        for _ in 0..MOST {
            let Some(frame) = self.with_card(|card, memory| card.take(memory)) else { break };
            match switch::goes(&frame, self.number) {
                For::Guest(number) => all().get(number).into_iter().for_each(|guest| guest.receive(&frame)),
                For::Others => {
                    all().iter().filter(|guest| guest.number != self.number).for_each(|guest| guest.receive(&frame));
                }
                For::Nobody => {}
            }
        }
    }
    // ANCHOR_END: send

    fn receive(&'static self, frame: &[u8]) {
        self.with_card(|card, memory| card.receive(frame, memory));
    }
}
