//! The wires into a hart.

#[cfg(feature = "state")]
mod state;

#[cfg(feature = "state")]
pub use state::PinsState;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::Thread;

use arch::Interrupt;
use bus::IrqSink;
use privileged::{Aia, Config};

use crate::imsic::{Imsic, ImsicShape};

/// Called when the level of a pin changes: (interrupt, level). How an executor outside this process hears of it.
pub type PinHook = Box<dyn Fn(Interrupt, bool) + Send + Sync>;

/// Called when somebody kicks. How an executor that cannot watch [`HartPins::wanted`] is made to look.
pub type KickHook = Box<dyn Fn() + Send + Sync>;

/// Interrupt pins, the hart's MTIMER comparator, and a way to get its attention. From any thread.
#[derive(Default)]
pub struct HartPins {
    /// Levels, by the bit numbers of `mip`: MSIP, SEIP, MEIP.
    levels: AtomicU64,
    /// Levels of the guest external interrupt lines, by the bit numbers of `hgeip`.
    guest_external: AtomicU64,
    /// Comparator of ACLINT MTIMER, in ticks; all ones when off.
    mtimecmp: AtomicU64,
    /// Rising edges for `mip.SSIP`, from ACLINT SSWI or a firmware's IPI; taken by the hart.
    ssip_edge: AtomicBool,
    attention: AtomicBool,
    /// The hart writes to a device, and looks at its pins behind that.
    looks_soon: AtomicBool,
    hook: OnceLock<PinHook>,
    kick_hook: OnceLock<KickHook>,
    thread: Mutex<Option<Thread>>,
    imsic: Option<Imsic>,
}

impl HartPins {
    /// Pins of one hart, all low, the timer off.
    pub fn new() -> Arc<Self> {
        HartPins::of(None)
    }

    /// Pins of one hart that gets its external interrupts as messages. Its IMSIC drives MEIP, SEIP and the guest
    /// external interrupt lines; nobody else is to.
    pub fn with_imsic(shape: ImsicShape) -> Arc<Self> {
        HartPins::of(Some(Imsic::new(shape)))
    }

    fn of(imsic: Option<Imsic>) -> Arc<Self> {
        Arc::new(HartPins { mtimecmp: AtomicU64::new(u64::MAX), imsic, ..HartPins::default() })
    }

    /// What a hart with these pins is made of: this, and the interrupt files.
    pub fn fitting(&self, config: Config) -> Config {
        let Some(shape) = self.imsic().map(Imsic::shape) else { return config };
        let aia = Aia { imsic: true, ..config.aia };
        Config { aia, guest_external_interrupts: shape.guest_files, ..config }
    }

    /// The hart's interrupt files, if it has any.
    pub fn imsic(&self) -> Option<&Imsic> {
        self.imsic.as_ref()
    }

    /// Names who hears of changes instead of the hart itself, which is then not kicked for them. The first call counts.
    pub fn on_change(&self, hook: PinHook) {
        let _ = self.hook.set(hook);
    }

    /// Names who hears of kicks, after [`HartPins::wanted`] has become true. The first call counts.
    pub fn on_kick(&self, hook: KickHook) {
        let _ = self.kick_hook.set(hook);
    }

    /// Names the thread that sleeps when the hart is idle; a kick wakes it.
    pub fn runs_on(&self, thread: Thread) {
        *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
    }

    /// Drives a pin.
    pub fn set(&self, pin: Interrupt, level: bool) {
        self.drive_pin(pin, level, false);
    }

    /// Drives a pin; where `quiet`, its hart does so itself, and is not kicked.
    pub(crate) fn drive_pin(&self, pin: Interrupt, level: bool, quiet: bool) {
        if drive(&self.levels, pin.bit(), level) {
            match self.hook.get() {
                Some(hook) => hook(pin, level),
                None if quiet || self.looks_soon.load(Ordering::SeqCst) => {}
                None => self.kick(),
            }
        }
    }

    /// Levels of all pins, by the bit numbers of `mip`.
    pub fn levels(&self) -> u64 {
        self.levels.load(Ordering::SeqCst)
    }

    /// Drives a guest external interrupt line, by its number in `hgeip`: 1 to 63. A line that the hart has not got
    /// (GEILEN) reaches nothing.
    ///
    /// H extension, "Hypervisor Guest External Interrupt Registers (`hgeip` and `hgeie`)".
    pub fn set_guest_external(&self, line: u8, level: bool) {
        self.drive_guest_external(line, level, false);
    }

    /// Drives a guest external interrupt line; where `quiet`, its hart does so itself, and is not kicked.
    pub(crate) fn drive_guest_external(&self, line: u8, level: bool, quiet: bool) {
        let changed = (1..64).contains(&line) && drive(&self.guest_external, 1 << line, level);
        if changed && !quiet && !self.looks_soon.load(Ordering::SeqCst) {
            self.kick();
        }
    }

    /// Levels of the guest external interrupt lines, by the bit numbers of `hgeip`.
    pub fn guest_external(&self) -> u64 {
        self.guest_external.load(Ordering::SeqCst)
    }

    /// The hart does `access`, and looks at its pins behind it: whoever changes one until then need not kick for that.
    /// Levels and this are ordered ([`Ordering::SeqCst`]): who still finds it so has changed a level that is seen
    /// behind it.
    pub fn looking_behind<T>(&self, access: impl FnOnce() -> T) -> T {
        self.looks_soon.store(true, Ordering::Relaxed);
        let done = access();
        self.looks_soon.swap(false, Ordering::SeqCst);
        done
    }

    /// Raises `mip.SSIP` once.
    pub fn pulse_ssip(&self) {
        self.ssip_edge.store(true, Ordering::Release);
        self.kick();
    }

    /// Takes the edge of SSIP, if there was one.
    pub fn take_ssip(&self) -> bool {
        self.ssip_edge.load(Ordering::Relaxed) && self.ssip_edge.swap(false, Ordering::AcqRel)
    }

    /// Sets the MTIMER comparator, in ticks.
    pub fn set_mtimecmp(&self, ticks: u64) {
        self.mtimecmp.store(ticks, Ordering::Release);
        self.kick();
    }

    /// The MTIMER comparator, in ticks.
    pub fn mtimecmp(&self) -> u64 {
        self.mtimecmp.load(Ordering::Acquire)
    }

    /// Ends the hart's quantum soon, or its sleep.
    pub fn kick(&self) {
        self.attention.store(true, Ordering::Release);
        if let Some(thread) = &*self.thread.lock().unwrap_or_else(PoisonError::into_inner) {
            thread.unpark();
        }
        if let Some(hook) = self.kick_hook.get() {
            hook();
        }
    }

    /// Whether someone kicked.
    pub fn wanted(&self) -> bool {
        self.attention.load(Ordering::Relaxed)
    }

    /// Takes the kick.
    pub fn take_attention(&self) -> bool {
        self.wanted() && self.attention.swap(false, Ordering::AcqRel)
    }
}

/// Pins as the sink of an interrupt controller's output: `number` is the code of the interrupt.
impl IrqSink for HartPins {
    fn set_level(&self, number: u32, level: bool) {
        let pins = [Interrupt::MachineSoftware, Interrupt::MachineExternal, Interrupt::SupervisorExternal];
        if let Some(pin) = pins.into_iter().find(|pin| u32::from(pin.code()) == number) {
            self.set(pin, level);
        }
    }
}

/// Drives wires. Answers whether their level changed.
fn drive(levels: &AtomicU64, bit: u64, level: bool) -> bool {
    let before = if level { levels.fetch_or(bit, Ordering::SeqCst) } else { levels.fetch_and(!bit, Ordering::SeqCst) };
    (before & bit != 0) != level
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_changes_before_the_hart_looks_needs_no_kick() {
        let pins = HartPins::new();
        let raise = |level| {
            pins.set(Interrupt::SupervisorExternal, level);
            pins.set_guest_external(1, level);
        };
        pins.looking_behind(|| raise(true));
        assert_eq!((pins.levels(), pins.guest_external()), (Interrupt::SupervisorExternal.bit(), 2));
        assert!(!pins.take_attention());
        raise(false);
        assert!(pins.take_attention());
    }

    #[test]
    fn whoever_kicks_meanwhile_is_heard() {
        let pins = HartPins::new();
        pins.looking_behind(|| pins.kick());
        assert!(pins.take_attention());
    }
}
