//! The entropy device.
//!
//! Models VIRTIO 1.2, "Entropy Device": buffers come back full of the host's random numbers, or of some that a seed decides.

use virtio_bindings::virtio_ids::VIRTIO_ID_RNG;

use crate::ring::{Broken, Request, Ring};
use crate::transport::VirtioDevice;

/// Most random bytes for one request; the device may fill less than the driver offers.
const MOST_BYTES: u64 = 4096;

/// A source of random numbers: the host's, or for machines that do the same again and again, a generator.
pub struct Entropy(Option<fastrand::Rng>);

impl Entropy {
    /// Numbers that `seed` decides; without it, the host's.
    pub fn new(seed: Option<u64>) -> Self {
        Entropy(seed.map(fastrand::Rng::with_seed))
    }

    fn fill(&mut self, ring: &Ring, request: &mut Request) -> Result<u32, Broken> {
        let mut random = vec![0; request.writable.len().min(MOST_BYTES) as usize];
        match &mut self.0 {
            Some(generator) => generator.fill(&mut random),
            None if getrandom::fill(&mut random).is_ok() => {}
            // The host has none: the driver gets none.
            None => return Ok(0),
        }
        Ok(request.writable.write(&ring.memory(), &random)? as u32)
    }
}

#[cfg(feature = "state")]
impl bus::state::Plain for Entropy {
    /// Where the generator is, if it is one.
    type State = Option<u64>;

    fn save(&mut self) -> Result<Option<u64>, bus::state::Unsaved> {
        Ok(self.0.as_ref().map(fastrand::Rng::get_seed))
    }

    /// Whoever has the host's numbers keeps to them, and a generator that follows those begins as it was made.
    fn load(&mut self, seed: Option<u64>) -> Result<(), bus::state::Unfit> {
        if let (Some(generator), Some(seed)) = (&mut self.0, seed) {
            generator.seed(seed);
        }
        Ok(())
    }
}

impl VirtioDevice for Entropy {
    const ID: u32 = VIRTIO_ID_RNG;
    const QUEUE_SIZES: &'static [u16] = &[64];

    fn features(&self) -> u64 {
        0
    }

    fn read_config(&self, _offset: u64, _data: &mut [u8]) {}

    fn notify(&mut self, queue: usize, rings: &mut [Option<Ring>]) -> Result<(), Broken> {
        let Some(Some(ring)) = rings.get_mut(queue) else { return Ok(()) };
        while let Some(mut request) = ring.pop()? {
            let written = self.fill(ring, &mut request)?;
            ring.finish(request, written)?;
        }
        Ok(())
    }
}
