//! What programs wrote that run one after the other, apart.

use crate::wire::Output;

/// Most bytes of each output of a program that a report has: the first.
const MOST_EACH: usize = 1 << 20;
/// And of all programs'.
const MOST: usize = 256 << 20;

/// A program's standard output and standard error.
pub type Section = [Vec<u8>; 2];

/// What was heard, by programs. Where one ends is known before the next begins.
#[derive(Default)]
pub struct Sections {
    heard: Vec<Section>,
    /// Where those that have ended did, in bytes of each output since the beginning.
    ends: Vec<[u64; 2]>,
    position: [u64; 2],
    kept: usize,
    taken: usize,
}

impl Sections {
    /// Some more came.
    pub fn hear(&mut self, output: Output, mut bytes: &[u8]) {
        let which = output as usize;
        while !bytes.is_empty() {
            let at = self.position[which];
            let program = self.ends.partition_point(|end| end[which] <= at);
            let left = self.ends.get(program).map_or(u64::MAX, |end| end[which] - at);
            let (its, rest) = bytes.split_at(bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
            self.keep(program, which, its);
            self.position[which] += its.len() as u64;
            bytes = rest;
        }
    }

    fn keep(&mut self, program: usize, which: usize, bytes: &[u8]) {
        if self.heard.len() <= program {
            self.heard.resize_with(program + 1, Section::default);
        }
        let heard = &mut self.heard[program][which];
        let room = MOST_EACH.saturating_sub(heard.len()).min(MOST.saturating_sub(self.kept)).min(bytes.len());
        heard.extend_from_slice(&bytes[..room]);
        self.kept += room;
    }

    /// A program has ended that wrote so much, some of which may be yet to come.
    pub fn end(&mut self, written: [u64; 2]) {
        let start = self.ends.last().copied().unwrap_or_default();
        self.ends.push([start[0].saturating_add(written[0]), start[1].saturating_add(written[1])]);
    }

    /// What the next program wrote; of one that has not ended what has come so far.
    pub fn take(&mut self) -> Section {
        self.taken += 1;
        self.heard.get_mut(self.taken - 1).map(std::mem::take).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_after_an_end_was_told_is_still_of_who_wrote_it() {
        let mut sections = Sections::default();
        sections.hear(Output::Out, b"on");
        sections.end([3, 1]);
        sections.hear(Output::Out, b"etwo");
        sections.hear(Output::Err, b"E");
        sections.hear(Output::Err, b"F");
        sections.end([3, 1]);
        // one that writes nothing
        sections.end([0, 0]);
        sections.hear(Output::Out, b"four");
        let expected: [[&[u8]; 2]; 4] = [[b"one", b"E"], [b"two", b"F"], [b"", b""], [b"four", b""]];
        for section in expected {
            assert_eq!(sections.take(), section.map(<[u8]>::to_vec));
        }
    }

    #[test]
    fn of_much_the_beginning_is_kept() {
        let mut sections = Sections::default();
        for _ in 0..3 {
            sections.hear(Output::Out, &vec![b'y'; MOST_EACH]);
        }
        assert_eq!(sections.take()[0].len(), MOST_EACH);
    }
}
