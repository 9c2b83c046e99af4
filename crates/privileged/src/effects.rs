//! What a CSR write may have changed for those who cache consequences of privileged state.

use core::ops::{BitOr, BitOrAssign};

/// A set of consequences of a CSR write. A bit that is set says "may have changed"; one that is clear, "has not".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effects(u8);

impl Effects {
    /// Nothing besides the register itself.
    pub const NONE: Effects = Effects(0);
    /// How addresses translate or are protected: the context (privilege, SUM, MXR, MPRV, xatp, PBMTE, ADUE) or PMP.
    pub const TRANSLATION: Effects = Effects(1);
    /// PMP or what the page walker makes of a PTE changed: cached translations are stale in every context, not
    /// just another context's. Always together with [`Effects::TRANSLATION`].
    pub const PROTECTION: Effects = Effects(1 << 1);
    /// Which interrupt is taken next.
    pub const INTERRUPTS: Effects = Effects(1 << 2);
    /// FS, the rounding mode or the flags.
    pub const FP: Effects = Effects(1 << 3);
    /// When the next timer interrupt becomes pending.
    pub const TIMER: Effects = Effects(1 << 4);
    /// Values or enables of counters.
    pub const COUNTERS: Effects = Effects(1 << 5);

    /// An interrupt file: an access through `*ireg` writes `State::file` to it, one to `*topei` claims what that
    /// showed.
    pub const FILE: Effects = Effects(1 << 6);

    /// Whether any of `other` is in the set.
    pub const fn has(self, other: Effects) -> bool {
        self.0 & other.0 != 0
    }

    /// Both sets.
    pub const fn and(self, other: Effects) -> Effects {
        Effects(self.0 | other.0)
    }

    /// This set where `condition` holds, else nothing.
    pub const fn when(self, condition: bool) -> Effects {
        if condition { self } else { Effects::NONE }
    }
}

impl BitOr for Effects {
    type Output = Effects;

    fn bitor(self, other: Effects) -> Effects {
        self.and(other)
    }
}

impl BitOrAssign for Effects {
    fn bitor_assign(&mut self, other: Effects) {
        *self = self.and(other);
    }
}
