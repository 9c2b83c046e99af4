//! A guest that attacks: whatever it does, it harms nobody but itself.
//!
//! Run where the kernel's command line has the word `checks.attack`. It goes where it has no memory, calls the SBI with
//! arguments that make no sense, storms with fences, timers and interrupts, floods the console, reads and writes every
//! CSR, and drives virtio devices with rings of random numbers; a card that leads to other guests gets frames, for all,
//! for each and by other guests' names, as fast as it takes them. Then it turns its machine off, in order: it is for
//! others to say whether they noticed.

use core::arch::asm;

use arch::csr::{self as registers, ip};
use cores::virtio_mmio as virtio;
use fastrand::Rng;
use sbi::Extension;
use sbi::function::{Dbcn, Ipi, Rfence, Time};

use crate::call::{call, raw};
use crate::check::say;
use crate::machine::{cause_of, clear, now, set, tree_words, write};

/// The word that asks for it.
const WORD: &[u8] = b"checks.attack";
/// How often each is done.
const ROUNDS: u64 = 3000;
/// Where the boards of this kernel have virtio devices.
const FIRST_DEVICE: u64 = 0x1000_1000;
const DEVICES: u64 = 8;
/// Memory of the kernel's that nothing is in, for rings.
const RINGS: u64 = 0x8100_0000;

/// Whether the device tree at `tree` has the word in it.
pub fn is_wanted(tree: u64) -> bool {
    tree_words(tree, WORD) != 0
}

/// All of them.
pub fn run() {
    // the same numbers in each run
    let mut random = Rng::with_seed(1);
    for (name, attack) in [
        ("addresses", addresses as fn(&mut Rng)),
        ("calls", calls),
        ("fences", fences),
        ("timers", timers),
        ("interrupts", interrupts),
        ("registers", all_registers),
        ("messages", messages),
        ("console", console),
        ("devices", devices),
        ("frames", frames),
    ] {
        say(format_args!("attack: {name}"));
        attack(&mut random);
    }
}

/// Loads and stores all over the guest-physical addresses: where others' memory, the machine's devices and the
/// hypervisor are, too.
fn addresses(random: &mut Rng) {
    for round in 0..ROUNDS {
        let at = match round % 4 {
            // Not the kernel's own: that begins at 2 GiB, and is smaller than this.
            0 => 0x9000_0000 + random.u64(..) % 0x4000_0000,
            1 => random.u64(..) % 0x0800_0000,
            2 => random.u64(..) >> 23,
            _ => random.u64(..),
        } & !7;
        // SAFETY: what is there is nobody's, or a device of the guest's own; the handler goes on behind the access.
        cause_of(|| unsafe { asm!("ld t0, 0({})", in(reg) at, out("t0") _, options(nostack)) });
        // SAFETY: the same.
        cause_of(|| unsafe { asm!("sd zero, 0({})", in(reg) at, options(nostack)) });
    }
}

/// Any function of any extension but those that end the guest or one of its harts, with any arguments.
fn calls(random: &mut Rng) {
    for _ in 0..ROUNDS {
        let extension = Extension::ALL[(random.u64(..) % Extension::ALL.len() as u64) as usize];
        let eid = if random.u64(..) % 4 == 0 { random.u64(..) as u32 } else { extension as u32 };
        let mine = [Extension::Srst, Extension::Hsm, Extension::Susp, Extension::Legacy];
        if mine.contains(&extension) || eid <= 0xf {
            continue;
        }
        let args = core::array::from_fn(|_| random.u64(..) >> (random.u64(..) % 64));
        raw(eid.into(), random.u64(..) % 8, args);
    }
    call(Time::SetTimer, [u64::MAX, 0, 0, 0, 0]);
}

fn fences(random: &mut Rng) {
    for _ in 0..ROUNDS {
        call(Rfence::RemoteSfenceVmaAsid, [0, u64::MAX, random.u64(..), random.u64(..), random.u64(..)]);
        call(Rfence::RemoteFenceI, [0, u64::MAX, 0, 0, 0]);
    }
}

/// Deadlines that have passed, one after the other, with the interrupt let in.
fn timers(random: &mut Rng) {
    set::<{ registers::SIE }>(ip::STIP);
    for _ in 0..ROUNDS {
        call(Time::SetTimer, [now().wrapping_sub(random.u64(..) % 3), 0, 0, 0, 0]);
        set::<{ registers::SSTATUS }>(arch::csr::status::SIE);
        clear::<{ registers::SSTATUS }>(arch::csr::status::SIE);
    }
    clear::<{ registers::SIE }>(ip::STIP);
    call(Time::SetTimer, [u64::MAX, 0, 0, 0, 0]);
}

fn interrupts(_: &mut Rng) {
    for _ in 0..ROUNDS {
        call(Ipi::SendIpi, [0, u64::MAX, 0, 0, 0]);
    }
    clear::<{ registers::SIP }>(ip::SSIP);
}

/// Reads and writes every CSR but those by which this program itself runs.
fn all_registers(random: &mut Rng) {
    let code = RINGS as *mut u32;
    for csr in 0..0x1000u32 {
        let own = [registers::STVEC, registers::SATP, registers::SSTATUS, registers::SIE, registers::SEPC];
        if own.contains(&(csr as u16)) {
            continue;
        }
        // csrrs a0, csr, zero; csrrw zero, csr, a1; ret
        for (index, word) in [csr << 20 | 0x2573, csr << 20 | 0x5_9073, 0x8067].into_iter().enumerate() {
            // SAFETY: memory that nothing is in.
            unsafe { code.add(index).write_volatile(word) };
        }
        // SAFETY: the three instructions are a function of two arguments; what traps is passed over.
        unsafe {
            asm!("fence.i", options(nostack));
            core::mem::transmute::<*mut u32, extern "C" fn(u64, u64) -> u64>(code)(0, random.u64(..));
        }
    }
    write::<{ registers::SCOUNTEREN }>(0);
}

/// Interrupt files, by their CSRs and their pages, and an APLIC: any register, any value.
fn messages(random: &mut Rng) {
    for _ in 0..ROUNDS {
        cause_of(|| write::<{ registers::SISELECT }>(random.u64(..) >> (random.u64(..) % 64)));
        cause_of(|| write::<{ registers::SISELECT }>(random.u64(..) % 0x200));
        cause_of(|| write::<{ registers::SIREG }>(random.u64(..)));
        cause_of(|| write::<{ registers::STOPEI }>(random.u64(..)));
        store(0x2800_0000 + random.u64(..) % 0x4_2000, random.u64(..) as u32 % 0x400);
        store(0xd00_0000 + random.u64(..) % 0x4000 / 4 * 4, random.u64(..) as u32 >> (random.u64(..) % 32));
    }
    clear::<{ registers::SIE }>(ip::SEIP);
}

fn console(random: &mut Rng) {
    for _ in 0..ROUNDS {
        call(Dbcn::ConsoleWriteByte, [random.u64(..), 0, 0, 0, 0]);
    }
    call(Dbcn::ConsoleWrite, [1 << 16, RINGS, 0, 0, 0]);
}

/// Devices are driven as far as they run, with queues that hold random numbers; and any register is written.
fn devices(random: &mut Rng) {
    for device in (0..DEVICES).map(|index| FIRST_DEVICE + 0x1000 * index) {
        (0..100).for_each(|_| drive(device, random));
        store(device + virtio::STATUS, 0);
    }
}

/// Drives one for a while, and writes one of its registers.
fn drive(device: u64, random: &mut Rng) {
    begin(device, |_| {
        let place = (RINGS as u32).wrapping_add((random.u64(..) as u32 % 64) << 8);
        let wild = if random.u64(..) % 8 == 0 { random.u64(..) as u32 } else { 0 };
        [1 << (random.u64(..) % 7), place, wild]
    });
    for _ in 0..20 {
        scribble(random);
        store(device + virtio::QUEUE_NOTIFY, random.u64(..) as u32 % 4);
    }
    store(device + random.u64(..) % 0x200 / 4 * 4, random.u64(..) as u32);
}

/// Frames through every network card, as many at once as its queue takes: for everybody, for anybody, for each guest
/// that there could be, some by another's name, some too short or too long. Nothing is taken in.
fn frames(random: &mut Rng) {
    /// "Network Device", and its queue that sends.
    const NETWORK: u32 = 1;
    const TRANSMIT: u32 = 1;
    const SIZE: u32 = 32;
    let (queue_at, rings) = (|queue: u32| RINGS + 0x1000 * u64::from(queue), RINGS + 0x1000);
    let cards = (0..DEVICES).map(|index| FIRST_DEVICE + 0x1000 * index);
    for card in cards.filter(|card| load(card + virtio::DEVICE_ID) == NETWORK) {
        put(RINGS + 0x800, 0);
        begin(card, |queue| [SIZE, queue_at(queue) as u32, 0]);
        (0..SIZE / 2).for_each(|pair| put(rings + 0x804 + 4 * u64::from(pair), 2 * pair | (2 * pair + 1) << 16));
        for round in 1..=(ROUNDS / 10) as u32 {
            (0..SIZE).for_each(|index| write_frame(card, rings, index.into(), random));
            // No interrupts; and so many have been made available.
            put(rings + 0x800, (round * SIZE) << 16 | 1);
            store(card + virtio::QUEUE_NOTIFY, TRANSMIT);
        }
        store(card + virtio::STATUS, 0);
    }
}

/// A frame, and the descriptor of that number.
fn write_frame(card: u64, rings: u64, index: u64, random: &mut Rng) {
    let [low, high] = [0, 4].map(|offset| u64::from(load(card + virtio::CONFIG + offset)));
    let own = (high << 32 | low) & 0xffff_ffff_ffff;
    let of_guest = |number: u64| own & 0xff_ffff_ffff | (number % 66) << 40;
    let to = match index % 4 {
        0 => 0xffff_ffff_ffff,
        1 => random.u64(..),
        _ => of_guest(random.u64(..)),
    };
    let from = if index % 8 == 7 { of_guest(random.u64(..)) } else { own };
    let len_bytes = match index {
        0..16 => 12 + 60,
        16..30 => 12 + 1514,
        _ => random.u64(..) % 0x1000,
    };
    let frame = RINGS + 0x4000 + 0x800 * index;
    put(frame + 12, to as u32);
    put(frame + 16, (to >> 32 & 0xffff | from << 16) as u32);
    put(frame + 20, (from >> 16) as u32);
    for (offset, value) in [(0, frame), (4, 0), (8, len_bytes), (12, 0)] {
        put(rings + 16 * index + offset, value as u32);
    }
}

/// "Device Initialization", with all that the device offers; `queue` says of each queue its size, its place, and the
/// upper half of that.
fn begin(device: u64, mut queue: impl FnMut(u32) -> [u32; 3]) {
    store(device + virtio::STATUS, 0);
    store(device + virtio::STATUS, 3);
    for half in 0..2 {
        store(device + virtio::DEVICE_FEATURES_SEL, half);
        store(device + virtio::DRIVER_FEATURES_SEL, half);
        store(device + virtio::DRIVER_FEATURES, load(device + virtio::DEVICE_FEATURES));
    }
    store(device + virtio::STATUS, 11);
    for number in 0..2 {
        let [size, place, above] = queue(number);
        store(device + virtio::QUEUE_SEL, number);
        store(device + virtio::QUEUE_NUM, size);
        for (register, offset) in
            [(virtio::QUEUE_DESC_LOW, 0), (virtio::QUEUE_DRIVER_LOW, 0x800), (virtio::QUEUE_DEVICE_LOW, 0x900)]
        {
            store(device + register, place + offset);
            store(device + register + 4, above);
        }
        store(device + virtio::QUEUE_READY, 1);
    }
    store(device + virtio::STATUS, 15);
}

/// Random numbers in the rings: descriptors among them whose addresses are the guest's own, and small indices.
fn scribble(random: &mut Rng) {
    for _ in 0..64 {
        let at = RINGS + random.u64(..) % 0x5000 / 8 * 8;
        let value = match random.u64(..) % 4 {
            0 => random.u64(..),
            1 => RINGS + random.u64(..) % 0x10_0000,
            2 => random.u64(..) & 0x0003_0003_0000_0fff,
            _ => random.u64(..) & 0x0007_0007_0007_0007,
        };
        // SAFETY: memory that nothing is in.
        unsafe { (at as *mut u64).write_volatile(value) };
    }
}

fn put(at: u64, value: u32) {
    // SAFETY: memory that nothing is in.
    unsafe { (at as *mut u32).write_volatile(value) }
}

fn store(at: u64, value: u32) {
    // SAFETY: a device's register, or nothing: the handler goes on behind the access.
    cause_of(|| unsafe { asm!("sw {}, 0({})", in(reg) value, in(reg) at, options(nostack)) });
}

fn load(at: u64) -> u32 {
    let mut value = 0u64;
    // SAFETY: the same.
    cause_of(|| unsafe { asm!("lwu {}, 0({})", inout(reg) value, in(reg) at, options(nostack)) });
    value as u32
}
