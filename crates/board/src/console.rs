//! The machine's terminal: what the serial port sends and receives.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use devices::Uart16550;
use sbi::Console;

/// The serial port as a firmware uses it for the SBI console: through its registers.
#[derive(Clone)]
pub struct Terminal(Arc<Mutex<Uart16550>>);

impl Terminal {
    pub(crate) fn new(uart: Arc<Mutex<Uart16550>>) -> Self {
        Terminal(uart)
    }
}

impl Console for Terminal {
    fn write(&mut self, bytes: &[u8]) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).transmit(bytes);
        bytes.len()
    }

    /// Nothing was typed as far as anybody can tell while another writes, who may wait long.
    fn read(&mut self, into: &mut [u8]) -> usize {
        let Some(mut uart) = at_once(&self.0) else { return 0 };
        let typed = std::iter::from_fn(|| uart.receive());
        into.iter_mut().zip(typed).map(|(place, byte)| *place = byte).count()
    }
}

/// Locks what nobody else has locked.
pub(crate) fn at_once<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
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
