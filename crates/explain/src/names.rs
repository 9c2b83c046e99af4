//! What whoever asks knows of names.

use arch::Mode;

/// Names of addresses and processes, of a hart that stands still.
pub trait Names {
    /// The symbol, and the source line where that is known, of an address of code in this mode.
    fn name(&self, mode: Mode, address: u64) -> Option<String>;
    /// The process that runs on the hart.
    fn process(&self) -> Option<String>;
    /// Who called the function that the hart is in, the newest first.
    fn callers(&self) -> Vec<String>;
}
