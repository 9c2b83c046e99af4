//! How a hart is described: the ISA string, the order of names in it, and the device tree's `mmu-type`.
//!
//! Unprivileged architecture, "ISA Extension Naming Conventions"; Linux,
//! Documentation/devicetree/bindings/riscv/cpus.yaml.

use core::fmt;

use crate::csr::atp;

/// Single letters in canonical order.
const LETTERS: &str = "iemafdqcbpvh";

/// What names of extensions, in lower case, are sorted by: letters, then Z by its second letter, then S.
pub fn canonical_rank(name: &str) -> (usize, usize, &str) {
    let letter_rank = |at: usize| name.get(at..=at).and_then(|c| LETTERS.find(c)).unwrap_or(LETTERS.len());
    match name.as_bytes() {
        [_] => (0, letter_rank(0), name),
        [b'z', ..] => (1, letter_rank(1), name),
        _ => (2, 0, name),
    }
}

/// The device tree's `riscv,isa` of these names, which are in canonical order.
pub fn isa_string<'a>(names: impl Iterator<Item = &'a str> + Clone) -> impl fmt::Display {
    IsaString(names)
}

struct IsaString<I>(I);

impl<'a, I: Iterator<Item = &'a str> + Clone> fmt::Display for IsaString<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rv64")?;
        self.0.clone().try_for_each(|name| match name.len() {
            1 => f.write_str(name),
            _ => write!(f, "_{name}"),
        })
    }
}

/// The largest address translation of a hart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// Three levels.
    Sv39,
    /// Four levels.
    Sv48,
    /// Five levels.
    Sv57,
}

impl Paging {
    /// The one that `satp.MODE` encodes; Sv39, which every hart with S-mode has here, for what it does not.
    pub fn from_satp(mode: u64) -> Self {
        match mode {
            atp::SV48 => Paging::Sv48,
            atp::SV57 => Paging::Sv57,
            _ => Paging::Sv39,
        }
    }

    /// The device tree's `mmu-type`.
    pub fn mmu_type(self) -> &'static str {
        match self {
            Paging::Sv39 => "riscv,sv39",
            Paging::Sv48 => "riscv,sv48",
            Paging::Sv57 => "riscv,sv57",
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;
    use std::vec;
    use std::vec::Vec;

    use super::*;
    use crate::Isa;

    #[test]
    fn the_isa_string_has_letters_first_and_in_their_order() {
        let mut names = vec!["sstc", "c", "zba", "d", "i", "f", "zicsr", "m", "a"];
        names.sort_by_key(|name| canonical_rank(name));
        assert_eq!(isa_string(names.iter().copied()).to_string(), "rv64imafdc_zicsr_zba_sstc");
    }

    #[test]
    fn the_list_of_extensions_is_in_canonical_order() {
        let names: Vec<&str> = Isa::ALL.names().collect();
        assert!(names.is_sorted_by_key(|name| canonical_rank(name)), "{names:?}");
    }
}
