//! What happens between firmware, host and guest: the event stream of a hart.
//!
//! An [`Event`] is one thing that happened, a [`Stamp`] where and when. A hart that is watched hands both to its
//! [`Sink`], from paths that are cold anyway: traps and returns from them, CSR writes that have consequences, page
//! walks, devices, fences. A hart that nobody watches tests a mask there and does nothing else.
//!
//! Nothing is told twice. A switch of V, a guest-page fault and an interrupt that is taken are traps or returns:
//! [`Event::switches_v`], [`Taken::guest_page_fault`] and [`Taken::interrupt`] find them (`docs/adr/0008`).
//!
//! Who can tell: engines `interp` and `jit` tell all of it but [`Event::KvmExit`] and [`Event::KvmEntry`], and tell the
//! same where they are deterministic. Engine `kvm` tells these two, and between them the device or call that an exit
//! was for: its host takes the traps. Devices tell the same with every engine.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod event;
mod kinds;
mod look;
mod mark;
pub mod names;
mod sink;
mod stamp;

pub use event::{Event, Fence, HartState, Outcome, SbiCall, Scope, Taken, Timer, Walk};
pub use kinds::{Kind, Kinds};
pub use look::Look;
pub use mark::{CALL as MARK, Mark, NAME_BYTES as MARK_BYTES};
pub use sink::{Sink, Tee};
pub use stamp::{DEVICES, Stamp};
