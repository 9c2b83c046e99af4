//! Device registers: UART, PLIC, CLINT, SSWI, RTC and finisher, in a bus, with what comes in from outside.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arbitrary::{Result, Unstructured};
use arch::{Interrupt, Phys};
use bus::{Bus, InterruptController, IrqLine, IrqSink, SharedDevice};
use devices::rtc::TimeOfDay;
use devices::uart16550::BACKLOG_BYTES;
use devices::{Clint, Contexts, Finisher, Part, Plic, PowerSwitch, Rtc, Sswi, Uart16550};
use vcpu::{Clock, HartPins};

use super::{Target, with};

pub const TARGET: Target = Target {
    name: "devices",
    what: "registers of UART, PLIC, CLINT, SSWI, RTC and finisher",
    run: |input| with(input, run),
    seeds,
};

const HARTS: usize = 2;
const SOURCES: u32 = 95;
const UART_LINE: u32 = 10;
const RTC_LINE: u32 = 11;

/// Name, bytes and first address of each device.
const REGIONS: [(&str, u64, u64); 6] = [
    ("uart", 0x100, 0x1000_0000),
    ("plic", devices::plic::PLIC_BYTES, 0xc00_0000),
    ("clint", devices::aclint::CLINT_BYTES, 0x200_0000),
    ("sswi", devices::aclint::SWI_BYTES, 0x2f0_0000),
    ("rtc", 0x1000, 0x10_1000),
    ("finisher", 0x1000, 0x10_0000),
];
/// Where the PLIC's contexts have their claim registers, in the first page of each.
const CLAIM: u64 = 0xc20_0004;

fn seeds() -> Vec<Vec<u8>> {
    // writes to the first registers of every device, each followed by a read
    let step = |device: u8, at: u32, value: u32| {
        let write = [&[1, device, 2][..], &at.to_le_bytes(), &u64::from(value).to_le_bytes()].concat();
        let read = [&[0, device, 2][..], &at.to_le_bytes()].concat();
        [write, read].concat()
    };
    let all = |device| (0..16).flat_map(move |n| step(device, 4 * n, 1 << n)).collect();
    let interrupt = [step(1, 40, 7), step(1, 0x2000, 1 << 10), vec![3, 10, 1], step(1, 0x20_0004, 10)].concat();
    let typed = [step(0, 2, 1), step(0, 1, 1), b"\x02\x05hello".to_vec(), step(0, 0, 0)].concat();
    (0..6).map(all).chain([interrupt, typed]).collect()
}

struct Machine {
    pins: Vec<Arc<HartPins>>,
    plic: Arc<Plic>,
    clock: Arc<Clock>,
    nanos: Arc<AtomicU64>,
    uart: Arc<Mutex<Uart16550>>,
    rtc: Arc<Mutex<Rtc>>,
    power: Arc<PowerSwitch>,
    bus: Bus,
}

impl Machine {
    fn new() -> Machine {
        let pins: Vec<_> = (0..HARTS).map(|_| HartPins::new()).collect();
        let plic = Plic::new(SOURCES, Contexts::MachineAndSupervisor, &pins);
        let (clock, nanos) = (Arc::new(Clock::virtual_time()), Arc::new(AtomicU64::new(0)));
        let line = |number| IrqLine::new(plic.clone(), number);
        let uart = Arc::new(Mutex::new(Uart16550::new(Box::new(|_| ()), line(UART_LINE))));
        let time = nanos.clone();
        let time = TimeOfDay::Virtual(Box::new(move || time.load(Ordering::Relaxed)));
        let rtc = Arc::new(Mutex::new(Rtc::new(time, line(RTC_LINE))));
        let power = PowerSwitch::new(pins.clone());
        let registers: [SharedDevice; 6] = [
            uart.clone(),
            Arc::new(Mutex::new(plic.registers())),
            Arc::new(Mutex::new(Clint::new(clock.clone(), pins.clone()))),
            Arc::new(Mutex::new(Sswi::new(pins.clone()))),
            rtc.clone(),
            Arc::new(Mutex::new(Finisher::new(power.clone()))),
        ];
        let bus = Bus::default();
        for ((name, len, base), device) in REGIONS.into_iter().zip(registers) {
            bus.map(name, Phys(base), len, device).expect("the regions do not overlap");
        }
        Machine { pins, plic, clock, nanos, uart, rtc, power, bus }
    }

    /// An address in a device, and a width that ends in it too.
    fn place(input: &mut Unstructured) -> Result<(Phys, usize)> {
        let &(_, len, base) = input.choose(&REGIONS)?;
        let bytes = 1 << input.int_in_range(0..=3)?;
        let offset = u64::from(input.arbitrary::<u32>()?) % (len - bytes + 1);
        Ok((Phys(base + offset), bytes as usize))
    }

    fn step(&mut self, input: &mut Unstructured) -> Result<()> {
        match input.int_in_range(0..=7)? {
            0 => self.read(input)?,
            1 => {
                let (at, bytes) = Machine::place(input)?;
                self.bus.write(at, &input.arbitrary::<[u8; 8]>()?[..bytes]).expect("it is within a device");
            }
            2 => {
                let len = input.arbitrary::<u8>()?.into();
                let typed = input.bytes(input.len().min(len))?;
                let mut uart = self.uart.lock().expect("nothing panicked");
                let taken = uart.push_input(typed);
                assert!(taken <= typed.len() && uart.input_room() <= BACKLOG_BYTES);
            }
            3 => self.plic.set_level(input.arbitrary::<u8>()?.into(), input.arbitrary()?),
            4 => {
                self.clock.advance(input.arbitrary()?);
                self.nanos.store(input.arbitrary()?, Ordering::Relaxed);
            }
            5 => _ = self.rtc.lock().expect("nothing panicked").poll(),
            6 => self.reset(),
            _ => self.pins.iter().for_each(|pins| {
                let _ = (pins.take_ssip(), pins.take_attention());
            }),
        }
        let _ = self.power.take();
        Ok(())
    }

    fn read(&mut self, input: &mut Unstructured) -> Result<()> {
        let (at, bytes) = Machine::place(input)?;
        let mut data = [0; 8];
        self.bus.read(at, &mut data[..bytes]).expect("it is within a device");
        let is_claim = bytes == 4 && at.0 >= CLAIM && (at.0 - CLAIM).is_multiple_of(0x1000) && at.0 < 0xc60_0000;
        assert!(!is_claim || u64::from_le_bytes(data) <= SOURCES.into(), "{at:?}: {data:?} was claimed");
        Ok(())
    }

    /// After a reset no external interrupt is left.
    fn reset(&mut self) {
        self.uart.lock().expect("nothing panicked").reset();
        self.rtc.lock().expect("nothing panicked").reset();
        self.plic.reset();
        let external = Interrupt::MachineExternal.bit() | Interrupt::SupervisorExternal.bit();
        assert!(self.pins.iter().all(|pins| pins.levels() & external == 0));
    }
}

fn run(input: &mut Unstructured) -> Result<()> {
    let mut machine = Machine::new();
    while !input.is_empty() {
        machine.step(input)?;
    }
    machine.reset();
    Ok(())
}
