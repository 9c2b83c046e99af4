//! What code was made of: the guest's bytes, and how much code each instruction has.
//!
//! A note is of instructions in a row: their bytes, to be compared with memory, and behind them the size of each one's
//! code, with which a crash is told. There is one for each run of blocks, so nothing is kept that can be found in
//! others.

use hart::engine::raw_at;

use crate::unit::Source;

/// Above a size: a block begins with the instruction.
const OPENS: u8 = 0x80;
/// From here on, a size goes on in the next byte.
const MOST: u8 = OPENS - 1;

/// What an address of generated code was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    /// Offset of the instruction from the first of its note.
    pub at: u16,
    /// Offset of the first of its block; that of the note's first, where a jump was followed in the middle of one.
    pub block: u16,
    /// Its bits.
    pub raw: u32,
    /// Their number in bytes.
    pub len: u8,
}

/// All notes, one behind the other.
#[derive(Default)]
pub struct Notes {
    bytes: Vec<u8>,
    /// Sizes of the note that is being written.
    sizes: Vec<u8>,
}

impl Notes {
    /// Bytes of all notes.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Notes the bits of the next instruction.
    pub fn instruction(&mut self, raw: u32, len: u8) {
        self.bytes.extend_from_slice(&raw.to_le_bytes()[..usize::from(len)]);
    }

    /// Notes the size in bytes of the code of the next instruction.
    pub fn size(&mut self, mut size: u64, opens: bool) {
        let mut flag = if opens { OPENS } else { 0 };
        while size >= u64::from(MOST) {
            self.sizes.push(flag | MOST);
            size -= u64::from(MOST);
            flag = 0;
        }
        self.sizes.push(flag | size as u8);
    }

    /// Ends a note.
    pub fn close(&mut self) {
        self.bytes.append(&mut self.sizes);
    }

    /// The bytes of a source.
    pub fn bytes(&self, source: &Source) -> &[u8] {
        let at = source.at as usize;
        self.bytes.get(at..at + usize::from(source.len)).unwrap_or_default()
    }

    /// What the byte at this offset in the code of a source was made of. `None`: its code ends before.
    pub fn origin(&self, source: &Source, code: u64) -> Option<Made> {
        let bytes = self.bytes(source);
        let mut sizes = self.bytes.get(source.at as usize + bytes.len()..)?.iter();
        let (mut at, mut block, mut end) = (0, 0, 0);
        loop {
            let (raw, len) = raw_at(bytes.get(at..)?)?;
            let first = sizes.next()?;
            if first & OPENS != 0 {
                block = at;
            }
            let mut part = first & MOST;
            end += u64::from(part);
            while part == MOST {
                part = *sizes.next()?;
                end += u64::from(part);
            }
            if code < end {
                return Some(Made { at: at as u16, block: block as u16, raw, len });
            }
            at += usize::from(len);
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.sizes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `c.nop`, `nop`, `c.nop` and `c.nop`, with sizes around those that go on in another byte.
    #[test]
    fn an_instruction_is_found_by_its_code() {
        let mut notes = Notes::default();
        let raws = [(0x0001, 2), (0x0000_0013, 4), (0x0001, 2), (0x0001, 2)];
        raws.iter().for_each(|&(raw, len)| notes.instruction(raw, len));
        [(126, true), (127, false), (0, false), (300, true)].iter().for_each(|&(size, opens)| notes.size(size, opens));
        notes.close();
        let source = Source { at: 0, start: 0, len: 10, code: 0 };
        assert_eq!(notes.bytes(&source).len(), 10);
        let made = |code| notes.origin(&source, code).map(|made| (made.at, made.block, made.len));
        assert_eq!([0, 125, 126, 252].map(made), [(0, 0, 2), (0, 0, 2), (2, 0, 4), (2, 0, 4)].map(Some));
        assert_eq!([253, 552, 553].map(made), [Some((8, 8, 2)), Some((8, 8, 2)), None]);
    }
}
