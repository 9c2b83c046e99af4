//! A device of the machine's in the hands of a guest.
//!
//! VIRTIO 1.2, "Device Initialization" and "Virtqueue Operation", from both sides.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ptr::NonNull;

use arch::Phys;
use cores::virtio::registers::{Effect, Registers, is_register};
use cores::virtio::ring::{Broken, Chain, Ring};
use cores::virtio_mmio::{self as at, INTERRUPT_CONFIG, INTERRUPT_USED};
use spin::Mutex;
use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::mmio::{MmioTransport, MmioVersion};
use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};

use super::frames::Frames;
use super::{Kind, MOST, SEGMENTS};
use crate::memory::guest::{GuestMemory, Shared};
use crate::memory::physical;
use crate::start::tree::Slot;

/// Descriptors of the machine's queues: a guest's buffer may lie in more than one piece of memory.
const SIZE: usize = 2 * MOST as usize;
/// Queues of a device at most.
const MOST_QUEUES: u16 = 8;
/// `seg_max` in a disk's configuration space.
const SEG_MAX: core::ops::Range<u64> = 12..16;

/// The device.
pub struct Virtio {
    registers: Registers,
    kind: Kind,
    machines: MmioTransport<'static>,
    queues: BTreeMap<usize, Queue>,
}

/// A queue of a guest's, and the machine's behind it.
struct Queue {
    ring: Ring,
    machines: VirtQueue<Frames, SIZE>,
    /// What the machine's device has, by the token that it gives it back with.
    taken: BTreeMap<u16, Taken>,
}

/// A chain that the machine's device has.
struct Taken {
    chain: Chain,
    /// The memory that it reads, and that it writes.
    buffers: [Vec<Buffer>; 2],
}

#[derive(Clone, Copy)]
struct Buffer {
    at: Phys,
    len: usize,
}

impl Virtio {
    /// The device in a slot of the machine's, if it is of that kind.
    pub fn open(slot: &Slot, kind: Kind) -> Option<Virtio> {
        let header = NonNull::new(slot.base as *mut _)?;
        // SAFETY: the machine's tree tells of the slot, whose registers the hypervisor's tables map (`own`), and each
        // is opened once (`control::guests`).
        let mut machines = unsafe { MmioTransport::new(header, slot.len_bytes as usize) }.ok()?;
        if machines.device_type() != kind.device || machines.version() != MmioVersion::Modern {
            // Dropping the transport would reset the device, which may be somebody else's.
            core::mem::forget(machines);
            return None;
        }
        let features = machines.read_device_features() & kind.features;
        let queues = (0..MOST_QUEUES).take_while(|&queue| machines.max_queue_size(queue) >= SIZE as u32).count();
        let registers = Registers::new(kind.device as u32, features, queues, MOST);
        Some(Virtio { registers, kind, machines, queues: BTreeMap::new() })
    }

    /// Whether its interrupt is on.
    pub fn interrupts(&self) -> bool {
        self.registers.interrupts()
    }

    /// Reads a register.
    pub fn read(&mut self, offset: u64, len_bytes: u8) -> u64 {
        match offset {
            at::CONFIG_GENERATION => self.machines.read_config_generation().into(),
            _ => self.registers.access(offset, len_bytes, |byte| self.config(byte)),
        }
    }

    /// A byte of the configuration space; past its end there are zeros.
    fn config(&self, offset: u64) -> u8 {
        let whole = SEG_MAX.start as usize;
        if self.kind.device == DeviceType::Block && SEG_MAX.contains(&offset) {
            let most = self.machines.read_config_space(whole).map_or(0, |most: u32| most.min(SEGMENTS));
            return most.to_le_bytes()[offset as usize - whole];
        }
        self.machines.read_config_space(offset as usize).unwrap_or(0)
    }

    /// Writes a register.
    pub fn write(&mut self, offset: u64, len_bytes: u8, value: u64, memory: &Mutex<GuestMemory>) {
        let done = match offset {
            at::CONFIG.. => {
                self.write_config((offset - at::CONFIG) as usize, len_bytes, value);
                Ok(())
            }
            _ if is_register(offset, len_bytes) => match self.registers.write(offset, value as u32) {
                Effect::Nothing => Ok(()),
                Effect::Reset => {
                    self.stop();
                    Ok(())
                }
                Effect::Begin => self.begin(memory),
                Effect::Notify(queue) => self.pump(queue, memory),
            },
            _ => Ok(()),
        };
        if let Err(Broken) = done {
            self.break_down();
        }
    }

    fn write_config(&mut self, offset: usize, len_bytes: u8, value: u64) {
        // What there is no room for is no register.
        let _ = match len_bytes {
            1 => self.machines.write_config_space(offset, value as u8),
            2 if offset.is_multiple_of(2) => self.machines.write_config_space(offset, value as u16),
            4 if offset.is_multiple_of(4) => self.machines.write_config_space(offset, value as u32),
            _ => Ok(()),
        };
    }

    /// The guest's driver is ready: so is the hypervisor, which is the machine's device's driver.
    fn begin(&mut self, memory: &Mutex<GuestMemory>) -> Result<(), Broken> {
        let known = DeviceStatus::ACKNOWLEDGE | DeviceStatus::DRIVER;
        self.stop();
        self.machines.set_status(known);
        self.machines.write_driver_features(self.registers.agreed());
        self.machines.set_status(known | DeviceStatus::FEATURES_OK);
        for (index, layout) in self.registers.layouts().enumerate() {
            let Some(layout) = layout else { continue };
            let ring = Ring::new(layout, MOST)?;
            let machines = VirtQueue::new(&mut self.machines, index as u16, false, false).map_err(|_| Broken)?;
            self.queues.insert(index, Queue { ring, machines, taken: BTreeMap::new() });
        }
        self.machines.finish_init();
        // Something may have been there before.
        (0..usize::from(MOST_QUEUES)).try_for_each(|queue| self.pump(queue, memory))
    }

    /// Hands on what is new in a queue, as far as there is room.
    fn pump(&mut self, index: usize, memory: &Mutex<GuestMemory>) -> Result<(), Broken> {
        let Some(queue) = self.queues.get_mut(&index) else { return Ok(()) };
        let mut handed_on = false;
        while let Some(chain) = queue.ring.peek(&Shared(memory))? {
            let buffers = translated(&chain, &mut memory.lock())?;
            if buffers[0].len() + buffers[1].len() > queue.machines.available_desc() {
                break;
            }
            queue.ring.take();
            queue.hand_on(Taken { chain, buffers })?;
            handed_on = true;
        }
        if handed_on && queue.machines.should_notify() {
            self.machines.notify(index as u16);
        }
        Ok(())
    }

    /// The machine's device has interrupted.
    pub fn interrupted(&mut self, memory: &Mutex<GuestMemory>) {
        let told = self.machines.ack_interrupt();
        if told.contains(InterruptStatus::DEVICE_CONFIGURATION_INTERRUPT) && self.registers.runs() {
            self.registers.interrupt(INTERRUPT_CONFIG);
        }
        if self.give_back(memory).is_err() {
            self.break_down();
        }
    }

    /// Gives the guest back what the machine's device is done with, and goes on with what there was no room for.
    fn give_back(&mut self, memory: &Mutex<GuestMemory>) -> Result<(), Broken> {
        for index in 0..usize::from(MOST_QUEUES) {
            let Some(queue) = self.queues.get_mut(&index) else { continue };
            if queue.give_back(memory)? {
                self.registers.interrupt(INTERRUPT_USED);
            }
            self.pump(index, memory)?;
        }
        Ok(())
    }

    fn break_down(&mut self) {
        self.stop();
        self.registers.break_down();
    }

    /// Stops the machine's device: it has nothing of the guest's memory from now on.
    pub fn stop(&mut self) {
        self.machines.set_status(DeviceStatus::empty());
        self.queues.clear();
    }

    /// Stops it, and forgets what the guest has written: the guest begins anew.
    pub fn reset(&mut self) {
        self.registers.write(at::STATUS, 0);
        self.stop();
    }
}

impl Queue {
    fn hand_on(&mut self, taken: Taken) -> Result<(), Broken> {
        let (inputs, mut outputs) = taken.slices();
        // SAFETY: the buffers are the guest's memory, of which nothing is taken away before the device is stopped;
        // nobody here accesses them by these slices.
        let token = unsafe { self.machines.add(&inputs, &mut outputs) }.map_err(|_| Broken)?;
        self.taken.insert(token, taken);
        Ok(())
    }

    /// Answers whether the guest wants to be interrupted.
    fn give_back(&mut self, memory: &Mutex<GuestMemory>) -> Result<bool, Broken> {
        let mut any = false;
        while let Some(token) = self.machines.peek_used() {
            let taken = self.taken.remove(&token).ok_or(Broken)?;
            let (inputs, mut outputs) = taken.slices();
            // SAFETY: these are the buffers that came with the token.
            let written = unsafe { self.machines.pop_used(token, &inputs, &mut outputs) }.map_err(|_| Broken)?;
            let parts = taken.chain.parts.iter().filter(|part| part.writable);
            parts.for_each(|part| memory.lock().wrote(part.at, part.len_bytes.into()));
            self.ring.finish(taken.chain.head, written, &Shared(memory))?;
            any = true;
        }
        Ok(any && self.ring.wants_interrupt(&Shared(memory)))
    }
}

impl Taken {
    fn slices(&self) -> (Vec<&'static [u8]>, Vec<&'static mut [u8]>) {
        let slice = |buffer: &Buffer| physical::of_guest(buffer.at, buffer.len);
        let [inputs, outputs] = &self.buffers;
        (inputs.iter().map(|buffer| &*slice(buffer)).collect(), outputs.iter().map(slice).collect())
    }
}

/// The machine's addresses of a chain's buffers, with memory where there was none before: what the device reads, what
/// it writes.
fn translated(chain: &Chain, memory: &mut GuestMemory) -> Result<[Vec<Buffer>; 2], Broken> {
    let mut buffers = [Vec::new(), Vec::new()];
    for part in &chain.parts {
        let into = &mut buffers[usize::from(part.writable)];
        memory
            .parts(part.at, part.len_bytes as usize, |at, range| into.push(Buffer { at, len: range.len() }))
            .map_err(|_| Broken)?;
        // A chain with more buffers than the machine's device takes will never be handed on.
        if buffers[0].len() + buffers[1].len() > SIZE {
            return Err(Broken);
        }
    }
    Ok(buffers)
}
