//! Privilege modes.
//!
//! Privileged architecture, "Privilege Levels" and H extension, "Privilege Modes". A mode is the nominal privilege
//! together with the virtualization mode V.

/// Nominal privilege, with the encoding of `xPP`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum Privilege {
    /// U or VU.
    User = 0,
    /// S, HS or VS.
    Supervisor = 1,
    /// M.
    Machine = 3,
}

/// A privilege mode of a hart with H: M, HS, U, VS, VU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub struct Mode {
    /// Nominal privilege.
    pub privilege: Privilege,
    /// The virtualization mode V. Never set with [`Privilege::Machine`].
    pub virt: bool,
}

impl Mode {
    /// Machine mode.
    pub const M: Mode = Mode { privilege: Privilege::Machine, virt: false };
    /// (Hypervisor-extended) supervisor mode.
    pub const HS: Mode = Mode { privilege: Privilege::Supervisor, virt: false };
    /// User mode.
    pub const U: Mode = Mode { privilege: Privilege::User, virt: false };
    /// Virtual supervisor mode.
    pub const VS: Mode = Mode { privilege: Privilege::Supervisor, virt: true };
    /// Virtual user mode.
    pub const VU: Mode = Mode { privilege: Privilege::User, virt: true };

    /// All of them.
    pub const ALL: [Mode; 5] = [Mode::M, Mode::HS, Mode::U, Mode::VS, Mode::VU];

    /// What the manual calls it.
    pub const fn name(self) -> &'static str {
        match (self.privilege, self.virt) {
            (Privilege::Machine, _) => "M",
            (Privilege::Supervisor, false) => "HS",
            (Privilege::Supervisor, true) => "VS",
            (Privilege::User, false) => "U",
            (Privilege::User, true) => "VU",
        }
    }
}
