//! The hart: generated code between the same traps, interrupts and looks at the wires as the interpreter's.

use std::sync::Arc;

use arch::insn::{Bare, Class, Insn};
use bus::Stateful;
use events::{Event, Kinds, Look, Sink, Stamp};
use hart::engine::{At, Core, Ended, Generated, POLL, Run, Stop};
use hart::{Hart, HartParts};
use vcpu::debug::Debuggee;
use vcpu::{Exit, Fence, FullHart, HartPins, Notice, Pace, Reg, Statistic, Vcpu, Wakeup};

use crate::back_end::{self, Enter, Helpers};
use crate::crash;
use crate::memory::{CodeMemory, MOST_BYTES, USUAL_BYTES};
use crate::sites::Site;
use crate::statistics::Counters;
use crate::translator::{MAX_INSNS, ROOM, Translator};

/// Why there is no such hart.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The host's processor is too old.
    #[error("the translator needs a processor with {0}")]
    Host(String),
    /// The host gave no memory for code.
    #[error("this computer gives the translator no memory for code")]
    Memory(#[source] std::io::Error),
}

/// What a hart is made of.
pub struct JitParts {
    /// All but its way of executing.
    pub hart: HartParts,
    /// Bytes of code kept at most, up to 2 GiB; a quarter of a MiB is the least that serves, and is given in any case.
    pub code_bytes: Option<usize>,
}

/// One RISC-V hart, translated.
pub struct JitHart {
    pub(crate) hart: Hart,
    pub(crate) translator: Translator,
    /// Whether the last quantum ended within a block.
    pub(crate) within: bool,
}

/// What generated code gives back to the helpers.
struct Context {
    hart: *mut Hart,
    translator: *mut Translator,
}

/// Answers of helpers that are not addresses of code.
const GO_ON: u64 = 0;
const LEAVE: u64 = 1;

impl JitHart {
    /// A hart after reset, in M-mode at address 0.
    ///
    /// # Errors
    /// The host lacks something.
    pub fn new(parts: JitParts) -> Result<JitHart, Error> {
        back_end::check_host().map_err(Error::Host)?;
        crash::watch();
        let bytes = parts.code_bytes.unwrap_or(USUAL_BYTES).clamp(4 * ROOM, MOST_BYTES);
        let memory = CodeMemory::new(bytes).map_err(|errno| Error::Memory(errno.into()))?;
        let helpers = Helpers { interpret, find, single, system: [ecall, ebreak, sret, mret], link };
        Ok(JitHart { hart: Hart::new(parts.hart), translator: Translator::new(memory, &helpers), within: false })
    }

    /// What the translator did so far.
    pub fn counters(&self) -> Counters {
        self.translator.counters()
    }

    /// The hart without its way of executing.
    pub fn hart(&self) -> &Hart {
        &self.hart
    }

    /// The hart without its way of executing, to be changed by tests and debuggers.
    pub fn hart_mut(&mut self) -> &mut Hart {
        &mut self.hart
    }
}

#[cfg(test)]
impl JitHart {
    /// Overwrites the code of the instruction at `pc`.
    pub(crate) fn break_code(&mut self, pc: u64, with: &[u8]) {
        assert!(self.translator.break_code(pc, with), "no code of {pc:#x}");
    }
}

/// Executes until so much work is done, or something wants a look. A block that does not fit, with this much more `room`, does not
/// run; without room it ends where one does not.
fn execute(hart: &mut Hart, translator: &mut Translator, poll: u64, room: u64) {
    let mut before = None;
    back_end::drop_flags();
    while hart.core.goes_on(poll) && before != Some(hart.core.work()) {
        before = (room == 0).then(|| hart.core.work());
        hart.core.generated.deadline = poll.saturating_add(room);
        let Some(code) = go(hart, translator) else { continue };
        let rbp = std::ptr::from_mut(&mut hart.core.x).cast::<u8>().wrapping_add(back_end::BIAS);
        let mut context = Context { hart, translator };
        // SAFETY: `enter` is code that `Stubs::generate` made for this signature, `code` an entry that the translator
        // made for the hart's state, and both stay where they are while `context` lives. Generated code reaches the hart
        // only through these pointers; no reference to it is in use until it returns.
        unsafe {
            let enter: Enter = std::mem::transmute((*context.translator).stubs().enter as usize);
            let running = crash::Running::enter(context.translator, context.hart);
            enter(std::ptr::from_mut(&mut context).cast(), rbp.cast(), code);
            drop(running);
        }
        fold_flags(&mut hart.core);
        settle_count(&mut hart.core, 0);
    }
}

/// [`execute`] at [`Pace::Instruction`]: what does not fit of the last block runs through the interpreter, and so does its rest at
/// the beginning of the next quantum, as code for every place where a quantum ends would be much code.
fn execute_exactly(hart: &mut Hart, translator: &mut Translator, within: &mut bool, poll: u64) {
    while hart.core.goes_on(poll) && *within {
        let behind = hart.core.pc;
        one(hart, translator);
        let length = hart.core.pc.wrapping_sub(behind);
        *within = matches!(length, 2 | 4) && hart.core.code.active.get(hart.core.pc).is_none();
    }
    while hart.core.goes_on(poll) {
        let before = hart.core.work();
        execute(hart, translator, poll, 0);
        if hart.core.work() == before {
            *within = true;
            while hart.core.goes_on(poll) {
                one(hart, translator);
            }
        }
    }
}

/// Takes what is due, and executes one instruction through the interpreter.
fn one(hart: &mut Hart, translator: &mut Translator) {
    if std::mem::take(&mut hart.core.fence_i) {
        translator.fence(&mut hart.core);
    }
    if hart.core.look && hart.interrupt().is_some() {
        return;
    }
    hart.single(&mut ());
}

/// `instret`, as generated code has counted it, with `undone` instructions of the block still to come.
fn settle_count(core: &mut Core, undone: u8) {
    let left = (core.generated.left as u64).wrapping_add(undone.into());
    core.state.instret = core.generated.deadline.wrapping_sub(core.traps).wrapping_sub(left);
}

/// Takes what is due between instructions, and finds the code to go on with. `None`: generated code is to be left.
fn go(hart: &mut Hart, translator: &mut Translator) -> Option<u64> {
    let mut looked = false;
    loop {
        if std::mem::take(&mut hart.core.fence_i) {
            translator.fence(&mut hart.core);
        }
        if hart.core.exit.is_some() || hart.core.waiting || hart.core.recount {
            break;
        }
        if hart.core.look {
            hart.interrupt();
            looked = true;
            if hart.core.exit.is_some() {
                break;
            }
        }
        if hart.core.work() >= hart.core.generated.deadline {
            break;
        }
        if let Some(code) = translator.find(&mut hart.core) {
            if !looked {
                note_waiting(&mut hart.core);
            }
            note_mode(&mut hart.core);
            note_left(&mut hart.core);
            return Some(code);
        }
        looked = false;
        if fetched_anew(hart) == Ended::Stopped {
            break;
        }
    }
    prepare(&mut hart.core);
    None
}

/// Fetches and executes the instruction at the hart's pc through the interpreter, where generated code goes on behind.
fn fetched_anew(hart: &mut Hart) -> Ended {
    // what generated code has raised comes before what is executed here
    fold_flags(&mut hart.core);
    let ended = hart.single(&mut ());
    back_end::drop_flags();
    ended
}

/// Brings what generated code keeps beside the registers up to date, between blocks.
fn prepare(core: &mut Core) {
    note_mode(core);
    note_waiting(core);
    note_left(core);
}

/// Notes what is left of the quantum.
fn note_left(core: &mut Core) {
    core.generated.left = core.generated.deadline.wrapping_sub(core.work()) as i64;
}

/// Notes whether an interrupt waits, as [`Hart::interrupt`] does. Neither traps nor returns change that.
fn note_waiting(core: &mut Core) {
    core.generated.interrupt_waits = privileged::has_wakeup(&core.state, &core.config);
}

/// Notes what generated code may do in the current mode.
fn note_mode(core: &mut Core) {
    let state = &core.state;
    core.generated.fp_ready = state.fp_dirty() && state.frm == fp::Rounding::Rne as u8;
    core.generated.fp_raises |= core.generated.fp_ready;
    let in_place = !core.watch.sees_csr_writes();
    core.generated.open = in_place && privileged::csr::is_open(state, &core.config);
    core.generated.mode = if in_place { Generated::mode_code(state.mode) } else { Generated::NO_MODE };
    core.generated.cbo_zero_ready = privileged::permit::cbo_zero(state).is_ok();
}

/// The hart and the translator of a context.
///
/// # Safety
/// `context` is what [`execute`] gave to the generated code that calls, and nothing else refers to the two.
unsafe fn parts<'a>(context: *mut ()) -> (&'a mut Hart, &'a mut Translator) {
    let context = context.cast::<Context>();
    // SAFETY: as the caller promises; the pointers were made from exclusive references that are not used meanwhile.
    unsafe { (&mut *(*context).hart, &mut *(*context).translator) }
}

/// Runs an instruction through the interpreter.
unsafe extern "C" fn interpret(context: *mut (), site: u64) -> u64 {
    // SAFETY: generated code passes the context it was entered with.
    let (hart, translator) = unsafe { parts(context) };
    let Some(site) = translator.site(site) else { return LEAVE };
    translator.count_call(&site.insn);
    fold_flags(&mut hart.core);
    settle_count(&mut hart.core, site.left);
    let (retired, device_accesses) = (hart.core.state.instret, hart.core.counts.device_accesses);
    let mut record = ();
    let mut run = Run::new(&mut hart.core, &mut record, site.pc);
    run.place(site.pc, site.len, retired);
    let done = semantics::execute(&mut run, &site.insn);
    let next = run.next();
    if hart.core.counts.device_accesses != device_accesses {
        back_end::drop_flags();
    }
    match done {
        Ok(()) => {
            let core = &mut hart.core;
            if !site.leaves && !core.look && !core.fence_i && core.exit.is_none() {
                if !only_accesses(&site.insn) {
                    note_mode(core);
                    note_waiting(core);
                }
                return GO_ON;
            }
            core.pc = next;
            core.state.instret = retired.wrapping_add(1);
        }
        Err(stop) => {
            let at = place(&mut hart.core, &site, stop);
            hart.leave(stop, at);
        }
    }
    go(hart, translator).unwrap_or(LEAVE)
}

/// Whether all that an instruction does is to access memory. What a floating-point load makes of FS is noted later.
fn only_accesses(insn: &Insn) -> bool {
    matches!(insn.class(), Class::Load | Class::Store | Class::Amo | Class::Hyper)
}

/// The instruction of a site with its bits as fetched, if its trap tells them. A site does not keep them: memory has them,
/// unless it was written to meanwhile.
fn place(core: &mut Core, site: &Site, stop: Stop) -> At {
    use arch::Exception::{IllegalInstruction, VirtualInstruction};
    core.pc = site.pc;
    let executed = At { insn: site.insn, pc: site.pc, raw: site.insn.encode(), len: site.len };
    if stop == Stop::Exit || !matches!(core.trap.cause, IllegalInstruction | VirtualInstruction) {
        return executed;
    }
    core.fetch().ok().filter(|at| at.insn == site.insn && at.len == site.len).unwrap_or(executed)
}

/// Finds code for the hart's pc.
unsafe extern "C" fn find(context: *mut (), _: u64) -> u64 {
    // SAFETY: as in `interpret`.
    let (hart, translator) = unsafe { parts(context) };
    settle_count(&mut hart.core, 0);
    go(hart, translator).unwrap_or(LEAVE)
}

/// Executes the instruction at the hart's pc, fetched anew.
unsafe extern "C" fn single(context: *mut (), _: u64) -> u64 {
    // SAFETY: as in `interpret`.
    let (hart, translator) = unsafe { parts(context) };
    settle_count(&mut hart.core, 0);
    if hart.core.work() < hart.core.generated.deadline && fetched_anew(hart) == Ended::Stopped {
        prepare(&mut hart.core);
        return LEAVE;
    }
    go(hart, translator).unwrap_or(LEAVE)
}

unsafe extern "C" fn ecall(context: *mut (), raw: u64) -> u64 {
    // SAFETY: as in `interpret`.
    unsafe { system(context, Insn::Ecall(Bare {}), raw) }
}

unsafe extern "C" fn ebreak(context: *mut (), raw: u64) -> u64 {
    // SAFETY: as in `interpret`.
    unsafe { system(context, Insn::Ebreak(Bare {}), raw) }
}

unsafe extern "C" fn sret(context: *mut (), raw: u64) -> u64 {
    // SAFETY: as in `interpret`.
    unsafe { system(context, Insn::Sret(Bare {}), raw) }
}

unsafe extern "C" fn mret(context: *mut (), raw: u64) -> u64 {
    // SAFETY: as in `interpret`.
    unsafe { system(context, Insn::Mret(Bare {}), raw) }
}

/// Executes the instruction at the hart's pc, the last of its block, which traps or returns from a trap. What floating point has
/// raised stays where it is.
///
/// # Safety
/// As for [`parts`].
#[inline(always)]
unsafe fn system(context: *mut (), insn: Insn, raw: u64) -> u64 {
    // SAFETY: the caller's.
    let (hart, translator) = unsafe { parts(context) };
    settle_count(&mut hart.core, 1);
    let at = At { insn, pc: hart.core.pc, raw: raw as u32, len: 4 };
    if hart.execute(at, &mut ()) == Ended::Stopped {
        prepare(&mut hart.core);
        return LEAVE;
    }
    go(hart, translator).unwrap_or(LEAVE)
}

/// Finds code for a jump within a page, and lets it go there from now on.
unsafe extern "C" fn link(context: *mut (), site: u64) -> u64 {
    // SAFETY: as in `interpret`.
    let (hart, translator) = unsafe { parts(context) };
    let Some(link) = translator.link(site) else { return LEAVE };
    settle_count(&mut hart.core, 0);
    hart.core.pc = link.target;
    let flushes = translator.flushes();
    if let Some(code) = translator.find(&mut hart.core) {
        translator.patch(site, code, flushes, &hart.core);
    }
    go(hart, translator).unwrap_or(LEAVE)
}

/// Moves the flags that generated code has raised to `fflags`. No others are in MXCSR: the host's own code computes too
/// (devices, the console, whoever listens), and what it raises is dropped before generated code goes on.
fn fold_flags(core: &mut Core) {
    // where it may not run, generated floating point has raised nothing
    if !core.generated.fp_raises {
        return;
    }
    core.generated.fp_raises = core.generated.fp_ready;
    core.state.fflags |= back_end::take_flags().0;
}

/// One who listens in the midst of generated code, whose floating point raises nothing in the guest.
struct Apart(Box<dyn Sink>);

impl Sink for Apart {
    fn wants(&self) -> Kinds {
        self.0.wants()
    }
    fn event(&mut self, stamp: &Stamp, event: &Event, hart: &dyn Look) {
        back_end::keep_flags(|| self.0.event(stamp, event, hart));
    }
}

impl Vcpu for JitHart {
    fn run(&mut self, budget: u64) -> Exit {
        let JitHart { hart, translator, within } = self;
        match hart.core.pace {
            // with room for one more block than is wanted, what is wanted gets done
            Pace::Block => hart.drive_by(budget, POLL, |hart, poll| execute(hart, translator, poll, MAX_INSNS.into())),
            Pace::Instruction => {
                hart.drive_by(budget, POLL, |hart, poll| execute_exactly(hart, translator, within, poll))
            }
        }
    }
    fn reg(&self, reg: Reg) -> u64 {
        self.hart.reg(reg)
    }
    fn set_reg(&mut self, reg: Reg, value: u64) {
        self.hart.set_reg(reg, value);
    }
    fn instret(&self) -> Option<u64> {
        self.hart.instret()
    }
    fn traps(&self) -> u64 {
        self.hart.traps()
    }
    fn notice(&mut self) -> Option<Notice> {
        self.hart.notice()
    }
    fn pins(&self) -> Arc<HartPins> {
        self.hart.pins()
    }
    fn statistics(&self) -> Vec<Statistic> {
        [self.hart.statistics(), self.counters().statistics()].concat()
    }
}

impl FullHart for JitHart {
    fn reset_machine(&mut self, pc: u64) {
        self.hart.reset_machine(pc);
    }
    fn enter_supervisor(&mut self, pc: u64) {
        self.hart.enter_supervisor(pc);
    }
    fn resume_supervisor(&mut self, pc: u64) {
        self.hart.resume_supervisor(pc);
    }
    fn wakeup(&mut self) -> Wakeup {
        self.hart.wakeup()
    }
    fn set_pace(&mut self, pace: Pace) {
        self.hart.set_pace(pace);
    }
    fn fence(&mut self, fence: Fence) {
        self.hart.fence(fence);
    }
    fn set_supervisor_timer(&mut self, deadline: u64) {
        self.hart.set_supervisor_timer(deadline);
    }
    fn vmid(&self) -> u16 {
        self.hart.vmid()
    }
    fn watch(&mut self, sink: Option<Box<dyn Sink>>) {
        self.hart.watch(sink.map(|sink| Box::new(Apart(sink)) as _));
    }
    fn tell(&mut self, event: &Event) {
        self.hart.tell(event);
    }
    fn snapshot(&self) -> Option<vcpu::Snapshot> {
        self.hart.snapshot()
    }
    fn describe(&self, text: &mut String) {
        self.hart.describe(text);
    }
    fn csr(&mut self, address: u16) -> u64 {
        self.hart.csr(address)
    }
    fn set_csr(&mut self, address: u16, value: u64) {
        self.hart.set_csr(address, value);
    }
    fn stateful(&mut self) -> Option<&mut dyn Stateful> {
        self.within = false;
        self.hart.stateful()
    }
    fn debuggee(&mut self) -> Option<&mut dyn Debuggee> {
        Some(self)
    }
}

#[cfg(test)]
mod tests;
