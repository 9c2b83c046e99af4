//! The build that runs guests only explains nothing.

use clap::Args;

/// No options.
#[derive(Args, Clone, Debug, Default)]
pub struct ExplainOptions {}

impl ExplainOptions {
    /// Nothing can be wrong.
    pub fn check(&self, _harts: u32) -> Result<(), String> {
        Ok(())
    }
}
