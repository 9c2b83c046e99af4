//! The hypervisor's own calls, to the firmware in M-mode.
//!
//! SBI 3.0, "Binary Encoding".

use core::arch::asm;

use arch::Phys;
use sbi::function::{Base, Dbcn, Hsm, Ipi, Srst, Time};
use sbi::system::{reset_reason, reset_type};
use sbi::{Error, Extension, Function, SbiRet};

/// What the firmware lacks.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the firmware is too old: its SBI has no {0}")]
pub struct Lacks(&'static str);

fn call(function: impl Into<Function>, args: [u64; 3]) -> Result<u64, Error> {
    let (eid, fid) = function.into().ids();
    let (mut error, mut value) = (args[0] as i64, args[1]);
    // SAFETY: calls name memory only for the console, which the caller owns; "all registers except a0 & a1 must be
    // preserved".
    unsafe {
        asm!("ecall", inlateout("a0") error, inlateout("a1") value, in("a2") args[2], in("a6") fid, in("a7") u64::from(eid), options(nostack))
    };
    match error {
        0 => Ok(value),
        _ => Err(of(SbiRet { error, value })),
    }
}

/// The error of a return, as far as somebody here tells one from another.
fn of(ret: SbiRet) -> Error {
    let known = [Error::NotSupported, Error::InvalidParam, Error::AlreadyAvailable];
    known.into_iter().find(|&error| error as i64 == ret.error).unwrap_or(Error::Failed)
}

/// Looks whether the firmware has what nothing goes without.
///
/// # Errors
/// What it has not.
pub fn check() -> Result<(), Lacks> {
    let has = |extension: Extension| call(Base::ProbeExtension, [extension as u64, 0, 0]).is_ok_and(|there| there != 0);
    let needed = [
        (Extension::Dbcn, "debug console (DBCN)"),
        (Extension::Hsm, "hart state management (HSM)"),
        (Extension::Ipi, "interrupts between harts (sPI)"),
        (Extension::Srst, "system reset (SRST)"),
        (Extension::Time, "timer (TIME)"),
    ];
    needed.into_iter().find(|(extension, _)| !has(*extension)).map_or(Ok(()), |(_, name)| Err(Lacks(name)))
}

/// The identity of the machine, as calls of the base extension tell it.
pub fn identity(function: Base) -> Result<u64, Error> {
    call(function, [0; 3])
}

/// Starts a hart at an address, with `opaque` in its `a1`.
pub fn hart_start(id: u64, at: Phys, opaque: u64) -> Result<u64, Error> {
    call(Hsm::HartStart, [id, at.0, opaque])
}

/// Interrupts a hart.
pub fn interrupt(id: u64) {
    // It exists: it has been started.
    let _ = call(Ipi::SendIpi, [1, id, 0]);
}

/// Lets this hart be interrupted at `deadline`.
pub fn set_timer(deadline: u64) {
    let _ = call(Time::SetTimer, [deadline, 0, 0]);
}

/// Shows bytes on the machine's console.
pub fn show(mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let shown =
            call(Dbcn::ConsoleWrite, [bytes.len() as u64, bytes.as_ptr() as u64, 0]).unwrap_or(bytes.len() as u64);
        bytes = &bytes[(shown as usize).min(bytes.len())..];
    }
}

/// Takes what was typed on it; answers how many bytes of `into` are filled.
pub fn typed(into: &mut [u8]) -> usize {
    let count = call(Dbcn::ConsoleRead, [into.len() as u64, into.as_mut_ptr() as u64, 0]).unwrap_or(0);
    (count as usize).min(into.len())
}

/// Turns the machine off.
pub fn off() -> ! {
    end(reset_reason::NO_REASON)
}

/// Turns the machine off, and lets it be known that something failed.
pub fn fail() -> ! {
    end(reset_reason::SYSTEM_FAILURE)
}

fn end(reason: u32) -> ! {
    let _ = call(Srst::SystemReset, [reset_type::SHUTDOWN.into(), reason.into(), 0]);
    loop {
        crate::start::csr::wait();
    }
}
