//! The keys that vhart keeps for itself: Ctrl-A and a letter, as in QEMU.

const CTRL_A: u8 = 1;

/// What Ctrl-A H shows.
pub const HELP: &str = "
vhart: Ctrl-A X  quits
       Ctrl-A C  takes commands, such as savevm, until it is typed again
       Ctrl-A E  explains the last fault of each hart
       Ctrl-A H  shows this
       Ctrl-A S  shows who executed how much so far, and what virtual machines were left for
       Ctrl-A A  sends Ctrl-A to the machine
";

/// What a typed byte means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// It is for the machine.
    Byte(u8),
    /// It is part of an escape, or an escape that does not exist.
    Nothing,
    /// End the machine.
    Quit,
    /// What is typed is commands from now on, or no longer.
    Monitor,
    /// Explain the last faults.
    Explain,
    /// Show the escapes.
    Help,
    /// Show statistics.
    Look,
}

/// Finds escapes among what is typed.
#[derive(Default)]
pub struct Escapes {
    begun: bool,
}

impl Escapes {
    /// Takes the next byte.
    pub fn feed(&mut self, byte: u8) -> Key {
        if !std::mem::take(&mut self.begun) {
            self.begun = byte == CTRL_A;
            return if self.begun { Key::Nothing } else { Key::Byte(byte) };
        }
        match byte {
            b'x' | b'X' => Key::Quit,
            b'c' | b'C' => Key::Monitor,
            b'e' | b'E' => Key::Explain,
            b'h' | b'H' | b'?' => Key::Help,
            b's' | b'S' => Key::Look,
            b'a' | b'A' | CTRL_A => Key::Byte(CTRL_A),
            _ => Key::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(typed: &[u8]) -> Vec<Key> {
        let mut escapes = Escapes::default();
        typed.iter().map(|&byte| escapes.feed(byte)).filter(|&key| key != Key::Nothing).collect()
    }

    #[test]
    fn plain_bytes_pass() {
        assert_eq!(keys(b"x\x03"), [Key::Byte(b'x'), Key::Byte(3)]);
    }

    #[test]
    fn escapes_are_kept_back() {
        let all = [Key::Quit, Key::Byte(b'a'), Key::Help, Key::Look, Key::Explain, Key::Monitor];
        assert_eq!(keys(b"\x01xa\x01H\x01s\x01e\x01c"), all);
        assert_eq!(keys(b"\x01z"), []);
    }

    #[test]
    fn ctrl_a_can_be_sent() {
        assert_eq!(keys(b"\x01a\x01\x01x"), [Key::Byte(1), Key::Byte(1), Key::Byte(b'x')]);
    }
}
