//! SBI calls that the kernel forwards: the console, new (DBCN) and legacy.

use std::sync::{Arc, Mutex};

use arch::Phys;
use memory::Ram;

use crate::SbiConsole;

/// Extension ids (SBI 2.0, Legacy Extensions and Debug Console Extension).
const LEGACY_PUTCHAR: u64 = 1;
const LEGACY_GETCHAR: u64 = 2;
const DEBUG_CONSOLE: u64 = 0x4442_434e;

/// Errors (SBI 2.0, Binary Encoding).
const NOT_SUPPORTED: i64 = -2;
const INVALID_PARAMETER: i64 = -3;

/// Bytes moved between guest memory and the console in one step.
const CHUNK_BYTES: usize = 4096;

/// An SBI call that the kernel forwarded.
pub struct SbiCall {
    /// Extension id (a7).
    pub extension: u64,
    /// Function id (a6).
    pub function: u64,
    /// a0 to a5.
    pub args: [u64; 6],
}

/// What goes back into a0 and a1.
pub struct Answer {
    /// a0: an SBI error, or a legacy call's result.
    pub error: i64,
    /// a1: a value.
    pub value: u64,
}

/// Answers what the kernel leaves to user space.
pub struct Sbi {
    ram: Ram,
    console: Option<Arc<Mutex<dyn SbiConsole>>>,
}

impl Sbi {
    /// Answers without a console: what is written is lost, and nothing is ever typed.
    pub fn new(ram: Ram) -> Self {
        Sbi { ram, console: None }
    }

    /// Names the terminal.
    pub fn set_console(&mut self, console: Arc<Mutex<dyn SbiConsole>>) {
        self.console = Some(console);
    }

    /// Answers one call.
    pub fn call(&self, call: &SbiCall) -> Answer {
        match (call.extension, call.function) {
            (LEGACY_PUTCHAR, _) => self.put_byte(call.args[0]),
            (LEGACY_GETCHAR, _) => self.legacy_getchar(),
            (DEBUG_CONSOLE, 0) => self.write(call),
            (DEBUG_CONSOLE, 1) => self.read(call),
            (DEBUG_CONSOLE, 2) => self.put_byte(call.args[0]),
            _ => Answer { error: NOT_SUPPORTED, value: 0 },
        }
    }

    fn put_byte(&self, byte: u64) -> Answer {
        self.show(&[byte as u8]);
        Answer { error: 0, value: 0 }
    }

    /// The legacy call returns its result in a0; -1 is "nothing typed".
    fn legacy_getchar(&self) -> Answer {
        let mut byte = [0];
        let typed = self.take(&mut byte);
        Answer { error: if typed == 0 { -1 } else { i64::from(byte[0]) }, value: 0 }
    }

    fn write(&self, call: &SbiCall) -> Answer {
        let Some((mut at, len)) = self.guest_range(call) else {
            return Answer { error: INVALID_PARAMETER, value: 0 };
        };
        let mut chunk = [0; CHUNK_BYTES];
        let end = at + len;
        while at < end {
            let part = &mut chunk[..CHUNK_BYTES.min((end - at) as usize)];
            if self.ram.read_bytes(at, part).is_none() {
                break;
            }
            self.show(part);
            at += part.len() as u64;
        }
        Answer { error: 0, value: len }
    }

    fn read(&self, call: &SbiCall) -> Answer {
        let Some((at, len)) = self.guest_range(call) else {
            return Answer { error: INVALID_PARAMETER, value: 0 };
        };
        let mut chunk = [0; CHUNK_BYTES];
        let typed = self.take(&mut chunk[..CHUNK_BYTES.min(len as usize)]);
        match self.ram.write_bytes(at, &chunk[..typed]) {
            Some(()) => Answer { error: 0, value: typed as u64 },
            None => Answer { error: INVALID_PARAMETER, value: 0 },
        }
    }

    /// Offset in RAM and length of the buffer in a0 (length), a1 and a2 (address, low and high XLEN bits).
    fn guest_range(&self, call: &SbiCall) -> Option<(u64, u64)> {
        let [len, low, high, ..] = call.args;
        if high != 0 {
            return None;
        }
        self.ram.offset(Phys(low), len).map(|at| (at, len))
    }

    fn show(&self, bytes: &[u8]) {
        if let Some(Ok(mut console)) = self.console.as_ref().map(|console| console.lock()) {
            console.write(bytes);
        }
    }

    fn take(&self, into: &mut [u8]) -> usize {
        match self.console.as_ref().map(|console| console.lock()) {
            Some(Ok(mut console)) => console.read(into).min(into.len()),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: u64 = 0x8000_0000;

    #[derive(Default)]
    struct Terminal {
        shown: Vec<u8>,
        typed: Vec<u8>,
    }

    impl SbiConsole for Terminal {
        fn write(&mut self, bytes: &[u8]) {
            self.shown.extend_from_slice(bytes);
        }

        fn read(&mut self, into: &mut [u8]) -> usize {
            let len = into.len().min(self.typed.len());
            into[..len].copy_from_slice(&self.typed[..len]);
            self.typed.drain(..len);
            len
        }
    }

    fn sbi() -> (Sbi, Ram, Arc<Mutex<Terminal>>) {
        let ram = Ram::new(Phys(BASE), 0x4000).unwrap();
        let terminal = Arc::new(Mutex::new(Terminal::default()));
        let mut sbi = Sbi::new(ram.clone());
        sbi.set_console(terminal.clone());
        (sbi, ram, terminal)
    }

    fn debug_console(function: u64, a0: u64, a1: u64, a2: u64) -> SbiCall {
        SbiCall { extension: DEBUG_CONSOLE, function, args: [a0, a1, a2, 0, 0, 0] }
    }

    #[test]
    fn a_long_text_is_shown_whole() {
        let (sbi, ram, terminal) = sbi();
        let text: Vec<u8> = (0..10_000u32).map(|i| i as u8).collect();
        ram.write_bytes(0x10, &text).unwrap();
        let answer = sbi.call(&debug_console(0, 10_000, BASE + 0x10, 0));
        assert_eq!((answer.error, answer.value), (0, 10_000));
        assert_eq!(terminal.lock().unwrap().shown, text);
    }

    #[test]
    fn a_buffer_outside_ram_is_an_invalid_parameter() {
        let (sbi, ..) = sbi();
        for (len, low, high) in [(1, BASE - 1, 0), (0x4001, BASE, 0), (u64::MAX, BASE + 1, 0), (1, BASE, 1)] {
            assert_eq!(sbi.call(&debug_console(0, len, low, high)).error, INVALID_PARAMETER);
            assert_eq!(sbi.call(&debug_console(1, len, low, high)).error, INVALID_PARAMETER);
        }
    }

    #[test]
    fn what_was_typed_is_read_once() {
        let (sbi, ram, terminal) = sbi();
        terminal.lock().unwrap().typed = b"ab".to_vec();
        assert_eq!(sbi.call(&debug_console(1, 8, BASE, 0)).value, 2);
        assert_eq!(sbi.call(&debug_console(1, 8, BASE, 0)).value, 0);
        assert_eq!(ram.load_u16(0), Some(u16::from_le_bytes(*b"ab")));
    }

    #[test]
    fn an_unknown_extension_is_not_supported() {
        let (sbi, ..) = sbi();
        assert_eq!(sbi.call(&SbiCall { extension: 0x0a00_0000, function: 0, args: [0; 6] }).error, NOT_SUPPORTED);
    }
}
