//! The hart: blocks of decoded instructions, one after the other, and traps between them.

use std::sync::Arc;

use arch::{Mode, Trap};
use bus::Bus;
use events::{Event, Kind};
use memory::Ram;
use privileged::{Cause, Config, State, tinst};
use vcpu::{Clock, Exit, HartPins, Notice, Pace, Reg, Statistic, Vcpu};

use crate::blocks::{Block, Blocks};
use crate::core::{Core, NOT_RESERVED, Stop, instruction_address};
use crate::exec::Interpreter;
use crate::instruction::{Ended, Fetched};
use crate::record::Record;

/// What a hart is made of.
pub struct HartParts {
    /// What it can do.
    pub config: Config,
    /// Guest memory.
    pub ram: Ram,
    /// The devices.
    pub bus: Arc<Bus>,
    /// The timebase.
    pub clock: Arc<Clock>,
    /// The wires.
    pub pins: Arc<HartPins>,
    /// Whether the machine has no other hart.
    pub alone: bool,
    /// Whether the machine has more harts than the host has processors.
    pub crowded: bool,
}

/// What [`Hart::step`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// One instruction retired.
    Retired,
    /// A trap was taken; no instruction retired.
    Trapped(Cause),
    /// The hart stopped before the next instruction.
    Exit(Exit),
}

/// One RISC-V hart, interpreted.
pub struct Hart {
    /// What instructions work on.
    pub core: Core,
    pub(crate) blocks: Blocks,
    /// The [`Core::work`] at which the next implicit FENCE.I is due.
    pub(crate) implicit_fence: u64,
    /// Looks until nobody is expected to kick.
    alert: u32,
}

/// Instructions between two implicit FENCE.I. Ziccid: stores become visible to instruction fetches, eventually and in
/// order, without one.
const UNSEEN: u64 = 1 << 20;

/// Instructions between two looks at wires, kicks and time where code is translated: some ten microseconds. At
/// [`Pace::Instruction`] it is the same for whoever executes.
pub const POLL: u64 = 16384;

/// The same where instructions are interpreted: it takes as long.
const INTERPRETED_POLL: u64 = POLL / 4;

/// Instructions between two looks at kicks alone, while others are expected: less than a microsecond.
const ALERT_POLL: u64 = POLL / 16;

/// For how many looks others are expected after a kick: some hundred microseconds. Who sends messages sends more.
const ALERT: u32 = 16;

/// Ticks that WFI waits where nothing would be taken behind it: a millisecond. Ten times as often cost a tenth of a
/// core.
const NAP: u64 = vcpu::TIMEBASE_HZ / 1000;

impl Hart {
    /// A hart after reset, in M-mode at address 0.
    pub fn new(parts: HartParts) -> Hart {
        let mut core = Core::new(parts.config, parts.ram, parts.bus, parts.clock, parts.pins);
        (core.others.alone, core.others.crowded) = (parts.alone, parts.crowded);
        Hart { core, blocks: Blocks::new(), implicit_fence: UNSEEN, alert: 0 }
    }

    /// The privileged state.
    pub fn state(&self) -> &State {
        &self.core.state
    }

    /// The privileged state, to be changed by tests and debuggers. Cached consequences are dropped.
    pub fn state_mut(&mut self) -> &mut State {
        self.core.forget(&crate::fence::Fence::All);
        self.core.recheck_interrupts = true;
        &mut self.core.state
    }

    /// Executes one instruction, or takes one trap.
    pub fn step<R: Record>(&mut self, record: &mut R) -> Step {
        self.core.follow_watches();
        self.core.refresh();
        self.core.select();
        self.core.wfi.waiting = false;
        if let Some(cause) = self.interrupt() {
            return Step::Trapped(cause);
        }
        match self.single(record) {
            Ended::Retired => Step::Retired,
            Ended::Trapped(cause) => Step::Trapped(cause),
            Ended::Stopped => Step::Exit(self.core.exit.take().unwrap_or(Exit::Halted)),
        }
    }

    /// Runs for about `budget` instructions, watched.
    pub(crate) fn drive<R: Record>(&mut self, budget: u64, record: &mut R) -> Exit {
        self.drive_by(budget, INTERPRETED_POLL, |hart, poll| hart.blocks_until(poll, record))
    }

    /// Runs for about `budget` instructions, and looks at wires, kicks and time every `interval`. `execute` executes
    /// instructions, until so much [`Core::work`] is done or something wants a look ([`Core::wfi`],
    /// [`Core::exit`]).
    pub fn drive_by(&mut self, budget: u64, interval: u64, execute: impl FnMut(&mut Hart, u64)) -> Exit {
        if !self.core.others.alone {
            self.core.reservation = NOT_RESERVED;
        }
        self.core.follow_watcher();
        let exit = self.drive_on(budget, interval, execute);
        self.core.watcher.rest();
        exit
    }

    fn drive_on(&mut self, budget: u64, interval: u64, mut execute: impl FnMut(&mut Hart, u64)) -> Exit {
        let end = self.core.work().saturating_add(budget);
        let interval = if self.core.pace == Pace::Block { interval } else { POLL };
        loop {
            self.core.follow_watches();
            self.core.refresh();
            if let Some(exit) = self.wait() {
                return exit;
            }
            self.interrupt();
            if self.core.work() >= self.implicit_fence {
                self.core.fence_i = true;
                self.implicit_fence = self.core.work().saturating_add(UNSEEN);
            }
            self.core.recount = false;
            self.until_kick(end.min(self.core.work().saturating_add(self.until_look(interval))), &mut execute);
            if self.core.state.counts_events() {
                self.core.count_events(self.core.state.instret);
            }
            if let Some(exit) = self.core.exit.take() {
                return exit;
            }
            // A kick is taken where it ends the quantum, and nowhere before: whoever runs the hart looks around then.
            if self.core.pins.take_attention() {
                // what comes from other threads is nothing to a hart whose time goes by instructions
                self.alert = if self.core.clock.is_wall() { ALERT } else { 0 };
                return Exit::Quantum;
            }
            if self.core.work() >= end {
                return Exit::Quantum;
            }
        }
    }

    /// Has `execute` execute until the next look; where kicks are expected, only until one comes.
    fn until_kick(&mut self, look: u64, execute: &mut impl FnMut(&mut Hart, u64)) {
        if self.alert == 0 {
            return execute(self, look);
        }
        self.alert -= 1;
        while self.core.goes_on(look) && !self.core.pins.wanted() {
            execute(self, look.min(self.core.work().saturating_add(ALERT_POLL)));
        }
    }

    /// After how many instructions there is to be a look again: at the latest where a counter overflows.
    fn until_look(&self, interval: u64) -> u64 {
        match self.core.state.counts_events() {
            true => interval.min(self.core.state.instructions_to_overflow()),
            false => interval,
        }
    }

    /// While WFI waits: the exit that says so.
    fn wait(&mut self) -> Option<Exit> {
        if !self.core.wfi.waiting {
            return None;
        }
        let timer = self.core.next_timer();
        if !privileged::has_wakeup(&self.core.state, &self.core.config) {
            return Some(Exit::Idle { until: timer });
        }
        if let Some(end) = self.nap() {
            return Some(Exit::Idle { until: timer.into_iter().chain([end]).min() });
        }
        self.core.wfi.waiting = false;
        self.core.tell_between(&Event::Wake);
        None
    }

    /// When WFI goes on that nothing wakes but what waits for a guest. It must go on, but where nothing is taken then,
    /// it is the loop of an idle hypervisor that comes back at once, and it need not do so at the host's full speed.
    /// Linux 6.12's KVM leaves a guest's timer due like that when the guest moves to another hart.
    fn nap(&mut self) -> Option<u64> {
        let core = &mut self.core;
        let end = std::mem::take(&mut core.wfi.nap);
        if end != 0 && core.state.time >= end || !privileged::only_guest_wakes(&core.state, &core.config) {
            return None;
        }
        core.wfi.nap = if end == 0 { core.state.time.saturating_add(NAP) } else { end };
        Some(core.wfi.nap)
    }

    /// Takes the interrupt that is due, if any. Whether any waits is noted for generated code.
    pub fn interrupt(&mut self) -> Option<Cause> {
        let core = &mut self.core;
        core.recheck_interrupts = false;
        if core.tells_pending() {
            core.tell_pending();
        }
        core.generated.interrupt_waits = privileged::has_wakeup(&core.state, &core.config);
        if !core.generated.interrupt_waits {
            return None;
        }
        if core.config.has_imsic() {
            core.refresh_tops();
        }
        let cause = privileged::next_interrupt(&core.state, &core.config)?;
        let pc = self.core.pc;
        self.core.counts.interrupts += 1;
        self.enter(cause, pc);
        Some(cause)
    }

    /// Executes blocks until so much [`Core::work`] is done, or something wants a look.
    fn blocks_until<R: Record>(&mut self, poll: u64, record: &mut R) {
        while self.core.goes_on(poll) {
            if std::mem::take(&mut self.core.fence_i) {
                self.blocks.fence(&mut self.core.watcher);
            }
            if self.core.recheck_interrupts {
                self.interrupt();
            }
            if self.core.pace == Pace::Instruction || self.core.may_stop_within() {
                self.part_of_block(poll, record);
                continue;
            }
            let until = poll.saturating_sub(self.core.traps);
            while self.block(record) && !self.core.recheck_interrupts && self.core.state.instret < until {}
        }
    }

    /// Executes the block at `pc`. Whether all of it retired; if not, there is more to look at than
    /// [`Core::recheck_interrupts`].
    #[inline(always)]
    fn block<R: Record>(&mut self, record: &mut R) -> bool {
        self.block_until::<R, false>(u64::MAX, record)
    }

    /// Executes the block at `pc` as far as it may: until so much [`Core::work`] is done, or something is to be looked
    /// at.
    fn part_of_block<R: Record>(&mut self, poll: u64, record: &mut R) {
        // an interrupt that was just taken counts
        let left = poll.saturating_sub(self.core.work());
        if left > 0 {
            self.block_until::<R, true>(left, record);
        }
    }

    /// Executes the block at `pc`; if only a `PART`, then at most `most` instructions of it, and none behind one that
    /// asks for a look.
    #[inline(always)]
    fn block_until<R: Record, const PART: bool>(&mut self, most: u64, record: &mut R) -> bool {
        let known = self.core.code.active.get(self.core.pc).and_then(|number| self.blocks.get(number as u32));
        let block = match known {
            Some(block) => block,
            None => match self.find() {
                Some(number) => &self.blocks[number],
                None => {
                    self.single(record);
                    return false;
                }
            },
        };
        let Err((stop, at)) = run_block::<R, PART>(&mut self.core, block, most, record) else { return true };
        self.leave(stop, at);
        false
    }

    /// Finds the block at `pc` by its physical address, and enters it into the jump table. `None`: there can be no
    /// block, as the instruction crosses pages, is not in RAM, or cannot be fetched at all.
    #[cold]
    fn find(&mut self) -> Option<u32> {
        if self.blocks.is_full() {
            self.blocks.clear();
            self.core.code.fence(&crate::fence::Fence::All);
        }
        let offset = self.core.fetch_offset()?;
        if self.core.leaves_out(self.core.pc, offset) {
            return None;
        }
        let number = self.blocks.at(offset, &mut self.core)?;
        self.core.code.active.enter(self.core.pc, number.into());
        Some(number)
    }

    /// Fetches and executes one instruction, wherever it is, unless it has a breakpoint.
    #[cold]
    pub fn single<R: Record>(&mut self, record: &mut R) -> Ended {
        if self.core.debugging.points.is_some() && self.core.meets_break() {
            return Ended::Stopped;
        }
        self.fetched(record)
    }

    /// Fetches and executes one instruction, wherever it is.
    pub(crate) fn fetched<R: Record>(&mut self, record: &mut R) -> Ended {
        let pc = self.core.pc;
        // what is fetched now is new: what was written before it must not be seen later as it was
        self.core.fence_i = true;
        let at = match self.core.fetch() {
            Ok(at) => at,
            Err(trap) => return self.trap(trap, pc),
        };
        self.execute(at, record)
    }

    /// Executes an instruction that was fetched.
    #[inline(always)]
    pub fn execute<R: Record>(&mut self, at: Fetched, record: &mut R) -> Ended {
        let retired = self.core.state.instret;
        let mut run = Interpreter::new(&mut self.core, record, at.pc);
        run.place(at.pc, at.len, retired);
        if R::ON {
            run.begin(at.raw);
        }
        if let Err(stop) = semantics::execute(&mut run, &at.insn) {
            self.core.state.instret = retired;
            return self.leave(stop, at);
        }
        if R::ON {
            run.end();
        }
        self.core.pc = run.next();
        self.core.state.instret = retired.wrapping_add(1);
        Ended::Retired
    }

    /// An instruction was left: takes its trap, or stops in front of it.
    #[cold]
    pub fn leave(&mut self, stop: Stop, at: Fetched) -> Ended {
        self.core.pc = at.pc;
        match stop {
            Stop::Trap => {
                let trap = self.complete(self.core.trap, at);
                self.trap(trap, at.pc)
            }
            Stop::Exit => Ended::Stopped,
        }
    }

    /// Adds what only the place of the instruction tells: its bits, or its transformation.
    #[inline(always)]
    fn complete(&self, trap: Trap, at: Fetched) -> Trap {
        use arch::Exception::{IllegalInstruction, VirtualInstruction};
        match trap.cause {
            IllegalInstruction | VirtualInstruction => Trap { tval: at.raw.into(), ..trap },
            _ if self.core.config.transformed_instructions => {
                let length = if at.len == 2 { tinst::Length::Compressed } else { tinst::Length::Full };
                tinst::complete(trap, || at.insn.encode(), length, self.core.access_address)
            }
            _ => trap,
        }
    }

    #[inline(always)]
    fn trap(&mut self, trap: Trap, pc: u64) -> Ended {
        self.core.note_fault(trap, pc);
        let cause = Cause::Exception(trap);
        // With the firmware outside there is nothing to run in M-mode.
        if self.core.firmware.answers && privileged::route(&self.core.state, &self.core.config, cause) == Mode::M {
            self.core.exit = Some(Exit::Halted);
            return Ended::Stopped;
        }
        self.enter(cause, pc);
        Ended::Trapped(cause)
    }

    #[inline(always)]
    fn enter(&mut self, cause: Cause, pc: u64) {
        let core = &mut self.core;
        core.note_trap(cause, pc);
        if core.tells(Kind::Trap) {
            core.tell_trap(cause, pc);
        }
        core.traps += 1;
        let from = core.state.mode;
        core.pc = privileged::enter(&mut core.state, &core.config, cause, pc);
        core.counts.guest_exits += u64::from(from.virt && !core.state.mode.virt);
        if core.state.counts_events() {
            core.count_events(core.state.instret);
            core.recount = true;
        }
        core.select();
        if core.debugging.points.is_some() {
            core.watch_trap(cause, from, pc);
        }
    }
}

/// Executes a block; if only a `PART`, then at most `most` instructions of it, and none behind one that asks for a
/// look.
///
/// # Errors
/// The instruction that was left.
#[inline(always)]
fn run_block<R: Record, const PART: bool>(
    core: &mut Core,
    block: &Block,
    most: u64,
    record: &mut R,
) -> Result<(), (Stop, Fetched)> {
    let (start, retired) = (core.pc, core.state.instret);
    let mut run = Interpreter::new(core, record, start);
    run.place(start, 0, retired);
    for slot in &block.slots {
        if PART && (run.wants_look() || run.retired().wrapping_sub(retired) >= most) {
            break;
        }
        run.go_on(slot.len);
        if R::ON {
            run.begin(block.raw_of(slot));
        }
        if let Err(stop) = semantics::execute(&mut run, &slot.insn) {
            let (pc, retired) = (run.at(), run.retired());
            core.state.instret = retired;
            return Err((stop, Fetched { insn: slot.insn, pc, raw: block.raw_of(slot), len: slot.len }));
        }
        if R::ON {
            run.end();
        }
        run.retire();
    }
    let (next, retired) = (run.next(), run.retired());
    core.pc = next;
    core.state.instret = retired;
    Ok(())
}

impl Vcpu for Hart {
    fn run(&mut self, budget: u64) -> Exit {
        self.drive(budget, &mut ())
    }

    fn reg(&self, reg: Reg) -> u64 {
        match reg {
            Reg::Pc => self.core.pc,
            Reg::X(register) => self.core.x[usize::from(register & 31)],
        }
    }

    fn set_reg(&mut self, reg: Reg, value: u64) {
        match reg {
            Reg::Pc => {
                self.core.pc = instruction_address(value);
                // whoever is put somewhere executes there
                self.core.wfi.waiting = false;
            }
            Reg::X(0) => {}
            Reg::X(register) => self.core.x[usize::from(register & 31)] = value,
        }
    }

    fn instret(&self) -> Option<u64> {
        Some(self.core.state.instret)
    }

    fn traps(&self) -> u64 {
        self.core.traps
    }

    fn notice(&mut self) -> Option<Notice> {
        let loops = self.core.trap_loop().map(|what| Notice { what, of_fault: true });
        loops.or_else(|| Some(Notice { what: self.core.unaligned_root()?, of_fault: false }))
    }

    fn pins(&self) -> Arc<HartPins> {
        self.core.pins.clone()
    }

    fn statistics(&self) -> Vec<Statistic> {
        self.core.statistics()
    }
}
