//! Traces: the events of a machine in a file, and what is made of them.
//!
//! [`Recorder`] writes a file while the machine runs, in chunks that each can be read alone; [`Reader`] reads it back in the
//! order of time, up to the damage where there is some. [`Printer`] makes a line of text of an event, [`Perfetto`] the
//! packets that Perfetto's viewer shows. [`Recent`] keeps the last events in memory. [`Naming`] finds the names
//! of functions and processes that go into the file with them. `docs/trace.md` describes the file.

#![forbid(unsafe_code)]

mod chunk;
mod filter;
mod names;
mod naming;
mod perfetto;
mod proto;
mod reader;
mod recent;
mod record;
mod recorder;
mod text;
mod wire;

pub use chunk::Device;
pub use filter::Filter;
pub use names::Processes;
pub use naming::Naming;
pub use perfetto::Perfetto;
pub use reader::{Damage, Reader};
pub use recent::Recent;
pub use recorder::Recorder;
pub use text::Printer;
