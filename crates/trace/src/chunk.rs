//! The frame of a trace: a file is its magic and chunks, each with its length and a sum.

use crate::wire::{put, take};

/// A trace begins with this: format 1.
pub const MAGIC: [u8; 8] = *b"vhtrace1";
/// Bytes in front of a chunk's contents: length and sum.
pub const HEAD_BYTES: usize = 12;
/// A chunk with more contents is none.
pub const MOST_BYTES: usize = 1 << 20;

/// What a chunk holds. Its first byte says which, and for events a number follows: the hart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chunk<'a> {
    /// A device's name and place.
    Device(Device),
    /// Names: of functions or of a process.
    Names(Names, &'a [u8]),
    /// Events of a hart, in their order.
    Events(u16, &'a [u8]),
    /// Something that a later version writes.
    Unknown,
}

/// What is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Functions.
    Functions,
    /// A process.
    Process,
}

/// A device of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// Its first address.
    pub base: u64,
    /// Its length in bytes.
    pub len: u64,
}

const DEVICE: u8 = 0;
const EVENTS: u8 = 1;
/// Functions' names.
pub const FUNCTIONS: u8 = 2;
/// A process.
pub const PROCESS: u8 = 3;

/// The contents of a device's chunk.
pub fn of_device(device: &Device) -> Vec<u8> {
    let mut bytes = vec![DEVICE];
    put(&mut bytes, device.base);
    put(&mut bytes, device.len);
    bytes.extend(device.name.as_bytes());
    bytes
}

/// The beginning of the contents of a chunk of events.
pub fn of_hart(hart: u16) -> Vec<u8> {
    let mut bytes = vec![EVENTS];
    put(&mut bytes, hart.into());
    bytes
}

/// What stands in front of contents.
pub fn head(contents: &[u8]) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    head[..4].copy_from_slice(&(contents.len() as u32).to_le_bytes());
    head[4..].copy_from_slice(&sum(contents).to_le_bytes());
    head
}

/// The length of the contents, and their sum, as a head says.
pub fn read_head(head: &[u8; HEAD_BYTES]) -> (usize, u64) {
    let [a, b, c, d, sum @ ..] = *head;
    (u32::from_le_bytes([a, b, c, d]) as usize, u64::from_le_bytes(sum))
}

/// FNV-1a: damage is accidental.
pub fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// What contents hold. `None`: nothing that makes sense.
pub fn read(contents: &[u8]) -> Option<Chunk<'_>> {
    let (&kind, mut rest) = contents.split_first()?;
    Some(match kind {
        DEVICE => {
            let (base, len) = (take(&mut rest)?, take(&mut rest)?);
            Chunk::Device(Device { name: String::from_utf8(rest.to_vec()).ok()?, base, len })
        }
        EVENTS => {
            let hart = take(&mut rest)?.try_into().ok()?;
            Chunk::Events(hart, rest)
        }
        FUNCTIONS => Chunk::Names(Names::Functions, rest),
        PROCESS => Chunk::Names(Names::Process, rest),
        _ => Chunk::Unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_come_back() {
        let device = Device { name: "uart".into(), base: 0x1000_0000, len: 0x100 };
        assert_eq!(read(&of_device(&device)), Some(Chunk::Device(device)));
        assert_eq!(read(&of_hart(300)), Some(Chunk::Events(300, &[])));
        assert_eq!((read(&[9, 9]), read(&[])), (Some(Chunk::Unknown), None));
        assert_eq!(read_head(&head(b"abc")), (3, sum(b"abc")));
    }
}
