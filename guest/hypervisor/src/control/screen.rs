//! What of the guests' output is shown, and for whom keys are.
//!
//! One guest has the console, and what the others say meanwhile is kept, its end at least, until they have it. Or all
//! are shown, line by line.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use super::manifest::Sharing;

/// What is kept of each guest's output while another has the console.
const KEPT_BYTES: usize = 4096;
/// The longest line that is waited for.
const LINE_BYTES: usize = 512;

/// The key that begins a command to the hypervisor: Ctrl-B.
const COMMAND: u8 = 0x02;

/// What a key comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// The guest's.
    Guest(u8),
    /// The next guest has the console now.
    Switched,
    /// Which guests are there, and what they did.
    List,
    /// The guest that has the console is stopped.
    Stop,
    /// It begins anew.
    Restart,
    /// It stands still, or goes on.
    Pause,
    /// How much it has written to since this was asked last.
    Written,
    /// What keys there are.
    Help,
    /// Nothing yet.
    Nothing,
}

/// The console's state.
#[derive(Debug)]
pub struct Screen {
    sharing: Sharing,
    names: Vec<String>,
    /// Whose the console is.
    focus: usize,
    kept: Vec<VecDeque<u8>>,
    lines: Vec<Vec<u8>>,
    /// The command key has been pressed.
    commanded: bool,
}

impl Screen {
    /// For guests with these names.
    pub fn new(sharing: Sharing, names: Vec<String>) -> Screen {
        let count = names.len();
        Screen {
            sharing,
            names,
            focus: 0,
            kept: alloc::vec![VecDeque::new(); count],
            lines: alloc::vec![Vec::new(); count],
            commanded: false,
        }
    }

    /// Whose the console is.
    pub fn focus(&self) -> usize {
        self.focus
    }

    /// Takes a guest's output; answers what is to be shown.
    pub fn output(&mut self, guest: usize, bytes: &[u8]) -> Vec<u8> {
        match self.sharing {
            Sharing::Keys if guest == self.focus => bytes.to_vec(),
            Sharing::Keys => {
                let kept = &mut self.kept[guest];
                kept.extend(bytes);
                kept.drain(..kept.len().saturating_sub(KEPT_BYTES));
                Vec::new()
            }
            Sharing::Lines => self.whole_lines(guest, bytes),
        }
    }

    fn whole_lines(&mut self, guest: usize, bytes: &[u8]) -> Vec<u8> {
        let mut shown = Vec::new();
        for &byte in bytes {
            let line = &mut self.lines[guest];
            line.push(byte);
            let ends = byte == b'\n';
            if ends || line.len() == LINE_BYTES {
                shown.extend_from_slice(&[&b"["[..], self.names[guest].as_bytes(), b"] "].concat());
                shown.append(line);
                shown.extend((!ends).then_some(b'\n'));
            }
        }
        shown
    }

    /// Takes a key.
    pub fn key(&mut self, byte: u8) -> Key {
        match (core::mem::replace(&mut self.commanded, false), byte) {
            (false, COMMAND) => {
                self.commanded = true;
                Key::Nothing
            }
            (false, byte) | (true, byte @ COMMAND) => Key::Guest(byte),
            (true, b'n') => {
                self.focus = (self.focus + 1) % self.names.len();
                Key::Switched
            }
            (true, b'1'..=b'9') if usize::from(byte - b'1') < self.names.len() => {
                self.focus = usize::from(byte - b'1');
                Key::Switched
            }
            (true, b'l') => Key::List,
            (true, b's') => Key::Stop,
            (true, b'r') => Key::Restart,
            (true, b'p') => Key::Pause,
            (true, b'd') => Key::Written,
            (true, _) => Key::Help,
        }
    }

    /// What the guest that has the console now said while it had it not.
    pub fn missed(&mut self) -> Vec<u8> {
        self.kept[self.focus].drain(..).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(sharing: Sharing) -> Screen {
        Screen::new(sharing, ["a", "b"].map(String::from).to_vec())
    }

    #[test]
    fn who_has_the_console_is_shown_and_the_other_kept() {
        let mut screen = screen(Sharing::Keys);
        assert_eq!((screen.output(0, b"x"), screen.output(1, b"y")), (b"x".to_vec(), Vec::new()));
        assert_eq!((screen.key(COMMAND), screen.key(b'n')), (Key::Nothing, Key::Switched));
        assert_eq!((screen.focus(), screen.missed()), (1, b"y".to_vec()));
        assert_eq!(screen.output(1, b"z"), b"z");
    }

    #[test]
    fn lines_are_shown_whole_with_a_name() {
        let mut screen = screen(Sharing::Lines);
        assert_eq!(screen.output(0, b"one"), b"");
        assert_eq!(screen.output(1, b"two\n"), b"[b] two\n");
        assert_eq!(screen.output(0, b" line\nand"), b"[a] one line\n");
    }

    #[test]
    fn an_endless_line_and_endless_output_cost_little() {
        let mut screen = screen(Sharing::Lines);
        assert!(screen.output(0, &[b'x'; LINE_BYTES]).ends_with(b"x\n"));
        let mut screen = super::tests::screen(Sharing::Keys);
        (0..100).for_each(|_| drop(screen.output(1, &[b'x'; 1000])));
        assert_eq!(screen.kept[1].len(), KEPT_BYTES);
    }

    #[test]
    fn keys_are_the_guests_but_for_commands() {
        let mut screen = screen(Sharing::Keys);
        assert_eq!(screen.key(b'n'), Key::Guest(b'n'));
        assert_eq!((screen.key(COMMAND), screen.key(COMMAND)), (Key::Nothing, Key::Guest(COMMAND)));
        assert_eq!((screen.key(COMMAND), screen.key(b'2'), screen.focus()), (Key::Nothing, Key::Switched, 1));
        assert_eq!((screen.key(COMMAND), screen.key(b'l')), (Key::Nothing, Key::List));
        assert_eq!((screen.key(COMMAND), screen.key(b's')), (Key::Nothing, Key::Stop));
        assert_eq!((screen.key(COMMAND), screen.key(b'd')), (Key::Nothing, Key::Written));
        assert_eq!(
            (screen.key(COMMAND), screen.key(b'p'), screen.key(b'p')),
            (Key::Nothing, Key::Pause, Key::Guest(b'p'))
        );
        assert_eq!((screen.key(COMMAND), screen.key(b'9')), (Key::Nothing, Key::Help));
    }
}
