//! One interrupt file: which messages have arrived, which are wanted, and which comes first.
//!
//! AIA 1.0, "Incoming MSI Controller (IMSIC)", sections "Indirectly accessed interrupt-file registers", "Top external
//! interrupt CSRs" and "Interrupt delivery and handling". It knows no lock, bus, wire or hart. Not there: delivery from
//! a PLIC or APLIC past the file (`eidelivery` 0x40000000), which is optional.

use alloc::vec;
use alloc::vec::Vec;

use arch::csr::{iselect, topei};

/// Identities that an interrupt file has at most: "one less than a multiple of 64, and [...] a maximum of 2047".
pub const MAX_IDENTITIES: u16 = topei::MAX_IDENTITY;

/// Identities that a file has where nobody says how many: as those of QEMU's `virt`.
pub const USUAL_IDENTITIES: u16 = 255;

/// Identities of one register of the arrays.
const PER_WORD: u16 = u64::BITS as u16;

/// The registers that are reached through `*iselect` and `*ireg`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileRegister {
    /// `eidelivery`.
    Delivery,
    /// `eithreshold`.
    Threshold,
    /// `eip0`, `eip2`, ... `eip62`: 64 pending bits, by their place in the array.
    Pending(u8),
    /// `eie0`, `eie2`, ... `eie62`: 64 enable bits.
    Enabled(u8),
    /// One of those of which "reads [...] return zero, and writes [...] are ignored".
    Reserved,
}

impl FileRegister {
    /// The register that `*iselect` selects with this value. `None`: there is none with XLEN = 64, or it is no
    /// interrupt file's.
    pub fn selected(by: u64) -> Option<FileRegister> {
        use iselect::{EIDELIVERY, EIE0, EIE63, EIP0, EIP63, EITHRESHOLD};
        let word = |first: u64| (by - first).is_multiple_of(2).then_some(((by - first) / 2) as u8);
        match by {
            EIDELIVERY => Some(FileRegister::Delivery),
            EITHRESHOLD => Some(FileRegister::Threshold),
            EIP0..=EIP63 => word(EIP0).map(FileRegister::Pending),
            EIE0..=EIE63 => word(EIE0).map(FileRegister::Enabled),
            _ => iselect::FILE.contains(&by).then_some(FileRegister::Reserved),
        }
    }
}

/// The state of one interrupt file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub struct InterruptFile {
    identities: u16,
    pending: Vec<u64>,
    enabled: Vec<u64>,
    delivers: bool,
    threshold: u16,
}

impl InterruptFile {
    /// A file with identities 1 to `identities`, rounded up to one less than a multiple of 64. Nothing is pending,
    /// enabled or delivered.
    pub fn new(identities: u16) -> InterruptFile {
        let words = identities.min(MAX_IDENTITIES) / PER_WORD + 1;
        let none = vec![0; usize::from(words)];
        InterruptFile {
            identities: words * PER_WORD - 1,
            pending: none.clone(),
            enabled: none,
            delivers: false,
            threshold: 0,
        }
    }

    /// Whether this is a state of a file that was made like `made`.
    #[cfg(feature = "state")]
    pub fn fits(&self, made: &InterruptFile) -> bool {
        let words = |file: &InterruptFile| (file.identities, file.pending.len(), file.enabled.len());
        let no_identity = |array: &[u64]| array.first().is_none_or(|word| word & 1 == 0);
        words(self) == words(made)
            && no_identity(&self.pending)
            && no_identity(&self.enabled)
            && self.threshold < made.identities.next_power_of_two()
    }

    /// The highest identity.
    pub fn identities(&self) -> u16 {
        self.identities
    }

    /// A message has arrived: `seteipnum`. What is no identity of the file's is ignored.
    pub fn arrive(&mut self, identity: u32) {
        if let Some((word, bit)) = self.place(identity) {
            self.pending[word] |= bit;
        }
    }

    /// What an interrupt's handler has read from [`InterruptFile::top`] is no longer pending.
    pub fn claim(&mut self, top: u64) {
        if let Some((word, bit)) = self.place(topei::identity(top) as u32) {
            self.pending[word] &= !bit;
        }
    }

    /// What `mtopei`, `stopei` or `vstopei` shows: the lowest identity that is pending, enabled and below the
    /// threshold, or 0.
    pub fn top(&self) -> u64 {
        let words = self.pending.iter().zip(&self.enabled).map(|(pending, enabled)| pending & enabled);
        let first = words.enumerate().find(|(_, word)| *word != 0);
        let identity = first.map_or(0, |(at, word)| at as u64 * u64::from(PER_WORD) + u64::from(word.trailing_zeros()));
        let hidden = self.threshold != 0 && identity >= u64::from(self.threshold);
        if hidden { 0 } else { topei::of(identity) }
    }

    /// The interrupt signal to the hart.
    pub fn signals(&self) -> bool {
        self.delivers && self.top() != 0
    }

    /// Reads a register. Arrays end with the file's identities: "a register whose bits are all read-only zeros".
    pub fn read(&self, register: FileRegister) -> u64 {
        let word_of = |array: &[u64], word: u8| array.get(usize::from(word)).copied().unwrap_or(0);
        match register {
            FileRegister::Delivery => self.delivers.into(),
            FileRegister::Threshold => self.threshold.into(),
            FileRegister::Pending(word) => word_of(&self.pending, word),
            FileRegister::Enabled(word) => word_of(&self.enabled, word),
            FileRegister::Reserved => 0,
        }
    }

    /// Changes bits of a register. Whoever writes it whole names the bits that differ from what it has read: messages
    /// that have arrived since are not lost.
    pub fn change(&mut self, register: FileRegister, clear: u64, set: u64) {
        let changed = |old: u64| old & !clear | set;
        match register {
            // WARL: 0 and 1
            FileRegister::Delivery => self.delivers = changed(self.delivers.into()) & 1 != 0,
            // WLRL: as many bits as the highest identity has
            FileRegister::Threshold => {
                let bits = u64::from(self.identities.next_power_of_two() - 1);
                self.threshold = (changed(self.threshold.into()) & bits) as u16;
            }
            FileRegister::Pending(word) => change_word(&mut self.pending, word, changed),
            FileRegister::Enabled(word) => change_word(&mut self.enabled, word, changed),
            FileRegister::Reserved => {}
        }
    }

    /// Where an identity's bit is in the arrays.
    fn place(&self, identity: u32) -> Option<(usize, u64)> {
        let per_word = u32::from(PER_WORD);
        let exists = (1..=u32::from(self.identities)).contains(&identity);
        exists.then_some(((identity / per_word) as usize, 1 << (identity % per_word)))
    }
}

/// Changes a word of an array. Zero is never an identity.
fn change_word(array: &mut [u64], number: u8, changed: impl Fn(u64) -> u64) {
    if let Some(word) = array.get_mut(usize::from(number)) {
        let existing = if number == 0 { !1 } else { !0 };
        *word = changed(*word) & existing;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use FileRegister::{Delivery, Enabled, Pending, Threshold};

    fn write(file: &mut InterruptFile, register: FileRegister, value: u64) {
        file.change(register, u64::MAX, value);
    }

    /// A file of 255 identities that delivers these, if they are pending.
    fn enabling(identities: &[u32]) -> InterruptFile {
        let mut file = InterruptFile::new(255);
        write(&mut file, Delivery, 1);
        for identity in identities {
            file.change(Enabled((identity / 64) as u8), 0, 1 << (identity % 64));
        }
        file
    }

    const fn top_of(identity: u64) -> u64 {
        identity << 16 | identity
    }

    #[test]
    fn identities_are_one_less_than_a_multiple_of_64() {
        let counts = [1, 63, 64, 255, 256, 2047, u16::MAX].map(|count| InterruptFile::new(count).identities());
        assert_eq!(counts, [63, 63, 127, 255, 319, 2047, 2047]);
    }

    #[test]
    fn only_even_numbers_of_the_arrays_exist() {
        let of = FileRegister::selected;
        assert_eq!(
            [0x70, 0x72, 0x80, 0xbe, 0xc0, 0xfe].map(of),
            [Some(Delivery), Some(Threshold), Some(Pending(0)), Some(Pending(31)), Some(Enabled(0)), Some(Enabled(31)),]
        );
        assert_eq!([0x71, 0x73, 0x7f].map(of), [Some(FileRegister::Reserved); 3]);
        assert_eq!([0x6f, 0x81, 0xbf, 0xc1, 0xff, 0x100, 0x180, u64::MAX].map(of), [None; 8]);
    }

    #[test]
    fn the_lowest_identity_that_is_pending_and_enabled_comes_first() {
        let mut file = enabling(&[3, 200, 255]);
        assert_eq!((file.top(), file.signals()), (0, false));
        [255, 2, 200, 3].into_iter().for_each(|identity| file.arrive(identity));
        for identity in [3, 200, 255] {
            assert_eq!((file.top(), file.signals()), (top_of(identity), true));
            file.claim(file.top());
        }
        assert_eq!((file.top(), file.signals(), file.read(Pending(0))), (0, false, 1 << 2));
    }

    #[test]
    fn what_is_no_identity_is_ignored() {
        let mut file = enabling(&[]);
        [0, 256, 2048, u32::MAX].into_iter().for_each(|identity| file.arrive(identity));
        file.claim(0);
        file.claim(top_of(2047));
        for word in 0..32 {
            write(&mut file, Enabled(word), u64::MAX);
            assert_eq!(file.read(Pending(word)), 0);
            let existing = [!1, !0, !0, !0].get(usize::from(word)).copied().unwrap_or(0);
            assert_eq!(file.read(Enabled(word)), existing);
        }
    }

    #[test]
    fn a_threshold_hides_itself_and_what_is_above() {
        let mut file = enabling(&[7, 8]);
        file.arrive(8);
        let tops = [0, 7, 8, 9, 255].map(|threshold| {
            write(&mut file, Threshold, threshold);
            (file.read(Threshold), file.top(), file.signals())
        });
        let shown = |threshold| (threshold, top_of(8), true);
        assert_eq!(tops, [shown(0), (7, 0, false), (8, 0, false), shown(9), shown(255)]);
    }

    #[test]
    fn delivery_hides_nothing_from_the_top() {
        let mut file = enabling(&[1]);
        file.arrive(1);
        // "0 = delivery is disabled": neither is 0x40000000 supported
        for (value, read) in [(0, 0), (0x4000_0000, 0), (1, 1), (3, 1)] {
            write(&mut file, Delivery, value);
            assert_eq!((file.read(Delivery), file.top(), file.signals()), (read, top_of(1), read == 1));
        }
    }

    #[test]
    fn changes_of_single_bits_keep_what_arrived_meanwhile() {
        let mut file = enabling(&[5, 6]);
        file.arrive(5);
        let seen = file.read(Pending(0));
        file.arrive(6);
        file.change(Pending(0), seen, 0);
        assert_eq!(file.read(Pending(0)), 1 << 6);
    }

    #[test]
    fn the_largest_file_has_all_registers() {
        let mut file = InterruptFile::new(MAX_IDENTITIES);
        write(&mut file, Delivery, 1);
        write(&mut file, Enabled(31), u64::MAX);
        file.arrive(2047);
        assert_eq!((file.top(), file.signals()), (top_of(2047), true));
        write(&mut file, Threshold, u64::MAX);
        assert_eq!((file.read(Threshold), file.top()), (2047, 0));
    }
}
