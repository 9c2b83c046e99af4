//! The machine: what each step does.

use fp::Rounding;
use hart::engine::Core;
use privileged::csr::{FloatPart, word_at};
use semantics::{CsrOp, Word as _, X64};

use super::Stubs;
use super::step::{BINARY, CSR_OPS, FORMATS, Kind, PARTS, RELATIONS, STEP_BYTES, SYSTEMS, Step, UNARY};
use crate::expr::{fold, fold_unary};
use crate::host::{FFLAGS, GO_ON, LEAVE, Runtime, SecondHalf};

/// The bits of a rounding mode.
const ROUNDING: u64 = arch::csr::frm::BITS;

/// What is not in the hart.
#[derive(Default)]
pub struct Machine {
    /// The next step.
    at: u64,
    stack: Vec<u64>,
    /// What is kept, by place.
    pub kept: [u64; 8],
    /// What was kept as a target.
    target: u64,
    /// Where the instruction's slow path is.
    slow_path: u64,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The next step.
    Step,
    /// The instruction's slow path.
    SlowPath,
    /// Nothing: the quantum has ended.
    End,
    /// What the runtime says.
    Ask,
}

impl Next {
    /// The next step, if all is well; else the slow path.
    pub fn or_slow_path(fits: bool) -> Next {
        if fits { Next::Step } else { Next::SlowPath }
    }
}

/// Runs code until it is left.
pub fn run<R: Runtime>(stubs: &Stubs, runtime: &mut R, code: u64) {
    let mut machine = Machine { at: code, ..Machine::default() };
    loop {
        let here = machine.at;
        let step = stubs.cache.step(here);
        machine.at += STEP_BYTES as u64;
        match machine.execute(step, here, runtime.core()) {
            Next::Step => {}
            Next::SlowPath => {
                machine.stack.clear();
                machine.at = machine.slow_path;
            }
            Next::End => return,
            Next::Ask => match machine.ask(step, here.wrapping_sub(stubs.slow_paths), runtime) {
                GO_ON => machine.at = step.wide,
                LEAVE => return,
                code => machine.at = code,
            },
        }
    }
}

impl Machine {
    /// Pops the top.
    pub fn pop(&mut self) -> u64 {
        self.stack.pop().expect("an emitter pushes what it pops")
    }

    fn push(&mut self, value: u64) {
        self.stack.push(value);
    }

    /// Calls the runtime for a step that is so far into the slow paths.
    fn ask<R: Runtime>(&mut self, step: Step, offset: u64, runtime: &mut R) -> u64 {
        match step.kind {
            Kind::Interpret => runtime.interpret(offset),
            Kind::Link => runtime.link(step.wide),
            Kind::Cross => runtime.single(),
            Kind::System => runtime.system(SYSTEMS[usize::from(step.a)], self.pop()),
            _ => runtime.find(),
        }
    }

    fn execute(&mut self, step: Step, here: u64, core: &mut Core) -> Next {
        use Kind::*;
        match step.kind {
            Const | X | F | Held | Word => self.read(step, core),
            Sext | Zext | Unary | Binary | Compare | Select => self.compute(step),
            Keep | KeepTarget | SetX | SetXUnless | SetF | SetWord => self.write(step, core),
            Open | Go | GoIf | GoFar | GoKept | Link | System | Cross | Interpret | SlowPath | SlowPathIf | Span => {
                return self.flow(step, here, core);
            }
            Load | Store | Zero | Amo | Cas | Reserve | Conditional => return self.access(step, core),
            Fence => std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst),
            Float => self.float(step, core),
            FloatCsr => return self.float_csr(step, core),
            CheckFp | CheckMode | CheckOpen | CheckNoInterrupt => return check(step, core),
            NoteFp => core.generated.note_fp(&core.state),
            Void => panic!("{here:#x}: nobody told of the code there"),
        }
        Next::Step
    }

    /// Steps that push what there is.
    fn read(&mut self, step: Step, core: &mut Core) {
        let a = usize::from(step.a);
        let value = match step.kind {
            Kind::X => core.x[a],
            Kind::F => core.f[a],
            Kind::Held => self.kept[a],
            Kind::Word => *word(core, step),
            _ => step.wide,
        };
        self.push(value);
    }

    /// Steps on the stack alone.
    fn compute(&mut self, step: Step) {
        let (a, top) = (usize::from(step.a), X64(self.pop()));
        let value = match step.kind {
            Kind::Sext => top.sext(step.a.into()),
            Kind::Zext => top.zext(step.a.into()),
            Kind::Unary => fold_unary(UNARY[a], top),
            Kind::Binary => fold(BINARY[a], X64(self.pop()), top),
            Kind::Compare => X64(RELATIONS[a].holds(X64(self.pop()), top).into()),
            _ => {
                let yes = self.pop();
                if self.pop() != 0 { X64(yes) } else { top }
            }
        };
        self.push(value.0);
    }

    /// Steps that put the top somewhere.
    fn write(&mut self, step: Step, core: &mut Core) {
        let (a, top) = (usize::from(step.a), self.pop());
        match step.kind {
            Kind::Keep => self.kept[a] = top,
            Kind::KeepTarget => self.target = top,
            Kind::SetX => core.x[a] = top,
            Kind::SetF => core.f[a] = top,
            Kind::SetWord => *word(core, step) = top,
            _ if self.pop() == 0 => core.x[a] = top,
            _ => core.generated.left += i64::from(step.b),
        }
    }

    /// Steps that may go elsewhere.
    fn flow(&mut self, step: Step, here: u64, core: &mut Core) -> Next {
        match step.kind {
            Kind::Open => return open(step, core),
            Kind::Go => self.at = step.to(here),
            Kind::GoIf if self.pop() != 0 => self.at = step.to(here),
            Kind::Span if !self.has_span(step, core) => self.at = step.to(here),
            Kind::GoFar => return self.go(step.wide, core),
            Kind::GoKept => return self.go(self.target, core),
            Kind::SlowPath => self.slow_path = step.to(here),
            Kind::SlowPathIf => return Next::or_slow_path(self.pop() == 0),
            Kind::Interpret | Kind::Link => return Next::Ask,
            Kind::System => {
                core.pc = step.wide;
                return Next::Ask;
            }
            Kind::Cross => return self.cross(step, core),
            _ => {}
        }
        Next::Step
    }

    /// Goes to an address of the guest's.
    fn go(&mut self, pc: u64, core: &mut Core) -> Next {
        match core.code.active.get(pc) {
            Some(code) => self.at = code,
            None => {
                core.pc = pc;
                return Next::Ask;
            }
        }
        Next::Step
    }

    /// Looks whether the second half of an instruction is what it was.
    fn cross(&mut self, step: Step, core: &mut Core) -> Next {
        let (page, bits) = (self.pop(), u16::from_le_bytes([step.a, step.b]));
        let same = core.code.active.page(step.wide.wrapping_add(SecondHalf::BEHIND)) == Some(page);
        if same && core.ram.load_u16(page) == Some(bits) {
            return Next::Step;
        }
        core.pc = step.wide;
        Next::Ask
    }

    fn float(&mut self, step: Step, core: &mut Core) {
        let [c, b, a] = [self.pop(), self.pop(), self.pop()];
        let rm = if step.b == Rounding::DYN { core.state.frm } else { step.b };
        let rounding = Rounding::from_rm(rm).expect("an emitter refuses others, and generated code runs with none");
        let (op, format) = (fp::Op::ALL[step.wide as usize], FORMATS[usize::from(step.a)]);
        let (value, flags) = fp::evaluate(op, format, rounding, [a, b, c]);
        core.state.fflags |= flags.0;
        self.kept[usize::from(step.c)] = value;
    }

    /// Accesses flags and rounding mode, which is to nearest, as long as it stays so.
    fn float_csr(&mut self, step: Step, core: &mut Core) -> Next {
        let (value, op, part) = (self.pop(), CSR_OPS[usize::from(step.a)], PARTS[usize::from(step.b)]);
        if !core.generated.fp_ready {
            return Next::SlowPath;
        }
        let old = if part == FloatPart::Rounding { 0 } else { core.state.fflags.into() };
        let new = match op {
            CsrOp::Read => old,
            CsrOp::Write | CsrOp::Swap => value,
            CsrOp::Set => old | value,
            CsrOp::Clear => old & !value,
        };
        let (flags, rounding) = match part {
            FloatPart::Flags => (new, 0),
            FloatPart::Rounding => (core.state.fflags.into(), new),
            FloatPart::Both => (new, new >> FFLAGS.count_ones()),
        };
        if rounding & ROUNDING != 0 {
            return Next::SlowPath;
        }
        core.state.fflags = (flags & FFLAGS) as u8;
        self.kept[usize::from(step.c)] = old;
        Next::Step
    }
}

/// Takes a block's instructions from what is left, or ends the quantum before it.
fn open(step: Step, core: &mut Core) -> Next {
    let left = core.generated.left - i64::from(step.a);
    if left < 0 {
        core.pc = step.wide;
        return Next::End;
    }
    core.generated.left = left;
    Next::Step
}

/// The word of the privileged state that a step means.
fn word(core: &mut Core, step: Step) -> &mut u64 {
    word_at(&mut core.state, step.wide as usize).expect("CSRs in place have words")
}

fn check(step: Step, core: &Core) -> Next {
    let generated = &core.generated;
    Next::or_slow_path(match step.kind {
        Kind::CheckFp => generated.fp_ready,
        Kind::CheckMode => generated.mode == step.a,
        Kind::CheckOpen => generated.open,
        _ => !generated.interrupt_waits,
    })
}
