//! A build that saves no machines: parts have no state that anybody asks for.

/// A part whose state nobody asks for.
pub trait Stateful {
    /// Nothing.
    fn reproducible(&mut self) -> Option<Vec<u8>> {
        None
    }
}

impl<T: ?Sized> Stateful for T {}

/// Says that a part has no state.
#[macro_export]
macro_rules! stateless {
    ($part:ty) => {};
}

/// Says that the build does not save a part.
#[macro_export]
macro_rules! unsaved {
    ($part:ident $(<$of:ident: $what:path>)?) => {};
}
