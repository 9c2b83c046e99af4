//! What one retired instruction did, and how Spike writes that.
//!
//! Spike's `--log-commits` prints one line per instruction that retires:
//! `core   0: 3 0x0000000080000010 (0x6008) x10 0x0000000000000000 c768_mstatus 0x... mem 0x80002040 0x01`. A trap
//! prints nothing; it shows in the next instruction's pc.

use std::fmt;

/// A store as it shows in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Store {
    /// Effective address.
    pub address: u64,
    /// What was written.
    pub value: u64,
    /// How much of `value`.
    pub len_bytes: u8,
}

/// What one retired instruction did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// Nominal privilege that it executed with.
    pub privilege: u8,
    /// Where it was.
    pub pc: u64,
    /// Its bits: 16 of them when compressed.
    pub raw: u32,
    /// Integer registers written.
    pub x: Vec<(u8, u64)>,
    /// Floating-point registers written.
    pub f: Vec<(u8, u64)>,
    /// CSRs written, by address.
    pub csrs: Vec<(u16, u64)>,
    /// Effective addresses read.
    pub loads: Vec<u64>,
    /// Stores.
    pub stores: Vec<Store>,
}

impl Commit {
    /// Makes it an instruction without effects, keeping the buffers.
    pub fn reset(&mut self, privilege: u8, pc: u64, raw: u32) {
        (self.privilege, self.pc, self.raw) = (privilege, pc, raw);
        self.x.clear();
        self.f.clear();
        self.csrs.clear();
        self.loads.clear();
        self.stores.clear();
    }

    /// Reads a line of Spike's log into `self`; false when the line is something else.
    pub fn parse(&mut self, line: &[u8]) -> bool {
        self.parse_words(&mut Words(line)).is_some()
    }

    fn parse_words(&mut self, words: &mut Words<'_>) -> Option<()> {
        if words.next()? != b"core" {
            return None;
        }
        words.next()?;
        let privilege = words.next()?;
        let pc = hex(words.next()?)?;
        let raw = hex(words.next()?.strip_prefix(b"(")?.strip_suffix(b")")?)?;
        self.reset(decimal(privilege)? as u8, pc, raw as u32);
        while let Some(word) = words.next() {
            self.parse_effect(word, words)?;
        }
        Some(())
    }

    fn parse_effect(&mut self, word: &[u8], words: &mut Words<'_>) -> Option<()> {
        match word[0] {
            b'x' => self.x.push((decimal(&word[1..])? as u8, hex(words.next()?)?)),
            b'f' => self.f.push((decimal(&word[1..])? as u8, hex(words.next()?)?)),
            b'c' => {
                let number = word[1..].split(|&b| b == b'_').next()?;
                self.csrs.push((decimal(number)? as u16, hex(words.next()?)?));
            }
            b'm' => {
                let address = hex(words.next()?)?;
                match words.peek().filter(|next| next.starts_with(b"0x")) {
                    None => self.loads.push(address),
                    Some(value) => {
                        words.next();
                        let len_bytes = ((value.len() - 2) / 2) as u8;
                        self.stores.push(Store { address, value: hex(value)?, len_bytes });
                    }
                }
            }
            _ => return None,
        }
        Some(())
    }
}

/// Spike's line, CSRs without their names.
impl fmt::Display for Commit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = if self.raw & 3 == 3 { 8 } else { 4 };
        write!(out, "core   0: {} {:#018x} ({:#0w$x})", self.privilege, self.pc, self.raw, w = digits + 2)?;
        for (register, value) in &self.x {
            write!(out, " x{register:<2} {value:#018x}")?;
        }
        for (register, value) in &self.f {
            write!(out, " f{register:<2} {value:#018x}")?;
        }
        for (address, value) in &self.csrs {
            write!(out, " c{address} {value:#018x}")?;
        }
        for address in &self.loads {
            write!(out, " mem {address:#018x}")?;
        }
        for store in &self.stores {
            write!(
                out,
                " mem {:#018x} {:#0w$x}",
                store.address,
                store.value,
                w = usize::from(store.len_bytes) * 2 + 2
            )?;
        }
        Ok(())
    }
}

/// Words between spaces.
struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        let (word, rest) = self.split()?;
        self.0 = rest;
        Some(word)
    }

    fn peek(&self) -> Option<&'a [u8]> {
        Some(self.split()?.0)
    }

    fn split(&self) -> Option<(&'a [u8], &'a [u8])> {
        let start = self.0.iter().position(|b| !b.is_ascii_whitespace())?;
        let text = &self.0[start..];
        let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
        Some(text.split_at(end))
    }
}

fn hex(word: &[u8]) -> Option<u64> {
    word.strip_prefix(b"0x")?.iter().try_fold(0u64, |value, &digit| {
        let digit = (digit as char).to_digit(16)?;
        Some(value << 4 | u64::from(digit))
    })
}

fn decimal(word: &[u8]) -> Option<u64> {
    word.iter().try_fold(0u64, |value, &digit| {
        let digit = (digit as char).to_digit(10)?;
        Some(value * 10 + u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line as Spike 591cff16 prints it.
    const STORE: &[u8] = b"core   0: 3 0x0000000080001014 (0xe408) mem 0x0000000080002048 0x0000000000000003\n";

    #[test]
    fn a_store_has_address_value_and_width() {
        let mut commit = Commit::default();
        assert!(commit.parse(STORE));
        assert_eq!(commit.stores, [Store { address: 0x8000_2048, value: 3, len_bytes: 8 }]);
        assert_eq!((commit.privilege, commit.pc, commit.raw), (3, 0x8000_1014, 0xe408));
    }

    #[test]
    fn an_amo_reads_and_writes() {
        let mut commit = Commit::default();
        assert!(commit.parse(b"core   0: 1 0x10 (0x00a5a52f) x10 0x00000007 mem 0x20 mem 0x20 0x0000000a"));
        assert_eq!((commit.loads.as_slice(), commit.stores[0].len_bytes), ([0x20].as_slice(), 4));
    }

    #[test]
    fn csrs_go_by_number() {
        let mut commit = Commit::default();
        assert!(commit.parse(b"core   0: 3 0x10 (0x30029073) c768_mstatus 0x0000000a00000000"));
        assert_eq!(commit.csrs, [(arch::csr::MSTATUS, 0xa_0000_0000)]);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut commit = Commit::default();
        assert!(commit.parse(STORE));
        assert_eq!(commit.to_string().as_bytes(), STORE.trim_ascii_end());
    }

    #[test]
    fn other_lines_are_not_commits() {
        assert!(!Commit::default().parse(b"core   0: exception trap_illegal_instruction, epc 0x10"));
    }
}
