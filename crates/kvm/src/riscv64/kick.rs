//! How other threads reach a vCPU that is inside `KVM_RUN`.
//!
//! The kick's signal is blocked in the vCPU's thread and unblocked by the kernel only during `KVM_RUN`. So a signal that
//! comes a moment too early stays pending and ends the next `KVM_RUN` at once: no kick is lost.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arch::Interrupt;
use kvm_ioctls::VcpuFd;
use libc::{c_int, c_void, siginfo_t};
use vcpu::HartPins;
use vmm_sys_util::signal;

use super::sys::{self, ThreadHandle};
use crate::Error;

/// The thread that is inside `run`, if any.
#[derive(Default)]
pub struct Runner(Mutex<Option<ThreadHandle>>);

impl Runner {
    /// The calling thread is inside `run` from now on, until the answer is dropped.
    pub fn enter(self: &Arc<Self>) -> Running {
        *self.lock() = Some(sys::this_thread());
        Running(self.clone())
    }

    /// Ends the `KVM_RUN` of the thread inside `run`, or its next one.
    pub fn kick(&self) {
        let thread = self.lock();
        if let Some(thread) = *thread {
            // SAFETY: the thread is inside `run`, which it leaves only through this lock, which we hold.
            // JUSTIFICATION: see `sys::this_thread`.
            unsafe { sys::send_signal(thread, kick_signal()) };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<ThreadHandle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Runner::enter`].
pub struct Running(Arc<Runner>);

impl Drop for Running {
    fn drop(&mut self) {
        *self.0.lock() = None;
    }
}

/// Makes the kick's signal end `KVM_RUN` and nothing else, in the calling thread.
pub fn prepare_thread(vcpu: &VcpuFd) -> Result<(), Error> {
    let request = |what, errno: vmm_sys_util::errno::Error| Error::Request { what, source: errno.into() };
    signal::register_signal_handler(kick_signal(), ignore).map_err(|e| request("take a signal for its vCPUs", e))?;
    // Fails only when it is blocked already, or for a signal that does not exist.
    let _ = signal::block_signal(kick_signal());
    let blocked = signal::get_blocked_signals().unwrap_or_default();
    let mask = blocked.iter().filter(|&&n| n != kick_signal()).fold(0, |mask, &n| mask | signal_bit(n));
    sys::set_signal_mask(vcpu, mask).map_err(|source| Error::Request { what: "set the vCPU's signal mask", source })
}

/// Takes the signal that ended `KVM_RUN`.
pub fn swallow_signal() {
    // Fails only for a signal that does not exist.
    let _ = signal::clear_signal(kick_signal());
}

/// Forwards the pins of a hart to the kernel, and kicks to its thread.
pub fn connect(pins: &Arc<HartPins>, runner: &Arc<Runner>, vcpu: OwnedFd) {
    let wires = Arc::downgrade(pins);
    let told = Mutex::new(false);
    pins.on_change(Box::new(move |pin, _| {
        if let (Interrupt::SupervisorExternal, Some(pins)) = (pin, wires.upgrade()) {
            tell(&pins, &told, &vcpu);
        }
    }));
    let runner = runner.clone();
    pins.on_kick(Box::new(move || runner.kick()));
}

/// Two threads may drive the pin at once: what counts is its level now, under the lock.
fn tell(pins: &HartPins, told: &Mutex<bool>, vcpu: &OwnedFd) {
    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
    let level = pins.levels() & (1 << Interrupt::SupervisorExternal as u8) != 0;
    if *told != level && sys::interrupt(vcpu, level).is_ok() {
        *told = level;
    }
}

fn kick_signal() -> c_int {
    signal::SIGRTMIN()
}

fn signal_bit(number: c_int) -> u64 {
    u32::try_from(number - 1).ok().and_then(|bit| 1u64.checked_shl(bit)).unwrap_or(0)
}

extern "C" fn ignore(_: c_int, _: *mut siginfo_t, _: *mut c_void) {}
