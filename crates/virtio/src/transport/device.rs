//! What a virtio device is to its transport.

use bus::Stateful;

use crate::ring::{Broken, Ring};

/// What makes a transport a disk, a network card, and so on. It is saved without its queues, which are the transport's.
pub trait VirtioDevice: Send + Stateful {
    /// The device type ("Device Types").
    const ID: u32;
    /// The largest size of each queue, a power of two.
    const QUEUE_SIZES: &'static [u16];

    /// The features of this type of device that this one has.
    fn features(&self) -> u64;

    /// Fills `data` with the configuration space from `offset` on.
    fn read_config(&self, offset: u64, data: &mut [u8]);

    /// Writes `data` to the configuration space from `offset` on.
    fn write_config(&mut self, _offset: u64, _data: &[u8]) {}

    /// The driver and the device agreed on `features`; VERSION_1 is one of them unless the driver is a legacy one.
    fn negotiated(&mut self, _features: u64) {}

    /// The driver told of requests in queue `queue`. `rings[queue]` is there; others are if the driver made them.
    ///
    /// # Errors
    /// [`Broken`] puts the device out of service until the driver resets it.
    fn notify(&mut self, queue: usize, rings: &mut [Option<Ring>]) -> Result<(), Broken>;

    /// Goes on with what it did not finish when it was last notified; `rings` are as for [`VirtioDevice::notify`].
    ///
    /// # Errors
    /// [`Broken`] puts the device out of service until the driver resets it.
    fn poll(&mut self, _rings: &mut [Option<Ring>]) -> Result<(), Broken> {
        Ok(())
    }

    /// Whether there is something that [`VirtioDevice::poll`] would go on with.
    fn is_behind(&self) -> bool {
        false
    }

    /// The driver took queue `queue` away: when this returns, nothing more is written to memory for its requests.
    fn stopped(&mut self, _queue: usize) {}

    /// Back to the state before any driver. Its queues were stopped.
    fn reset(&mut self) {}
}
