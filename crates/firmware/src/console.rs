//! The console during a call, while other harts' calls wait for this one.

use sbi::Console;

/// Most bytes that one call shows; the caller comes again for the rest.
const MOST_BYTES: usize = 4096;

/// Reads from the console; what is written to it is shown when the call is over.
pub struct Deferred<'a> {
    pub console: &'a mut dyn Console,
    /// Of this call.
    pub shown: &'a mut Vec<u8>,
}

impl Console for Deferred<'_> {
    fn write(&mut self, bytes: &[u8]) -> usize {
        let took = bytes.len().min(MOST_BYTES.saturating_sub(self.shown.len()));
        self.shown.extend_from_slice(&bytes[..took]);
        took
    }

    fn read(&mut self, into: &mut [u8]) -> usize {
        self.console.read(into)
    }
}
