//! A fault of generated code: said with the guest's instruction that it was made of, then the end.
//!
//! Generated code that faults is wrong, whatever the guest does; to go on would be to guess. The signal's handler tells
//! that code by the address that faulted, says on standard error what it was made of, and lets the signal end the
//! process as it does by default. Faults elsewhere are given back to whoever handled them before.
//!
//! A fault is synchronous. The thread was executing generated code, so it holds no lock and is in no allocation, and
//! what it owns, the hart and its translator, is not in the middle of a change: the handler may read them.

use std::cell::Cell;
use std::fmt::{self, Write};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::{Once, OnceLock};

use arch::Isa;
use hart::Hart;
use hart::engine::decode;
use libc::{c_int, c_void, sigaction, siginfo_t, ucontext_t};

use crate::unit::{Origin, Origins};

/// What the processor raises, and its names.
const SIGNALS: [(c_int, &str); 4] =
    [(libc::SIGSEGV, "SIGSEGV"), (libc::SIGBUS, "SIGBUS"), (libc::SIGILL, "SIGILL"), (libc::SIGFPE, "SIGFPE")];

/// Handlers that were there before, in the order of [`SIGNALS`].
static BEFORE: OnceLock<[sigaction; SIGNALS.len()]> = OnceLock::new();

/// What is done before the message: see [`before_abort`].
static PREPARE: OnceLock<fn()> = OnceLock::new();

thread_local! {
    /// What this thread executes, in generated code.
    static RUNNING: Cell<Option<(*const dyn Origins, *const Hart)>> = const { Cell::new(None) };
}

/// Generated code is entered while this lives.
pub struct Running;

impl Running {
    /// Notes whose code this thread enters.
    pub fn enter<O: Origins + 'static>(code: &O, hart: &Hart) -> Running {
        RUNNING.set(Some((ptr::from_ref(code), hart)));
        Running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.set(None);
    }
}

/// Lets `what` be done before a crash of generated code is told: a terminal in raw mode wants to be restored, for
/// example. The first call counts.
pub fn before_abort(what: fn()) {
    let _ = PREPARE.set(what);
}

/// Installs the handlers, once in a process.
pub fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = SIGNALS.map(|(signal, _)| current(signal));
        // Before any of ours can run.
        let _ = BEFORE.set(before);
        for (signal, _) in SIGNALS {
            install(signal, handle as *const () as usize, libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER);
        }
    });
}

fn current(signal: c_int) -> sigaction {
    let mut action = MaybeUninit::<sigaction>::zeroed();
    // SAFETY: a null action only asks; the answer goes to a variable. All zeroes is a valid `sigaction` if it does not
    // come.
    unsafe {
        sigaction(signal, ptr::null(), action.as_mut_ptr());
        action.assume_init()
    }
}

fn install(signal: c_int, handler: usize, flags: c_int) {
    // SAFETY: all zeroes is a valid `sigaction`: the default action with an empty mask.
    let mut action: sigaction = unsafe { std::mem::zeroed() };
    (action.sa_sigaction, action.sa_flags) = (handler, flags);
    // SAFETY: `action` is complete, and a handler in it has the signature that its flags ask for.
    unsafe { sigaction(signal, &action, ptr::null_mut()) };
}

/// The handler.
///
/// # Safety
/// The kernel calls it, with the context of the interrupted thread.
unsafe extern "C" fn handle(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: with SA_SIGINFO the kernel passes both, and they are valid during the call.
    let (info, machine) = unsafe { (&*info, &(*context.cast::<ucontext_t>()).uc_mcontext) };
    let at = crate::x64::interrupted_at(machine);
    // SAFETY: while they are noted, `execute` lends both to generated code, and what it calls returns to it before its
    // own end. Nothing is changed here.
    let running = RUNNING.get().map(|(code, hart)| unsafe { (&*code, &*hart) });
    // what somebody sends is no fault of the code
    let faulted = info.si_code > 0;
    match running.filter(|(code, _)| faulted && code.has(at)) {
        Some((code, hart)) => {
            PREPARE.get().inspect(|prepare| prepare());
            // SAFETY: `si_addr` is what these four signals carry.
            let address = unsafe { info.si_addr() } as u64;
            tell(&Crash { signal, address, at, origin: code.origin(at), hart });
            install(signal, libc::SIG_DFL, 0);
        }
        None => give_back(signal),
    }
    if info.si_code <= 0 {
        // Somebody sent it: it does not come again by itself.
        // SAFETY: it is pending when this returns, and nothing of ours is left to be done.
        unsafe { libc::raise(signal) };
    }
}

/// Lets whoever was there before handle the signal, which comes again when the instruction is executed again.
fn give_back(signal: c_int) {
    let number = SIGNALS.iter().position(|&(known, _)| known == signal);
    match number.zip(BEFORE.get()).and_then(|(number, before)| before.get(number)) {
        // SAFETY: the kernel gave this action out itself.
        Some(before) => _ = unsafe { sigaction(signal, before, ptr::null_mut()) },
        None => install(signal, libc::SIG_DFL, 0),
    }
}

/// What is known of a crash.
struct Crash<'a> {
    signal: c_int,
    address: u64,
    at: u64,
    origin: Option<Origin>,
    hart: &'a Hart,
}

impl fmt::Display for Crash<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = SIGNALS.iter().find(|(signal, _)| *signal == self.signal).map_or("a signal", |(_, name)| name);
        let Crash { address, at, .. } = self;
        writeln!(
            out,
            "vhart: code made by the translator crashed ({name}, address {address:#x}, at {at:#x} of the host)"
        )?;
        let mode = self.hart.state().mode.name();
        match self.origin {
            Some(Origin { pc, block, raw, len }) => {
                let digits = usize::from(len) * 2;
                write!(out, "vhart: guest pc {pc:#x} in the block at {block:#x}, mode {mode}: {raw:0digits$x}")?;
                match decode(raw, len, &Isa::ALL) {
                    Some(insn) => writeln!(out, " {insn}")?,
                    None => writeln!(out)?,
                }
            }
            None => writeln!(out, "vhart: between blocks, guest pc about {:#x}, mode {mode}", self.hart.core.pc)?,
        }
        writeln!(out, "vhart: this is a bug of vhart, not of the guest; --engine interp does without the translator")
    }
}

fn tell(crash: &Crash<'_>) {
    let mut text = Text { bytes: [0; TEXT_BYTES], len: 0 };
    // What does not fit is lost.
    let _ = write!(text, "{crash}");
    // SAFETY: so many bytes of the array are the text. That it may not be written changes nothing.
    unsafe { libc::write(libc::STDERR_FILENO, text.bytes.as_ptr().cast(), text.len) };
}

/// Room for a message.
const TEXT_BYTES: usize = 512;

/// A message in the making, without memory from the heap.
struct Text {
    bytes: [u8; TEXT_BYTES],
    len: usize,
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.get_mut(self.len..self.len + text.len()).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
