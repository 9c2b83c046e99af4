//! Crashes of generated code, on systems where they are not told from others.

use hart::Hart;

use crate::translator::Translator;

/// Nothing.
pub struct Running;

impl Running {
    /// Nothing is noted.
    pub fn enter(_translator: *const Translator, _hart: *const Hart) -> Running {
        Running
    }
}

/// Nothing is watched for.
pub fn watch() {}

/// Nothing will call `_what`.
pub fn before_abort(_what: fn()) {}
