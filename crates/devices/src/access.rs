//! Little-endian accesses of any width on registers of a fixed width.

/// The value of `data`, little-endian, zero-extended.
pub(crate) fn value(data: &[u8]) -> u64 {
    data.iter().take(8).rev().fold(0, |value, &byte| value << 8 | u64::from(byte))
}

/// Fills `data` with the bytes of `register` from byte `at` on; zeros past its end.
pub(crate) fn read_part(register: u64, at: u64, data: &mut [u8]) {
    let bytes = register.to_le_bytes();
    for (byte, i) in data.iter_mut().zip(at..) {
        *byte = bytes.get(i as usize).copied().unwrap_or(0);
    }
}

/// `register` with the bytes from byte `at` on replaced by `data`.
pub(crate) fn write_part(register: u64, at: u64, data: &[u8]) -> u64 {
    let mut bytes = register.to_le_bytes();
    for (new, i) in data.iter().zip(at..) {
        if let Some(byte) = bytes.get_mut(i as usize) {
            *byte = *new;
        }
    }
    u64::from_le_bytes(bytes)
}

/// Reads `data` as whole or partial 32-bit registers: `word(offset)` answers for the aligned register there.
pub(crate) fn read_words(offset: u64, data: &mut [u8], mut word: impl FnMut(u64) -> u32) {
    let mut at = offset;
    let mut rest = data;
    while !rest.is_empty() {
        let inside = at % 4;
        let (part, more) = rest.split_at_mut(rest.len().min((4 - inside) as usize));
        read_part(u64::from(word(at - inside)), inside, part);
        at = at.wrapping_add(part.len() as u64);
        rest = more;
    }
}

/// Writes `data` as whole 32-bit registers: `word(offset, value)` takes each. Anything else is no write at all.
pub(crate) fn write_words(offset: u64, data: &[u8], mut word: impl FnMut(u64, u32)) {
    if !offset.is_multiple_of(4) || !data.len().is_multiple_of(4) {
        return;
    }
    for (bytes, at) in data.chunks_exact(4).zip((offset..).step_by(4)) {
        word(at, value(bytes) as u32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_read_takes_the_next_register_too() {
        let mut data = [0; 8];
        read_words(4, &mut data, |offset| offset as u32 | 0x1100);
        assert_eq!(value(&data), 0x0000_1108_0000_1104);
    }

    #[test]
    fn a_part_past_the_register_reads_as_zero() {
        let mut data = [0xff; 4];
        read_part(0x1122_3344_5566_7788, 6, &mut data);
        assert_eq!(data, [0x22, 0x11, 0, 0]);
    }

    #[test]
    fn a_partial_write_keeps_the_other_bytes() {
        assert_eq!(write_part(0x1122_3344_5566_7788, 4, &[1, 2, 3, 4]), 0x0403_0201_5566_7788);
    }
}
