//! What a device behind its transport is saved as.

use bus::state::{Plain, Unfit, Unsaved, check, to_bytes};
use cores::virtio_mmio::Layout;
use serde::{Deserialize, Serialize};

use super::common::{Common, Registers};
use super::{MmioTransport, VirtioDevice, legacy};
use crate::ring::{Broken, Ring, RingState, Told};

/// The driver's registers and queues, and what the device is saved as.
#[derive(Deserialize, Serialize)]
pub struct Saved {
    /// Which device it is.
    id: u32,
    registers: Registers,
    layouts: Vec<Layout>,
    legacy: Vec<legacy::Queue>,
    rings: Vec<Option<RingState>>,
    level: bool,
    config_generation: u32,
    device: Vec<u8>,
}

impl<D: VirtioDevice> Plain for MmioTransport<D> {
    type State = Saved;

    fn save(&mut self) -> Result<Saved, Unsaved> {
        if self.common.device.is_behind() {
            return Err(Unsaved::Busy);
        }
        let device = self.common.device.state()?;
        Ok(self.saved(device))
    }

    fn load(&mut self, saved: Saved) -> Result<(), Unfit> {
        check(saved.id == D::ID, "another kind of device is in the slot")?;
        let queues = (saved.layouts.len(), saved.legacy.len(), saved.rings.len());
        check(
            queues == (self.common.layouts.len(), self.legacy.len(), self.common.rings.len()),
            "the device has other queues",
        )?;
        let rings = saved.rings.iter().enumerate().map(|(queue, ring)| self.common.ring_of(queue, ring.as_ref()));
        self.common.rings =
            rings.collect::<Result<_, _>>().map_err(|Broken| Unfit::of("a queue is not in the memory"))?;
        (self.common.registers, self.common.layouts, self.legacy) = (saved.registers, saved.layouts, saved.legacy);
        (self.common.level, self.common.config_generation) = (saved.level, saved.config_generation);
        self.common.device.set_state(&saved.device)?;
        if self.common.level {
            self.common.irq.set(true);
        }
        Ok(())
    }

    fn reproducible(&mut self) -> Option<Vec<u8>> {
        let device = self.common.device.reproducible()?;
        to_bytes(&self.saved(device)).ok()
    }
}

impl<D: VirtioDevice> MmioTransport<D> {
    /// With what the device comes to.
    fn saved(&self, device: Vec<u8>) -> Saved {
        Saved {
            id: D::ID,
            registers: self.common.registers.clone(),
            layouts: self.common.layouts.clone(),
            legacy: self.legacy.clone(),
            rings: self.common.rings.iter().map(|ring| ring.as_ref().map(Ring::save)).collect(),
            level: self.common.level,
            config_generation: self.common.config_generation,
            device,
        }
    }
}

impl<D: VirtioDevice> Common<D> {
    fn ring_of(&self, queue: usize, saved: Option<&RingState>) -> Result<Option<Ring>, Broken> {
        let told = Told { irq: self.irq.clone(), queue: queue as u16 };
        saved.map(|saved| Ring::restore(D::QUEUE_SIZES[queue], saved, self.memory.clone(), told)).transpose()
    }
}
