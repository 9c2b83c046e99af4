//! Checks the engine on a riscv64 host with KVM: a bare S-mode guest that uses every way out of the guest.
//!
//! SBI console, MMIO both ways, the external interrupt while the guest sleeps in `wfi`, a kick while it spins, and
//! power off. Prints what the vCPU is and one line per step; exit status 0 when all came as expected.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{error, thread};

use arch::{Interrupt, Phys};
use bus::{Bus, Device};
use kvm::{Options, Vm};
use memory::Ram;
use sbi::Console;
use vcpu::{Exit, HartPins, Reg, SystemEvent, Vcpu};

const RAM: Phys = Phys(0x8000_0000);
const GREETING: &[u8] = b"greeting by DBCN";

/// The guest, at the start of RAM; the greeting is at 0x400.
#[rustfmt::skip]
const GUEST: [u32; 33] = [
    0x00000417, // auipc s0,0x0
    0x01000513, // li a0,16
    0x40040593, // add a1,s0,1024
    0x00000613, // li a2,0
    0x00000813, // li a6,0
    0x444248b7, // lui a7,0x44424
    0x34e8889b, // addw a7,a7,846
    0x00000073, // ecall
    0x100004b7, // lui s1,0x10000
    0x06d00293, // li t0,109
    0x00548023, // sb t0,0(s1)
    0x0044a303, // lw t1,4(s1)
    0x00648023, // sb t1,0(s1)
    0x20000293, // li t0,512
    0x10429073, // csrw sie,t0
    0x10500073, // wfi
    0x14402373, // csrr t1,sip
    0x00537333, // and t1,t1,t0
    0xfe030ae3, // beqz t1,3c
    0x06900313, // li t1,105
    0x00648023, // sb t1,0(s1)
    0x0084c303, // lbu t1,8(s1)
    0x010003b7, // lui t2,0x1000
    0xfff38393, // add t2,t2,-1
    0xfe039ee3, // bnez t2,5c
    0xfe0308e3, // beqz t1,54
    0x00000513, // li a0,0
    0x00000593, // li a1,0
    0x00000813, // li a6,0
    0x535258b7, // lui a7,0x53525
    0x3548889b, // addw a7,a7,852
    0x00000073, // ecall
    0x0000006f, // j 80
];

/// What the guest talks to: shows bytes written at 0, answers 'M' at 4 and the flag at 8.
struct Probe {
    seen: Arc<AtomicU8>,
    flag: Arc<AtomicBool>,
}

impl Device for Probe {
    fn read(&mut self, offset: u64, data: &mut [u8]) {
        data.fill(0);
        data[0] = match offset {
            4 => b'M',
            8 => u8::from(self.flag.load(Ordering::Acquire)),
            _ => 0,
        };
    }

    fn write(&mut self, offset: u64, data: &[u8]) {
        println!("guest wrote {:?} at {offset}", data[0] as char);
        self.seen.store(data[0], Ordering::Release);
    }
}

#[derive(Default)]
struct Capture(Vec<u8>);

impl Console for Capture {
    fn write(&mut self, bytes: &[u8]) -> usize {
        self.0.extend_from_slice(bytes);
        bytes.len()
    }

    fn read(&mut self, _into: &mut [u8]) -> usize {
        0
    }
}

fn main() -> ExitCode {
    match check() {
        Ok(()) => {
            println!("engine kvm: all steps passed");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("engine kvm: {error}");
            ExitCode::FAILURE
        }
    }
}

fn check() -> Result<(), Box<dyn error::Error>> {
    let (seen, flag) = (Arc::new(AtomicU8::new(0)), Arc::new(AtomicBool::new(false)));
    let ram = Ram::new(RAM, 0x10_0000)?;
    let bus = Bus::default();
    let probe = Probe { seen: seen.clone(), flag: flag.clone() };
    bus.map("probe", Phys(0x1000_0000), 0x100, Arc::new(Mutex::new(probe)))?;
    let vm = Vm::new(ram.clone(), Arc::new(bus), Options::default())?;
    let pins = HartPins::new();
    let mut hart = vm.vcpu(0, pins.clone())?;
    println!("vCPU: {:?}", hart.describe()?);
    let console = Arc::new(Mutex::new(Capture::default()));
    hart.set_console(console.clone());
    load(&ram);
    hart.set_reg(Reg::Pc, RAM.0);

    let helper = thread::spawn(move || interrupt_then_kick(&pins, &seen));
    expect("kicked while spinning", hart.run(0), Exit::Quantum)?;
    flag.store(true, Ordering::Release);
    expect("powered off", hart.run(0), Exit::System(SystemEvent::Shutdown))?;
    helper.join().map_err(|_| "the helper thread panicked")?;
    let said = console.lock().map_err(|_| "the console panicked")?.0.clone();
    if said != GREETING {
        return Err(format!("the SBI console got {said:?}").into());
    }
    Ok(())
}

fn load(ram: &Ram) {
    for (at, word) in GUEST.iter().enumerate() {
        ram.store_u32(4 * at as u64, *word);
    }
    ram.write_bytes(0x400, GREETING);
}

/// Raises the interrupt while the guest sleeps, and kicks while it spins.
fn interrupt_then_kick(pins: &HartPins, seen: &AtomicU8) {
    wait_for(seen, b'M');
    thread::sleep(Duration::from_millis(200));
    pins.set(Interrupt::SupervisorExternal, true);
    wait_for(seen, b'i');
    pins.set(Interrupt::SupervisorExternal, false);
    pins.kick();
}

fn wait_for(seen: &AtomicU8, byte: u8) {
    while seen.load(Ordering::Acquire) != byte {
        thread::sleep(Duration::from_millis(10));
    }
}

fn expect(step: &str, got: Exit, expected: Exit) -> Result<(), String> {
    if got != expected {
        return Err(format!("{step}: {got:?} instead of {expected:?}"));
    }
    println!("{step}");
    Ok(())
}
