//! Messages about ports, on the control queues.
//!
//! "Multiport Device Operation": `struct virtio_console_control { le32 id; le16 event; le16 value; }`.

use memory::GuestMemoryMmap;

use crate::ring::{Broken, Segments};

/// Bytes of a message, without the name that may follow.
const LEN_BYTES: usize = 8;

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Event {
    /// The driver has set the device up, or failed to.
    DeviceReady = 0,
    /// There is a port.
    PortAdd = 1,
    /// The driver has set a port up, or failed to.
    PortReady = 3,
    /// The port is a console.
    ConsolePort = 4,
    /// One side has opened or closed the port.
    PortOpen = 6,
    /// The port's name follows.
    PortName = 7,
}

/// Those that a driver sends.
const HEARD: [Event; 3] = [Event::DeviceReady, Event::PortReady, Event::PortOpen];

/// A message of the driver's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub port: u32,
    /// None for what this device does not know.
    pub event: Option<Event>,
    pub value: u16,
}

impl Message {
    /// Reads a message; one that is too short is none.
    pub fn read(from: &mut Segments, memory: &GuestMemoryMmap) -> Result<Option<Message>, Broken> {
        let mut bytes = [0; LEN_BYTES];
        if from.read(memory, &mut bytes)? < LEN_BYTES {
            return Ok(None);
        }
        let [a, b, c, d, e, f, g, h] = bytes;
        let event = u16::from_le_bytes([e, f]);
        Ok(Some(Message {
            port: u32::from_le_bytes([a, b, c, d]),
            event: HEARD.into_iter().find(|&heard| heard as u16 == event),
            value: u16::from_le_bytes([g, h]),
        }))
    }
}

/// The bytes of a message of the device's, with what follows it: a name "without a NUL terminator".
pub(super) fn message(port: u32, event: Event, value: u16, rest: &[u8]) -> Vec<u8> {
    [&port.to_le_bytes()[..], &(event as u16).to_le_bytes(), &value.to_le_bytes(), rest].concat()
}
