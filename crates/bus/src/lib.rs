//! The physical address map and its wires.
//!
//! A [`Device`] answers reads and writes at offsets; the [`Bus`] knows where each device is. An [`IrqLine`] is a wire
//! from a device to an interrupt controller.

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

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

/// The address map of devices (RAM is not on it).
#[derive(Default)]
pub struct Bus {
    /// By address.
    regions: Vec<Region>,
    /// The one that was accessed last: a driver comes back to its device.
    last: AtomicUsize,
}

impl Bus {
    /// Maps `device` at `base`, for `len` bytes.
    ///
    /// # Errors
    /// [`Overlap`] names the device that is already there.
    pub fn map(&mut self, name: &str, base: Phys, len: u64, device: SharedDevice) -> Result<(), Overlap> {
        let base = base.0;
        if let Some(other) = self.regions.iter().find(|r| base < r.base + r.len && r.base < base + len) {
            return Err(Overlap { name: name.into(), base, other: other.name.clone() });
        }
        let at = self.regions.partition_point(|r| r.base < base);
        self.regions.insert(at, Region { base, len, name: name.into(), device });
        Ok(())
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
    pub fn devices(&self) -> impl Iterator<Item = (&str, Phys, u64)> {
        self.regions.iter().map(|region| (region.name.as_str(), Phys(region.base), region.len))
    }

    /// The name of the device at `addr`, for explanations.
    pub fn name_at(&self, addr: Phys) -> Option<&str> {
        self.region(addr, 1).map(|(region, _)| region.name.as_str())
    }

    fn region(&self, addr: Phys, len: usize) -> Option<(&Region, u64)> {
        let of = |at: usize| self.regions.get(at).and_then(|region| Some((region, region.offset(addr, len)?)));
        of(self.last.load(Ordering::Relaxed)).or_else(|| {
            let at = self.regions.partition_point(|r| r.base <= addr.0).checked_sub(1)?;
            self.last.store(at, Ordering::Relaxed);
            of(at)
        })
    }

    fn find(&self, addr: Phys, len: usize) -> Result<(&SharedDevice, u64), Unmapped> {
        let (region, offset) = self.region(addr, len).ok_or(Unmapped)?;
        Ok((&region.device, offset))
    }
}

/// Where the level of an interrupt wire goes: an interrupt controller's input, or a hart's pin.
pub trait IrqSink: Send + Sync {
    /// The level of input `number` is now `level`. Called from any thread; repeated levels are harmless.
    fn set_level(&self, number: u32, level: bool);

    /// Something happened at input `number` that its level does not tell: an edge. A low level afterwards takes back an
    /// edge that nobody was told of.
    fn pulse(&self, number: u32) {
        self.set_level(number, true);
        self.set_level(number, false);
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
        let mut bus = Bus::default();
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
}
