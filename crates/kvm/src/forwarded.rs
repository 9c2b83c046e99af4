//! SBI calls that the kernel forwards: the console, new (DBCN) and legacy, and probes of extensions that user space
//! could have.

use std::sync::{Arc, Mutex, PoisonError};

use memory::Ram;
use sbi::function::{Base, Legacy};
use sbi::{Call, Console, Error, Function, SbiRet, console};

/// Answers what the kernel leaves to user space.
pub struct Sbi {
    ram: Ram,
    console: Arc<Mutex<dyn Console>>,
}

impl Sbi {
    /// Answers without a console.
    pub fn new(ram: Ram) -> Self {
        Sbi { ram, console: Arc::new(Mutex::new(())) }
    }

    /// Names the terminal.
    pub fn set_console(&mut self, console: Arc<Mutex<dyn Console>>) {
        self.console = console;
    }

    /// Answers one call.
    pub fn call(&self, call: &Call) -> SbiRet {
        let mut console = self.console.lock().unwrap_or_else(PoisonError::into_inner);
        match call.function() {
            Some(Function::Legacy(Legacy::ConsolePutchar)) => legacy(console::putchar(call.args[0], &mut *console)),
            Some(Function::Legacy(Legacy::ConsoleGetchar)) => legacy(console::getchar(&mut *console)),
            Some(Function::Dbcn(function)) => console::answer(function, &call.args, &self.ram, &mut *console).into(),
            // Of vendors' and experimental extensions the kernel asks here: there are none ("returns 0 if [...] not
            // available").
            Some(Function::Base(Base::ProbeExtension)) => Ok(0).into(),
            _ => Err(Error::NotSupported).into(),
        }
    }
}

/// A legacy call returns in `a0` alone.
fn legacy(result: u64) -> SbiRet {
    SbiRet { error: result as i64, value: 0 }
}

#[cfg(test)]
mod tests {
    use arch::Phys;
    use sbi::function::Dbcn;

    use super::*;

    const BASE: u64 = 0x8000_0000;

    #[derive(Default)]
    struct Terminal {
        shown: Vec<u8>,
        typed: Vec<u8>,
    }

    impl Console for Terminal {
        fn write(&mut self, bytes: &[u8]) -> usize {
            self.shown.extend_from_slice(bytes);
            bytes.len()
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

    fn debug_console(function: Dbcn, a0: u64, a1: u64, a2: u64) -> Call {
        let (eid, fid) = Function::from(function).ids();
        Call { eid, fid, args: [a0, a1, a2, 0, 0, 0] }
    }

    #[test]
    fn a_long_text_is_shown_whole() {
        let (sbi, ram, terminal) = sbi();
        let text: Vec<u8> = (0..10_000u32).map(|i| i as u8).collect();
        ram.write_bytes(0x10, &text).unwrap();
        let answer = sbi.call(&debug_console(Dbcn::ConsoleWrite, 10_000, BASE + 0x10, 0));
        assert_eq!((answer.error, answer.value), (0, 10_000));
        assert_eq!(terminal.lock().unwrap().shown, text);
    }

    #[test]
    fn a_buffer_outside_ram_is_an_invalid_parameter() {
        let (sbi, ..) = sbi();
        for (len, low, high) in [(1, BASE - 1, 0), (0x4001, BASE, 0), (u64::MAX, BASE + 1, 0), (1, BASE, 1)] {
            assert_eq!(sbi.call(&debug_console(Dbcn::ConsoleWrite, len, low, high)).error, Error::InvalidParam as i64);
            assert_eq!(sbi.call(&debug_console(Dbcn::ConsoleRead, len, low, high)).error, Error::InvalidParam as i64);
        }
    }

    #[test]
    fn what_was_typed_is_read_once() {
        let (sbi, ram, terminal) = sbi();
        terminal.lock().unwrap().typed = b"ab".to_vec();
        assert_eq!(sbi.call(&debug_console(Dbcn::ConsoleRead, 8, BASE, 0)).value, 2);
        assert_eq!(sbi.call(&debug_console(Dbcn::ConsoleRead, 8, BASE, 0)).value, 0);
        assert_eq!(ram.load_u16(0), Some(u16::from_le_bytes(*b"ab")));
    }

    #[test]
    fn a_vendors_extension_is_not_there_which_is_no_error() {
        let (sbi, ..) = sbi();
        let (eid, fid) = Function::from(Base::ProbeExtension).ids();
        let answer = sbi.call(&Call { eid, fid, args: [0x0a00_0001, 0, 0, 0, 0, 0] });
        assert_eq!((answer.error, answer.value), (0, 0));
    }

    #[test]
    fn an_unknown_extension_is_not_supported() {
        let (sbi, ..) = sbi();
        assert_eq!(sbi.call(&Call { eid: 0x0a00_0000, fid: 0, args: [0; 6] }).error, Error::NotSupported as i64);
    }
}
