//! Where members of a kernel's structures are: its type information, BTF, as it lies in memory.
//!
//! Linux, Documentation/bpf/btf.rst: a header, types one behind the other, and strings.

use crate::bytes::{text_at, u16_at, u32_at};

const MAGIC: u16 = 0xeb9f;
const VERSION: u8 = 1;
/// Bytes in front of what is of a type's kind.
const TYPE_BYTES: usize = 12;
const MEMBER_BYTES: usize = 12;
/// Types of a kernel: Debian's have 150 000.
const MOST_TYPES: usize = 1 << 22;
/// Structures without a name that are within each other.
const DEEPEST: usize = 8;
const LONGEST_NAME: usize = 128;

mod kind {
    pub const INT: u32 = 1;
    pub const ARRAY: u32 = 3;
    pub const STRUCT: u32 = 4;
    pub const UNION: u32 = 5;
    pub const ENUM: u32 = 6;
    pub const FUNC_PROTO: u32 = 13;
    pub const VAR: u32 = 14;
    pub const DATASEC: u32 = 15;
    pub const DECL_TAG: u32 = 17;
    pub const ENUM64: u32 = 19;
}

/// Type information.
pub struct Btf<'a> {
    types: &'a [u8],
    strings: &'a [u8],
    /// Where each type begins; type 1 is the first.
    starts: Vec<u32>,
}

impl<'a> Btf<'a> {
    /// Reads it. `None`: it is none, or is cut off.
    pub fn read(bytes: &'a [u8]) -> Option<Btf<'a>> {
        if u16_at(bytes, 0)? != MAGIC || *bytes.get(2)? != VERSION {
            return None;
        }
        let word = |at| u32_at(bytes, at).map(|word| word as usize);
        let header = word(4)?;
        let part = |at: usize| {
            let start = header.checked_add(word(at)?)?;
            bytes.get(start..start.checked_add(word(at + 4)?)?)
        };
        let (types, strings) = (part(8)?, part(16)?);
        Some(Btf { types, strings, starts: starts(types)? })
    }

    /// The offset in bytes of a member of the structure called `of`.
    pub fn offset(&self, of: &str, member: &str) -> Option<u64> {
        self.structures(of).find_map(|start| self.member(start, member, 0))
    }

    /// Bytes of the structure called so.
    pub fn size(&self, of: &str) -> Option<u64> {
        self.structures(of).find_map(|start| u32_at(self.types, start as usize + 8)).map(u64::from)
    }

    fn structures(&self, name: &str) -> impl Iterator<Item = u32> {
        let is_one = move |start: &u32| {
            matches!(self.info(*start), Some((kind::STRUCT, count)) if count > 0) && self.is_called(*start, name)
        };
        self.starts.iter().copied().filter(is_one).take(DEEPEST)
    }

    /// The offset of a member, also within structures and unions that have no name.
    fn member(&self, start: u32, name: &str, depth: usize) -> Option<u64> {
        let (_, count) = self.info(start)?;
        let has_sizes = u32_at(self.types, start as usize + 4)? >> 31 != 0;
        let members = (0..count).map(|number| start as usize + TYPE_BYTES + number * MEMBER_BYTES);
        for at in members {
            let offset = u32_at(self.types, at + 8)?;
            let offset = u64::from(if has_sizes { offset & 0xff_ffff } else { offset }) / 8;
            let named = u32_at(self.types, at)?;
            if named != 0 && self.text_is(named, name) {
                return Some(offset);
            }
            let inner = (named == 0 && depth < DEEPEST).then(|| u32_at(self.types, at + 4)).flatten();
            let inner = inner.and_then(|inner| self.starts.get((inner as usize).checked_sub(1)?));
            let inner = inner.filter(|&&inner| matches!(self.info(inner), Some((kind::STRUCT | kind::UNION, _))));
            if let Some(within) = inner.and_then(|&inner| self.member(inner, name, depth + 1)) {
                return Some(offset + within);
            }
        }
        None
    }

    /// A type's kind and count.
    fn info(&self, start: u32) -> Option<(u32, usize)> {
        u32_at(self.types, start as usize + 4).map(of_info)
    }

    fn is_called(&self, start: u32, name: &str) -> bool {
        u32_at(self.types, start as usize).is_some_and(|at| self.text_is(at, name))
    }

    fn text_is(&self, at: u32, name: &str) -> bool {
        text_at(self.strings, at as usize, LONGEST_NAME).is_some_and(|text| text == name)
    }
}

fn of_info(info: u32) -> (u32, usize) {
    (info >> 24 & 0x1f, (info & 0xffff) as usize)
}

/// Where each type begins.
fn starts(types: &[u8]) -> Option<Vec<u32>> {
    let (mut starts, mut at) = (Vec::new(), 0);
    while at < types.len() && starts.len() < MOST_TYPES {
        starts.push(u32::try_from(at).ok()?);
        let (kind, count) = of_info(u32_at(types, at + 4)?);
        at += TYPE_BYTES + behind(kind, count);
    }
    Some(starts)
}

/// Bytes that a type of a kind with so many members has behind what all have.
const fn behind(kind: u32, count: usize) -> usize {
    match kind {
        kind::INT | kind::VAR | kind::DECL_TAG => 4,
        kind::ARRAY => 12,
        kind::STRUCT | kind::UNION | kind::DATASEC | kind::ENUM64 => 12 * count,
        kind::ENUM | kind::FUNC_PROTO => 8 * count,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Type 1 is `struct list { next at 0; prev at 8 }`, 2 a structure without a name with `inner` at bit 32, and 3
    /// `struct module` with `state` at 0, and 2 at 16.
    fn planted() -> Vec<u8> {
        let strings = b"\0list\0next\0prev\0inner\0module\0state\0";
        let at = |name: &str| strings.windows(name.len()).position(|window| window == name.as_bytes()).unwrap() as u32;
        let structure = |name, members: &[(u32, u32, u32)]| {
            let head = [name, kind::STRUCT << 24 | members.len() as u32, 64];
            head.into_iter()
                .chain(members.iter().flat_map(|member| [member.0, member.1, member.2]))
                .collect::<Vec<u32>>()
        };
        let types = [
            structure(at("list"), &[(at("next"), 0, 0), (at("prev"), 0, 64)]),
            structure(0, &[(at("inner"), 0, 32)]),
            structure(at("module"), &[(at("state"), 0, 0), (0, 2, 128)]),
        ]
        .concat();
        let len = 4 * types.len() as u32;
        let words = [0x0001_eb9f, 24, 0, len, len, strings.len() as u32];
        let mut bytes: Vec<u8> = words.into_iter().chain(types).flat_map(u32::to_le_bytes).collect();
        bytes.extend(strings);
        bytes
    }

    #[test]
    fn members_are_found_also_in_what_has_no_name() {
        let bytes = planted();
        let btf = Btf::read(&bytes).unwrap();
        assert_eq!((btf.offset("list", "prev"), btf.size("list")), (Some(8), Some(64)));
        assert_eq!((btf.offset("module", "state"), btf.offset("module", "inner")), (Some(0), Some(20)));
        assert_eq!((btf.offset("module", "next"), btf.offset("list_head", "next")), (None, None));
    }

    #[test]
    fn what_is_cut_off_or_contains_itself_is_harmless() {
        let mut bytes = planted();
        for len in 0..bytes.len() {
            assert!(Btf::read(&bytes[..len]).is_none(), "{len}");
        }
        // the nameless structure contains itself
        bytes[24 + 36 + 12] = 0;
        bytes[24 + 36 + 16] = 2;
        assert_eq!(Btf::read(&bytes).unwrap().offset("module", "inner"), None);
    }
}
