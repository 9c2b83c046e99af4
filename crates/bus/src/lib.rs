//! The physical address map and its wires.
//!
//! A [`Device`] answers reads and writes at offsets; the [`Bus`] knows where each device is. An [`IrqLine`] is a wire
//! from a device to an interrupt controller.

#![forbid(unsafe_code)]

#[cfg(feature = "state")]
pub mod state;
#[cfg(not(feature = "state"))]
#[path = "state_missing.rs"]
pub mod state;

pub use state::Stateful;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use arch::Phys;

/// A memory-mapped device. It sees offsets into its own region, never its address.
///
/// `data.len()` is 1, 2, 4 or 8, and the access does not cross the end of the region. It need not be aligned. Guest
/// input never panics: what a register cannot do reads as zero and is ignored when written.
pub trait Device: Send {
    /// Fills `data` with the registers at `offset`, little-endian.
    fn read(&mut self, offset: u64, data: &mut [u8]);
    /// Writes `data`, little-endian, to the registers at `offset`.
    fn write(&mut self, offset: u64, data: &[u8]);
}

/// A device as the bus holds it. Lock order: a device may set an [`IrqLine`] while locked; a line never locks a
/// device other than its interrupt controller.
pub type SharedDevice = Arc<Mutex<dyn Device>>;

/// No device at that address; a hart makes it an access fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unmapped;

/// Two regions overlap.
#[derive(Debug, thiserror::Error)]
#[error("device {name} at {base:#x} overlaps {other}")]
pub struct Overlap {
    name: String,
    base: u64,
    other: String,
}

struct Region {
    base: u64,
    len: u64,
    name: String,
    device: SharedDevice,
}

impl Region {
    /// The offset of an access in it, if it has all of it.
    fn offset(&self, addr: Phys, len: usize) -> Option<u64> {
        let offset = addr.0.checked_sub(self.base)?;
        (offset.checked_add(len as u64)? <= self.len).then_some(offset)
    }
}

/// The address map of devices (RAM is not on it). It may change while the machine runs: by whom a bridge's registers
/// are written to. Its lock is never held while a device answers.
#[derive(Default)]
pub struct Bus {
    /// By address.
    regions: RwLock<Vec<Region>>,
    /// The one that was accessed last: a driver comes back to its device.
    last: AtomicUsize,
}

impl Bus {
    /// Maps `device` at `base`, for `len` bytes.
    ///
    /// # Errors
    /// [`Overlap`] names the device that is already there.
    pub fn map(&self, name: &str, base: Phys, len: u64, device: SharedDevice) -> Result<(), Overlap> {
        let mut regions = self.regions_to_change();
        let region = Region { base: base.0, len, name: name.into(), device };
        check(&regions, &region)?;
        insert(&mut regions, region);
        Ok(())
    }

    /// Takes the device that is mapped at `base` off the map. An access that has reached it goes on.
    pub fn unmap(&self, base: Phys) -> Option<SharedDevice> {
        take(&mut self.regions_to_change(), base).map(|region| region.device)
    }

    /// Moves the device that is mapped at `from` to `to`. Answers whether there is one.
    ///
    /// # Errors
    /// [`Overlap`] names the device that is already there; then the map is as before.
    pub fn move_to(&self, from: Phys, to: Phys) -> Result<bool, Overlap> {
        let mut regions = self.regions_to_change();
        let Some(region) = take(&mut regions, from) else { return Ok(false) };
        let moved = Region { base: to.0, name: region.name.clone(), device: region.device.clone(), ..region };
        let checked = check(&regions, &moved);
        insert(&mut regions, if checked.is_ok() { moved } else { region });
        checked.map(|()| true)
    }

    /// Reads `data.len()` bytes (1, 2, 4 or 8) at `addr`.
    pub fn read(&self, addr: Phys, data: &mut [u8]) -> Result<(), Unmapped> {
        let (device, offset) = self.find(addr, data.len())?;
        device.lock().expect("a device never panics while locked").read(offset, data);
        Ok(())
    }

    /// Writes `data` (1, 2, 4 or 8 bytes) at `addr`.
    pub fn write(&self, addr: Phys, data: &[u8]) -> Result<(), Unmapped> {
        let (device, offset) = self.find(addr, data.len())?;
        device.lock().expect("a device never panics while locked").write(offset, data);
        Ok(())
    }

    /// Name, first address and length of all devices, by address.
    pub fn devices(&self) -> Vec<(String, Phys, u64)> {
        self.regions().iter().map(|region| (region.name.clone(), Phys(region.base), region.len)).collect()
    }

    /// The name of the device at `addr`, for explanations.
    pub fn name_at(&self, addr: Phys) -> Option<String> {
        let regions = self.regions();
        self.region(&regions, addr, 1).map(|(region, _)| region.name.clone())
    }

    /// Whether there is a device that takes an access of `len` bytes at `addr`.
    pub fn takes(&self, addr: Phys, len: usize) -> bool {
        self.region(&self.regions(), addr, len).is_some()
    }

    /// Whether there is a device at `addr`.
    pub fn has(&self, addr: Phys) -> bool {
        self.region(&self.regions(), addr, 1).is_some()
    }

    fn regions(&self) -> RwLockReadGuard<'_, Vec<Region>> {
        self.regions.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn regions_to_change(&self) -> RwLockWriteGuard<'_, Vec<Region>> {
        self.regions.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn region<'r>(&self, regions: &'r [Region], addr: Phys, len: usize) -> Option<(&'r Region, u64)> {
        let of = |at: usize| regions.get(at).and_then(|region| Some((region, region.offset(addr, len)?)));
        of(self.last.load(Ordering::Relaxed)).or_else(|| {
            let at = regions.partition_point(|r| r.base <= addr.0).checked_sub(1)?;
            self.last.store(at, Ordering::Relaxed);
            of(at)
        })
    }

    /// The device, no longer under the map's lock: what it does may change the map.
    fn find(&self, addr: Phys, len: usize) -> Result<(SharedDevice, u64), Unmapped> {
        let regions = self.regions();
        let (region, offset) = self.region(&regions, addr, len).ok_or(Unmapped)?;
        Ok((region.device.clone(), offset))
    }
}

/// Refuses a region that overlaps another.
fn check(regions: &[Region], new: &Region) -> Result<(), Overlap> {
    let last = |region: &Region| region.base.saturating_add(region.len - 1);
    match regions.iter().find(|other| new.base <= last(other) && other.base <= last(new)) {
        Some(other) => Err(Overlap { name: new.name.clone(), base: new.base, other: other.name.clone() }),
        None => Ok(()),
    }
}

fn insert(regions: &mut Vec<Region>, new: Region) {
    let at = regions.partition_point(|region| region.base < new.base);
    regions.insert(at, new);
}

fn take(regions: &mut Vec<Region>, base: Phys) -> Option<Region> {
    let at = regions.iter().position(|region| region.base == base.0)?;
    Some(regions.remove(at))
}

/// Where the level of an interrupt wire goes: an interrupt controller's input, or a hart's pin.
pub trait IrqSink: Send + Sync {
    /// The level of input `number` is now `level`. Called from any thread; repeated levels are harmless.
    fn set_level(&self, number: u32, level: bool);

    /// Something happened at input `number` that its level does not tell: an edge. A low level afterwards takes back an
    /// edge that nobody was told of; who knows levels only holds the wire high until then.
    fn pulse(&self, number: u32) {
        self.set_level(number, true);
        self.set_level(number, false);
    }

    /// The device at input `number` gave back a request of its queue `queue`, with `bytes` written to memory. For
    /// whoever watches: to a controller it means nothing.
    fn completed(&self, _number: u32, _queue: u16, _bytes: u32) {}
}

/// An interrupt controller that devices' wires lead to: a PLIC, an APLIC.
///
/// Its lock comes behind every device's, and before a hart's pins or the bus, if it sends messages.
pub trait InterruptController: IrqSink {
    /// How many inputs there are. They are numbered from 1.
    fn inputs(&self) -> u32;
    /// Back to the state after reset; the levels of the wires stay.
    fn reset(&self);
}

/// Where message-signalled interrupts go: each is a write of 32 bits, as PCI's and the AIA's are.
pub trait MsiSink: Send + Sync {
    /// Delivers a message. Called from any thread, perhaps under the lock of the device that sends it.
    ///
    /// # Errors
    /// [`Unmapped`]: nobody takes messages there.
    fn send(&self, address: Phys, data: u32) -> Result<(), Unmapped>;
}

/// Whoever takes messages is a device with registers, as an IMSIC's interrupt files are.
impl MsiSink for Bus {
    fn send(&self, address: Phys, data: u32) -> Result<(), Unmapped> {
        self.write(address, &data.to_le_bytes())
    }
}

/// A level-triggered interrupt wire.
#[derive(Clone)]
pub struct IrqLine {
    sink: Arc<dyn IrqSink>,
    number: u32,
}

impl IrqLine {
    /// The wire into input `number` of `sink`.
    pub fn new(sink: Arc<dyn IrqSink>, number: u32) -> Self {
        IrqLine { sink, number }
    }

    /// Drives the wire.
    pub fn set(&self, level: bool) {
        self.sink.set_level(self.number, level);
    }

    /// An edge, on a wire whose level is low.
    pub fn pulse(&self) {
        self.sink.pulse(self.number);
    }

    /// A request of the device's queue `queue` is done, with `bytes` written to memory.
    pub fn completed(&self, queue: u16, bytes: u32) {
        self.sink.completed(self.number, queue, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A device that reads as its number.
    struct Numbered(u8);

    impl Device for Numbered {
        fn read(&mut self, _offset: u64, data: &mut [u8]) {
            data.fill(self.0);
        }
        fn write(&mut self, _offset: u64, _data: &[u8]) {}
    }

    #[test]
    fn whatever_was_accessed_last_an_access_reaches_its_own_device() {
        let bus = Bus::default();
        let numbered = |number| Arc::new(Mutex::new(Numbered(number)));
        bus.map("second", Phys(0x3000), 0x1000, numbered(2)).unwrap();
        bus.map("first", Phys(0x1000), 0x1000, numbered(1)).unwrap();
        let read = |addr| {
            let mut data = [0; 4];
            bus.read(Phys(addr), &mut data).map(|()| data[0])
        };
        let order = [0x1000, 0x3ffc, 0x1ffc, 0x1ffd, 0x2000, 0x3000, 0xfff, 0x3ffd, 0x1000];
        let answers = [Ok(1), Ok(2), Ok(1), Err(Unmapped), Err(Unmapped), Ok(2), Err(Unmapped), Err(Unmapped), Ok(1)];
        assert_eq!(order.map(read), answers);
    }

    fn word_at(bus: &Bus, addr: u64) -> Result<u8, Unmapped> {
        let mut data = [0; 4];
        bus.read(Phys(addr), &mut data).map(|()| data[0])
    }

    #[test]
    fn a_region_moves_unless_another_is_there() {
        let bus = Bus::default();
        bus.map("first", Phys(0x1000), 0x1000, Arc::new(Mutex::new(Numbered(1)))).unwrap();
        bus.map("second", Phys(0x3000), 0x1000, Arc::new(Mutex::new(Numbered(2)))).unwrap();
        assert!(bus.move_to(Phys(0x1000), Phys(0x3ffc)).is_err());
        assert_eq!((word_at(&bus, 0x1000), word_at(&bus, 0x3ffc)), (Ok(1), Ok(2)));
        assert!(bus.move_to(Phys(0x1000), Phys(0x1800)).unwrap(), "over its own place");
        assert_eq!((word_at(&bus, 0x1000), word_at(&bus, 0x27fc)), (Err(Unmapped), Ok(1)));
        assert!(!bus.move_to(Phys(0x1000), Phys(0x8000)).unwrap());
        assert!(bus.unmap(Phys(0x3000)).is_some() && bus.unmap(Phys(0x3000)).is_none());
        assert!(!bus.has(Phys(0x3000)) && bus.name_at(Phys(0x1800)).as_deref() == Some("first"));
    }

    /// A bridge: what is written moves the region at 0x1000 there.
    struct Bridge(std::sync::Weak<Bus>);

    impl Device for Bridge {
        fn read(&mut self, _offset: u64, _data: &mut [u8]) {}
        fn write(&mut self, _offset: u64, data: &[u8]) {
            let to = u32::from_le_bytes(data.try_into().unwrap());
            self.0.upgrade().unwrap().move_to(Phys(0x1000), Phys(to.into())).unwrap();
        }
    }

    #[test]
    fn a_device_may_change_the_map_while_it_answers_and_takes_messages() {
        let bus = Arc::new(Bus::default());
        bus.map("first", Phys(0x1000), 0x1000, Arc::new(Mutex::new(Numbered(1)))).unwrap();
        bus.map("bridge", Phys(0x5000), 4, Arc::new(Mutex::new(Bridge(Arc::downgrade(&bus))))).unwrap();
        let messages: &dyn MsiSink = &*bus;
        assert_eq!(messages.send(Phys(0x5000), 0x8000), Ok(()));
        assert_eq!((word_at(&bus, 0x8000), messages.send(Phys(0x1000), 0)), (Ok(1), Err(Unmapped)));
    }
}
