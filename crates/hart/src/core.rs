//! What instructions work on: registers, privileged state, memory and its translation contexts.

use std::sync::Arc;

use arch::addr::PAGE_BYTES;
use arch::csr::{atp, ip};
use arch::{Mode, Privilege, Trap};
use bus::Bus;
use memory::{Ram, Watcher};
use privileged::{Config, FileAccess, PagePermits, State};
use vcpu::debug::Halt;
use vcpu::{Clock, Exit, FileId, FileRegister, HartPins, Pace};

use crate::contexts::Contexts;
use crate::debug::Debug;
use crate::faults::Faults;
use crate::fence::{self, Fence, Key};
use crate::guest_stage::GuestPages;
use crate::loops::Loops;
use crate::roots::Roots;
use crate::statistics::TranslationCounts;
use crate::tlb::{DataTable, JumpTable};
use crate::watch::Watch;

/// An instruction was left before its end: the reason stands in [`Core::trap`] or [`Core::exit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It traps.
    Trap,
    /// The hart stops in front of it.
    Exit,
}

/// What becomes of a value that is written to pc from outside: as instructions have 16 bits at least, bit 0 is always
/// zero. Tables of code rely on it: what is empty there has an odd address.
pub const fn instruction_address(value: u64) -> u64 {
    value & !1
}

/// [`Core::trap`] before any.
const NO_TRAP: Trap = Trap::new(arch::Exception::InstructionAddressMisaligned, 0);

/// [`Core::reservation`] where there is none: RAM is never there on the host.
pub const NOT_RESERVED: u64 = 0;

/// The bit of [`Core::reservation`] that says that LR read eight bytes, not four. Addresses do not use it.
pub const RESERVED_WIDE: u64 = 1;

/// Of so many times that a hart of a crowded machine says that it waits for another, its thread lets others run once:
/// after some 50 microseconds. What a host with other work gives away like that comes back after milliseconds.
const PAUSES: u32 = 512;

/// What generated code keeps beside the registers. An interpreter does not look at it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Generated {
    /// Instructions left of the quantum. In the middle of a block, all of the block count as done.
    pub left: i64,
    /// The count of retired instructions at which nothing is left.
    pub deadline: u64,
    /// Whether floating-point instructions may run as generated: FS is Dirty and `frm` is to nearest, ties to even.
    pub fp_ready: bool,
    /// Whether it may have raised flags that `fflags` does not have yet.
    pub fp_raises: bool,
    /// Whether CBO.ZERO may run as generated.
    pub cbo_zero_ready: bool,
    /// The mode, as [`Generated::mode_code`] numbers it; or [`Generated::NO_MODE`], so that no CSR is accessed in
    /// place.
    pub mode: u8,
    /// Whether the mode is HS-mode, and no register of M-mode withholds another from it ([`privileged::csr::is_open`]).
    pub open: bool,
    /// Whether an interrupt is pending and enabled in `mie`, so that setting an xIE may let it in.
    pub interrupt_waits: bool,
}

impl Generated {
    /// The number of no mode.
    pub const NO_MODE: u8 = u8::MAX;

    /// A mode as a number.
    pub const fn mode_code(mode: Mode) -> u8 {
        mode.privilege as u8 | (mode.virt as u8) << 2
    }

    /// Brings [`Generated::fp_ready`] up to date.
    pub fn note_fp(&mut self, state: &State) {
        self.fp_ready = state.fp_dirty() && state.frm == fp::Rounding::Rne as u8;
    }
}

/// A hart without its decode cache.
///
/// What every instruction touches comes first, from the beginning of a line of the host's cache on. Where the compiler
/// chooses the order, a new field anywhere may spread the registers over more lines: once, for 3 % of generated code's
/// time.
#[repr(C, align(64))]
pub struct Core {
    /// Integer registers.
    pub x: [u64; 32],
    /// What generated code keeps beside the registers.
    pub generated: Generated,
    /// Floating-point registers.
    pub f: [u64; 32],
    /// Address of the next instruction.
    pub pc: u64,
    /// The privileged state.
    pub state: State,
    /// What the hart can do.
    pub config: Config,
    /// Guest memory.
    pub ram: Ram,
    /// The devices.
    pub bus: Arc<Bus>,
    /// The timebase.
    pub clock: Arc<Clock>,
    /// The wires.
    pub pins: Arc<HartPins>,
    /// Translated data addresses.
    pub data: Contexts<DataTable>,
    /// Translated instruction addresses.
    pub code: Contexts<JumpTable>,
    /// Leaves of the G-stage.
    pub guest_pages: GuestPages,
    /// Host address that LR reserved and [`RESERVED_WIDE`], or [`NOT_RESERVED`].
    pub reservation: u64,
    /// What LR read.
    pub reserved: u64,
    /// Why an instruction was left, after [`Stop::Trap`].
    pub trap: Trap,
    /// Why the hart stops.
    pub exit: Option<Exit>,
    /// Address of the access that trapped, for the transformed instruction.
    pub access_address: u64,
    /// Traps taken. A guest whose handler traps at once retires nothing, and must come to the end of its turn all the
    /// same.
    pub traps: u64,
    /// What went wrong.
    pub(crate) told: Told,
    /// Something happened after which interrupts must be looked at before the next instruction.
    pub recheck_interrupts: bool,
    /// FENCE.I is due.
    pub fence_i: bool,
    /// WFI.
    pub wfi: Wfi,
    /// Counters run or stand otherwise than when the quantum began: when one overflows must be found out anew.
    pub recount: bool,
    /// The firmware outside the hart.
    pub firmware: Outside,
    /// The machine's other harts.
    pub others: Others,
    /// Where quanta end.
    pub pace: Pace,
    /// Whether targets of jumps must be multiples of four.
    pub aligned_jumps: bool,
    /// What address translation had to do.
    pub counts: TranslationCounts,
    /// The hart's part in the watch over code pages.
    pub watcher: Watcher,
    /// Who watches the hart.
    pub watch: Watch,
    /// The debugger.
    pub(crate) debugging: Debugging,
}

/// What is remembered to tell of what goes wrong.
#[derive(Default)]
pub(crate) struct Told {
    /// Of traps, to tell of a loop.
    pub loops: Loops,
    /// What is to be told of root tables.
    pub roots: Roots,
    /// The last exceptions.
    pub faults: Box<Faults>,
}

/// WFI, and how long it waits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wfi {
    /// Nothing executes before an interrupt is pending.
    pub waiting: bool,
    /// The tick at which one goes on that only a guest's interrupts wake, or 0.
    pub(crate) nap: u64,
    /// The tick at which the last one began to wait.
    pub(crate) since: u64,
}

/// A firmware outside the hart, if it has one.
#[derive(Clone, Copy, Debug)]
pub struct Outside {
    /// Whether SBI calls of HS-mode stop the hart, for that firmware to answer.
    pub answers: bool,
    /// Its supervisor timer, for harts without Sstc.
    pub timer: u64,
}

impl Default for Outside {
    fn default() -> Outside {
        Outside { answers: false, timer: u64::MAX }
    }
}

/// The machine's other harts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Others {
    /// Whether there is none: then nobody breaks reservations, and nobody is waited for.
    pub alone: bool,
    /// Whether the machine has more harts than the host has processors.
    pub crowded: bool,
    /// How often the hart has said that it waits for another.
    pauses: u32,
}

/// A debugger's part in the hart.
#[derive(Default)]
pub(crate) struct Debugging {
    /// What it waits for, if there is anything.
    pub points: Option<Box<Debug>>,
    /// Why the hart stopped for it.
    pub halt: Option<Halt>,
}

/// The context of instruction fetches.
fn code_key(state: &State) -> Key {
    key(state, state.mode, 0)
}

/// The context of loads and stores.
fn data_key(state: &State) -> Key {
    let mode = state.data_mode();
    key(state, mode, PagePermits::of(state, mode).bits())
}

fn key(state: &State, mode: Mode, permits: u8) -> Key {
    let (satp, hgatp) = match mode {
        Mode { virt: true, .. } => (state.vsatp, state.hgatp),
        Mode { privilege: Privilege::Machine, .. } => (0, 0),
        Mode { virt: false, .. } => (state.satp, 0),
    };
    Key { virt: mode.virt, privilege: mode.privilege as u8, permits, satp, hgatp }
}

/// Brings up to date what an access to a CSR in this state sees of an interrupt file.
pub(crate) fn look_at_file(state: &mut State, config: &Config, pins: &HartPins, address: u16) -> Option<FileAccess> {
    let access = privileged::csr::file_access(state, config, address)?;
    match access {
        FileAccess::Top(id) => state.topei[id.level() as usize] = pins.file_top(id),
        FileAccess::Register(id, number) => state.file = pins.file_register(id, file_register(number)),
    }
    Some(access)
}

/// The register of an interrupt file with this number.
fn file_register(number: u64) -> FileRegister {
    FileRegister::selected(number).unwrap_or(FileRegister::Reserved)
}

impl Core {
    /// A hart after reset.
    pub fn new(config: Config, ram: Ram, bus: Arc<Bus>, clock: Arc<Clock>, pins: Arc<HartPins>) -> Core {
        let state = State::reset(&config);
        let watcher = ram.watch().join();
        let aligned_jumps = !config.has(arch::Extension::Zca);
        Core {
            x: [0; 32],
            f: [0; 32],
            pc: 0,
            data: Contexts::new(data_key(&state)),
            code: Contexts::new(code_key(&state)),
            guest_pages: GuestPages::default(),
            state,
            config,
            ram,
            watcher,
            bus,
            clock,
            pins,
            reservation: NOT_RESERVED,
            reserved: 0,
            trap: NO_TRAP,
            exit: None,
            access_address: 0,
            traps: 0,
            told: Told::default(),
            recheck_interrupts: true,
            fence_i: false,
            wfi: Wfi::default(),
            recount: false,
            firmware: Outside::default(),
            others: Others::default(),
            pace: Pace::Block,
            aligned_jumps,
            generated: Generated::default(),
            counts: TranslationCounts::default(),
            watch: Watch::default(),
            debugging: Debugging::default(),
        }
    }

    /// As after reset, at `pc`. Instructions retired go on being counted from where they were.
    pub fn reset(&mut self, pc: u64) {
        let retired = self.state.instret;
        self.x = [0; 32];
        self.f = [0; 32];
        self.pc = instruction_address(pc);
        self.state = State::reset(&self.config);
        self.state.instret = retired;
        (self.reservation, self.exit) = (NOT_RESERVED, None);
        (self.wfi.waiting, self.firmware.answers, self.firmware.timer) = (false, false, u64::MAX);
        self.fence_i = true;
        self.forget(&Fence::All);
        self.select();
    }

    /// Makes the contexts of the current mode the active ones, after any change of what decides them.
    pub fn select(&mut self) {
        self.data.select(data_key(&self.state));
        self.code.select(code_key(&self.state));
        self.recheck_interrupts = true;
    }

    /// Whether instructions are to be executed on, until so much [`Core::work`] is done.
    #[inline(always)]
    pub fn goes_on(&self, poll: u64) -> bool {
        self.work() < poll && self.exit.is_none() && !self.wfi.waiting && !self.recount
    }

    /// What a turn is measured in: instructions retired and traps taken.
    pub fn work(&self) -> u64 {
        self.state.instret.wrapping_add(self.traps)
    }

    /// Drops translations.
    pub fn forget(&mut self, fence: &Fence) {
        self.counts.note(fence);
        self.data.fence(fence);
        self.code.fence(fence);
        self.guest_pages.fence(fence);
    }

    /// Takes write permission from the entries of pages that have come to be watched: stores to them must be noticed.
    #[inline]
    pub fn follow_watches(&mut self) {
        if !self.watcher.is_up_to_date() {
            self.drop_writes();
        }
    }

    #[cold]
    fn drop_writes(&mut self) {
        let (host, data) = (self.ram_on_host(), &mut self.data);
        self.watcher.follow(|pages| match pages {
            None => data.fence(&Fence::All),
            Some(pages) => pages.iter().for_each(|page| data.forbid_writes(host.wrapping_add(page * PAGE_BYTES))),
        });
    }

    /// The program waits for another hart. What that one sends is looked for at once: waiting is all that there is to
    /// do. Only where the machine is crowded may it wait for this hart's place on the host.
    pub fn pause(&mut self) {
        std::hint::spin_loop();
        self.others.pauses = self.others.pauses.wrapping_add(1);
        if !self.heeded_kick() && self.others.crowded && self.others.pauses.is_multiple_of(PAUSES) {
            std::thread::yield_now();
        }
    }

    /// The program looks what time it is, or what is pending: it may be waiting, too, and such an instruction takes as
    /// long as hundreds of others. Answers whether there was a kick, which ends the quantum.
    pub fn heeded_kick(&mut self) -> bool {
        let kicked = self.clock.is_wall() && self.pins.take_attention();
        if kicked {
            (self.exit, self.recheck_interrupts) = (Some(Exit::Quantum), true);
        }
        kicked
    }

    /// VMID in `hgatp`.
    pub fn vmid(&self) -> u64 {
        fence::vmid(self.state.hgatp >> atp::ID_SHIFT)
    }

    /// Brings the privileged state's inputs up to date: time, wires, edges.
    pub fn refresh(&mut self) {
        self.refresh_time();
        if self.pins.take_ssip() {
            self.state.mip |= ip::SSIP;
        }
    }

    /// Brings time, and what depends on it, up to date.
    pub fn refresh_time(&mut self) {
        let now = self.clock.now();
        let timer = if now >= self.pins.mtimecmp() { ip::MTIP } else { 0 };
        self.state.time = now;
        self.state.pins = self.pins.levels() & (ip::MSIP | ip::MEIP | ip::SEIP) | timer;
        if self.config.guest_external_interrupts != 0 {
            self.state.hgeip = self.pins.guest_external();
        }
        if self.config.has_imsic() {
            self.refresh_tops();
        }
        if now >= self.firmware.timer {
            self.state.mip |= ip::STIP;
        }
    }

    /// Brings up to date which identities come first in the interrupt files that have external interrupts pending.
    #[cold]
    pub(crate) fn refresh_tops(&mut self) {
        let guest = FileId::Guest(self.state.vgein() as u8);
        let of_guest = ip::VSEIP & privileged::pending(&self.state, &self.config);
        let asserted = [
            (FileId::Machine, self.state.pins & ip::MEIP),
            (FileId::Supervisor, self.state.pins & ip::SEIP),
            (guest, of_guest),
        ];
        for (id, pending) in asserted {
            self.state.topei[id.level() as usize] = if pending == 0 { 0 } else { self.pins.file_top(id) };
        }
    }

    /// Brings up to date what an access to a CSR sees of an interrupt file. Answers what that is, if it reaches one.
    #[cold]
    pub(crate) fn look_at_file(&mut self, address: u16) -> Option<FileAccess> {
        look_at_file(&mut self.state, &self.config, &self.pins, address)
    }

    /// Does to an interrupt file what a CSR access did that had seen `seen` in its register.
    #[cold]
    pub(crate) fn change_file(&mut self, access: FileAccess, seen: u64) {
        match access {
            FileAccess::Top(id) => self.pins.claim_from_file(id, self.state.topei(id.level())),
            FileAccess::Register(id, number) => {
                let now = self.state.file;
                self.pins.change_file_register(id, file_register(number), seen & !now, now & !seen);
            }
        }
        self.refresh_time();
        self.recheck_interrupts = true;
    }

    /// The next tick at which a timer of this hart raises an interrupt.
    pub fn next_timer(&self) -> Option<u64> {
        let machine = [self.pins.mtimecmp(), self.firmware.timer];
        let later = machine.into_iter().filter(|&at| at != u64::MAX && at > self.state.time);
        later.chain(privileged::next_timer(&self.state)).min()
    }

    /// Notes the trap that the instruction ends with.
    #[inline]
    pub fn raise(&mut self, trap: Trap) -> Stop {
        self.trap = trap;
        Stop::Trap
    }
}
