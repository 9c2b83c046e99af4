//! Numbers and layouts of performance monitoring.
//!
//! SBI 3.0, "Performance Monitoring Unit Extension (EID #0x504D55 "PMU")".

mod counters;

pub use counters::Counters;

/// "PMU Event Type": bits 19:16 of `event_idx`.
pub mod event_type {
    /// "Hardware general events".
    pub const GENERAL: u64 = 0;
    /// "Hardware cache events".
    pub const CACHE: u64 = 1;
    /// "Hardware raw events (deprecated)".
    pub const RAW: u64 = 2;
    /// "Hardware raw events v2".
    pub const RAW_V2: u64 = 3;
    /// "Firmware events".
    pub const FIRMWARE: u64 = 15;
}

/// Bits of an `event_idx`; the rest is reserved.
pub const EVENT_IDX_BITS: u32 = 20;
/// Code of the last of "PMU Hardware Events": `SBI_PMU_HW_REF_CPU_CYCLES`.
pub const LAST_GENERAL: u64 = 10;
/// Code of the last cache event: node, prefetch, miss.
pub const LAST_CACHE: u64 = cache_code(6, 2, 1);
/// Bits of `event_data` that select a raw event.
pub const RAW_BITS: u32 = 48;
/// The same, v2.
pub const RAW_V2_BITS: u32 = 56;

/// An `event_idx`.
pub const fn event_idx(kind: u64, code: u64) -> u64 {
    kind << 16 | code
}

/// Type and code of an `event_idx`; a type above 15 has reserved bits.
pub const fn type_and_code(event_idx: u64) -> (u64, u64) {
    (event_idx >> 16, event_idx & 0xffff)
}

/// The code of a cache event.
pub const fn cache_code(cache_id: u64, op_id: u64, result_id: u64) -> u64 {
    cache_id << 3 | op_id << 1 | result_id
}

macro_rules! firmware_events {
    ($($event:ident $code:literal)*) => {
        /// "PMU Firmware Events", by their codes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
        #[repr(u8)]
        #[allow(missing_docs, reason = "the names are the specification's")]
        pub enum FirmwareEvent { $($event = $code),* }

        impl FirmwareEvent {
            /// All of them, by their codes.
            pub const ALL: &[FirmwareEvent] = &[$(FirmwareEvent::$event),*];
        }
    };
}

firmware_events! {
    MisalignedLoad 0
    MisalignedStore 1
    AccessLoad 2
    AccessStore 3
    IllegalInsn 4
    SetTimer 5
    IpiSent 6
    IpiReceived 7
    FenceISent 8
    FenceIReceived 9
    SfenceVmaSent 10
    SfenceVmaReceived 11
    SfenceVmaAsidSent 12
    SfenceVmaAsidReceived 13
    HfenceGvmaSent 14
    HfenceGvmaReceived 15
    HfenceGvmaVmidSent 16
    HfenceGvmaVmidReceived 17
    HfenceVvmaSent 18
    HfenceVvmaReceived 19
    HfenceVvmaAsidSent 20
    HfenceVvmaAsidReceived 21
}

impl FirmwareEvent {
    /// The event with this code.
    pub fn of(code: u64) -> Option<FirmwareEvent> {
        FirmwareEvent::ALL.iter().copied().find(|&event| event as u64 == code)
    }
}

/// `counter_info` of a counter that is a CSR.
pub const fn counter_info(csr: u16, bits: u32) -> u64 {
    csr as u64 | (bits as u64 - 1) << 12
}

/// `counter_info` of a counter of the firmware: the type, with the rest to be ignored.
pub const FIRMWARE_COUNTER_INFO: u64 = 1 << 63;

/// "PMU Counter Config Match Flags", `SBI_PMU_CFG_FLAG_`.
pub mod config_flag {
    /// The first counter of the set, whatever it can monitor.
    pub const SKIP_MATCH: u64 = 1 << 0;
    /// Zero the counter.
    pub const CLEAR_VALUE: u64 = 1 << 1;
    /// Start it.
    pub const AUTO_START: u64 = 1 << 2;
    /// Not in VU-mode.
    pub const SET_VUINH: u64 = 1 << 3;
    /// Not in VS-mode.
    pub const SET_VSINH: u64 = 1 << 4;
    /// Not in U-mode.
    pub const SET_UINH: u64 = 1 << 5;
    /// Not in S-mode.
    pub const SET_SINH: u64 = 1 << 6;
    /// Not in M-mode.
    pub const SET_MINH: u64 = 1 << 7;
    /// All that there are.
    pub const ALL: u64 = (1 << 8) - 1;
}

/// "PMU Counter Start Flags", `SBI_PMU_START_`.
pub mod start_flag {
    /// The value is the call's.
    pub const SET_INIT_VALUE: u64 = 1 << 0;
    /// The values are the snapshot's.
    pub const INIT_SNAPSHOT: u64 = 1 << 1;
}

/// "PMU Counter Stop Flags", `SBI_PMU_STOP_FLAG_`.
pub mod stop_flag {
    /// Take back what the counter is for.
    pub const RESET: u64 = 1 << 0;
    /// Save values and overflows.
    pub const TAKE_SNAPSHOT: u64 = 1 << 1;
}

/// "SBI PMU Snapshot shared memory layout".
pub mod snapshot {
    /// Its size, and what its address is a multiple of.
    pub const BYTES: u64 = 4096;
    /// `counter_overflow_bitmap`.
    pub const COUNTER_OVERFLOW_BITMAP: u64 = 0;
    /// `counter_values`.
    pub const COUNTER_VALUES: u64 = 8;
    /// Values that there is room for.
    pub const MOST_VALUES: u64 = 64;
}

/// "Event info entry format".
pub mod event_info {
    /// An entry's size, and what the table's address is a multiple of.
    pub const BYTES: u64 = 16;
    /// `event_idx`, a word.
    pub const EVENT_IDX: u64 = 0;
    /// `output`, a word: 1 where the event is supported.
    pub const OUTPUT: u64 = 4;
    /// `event_data`, two words.
    pub const EVENT_DATA: u64 = 8;
}
