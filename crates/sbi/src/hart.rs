//! Hart state management's numbers.
//!
//! SBI 3.0, "Hart State Management Extension (EID #0x48534D "HSM")".

/// "HSM Hart States".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
#[allow(missing_docs, reason = "the names are the specification's")]
pub enum HartState {
    Started = 0,
    Stopped = 1,
    StartPending = 2,
    StopPending = 3,
    Suspended = 4,
    SuspendPending = 5,
    ResumePending = 6,
}

/// "HSM Hart Suspend Types" that are not a platform's own. 32 bits wide.
pub mod suspend_type {
    /// "Default retentive suspend".
    pub const RETENTIVE: u32 = 0;
    /// "Default non-retentive suspend".
    pub const NON_RETENTIVE: u32 = 0x8000_0000;
}
