//! How other threads reach a vCPU that is inside `KVM_RUN`.
//!
//! A kick sets `immediate_exit`, which `KVM_RUN` reads when it begins, and then sends a signal, which ends one that has
//! begun: no kick is lost. (`KVM_SET_SIGNAL_MASK` serves the same end, but changes the thread's mask twice in every
//! `KVM_RUN`.)

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arch::Interrupt;
use kvm_ioctls::KvmRunWrapper;
use libc::c_int;
use vcpu::HartPins;
use vmm_sys_util::signal;

use super::sys::{self, ThreadHandle};
use crate::Error;

/// How to end the `KVM_RUN` of a vCPU.
pub struct Runner(Mutex<Inside>);

struct Inside {
    /// The thread that is inside `run`, if any.
    thread: Option<ThreadHandle>,
    /// A mapping of its own of what `KVM_RUN` reads.
    run: KvmRunWrapper,
}

impl Runner {
    /// Of the vCPU that `run` is a mapping of.
    pub fn new(run: KvmRunWrapper) -> Arc<Self> {
        Arc::new(Runner(Mutex::new(Inside { thread: None, run })))
    }

    /// The calling thread is inside `run` from now on, until the answer is dropped.
    pub fn enter(self: &Arc<Self>) -> Running {
        self.lock().thread = Some(sys::this_thread());
        Running(self.clone())
    }

    /// Ends the `KVM_RUN` of the thread inside `run`, or its next one.
    pub fn kick(&self) {
        let mut inside = self.lock();
        if let Some(thread) = inside.thread {
            inside.run.as_mut_ref().immediate_exit = 1;
            // SAFETY: the thread is inside `run`, which it leaves only through this lock, which we hold.
            // JUSTIFICATION: see `sys::this_thread`.
            unsafe { sys::send_signal(thread, kick_signal()) };
        }
    }

    /// The kick has ended `KVM_RUN`: the next one goes on.
    pub fn kicked(&self) {
        self.lock().run.as_mut_ref().immediate_exit = 0;
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Runner::enter`].
pub struct Running(Arc<Runner>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.lock().thread = None;
    }
}

/// Lets the kick's signal end `KVM_RUN` in the calling thread, and nothing else.
pub fn prepare_thread() -> Result<(), Error> {
    sys::ignore_and_restart(kick_signal())
        .map_err(|source| Error::Request { what: "take a signal for its vCPUs", source })?;
    // Fails only for a signal that does not exist.
    let _ = signal::unblock_signal(kick_signal());
    Ok(())
}

/// The external interrupt of a vCPU, as the kernel was told of it.
pub struct Wire {
    told: Mutex<bool>,
    vcpu: OwnedFd,
}

/// Forwards the pins of a hart to the kernel, and kicks to its thread.
pub fn connect(pins: &Arc<HartPins>, runner: &Arc<Runner>, vcpu: OwnedFd) -> Arc<Wire> {
    let wire = Arc::new(Wire { told: Mutex::new(false), vcpu });
    let (pin_of, wires) = (wire.clone(), Arc::downgrade(pins));
    pins.on_change(Box::new(move |pin, _| {
        if let (Interrupt::SupervisorExternal, Some(pins)) = (pin, wires.upgrade()) {
            pin_of.tell(&pins);
        }
    }));
    let runner = runner.clone();
    pins.on_kick(Box::new(move || runner.kick()));
    wire
}

impl Wire {
    /// Two threads may drive the pin at once: what counts is its level now, under the lock.
    fn tell(&self, pins: &HartPins) {
        self.tell_what(pins, &mut self.told.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The kernel has forgotten what it was told.
    pub fn tell_again(&self, pins: &HartPins) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        *told = false;
        self.tell_what(pins, &mut told);
    }

    fn tell_what(&self, pins: &HartPins, told: &mut bool) {
        let level = pins.levels() & Interrupt::SupervisorExternal.bit() != 0;
        if *told != level && sys::interrupt(&self.vcpu, level).is_ok() {
            *told = level;
        }
    }
}

fn kick_signal() -> c_int {
    signal::SIGRTMIN()
}
