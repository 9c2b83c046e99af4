//! Traces: the events of a machine in a file, and what is made of them.
//!
//! [`Recorder`] writes a file while the machine runs, in chunks that each can be read alone; [`Reader`] reads it back
//! in the order of time, up to the damage where there is some. [`Printer`] makes a line of text of an event,
//! [`Perfetto`] the packets that Perfetto's viewer shows. [`Recent`] keeps the last events in memory. [`Naming`] finds
//! the names of functions and processes that go into the file with them. `docs/trace.md` describes the file.

#![forbid(unsafe_code)]

mod chunk;
mod filter;
#[cfg(feature = "names")]
mod names;
#[cfg(feature = "names")]
mod naming;
#[cfg(feature = "names")]
mod perfetto;
#[cfg(feature = "names")]
mod proto;
mod reader;
mod recent;
mod record;
mod recorder;
#[cfg(feature = "names")]
mod text;
mod wire;

pub use chunk::Device;
pub use filter::Filter;
#[cfg(feature = "names")]
pub use names::Processes;
#[cfg(feature = "names")]
pub use naming::Naming;
#[cfg(feature = "names")]
pub use perfetto::Perfetto;
pub use reader::{Damage, Reader};
pub use recent::Recent;
pub use recorder::Recorder;
#[cfg(feature = "names")]
pub use text::Printer;
