//! The host-target interface of bare-metal test programs: two words in memory.
//!
//! Models what riscv-tests and riscv-arch-test use of it: the end of the run (an odd value), the console (device 1,
//! command 1) and, of the proxied system calls, `write`. Other calls are answered with -ENOSYS.

use std::sync::atomic::Ordering;

use arch::Phys;
use memory::Ram;
use sbi::Console;

const SYSCALL: u64 = 0;
const CONSOLE: u64 = 1;
const PUTCHAR: u64 = 1;
/// Linux's generic number of `write`.
const WRITE: u64 = 64;
const ENOSYS: i64 = 38;
/// Most bytes that one call writes.
const MOST_BYTES: u64 = 64 << 10;

/// The two words, by their offsets in RAM.
#[derive(Clone, Copy, Debug)]
pub struct Htif {
    to_host: u64,
    from_host: Option<u64>,
}

impl Htif {
    /// The interface of a program with these symbols; `None` for one that has no `tohost` in RAM.
    pub fn of(ram: &Ram, address: impl Fn(&str) -> Option<u64>) -> Option<Htif> {
        let offset = |name| ram.offset(Phys(address(name)?), 8);
        Some(Htif { to_host: offset("tohost")?, from_host: offset("fromhost") })
    }

    /// Does what the program asks for; answers the value that ends the run.
    pub fn poll(&self, ram: &Ram, console: &mut dyn Console) -> Option<u64> {
        let value = ram.load_u64(self.to_host).filter(|&value| value != 0)?;
        match (value >> 56, value >> 48 & 0xff) {
            (SYSCALL, _) if value & 1 != 0 => return Some(value),
            (SYSCALL, _) => answer(ram, value, console),
            (CONSOLE, PUTCHAR) => _ = console.write(&[value as u8]),
            _ => {}
        }
        self.done(ram, value);
        None
    }

    /// Tells the program that its request was taken.
    fn done(&self, ram: &Ram, value: u64) {
        // Another hart may have ended the run meanwhile: that stays.
        match ram.cell_u64(self.to_host) {
            Some(cell) => _ = cell.compare_exchange(value.to_le(), 0, Ordering::SeqCst, Ordering::SeqCst),
            None => _ = ram.store_u64(self.to_host, 0),
        }
        if let Some(from_host) = self.from_host {
            let _ = ram.store_u64(from_host, value & !0xffff_ffff_ffff | 1);
        }
    }
}

/// A system call: number and arguments lie in memory at `at`, and the first of them becomes the answer.
fn answer(ram: &Ram, at: u64, console: &mut dyn Console) {
    let word = |n: u64| ram.load_u64(ram.offset(Phys(at.wrapping_add(8 * n)), 8)?);
    let (Some(WRITE), Some(from), Some(len)) = (word(0), word(2), word(3)) else {
        return put(ram, at, -ENOSYS);
    };
    let len = len.min(MOST_BYTES);
    let mut bytes = vec![0; len as usize];
    if let Some(offset) = ram.offset(Phys(from), len)
        && ram.read_bytes(offset, &mut bytes).is_some()
    {
        console.write(&bytes);
    }
    put(ram, at, len as i64);
}

fn put(ram: &Ram, at: u64, value: i64) {
    if let Some(offset) = ram.offset(Phys(at), 8) {
        let _ = ram.store_u64(offset, value as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Shown(Vec<u8>);

    impl Console for Shown {
        fn write(&mut self, bytes: &[u8]) -> usize {
            self.0.extend_from_slice(bytes);
            bytes.len()
        }
        fn read(&mut self, _into: &mut [u8]) -> usize {
            0
        }
    }

    const BASE: u64 = 0x8000_0000;

    fn htif() -> (Ram, Htif, Shown) {
        let ram = Ram::new(Phys(BASE), 0x1000).unwrap();
        let address = |name: &str| match name {
            "tohost" => Some(BASE),
            "fromhost" => Some(BASE + 8),
            _ => None,
        };
        let htif = Htif::of(&ram, address).unwrap();
        (ram, htif, Shown::default())
    }

    #[test]
    fn an_odd_value_ends_the_run() {
        let (ram, htif, mut shown) = htif();
        assert_eq!(htif.poll(&ram, &mut shown), None);
        ram.store_u64(0, 7).unwrap();
        assert_eq!(htif.poll(&ram, &mut shown), Some(7));
    }

    #[test]
    fn a_character_is_shown_and_acknowledged() {
        let (ram, htif, mut shown) = htif();
        ram.store_u64(0, CONSOLE << 56 | PUTCHAR << 48 | u64::from(b'x')).unwrap();
        assert_eq!(htif.poll(&ram, &mut shown), None);
        assert_eq!((shown.0.as_slice(), ram.load_u64(0)), (&b"x"[..], Some(0)));
    }

    #[test]
    fn a_write_is_shown_and_answered_with_its_length() {
        let (ram, htif, mut shown) = htif();
        [WRITE, 1, BASE + 0x80, 2].iter().enumerate().for_each(|(n, &word)| {
            ram.store_u64(0x40 + 8 * n as u64, word).unwrap();
        });
        ram.write_bytes(0x80, b"ok").unwrap();
        ram.store_u64(0, BASE + 0x40).unwrap();
        assert_eq!(htif.poll(&ram, &mut shown), None);
        assert_eq!((shown.0.as_slice(), ram.load_u64(0x40), ram.load_u64(8)), (&b"ok"[..], Some(2), Some(1)));
    }

    #[test]
    fn a_request_that_points_nowhere_is_harmless() {
        let (ram, htif, mut shown) = htif();
        for value in [2, u64::MAX >> 8 & !1, u64::MAX] {
            ram.store_u64(0, value).unwrap();
            assert_eq!(htif.poll(&ram, &mut shown), None, "{value:#x}");
        }
    }
}
