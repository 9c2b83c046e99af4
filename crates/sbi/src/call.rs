//! A call through registers, and its return.
//!
//! SBI 3.0, "Binary Encoding".

use crate::Function;

/// The integer registers of a call, by their numbers.
pub mod register {
    /// First argument; the error of the return.
    pub const A0: u8 = 10;
    /// Second argument; the value of the return.
    pub const A1: u8 = 11;
    /// Function id.
    pub const A6: u8 = 16;
    /// Extension id.
    pub const A7: u8 = 17;
}

/// A call: `a7`, `a6` and `a0` to `a5`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// Extension id: "signed 32-bit integers", whose bits these are.
    pub eid: u32,
    /// Function id.
    pub fid: u64,
    /// Arguments.
    pub args: [u64; 6],
}

impl Call {
    /// Takes a call from the caller's integer registers.
    pub fn from_registers(read: impl Fn(u8) -> u64) -> Call {
        let args = core::array::from_fn(|n| read(register::A0 + n as u8));
        Call { eid: read(register::A7) as u32, fid: read(register::A6), args }
    }

    /// What is called. `None`, which the specification has no function for, "must return the error code
    /// `SBI_ERR_NOT_SUPPORTED`".
    pub fn function(&self) -> Option<Function> {
        Function::numbered(self.eid, self.fid)
    }
}

/// "Standard SBI Errors", but for `SBI_SUCCESS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i64)]
#[allow(missing_docs, reason = "the names are the specification's")]
pub enum Error {
    Failed = -1,
    NotSupported = -2,
    InvalidParam = -3,
    Denied = -4,
    InvalidAddress = -5,
    AlreadyAvailable = -6,
    AlreadyStarted = -7,
    AlreadyStopped = -8,
    NoShmem = -9,
    InvalidState = -10,
    BadRange = -11,
    Timeout = -12,
    Io = -13,
    DeniedLocked = -14,
}

/// The value of a call that worked, or its error.
pub type Answer = Result<u64, Error>;

/// `struct sbiret`: what a call leaves in `a0` and `a1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SbiRet {
    /// `a0`: zero, or an [`Error`]; of a legacy call its result.
    pub error: i64,
    /// `a1`.
    pub value: u64,
}

impl From<Answer> for SbiRet {
    fn from(answer: Answer) -> SbiRet {
        match answer {
            Ok(value) => SbiRet { error: 0, value },
            Err(error) => SbiRet { error: error as i64, value: 0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::function::Hsm;

    #[test]
    fn a_call_is_taken_from_its_registers() {
        // a7 = 17, a6 = 16, a0 to a5 = 10 to 15; the rest of a7 does not count
        let call = Call::from_registers(|n| match n {
            17 => 0xffff_ffff_0048_534d,
            16 => 2,
            n => n.into(),
        });
        assert_eq!(call, Call { eid: 0x48_534d, fid: 2, args: [10, 11, 12, 13, 14, 15] });
        assert_eq!(call.function(), Some(Function::Hsm(Hsm::HartGetStatus)));
    }

    #[test]
    fn an_error_is_negative_in_a0_and_a_value_is_in_a1() {
        assert_eq!(SbiRet::from(Ok(7)), SbiRet { error: 0, value: 7 });
        assert_eq!(SbiRet::from(Err(Error::NotSupported)), SbiRet { error: -2, value: 0 });
        assert_eq!(SbiRet::from(Err(Error::DeniedLocked)).error, -14);
    }
}
