//! What becomes of a hart that called.

use sbi::Answer;

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
