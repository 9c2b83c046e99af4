//! Arrays as plain data, of any length: serde itself ends at 32.
//!
//! For `#[serde(with = "arch::array")]`. As serde's own, they have no length beside them: it is the type's.

extern crate alloc;

use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use serde::de::{SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Writes an array.
///
/// # Errors
/// What the writer refuses.
pub fn serialize<S: Serializer, T: Serialize, const N: usize>(array: &[T; N], to: S) -> Result<S::Ok, S::Error> {
    let mut tuple = to.serialize_tuple(N)?;
    array.iter().try_for_each(|item| tuple.serialize_element(item))?;
    tuple.end()
}

/// Reads an array back.
///
/// # Errors
/// It has another length.
pub fn deserialize<'de, D: Deserializer<'de>, T: Deserialize<'de>, const N: usize>(
    from: D,
) -> Result<[T; N], D::Error> {
    from.deserialize_tuple(N, Items(PhantomData))
}

/// Takes the items of an array.
struct Items<T, const N: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for Items<T, N> {
    type Value = [T; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array of {N}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<[T; N], A::Error> {
        let mut items = Vec::with_capacity(N);
        while let Some(item) = from.next_element()? {
            items.push(item);
        }
        let found = items.len();
        items.try_into().map_err(|_| serde::de::Error::invalid_length(found, &self))
    }
}
