//! A share through its messages, and through its registers and rings.

mod device;
mod escape;
mod posix;
