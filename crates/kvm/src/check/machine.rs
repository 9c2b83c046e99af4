//! A machine of a check: RAM, one device, and vCPUs.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use arch::Phys;
use bus::{Bus, Device};
use memory::Ram;
use sbi::Console;
use vcpu::{Exit, HartPins, Reg, SystemEvent, Vcpu};

use super::guests::END;
use super::{Failure, Outcome};
use crate::{KvmVcpu, Options, Vm};

/// The start of RAM, where guests begin.
pub const RAM: Phys = Phys(0x8000_0000);
/// The device's registers.
pub const DEVICE: Phys = Phys(0x1000_0000);
/// How long a check may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the guest talks to: what was written last to each register of eight bytes, and how often to each of four.
#[derive(Default)]
pub struct Registers {
    values: [AtomicU64; 16],
    counts: [AtomicU64; 32],
}

impl Registers {
    /// What was written last to the eight bytes at `offset`.
    pub fn value(&self, offset: u64) -> u64 {
        self.values[offset as usize / 8].load(Ordering::Acquire)
    }

    /// Makes the eight bytes at `offset` read so.
    pub fn set(&self, offset: u64, value: u64) {
        self.values[offset as usize / 8].store(value, Ordering::Release);
    }

    /// How often the four bytes at `offset` were written to.
    pub fn count(&self, offset: u64) -> u64 {
        self.counts[offset as usize / 4].load(Ordering::Acquire)
    }

    /// Waits until `value` is written to `offset`.
    pub fn wait(&self, offset: u64, value: u64) -> Result<(), Failure> {
        let begin = Instant::now();
        while self.value(offset) != value {
            if begin.elapsed() > PATIENCE {
                return Err(format!("the guest did not write {value:#x} to {offset:#x}").into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

/// The device on the bus.
struct Mapped(Arc<Registers>);

impl Device for Mapped {
    fn read(&mut self, offset: u64, data: &mut [u8]) {
        let value = self.0.value(offset % 128) >> (offset % 8 * 8);
        data.iter_mut().zip(value.to_le_bytes()).for_each(|(byte, there)| *byte = there);
    }

    fn write(&mut self, offset: u64, data: &[u8]) {
        let (offset, within) = (offset % 128, offset as usize % 8);
        let mut bytes = self.0.value(offset).to_le_bytes();
        bytes[within..].iter_mut().zip(data).for_each(|(byte, written)| *byte = *written);
        self.0.counts[offset as usize / 4].fetch_add(1, Ordering::AcqRel);
        self.0.set(offset, u64::from_le_bytes(bytes));
    }
}

/// What the guest says by its SBI console.
#[derive(Default)]
struct Said(Vec<u8>);

impl Console for Said {
    fn write(&mut self, bytes: &[u8]) -> usize {
        self.0.extend_from_slice(bytes);
        bytes.len()
    }

    fn read(&mut self, _into: &mut [u8]) -> usize {
        0
    }
}

/// The machine.
pub struct Machine {
    pub vm: Vm,
    pub ram: Ram,
    pub device: Arc<Registers>,
    pub harts: Vec<KvmVcpu>,
    pub pins: Vec<Arc<HartPins>>,
    said: Arc<Mutex<Said>>,
}

impl Machine {
    /// One with so many harts, that begins with `program` and then powers off.
    pub fn new(program: &[u32], harts: u32, options: Options) -> Result<Machine, Failure> {
        let (device, said) = (Arc::new(Registers::default()), Arc::new(Mutex::new(Said::default())));
        let ram = Ram::new(RAM, 0x10_0000)?;
        let bus = Bus::default();
        bus.map("device", DEVICE, 0x80, Arc::new(Mutex::new(Mapped(device.clone()))))?;
        let vm = Vm::new(ram.clone(), Arc::new(bus), options)?;
        let pins: Vec<_> = (0..harts).map(|_| HartPins::new()).collect();
        let make = |(number, pins): (usize, &Arc<HartPins>)| {
            let mut hart = vm.vcpu(number as u32, pins.clone())?;
            hart.set_console(said.clone());
            Ok::<_, Failure>(hart)
        };
        let harts = pins.iter().enumerate().map(make).collect::<Result<_, _>>()?;
        let mut machine = Machine { vm, ram, device, harts, pins, said };
        machine.load(0, program);
        machine.load(4 * program.len() as u64, END);
        machine.begin();
        Ok(machine)
    }

    /// Puts a program into memory.
    pub fn load(&self, at: u64, program: &[u32]) {
        for (index, word) in program.iter().enumerate() {
            self.ram.store_u32(at + 4 * index as u64, *word);
        }
    }

    /// Has the first hart begin at the start of RAM.
    pub fn begin(&mut self) {
        self.harts[0].set_reg(Reg::Pc, RAM.0);
        self.harts[0].set_reg(Reg::X(10), 0);
    }

    /// What was said by the SBI console.
    pub fn said(&self) -> Vec<u8> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// Runs all harts until the first powers off, and `helper` beside them.
    pub fn run_beside(&mut self, helper: impl FnOnce(&Registers) -> Outcome + Send) -> Outcome {
        let (device, pins, begin) = (self.device.clone(), self.pins.clone(), Instant::now());
        let over = &AtomicBool::new(false);
        let late = || begin.elapsed() > PATIENCE;
        let live = |hart: &mut KvmVcpu| {
            while !over.load(Ordering::Acquire) {
                match hart.run(0) {
                    Exit::Quantum if late() => return Err("the guest did not power off".into()),
                    Exit::Quantum => {}
                    Exit::System(SystemEvent::Shutdown) => break,
                    other => return Err(format!("{other:?}: {}", hart.halt_reason().unwrap_or_default()).into()),
                }
            }
            Ok(())
        };
        let end = || {
            over.store(true, Ordering::Release);
            pins.iter().for_each(|pins| pins.kick());
        };
        thread::scope(|scope| {
            let watch = scope.spawn(|| {
                while !over.load(Ordering::Acquire) && !late() {
                    thread::sleep(Duration::from_millis(20));
                }
                pins.iter().for_each(|pins| pins.kick());
            });
            let helper = scope.spawn(move || helper(&device));
            let lives: Vec<_> = self
                .harts
                .iter_mut()
                .map(|hart| {
                    scope.spawn(|| {
                        let lived: Outcome = live(hart);
                        end();
                        lived
                    })
                })
                .collect();
            let ended: Vec<Outcome> = lives.into_iter().map(joined).collect();
            end();
            let _ = watch.join();
            joined(helper)?;
            ended.into_iter().collect()
        })
    }

    /// Runs the first hart, until it wants something.
    pub fn run_one(&mut self) -> Result<Exit, Failure> {
        let (pins, done) = (self.pins[0].clone(), AtomicBool::new(false));
        let begin = Instant::now();
        let late = || begin.elapsed() > PATIENCE;
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Acquire) && !late() {
                    thread::sleep(Duration::from_millis(5));
                }
                pins.kick();
            });
            let exit = std::iter::repeat_with(|| self.harts[0].run(0)).find(|exit| *exit != Exit::Quantum || late());
            done.store(true, Ordering::Release);
            exit.filter(|exit| *exit != Exit::Quantum).ok_or_else(|| "the guest does not come back".into())
        })
    }

    /// Runs all harts until the first powers off.
    pub fn run(&mut self) -> Outcome {
        self.run_beside(|_| Ok(()))
    }
}

fn joined(thread: thread::ScopedJoinHandle<'_, Outcome>) -> Outcome {
    thread.join().unwrap_or_else(|_| Err("a thread of the check panicked".into()))
}
