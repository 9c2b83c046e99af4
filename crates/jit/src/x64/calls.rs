//! Into generated code, and what it calls: functions of the host's calling convention, over a [`Runtime`].

use std::ptr;

use super::state::BIAS;
use super::stubs::{Enter, Helper, Helpers, Stubs};
use crate::host::{Runtime, System};

impl Helpers {
    /// The functions for code that runs in `R`.
    pub fn of<R: Runtime>() -> Helpers {
        let system: [Helper; 4] = [ecall::<R>, ebreak::<R>, sret::<R>, mret::<R>];
        Helpers { interpret: interpret::<R>, find: find::<R>, single: single::<R>, system, link: link::<R> }
    }
}

/// Runs `code`: see [`crate::host::Backend::enter`].
pub fn enter<R: Runtime>(stubs: &Stubs, runtime: &mut R, code: u64) {
    let rbp = ptr::from_mut(&mut runtime.core().x).cast::<u8>().wrapping_add(BIAS);
    let context = ptr::from_mut(runtime).cast();
    // SAFETY: `enter` is code that `Stubs::generate` made for this signature and for `R`, `code` an entry that the
    // translator made for the hart's state, and both stay where they are meanwhile. Generated code reaches the hart
    // only through these pointers; no reference to it is in use until it returns or calls.
    unsafe {
        let enter: Enter = std::mem::transmute(stubs.enter as usize);
        enter(context, rbp.cast(), code);
    }
}

/// The runtime of a context.
///
/// # Safety
/// `context` is what [`enter`] gave to the generated code that calls, of this type, and nothing else refers to it.
unsafe fn runtime<'a, R: Runtime>(context: *mut ()) -> &'a mut R {
    // SAFETY: as the caller promises; the pointer was made from an exclusive reference that is not used meanwhile.
    unsafe { &mut *context.cast::<R>() }
}

unsafe extern "C" fn interpret<R: Runtime>(context: *mut (), offset: u64) -> u64 {
    // SAFETY: generated code passes the context it was entered with.
    unsafe { runtime::<R>(context) }.interpret(offset)
}

unsafe extern "C" fn find<R: Runtime>(context: *mut (), _: u64) -> u64 {
    // SAFETY: as in `interpret`.
    unsafe { runtime::<R>(context) }.find()
}

unsafe extern "C" fn single<R: Runtime>(context: *mut (), _: u64) -> u64 {
    // SAFETY: as in `interpret`.
    unsafe { runtime::<R>(context) }.single()
}

unsafe extern "C" fn ecall<R: Runtime>(context: *mut (), raw: u64) -> u64 {
    // SAFETY: as in `interpret`.
    unsafe { runtime::<R>(context) }.system(System::Ecall, raw)
}

unsafe extern "C" fn ebreak<R: Runtime>(context: *mut (), raw: u64) -> u64 {
    // SAFETY: as in `interpret`.
    unsafe { runtime::<R>(context) }.system(System::Ebreak, raw)
}

unsafe extern "C" fn sret<R: Runtime>(context: *mut (), raw: u64) -> u64 {
    // SAFETY: as in `interpret`.
    unsafe { runtime::<R>(context) }.system(System::Sret, raw)
}

unsafe extern "C" fn mret<R: Runtime>(context: *mut (), raw: u64) -> u64 {
    // SAFETY: as in `interpret`.
    unsafe { runtime::<R>(context) }.system(System::Mret, raw)
}

unsafe extern "C" fn link<R: Runtime>(context: *mut (), site: u64) -> u64 {
    // SAFETY: as in `interpret`.
    unsafe { runtime::<R>(context) }.link(site)
}
