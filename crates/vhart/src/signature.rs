//! `--signature`: the memory that a test program filled, as riscv-arch-test compares it.
//!
//! Lines of hexadecimal digits, each a little-endian number of so many bytes; the last is filled up with zeroes.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail};
use board::Machine;

/// Where the signature lies, by its offset in RAM.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    offset: u64,
    len_bytes: u64,
}

impl Signature {
    /// The signature of the program in `machine`.
    ///
    /// # Errors
    /// The program does not say where its signature is, or says nonsense.
    pub fn of(machine: &Machine) -> Result<Signature> {
        let address = |name: &str| machine.symbol(name).with_context(|| format!("the program has no symbol '{name}'"));
        let (begin, end) = (address("begin_signature")?, address("end_signature")?);
        let len_bytes = end.checked_sub(begin).filter(|&len| len > 0).context("the program's signature is empty")?;
        match machine.ram().offset(arch::Phys(begin), len_bytes) {
            Some(offset) => Ok(Signature { offset, len_bytes }),
            None => bail!("the program's signature, {len_bytes} bytes at {begin:#x}, is not in memory"),
        }
    }

    /// The signature's text, with `granularity` bytes in a line.
    pub fn text(self, machine: &Machine, granularity: usize) -> String {
        let mut bytes = vec![0; usize::try_from(self.len_bytes).unwrap_or(0)];
        // The place was checked when it was found.
        let _ = machine.ram().read_bytes(self.offset, &mut bytes);
        lines(&bytes, granularity)
    }
}

fn lines(bytes: &[u8], granularity: usize) -> String {
    let mut text = String::with_capacity(bytes.len() * 2 + bytes.len() / granularity + 1);
    for line in bytes.chunks(granularity) {
        for at in (0..granularity).rev() {
            // Writing to a String cannot fail.
            let _ = write!(text, "{:02x}", line.get(at).copied().unwrap_or(0));
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_little_endian_number() {
        assert_eq!(lines(&[1, 2, 3, 4, 5], 4), "04030201\n00000005\n");
    }
}
