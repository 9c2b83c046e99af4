//! In place of [QEMU's command line](../qemu) in a build that runs guests only: it is started with words of vhart's.

use std::convert::Infallible;
use std::ffi::OsString;

use clap::Command;

/// A command line in vhart's words.
pub struct Translated {
    /// The words, the program's name first.
    pub words: Vec<OsString>,
    /// What there is to say about them: nothing.
    pub notes: Vec<String>,
}

/// The words as they are.
pub fn translate(words: impl IntoIterator<Item = OsString>, _vhart: &Command) -> Result<Translated, Infallible> {
    Ok(Translated { words: words.into_iter().collect(), notes: Vec::new() })
}
