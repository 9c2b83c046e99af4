//! Numbers for the end of a system's run, and for its sleep. All are 32 bits wide.
//!
//! SBI 3.0, "System Reset Extension (EID #0x53525354 "SRST")" and "System Suspend Extension (EID #0x53555350 "SUSP")".

/// "SRST System Reset Types" that are not a platform's own.
pub mod reset_type {
    /// "Shutdown".
    pub const SHUTDOWN: u32 = 0;
    /// "Cold reboot".
    pub const COLD_REBOOT: u32 = 1;
    /// "Warm reboot".
    pub const WARM_REBOOT: u32 = 2;
}

/// "SRST System Reset Reasons" that are not an implementation's or a platform's own.
pub mod reset_reason {
    /// "No reason".
    pub const NO_REASON: u32 = 0;
    /// "System failure".
    pub const SYSTEM_FAILURE: u32 = 1;
}

/// "SUSP System Sleep Types" that are not a platform's own.
pub mod sleep_type {
    /// "SUSPEND_TO_RAM".
    pub const SUSPEND_TO_RAM: u32 = 0;
}
