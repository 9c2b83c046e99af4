//! Arrays as plain data, of any length: serde itself ends at 32.
//!
//! For `#[serde(with = "arch::array")]`.

extern crate alloc;

use alloc::vec::Vec;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Writes an array as a sequence.
///
/// # Errors
/// What the writer refuses.
pub fn serialize<S: Serializer, T: Serialize, const N: usize>(array: &[T; N], to: S) -> Result<S::Ok, S::Error> {
    array.as_slice().serialize(to)
}

/// Reads an array back.
///
/// # Errors
/// The sequence has another length.
pub fn deserialize<'de, D: Deserializer<'de>, T: Deserialize<'de>, const N: usize>(
    from: D,
) -> Result<[T; N], D::Error> {
    let items = Vec::deserialize(from)?;
    items.try_into().map_err(|_| serde::de::Error::custom("an array has another length"))
}
