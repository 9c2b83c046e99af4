//! Checks of the host's KVM, and of this engine on it: guests of a few instructions that use every way out.
//!
//! `vhart kvm-check` runs them on any riscv64 Linux host. What the host has not is skipped, with the reason.

mod debugger;
mod guests;
mod log;
mod machine;
mod moves;
mod notices;
mod release;
mod signs;
mod sleep;
mod steal;

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arch::csr::seed;
use arch::{Interrupt, Phys};
use bus::{IrqSink, MsiSink, Unmapped};

use crate::{Aia, AiaMode, AiaPlan, Offer, Options};
use guests::{GREETING, GREETING_AT, SECOND_AT, SECOND_OPAQUE};
use machine::{Machine, Registers};

/// Why a check failed.
pub type Failure = Box<dyn Error + Send + Sync>;
type Outcome = Result<(), Failure>;

/// How a check ended.
#[derive(Debug)]
pub enum Verdict {
    /// As it should, with what there is to be told.
    Passed(String),
    /// The host has not what it is about.
    Skipped(String),
    /// Wrong by a fault that kernels like the host's are known for; later ones have none.
    Known(String),
    /// Otherwise.
    Failed(Failure),
}

type Checked = Result<Verdict, Failure>;

/// A check and its name.
type Check = (&'static str, fn() -> Checked);

const CHECKS: [Check; 18] = [
    ("ways out", ways_out),
    ("registers", registers),
    ("state", state),
    ("reset", reset),
    ("second hart", second_hart),
    ("forwarded calls", forwarded),
    ("entropy", entropy),
    ("sleep", sleep::wakes),
    ("debugger", debugger::stops),
    ("steal time", steal::grows),
    ("dirty log", log::tells),
    ("dirty log, again and again", log::lasts),
    ("notices", notices::pass),
    ("notices, each answered", notices::are_answered),
    ("signs of what devices hold", signs::come),
    ("AIA, emulated", || messages(AiaMode::Emul)),
    ("AIA, the processor's files", || messages(AiaMode::Hwaccel)),
    ("AIA, a sleeper whose thread moves", moves::are_survived),
];

/// Runs all checks, each told as it ends. Answers whether none failed.
///
/// # Errors
/// There is no KVM here, or it cannot be used.
pub fn run(tell: &mut dyn FnMut(&str, &Verdict)) -> Result<bool, crate::Error> {
    crate::info()?;
    let mut passed = true;
    for (name, check) in CHECKS {
        let verdict = check().unwrap_or_else(Verdict::Failed);
        passed &= !matches!(verdict, Verdict::Failed(_));
        tell(name, &verdict);
    }
    Ok(passed)
}

fn passed(what: impl Into<String>) -> Checked {
    Ok(Verdict::Passed(what.into()))
}

/// Fails unless `found` is what was expected.
fn expect<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Outcome {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:x?} instead of {expected:x?}").into()) }
}

/// SBI console, MMIO both ways, the external interrupt while the guest sleeps, a kick while it spins, power off.
fn ways_out() -> Checked {
    let mut machine = Machine::new(guests::WAYS_OUT, 1, Options::default())?;
    machine.ram.write_bytes(GREETING_AT, GREETING);
    let (above, written) = (u64::from(b'M') << 32, u64::from);
    machine.device.set(0, above);
    let pins = machine.pins[0].clone();
    machine.run_beside(|device| {
        device.wait(0, above | written(b'M'))?;
        std::thread::sleep(Duration::from_millis(50));
        pins.set(Interrupt::SupervisorExternal, true);
        device.wait(0, above | written(b'i'))?;
        pins.set(Interrupt::SupervisorExternal, false);
        pins.kick();
        std::thread::sleep(Duration::from_millis(20));
        device.set(8, 1);
        Ok(())
    })?;
    expect("the SBI console", machine.said().as_slice(), GREETING)?;
    passed("console, MMIO, interrupt, kick, power off")
}

/// All registers can be read and written back, before the guest runs and after.
fn registers() -> Checked {
    let mut machine = Machine::new(&[], 1, Options::default())?;
    let count = match machine.harts[0].rewrite() {
        Err(error) => return Ok(Verdict::Skipped(error.to_string())),
        Ok(count) => count,
    };
    machine.run()?;
    machine.harts[0].rewrite()?;
    passed(format!("{count} read and written back"))
}

/// A hart that stands shows what it is in: behind the call that powered it off.
fn state() -> Checked {
    let mut machine = Machine::new(&[], 1, Options::default())?;
    machine.run()?;
    let hart = machine.harts[0].snapshot().ok_or("the kernel does not describe the hart")?;
    let (srst, _) = sbi::Function::from(sbi::function::Srst::SystemReset).ids();
    expect("a7 of a guest that powered off", hart.x[17], u64::from(srst))?;
    expect("its mode", hart.state.mode, arch::Mode::HS)?;
    let end = machine::RAM.0..machine::RAM.0 + 4 * guests::END.len() as u64;
    if !end.contains(&hart.pc) {
        return Err(format!("its pc: {:#x} is not in {end:x?}", hart.pc).into());
    }
    passed(format!("a7, mode and pc ({:#x})", hart.pc))
}

/// A guest that has powered off begins again.
fn reset() -> Checked {
    let mut machine = Machine::new(&[], 2, Options::default())?;
    for round in 0..3 {
        machine.run()?;
        if !machine.harts.iter_mut().all(|hart| hart.reset()) {
            return match round {
                0 => Ok(Verdict::Skipped("the kernel does not list its registers".into())),
                _ => Err("the kernel does not take a hart's first state".into()),
            };
        }
        machine.begin();
    }
    machine.run()?;
    passed("two harts, three times")
}

/// A hart starts another by HSM.
fn second_hart() -> Checked {
    let mut machine = Machine::new(guests::FIRST, 2, Options::default())?;
    machine.load(SECOND_AT, guests::SECOND);
    machine.run()?;
    expect("the answer to the start", machine.device.value(0x10), 0)?;
    expect("the hart that started", machine.device.value(0x18), 1)?;
    expect("what it was given", machine.device.value(0x20), SECOND_OPAQUE)?;
    passed("started, and seen by the first")
}

/// Calls that nobody answers, and steal time.
fn forwarded() -> Checked {
    let mut machine = Machine::new(guests::CALLS, 1, Options::default())?;
    machine.run()?;
    let not_supported = sbi::Error::NotSupported as i64 as u64;
    expect("a vendor's call", machine.device.value(0x10), not_supported)?;
    expect("an experimental call", machine.device.value(0x18), not_supported)?;
    if machine.device.value(0x20) == 0 {
        return passed("a vendor's and an experimental call; the kernel has no steal time");
    }
    expect("steal time's call", machine.device.value(0x28), 0)?;
    passed("a vendor's and an experimental call; steal time is told")
}

/// A processor with Zkr: a guest reads `seed`, for which the kernel asks this process.
fn entropy() -> Checked {
    if !crate::info()?.isa.iter().any(|&(name, offer)| name == "zkr" && offer != Offer::Off) {
        return Ok(Verdict::Skipped("the processor has no Zkr, or the kernel does not hand it on".into()));
    }
    let mut machine = Machine::new(guests::SEED, 1, Options::default())?;
    machine.run()?;
    let reads = [0x10, 0x18, 0x20, 0x28].map(|offset| machine.device.value(offset));
    expect("bits beside the entropy", reads.map(|read| read & !seed::ENTROPY), [seed::ES16; 4])?;
    expect("whether all reads are alike", reads.iter().all(|read| *read == reads[0]), false)?;
    passed(format!("four reads of seed: {reads:x?}"))
}

/// Where the first hart's file is.
const IMSIC: Phys = Phys(0x2800_0000);

/// A machine of two harts, the first of which waits for a message and then for a wire, by the controller in the kernel.
struct Messaged {
    aia: Arc<Aia>,
    identities: u32,
    machine: Machine,
}

impl Messaged {
    /// One whose files are those; or why there is none.
    fn of(mode: AiaMode) -> Result<Result<Messaged, String>, Failure> {
        let info = match crate::aia_info() {
            Err(error) => return Ok(Err(error.to_string())),
            Ok(info) if mode == AiaMode::Hwaccel && !info.hwaccel => {
                return Ok(Err("the processor has no interrupt files for guests".into()));
            }
            Ok(info) => info,
        };
        let machine = Machine::new(guests::MESSAGES, 2, Options::default())?;
        let identities = info.ids.min(UNHEARD | 63);
        let aplic = Some(Phys(0xd00_0000));
        let aia = Aia::new(AiaPlan { mode, identities, sources: 32, aplic, irqfd: true, imsic: IMSIC });
        machine.vm.interrupts_by(&aia, 2)?;
        Ok(Ok(Messaged { aia, identities, machine }))
    }
}

/// Sends the message that it waits for.
fn message(aia: &Aia) -> Outcome {
    Ok(aia.send(IMSIC, 5).map_err(|_| "the kernel takes no message")?)
}

/// Raises the wire that it waits for behind the message.
fn wire(aia: &Aia, device: &Registers) -> Outcome {
    device.wait(0, b'w'.into())?;
    aia.set_level(3, true);
    device.wait(0, 7)?;
    aia.set_level(3, false);
    Ok(())
}

/// A message and a wire, by the controller in the kernel.
fn messages(mode: AiaMode) -> Checked {
    let Messaged { aia, identities, mut machine } = match Messaged::of(mode)? {
        Ok(messaged) => messaged,
        Err(why) => return Ok(Verdict::Skipped(why)),
    };
    machine.run_beside(|device| {
        device.wait(0, b'r'.into())?;
        message(&aia)?;
        wire(&aia, device)
    })?;
    let what = "a message while the guest sleeps, and a wire by the APLIC";
    if identities < UNHEARD {
        return passed(what);
    }
    let (by_eventfd, by_call) = (cost(|| aia.send(IMSIC, UNHEARD))?, cost(|| aia.signal(IMSIC, UNHEARD))?);
    passed(format!("{what}; a message by eventfd {by_eventfd} ns, by call {by_call} ns"))
}

/// An identity that no guest here enables: a message of it stays in its file.
const UNHEARD: u32 = 64;

/// Nanoseconds that it takes to send a message.
fn cost(send: impl Fn() -> Result<(), Unmapped>) -> Result<u128, Failure> {
    let begin = Instant::now();
    for _ in 0..SENT {
        send().map_err(|_| "the kernel takes no message")?;
    }
    Ok(begin.elapsed().as_nanos() / u128::from(SENT))
}

/// How many messages are sent to see what one costs.
const SENT: u32 = 1000;
