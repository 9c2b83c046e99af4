//! SBI calls with any arguments, by any hart that runs.

use std::cell::RefCell;
use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use arch::{Isa, Phys};
use bus::Bus;
use devices::PowerSwitch;
use firmware::{Console, Firmware, eid};
use hart::{Hart, HartParts};
use memory::Ram;
use privileged::Config;
use vcpu::{Clock, FullHart, HartPins, Reg, Vcpu};

use super::{Target, with};

pub const TARGET: Target =
    Target { name: "sbi", what: "SBI calls with any arguments", run: |input| with(input, run), seeds };

const BASE: u64 = 0x8000_0000;
const RAM_BYTES: u64 = 0x1_0000;
const HARTS: usize = 3;
/// Most negative error of SBI 3.0, "Standard SBI Errors".
const LAST_ERROR: i64 = -14;

const EXTENSIONS: [u32; 15] = [
    eid::LEGACY_SET_TIMER,
    eid::LEGACY_PUTCHAR,
    eid::LEGACY_GETCHAR,
    eid::LEGACY_SHUTDOWN,
    eid::BASE,
    eid::TIME,
    eid::IPI,
    eid::RFENCE,
    eid::HSM,
    eid::SRST,
    eid::PMU,
    eid::DBCN,
    eid::SUSP,
    3,
    0x1234_5678,
];

fn seeds() -> Vec<Vec<u8>> {
    // every extension, its first functions, with small arguments
    let call =
        |extension: u8, function: u8| [&[0, extension, function][..], &[0, 1, 0, 1, 1, 0, 2, 0, 0, 3, 2, 0]].concat();
    (0..EXTENSIONS.len() as u8).map(|e| (0..8).flat_map(|f| call(e, f)).collect()).collect()
}

/// Types one letter again and again.
struct Typist;

impl Console for Typist {
    fn write(&mut self, bytes: &[u8]) {
        assert!(bytes.len() < 1 << 20, "one call writes without end");
    }
    fn read(&mut self) -> Option<u8> {
        Some(b'x')
    }
}

thread_local! {
    static MACHINE: RefCell<Machine> = RefCell::new(Machine::new());
}

struct Machine {
    ram: Ram,
    firmware: Firmware,
    harts: Vec<Hart>,
    power: Arc<PowerSwitch>,
}

impl Machine {
    fn new() -> Machine {
        let ram = Ram::new(Phys(BASE), RAM_BYTES).expect("the host has a little memory");
        let pins: Vec<_> = (0..HARTS).map(|_| HartPins::new()).collect();
        let (bus, clock) = (Arc::new(Bus::default()), Arc::new(Clock::virtual_time()));
        let hart = |(id, pins): (usize, &Arc<HartPins>)| {
            let config = Config::new(Isa::ALL, id as u64);
            let (ram, bus, clock, pins) = (ram.clone(), bus.clone(), clock.clone(), pins.clone());
            Hart::new(HartParts { config, ram, bus, clock, pins, alone: false, crowded: false })
        };
        let harts: Vec<Hart> = pins.iter().enumerate().map(hart).collect();
        let power = PowerSwitch::new(pins.clone());
        let firmware = Firmware::new(pins, Isa::ALL, ram.clone(), power.clone(), Box::new(Typist));
        Machine { ram, firmware, harts, power }
    }

    /// As after power-on: a new machine would cost a thousand times as much.
    fn boot(&mut self) {
        self.harts.iter_mut().for_each(|hart| hart.reset_machine(BASE));
        self.ram.write_bytes(0, &[0; RAM_BYTES as usize]).expect("it is in RAM");
        self.firmware.boot(&mut self.harts[0], BASE, BASE + 0x1000);
    }

    fn call(&mut self, input: &mut Unstructured) -> Result<()> {
        let caller = usize::from(input.arbitrary::<u8>()?) % HARTS;
        let &extension = input.choose(&EXTENSIONS)?;
        let extension = if extension == 0x1234_5678 { input.arbitrary()? } else { extension };
        let function = function(input)?;
        let args = (0..6).map(|_| argument(input)).collect::<Result<Vec<u64>>>()?;
        if self.firmware.runs(caller) {
            self.answer(caller, extension, function, &args);
        }
        let _ = self.power.take();
        Ok(())
    }

    fn answer(&mut self, caller: usize, extension: u32, function: u64, args: &[u64]) {
        let hart = &mut self.harts[caller];
        let pc = hart.reg(Reg::Pc);
        hart.set_reg(Reg::X(17), extension.into());
        hart.set_reg(Reg::X(16), function);
        args.iter().zip(10..).for_each(|(&value, register)| hart.set_reg(Reg::X(register), value));
        let awaited = self.firmware.answer(caller, hart).awaited;
        let returned = self.harts[caller].reg(Reg::Pc) == pc.wrapping_add(4);
        let error = self.harts[caller].reg(Reg::X(10)) as i64;
        let legacy = extension < eid::BASE;
        let right = legacy || (LAST_ERROR..=0).contains(&error);
        assert!(!returned || right, "{extension:#x}, {function}, {args:x?} is answered with {error}");
        let mail = self.firmware.mail();
        self.harts.iter_mut().enumerate().for_each(|(number, hart)| mail.serve(number, hart as &mut dyn FullHart));
        assert!(awaited.iter().all(|&ticket| mail.is_done(ticket)), "somebody waits for ever");
    }
}

fn run(input: &mut Unstructured) -> Result<()> {
    MACHINE.with_borrow_mut(|machine| {
        machine.boot();
        while !input.is_empty() {
            machine.call(input)?;
        }
        Ok(())
    })
}

fn function(input: &mut Unstructured) -> Result<u64> {
    let small: u8 = input.arbitrary()?;
    Ok(if small < 0xf0 { u64::from(small % 16) } else { input.arbitrary()? })
}

/// Hart masks, addresses in and around RAM, small and any numbers.
fn argument(input: &mut Unstructured) -> Result<u64> {
    Ok(match input.int_in_range(0..=5)? {
        0 => input.arbitrary::<u8>()?.into(),
        1 => BASE + u64::from(input.arbitrary::<u16>()?),
        2 => u64::from(input.arbitrary::<u8>()?).wrapping_neg(),
        3 => 1 << input.int_in_range(0..=63)?,
        4 => BASE + RAM_BYTES - u64::from(input.arbitrary::<u8>()?),
        _ => input.arbitrary()?,
    })
}
