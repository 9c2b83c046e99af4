//! Part 2: a virtual hart.
//!
//! How it is entered and left (`switch`), what it finds of the machine (`environment`, `offer`), what it is left for
//! (`exit`), and what happens between two exits (`run`), and where its time goes (`times`).

#[cfg(feature = "image")]
pub mod environment;
#[cfg(feature = "image")]
mod exit;
pub mod offer;
#[cfg(feature = "image")]
mod run;
#[cfg(feature = "image")]
pub mod switch;
pub mod times;

#[cfg(feature = "image")]
pub use exit::wait;
#[cfg(feature = "image")]
pub use image::*;
#[cfg(feature = "image")]
pub use run::{Next, run};

#[cfg(feature = "image")]
mod image {
    use core::fmt;
    use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};

    use arch::GuestPhys;
    use sbi::HartState;
    use sbi::pmu::Counters;
    use spin::Mutex;

    use super::switch::{Float, Registers, VsLevel};
    use super::times::Times;
    use crate::control::guests::{self, Guest};
    use crate::interrupts::files::VirtualFile;
    use crate::sbi::fences::Fences;
    use crate::sbi::steal::Told;
    use crate::start::hart::NOBODY;
    use crate::timers::NEVER;

    /// What others want of a virtual hart, before it executes on: bits of [`Vcpu::wanted`].
    pub mod wanted {
        /// A software interrupt.
        pub const SOFTWARE: u32 = 1;
        /// The external interrupt may have changed.
        pub const EXTERNAL: u32 = 1 << 1;
        /// Forget the VS-stage.
        pub const FENCE: u32 = 1 << 2;
        /// See new instructions.
        pub const FENCE_I: u32 = 1 << 3;
        /// Begin at [`super::Vcpu::begin`].
        pub const BEGIN: u32 = 1 << 4;
        /// Stop: the guest ends.
        pub const END: u32 = 1 << 5;
        /// Forget the G-stage.
        pub const FENCE_GUEST: u32 = 1 << 6;
        /// Stand still: the guest is paused.
        pub const PAUSE: u32 = 1 << 7;
        /// Forget where the guest's interrupt files were.
        pub const FENCE_FILES: u32 = 1 << 8;
        /// What has to be forgotten: no reason to wake whoever waits.
        pub const FENCES: u32 = FENCE | FENCE_I | FENCE_GUEST | FENCE_FILES;
    }

    /// Where a virtual hart begins.
    #[derive(Clone, Copy, Debug)]
    pub struct Begin {
        /// Its first instruction.
        pub at: GuestPhys,
        /// What it finds in `a1`.
        pub opaque: u64,
    }

    /// How a virtual hart goes on that has been put to sleep.
    #[derive(Clone, Copy, Debug)]
    pub enum Asleep {
        /// Where it was.
        Retentive,
        /// Elsewhere, with nothing of what it had in registers.
        NonRetentive(Begin),
    }

    /// A virtual hart.
    #[derive(Default)]
    pub struct Vcpu {
        /// Its guest's number, and its own among the guest's.
        pub guest: usize,
        /// Its hart id, as the guest knows it.
        pub index: usize,
        /// Counted over all guests.
        pub number: usize,
        /// The machine's harts that it may run on, a bit for each.
        pub harts: u64,
        /// What others want of it.
        pub wanted: AtomicU32,
        /// The guest's interrupt controller notifies it.
        pub external: core::sync::atomic::AtomicBool,
        /// Its interrupt file, where its guest has an IMSIC.
        pub file: Mutex<VirtualFile>,
        /// Where it is in the schedule; changed under the schedule's lock.
        pub place: AtomicU8,
        /// What the guest's SBI says of it.
        pub state: AtomicU8,
        /// Where it begins, once [`wanted::BEGIN`] is set.
        pub begin: Mutex<Option<Begin>>,
        /// The hart that it ran on last.
        pub last_hart: AtomicUsize,
        /// Without Sstc: when it wants to be interrupted, in the machine's time.
        pub timer: AtomicU64,
        /// All that it has; locked by the hart that runs it.
        pub context: Mutex<Context>,
        /// What it was left for, by reason.
        pub exits: [AtomicU64; Reason::COUNT],
        /// What others want it to forget.
        pub fences: Mutex<Fences>,
        /// Its times.
        pub times: Times,
    }

    /// What a virtual hart has while it does not run.
    #[derive(Default)]
    pub struct Context {
        /// The integer registers.
        pub registers: Registers,
        /// The CSRs of VS-mode.
        pub vs: VsLevel,
        /// The floating-point registers.
        pub float: Float,
        /// With Sstc: the guest's deadline, in its own time.
        pub deadline: u64,
        /// Where there are registers that are reached indirectly: `siselect`.
        pub selected: u64,
        /// It has been put to sleep, and goes on thus once an interrupt pends that it has enabled.
        pub asleep: Option<Asleep>,
        /// Where it is told of time that was stolen.
        pub stolen: Option<Told>,
        /// Its performance counters.
        pub pmu: Counters,
    }

    macro_rules! reasons {
        ($($(#[doc = $doc:literal])* $reason:ident $name:literal)*) => {
            /// Why a virtual hart was left, for the statistics.
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub enum Reason { $($(#[doc = $doc])* $reason),* }

            impl Reason {
                /// All of them, with their names.
                pub const NAMES: &[&str] = &[$($name),*];
                /// How many there are.
                pub const COUNT: usize = Reason::NAMES.len();
            }
        };
    }

    reasons! {
        /// A call to the SBI.
        Call "SBI calls"
        /// Memory that was touched for the first time.
        Touch "first touches"
        /// An access to a device.
        Device "device accesses"
        /// WFI.
        Wait "waits"
        /// An access to an interrupt file in software.
        File "interrupt file accesses"
        /// A counter that is the guest's own.
        Counter "reads of counters"
        /// The hypervisor's timer.
        Timer "timer interrupts"
        /// An interrupt from another hart.
        Kick "kicks"
        /// A device of the machine's.
        Machine "interrupts of the machine's devices"
        /// An exception that goes back to the guest.
        Exception "exceptions handed back"
    }

    impl Vcpu {
        /// The virtual hart `index` of a guest, stopped.
        pub fn new(guest: usize, index: usize, number: usize, harts: u64) -> Vcpu {
            Vcpu {
                guest,
                index,
                number,
                harts,
                state: AtomicU8::new(HartState::Stopped as u8),
                last_hart: AtomicUsize::new(NOBODY),
                timer: AtomicU64::new(NEVER),
                context: Mutex::new(Context { deadline: NEVER, ..Context::default() }),
                ..Vcpu::default()
            }
        }

        /// Its guest.
        pub fn guest(&self) -> &'static Guest {
            &guests::all()[self.guest]
        }

        /// Counts an exit: the hart that runs it does, nobody else.
        pub fn count(&self, reason: Reason) {
            let count = &self.exits[reason as usize];
            count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }

        /// What the guest's SBI says of it.
        pub fn is_in(&self, state: HartState) -> bool {
            self.state.load(Ordering::SeqCst) == state as u8
        }

        /// Changes what the guest's SBI says of it.
        pub fn becomes(&self, state: HartState) {
            self.state.store(state as u8, Ordering::SeqCst);
        }
    }

    impl fmt::Display for Vcpu {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "hart {} of guest {}", self.index, self.guest().name)
        }
    }
}
