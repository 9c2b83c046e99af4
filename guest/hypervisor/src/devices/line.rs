//! The serial line of a guest with its interrupt controller: together, for each access may change what pends.
//!
//! National Semiconductor PC16550D.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use cores::uart16550;

use super::{Register, UART_INTERRUPT};
use crate::interrupts::controller::{Aia, Controller};

/// Bytes of input that wait for a guest that reads none.
const BACKLOG_BYTES: usize = 4096;
/// Bytes of output that are kept back until a line is whole.
const KEPT_BYTES: usize = 256;

/// The devices of one guest.
#[derive(Debug)]
pub struct Line {
    controller: Controller,
    uart: uart16550::Core,
    shown: uart16550::Interrupt,
    typed: VecDeque<u8>,
    /// Sent, and not yet shown.
    sent: Vec<u8>,
    /// Whom the controller notifies may have changed.
    changed: bool,
}

impl Line {
    /// For a guest with so many virtual harts.
    pub fn new(vcpus: usize, aia: Aia) -> Line {
        Line {
            controller: Controller::new(aia, vcpus),
            uart: uart16550::Core::default(),
            shown: uart16550::Interrupt::None,
            typed: VecDeque::new(),
            sent: Vec::with_capacity(KEPT_BYTES),
            changed: true,
        }
    }

    /// Reads a register; what is wider than it reads as zero.
    pub fn read(&mut self, register: Register) -> u64 {
        match register {
            // A claim is a read.
            Register::Controller(offset) => {
                self.changed = true;
                self.controller.read(offset & !3).into()
            }
            Register::Uart(offset) => {
                let byte = self.uart.read(offset);
                self.settle();
                byte.into()
            }
            Register::File(..) | Register::Virtio(..) => 0,
        }
    }

    /// Writes a register.
    pub fn write(&mut self, register: Register, value: u64) {
        match register {
            Register::Controller(offset) => {
                self.changed = true;
                self.controller.write(offset & !3, value as u32);
            }
            Register::Uart(offset) => {
                let byte = self.uart.write(offset, value as u8);
                self.sent.extend(byte);
                self.settle();
            }
            Register::File(..) | Register::Virtio(..) => {}
        }
    }

    /// The interrupt of a device that is elsewhere is on, or off.
    pub fn set_level(&mut self, source: u32, level: bool) {
        self.changed = true;
        self.controller.set_level(source, level);
    }

    /// Takes what somebody typed; what there is no room for is lost.
    pub fn type_in(&mut self, bytes: &[u8]) {
        let room = BACKLOG_BYTES.saturating_sub(self.typed.len());
        self.typed.extend(bytes.iter().take(room));
        self.settle();
    }

    /// Takes a byte as the debug console's calls do: what was typed first has come to the UART, where nobody may look
    /// for it.
    pub fn take_typed(&mut self) -> Option<u8> {
        let is_there = self.read(Register::Uart(uart16550::LINE_STATUS)) as u8 & uart16550::lsr::DATA_READY != 0;
        if is_there { Some(self.read(Register::Uart(uart16550::DATA)) as u8) } else { self.typed.pop_front() }
    }

    /// Whether a virtual hart is notified of an interrupt.
    pub fn notifies(&self, vcpu: usize) -> bool {
        self.controller.notifies(vcpu)
    }

    /// Messages that are to be sent, as [`Controller::take_messages`] tells them.
    pub fn take_messages(&mut self) -> Vec<(usize, u32)> {
        self.controller.take_messages()
    }

    /// Whether whom it notifies may have changed since the last call.
    pub fn take_changed(&mut self) -> bool {
        core::mem::take(&mut self.changed)
    }

    /// What was sent, once it makes up a line or has become much.
    pub fn whole(&mut self) -> Option<Vec<u8>> {
        let whole = self.sent.last() == Some(&b'\n') || self.sent.len() >= KEPT_BYTES;
        whole.then(|| self.rest())
    }

    /// What was sent, whatever it is.
    pub fn rest(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.sent)
    }

    fn settle(&mut self) {
        let Line { controller, uart, shown, typed, changed, .. } = self;
        uart.settle(typed, shown, |level, edge| {
            *changed = true;
            controller.set_level(UART_INTERRUPT, level);
            if edge {
                controller.pulse(UART_INTERRUPT);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IER: Register = Register::Uart(1);
    const DATA: Register = Register::Uart(uart16550::DATA);

    /// A line whose interrupt is enabled for the second of two virtual harts.
    fn line() -> Line {
        let mut line = Line::new(2, Aia::None);
        line.write(Register::Controller(4 * u64::from(UART_INTERRUPT)), 1);
        line.write(Register::Controller(0x2080), 1 << UART_INTERRUPT);
        line
    }

    #[test]
    fn what_is_typed_interrupts_whoever_wants_to_know() {
        let mut line = line();
        line.write(IER, 1);
        line.type_in(b"x");
        assert!(line.notifies(1) && !line.notifies(0));
        // claim, read, complete
        assert_eq!(line.read(Register::Controller(0x20_1004)), u64::from(UART_INTERRUPT));
        assert_eq!(line.read(DATA), u64::from(b'x'));
        line.write(Register::Controller(0x20_1004), UART_INTERRUPT.into());
        assert!(!line.notifies(1));
    }

    /// SBI 3.0, "Debug Console Extension", `sbi_debug_console_read`: a guest that has no driver for the UART reads what
    /// is typed.
    #[test]
    fn what_is_typed_is_read_by_calls_in_order() {
        let mut line = line();
        line.type_in(b"abcdefghijklmnopqrstuvwxyz");
        let read: Vec<u8> = core::iter::from_fn(|| line.take_typed()).collect();
        assert_eq!(read, b"abcdefghijklmnopqrstuvwxyz");
    }

    #[test]
    fn a_level_falls_when_the_receiver_is_empty_before_more_comes() {
        let mut line = Line::new(2, Aia::Aplic);
        // the UART's source by rising edges, for the first hart, at priority 1: AIA 1.0, "Source configurations"
        use arch::aplic::{DOMAINCFG, IDC, IDELIVERY, IE, SETIENUM, SOURCECFG, TARGET};
        let behind = 4 * (u64::from(UART_INTERRUPT) - 1);
        line.write(Register::Controller(SOURCECFG.start + behind), cores::aplic::Mode::Edge1 as u64);
        line.write(Register::Controller(TARGET.start + behind), 1);
        line.write(Register::Controller(SETIENUM), UART_INTERRUPT.into());
        line.write(Register::Controller(DOMAINCFG), IE.into());
        line.write(Register::Controller(IDC + IDELIVERY), 1);
        line.write(IER, 1);
        line.type_in(b"ab");
        for byte in *b"ab" {
            assert_eq!(line.read(Register::Controller(IDC + arch::aplic::CLAIMI)) >> 16, u64::from(UART_INTERRUPT));
            assert_eq!(line.read(DATA), u64::from(byte));
        }
    }

    #[test]
    fn the_empty_transmitter_interrupts_once_for_each_byte() {
        let mut line = line();
        line.write(IER, 2);
        for _ in 0..3 {
            assert_eq!(line.read(Register::Controller(0x20_1004)), u64::from(UART_INTERRUPT));
            line.write(Register::Controller(0x20_1004), UART_INTERRUPT.into());
            assert!(!line.notifies(1));
            line.write(DATA, b'a'.into());
        }
    }

    #[test]
    fn a_register_that_interrupts_nobody_changes_nothing() {
        let mut line = line();
        assert!(line.take_changed() && !line.take_changed());
        line.write(Register::Uart(7), 0x55);
        assert_eq!((line.read(Register::Uart(7)), line.take_changed()), (0x55, false));
        line.write(IER, 1);
        line.type_in(b"x");
        assert!(line.take_changed());
    }

    #[test]
    fn output_is_shown_by_lines() {
        let mut line = line();
        b"no".iter().for_each(|&byte| line.write(DATA, byte.into()));
        assert_eq!(line.whole(), None);
        line.write(DATA, b'\n'.into());
        assert_eq!(line.whole(), Some(b"no\n".to_vec()));
        (0..KEPT_BYTES).for_each(|_| line.write(DATA, b'x'.into()));
        assert_eq!(line.whole().map(|bytes| bytes.len()), Some(KEPT_BYTES));
    }

    #[test]
    fn a_guest_that_reads_nothing_costs_no_memory() {
        let mut line = line();
        (0..100).for_each(|_| line.type_in(&[0; 100]));
        assert!(line.typed.len() <= BACKLOG_BYTES);
    }
}
