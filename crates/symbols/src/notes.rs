//! ELF notes: the build id.

use crate::bytes::{aligned, u32_at};

const GNU_BUILD_ID: u32 = 3;
/// Notes are aligned so.
const ALIGN: usize = 4;

/// The build id among notes.
pub fn build_id(notes: &[u8]) -> Option<Vec<u8>> {
    let mut at = 0;
    loop {
        let size = |at| u32_at(notes, at).map(|size| size as usize);
        let (name, description, kind) = (size(at)?, size(at + 4)?, u32_at(notes, at + 8)?);
        let name_at = at + 12;
        let text_at = name_at.checked_add(aligned(name, ALIGN))?;
        let text = notes.get(text_at..text_at.checked_add(description)?)?;
        if kind == GNU_BUILD_ID && notes.get(name_at..name_at + name)? == b"GNU\0" {
            return Some(text.to_vec());
        }
        at = aligned(text_at + description, ALIGN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_id_is_found_behind_other_notes() {
        let note = |kind: u32, text: &[u8]| -> Vec<u8> {
            let words = [4, text.len() as u32, kind].into_iter().flat_map(u32::to_le_bytes);
            let padding = vec![0; text.len().next_multiple_of(4) - text.len()];
            words.chain(*b"GNU\0").chain(text.to_vec()).chain(padding).collect()
        };
        let notes: Vec<u8> = [note(1, b"abcde"), note(GNU_BUILD_ID, &[1, 2, 3])].concat();
        assert_eq!(build_id(&notes), Some(vec![1, 2, 3]));
        assert_eq!((build_id(&notes[..20]), build_id(&[0xff; 64])), (None, None));
    }
}
