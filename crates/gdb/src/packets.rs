//! The frame around packets: `$data#checksum`, acknowledgements, and the byte that interrupts.
//!
//! GDB manual, "Overview" of the remote protocol. Everything that is no packet is dropped here.

/// Longest packet that is taken. It is what the client is told.
pub const MOST_BYTES: usize = 1 << 14;
/// Bytes outside packets in a row, after which it is no client that sends them.
const MOST_RUBBISH: usize = 1 << 12;
/// The byte that interrupts.
const INTERRUPT: u8 = 3;

/// What has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A packet: what is between `$` and `#`.
    Packet(Vec<u8>),
    /// A packet whose checksum is wrong.
    Damaged,
    /// Ctrl-C.
    Interrupt,
}

/// No client sends this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// A packet longer than [`MOST_BYTES`].
    TooLong,
    /// Bytes without end that are no packets.
    Rubbish,
}

#[derive(Default)]
enum State {
    #[default]
    Outside,
    Inside,
    /// Behind `#`, with the first digit.
    Checksum(Option<u8>),
}

/// Finds packets among bytes.
#[derive(Default)]
pub struct Packets {
    state: State,
    packet: Vec<u8>,
    rubbish: usize,
}

impl Packets {
    /// Takes a byte.
    ///
    /// # Errors
    /// Whoever sends is no client.
    pub fn push(&mut self, byte: u8) -> Result<Option<Incoming>, Wrong> {
        match (&self.state, byte) {
            (State::Outside, b'$') => self.state = State::Inside,
            (State::Outside, INTERRUPT) => return Ok(Some(Incoming::Interrupt)),
            (State::Outside, b'+' | b'-') => {}
            (State::Outside, _) => {
                self.rubbish += 1;
                return if self.rubbish > MOST_RUBBISH { Err(Wrong::Rubbish) } else { Ok(None) };
            }
            (State::Inside, b'#') => self.state = State::Checksum(None),
            // a packet that was given up for a new one
            (State::Inside, b'$') => self.packet.clear(),
            (State::Inside, _) if self.packet.len() == MOST_BYTES => return Err(Wrong::TooLong),
            (State::Inside, _) => self.packet.push(byte),
            (State::Checksum(None), _) => self.state = State::Checksum(Some(byte)),
            (State::Checksum(Some(first)), _) => {
                let digits = [*first, byte];
                return Ok(Some(self.close(digits)));
            }
        }
        Ok(None)
    }

    fn close(&mut self, digits: [u8; 2]) -> Incoming {
        (self.state, self.rubbish) = (State::Outside, 0);
        let packet = std::mem::take(&mut self.packet);
        let said = std::str::from_utf8(&digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if said == Some(checksum(&packet)) { Incoming::Packet(packet) } else { Incoming::Damaged }
    }
}

/// The sum of all bytes.
fn checksum(packet: &[u8]) -> u8 {
    packet.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

/// The packet with its frame.
pub fn framed(packet: &[u8]) -> Vec<u8> {
    [b"$", packet, format!("#{:02x}", checksum(packet)).as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<Incoming>, Wrong> {
        let mut packets = Packets::default();
        bytes.iter().filter_map(|byte| packets.push(*byte).transpose()).collect()
    }

    #[test]
    fn packets_are_found_among_other_bytes() {
        let bytes = [b"++x", &framed(b"g")[..], b"\x03-", &framed(b"")[..]].concat();
        let packet = |bytes: &[u8]| Incoming::Packet(bytes.to_vec());
        assert_eq!(all(&bytes), Ok(vec![packet(b"g"), Incoming::Interrupt, packet(b"")]));
        assert_eq!(all(b"$m0,4#00"), Ok(vec![Incoming::Damaged]));
        assert_eq!(all(b"$m0,4$g#67"), Ok(vec![packet(b"g")]));
    }

    #[test]
    fn nothing_grows_without_end() {
        assert_eq!(all(&[b"$", &vec![b'a'; MOST_BYTES + 1][..]].concat()), Err(Wrong::TooLong));
        assert_eq!(all(&vec![0; MOST_RUBBISH + 1]), Err(Wrong::Rubbish));
    }
}
