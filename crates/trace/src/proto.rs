//! Protocol buffers, as far as a trace for Perfetto needs them: fields of a message, in their binary form.

use crate::wire::put;

/// A message that is being written.
#[derive(Clone, Debug, Default)]
pub struct Message(Vec<u8>);

const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const BYTES: u64 = 2;

impl Message {
    /// A number.
    pub fn number(mut self, field: u64, value: u64) -> Message {
        put(&mut self.0, field << 3 | VARINT);
        put(&mut self.0, value);
        self
    }

    /// Numbers of 64 bits.
    pub fn fixed(mut self, field: u64, values: &[u64]) -> Message {
        for value in values {
            put(&mut self.0, field << 3 | FIXED64);
            self.0.extend(value.to_le_bytes());
        }
        self
    }

    /// Text.
    pub fn text(self, field: u64, text: &str) -> Message {
        self.bytes(field, text.as_bytes())
    }

    /// A message within.
    pub fn message(self, field: u64, message: Message) -> Message {
        self.bytes(field, &message.0)
    }

    fn bytes(mut self, field: u64, bytes: &[u8]) -> Message {
        put(&mut self.0, field << 3 | BYTES);
        put(&mut self.0, bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    /// The bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_as_the_encoding_guide_has_them() {
        let inner = Message::default().number(1, 150);
        let outer = Message::default().text(2, "testing").message(3, inner).fixed(4, &[1]);
        let expected = b"\x12\x07testing\x1a\x03\x08\x96\x01\x21\x01\0\0\0\0\0\0\0";
        assert_eq!(outer.into_bytes(), expected);
    }
}
