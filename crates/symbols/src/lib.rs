//! Names of addresses: which symbol of which program, and which source line.
//!
//! [`Table`] is the symbols of one program; [`File`] reads one from an ELF file, a `System.map` or the text of
//! `/proc/kallsyms`. [`Kernel::find`] needs no file: it finds a Linux that runs in the memory of its hart, with the
//! names of its functions (kallsyms), of its modules', its banner and build id, and through its type information (BTF)
//! the process that runs. [`Symbols`] has the tables of host and guests together and answers by mode and VMID.
//!
//! A kernel's memory is its own to write: whatever is in it, reading is bounded in time and memory and ends in no
//! panic.
//!
//! Left out: programs of U-mode, and kernels before Linux 5.0, whose tables look otherwise.

#![forbid(unsafe_code)]

mod btf;
mod bytes;
mod elf;
mod file;
#[doc(hidden)]
pub mod fuzzing;
mod kallsyms;
mod kernel;
mod lines;
mod modules;
mod names;
mod notes;
mod seen;
mod stack;
mod table;
mod task;

pub use btf::Btf;
pub use elf::{elf, text};
pub use file::{File, FileError};
pub use kallsyms::kallsyms;
pub use kernel::Kernel;
pub use names::{Named, Symbols, Whose};
pub use seen::Seen;
pub use stack::{Frames, backtrace};
pub use table::{Found, Symbol, Table};
pub use task::{Offsets, Task};
