//! What a source's wire means.

/// Source modes, by the values of `sourcecfg.SM`.
///
/// AIA 1.0, "Source configurations".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub enum Mode {
    /// Inactive in the domain.
    Inactive = 0,
    /// Active, detached from the source wire.
    Detached = 1,
    /// Edge-sensitive, asserted on a rising edge.
    Edge1 = 4,
    /// Edge-sensitive, asserted on a falling edge.
    Edge0 = 5,
    /// Level-sensitive, asserted when high.
    Level1 = 6,
    /// Level-sensitive, asserted when low.
    Level0 = 7,
}

impl Mode {
    /// The mode that SM of `sourcecfg` is set to. It is WARL; what is reserved becomes Inactive.
    pub fn of(sourcecfg: u32) -> Mode {
        match sourcecfg & 7 {
            1 => Mode::Detached,
            4 => Mode::Edge1,
            5 => Mode::Edge0,
            6 => Mode::Level1,
            7 => Mode::Level0,
            _ => Mode::Inactive,
        }
    }

    /// Whether the level of the wire is the interrupt.
    pub fn is_level(self) -> bool {
        matches!(self, Mode::Level1 | Mode::Level0)
    }

    /// "(incoming wire value) XOR (source is inverted)"; zero where the wire is not looked at.
    pub fn rectify(self, wire: bool) -> bool {
        match self {
            Mode::Inactive | Mode::Detached => false,
            Mode::Edge1 | Mode::Level1 => wire,
            Mode::Edge0 | Mode::Level0 => !wire,
        }
    }
}
