//! The binary interface: registers in, registers out.
//!
//! SBI 2.0, "Binary Encoding".

/// A call: `a7`, `a6` and `a0` to `a5`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// Extension id, 32 bits.
    pub extension: u32,
    /// Function id.
    pub function: u64,
    /// Arguments.
    pub args: [u64; 6],
}

/// Standard error codes, SBI 2.0, "Standard SBI Errors".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i64)]
#[allow(missing_docs, reason = "the names are the specification's")]
pub enum SbiError {
    Failed = -1,
    NotSupported = -2,
    InvalidParam = -3,
    Denied = -4,
    InvalidAddress = -5,
    AlreadyAvailable = -6,
    AlreadyStarted = -7,
    AlreadyStopped = -8,
    NoShmem = -9,
}

/// The value of a call that worked, or its error.
pub type Answer = Result<u64, SbiError>;

/// What becomes of the hart that called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It goes on behind its `ecall`, with `a0` and `a1` set.
    Return(Answer),
    /// It goes on behind its `ecall`, with only `a0` set: a legacy call.
    ReturnLegacy(u64),
    /// It stops until another hart starts it.
    Stop,
    /// It sleeps until an interrupt is pending, and goes on behind its `ecall` without an error, or where it says.
    Suspend(Option<Resume>),
    /// It goes on there at once.
    Resume(Resume),
}

/// Where a hart goes on in S-mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resume {
    /// Physical address.
    pub address: u64,
    /// Value for `a1`.
    pub opaque: u64,
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        Outcome::Return(answer)
    }
}
