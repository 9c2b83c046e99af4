//! Marks: how a program tells whoever watches the machine what it is doing.
//!
//! A mark is a system call that no system has, so that it does nothing but fail (`ENOSYS`) wherever the program runs:
//! on this machine, in a guest of it, elsewhere.

use core::fmt;

/// The system call's number, in `a7`.
pub const CALL: u64 = 0x766d_726b;

/// Most bytes of a name.
pub const NAME_BYTES: usize = 16;

/// A mark, as a program made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// `a0`.
    pub what: u64,
    /// `a1` and `a2`: a name, the first character lowest.
    pub name: [u64; 2],
}

impl Mark {
    /// `a0` where a stretch begins.
    pub const BEGIN: u64 = 1;
    /// `a0` where it ends.
    pub const END: u64 = 2;
}

/// Its name: printable characters, up to the first zero byte.
impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.name.iter().flat_map(|word| word.to_le_bytes()).take_while(|&byte| byte != 0);
        bytes
            .map(|byte| if byte.is_ascii_graphic() { char::from(byte) } else { '?' })
            .try_for_each(|c| write!(f, "{c}"))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn a_name_ends_at_zero_and_shows_nothing_that_a_terminal_would_obey() {
        let name = |text: &[u8; NAME_BYTES]| {
            let word = |at: usize| u64::from_le_bytes(text[at..at + 8].try_into().unwrap());
            Mark { what: Mark::BEGIN, name: [word(0), word(8)] }.to_string()
        };
        assert_eq!(name(b"fork-exec\0ignore"), "fork-exec");
        assert_eq!(name(b"sixteen-letters!"), "sixteen-letters!");
        assert_eq!(name(b"\x1b[2J\xff\0\0\0\0\0\0\0\0\0\0\0"), "?[2J?");
    }
}
