//! The console's last lines, for whoever wants to know why a run failed.

use std::collections::VecDeque;

/// Lines that are kept.
const LINES: usize = 30;

/// Longest part of a line that is kept, in bytes.
pub const LINE_BYTES: usize = 400;

/// The end of a console's output.
#[derive(Debug, Default)]
pub struct Tail {
    lines: VecDeque<String>,
    line: Vec<u8>,
}

impl Tail {
    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match byte {
                b'\n' => self.end_line(),
                b'\r' => {}
                _ if self.line.len() < LINE_BYTES => self.line.push(byte),
                _ => {}
            }
        }
    }

    fn end_line(&mut self) {
        if self.lines.len() == LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(readable(&self.line));
        self.line.clear();
    }

    /// The last lines, with what has not ended yet.
    pub fn lines(&self) -> Vec<String> {
        let unfinished = (!self.line.is_empty()).then(|| readable(&self.line));
        self.lines.iter().cloned().chain(unfinished).collect()
    }
}

/// The line without what would move the reader's cursor.
fn readable(line: &[u8]) -> String {
    String::from_utf8_lossy(line).chars().filter(|c| !c.is_control() || *c == '\t').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_are_kept() {
        let mut tail = Tail::default();
        (0..100).for_each(|line| tail.feed(format!("{line}\r\n").as_bytes()));
        tail.feed(b"half");
        let lines = tail.lines();
        assert_eq!((lines.len(), lines[0].as_str(), lines[LINES].as_str()), (LINES + 1, "70", "half"));
    }

    #[test]
    fn endless_line_is_cut_and_escapes_are_harmless() {
        let mut tail = Tail::default();
        tail.feed(&[b'x'; 5000]);
        assert_eq!(tail.lines()[0].len(), LINE_BYTES);
        tail.feed(b"\n\x1b[2Jgone\n");
        assert_eq!(tail.lines()[1], "[2Jgone");
    }
}
