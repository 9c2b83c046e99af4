//! The guests: made of the manifest, begun, ended, begun again.
//!
//! Linux, Documentation/arch/riscv/boot.rst: where a kernel lies, and what it finds in `a0` and `a1`.

use alloc::string::String;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use arch::GuestPhys;
use sbi::HartState;
use spin::{Mutex, MutexGuard, Once};

use super::console;
use super::manifest::{Manifest, Wanted, Wrong};
use super::screen::Screen;
use super::seed;
use crate::devices::line::Line;
use crate::devices::tree::Told;
use crate::devices::virtio::Kind;
use crate::devices::virtio::plugged::Plugged;
use crate::devices::{self, MEMORY_BASE, Register};
use crate::interrupts::controller::Aia;
use crate::interrupts::software::identity_at;
use crate::interrupts::{self, files};
use crate::memory::frames::PIECE_BYTES;
use crate::memory::guest::{GuestMemory, NoMemory, fence_all};
use crate::memory::{self, physical};
use crate::sbi::firmware;
use crate::sbi::guest::left;
use crate::schedule;
use crate::start::hart::{self, NOBODY};
use crate::timers::{self, NEVER};
use crate::vcpu::{Begin, Vcpu, offer, wanted};

/// How a guest ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Ending {
    /// It turned itself off.
    Off = 1,
    /// It reported a failure, or has no memory.
    Failed = 2,
    /// It begins anew.
    Again = 3,
    /// Somebody at the console stopped it.
    Stopped = 4,
}

/// What [`Guest::ending`] holds while it runs.
const RUNS: u8 = 0;
/// The bit beside an [`Ending`] once it has come to that.
const ENDED: u8 = 0x80;

/// A guest.
pub struct Guest {
    /// Its name.
    pub name: String,
    /// Its place in [`all`].
    pub number: usize,
    /// Its memory. Lock order: memory before the machine's free memory; a line before the schedule.
    pub memory: Mutex<GuestMemory>,
    /// How large that may become.
    pub memory_bytes: u64,
    line: Mutex<Line>,
    /// Virtio devices. Lock order: one of these, of all guests', before the memory and before the line.
    pub virtio: Vec<Plugged>,
    /// Its virtual harts.
    pub vcpus: Vec<Vcpu>,
    /// What it was made of.
    wanted: Wanted<'static>,
    /// [`RUNS`], or an [`Ending`], with [`ENDED`] at last.
    ending: AtomicU8,
    htimedelta: AtomicU64,
    /// Since when it stands still; [`NEVER`] while it does not.
    paused: AtomicU64,
}

static GUESTS: Once<Vec<Guest>> = Once::new();
/// How often a guest has begun.
static BEGUN: AtomicU64 = AtomicU64::new(0);

/// All of them.
pub fn all() -> &'static [Guest] {
    GUESTS.get().map_or(&[], Vec::as_slice)
}

/// Why there is nothing to run.
#[derive(Debug, thiserror::Error)]
pub enum Lack {
    /// There is no manifest.
    #[error("there are no guests: their manifest is to come as the initrd")]
    NoManifest,
    /// It is wrong.
    #[error(transparent)]
    Manifest(#[from] Wrong),
    /// A guest's kernel, initrd and tree do not go into its memory, or that into the machine's.
    #[error("there is too little memory for the kernel and the initrd of guest {0}")]
    Room(String),
    /// A guest is to run on a hart that there is not.
    #[error("guest {0} is to run on hart {1}, which the machine has not")]
    Hart(String, u64),
    /// A guest's kernel is none.
    #[error("the kernel of guest {0} is no flat image of a riscv64 kernel")]
    Kernel(String),
    /// The machine has no device of that kind, or no more, or none whose interrupts could be taken.
    #[error("there is no {1} device left for guest {0}: virtio-mmio, version 2, with an interrupt that a hart takes")]
    Device(String, &'static str),
    /// The harts cannot be told that a guest has an IMSIC.
    #[error(
        "guest {0} wants aia \"aplic-imsic\", for which the harts lack Ssaia (QEMU: -machine virt,aia=aplic-imsic)"
    )]
    Aia(String),
}

/// The manifest that the loader brought.
///
/// # Errors
/// There is none, or it is wrong.
pub fn read() -> Result<Manifest<'static>, Lack> {
    let place = hart::board().initrd.clone().ok_or(Lack::NoManifest)?;
    let manifest = Manifest::read(physical::bytes(arch::Phys(place.start), place.end - place.start))?;
    match manifest.guests.iter().find(|guest| !is_kernel(guest.kernel)) {
        Some(guest) => Err(Lack::Kernel(guest.name.clone())),
        None => Ok(manifest),
    }
}

/// "RISC-V kernel image header": the magic number at 56.
fn is_kernel(image: &[u8]) -> bool {
    image.get(56..60) == Some(b"RSC\x05")
}

/// Makes the guests, and lets them begin.
///
/// # Errors
/// There is no room for one.
pub fn make(manifest: Manifest<'static>) -> Result<(), Lack> {
    console::share(Screen::new(manifest.console, manifest.guests.iter().map(|guest| guest.name.clone()).collect()));
    let (mut number, mut crowded) = (0, false);
    // With some room for tables.
    let all_bytes: u64 = manifest.guests.iter().map(|wanted| wanted.memory_bytes).sum();
    let roomy = all_bytes + all_bytes / 64 <= memory::free_bytes();
    let mut guests = Vec::new();
    let mut slots = hart::board().virtio.clone();
    for (index, wanted) in manifest.guests.into_iter().enumerate() {
        if wanted.aia == Aia::AplicImsic && !hart::board().has("ssaia") {
            return Err(Lack::Aia(wanted.name));
        }
        let memory =
            GuestMemory::new(MEMORY_BASE, wanted.memory_bytes, roomy).ok_or_else(|| Lack::Room(wanted.name.clone()))?;
        let harts = harts(&wanted)?;
        crowded |= harts != ALL_HARTS;
        let vcpus = (0..wanted.vcpus).map(|vcpu| Vcpu::new(index, vcpu, number + vcpu, harts)).collect();
        number += wanted.vcpus;
        let lack = |kind: Kind| Lack::Device(wanted.name.clone(), kind.name);
        let virtio = wanted.devices.iter().map(|&kind| Plugged::take(kind, &mut slots).ok_or_else(|| lack(kind)));
        let mut virtio = virtio.collect::<Result<Vec<Plugged>, Lack>>()?;
        virtio.extend(wanted.link.then(|| Plugged::card(index)));
        guests.push(Guest {
            name: wanted.name.clone(),
            number: index,
            memory: Mutex::new(memory),
            memory_bytes: wanted.memory_bytes,
            line: Mutex::new(Line::new(wanted.vcpus, wanted.aia)),
            virtio,
            vcpus,
            wanted,
            ending: AtomicU8::new(RUNS),
            htimedelta: AtomicU64::new(0),
            paused: AtomicU64::new(NEVER),
        });
    }
    schedule::set_crowded(crowded || number > hart::harts().len());
    GUESTS.call_once(|| guests);
    all().iter().try_for_each(Guest::begin)
}

const ALL_HARTS: u64 = u64::MAX;

/// The harts that a guest may run on, by their places among all.
fn harts(wanted: &Wanted<'_>) -> Result<u64, Lack> {
    let bit = |&id: &u64| hart::harts().iter().position(|hart| hart.id == id).map(|index| 1 << index);
    let bits = wanted.harts.iter().map(|id| bit(id).ok_or_else(|| Lack::Hart(wanted.name.clone(), *id)));
    let bits = bits.sum::<Result<u64, Lack>>()?;
    Ok(if bits == 0 { ALL_HARTS } else { bits })
}

impl Guest {
    /// Loads kernel, initrd and device tree, and starts its first virtual hart.
    fn begin(&'static self) -> Result<(), Lack> {
        let (tree, kernel) = self.load().map_err(|_| Lack::Room(self.name.clone()))?;
        self.htimedelta.store(0u64.wrapping_sub(timers::now()), Ordering::SeqCst);
        self.ending.store(RUNS, Ordering::SeqCst);
        let first = &self.vcpus[0];
        first.becomes(HartState::StartPending);
        *first.begin.lock() = Some(Begin { at: kernel, opaque: tree.0 });
        schedule::begin(first);
        Ok(())
    }

    /// Where tree and kernel are then. The kernel lies at 2 MiB, initrd and tree at the end.
    fn load(&self) -> Result<(GuestPhys, GuestPhys), NoMemory> {
        let mut memory = self.memory.lock();
        let kernel = GuestPhys(MEMORY_BASE.0 + PIECE_BYTES);
        memory.write(kernel, self.wanted.kernel)?;
        let end = MEMORY_BASE.0 + self.memory_bytes;
        let initrd = match self.wanted.initrd {
            Some(initrd) => {
                // A tree takes a few pages; a kernel's memory is more than its file.
                let start = end.checked_sub(PIECE_BYTES + initrd.len() as u64).ok_or(NoMemory::Outside)? / PIECE_BYTES
                    * PIECE_BYTES;
                if start < kernel.0 + 2 * self.wanted.kernel.len() as u64 {
                    return Err(NoMemory::Outside);
                }
                memory.write(GuestPhys(start), initrd)?;
                Some(start..start + initrd.len() as u64)
            }
            None => None,
        };
        let tree = GuestPhys(end - PIECE_BYTES);
        memory.write(tree, &self.told_of(initrd))?;
        Ok((tree, kernel))
    }

    fn told_of(&self, initrd: Option<core::ops::Range<u64>>) -> Vec<u8> {
        let board = hart::board();
        let offered = |name: &&str| offer::offers(name, self.aia());
        let extensions = board.extensions.iter().map(String::as_str).filter(offered).collect();
        Told {
            vcpus: self.vcpus.len(),
            memory_bytes: self.memory_bytes,
            extensions,
            timebase_hz: board.timebase_hz,
            cbo_block_bytes: board.cbo_block_bytes,
            bootargs: &self.wanted.bootargs,
            initrd,
            virtio: self.virtio.len(),
            aia: self.aia(),
            identities: files::identities(),
            rng_seed: seed::of(&board.rng_seed, BEGUN.fetch_add(1, Ordering::Relaxed)),
        }
        .flatten()
    }

    /// Its interrupt controllers.
    pub fn aia(&self) -> Aia {
        self.wanted.aia
    }

    /// The register of a device at an address; none where there is no device.
    pub fn find(&self, at: GuestPhys) -> Option<Register> {
        let has = |register: &Register| !matches!(register, Register::File(vcpu, _) if *vcpu >= self.vcpus.len());
        devices::find(at, self.aia()).filter(has)
    }

    /// How much of its memory has been written to since this was asked last, or at all, in bytes: a log, which begins
    /// with that.
    pub fn take_written(&'static self) -> u64 {
        let bytes = self.memory.lock().take_written();
        self.forget(wanted::FENCE_GUEST);
        fence_all();
        bytes
    }

    /// Has all its virtual harts forget something before they execute on.
    pub fn forget(&'static self, what: u32) {
        self.vcpus.iter().for_each(|vcpu| schedule::tell(vcpu, what));
        self.vcpus.iter().for_each(|vcpu| left(vcpu, what));
    }

    /// What goes into `htimedelta`: its time begins with it.
    pub fn htimedelta(&self) -> u64 {
        self.htimedelta.load(Ordering::Relaxed)
    }

    /// The slot of its network card on the switch.
    pub fn card(&self) -> Option<usize> {
        self.wanted.link.then_some(self.wanted.devices.len())
    }

    /// Its serial line, with its interrupt controller.
    pub fn devices(&self) -> MutexGuard<'_, Line> {
        self.line.lock()
    }

    /// Reads a register of a device.
    pub fn read_device(&'static self, register: Register, len_bytes: u8) -> u64 {
        if let Register::Virtio(slot, offset) = register {
            return self.read_virtio(slot, offset, len_bytes);
        }
        let mut line = self.devices();
        // An access may begin with any byte of a register that is 32 bits wide.
        let within = if let Register::Controller(offset) = register { offset % 4 } else { 0 };
        let value = line.read(register) >> (8 * within);
        interrupts::drive(&mut line, &self.vcpus);
        value
    }

    /// Writes a register of a device.
    pub fn write_device(&'static self, register: Register, len_bytes: u8, value: u64) {
        if let Register::Virtio(slot, offset) = register {
            return self.write_virtio(slot, offset, len_bytes, value);
        }
        if let Register::File(vcpu, offset) = register {
            let identity = Some(value as u32).filter(|_| len_bytes == 4).and_then(|value| identity_at(offset, value));
            return identity.iter().for_each(|&identity| files::send(&self.vcpus[vcpu], identity));
        }
        let mut line = self.devices();
        match register {
            // "The memory-mapped control registers are 32 bits wide".
            Register::Controller(offset) if !offset.is_multiple_of(4) || len_bytes < 4 => {}
            _ => line.write(register, value),
        }
        interrupts::drive(&mut line, &self.vcpus);
        if let Some(whole) = line.whole() {
            drop(line);
            console::output(self.number, &whole);
        }
    }

    /// Lets what it sent be shown, whole lines or not.
    pub fn show_rest(&self) {
        let rest = self.devices().rest();
        if !rest.is_empty() {
            console::output(self.number, &rest);
        }
    }

    /// Somebody typed.
    pub fn type_in(&'static self, bytes: &[u8]) {
        let mut line = self.devices();
        line.type_in(bytes);
        interrupts::drive(&mut line, &self.vcpus);
    }

    /// Its debug console.
    pub fn line(&'static self) -> DebugConsole {
        DebugConsole(self, SHOWN_BYTES)
    }

    /// Begins it anew, at the wish of somebody at the console.
    pub fn restart(&'static self) {
        match self.has_ended() {
            true => drop(self.begin()),
            false => self.conclude(Ending::Again),
        }
    }

    /// Ends it, or lets it begin anew, as it wants itself.
    pub fn end(&'static self, ending: Ending) {
        self.conclude(if ending == Ending::Again && self.wanted.once { Ending::Failed } else { ending });
    }

    /// Ends it: once its virtual harts have stopped.
    fn conclude(&'static self, ending: Ending) {
        if self.ending.compare_exchange(RUNS, ending as u8, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            self.vcpus.iter().for_each(|vcpu| schedule::want(vcpu, wanted::END));
            self.go_on();
            // Perhaps they had all stopped before.
            stopped(&self.vcpus[0]);
        }
    }

    /// Lets it stand still, its time as well; or go on.
    pub fn pause_or_go_on(&'static self) {
        if self.is_paused() {
            self.go_on();
        } else if !self.is_ending() {
            self.paused.store(timers::now(), Ordering::SeqCst);
            self.vcpus.iter().for_each(|vcpu| schedule::want(vcpu, wanted::PAUSE));
        }
    }

    fn go_on(&'static self) {
        let since = self.paused.swap(NEVER, Ordering::SeqCst);
        if since == NEVER {
            return;
        }
        let stood = timers::now() - since;
        self.htimedelta.fetch_sub(stood, Ordering::SeqCst);
        for vcpu in &self.vcpus {
            let later = |deadline: u64| (deadline != NEVER).then(|| deadline.saturating_add(stood));
            let _ = vcpu.timer.fetch_update(Ordering::SeqCst, Ordering::SeqCst, later);
            schedule::go_on(vcpu);
        }
    }

    /// Whether it stands still.
    pub fn is_paused(&self) -> bool {
        self.paused.load(Ordering::SeqCst) != NEVER
    }

    /// Whether it is about to end, or has ended.
    pub fn is_ending(&self) -> bool {
        self.ending.load(Ordering::SeqCst) != RUNS
    }

    /// Whether it has ended for good.
    fn has_ended(&self) -> bool {
        self.ending.load(Ordering::SeqCst) & ENDED != 0
    }

    /// How it is, in a word.
    pub fn told(&self) -> &'static str {
        match self.ending.load(Ordering::SeqCst) & !ENDED {
            RUNS if self.is_paused() => "is paused",
            RUNS => "runs",
            ending if ending == Ending::Off as u8 => "is off",
            ending if ending == Ending::Again as u8 => "begins anew",
            ending if ending == Ending::Stopped as u8 => "is stopped",
            _ => "has failed",
        }
    }
}

/// A virtual hart has stopped. If it was the last of a guest that ends, that has ended now.
pub fn stopped(vcpu: &'static Vcpu) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _lock = ONE_AT_A_TIME.lock();
    let guest = vcpu.guest();
    if !guest.is_ending() || guest.has_ended() || !guest.vcpus.iter().all(schedule::is_off) {
        return;
    }
    guest.show_rest();
    // A device that has some of its memory gives it back first.
    guest.virtio.iter().for_each(Plugged::reset);
    guest.memory.lock().clear();
    hart::harts().iter().for_each(|hart| hart.last_of_guest[guest.number].store(NOBODY, Ordering::SeqCst));
    *guest.devices() = Line::new(guest.vcpus.len(), guest.aia());
    guest.vcpus.iter().for_each(|vcpu| vcpu.file.lock().reset());
    console::say(format_args!("vhart hypervisor: guest {} {}", guest.name, guest.told()));
    let ending = match guest.ending.load(Ordering::SeqCst) {
        again if again == Ending::Again as u8 => match guest.begin() {
            Ok(()) => return,
            Err(_) => Ending::Failed as u8,
        },
        ending => ending,
    };
    guest.ending.store(ending | ENDED, Ordering::SeqCst);
    if all().iter().all(Guest::has_ended) {
        all_ended();
    }
}

fn all_ended() -> ! {
    all().iter().for_each(console::list);
    let images = hart::board().initrd.clone().map_or(0, |initrd| initrd.end - initrd.start);
    console::say(format_args!(
        "vhart hypervisor: {} KiB beside the guests' own, and {} MiB of images",
        memory::own_bytes() >> 10,
        images >> 20
    ));
    match all().iter().any(|guest| guest.ending.load(Ordering::SeqCst) == Ending::Failed as u8 | ENDED) {
        true => firmware::fail(),
        false => firmware::off(),
    }
}

/// A guest's debug console. A call shows so many bytes at most: the hart is the hypervisor's meanwhile, and who has
/// more comes again.
pub struct DebugConsole(&'static Guest, usize);

/// Bytes that a call shows.
const SHOWN_BYTES: usize = 4096;

impl sbi::Console for DebugConsole {
    fn write(&mut self, bytes: &[u8]) -> usize {
        let shown = &bytes[..bytes.len().min(self.1)];
        self.1 -= shown.len();
        self.0.show_rest();
        console::output(self.0.number, shown);
        shown.len()
    }

    fn read(&mut self, into: &mut [u8]) -> usize {
        let mut line = self.0.devices();
        let count = into.iter_mut().map_while(|place| line.take_typed().map(|byte| *place = byte)).count();
        interrupts::drive(&mut line, &self.0.vcpus);
        count
    }
}
