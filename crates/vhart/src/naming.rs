//! Names in traces: found in the memory of each Linux while it runs.

pub use trace::Naming;
use trace::Recorder;

/// Who finds the names of what this trace has.
pub fn of(recorder: &Recorder) -> Option<Naming> {
    Some(Naming::new(recorder.clone()))
}
