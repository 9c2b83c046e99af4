//! Part 9: which guests there are (`manifest`, `guests`), and the console that they share (`console`).

#[cfg(feature = "image")]
pub mod console;
#[cfg(feature = "image")]
pub mod guests;
pub mod manifest;
pub mod screen;
pub mod seed;
