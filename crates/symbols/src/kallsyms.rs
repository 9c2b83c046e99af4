//! The table of names that a Linux kernel carries along, found and read in the kernel's own bytes.
//!
//! `scripts/kallsyms.c` of Linux 5.0 and later writes it: names are strings of tokens, each a length and so many
//! numbers; 256 tokens are zero-ended strings, found by an index; every 256th name has a marker; and addresses are
//! offsets. Nothing says where the parts are. The token table gives itself away, as each digit is a token of its own:
//! "0", "1", ... "9" follow each other. What belongs to it is held against it, and at the end one symbol must be where
//! the kernel says that it begins.

use std::ops::Range;

use crate::bytes::{aligned, u16_at, u32_at, u64_at};
use crate::table::Symbol;

const TOKENS: usize = 256;
/// Names between two markers.
pub(crate) const MARKED: usize = 256;
/// Parts are aligned so where some have words of eight bytes.
const ALIGN: usize = 8;
/// And so where none has, as in Linux 7.2: addresses from themselves need no base.
const NARROW_ALIGN: usize = 4;
/// A kernel with more symbols is none.
const MOST_SYMBOLS: usize = 1 << 21;
/// A longer name is none: `KSYM_NAME_LEN` is 512.
const LONGEST_NAME: usize = 512;
/// Bytes of all names; Debian's kernels have 3 MiB.
const MOST_BYTES: usize = 64 << 20;
/// Places that look like a token table and are looked at.
const MOST_TRIES: usize = 64;
/// Names that are looked at to find where they begin.
const MOST_STEPS: usize = 4 * MOST_SYMBOLS;
/// A length with this bit set goes on in the next byte.
const LONG: u8 = 0x80;
/// The symbol where a kernel begins.
const FIRST: &str = "_start";

/// The symbols of a kernel whose bytes these are, and which begins at `start`.
pub fn kallsyms(image: &[u8], start: u64) -> Option<Vec<Symbol>> {
    let digits: Vec<u8> = (b'0'..=b'9').flat_map(|digit| [digit, 0]).collect();
    // eight bytes at a time are compared fast
    let begins = image.windows(8).enumerate().filter(|(_, window)| *window == &digits[..8]).map(|(at, _)| at);
    let places = begins.filter(|&at| image[at..].starts_with(&digits));
    places.take(MOST_TRIES).find_map(|zero| Tokens::with_zero_at(image, zero)?.symbols(image, start))
}

/// The token table.
struct Tokens {
    tokens: Vec<Range<usize>>,
    start: usize,
    /// The end of the index.
    end: usize,
}

impl Tokens {
    /// The table whose token of the digit zero is at this offset.
    fn with_zero_at(image: &[u8], zero: usize) -> Option<Tokens> {
        let start = token_start(image, zero)?;
        let (mut tokens, mut at) = (Vec::with_capacity(TOKENS), start);
        for _ in 0..TOKENS {
            let len = image.get(at..)?.iter().take(LONGEST_NAME).position(|&byte| byte == 0)?;
            tokens.push(at..at + len);
            at += len + 1;
        }
        let agrees = |index: usize, number: usize, token: &Range<usize>| {
            u16_at(image, index + 2 * number) == u16::try_from(token.start - start).ok()
        };
        let is_index = |&index: &usize| tokens.iter().enumerate().all(|(number, token)| agrees(index, number, token));
        let index = [aligned(at, ALIGN), aligned(at, NARROW_ALIGN)].into_iter().find(is_index)?;
        Some(Tokens { tokens, start, end: index + 2 * TOKENS })
    }

    /// All symbols, if the rest of the table is there.
    fn symbols(&self, image: &[u8], start: u64) -> Option<Vec<Symbol>> {
        let (markers, first) = markers(image, self.start)?;
        let names = first_name(image, &markers, first)?;
        let decoded = self.names(image, &names)?;
        let known = decoded.iter().position(|(_, name)| name == FIRST)?;
        let addresses = addresses(start, self.end, &names)
            .into_iter()
            .find(|addresses| addresses.of(image, known) == Some(start))?;
        let symbol = |(number, (kind, name)): (usize, (u8, String))| {
            Some(Symbol { address: addresses.of(image, number)?, kind, name, module: None })
        };
        decoded.into_iter().enumerate().map(symbol).collect()
    }

    fn names(&self, image: &[u8], names: &Names) -> Option<Vec<(u8, String)>> {
        let (mut at, mut bytes) = (names.start, 0);
        let mut decoded = Vec::with_capacity(names.count);
        for _ in 0..names.count {
            let numbers = name_at(image, at)?;
            at = numbers.end;
            let name = self.name(image, image.get(numbers)?)?;
            bytes += name.len();
            let (&kind, name) = name.split_first()?;
            if bytes > MOST_BYTES {
                return None;
            }
            decoded.push((kind, String::from_utf8_lossy(name).into_owned()));
        }
        Some(decoded)
    }

    /// The kind and the name behind it.
    fn name(&self, image: &[u8], numbers: &[u8]) -> Option<Vec<u8>> {
        let mut name = Vec::new();
        for &number in numbers {
            name.extend(image.get(self.tokens[usize::from(number)].clone())?);
            if name.len() > LONGEST_NAME {
                return None;
            }
        }
        Some(name)
    }
}

/// Where the table begins whose token 0x30 is at `zero`: 48 tokens are before that, each with an end.
fn token_start(image: &[u8], zero: usize) -> Option<usize> {
    let before = image.get(zero.saturating_sub(usize::from(b'0') * LONGEST_NAME)..zero)?;
    let mut ends = before.iter().rev().enumerate().filter(|(_, byte)| **byte == 0).map(|(back, _)| back);
    ends.nth(usize::from(b'0')).map(|back| zero - back)
}

/// Offsets of every 256th name, and where they are: in front of the tokens.
fn markers(image: &[u8], tokens: usize) -> Option<(Vec<u32>, usize)> {
    let word = |at: usize| u32_at(image, at.checked_sub(4)?);
    let mut at = if word(tokens)? == 0 { tokens - 4 } else { tokens };
    let mut markers = Vec::new();
    while markers.len() <= MOST_SYMBOLS / MARKED {
        let marker = word(at)?;
        at -= 4;
        if markers.last().is_some_and(|&behind| marker >= behind) {
            return None;
        }
        markers.push(marker);
        if marker == 0 {
            markers.reverse();
            return Some((markers, at));
        }
    }
    None
}

/// Where the names are.
struct Names {
    start: usize,
    count: usize,
    /// Where their number stands.
    counted: usize,
}

/// Finds the number of names, which the names follow: the markers say what it can be, and how far in front of them it
/// is.
fn first_name(image: &[u8], markers: &[u32], end: usize) -> Option<Names> {
    let (last, groups) = (*markers.last()? as usize, markers.len());
    // behind the last marker are at most 256 names, each with its length
    let highest = end.checked_sub(last)?;
    let lowest = highest.saturating_sub(MARKED * (LONGEST_NAME + 2) + 2 * ALIGN);
    let possible = (groups - 1) * MARKED + 1..=groups * MARKED;
    let mut steps = 0;
    (lowest..=highest).rev().filter(|at| at.is_multiple_of(4)).find_map(|counted| {
        let count = u32_at(image, counted)? as usize;
        let starts = [aligned(counted + 4, ALIGN), counted + 4];
        let mut names = starts.map(|start| Names { start, count, counted }).into_iter();
        names.find(|names| possible.contains(&names.count) && agrees(image, names, markers, end, &mut steps))
    })
}

/// Whether the names are where the markers say, and end where the markers begin. No longer after too many steps.
fn agrees(image: &[u8], names: &Names, markers: &[u32], end: usize, steps: &mut usize) -> bool {
    let mut at = names.start;
    for number in 0..names.count {
        *steps += 1;
        let is_marked = number.is_multiple_of(MARKED);
        if *steps > MOST_STEPS || is_marked && markers[number / MARKED] as usize != at - names.start {
            return false;
        }
        match name_at(image, at) {
            Some(numbers) if numbers.end <= end => at = numbers.end,
            _ => return false,
        }
    }
    aligned(at, ALIGN) == aligned(end, ALIGN)
}

/// The tokens' numbers of the name at an offset.
fn name_at(image: &[u8], at: usize) -> Option<Range<usize>> {
    let first = *image.get(at)?;
    let (len, start) = match first & LONG {
        0 => (usize::from(first), at + 1),
        _ => (usize::from(first & !LONG) | usize::from(*image.get(at + 1)?) << 7, at + 2),
    };
    Some(start..start + len)
}

/// How addresses are written.
#[derive(Clone, Copy)]
enum Addresses {
    /// Offsets at the first place from the number at the second.
    FromBase(usize, usize),
    /// Offsets at this place, each from its own address, of a kernel that begins there.
    FromThemselves(usize, u64),
}

impl Addresses {
    fn of(&self, image: &[u8], number: usize) -> Option<u64> {
        match *self {
            Addresses::FromBase(offsets, base) => {
                Some(u64_at(image, base)?.wrapping_add(u32_at(image, offsets.checked_add(4 * number)?)?.into()))
            }
            Addresses::FromThemselves(offsets, start) => {
                let at = offsets.checked_add(4 * number)?;
                let offset = u32_at(image, at)? as i32;
                Some(start.wrapping_add(at as u64).wrapping_add_signed(offset.into()))
            }
        }
    }
}

/// What the addresses of the names can be: since Linux 6.4 they follow the index of tokens, before they stood in front
/// of the names.
fn addresses(start: u64, index_end: usize, names: &Names) -> Vec<Addresses> {
    // whatever parts are aligned to, the index ends so
    let (len, behind) = (4 * names.count, index_end);
    let before = names.counted.checked_sub(ALIGN).and_then(|base| {
        let offsets = base.checked_sub(aligned(len, ALIGN))?;
        Some(Addresses::FromBase(offsets, base))
    });
    let possible =
        [Addresses::FromBase(behind, aligned(behind + len, ALIGN)), Addresses::FromThemselves(behind, start)];
    possible.into_iter().chain(before).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzing::{Layout, START, image, names};

    #[test]
    fn every_symbol_of_every_layout_is_found() {
        let layouts = [Layout::Before, Layout::Behind, Layout::Relative, Layout::Narrow];
        // as many names more, so many ways to be aligned
        for (layout, more) in layouts.into_iter().flat_map(|layout| (0..8).map(move |more| (layout, more))) {
            let names = names(1000 + more);
            let found = kallsyms(&image(&names, layout), START).unwrap_or_else(|| panic!("{layout:?}"));
            let planted: Vec<Symbol> = names
                .into_iter()
                .map(|(kind, name, at)| Symbol { address: START + u64::from(at), kind, name, module: None })
                .collect();
            assert_eq!(found, planted, "{layout:?}");
        }
    }

    #[test]
    fn a_table_of_another_place_or_cut_off_is_none() {
        let whole = image(&names(600), Layout::Behind);
        assert!(kallsyms(&whole, START + 0x1000).is_none());
        // behind it are 64 bytes that do not belong to it
        (0..whole.len() - 64).step_by(7).for_each(|len| assert!(kallsyms(&whole[..len], START).is_none(), "{len}"));
    }

    #[test]
    fn what_looks_like_many_tables_ends_soon() {
        let digits: Vec<u8> = (b'0'..=b'9').flat_map(|digit| [digit, 0]).collect();
        let many: Vec<u8> = digits.iter().cycle().take(4 << 20).copied().collect();
        let begun = std::time::Instant::now();
        assert!(kallsyms(&many, START).is_none());
        assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
    }
}
