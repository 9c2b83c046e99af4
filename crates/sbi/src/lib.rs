//! The vocabulary of the Supervisor Binary Interface, and what of it is the same whoever answers.
//!
//! RISC-V Supervisor Binary Interface Specification 3.0. [`Extension`] and [`Function`] are its lists of names and
//! numbers, [`Call`] and [`SbiRet`] what goes through registers, [`hart_list`] its "Hart list parameter"; [`console`]
//! answers the debug console. Which calls are answered, and all that harts have to do with them, is for whoever
//! answers.

#![no_std]
#![forbid(unsafe_code)]

mod call;
pub mod console;
mod extension;
mod hart;
mod hart_list;
pub mod pmu;
pub mod sta;
pub mod system;

pub use call::{Answer, Call, Error, SbiRet, register};
pub use console::{Console, Memory};
pub use extension::{Extension, Function, function};
pub use hart::{HartState, suspend_type};
pub use hart_list::hart_list;
