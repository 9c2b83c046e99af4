//! vhart as chores boot it.

/// What boots a host and a guest: the README's main command.
pub const CHECK: [&str; 6] = ["run", "--release", "--quiet", "--", "linux", "--check"];

/// The program that [`CHECK`] has built.
pub const VHART: &str = "target/release/vhart";
