//! Sets of interrupt sources: a bit for each, in words as registers show them.

use alloc::vec;
use alloc::vec::Vec;

/// A set of interrupt sources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub struct Sources(Vec<u32>);

impl Sources {
    /// An empty set with room for the numbers below `count`.
    pub fn below(count: usize) -> Sources {
        Sources(vec![0; count.div_ceil(32)])
    }

    /// Whether `source` is in it.
    pub fn has(&self, source: u32) -> bool {
        self.word((source / 32) as usize) >> (source % 32) & 1 != 0
    }

    /// Puts `source` into it, or takes it out.
    pub fn put(&mut self, source: u32, value: bool) {
        if let Some(word) = self.0.get_mut((source / 32) as usize) {
            *word = *word & !(1 << (source % 32)) | u32::from(value) << (source % 32);
        }
    }

    /// Sources 32 k to 32 k + 31; none where it has no room for them.
    pub fn word(&self, k: usize) -> u32 {
        self.0.get(k).copied().unwrap_or(0)
    }

    /// Replaces sources 32 k to 32 k + 31, if it has room for them.
    pub fn set_word(&mut self, k: usize, word: u32) {
        if let Some(place) = self.0.get_mut(k) {
            *place = word;
        }
    }

    /// Whether it has as many words as another, and of each word only sources that exist.
    #[cfg(feature = "state")]
    pub fn fits(&self, made: &Sources, existing: impl Fn(usize) -> u32) -> bool {
        self.words() == made.words() && (0..self.words()).all(|k| self.word(k) & !existing(k) == 0)
    }

    /// How many words it has.
    pub fn words(&self) -> usize {
        self.0.len()
    }
}

/// The sources whose bits are set in word `k`.
pub fn of_word(k: usize, word: u32) -> impl Iterator<Item = u32> {
    let mut rest = word;
    core::iter::from_fn(move || {
        let bit = rest.trailing_zeros();
        rest &= rest.checked_sub(1)?;
        Some(k as u32 * 32 + bit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_into_a_set_is_in_its_word() {
        let mut set = Sources::below(97);
        [1, 31, 32, 96].into_iter().for_each(|source| set.put(source, true));
        set.put(31, false);
        set.put(128, true);
        assert_eq!((set.word(0), set.word(1), set.word(3), set.word(4)), (2, 1, 1, 0));
        assert!(set.has(96) && !set.has(31) && !set.has(128));
    }

    #[test]
    fn a_word_names_its_sources_in_order() {
        assert_eq!(of_word(1, 0x8000_0005).collect::<Vec<_>>(), [32, 34, 63]);
        assert_eq!(of_word(0, 0).count(), 0);
    }
}
