//! The machine's power switch.
//!
//! Whoever ends the machine's run (the test finisher, a firmware's reset call, KVM) asks here; the run loop looks here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use vcpu::{HartPins, Reset, SystemEvent};

/// A request to end the machine's run. The first one stands until it is taken. Lock-free, from any thread.
pub struct PowerSwitch {
    /// No request, or one of the codes below; a failure's code in the upper half.
    request: AtomicU64,
    harts: Vec<Arc<HartPins>>,
}

const NONE: u64 = 0;
const SHUTDOWN: u64 = 1;
const RESET: u64 = 2;
const FAIL: u64 = 3;
const SYSTEM_FAILURE: u64 = 4;
const WARM_RESET: u64 = 5;
const RESET_AFTER_FAILURE: u64 = 6;

impl PowerSwitch {
    /// A switch that kicks `harts` when someone presses it.
    pub fn new(harts: Vec<Arc<HartPins>>) -> Arc<Self> {
        Arc::new(PowerSwitch { request: AtomicU64::new(NONE), harts })
    }

    /// Asks for `event`. An earlier request that nobody has taken stands.
    pub fn request(&self, event: SystemEvent) {
        let _ = self.request.compare_exchange(NONE, encode(event), Ordering::AcqRel, Ordering::Acquire);
        for hart in &self.harts {
            hart.kick();
        }
    }

    /// What was asked for, if anything.
    pub fn event(&self) -> Option<SystemEvent> {
        decode(self.request.load(Ordering::Acquire))
    }

    /// Takes the request, so that the machine can start again.
    pub fn take(&self) -> Option<SystemEvent> {
        decode(self.request.swap(NONE, Ordering::AcqRel))
    }
}

fn encode(event: SystemEvent) -> u64 {
    match event {
        SystemEvent::Shutdown => SHUTDOWN,
        SystemEvent::Reset(Reset::Cold) => RESET,
        SystemEvent::Reset(Reset::Warm) => WARM_RESET,
        SystemEvent::Reset(Reset::AfterFailure) => RESET_AFTER_FAILURE,
        SystemEvent::SystemFailure => SYSTEM_FAILURE,
        SystemEvent::Fail(code) => FAIL | u64::from(code) << 32,
    }
}

fn decode(request: u64) -> Option<SystemEvent> {
    match request as u32 as u64 {
        SHUTDOWN => Some(SystemEvent::Shutdown),
        RESET => Some(SystemEvent::Reset(Reset::Cold)),
        WARM_RESET => Some(SystemEvent::Reset(Reset::Warm)),
        RESET_AFTER_FAILURE => Some(SystemEvent::Reset(Reset::AfterFailure)),
        SYSTEM_FAILURE => Some(SystemEvent::SystemFailure),
        FAIL => Some(SystemEvent::Fail((request >> 32) as u32)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_request_stands_and_harts_are_kicked() {
        let pins = HartPins::new();
        let power = PowerSwitch::new(vec![pins.clone()]);
        power.request(SystemEvent::Fail(7));
        power.request(SystemEvent::Shutdown);
        assert!(pins.take_attention());
        assert_eq!(power.event(), Some(SystemEvent::Fail(7)));
        assert_eq!(power.take(), Some(SystemEvent::Fail(7)));
        assert_eq!(power.event(), None);
    }

    #[test]
    fn every_event_comes_out_as_it_went_in() {
        let resets = [Reset::Cold, Reset::Warm, Reset::AfterFailure].map(SystemEvent::Reset);
        let others =
            [SystemEvent::Shutdown, SystemEvent::SystemFailure, SystemEvent::Fail(0), SystemEvent::Fail(u32::MAX)];
        resets.iter().chain(&others).for_each(|&event| assert_eq!(decode(encode(event)), Some(event)));
    }
}
