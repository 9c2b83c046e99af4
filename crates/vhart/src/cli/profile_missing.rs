//! The build that runs guests only takes no samples.

use clap::Args;

/// Nothing can be sampled.
#[derive(Args, Clone, Debug, Default)]
pub struct ProfileOptions {}

impl ProfileOptions {
    /// Nothing is.
    pub fn is_wanted(&self) -> bool {
        false
    }
}
