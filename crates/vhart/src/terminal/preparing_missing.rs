//! The build that prepares nothing.

/// Nobody heeds signals before others do.
pub fn is_over() {}
