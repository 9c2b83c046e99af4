//! The serial console: a 16550 with its line connected to the host.
//!
//! Own registers ([`core`]) rather than those of vm-superio: its `Serial` has edge-triggered interrupts, no FIFO
//! control register and no modem-status interrupt, and a PLIC wants levels.

#[cfg(feature = "state")]
mod state;

pub use cores::uart16550 as core;

use std::collections::VecDeque;

use bus::{Device, IrqLine};
use vm_fdt::{Error, FdtWriter};

use crate::{DtNode, Part, Placement, node_name};
use cores::node::CLOCK_HZ;
use cores::uart16550::Interrupt;

/// Where the guest's output goes.
pub type ConsoleOut = Box<dyn FnMut(&[u8]) + Send>;

/// Bytes of input that wait for the guest; past that, [`Uart16550::push_input`] takes no more.
pub const BACKLOG_BYTES: usize = 4096;

/// The UART on the bus: byte registers, eight of them.
pub struct Uart16550 {
    core: core::Core,
    backlog: VecDeque<u8>,
    out: ConsoleOut,
    irq: IrqLine,
    shown: Interrupt,
}

impl Uart16550 {
    /// A UART that sends to `out` and interrupts through `irq`.
    pub fn new(out: ConsoleOut, irq: IrqLine) -> Self {
        Uart16550 { core: core::Core::default(), backlog: VecDeque::new(), out, irq, shown: Interrupt::None }
    }

    /// Input from the host. Answers how many bytes were taken; offer the rest later.
    pub fn push_input(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.input_room());
        self.backlog.extend(&bytes[..taken]);
        self.settle();
        taken
    }

    /// Bytes that [`Uart16550::push_input`] would take now.
    pub fn input_room(&self) -> usize {
        BACKLOG_BYTES.saturating_sub(self.backlog.len())
    }

    /// Sends bytes as a program does that does not look whether it may.
    pub fn transmit(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write(core::DATA, &[byte]));
    }

    /// Takes a byte as a program does that looks whether one is there.
    pub fn receive(&mut self) -> Option<u8> {
        let mut register = |offset| {
            let mut byte = [0];
            self.read(offset, &mut byte);
            byte[0]
        };
        (register(core::LINE_STATUS) & core::lsr::DATA_READY != 0).then(|| register(core::DATA))
    }

    fn settle(&mut self) {
        let irq = &self.irq;
        self.core.settle(&mut self.backlog, &mut self.shown, |level, edge| {
            irq.set(level);
            if edge {
                irq.pulse();
            }
        });
    }
}

impl Device for Uart16550 {
    fn read(&mut self, offset: u64, data: &mut [u8]) {
        data.fill(0);
        if let Some(low) = data.first_mut() {
            *low = self.core.read(offset);
        }
        self.settle();
    }

    fn write(&mut self, offset: u64, data: &[u8]) {
        let Some(&low) = data.first() else { return };
        if let Some(byte) = self.core.write(offset, low) {
            (self.out)(&[byte]);
        }
        self.settle();
    }
}

#[cfg(not(feature = "state"))]
bus::unsaved!(Uart16550);

impl Part for Uart16550 {
    /// Input that waits is dropped.
    fn reset(&mut self) {
        self.core = core::Core::default();
        self.backlog.clear();
        self.settle();
    }
}

impl DtNode for Uart16550 {
    fn write_node(&self, fdt: &mut FdtWriter, place: &Placement) -> Result<(), Error> {
        let node = fdt.begin_node(&node_name("serial", place))?;
        fdt.property_string("compatible", "ns16550a")?;
        place.reg(fdt)?;
        fdt.property_u32("clock-frequency", CLOCK_HZ)?;
        place.interrupts(fdt)?;
        place.own_phandle(fdt)?;
        fdt.end_node(node)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use kit::Wire;

    use super::*;

    fn uart() -> (Uart16550, Arc<Wire>, Arc<Mutex<Vec<u8>>>) {
        let wire = Arc::new(Wire::default());
        let sent = Arc::new(Mutex::new(Vec::new()));
        let sink = sent.clone();
        let out = Box::new(move |bytes: &[u8]| sink.lock().unwrap().extend_from_slice(bytes));
        (Uart16550::new(out, IrqLine::new(wire.clone(), 10)), wire, sent)
    }

    fn read(uart: &mut Uart16550, offset: u64) -> u8 {
        let mut data = [0];
        uart.read(offset, &mut data);
        data[0]
    }

    #[test]
    fn output_reaches_the_sink() {
        let (mut uart, _, sent) = uart();
        b"hi".iter().for_each(|&byte| uart.write(0, &[byte]));
        assert_eq!(*sent.lock().unwrap(), b"hi");
    }

    #[test]
    fn a_long_input_arrives_whole_and_in_order() {
        let (mut uart, wire, _) = uart();
        uart.write(2, &[0x01]);
        uart.write(1, &[0x01]);
        let input: Vec<u8> = (0..100).collect();
        assert_eq!(uart.push_input(&input), 100);
        assert!(wire.is_high());
        let got: Vec<u8> = (0..100).map(|_| read(&mut uart, 0)).collect();
        assert_eq!(got, input);
        assert!(!wire.is_high());
    }

    #[test]
    fn without_a_fifo_each_byte_raises_the_wire_anew() {
        let wire = Arc::new(Wire::default());
        let mut uart = Uart16550::new(Box::new(|_| ()), IrqLine::new(wire.clone(), 10));
        uart.write(1, &[0x01]);
        uart.push_input(b"abc");
        let rises = [0; 3].map(|_| (wire.rises(), read(&mut uart, 0)));
        assert_eq!(rises, [(1, b'a'), (2, b'b'), (3, b'c')], "an APLIC that sends messages sends one for each");
    }

    /// Bao's guests' driver reads one byte for each interrupt, from a FIFO with trigger level 1. QEMU gives it three
    /// for three bytes.
    #[test]
    fn with_a_fifo_bytes_come_in_as_the_trigger_level_lets_them() {
        let (rises, in_fifo): (Vec<_>, Vec<_>) = [0x01, 0x81].map(rises_of_each).into_iter().unzip();
        assert_eq!(rises, [[1, 2, 3], [1, 1, 1]], "levels 1 and 8");
        assert_eq!(in_fifo, [*b"abc"; 2]);
    }

    /// How often the wire has risen before each of three bytes is read that were typed at once, and these.
    fn rises_of_each(fifo_control: u8) -> ([usize; 3], [u8; 3]) {
        let wire = Arc::new(Wire::default());
        let mut uart = Uart16550::new(Box::new(|_| ()), IrqLine::new(wire.clone(), 10));
        uart.write(2, &[fifo_control]);
        uart.write(1, &[0x01]);
        uart.push_input(b"abc");
        let each = [0; 3].map(|_| (wire.rises(), read(&mut uart, 0)));
        (each.map(|(rises, _)| rises), each.map(|(_, byte)| byte))
    }

    #[test]
    fn a_guest_that_does_not_read_pushes_back() {
        let (mut uart, _, _) = uart();
        let taken = uart.push_input(&[0; 3 * BACKLOG_BYTES]);
        assert_eq!(taken, BACKLOG_BYTES);
        assert!(uart.input_room() <= 1);
    }
}
