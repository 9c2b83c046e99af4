//! Part 5: timers.
//!
//! Sstc: `stimecmp` is the hypervisor's, `vstimecmp` the guest's on the hart, and `htimedelta` lets a guest's time
//! begin with the guest. A guest that is put aside keeps its deadline, and whoever runs next looks for it (`schedule`).
//! Without Sstc the firmware's timer ("Timer Extension") serves both.

#[cfg(feature = "image")]
pub use image::*;

/// A deadline that never comes.
pub const NEVER: u64 = u64::MAX;

// ANCHOR: of_guest
/// The machine's time of a guest's deadline. "`time` + `htimedelta`" is the guest's time.
pub fn of_guest(deadline: u64, htimedelta: u64) -> u64 {
    match deadline {
        NEVER => NEVER,
        _ => deadline.wrapping_sub(htimedelta),
    }
}
// ANCHOR_END: of_guest

#[cfg(feature = "image")]
mod image {
    use arch::csr as registers;
    use spin::Once;

    use crate::sbi::firmware;
    use crate::start::{csr, hart};

    /// The machine's time.
    pub fn now() -> u64 {
        csr::read::<{ registers::TIME }>()
    }

    /// Ticks in so many milliseconds.
    pub fn milliseconds(count: u64) -> u64 {
        hart::board().timebase_hz * count / 1000
    }

    /// Whether the harts compare time themselves.
    pub fn has_sstc() -> bool {
        static HAS: Once<bool> = Once::new();
        *HAS.call_once(|| hart::board().has("sstc"))
    }

    /// Lets this hart be interrupted at `deadline`, and not before.
    pub fn arm(deadline: u64) {
        match has_sstc() {
            true => csr::write::<{ registers::STIMECMP }>(deadline),
            false => firmware::set_timer(deadline),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guests_time_begins_later_than_the_machines() {
        // htimedelta is minus the moment at which the guest began
        let htimedelta = 0u64.wrapping_sub(1000);
        assert_eq!(of_guest(5, htimedelta), 1005);
        assert_eq!(of_guest(NEVER, htimedelta), NEVER);
        assert_eq!(of_guest(1005, 1000), 5);
    }
}
