//! The entropy device.
//!
//! Models VIRTIO 1.2, "Entropy Device": buffers come back full of the host's random numbers, or of some that a seed
//! decides.

use virtio_bindings::virtio_ids::VIRTIO_ID_RNG;

use crate::ring::{Broken, Request, Ring};
use crate::transport::VirtioDevice;

/// Most random bytes for one request; the device may fill less than the driver offers.
const MOST_BYTES: usize = 4096;
/// So many are asked for at a time, a multiple of the generator's words: most requests are for a few.
const PART_BYTES: usize = 256;
const _: () = assert!(MOST_BYTES.is_multiple_of(PART_BYTES) && PART_BYTES.is_multiple_of(8));

/// A source of random numbers: the host's, or for machines that do the same again and again, a generator.
pub struct Entropy(Option<fastrand::Rng>);

impl Entropy {
    /// Numbers that `seed` decides; without it, the host's.
    pub fn new(seed: Option<u64>) -> Self {
        Entropy(seed.map(fastrand::Rng::with_seed))
    }

    /// Fills what the request has room for. Answers with how many bytes.
    fn fill(&mut self, ring: &Ring, request: &mut Request) -> Result<u32, Broken> {
        let (mut random, mut left, mut written) = ([0; PART_BYTES], MOST_BYTES, 0);
        while left > 0 && !request.writable.is_empty() {
            let part = &mut random[..request.writable.len().min(PART_BYTES as u64) as usize];
            match &mut self.0 {
                Some(generator) => generator.fill(part),
                None if getrandom::fill(part).is_ok() => {}
                // The host has no more: the driver gets no more.
                None => break,
            }
            written += request.writable.write(&ring.memory(), part)?;
            left -= part.len();
        }
        Ok(written as u32)
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

#[cfg(not(feature = "state"))]
bus::unsaved!(Entropy);

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
