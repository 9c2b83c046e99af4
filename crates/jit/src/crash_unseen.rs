//! Crashes of generated code, on systems where they are not told from others.

use hart::Hart;

use crate::unit::Origins;

/// Nothing.
pub struct Running;

impl Running {
    /// Nothing is noted.
    pub fn enter<O: Origins>(_code: &O, _hart: &Hart) -> Running {
        Running
    }
}

/// Nothing is watched for.
pub fn watch() {}

/// Nothing will call `_what`.
pub fn before_abort(_what: fn()) {}
