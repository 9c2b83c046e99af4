//! What is measured: figures, by what they are of and what they count.

use std::collections::BTreeMap;

use serde::Serialize;

/// A part of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Set {
    /// Programs that compute.
    Compute,
    /// Work in host and guests, by `vhart bench`.
    Work,
    /// How a Linux guest comes about.
    Guests,
    /// Interrupts of a program on a machine with AIA.
    Interrupts,
    /// Interrupts of a guest of KVM.
    GuestInterrupts,
    /// Programs at the same time on two harts.
    Harts,
    /// A host Linux and a guest Linux, from power on to power off.
    Linux,
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quantity {
    /// Seconds of processor time, user and system.
    CpuSeconds,
    /// Seconds by the clock.
    WallSeconds,
    /// Nanoseconds for one operation, by the guest's clock.
    Nanoseconds,
    /// Instructions retired.
    Instructions,
    /// How many times as long as the same elsewhere.
    Times,
    /// Memory.
    Kibibytes,
}

/// What a run says.
pub type Figures = BTreeMap<(String, Quantity), f64>;
