//! A build without watchers writes no traces.

/// A trace to be written: there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Traced {}

impl Traced {
    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub fn read(_: &str) -> Result<Traced, String> {
        Err("this build writes no traces: it is without the feature 'watch'".into())
    }
}
