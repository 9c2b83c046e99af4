//! Writing a trace while the machine runs.
//!
//! Each hart fills a chunk of its own and hands it over when it is full or a tenth of a second old, so that a process
//! that dies leaves all but that behind. What cannot be written is told once; the machine goes on.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use events::{Event, Kinds, Look, Sink, Stamp};

use crate::chunk::{self, Device, MAGIC};
use crate::filter::Filter;
use crate::record::Context;

/// A chunk that has so many bytes is full.
const FULL: usize = 64 << 10;
/// Ticks that events wait at most, as far as events go on.
const AGE: u64 = vcpu::TIMEBASE_HZ / 10;

/// A trace that is being written. Cloning shares it.
#[derive(Clone)]
pub struct Recorder(Arc<Shared>);

struct Shared {
    filter: Filter,
    file: Mutex<File>,
}

struct File {
    to: Box<dyn Write + Send>,
    lost: Option<std::io::Error>,
}

impl Recorder {
    /// A trace that goes to `file`, of the events that the filter lets through.
    pub fn new(file: Box<dyn Write + Send>, filter: Filter) -> Recorder {
        let recorder = Recorder(Arc::new(Shared { filter, file: Mutex::new(File { to: file, lost: None }) }));
        recorder.write(&[&MAGIC]);
        recorder
    }

    /// Notes a device of the machine.
    pub fn device(&self, device: &Device) {
        self.chunk(&chunk::of_device(device));
    }

    /// Whoever watches a hart for the trace.
    pub fn of_hart(&self, hart: u16) -> Box<dyn Sink> {
        Box::new(HartRecorder { recorder: self.clone(), hart, open: None })
    }

    /// Whether all could be written; to be asked when the harts' recorders have seen [`Event::End`].
    ///
    /// # Errors
    /// The first that came.
    pub fn finish(&self) -> std::io::Result<()> {
        let mut file = self.0.file.lock().unwrap_or_else(PoisonError::into_inner);
        match file.lost.take() {
            Some(error) => Err(error),
            None => file.to.flush(),
        }
    }

    /// What the trace is to have.
    pub fn filter(&self) -> &Filter {
        &self.0.filter
    }

    /// Writes a chunk with these contents.
    pub(crate) fn chunk(&self, contents: &[u8]) {
        self.write(&[&chunk::head(contents), contents]);
    }

    /// Writes bytes that belong together. After an error nothing more is written: what is there can be read.
    fn write(&self, parts: &[&[u8]]) {
        let mut file = self.0.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.lost.is_none() {
            file.lost = file.to.write_all(&parts.concat()).err();
        }
    }
}

/// One hart's part.
struct HartRecorder {
    recorder: Recorder,
    hart: u16,
    open: Option<Open>,
}

/// A chunk that is being filled.
struct Open {
    contents: Vec<u8>,
    context: Context,
    since: u64,
}

impl HartRecorder {
    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            self.recorder.chunk(&open.contents);
        }
    }
}

impl Sink for HartRecorder {
    fn wants(&self) -> Kinds {
        self.recorder.0.filter.kinds()
    }

    fn event(&mut self, stamp: &Stamp, event: &Event, _: &dyn Look) {
        if self.recorder.0.filter.passes(stamp, event) {
            let hart = self.hart;
            let open = self.open.get_or_insert_with(|| Open {
                contents: chunk::of_hart(hart),
                context: Context::new(hart),
                since: stamp.time,
            });
            open.context.put(&mut open.contents, stamp, event);
        }
        let due = |open: &Open| open.contents.len() >= FULL || stamp.time.saturating_sub(open.since) >= AGE;
        if *event == Event::End || self.open.as_ref().is_some_and(due) {
            self.close();
        }
    }
}

impl Drop for HartRecorder {
    fn drop(&mut self) {
        self.close();
    }
}
