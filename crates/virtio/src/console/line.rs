//! Where whoever is at a port's far end holds it.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use crate::transport::MmioTransport;

use super::Console;
use super::port::Port;

/// A port, held from outside, from any thread. Until its device is in its slot nothing is taken.
///
/// Whoever takes a port's output must not hold a lock over these functions that taking output needs.
#[derive(Clone, Default)]
pub struct PortLine(Arc<OnceLock<Attachment>>);

struct Attachment {
    device: Weak<Mutex<MmioTransport<Console>>>,
    number: u32,
}

impl PortLine {
    /// One that leads nowhere yet.
    pub fn new() -> PortLine {
        PortLine::default()
    }

    /// Leads to port `number` of `device` from now on, if it led nowhere.
    pub(super) fn lead_to(&self, device: &Arc<Mutex<MmioTransport<Console>>>, number: u32) {
        self.0.get_or_init(|| Attachment { device: Arc::downgrade(device), number });
    }

    /// Gives `bytes` to the guest. Answers how many were taken; offer the rest later.
    pub fn send(&self, bytes: &[u8]) -> usize {
        self.change(|port| port.add(bytes)).unwrap_or(0)
    }

    /// Says whether somebody is there. Once nobody is, the guest sees an end behind what was sent.
    pub fn set_open(&self, open: bool) {
        self.change(|port| port.set_far(open));
    }

    /// Says that there is room for more of the guest's output.
    pub fn resume(&self) {
        self.change(|_| ());
    }

    /// Whether the port's device is in its slot.
    pub fn is_plugged(&self) -> bool {
        self.0.get().is_some()
    }

    fn change<T>(&self, change: impl FnOnce(&mut Port) -> T) -> Option<T> {
        let Attachment { device, number } = self.0.get()?;
        let device = device.upgrade()?;
        let mut transport = device.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(transport.device().ports.get_mut(number)?);
        transport.work(|console, rings| console.serve(*number, rings));
        Some(changed)
    }
}
