//! SBI calls with any arguments, by any hart that runs.

use std::cell::RefCell;
use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use arch::Isa;
use devices::PowerSwitch;
use firmware::Firmware;
use hart::Hart;
use memory::Ram;
use sbi::{Console, Extension, Function, register};
use vcpu::{EmulatedHart, HartPins, Reg, Vcpu};

use super::{Target, with};

pub const TARGET: Target =
    Target { name: "sbi", what: "SBI calls with any arguments", run: |input| with(input, run), seeds };

const BASE: u64 = 0x8000_0000;
const RAM_BYTES: u64 = 0x1_0000;
const HARTS: usize = 3;
/// The most negative error.
const LAST_ERROR: i64 = sbi::Error::DeniedLocked as i64;

/// Stands for any id.
const UNKNOWN: u32 = 0x1234_5678;

/// The ids of all extensions, every legacy one, and one that there is not.
fn extensions() -> Vec<u32> {
    Extension::ALL.iter().map(|&extension| extension as u32).chain(1..=15).chain([UNKNOWN]).collect()
}

fn seeds() -> Vec<Vec<u8>> {
    // every extension, its first functions, with small arguments
    let call =
        |extension: u8, function: u8| [&[0, extension, function][..], &[0, 1, 0, 1, 1, 0, 2, 0, 0, 3, 2, 0]].concat();
    (0..extensions().len() as u8).map(|e| (0..8).flat_map(|f| call(e, f)).collect()).collect()
}

/// Types one letter again and again.
struct Typist;

impl Console for Typist {
    fn write(&mut self, bytes: &[u8]) -> usize {
        assert!(bytes.len() < 1 << 20, "one call writes without end");
        bytes.len()
    }
    fn read(&mut self, into: &mut [u8]) -> usize {
        into.fill(b'x');
        into.len()
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
        let shared = kit::alone(Isa::ALL, kit::ram(RAM_BYTES));
        let pins: Vec<_> = (0..HARTS).map(|_| HartPins::new()).collect();
        let hart = |(id, pins): (u64, &Arc<HartPins>)| Hart::new(kit::one_of_many(&shared, id, pins));
        let harts: Vec<Hart> = (0..).zip(&pins).map(hart).collect();
        let ram = shared.ram;
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
        let eid = match *input.choose(&extensions())? {
            UNKNOWN => input.arbitrary()?,
            eid => eid,
        };
        let function = function(input)?;
        let args = (0..6).map(|_| argument(input)).collect::<Result<Vec<u64>>>()?;
        if self.firmware.runs(caller) {
            self.answer(caller, eid, function, &args);
        }
        let _ = self.power.take();
        Ok(())
    }

    fn answer(&mut self, caller: usize, eid: u32, fid: u64, args: &[u64]) {
        let hart = &mut self.harts[caller];
        let pc = hart.reg(Reg::Pc);
        hart.set_reg(Reg::X(register::A7), eid.into());
        hart.set_reg(Reg::X(register::A6), fid);
        args.iter().zip(register::A0..).for_each(|(&value, register)| hart.set_reg(Reg::X(register), value));
        let awaited = self.firmware.answer(caller, hart).awaited;
        let returned = self.harts[caller].reg(Reg::Pc) == pc.wrapping_add(4);
        let error = self.harts[caller].reg(Reg::X(register::A0)) as i64;
        let legacy = Extension::numbered(eid) == Some(Extension::Legacy);
        let right = legacy || (LAST_ERROR..=0).contains(&error);
        let name = Function::numbered(eid, fid).map_or("no function", Function::name);
        assert!(!returned || right, "{eid:#x}, {fid} ({name}), {args:x?} is answered with {error}");
        let requests = self.firmware.requests();
        self.harts
            .iter_mut()
            .enumerate()
            .for_each(|(number, hart)| requests.serve(number, hart as &mut dyn EmulatedHart));
        assert!(awaited.iter().all(|&awaited| requests.is_done(awaited)), "somebody waits for ever");
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
