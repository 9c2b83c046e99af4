//! The lines that a console shows.

/// A line longer than this is cut.
const LONGEST_LINE: usize = 1000;

/// Cuts what a console shows into lines.
#[derive(Default)]
pub struct Lines(Vec<u8>);

impl Lines {
    /// Takes some bytes; `line` hears of each line that they end, without the white space behind it.
    pub fn feed(&mut self, bytes: &[u8], mut line: impl FnMut(&str)) {
        for &byte in bytes {
            if byte == b'\n' {
                line(String::from_utf8_lossy(&self.0).trim_end());
                self.0.clear();
            } else if self.0.len() < LONGEST_LINE {
                self.0.push(byte);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_however_they_come() {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        let long = "x".repeat(LONGEST_LINE + 1);
        for piece in ["noise\r\nkvm-", "check: passed  a", ": b\r\n\n", &long, "\n", "half"] {
            lines.feed(piece.as_bytes(), |line| found.push(line.to_owned()));
        }
        assert_eq!(found, ["noise", "kvm-check: passed  a: b", "", &long[1..]]);
    }
}
