//! The harts: the first makes the machine ready and starts the others, and each goes on to run guests.
//!
//! SBI 3.0, "Hart State Management Extension (EID #0x48534D "HSM")".

use core::arch::asm;
use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use alloc::boxed::Box;
use alloc::vec::Vec;

use arch::Phys;
use arch::csr::{self as registers, atp};
use spin::{Mutex, Once};

use super::entry::{self, Given};
use super::tree::Board;
use super::{csr, heap, panic};
use crate::control::{console, guests};
use crate::interrupts::{files, machine};
use crate::memory::vmids::Remembered;
use crate::memory::{self, own};
use crate::sbi::firmware;
use crate::schedule;
use crate::timers::NEVER;
use crate::vcpu::Vcpu;

/// Pages of a hart's stack.
const STACK_PAGES: u64 = 8;

/// A hart of the machine.
pub struct Hart {
    /// As the firmware counts.
    pub id: u64,
    /// Its place in [`harts`].
    pub index: usize,
    /// The virtual hart that it runs.
    running: AtomicPtr<Vcpu>,
    /// The virtual hart whose floating-point registers are in it: its number, counted over all guests.
    pub float_owner: AtomicUsize,
    /// Whose translations it may remember, for each guest: the virtual hart that ran here last.
    pub last_of_guest: Vec<AtomicUsize>,
    /// The generation of VMIDs by which it remembers translations.
    pub remembered: Remembered,
    /// Whether it executes a guest's instructions.
    pub in_guest: AtomicBool,
    /// When the time slice of whoever it runs ends.
    pub slice_end: AtomicU64,
    /// Who has its interrupt files that are for guests, by their numbers. Only the hart itself changes these.
    pub files: Mutex<[Option<&'static Vcpu>; FILES]>,
    /// The one that is taken from its owner next, where all are somebody's.
    pub next_file: AtomicUsize,
    /// Another hart wants one of them back.
    pub asked: AtomicBool,
}

/// Interrupt files for guests, as far as `hgeie` names them: "GEILEN is at most 63".
const FILES: usize = 64;

/// No virtual hart's number.
pub const NOBODY: usize = usize::MAX;

static HARTS: Once<Vec<Hart>> = Once::new();
static BOARD: Once<Board> = Once::new();

/// All harts that are used.
pub fn harts() -> &'static [Hart] {
    HARTS.get().map_or(&[], Vec::as_slice)
}

/// The machine.
pub fn board() -> &'static Board {
    BOARD.get().expect("the first hart has read the tree")
}

/// The hart that executes this.
pub fn this() -> &'static Hart {
    try_this().expect("harts are numbered before they need it")
}

/// `tp` holds the address of a hart's own structure.
fn try_this() -> Option<&'static Hart> {
    let pointer: *const Hart;
    // SAFETY: reads a register.
    unsafe { asm!("mv {}, tp", out(reg) pointer, options(nomem, nostack)) };
    // SAFETY: `tp` is zero (entry.S), or what `become_hart` put there, which lives for ever; the world switch brings it
    // back.
    unsafe { pointer.as_ref() }
}

fn become_hart(index: usize) -> &'static Hart {
    let hart = &harts()[index];
    // SAFETY: no code here but `try_this` uses `tp`.
    unsafe { asm!("mv tp, {}", in(reg) hart, options(nomem, nostack)) };
    hart
}

impl Hart {
    /// Says whom it runs now.
    pub fn runs(&self, vcpu: Option<&'static Vcpu>) {
        self.running
            .store(vcpu.map_or(core::ptr::null_mut(), |vcpu| core::ptr::from_ref(vcpu).cast_mut()), Ordering::Relaxed);
    }

    /// Whom it runs.
    pub fn running(&self) -> Option<&'static Vcpu> {
        // SAFETY: it was made of a reference that lives for ever.
        unsafe { self.running.load(Ordering::Relaxed).as_ref() }
    }
}

// ANCHOR: first
/// The first hart, as the firmware leaves it.
pub fn first(hart_id: u64, tree: Phys) -> ! {
    heap::init();
    let flattened = memory::physical::device_tree(tree);
    let board = Board::read(flattened).unwrap_or_else(|why| panic::die(format_args!("{why}")));
    firmware::check().unwrap_or_else(|why| panic::die(format_args!("{why}")));
    memory::init(&board, tree.0..tree.0 + flattened.len() as u64);
    BOARD.call_once(|| board);
    own::init();
    let stack = own::stack(STACK_PAGES);
    FIRST.store(hart_id as usize, Ordering::Relaxed);
    entry::continue_in(own::satp(), stack, on_its_own_stack)
}
// ANCHOR_END: first

/// The id of the first hart.
static FIRST: AtomicUsize = AtomicUsize::new(0);

extern "C" fn on_its_own_stack() -> ! {
    let manifest = guests::read().unwrap_or_else(|why| panic::die(format_args!("{why}")));
    let first = FIRST.load(Ordering::Relaxed) as u64;
    let ids = board().harts.iter().copied().filter(|&id| id != first);
    let make = |(index, id)| Hart {
        id,
        index,
        running: AtomicPtr::default(),
        float_owner: AtomicUsize::new(NOBODY),
        last_of_guest: manifest.guests.iter().map(|_| AtomicUsize::new(NOBODY)).collect(),
        remembered: Remembered::default(),
        in_guest: AtomicBool::new(false),
        slice_end: AtomicU64::new(NEVER),
        files: Mutex::new([None; FILES]),
        next_file: AtomicUsize::new(0),
        asked: AtomicBool::new(false),
    };
    HARTS.call_once(|| core::iter::once(first).chain(ids).enumerate().map(make).collect());
    become_hart(0);
    machine::init();
    set_up();
    console::say(format_args!("vhart hypervisor: {}", told_machine()));
    guests::make(manifest).unwrap_or_else(|why| panic::die(format_args!("{why}")));
    harts()[1..].iter().for_each(start);
    schedule::run()
}

/// What the machine is, in a line.
fn told_machine() -> impl fmt::Display {
    fmt::from_fn(|f| {
        let memory = memory::free_bytes() >> 20;
        write!(f, "{} harts, {memory} MiB for guests, G-stage {:?}x4", harts().len(), memory::guest::scheme())?;
        write!(f, ", {}", if board().has("sstc") { "Sstc" } else { "timers by SBI" })?;
        match machine::for_guests() {
            Some((count, _)) => write!(f, ", IMSICs with {count} files for guests"),
            None => Ok(()),
        }
    })
}

fn start(hart: &Hart) {
    let given = Given { stack_end: own::stack(STACK_PAGES), satp: own::satp(), index: hart.index as u64 };
    let given: &'static Given = Box::leak(Box::new(given));
    if let Err(why) = firmware::hart_start(hart.id, entry::other_address(), core::ptr::from_ref(given) as u64) {
        console::say(format_args!("vhart hypervisor: hart {} does not start ({why:?}); going on without it", hart.id));
    }
}

/// Another hart, on a stack of its own.
pub fn other(index: usize) -> ! {
    become_hart(index);
    set_up();
    schedule::run()
}

/// What is the same on every hart and for every guest.
fn set_up() {
    crate::vcpu::environment::set_up();
    csr::write::<{ registers::SIE }>(0);
    machine::set_up();
    files::set_up();
    csr::write::<{ registers::HGATP }>(atp::BARE);
}

/// Which hart this is, in words.
pub fn told() -> impl fmt::Display {
    fmt::from_fn(|f| match try_this() {
        Some(hart) => write!(f, "hart {}", hart.id),
        None => f.write_str("the first hart"),
    })
}

/// Which guest it runs, in words.
pub fn told_guest() -> impl fmt::Display {
    fmt::from_fn(|f| match try_this().and_then(Hart::running) {
        Some(vcpu) => write!(f, "for {vcpu}"),
        None => f.write_str("for no guest"),
    })
}
