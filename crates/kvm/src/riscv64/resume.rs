//! A hart on its way back from its system's sleep.
//!
//! KVM starts it anew where its call of SUSP said, and does so on the way into the guest, forgetting what interrupts it
//! was told of (Linux 7.2, `kvm_riscv_reset_vcpu`). So they are told again once the hart is there, and somebody knocks
//! until it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use vcpu::ECALL_BYTES;

use super::kick::Runner;

/// How often it is knocked. The way into the guest takes some microseconds.
const KNOCK: Duration = Duration::from_millis(1);

/// Drops when the hart has arrived.
pub struct Resume {
    /// Where it slept.
    at: u64,
    arrived: Arc<AtomicBool>,
}

impl Resume {
    /// Of the hart with this `runner`, which slept at `at` and is about to be run.
    pub fn begin(at: u64, runner: Arc<Runner>) -> Resume {
        let arrived = Arc::new(AtomicBool::new(false));
        let seen = arrived.clone();
        let knock = move || {
            while !seen.load(Ordering::Acquire) {
                std::thread::sleep(KNOCK);
                runner.kick();
            }
        };
        // Without a thread, the hart's own next exit will do.
        let _ = std::thread::Builder::new().name("resume".into()).spawn(knock);
        Resume { at, arrived }
    }

    /// Whether a hart at `pc` has arrived: it is neither at its call nor behind it.
    pub fn is_over(&self, pc: u64) -> bool {
        pc.wrapping_sub(self.at) > ECALL_BYTES
    }
}

impl Drop for Resume {
    fn drop(&mut self) {
        self.arrived.store(true, Ordering::Release);
    }
}
