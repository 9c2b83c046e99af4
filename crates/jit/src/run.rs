//! Execution: into generated code and out of it, and what it calls.

use arch::insn::{Bare, Class, Insn};
use hart::Hart;
use hart::engine::{Core, Ended, Fetched, Generated, Interpreter, Stop};

use crate::crash;
use crate::host::{Backend, GO_ON, LEAVE, Runtime, System};
use crate::sites::Site;
use crate::translator::Translator;

/// What generated code runs in.
pub struct Context<'a, B: Backend> {
    pub hart: &'a mut Hart,
    pub translator: &'a mut Translator<B>,
}

/// Executes until so much work is done, or something wants a look. A block that does not fit, with this much more
/// `room`, does not run; without room it ends where one does not.
pub fn execute<B: Backend>(hart: &mut Hart, translator: &mut Translator<B>, poll: u64, room: u64) {
    let mut before = None;
    B::drop_flags();
    while hart.core.goes_on(poll) && before != Some(hart.core.work()) {
        before = (room == 0).then(|| hart.core.work());
        hart.core.generated.deadline = poll.saturating_add(room);
        let Some(code) = go(hart, translator) else { continue };
        let stubs = translator.stubs().clone();
        let running = crash::Running::enter(translator, hart);
        B::enter(&stubs, &mut Context { hart: &mut *hart, translator: &mut *translator }, code);
        drop(running);
        fold_flags::<B>(&mut hart.core);
        settle_count(&mut hart.core, 0);
    }
}

/// [`execute`] at [`vcpu::Pace::Instruction`]: what does not fit of the last block runs through the interpreter, and so
/// does its rest at the beginning of the next quantum, as code for every place where a quantum ends would be much code.
pub fn execute_exactly<B: Backend>(hart: &mut Hart, translator: &mut Translator<B>, within: &mut bool, poll: u64) {
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
fn one<B: Backend>(hart: &mut Hart, translator: &mut Translator<B>) {
    if std::mem::take(&mut hart.core.fence_i) {
        translator.fence(&mut hart.core);
    }
    if hart.core.recheck_interrupts && hart.interrupt().is_some() {
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
fn go<B: Backend>(hart: &mut Hart, translator: &mut Translator<B>) -> Option<u64> {
    let mut looked = false;
    loop {
        if std::mem::take(&mut hart.core.fence_i) {
            translator.fence(&mut hart.core);
        }
        if hart.core.exit.is_some() || hart.core.wfi.waiting || hart.core.recount {
            break;
        }
        if hart.core.recheck_interrupts {
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
        if fetched_anew::<B>(hart) == Ended::Stopped {
            break;
        }
    }
    prepare(&mut hart.core);
    None
}

/// Fetches and executes the instruction at the hart's pc through the interpreter, where generated code goes on behind.
fn fetched_anew<B: Backend>(hart: &mut Hart) -> Ended {
    // what generated code has raised comes before what is executed here
    fold_flags::<B>(&mut hart.core);
    let ended = hart.single(&mut ());
    B::drop_flags();
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
    core.generated.note_fp(state);
    core.generated.fp_raises |= core.generated.fp_ready;
    let in_place = !core.watch.sees_csr_writes();
    core.generated.open = in_place && privileged::csr::is_open(state, &core.config);
    core.generated.mode = if in_place { Generated::mode_code(state.mode) } else { Generated::NO_MODE };
    core.generated.cbo_zero_ready = privileged::permit::cbo_zero(state).is_ok();
}

impl<B: Backend> Runtime for Context<'_, B> {
    #[inline(always)]
    fn core(&mut self) -> &mut Core {
        &mut self.hart.core
    }

    #[inline(always)]
    fn interpret(&mut self, offset: u64) -> u64 {
        let Some(site) = self.translator.site(offset) else { return LEAVE };
        self.translator.count_call(&site.insn);
        match interpret::<B>(self.hart, &site) {
            true => GO_ON,
            false => self.go(),
        }
    }

    #[inline(always)]
    fn find(&mut self) -> u64 {
        settle_count(&mut self.hart.core, 0);
        self.go()
    }

    #[inline(always)]
    fn single(&mut self) -> u64 {
        let hart = &mut *self.hart;
        settle_count(&mut hart.core, 0);
        if hart.core.work() < hart.core.generated.deadline && fetched_anew::<B>(hart) == Ended::Stopped {
            prepare(&mut hart.core);
            return LEAVE;
        }
        self.go()
    }

    /// What floating point has raised stays where it is.
    #[inline(always)]
    fn system(&mut self, system: System, raw: u64) -> u64 {
        let hart = &mut *self.hart;
        settle_count(&mut hart.core, 1);
        let at = Fetched { insn: insn_of(system), pc: hart.core.pc, raw: raw as u32, len: 4 };
        if hart.execute(at, &mut ()) == Ended::Stopped {
            prepare(&mut hart.core);
            return LEAVE;
        }
        self.go()
    }

    #[inline(always)]
    fn link(&mut self, site: u64) -> u64 {
        let Some(link) = self.translator.link(site) else { return LEAVE };
        settle_count(&mut self.hart.core, 0);
        self.hart.core.pc = link.target;
        let flushes = self.translator.flushes();
        if let Some(code) = self.translator.find(&mut self.hart.core) {
            self.translator.patch(site, code, flushes, &self.hart.core);
        }
        self.go()
    }
}

impl<B: Backend> Context<'_, B> {
    fn go(&mut self) -> u64 {
        go(self.hart, self.translator).unwrap_or(LEAVE)
    }
}

#[inline(always)]
fn insn_of(system: System) -> Insn {
    match system {
        System::Ecall => Insn::Ecall(Bare {}),
        System::Ebreak => Insn::Ebreak(Bare {}),
        System::Sret => Insn::Sret(Bare {}),
        System::Mret => Insn::Mret(Bare {}),
    }
}

/// Runs the instruction of a site through the interpreter. Answers whether code goes on behind it.
#[inline(always)]
fn interpret<B: Backend>(hart: &mut Hart, site: &Site) -> bool {
    fold_flags::<B>(&mut hart.core);
    settle_count(&mut hart.core, site.left);
    let (retired, device_accesses) = (hart.core.state.instret, hart.core.counts.device_accesses);
    let mut record = ();
    let mut run = Interpreter::new(&mut hart.core, &mut record, site.pc);
    run.place(site.pc, site.len, retired);
    let done = semantics::execute(&mut run, &site.insn);
    let next = run.next();
    if hart.core.counts.device_accesses != device_accesses {
        B::drop_flags();
    }
    match done {
        Ok(()) => {
            let core = &mut hart.core;
            if !site.leaves && !core.recheck_interrupts && !core.fence_i && core.exit.is_none() {
                if !only_accesses(&site.insn) {
                    note_mode(core);
                    note_waiting(core);
                }
                return true;
            }
            core.pc = next;
            core.state.instret = retired.wrapping_add(1);
        }
        Err(stop) => {
            let at = place(&mut hart.core, site, stop);
            hart.leave(stop, at);
        }
    }
    false
}

/// Whether all that an instruction does is to access memory. What a floating-point load makes of FS is noted later.
fn only_accesses(insn: &Insn) -> bool {
    matches!(insn.class(), Class::Load | Class::Store | Class::Amo | Class::Hyper)
}

/// The instruction of a site with its bits as fetched, if its trap tells them. A site does not keep them: memory has
/// them, unless it was written to meanwhile.
fn place(core: &mut Core, site: &Site, stop: Stop) -> Fetched {
    use arch::Exception::{IllegalInstruction, VirtualInstruction};
    core.pc = site.pc;
    let executed = Fetched { insn: site.insn, pc: site.pc, raw: site.insn.encode(), len: site.len };
    if stop == Stop::Exit || !matches!(core.trap.cause, IllegalInstruction | VirtualInstruction) {
        return executed;
    }
    core.fetch().ok().filter(|at| at.insn == site.insn && at.len == site.len).unwrap_or(executed)
}

/// Moves the flags that generated code has raised to `fflags`. No others are in the host's: its own code computes too
/// (devices, the console, whoever listens), and what it raises is dropped before generated code goes on.
fn fold_flags<B: Backend>(core: &mut Core) {
    // where it may not run, generated floating point has raised nothing
    if !core.generated.fp_raises {
        return;
    }
    core.generated.fp_raises = core.generated.fp_ready;
    core.state.fflags |= B::take_flags().0;
}
