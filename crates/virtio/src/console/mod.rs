//! The console device.
//!
//! Models VIRTIO 1.2, "Console Device", with up to 31 ports (VIRTIO_CONSOLE_F_MULTIPORT), without a size and without
//! emergency writes. A port is a console of the guest's or a plain channel with a name, which the guest opens like a
//! file. Each has two queues, so that one whose far end takes nothing holds up no other.

mod control;
mod line;
mod port;
#[cfg(feature = "state")]
mod state;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use devices::ConsoleOut;
use virtio_bindings::virtio_ids::VIRTIO_ID_CONSOLE;

use crate::ring::{Broken, Ring};
use crate::transport::{MmioTransport, Slot, VirtioDevice};

use control::{Event, Message};
use port::Port;

pub use line::PortLine;
pub use port::{PortConfig, PortKind, PortOut};

/// Most ports: as many as QEMU's virtio-serial-device has.
pub const MOST_PORTS: u32 = 31;

/// VIRTIO_CONSOLE_F_MULTIPORT: "Device has support for multiple ports; max_nr_ports is valid and control virtqueues
/// will be used."
const MULTIPORT: u64 = 1 << 1;
/// Where the configuration space has `max_nr_ports`.
const MAX_NR_PORTS: u64 = 4;

const CONTROL_RECEIVE: usize = 2;
const CONTROL_TRANSMIT: usize = 3;
/// Port 0 has two queues before those of control, the others have theirs behind.
const QUEUES: usize = 2 * (MOST_PORTS as usize + 1);

/// A console, or several ports.
pub struct Console {
    ports: BTreeMap<u32, Port>,
    /// Whether it offers more than one console.
    offers_ports: bool,
    /// Whether the driver knows of ports; one that does not has port 0.
    has_ports: bool,
}

/// What a queue is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Receive(u32),
    Transmit(u32),
    Control,
}

impl Role {
    /// "Device Operation": receiveq(port0), transmitq(port0), control receiveq, control transmitq, receiveq(port1) ...
    fn of(queue: usize) -> Role {
        let port = (queue / 2) as u32;
        match (queue, queue % 2) {
            (CONTROL_RECEIVE | CONTROL_TRANSMIT, _) => Role::Control,
            (_, 0) => Role::Receive(port.saturating_sub(1)),
            (_, _) => Role::Transmit(port.saturating_sub(1)),
        }
    }

    /// The queue into which `port` receives.
    fn receiving(port: u32) -> usize {
        if port == 0 { 0 } else { 2 * (port as usize + 1) }
    }
}

impl Console {
    /// One console, without ports.
    pub fn alone(out: ConsoleOut) -> Self {
        Console {
            offers_ports: false,
            ..Console::with_ports(vec![PortConfig::console(0, PortLine::new(), all_of(out))])
        }
    }

    /// Several ports. Of two with one number, or with one above [`MOST_PORTS`], the last counts, or none.
    pub fn with_ports(ports: Vec<PortConfig>) -> Self {
        let ports = ports.into_iter().filter(|port| port.number < MOST_PORTS);
        let ports = ports.map(|config| (config.number, Port::new(config))).collect();
        Console { ports, offers_ports: true, has_ports: false }
    }

    /// The device in its slot, where its ports' lines find it.
    pub(crate) fn plug(self, slot: Slot) -> Arc<Mutex<MmioTransport<Console>>> {
        let lines: Vec<(u32, PortLine)> = self.ports.iter().map(|(&number, port)| (number, port.line())).collect();
        let plugged = Arc::new(Mutex::new(MmioTransport::new(self, slot)));
        lines.iter().for_each(|(number, line)| line.lead_to(&plugged, *number));
        plugged
    }

    /// Serves what the far end of port `number` has changed; `rings` are as for [`VirtioDevice::notify`].
    fn serve(&mut self, number: u32, rings: &mut [Option<Ring>]) -> Result<(), Broken> {
        let receiving = Role::receiving(number);
        for queue in [receiving, receiving + 1, CONTROL_RECEIVE] {
            self.notify(queue, rings)?;
        }
        Ok(())
    }

    fn receive(&mut self, number: u32, rings: &mut [Option<Ring>]) -> Result<(), Broken> {
        let (has_ports, receiving) = (self.has_ports, Role::receiving(number));
        match (self.ports.get_mut(&number), ring(rings, receiving)) {
            (Some(port), Some(ring)) if port.is_open(has_ports) => port.receive(ring)?,
            _ => return Ok(()),
        }
        // With the last of its input a port may close.
        self.tell(rings)
    }

    /// Takes what the driver says about ports.
    fn listen(&mut self, rings: &mut [Option<Ring>]) -> Result<(), Broken> {
        while let Some(mut request) = match ring(rings, CONTROL_TRANSMIT) {
            Some(ring) => ring.pop()?,
            None => None,
        } {
            let Some(ring) = ring(rings, CONTROL_TRANSMIT) else { break };
            let message = Message::read(&mut request.readable, &ring.memory())?;
            ring.finish(request, 0)?;
            if let Some(message) = message {
                self.hear(message, rings)?;
            }
        }
        Ok(())
    }

    fn hear(&mut self, message: Message, rings: &mut [Option<Ring>]) -> Result<(), Broken> {
        let yes = message.value != 0;
        match (message.event, self.ports.get_mut(&message.port)) {
            (Some(Event::DeviceReady), _) if yes => self.ports.values_mut().for_each(Port::owe_itself),
            (Some(Event::PortReady), Some(port)) if yes => port.owe_all(),
            (Some(Event::PortOpen), Some(port)) => {
                port.opened(yes);
                self.receive(message.port, rings)?;
            }
            // A driver that could not add a port does without it; the rest is for drivers to hear.
            _ => {}
        }
        Ok(())
    }

    /// Tells the driver what it is owed, as far as it has room for that.
    fn tell(&mut self, rings: &mut [Option<Ring>]) -> Result<(), Broken> {
        let Some(ring) = ring(rings, CONTROL_RECEIVE) else { return Ok(()) };
        for (&number, port) in &mut self.ports {
            while let Some(message) = port.owed(number) {
                let Some(mut request) = ring.pop()? else { return Ok(()) };
                let written = request.writable.write(&ring.memory(), &message)?;
                ring.finish(request, written as u32)?;
                port.told();
            }
        }
        Ok(())
    }
}

#[cfg(not(feature = "state"))]
bus::unsaved!(Console);

impl VirtioDevice for Console {
    const ID: u32 = VIRTIO_ID_CONSOLE;
    const QUEUE_SIZES: &'static [u16] = &[64; QUEUES];

    fn features(&self) -> u64 {
        if self.offers_ports { MULTIPORT } else { 0 }
    }

    fn read_config(&self, offset: u64, data: &mut [u8]) {
        let ports = self.ports.last_key_value().map_or(1, |(&last, _)| last + 1).to_le_bytes();
        for (at, byte) in (offset..).zip(data) {
            *byte = at.checked_sub(MAX_NR_PORTS).and_then(|at| ports.get(at as usize)).copied().unwrap_or(0);
        }
    }

    fn negotiated(&mut self, features: u64) {
        self.has_ports = features & MULTIPORT != 0;
    }

    fn notify(&mut self, queue: usize, rings: &mut [Option<Ring>]) -> Result<(), Broken> {
        match Role::of(queue) {
            Role::Receive(number) => self.receive(number, rings),
            Role::Transmit(number) => match (self.ports.get_mut(&number), ring(rings, queue)) {
                (Some(port), Some(ring)) => port.transmit(ring),
                _ => Ok(()),
            },
            Role::Control => {
                self.listen(rings)?;
                self.tell(rings)
            }
        }
    }

    fn stopped(&mut self, queue: usize) {
        if let Role::Transmit(number) = Role::of(queue) {
            self.ports.get_mut(&number).into_iter().for_each(Port::forget_output);
        }
    }

    fn reset(&mut self) {
        self.has_ports = false;
        self.ports.values_mut().for_each(Port::reset);
    }
}

fn ring(rings: &mut [Option<Ring>], queue: usize) -> Option<&mut Ring> {
    rings.get_mut(queue).and_then(Option::as_mut)
}

/// What takes all that it is given.
fn all_of(mut out: ConsoleOut) -> PortOut {
    Box::new(move |bytes| {
        out(bytes);
        bytes.len()
    })
}

/// Where a console's input comes in, from any thread.
#[derive(Clone)]
pub struct ConsoleInput(PortLine);

impl ConsoleInput {
    /// The input of `console`.
    pub fn new(console: Arc<Mutex<MmioTransport<Console>>>) -> Self {
        let line = PortLine::new();
        line.lead_to(&console, 0);
        ConsoleInput(line)
    }

    /// Gives `bytes` to the guest. Answers how many were taken; offer the rest later.
    pub fn send(&self, bytes: &[u8]) -> usize {
        self.0.send(bytes)
    }
}

#[cfg(test)]
mod tests;
