//! Numbers in bytes that may end anywhere.

/// Two bytes at an offset.
pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(array_at(bytes, at)?))
}

/// Four bytes at an offset.
pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(array_at(bytes, at)?))
}

/// Eight bytes at an offset.
pub fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(array_at(bytes, at)?))
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// Bytes up to a zero, as text; at most so many.
pub fn text_at(bytes: &[u8], at: usize, most: usize) -> Option<String> {
    let bytes = bytes.get(at..)?;
    let bytes = &bytes[..bytes.len().min(most)];
    let len = bytes.iter().position(|&byte| byte == 0)?;
    Some(String::from_utf8_lossy(&bytes[..len]).into_owned())
}

/// `at`, or the next multiple of `unit`, a power of two, behind it.
pub const fn aligned(at: usize, unit: usize) -> usize {
    at.saturating_add(unit - 1) & !(unit - 1)
}
