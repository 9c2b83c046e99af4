//! The build that runs guests only writes no traces.

/// A trace to be written: there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Traced {}

impl Traced {
    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub fn read(_: &str) -> Result<Traced, String> {
        Err("engine kvm does not see what its host executes: a trace needs a full build and jit or interp".into())
    }
}
