//! What the SBI says of itself, and what it answers to calls that make no sense.
//!
//! SBI 3.0, "Base Extension (EID #0x10)", "Debug Console Extension", and the errors of each function.

use sbi::function::{Base, Dbcn, Hsm, Ipi, Rfence, Srst};
use sbi::{Error, Extension, HartState};

use crate::call::{call, raw};
use crate::check::{same, that};
use crate::machine::read;

/// An address in no guest's memory: the first.
const NOWHERE: u64 = 0;
/// A hart that there is not.
const NO_HART: u64 = 1000;

/// The first instructions of the first hart are over.
pub fn check(hart: u64, tree: u64) {
    same(hart, 0, "the first hart's id");
    same(read::<{ arch::csr::SATP }>(), 0, "satp at the start");
    same(read::<{ arch::csr::SSTATUS }>() & arch::csr::status::SIE, 0, "sstatus.SIE at the start");
    // Linux (without a PMU) leaves it as it is, and its vDSO reads the time.
    same(
        read::<{ arch::csr::SCOUNTEREN }>() & arch::csr::counteren::TM,
        arch::csr::counteren::TM,
        "scounteren.TM at the start",
    );
    // SAFETY: `a1` has the address of a device tree.
    let magic = unsafe { (tree as *const u32).read_volatile() };
    same(u32::from_be(magic), 0xd00d_feed, "the device tree's magic number");
    base();
    unknown();
    arguments();
    console();
}

/// Extensions that every guest may rely on.
const EXPECTED: [Extension; 7] = [
    Extension::Base,
    Extension::Time,
    Extension::Ipi,
    Extension::Rfence,
    Extension::Hsm,
    Extension::Srst,
    Extension::Dbcn,
];

fn base() {
    let version = call(Base::GetSpecVersion, [0; 5]);
    that(
        version.error == 0 && version.value >> 24 & 0x7f >= 2,
        format_args!("the SBI is of version 2 or later: {version:?}"),
    );
    that(version.value >> 31 == 0, format_args!("bit 31 of the version \"must be 0\""));
    for function in Base::ALL {
        same(call(*function, [Extension::Base as u64, 0, 0, 0, 0]).error, 0, "a function of the base extension");
    }
    for extension in EXPECTED {
        let there = call(Base::ProbeExtension, [extension as u64, 0, 0, 0, 0]);
        that(there.error == 0 && there.value != 0, format_args!("{extension:?} is there: {there:?}"));
    }
    for eid in [0x1234_5678u64, 0x0800_0000, 0x0a00_0001] {
        let there = call(Base::ProbeExtension, [eid, 0, 0, 0, 0]);
        same((there.error, there.value), (0, 0), "an extension that is nobody's");
    }
}

/// "must return the error code `SBI_ERR_NOT_SUPPORTED`".
fn unknown() {
    let not_supported = Error::NotSupported as i64;
    for extension in EXPECTED {
        for fid in [100, 1 << 31, 1 << 32, u64::MAX] {
            same(raw(extension as u64, fid, [0; 5]).error, not_supported, "a function that is nobody's");
        }
    }
    for eid in [0x1234_5678u64, 0x0800_0000, 0x0a00_0001, 0x7fff_ffff, 0xf] {
        same(raw(eid, 0, [0; 5]).error, not_supported, "a call to an extension that is nobody's");
    }
    for &extension in Extension::ALL {
        let there = call(Base::ProbeExtension, [extension as u64, 0, 0, 0, 0]).value != 0;
        if !there && extension != Extension::Legacy {
            same(raw(extension as u64, 0, [0; 5]).error, not_supported, "a call to an extension that is not there");
        }
    }
}

/// Arguments that the functions must refuse.
fn arguments() {
    let invalid = Error::InvalidParam as i64;
    same(call(Ipi::SendIpi, [1, NO_HART, 0, 0, 0]).error, invalid, "an IPI to a hart that there is not");
    same(call(Ipi::SendIpi, [0, NO_HART, 0, 0, 0]).error, 0, "an IPI to nobody");
    for function in [Rfence::RemoteFenceI, Rfence::RemoteSfenceVma, Rfence::RemoteSfenceVmaAsid] {
        same(call(function, [1, NO_HART, 0, 0, 0]).error, invalid, "a fence of a hart that there is not");
        same(call(function, [0, 0, 0, 0x1000, 0]).error, 0, "a fence of no hart");
        same(call(function, [1, 0, 0x1000, 0x1000, 1]).error, 0, "a fence of the hart itself");
        same(call(function, [0, u64::MAX, 0, u64::MAX, 0]).error, 0, "a fence of all harts, of everything");
    }
    same(call(Hsm::HartGetStatus, [0; 5]).value, HartState::Started as u64, "the state of the hart itself");
    same(call(Hsm::HartGetStatus, [NO_HART, 0, 0, 0, 0]).error, invalid, "the state of a hart that there is not");
    same(call(Hsm::HartStart, [NO_HART, 0x8020_0000, 0, 0, 0]).error, invalid, "the start of a hart that there is not");
    same(
        call(Hsm::HartStart, [0, 0x8020_0000, 0, 0, 0]).error,
        Error::AlreadyAvailable as i64,
        "the start of a hart that runs",
    );
    same(
        call(Hsm::HartSuspend, [0x1000_0000, 0, 0, 0, 0]).error,
        invalid,
        "a suspend type of a platform that has none",
    );
    that(call(Hsm::HartSuspend, [7, 0, 0, 0, 0]).error != 0, format_args!("a reserved suspend type is refused"));
    same(call(Srst::SystemReset, [7, 0, 0, 0, 0]).error, invalid, "a reset type that there is not");
}

/// One of the last checks, for KVM believes it: the machine is off then.
pub fn last() {
    let refused = call(Srst::SystemReset, [0, 0x1000, 0, 0, 0]).error;
    same(refused, Error::InvalidParam as i64, "a reset reason that there is not");
}

fn console() {
    let invalid = Error::InvalidParam as i64;
    let text = b".";
    let at = text.as_ptr() as u64;
    same(call(Dbcn::ConsoleWrite, [0, at, 0, 0, 0]).error, 0, "nothing is written");
    same(call(Dbcn::ConsoleWrite, [1, NOWHERE, 0, 0, 0]).error, invalid, "a write from no memory");
    same(call(Dbcn::ConsoleWrite, [1, at, 1, 0, 0]).error, invalid, "a write from beyond 64 bits");
    same(call(Dbcn::ConsoleWrite, [u64::MAX, at, 0, 0, 0]).error, invalid, "a write of everything");
    same(call(Dbcn::ConsoleWrite, [2, u64::MAX, 0, 0, 0]).error, invalid, "a write across the end");
    same(call(Dbcn::ConsoleRead, [1, NOWHERE, 0, 0, 0]).error, invalid, "a read to no memory");
    let mut byte = [0u8; 1];
    let read = call(Dbcn::ConsoleRead, [1, byte.as_mut_ptr() as u64, 0, 0, 0]);
    that(read.error == 0 && read.value <= 1, format_args!("a read of the console: {read:?}"));
    let written = call(Dbcn::ConsoleWrite, [1, at, 0, 0, 0]);
    that(written.error == 0 && written.value <= 1, format_args!("a write of one byte: {written:?}"));
    let byte = call(Dbcn::ConsoleWriteByte, [b'\n'.into(), 0, 0, 0, 0]);
    same((byte.error, byte.value), (0, 0), "a byte");
}
