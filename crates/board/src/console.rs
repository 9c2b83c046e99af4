//! The machine's terminal: what the serial port sends and receives.

use std::sync::{Arc, Mutex, PoisonError};

use bus::Device;
use devices::Uart16550;
use firmware::Console;

/// Register 0 of the UART: the byte received, or to be sent.
const DATA: u64 = 0;
/// Register 5 of the UART: the line's status; bit 0 says that a byte waits.
const LINE_STATUS: u64 = 5;
const DATA_READY: u8 = 1;

/// The serial port as a firmware uses it for the SBI console: through its registers.
pub struct Terminal(Arc<Mutex<Uart16550>>);

impl Terminal {
    pub(crate) fn new(uart: Arc<Mutex<Uart16550>>) -> Self {
        Terminal(uart)
    }
}

impl Console for Terminal {
    fn write(&mut self, bytes: &[u8]) {
        let mut uart = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.iter().for_each(|&byte| uart.write(DATA, &[byte]));
    }

    fn read(&mut self) -> Option<u8> {
        let mut uart = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut byte = [0];
        uart.read(LINE_STATUS, &mut byte);
        (byte[0] & DATA_READY != 0).then(|| {
            uart.read(DATA, &mut byte);
            byte[0]
        })
    }
}

/// The keyboard: pushes what is typed into the serial port. Usable from any thread.
#[derive(Clone)]
pub struct Keyboard(Arc<Mutex<Uart16550>>);

impl Keyboard {
    pub(crate) fn new(uart: Arc<Mutex<Uart16550>>) -> Self {
        Keyboard(uart)
    }

    /// Types `bytes`. Answers how many were taken; offer the rest later.
    pub fn type_in(&self, bytes: &[u8]) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_input(bytes)
    }
}
