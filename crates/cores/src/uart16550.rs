//! The registers of the UART.
//!
//! Models the register set of National Semiconductor's PC16550D, "Registers", with a line that transmits at once and
//! never errs. There is no time here, so the character time-out of the receive FIFO is immediate.

#[cfg(feature = "state")]
mod state;

use alloc::collections::VecDeque;

/// Depth of the receive FIFO, and of the holding register that stands for it when FIFOs are off.
const FIFO_DEPTH: usize = 16;

/// Interrupt enable register: the four sources.
mod ier {
    pub const RECEIVED: u8 = 1 << 0;
    pub const TRANSMIT_EMPTY: u8 = 1 << 1;
    pub const LINE_STATUS: u8 = 1 << 2;
    pub const MODEM_STATUS: u8 = 1 << 3;
    pub const ALL: u8 = 0x0f;
}

/// Interrupt identification register: values of bits 3:0, and the bits that say FIFOs are on.
mod iir {
    pub const MODEM_STATUS: u8 = 0x0;
    pub const NONE: u8 = 0x1;
    pub const TRANSMIT_EMPTY: u8 = 0x2;
    pub const RECEIVED: u8 = 0x4;
    pub const LINE_STATUS: u8 = 0x6;
    pub const TIMEOUT: u8 = 0xc;
    pub const FIFOS_ON: u8 = 0xc0;
}

mod fcr {
    pub const ENABLE: u8 = 1 << 0;
    pub const CLEAR_RECEIVE: u8 = 1 << 1;
    pub const TRIGGER: u8 = 0xc0;
}

mod lcr {
    pub const DLAB: u8 = 1 << 7;
}

mod mcr {
    pub const DTR: u8 = 1 << 0;
    pub const RTS: u8 = 1 << 1;
    pub const OUT1: u8 = 1 << 2;
    pub const OUT2: u8 = 1 << 3;
    pub const LOOPBACK: u8 = 1 << 4;
    pub const ALL: u8 = 0x1f;
}

/// Line status register.
#[allow(missing_docs, reason = "the names are the data sheet's")]
pub mod lsr {
    pub const DATA_READY: u8 = 1 << 0;
    pub const OVERRUN: u8 = 1 << 1;
    pub const TRANSMIT_EMPTY: u8 = 1 << 5;
    pub const IDLE: u8 = 1 << 6;
}

mod msr {
    pub const DELTA_RI: u8 = 1 << 2;
    pub const DELTAS: u8 = 0x0f;
    pub const CTS: u8 = 1 << 4;
    pub const DSR: u8 = 1 << 5;
    pub const RI: u8 = 1 << 6;
    pub const DCD: u8 = 1 << 7;
}

/// The register map: which register an offset names depends on DLAB and on the direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reg {
    Data,
    DivisorLow,
    InterruptEnable,
    DivisorHigh,
    InterruptIdOrFifoControl,
    LineControl,
    ModemControl,
    LineStatus,
    ModemStatus,
    Scratch,
}

/// Offset of the byte received, or to be sent.
pub const DATA: u64 = 0;
/// Offset of the line's status.
pub const LINE_STATUS: u64 = 5;

fn reg(offset: u64, dlab: bool) -> Option<Reg> {
    Some(match (offset, dlab) {
        (DATA, false) => Reg::Data,
        (0, true) => Reg::DivisorLow,
        (1, false) => Reg::InterruptEnable,
        (1, true) => Reg::DivisorHigh,
        (2, _) => Reg::InterruptIdOrFifoControl,
        (3, _) => Reg::LineControl,
        (4, _) => Reg::ModemControl,
        (LINE_STATUS, _) => Reg::LineStatus,
        (6, _) => Reg::ModemStatus,
        (7, _) => Reg::Scratch,
        _ => return None,
    })
}

/// What the interrupt output shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub enum Interrupt {
    /// Nothing pends.
    None,
    /// The transmitter's interrupt, and how often it went empty.
    Emptied(u64),
    /// Something else pends until the guest has seen to it.
    Level,
}

/// The UART's state: registers in, registers out, its interrupt, and the byte to send.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub struct Core {
    ier: u8,
    fcr: u8,
    lcr: u8,
    mcr: u8,
    scr: u8,
    divisor: [u8; 2],
    received: VecDeque<u8>,
    overrun: bool,
    /// The transmitter went empty and nobody has read that from the IIR.
    transmit_empty: bool,
    /// How often the transmitter went empty.
    emptied: u64,
    msr_deltas: u8,
    /// The guest took RTS back that it had given: it can take no more for now.
    held: bool,
}

impl Default for Core {
    /// After a master reset.
    fn default() -> Self {
        Core {
            ier: 0,
            fcr: 0,
            lcr: 0,
            mcr: 0,
            scr: 0,
            divisor: [12, 0],
            received: VecDeque::with_capacity(FIFO_DEPTH),
            overrun: false,
            transmit_empty: false,
            emptied: 0,
            msr_deltas: 0,
            held: false,
        }
    }
}

impl Core {
    /// Reads the register at `offset`, with its side effects.
    pub fn read(&mut self, offset: u64) -> u8 {
        match reg(offset, self.dlab()) {
            Some(Reg::Data) => self.received.pop_front().unwrap_or(0),
            Some(Reg::DivisorLow) => self.divisor[0],
            Some(Reg::InterruptEnable) => self.ier,
            Some(Reg::DivisorHigh) => self.divisor[1],
            Some(Reg::InterruptIdOrFifoControl) => self.read_iir(),
            Some(Reg::LineControl) => self.lcr,
            Some(Reg::ModemControl) => self.mcr,
            Some(Reg::LineStatus) => self.read_lsr(),
            Some(Reg::ModemStatus) => self.read_msr(),
            Some(Reg::Scratch) => self.scr,
            None => 0,
        }
    }

    /// Writes the register at `offset`; answers the byte that goes out on the line, if one does.
    pub fn write(&mut self, offset: u64, value: u8) -> Option<u8> {
        match reg(offset, self.dlab())? {
            Reg::Data => return self.transmit(value),
            Reg::DivisorLow => self.divisor[0] = value,
            Reg::InterruptEnable => self.write_ier(value),
            Reg::DivisorHigh => self.divisor[1] = value,
            Reg::InterruptIdOrFifoControl => self.write_fcr(value),
            Reg::LineControl => self.lcr = value,
            Reg::ModemControl => self.write_mcr(value),
            Reg::LineStatus | Reg::ModemStatus => {}
            Reg::Scratch => self.scr = value,
        }
        None
    }

    /// Bytes that come in before the guest has read some: as many as make up "its programmed trigger level" ("FIFO
    /// Interrupt Mode Operation"). On a line a character takes long enough for a guest to see to the interrupt of the
    /// one before, and the interrupt is "cleared as soon as the FIFO drops below" that level: a driver with level 1
    /// that reads one character for each interrupt gets one for each. None come in in loopback, where the line is
    /// disconnected, and none while a guest that uses RTS has taken it back ("Modem Control Register"). Many a program
    /// never gives it and reads all the same.
    pub fn room(&self) -> usize {
        match self.loopback() || self.held {
            true => 0,
            false => self.trigger_level().saturating_sub(self.received.len()),
        }
    }

    /// A byte comes in on the line. Without room it is lost and the overrun shows.
    pub fn receive(&mut self, byte: u8) {
        if self.received.len() < self.depth() {
            self.received.push_back(byte);
        } else {
            self.overrun = true;
        }
    }

    /// Lets what waits come in, as far as there is room, and has `drive` bring the interrupt output, where it shows
    /// something else than before, to its wire: a level, and whether an edge comes with it. A line takes time, so that
    /// what the guest has emptied is seen empty before more comes.
    ///
    /// The transmitter's interrupt goes out as an edge. As a level it comes for ever to a driver that never reads the
    /// IIR, and there are such (xv6 of 2022): QEMU's PLIC asks nobody for a level after completion.
    pub fn settle(&mut self, waiting: &mut VecDeque<u8>, shown: &mut Interrupt, mut drive: impl FnMut(bool, bool)) {
        let mut show = |now: Interrupt| {
            if now != core::mem::replace(shown, now) {
                drive(now == Interrupt::Level, matches!(now, Interrupt::Emptied(_)));
            }
        };
        show(self.interrupt());
        while self.room() > 0 {
            let Some(byte) = waiting.pop_front() else { break };
            self.receive(byte);
        }
        show(self.interrupt());
    }

    /// The interrupt output.
    pub fn interrupt(&self) -> Interrupt {
        match self.interrupt_id() {
            iir::NONE => Interrupt::None,
            iir::TRANSMIT_EMPTY => Interrupt::Emptied(self.emptied),
            _ => Interrupt::Level,
        }
    }

    fn dlab(&self) -> bool {
        self.lcr & lcr::DLAB != 0
    }

    fn loopback(&self) -> bool {
        self.mcr & mcr::LOOPBACK != 0
    }

    fn fifos_on(&self) -> bool {
        self.fcr & fcr::ENABLE != 0
    }

    fn depth(&self) -> usize {
        if self.fifos_on() { FIFO_DEPTH } else { 1 }
    }

    /// Bytes in the receive FIFO that count as "received data available".
    fn trigger_level(&self) -> usize {
        match (self.fifos_on(), self.fcr >> 6) {
            (false, _) | (true, 0) => 1,
            (true, 1) => 4,
            (true, 2) => 8,
            (true, _) => 14,
        }
    }

    /// The pending interrupt of the highest priority ("Interrupt Identification Register", Table IV).
    fn interrupt_id(&self) -> u8 {
        let enabled = |source| self.ier & source != 0;
        if enabled(ier::LINE_STATUS) && self.overrun {
            iir::LINE_STATUS
        } else if enabled(ier::RECEIVED) && self.received.len() >= self.trigger_level() {
            iir::RECEIVED
        } else if enabled(ier::RECEIVED) && !self.received.is_empty() {
            iir::TIMEOUT
        } else if enabled(ier::TRANSMIT_EMPTY) && self.transmit_empty {
            iir::TRANSMIT_EMPTY
        } else if enabled(ier::MODEM_STATUS) && self.msr_deltas != 0 {
            iir::MODEM_STATUS
        } else {
            iir::NONE
        }
    }

    /// Reading the IIR clears the transmitter's interrupt, if that is the one it shows.
    fn read_iir(&mut self) -> u8 {
        let id = self.interrupt_id();
        if id == iir::TRANSMIT_EMPTY {
            self.transmit_empty = false;
        }
        id | if self.fifos_on() { iir::FIFOS_ON } else { 0 }
    }

    fn read_lsr(&mut self) -> u8 {
        let ready = if self.received.is_empty() { 0 } else { lsr::DATA_READY };
        let overrun = if core::mem::take(&mut self.overrun) { lsr::OVERRUN } else { 0 };
        ready | overrun | lsr::TRANSMIT_EMPTY | lsr::IDLE
    }

    fn read_msr(&mut self) -> u8 {
        self.modem_lines() | core::mem::take(&mut self.msr_deltas)
    }

    /// A terminal is connected and ready; in loopback the modem outputs come back as its inputs.
    fn modem_lines(&self) -> u8 {
        if !self.loopback() {
            return msr::CTS | msr::DSR | msr::DCD;
        }
        [(mcr::RTS, msr::CTS), (mcr::DTR, msr::DSR), (mcr::OUT1, msr::RI), (mcr::OUT2, msr::DCD)]
            .into_iter()
            .filter(|(output, _)| self.mcr & output != 0)
            .fold(0, |lines, (_, input)| lines | input)
    }

    /// The transmitter is empty, again or at last seen to be.
    fn empty(&mut self) {
        self.transmit_empty = true;
        self.emptied = self.emptied.wrapping_add(1);
    }

    fn transmit(&mut self, byte: u8) -> Option<u8> {
        self.empty();
        if self.loopback() {
            self.receive(byte);
            return None;
        }
        Some(byte)
    }

    /// Enabling the transmitter's interrupt while it is empty raises it.
    fn write_ier(&mut self, value: u8) {
        if value & !self.ier & ier::TRANSMIT_EMPTY != 0 {
            self.empty();
        }
        self.ier = value & ier::ALL;
    }

    /// A change of the enable bit clears the FIFO; without it the other bits are not programmed.
    fn write_fcr(&mut self, value: u8) {
        let toggled = (value ^ self.fcr) & fcr::ENABLE != 0;
        let cleared = value & fcr::ENABLE != 0 && value & fcr::CLEAR_RECEIVE != 0;
        if toggled || cleared {
            self.received.clear();
        }
        self.fcr = if value & fcr::ENABLE != 0 { value & (fcr::ENABLE | fcr::TRIGGER) } else { 0 };
    }

    fn write_mcr(&mut self, value: u8) {
        let before = self.modem_lines();
        if value & mcr::LOOPBACK == 0 {
            let had = self.held || !self.loopback() && self.mcr & mcr::RTS != 0;
            self.held = had && value & mcr::RTS == 0;
        }
        self.mcr = value & mcr::ALL;
        let after = self.modem_lines();
        let changed = (before ^ after) >> 4 & msr::DELTAS & !msr::DELTA_RI;
        let trailing_ri = if before & !after & msr::RI != 0 { msr::DELTA_RI } else { 0 };
        self.msr_deltas |= changed | trailing_ri;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RBR_THR: u64 = 0;
    const IER: u64 = 1;
    const IIR_FCR: u64 = 2;
    const LCR: u64 = 3;
    const MCR: u64 = 4;
    const LSR: u64 = 5;
    const MSR: u64 = 6;
    const SCR: u64 = 7;

    fn with_fifo() -> Core {
        let mut uart = Core::default();
        uart.write(IIR_FCR, 0x01);
        uart
    }

    #[test]
    fn after_reset_the_transmitter_is_empty_and_no_interrupt_pends() {
        let mut uart = Core::default();
        assert_eq!(uart.read(LSR), 0x60);
        assert_eq!(uart.read(IIR_FCR), 0x01);
        assert_eq!(uart.read(MSR), 0xb0);
        assert_eq!(uart.interrupt(), Interrupt::None);
    }

    #[test]
    fn the_divisor_hides_behind_dlab() {
        let mut uart = Core::default();
        uart.write(LCR, 0x83);
        uart.write(0, 0x34);
        uart.write(1, 0x12);
        assert_eq!((uart.read(0), uart.read(1)), (0x34, 0x12));
        uart.write(LCR, 0x03);
        assert_eq!(uart.read(IER), 0);
        assert_eq!(uart.write(RBR_THR, b'x'), Some(b'x'));
    }

    #[test]
    fn the_transmit_interrupt_is_raised_by_enabling_and_cleared_by_reading_the_iir() {
        let mut uart = with_fifo();
        uart.write(IER, 0x02);
        assert_eq!(uart.interrupt(), Interrupt::Emptied(1));
        assert_eq!(uart.read(IIR_FCR), 0xc2);
        assert_eq!(uart.interrupt(), Interrupt::None);
        assert_eq!(uart.read(IIR_FCR), 0xc1);
        uart.write(IER, 0);
        uart.write(IER, 0x02);
        assert_eq!(uart.interrupt(), Interrupt::Emptied(2), "each enabling raises it (Linux tests for this)");
        uart.read(IIR_FCR);
        uart.write(RBR_THR, b'x');
        assert_eq!(uart.interrupt(), Interrupt::Emptied(3));
    }

    #[test]
    fn received_data_outranks_the_transmitter_and_ends_when_read() {
        let mut uart = with_fifo();
        uart.write(IER, 0x03);
        uart.receive(b'a');
        assert_eq!(uart.read(IIR_FCR), 0xc4);
        assert_eq!(uart.read(LSR) & 1, 1);
        assert_eq!(uart.read(RBR_THR), b'a');
        assert_eq!(uart.read(LSR) & 1, 0);
        assert_eq!(uart.read(IIR_FCR), 0xc2);
    }

    #[test]
    fn below_the_trigger_level_the_time_out_is_shown() {
        let mut uart = with_fifo();
        uart.write(IIR_FCR, 0x81);
        uart.write(IER, 0x01);
        uart.receive(b'a');
        assert_eq!(uart.read(IIR_FCR), 0xcc);
        (0..7).for_each(|_| uart.receive(b'b'));
        assert_eq!(uart.read(IIR_FCR), 0xc4);
    }

    #[test]
    fn a_seventeenth_byte_overruns() {
        let mut uart = with_fifo();
        uart.write(IER, 0x04);
        (0..16).for_each(|i| uart.receive(i));
        assert_eq!(uart.room(), 0);
        assert_eq!(uart.interrupt(), Interrupt::None);
        uart.receive(16);
        assert_eq!(uart.read(IIR_FCR), 0xc6);
        assert_eq!(uart.read(LSR) & 0x02, 0x02);
        assert_eq!(uart.read(LSR) & 0x02, 0);
        assert_eq!(uart.read(RBR_THR), 0);
    }

    #[test]
    fn clearing_the_fifo_drops_what_was_received() {
        let mut uart = with_fifo();
        uart.receive(b'a');
        uart.write(IIR_FCR, 0x07);
        assert_eq!(uart.read(LSR) & 1, 0);
    }

    #[test]
    fn loopback_returns_bytes_and_modem_lines() {
        let mut uart = with_fifo();
        uart.write(MCR, 0x10);
        assert_eq!(uart.write(RBR_THR, b'l'), None);
        assert_eq!(uart.read(RBR_THR), b'l');
        uart.read(MSR);
        uart.write(MCR, 0x1a);
        assert_eq!(uart.read(MSR), 0x90 | 0x09, "CTS and DCD, with their deltas");
        assert_eq!(uart.read(MSR), 0x90);
    }

    #[test]
    fn a_guest_that_takes_rts_back_receives_nothing_until_it_gives_it() {
        let mut uart = with_fifo();
        assert_eq!(uart.room(), 1, "RTS was never given; the trigger level is 1");
        uart.write(MCR, 0x03);
        uart.write(MCR, 0x01);
        assert_eq!(uart.room(), 0);
        uart.write(MCR, 0x00);
        assert_eq!(uart.room(), 0);
        uart.write(MCR, 0x02);
        assert_eq!(uart.room(), 1);
    }

    #[test]
    fn a_driver_that_looks_for_the_uart_in_loopback_gives_no_rts() {
        let mut uart = with_fifo();
        uart.write(MCR, 0x1a);
        uart.write(MCR, 0x00);
        assert_eq!(uart.room(), 1);
    }

    #[test]
    fn a_modem_status_change_interrupts_when_enabled() {
        let mut uart = with_fifo();
        uart.write(IER, 0x08);
        uart.write(MCR, 0x10);
        assert_eq!(uart.read(IIR_FCR), 0xc0);
        uart.read(MSR);
        assert_eq!(uart.interrupt(), Interrupt::None);
    }

    #[test]
    fn the_scratch_register_keeps_its_value() {
        let mut uart = Core::default();
        uart.write(SCR, 0xa5);
        assert_eq!(uart.read(SCR), 0xa5);
    }
}
