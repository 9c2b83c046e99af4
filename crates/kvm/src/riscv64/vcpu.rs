//! One hart: runs the guest, and answers the exits that the kernel leaves to this process.

use std::io;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use arch::{Interrupt, Phys, csr};
use events::{Event, SbiCall, Sink};
use kvm_bindings::{
    KVM_EXIT_INTR, KVM_EXIT_MMIO, KVM_EXIT_RISCV_CSR, KVM_EXIT_RISCV_SBI, KVM_EXIT_SYSTEM_EVENT, KVM_MP_STATE_RUNNABLE,
    KVM_MP_STATE_STOPPED, KVM_SYSTEM_EVENT_RESET, KVM_SYSTEM_EVENT_SHUTDOWN, kvm_mp_state,
};
use kvm_ioctls::{KvmRunWrapper, VcpuExit, VcpuFd};
use sbi::function::Susp;
use sbi::system::reset_reason::NO_REASON;
use sbi::{Call, Console, Function, SbiRet};
use vcpu::{Clock, Cpu, Exit, HartPins, Reg, Reset, Snapshot, SystemEvent, Vcpu};

use super::debug::Own;
use super::kick::{self, Runner, Wire};
use super::regs::{self, Whole};
use super::resume::Resume;
use super::vm::Shared;
use super::watch::Watch;
use super::{describe, state, sys};
use crate::Error;
use crate::forwarded::Sbi;
use crate::registers::{Group, timer};
use crate::seed;

/// How often a suspended hart looks for what ends its sleep.
const SLEEP: Duration = Duration::from_millis(10);

/// One hart of a [`super::Vm`].
pub struct KvmVcpu {
    pub(super) fd: VcpuFd,
    pins: Arc<HartPins>,
    pub(super) runner: Arc<Runner>,
    sbi: Sbi,
    /// The thread whose signals are set up for this hart.
    prepared: Option<ThreadId>,
    halt_reason: Option<String>,
    wire: Arc<Wire>,
    /// The guest's system is suspended, by this hart's call at this address, until an interrupt comes.
    suspended: Option<u64>,
    /// It comes back from that.
    resume: Option<Resume>,
    pub(super) machine: Arc<Shared>,
    number: u32,
    /// Extensions that it has and that nobody is told of.
    untold: Vec<&'static str>,
    /// What it was before it ran, where the kernel tells.
    fresh: Option<Whole>,
    /// Whoever watches.
    watch: Option<Watch>,
    /// A debugger's part.
    pub(super) debug: Own,
}

impl KvmVcpu {
    pub(super) fn new(machine: Arc<Shared>, hart: u32, pins: Arc<HartPins>) -> Result<Self, Error> {
        let refused = |what, source: io::Error| Error::Request { what, source };
        let fd = machine.fd.create_vcpu(u64::from(hart)).map_err(|e| refused("create a vCPU", e.into()))?;
        let untold = describe::prepare(&fd, &machine.options)?;
        let run = KvmRunWrapper::mmap_from_fd(&fd, machine.fd.run_size());
        let runner = Runner::new(run.map_err(|e| refused("map a vCPU", e.into()))?);
        let second = sys::duplicate(&fd).map_err(|e| refused("duplicate a vCPU's descriptor", e))?;
        let wire = kick::connect(&pins, &runner, second);
        let sbi = Sbi::new(machine.ram.clone());
        let fresh = Whole::of(&fd).ok();
        machine.turns.add(runner.clone());
        let debug = Own::new(describe::describe(&fd, &untold).ok().as_ref(), hart);
        Ok(KvmVcpu {
            fd,
            pins,
            runner,
            sbi,
            prepared: None,
            halt_reason: None,
            wire,
            suspended: None,
            resume: None,
            machine,
            number: hart,
            untold,
            fresh,
            watch: None,
            debug,
        })
    }

    /// What the hart can do.
    ///
    /// # Errors
    /// The kernel is too old to say.
    pub fn describe(&self) -> Result<Cpu, Error> {
        describe::describe(&self.fd, &self.untold).map_err(|source| Error::Request { what: "describe a vCPU", source })
    }

    /// Names the terminal behind the SBI console.
    pub fn set_console(&mut self, console: Arc<Mutex<dyn Console>>) {
        self.sbi.set_console(console);
    }

    /// Lets `sink` watch what the kernel leaves to this process, with the machine's clock.
    pub fn watch(&mut self, clock: Arc<Clock>, sink: Box<dyn Sink>) {
        self.watch = Some(Watch::new(self.number as u16, clock, sink));
    }

    /// Why the hart cannot go on, after [`Exit::Halted`].
    pub fn halt_reason(&self) -> Option<&str> {
        self.halt_reason.as_deref()
    }

    /// The hart as it stands. `None`: the kernel does not describe it.
    pub fn snapshot(&self) -> Option<Snapshot> {
        Some(state::snapshot(&self.fd, &self.describe().ok()?, self.number))
    }

    /// Makes the hart what it was before it ran. The hart numbered 0 runs from its next [`Vcpu::run`] on; the others
    /// wait until it starts them. Answers whether the kernel could do it; if not, the hart is not to run again.
    pub fn reset(&mut self) -> bool {
        let state = if self.number == 0 { KVM_MP_STATE_RUNNABLE } else { KVM_MP_STATE_STOPPED };
        (self.suspended, self.resume) = (None, None);
        let restored = self.fresh.as_ref().is_some_and(|fresh| fresh.restore(&self.fd).is_empty());
        restored && self.fd.set_mp_state(kvm_mp_state { mp_state: state }).is_ok()
    }

    /// Reads all registers that running changes and writes them back. Answers how many there are.
    ///
    /// # Errors
    /// The kernel does not list them, or does not take one that it gave.
    pub fn rewrite(&mut self) -> Result<usize, Error> {
        let failed = |source| Error::Request { what: "read and write all registers", source };
        let whole = Whole::of(&self.fd).map_err(failed)?;
        match whole.restore(&self.fd).first() {
            None => Ok(whole.len()),
            Some(&id) => Err(failed(io::Error::other(format!("{} is not taken", crate::registers::name(id))))),
        }
    }

    /// Signals are a thread's own: whoever runs the hart prepares once.
    pub(super) fn prepare_thread(&mut self) -> Result<(), Error> {
        let this = thread::current().id();
        if self.prepared != Some(this) {
            kick::prepare_thread()?;
            sys::flush_instruction_caches();
            self.prepared = Some(this);
        }
        Ok(())
    }

    /// Runs the guest until its next exit; `Some` ends [`Vcpu::run`].
    pub(super) fn once(&mut self) -> Option<Exit> {
        if let Some(watch) = &mut self.watch {
            watch.entry();
        }
        match self.fd.run() {
            Ok(VcpuExit::MmioRead(at, data)) => {
                if self.machine.bus.read(Phys(at), data).is_err() {
                    // Nothing there reads as zero: KVM cannot inject the access fault that hardware may raise.
                    data.fill(0);
                }
                let value = little_endian(data);
                self.tell_mmio(at, false, value);
            }
            Ok(VcpuExit::MmioWrite(at, data)) => {
                let value = little_endian(data);
                // first told, then done: what the device does by itself comes behind
                self.tell_mmio(at, true, value);
                let _ = self.machine.bus.write(Phys(at), &value.1.to_le_bytes()[..value.0]);
            }
            Ok(VcpuExit::Unsupported(KVM_EXIT_RISCV_SBI)) => return self.answer_sbi(),
            Ok(VcpuExit::Unsupported(KVM_EXIT_RISCV_CSR)) => return self.answer_csr(),
            Ok(VcpuExit::SystemEvent(kind, data)) => {
                let event = system_event(kind, data);
                self.tell_exit(KVM_EXIT_SYSTEM_EVENT);
                return Some(Exit::System(event));
            }
            Ok(VcpuExit::Debug(_)) => return self.meets_break(),
            Ok(VcpuExit::Intr) => return Some(self.interrupted()),
            Ok(VcpuExit::FailEntry(..)) if self.machine.options.aia => {
                let reason =
                    "no interrupt file of the processor is left for it (riscv-aia=hwaccel): choose auto or emul";
                return Some(self.halt(reason.to_owned()));
            }
            Ok(other) => {
                let reason = format!("{other:?}");
                return Some(self.halt(format!("KVM came back with {reason}")));
            }
            Err(error) => return self.failed(error.into()),
        }
        None
    }

    fn answer_sbi(&mut self) -> Option<Exit> {
        let run = self.fd.get_kvm_run();
        let call = sys::sbi_call(run);
        if call.function() == Some(Function::Susp(Susp::SystemSuspend)) {
            // The kernel has looked at the call, and has the hart go on where it says.
            sys::answer_sbi(run, SbiRet { error: 0, value: 0 });
            self.suspended = Some(self.reg(Reg::Pc));
            return Some(Exit::Quantum);
        }
        let answer = self.sbi.call(&call);
        sys::answer_sbi(run, answer);
        self.tell_exit(KVM_EXIT_RISCV_SBI);
        if let Some(watch) = &mut self.watch {
            let Call { eid, fid, args } = call;
            watch.tell(&Event::SbiCall(SbiCall { extension: eid.into(), function: fid, args }));
            watch.tell(&Event::SbiReturn { error: answer.error as u64, value: answer.value });
        }
        None
    }

    /// Of the CSRs that the kernel has no answer for itself it asks for one here: `seed`.
    fn answer_csr(&mut self) -> Option<Exit> {
        let run = self.fd.get_kvm_run();
        match sys::csr_of_exit(run) {
            number if number == u64::from(csr::SEED) => sys::answer_csr(run, seed::read()),
            number => return Some(self.halt(format!("KVM asks for a CSR that nobody here has: {number:#x}"))),
        }
        self.tell_exit(KVM_EXIT_RISCV_CSR);
        None
    }

    fn tell_exit(&mut self, reason: u32) {
        if let Some(watch) = &mut self.watch {
            watch.exit(&self.fd, reason);
        }
    }

    /// Tells of an access to a device: its bytes and value.
    fn tell_mmio(&mut self, at: u64, write: bool, (bytes, value): (usize, u64)) {
        self.tell_exit(KVM_EXIT_MMIO);
        if let Some(watch) = &mut self.watch {
            watch.tell(&Event::Mmio { address: Phys(at), write, bytes: bytes as u8, value });
        }
    }

    /// Whether something ends the system's sleep: a device's interrupt, or the hart's timer.
    fn awakes(&self) -> bool {
        let read = |index| regs::get(&self.fd, Group::Timer, index).unwrap_or(0);
        let rings = || read(timer::STATE) == timer::ON && read(timer::TIME) >= read(timer::COMPARE);
        self.pins.levels() & Interrupt::SupervisorExternal.bit() != 0 || rings()
    }

    /// Tells the kernel again what it forgot, once it has started the hart anew.
    fn see_resumed(&mut self) {
        if self.resume.as_ref().is_some_and(|resume| resume.is_over(self.reg(Reg::Pc))) {
            self.resume = None;
            self.wire.tell_again(&self.pins);
        }
    }

    fn failed(&mut self, error: io::Error) -> Option<Exit> {
        match error.kind() {
            io::ErrorKind::Interrupted => Some(self.interrupted()),
            io::ErrorKind::WouldBlock => None,
            _ => Some(self.halt(format!("KVM_RUN: {error}"))),
        }
    }

    fn interrupted(&mut self) -> Exit {
        self.tell_exit(KVM_EXIT_INTR);
        // in this order: a kick is noted before it ends anything
        self.runner.kicked();
        self.pins.take_attention();
        Exit::Quantum
    }

    /// Whether its system sleeps.
    pub(super) fn is_suspended(&self) -> bool {
        self.suspended.is_some()
    }

    pub(super) fn halt(&mut self, reason: String) -> Exit {
        self.halt_reason = Some(reason);
        Exit::Halted
    }
}

impl Vcpu for KvmVcpu {
    /// Runs until a kick or a system event; the kernel has no budget of instructions.
    fn run(&mut self, _budget: u64) -> Exit {
        if let Err(error) = self.prepare_thread() {
            return self.halt(error.to_string());
        }
        if self.suspended.is_some() && !self.awakes() {
            thread::park_timeout(SLEEP);
            return Exit::Quantum;
        }
        if let Some(at) = self.suspended.take() {
            self.resume = Some(Resume::begin(at, self.runner.clone()));
        }
        let machine = self.machine.clone();
        // in this order: who is to be alone kicks whoever has joined
        let _running = self.runner.enter();
        let _turn = machine.turns.join();
        if self.pins.take_attention() {
            return Exit::Quantum;
        }
        loop {
            let exit = self.once();
            self.see_resumed();
            if let Some(exit) = exit {
                return exit;
            }
        }
    }

    /// Zero if the kernel refuses, which it does for no register there is.
    fn reg(&self, reg: Reg) -> u64 {
        core(reg).and_then(|number| regs::get(&self.fd, Group::Core, number).ok()).unwrap_or(0)
    }

    fn set_reg(&mut self, reg: Reg, value: u64) {
        let Some(number) = core(reg) else { return };
        if let Err(error) = regs::set(&self.fd, Group::Core, number, value) {
            self.halt_reason = Some(format!("cannot write {reg:?}: {error}"));
        }
    }

    fn instret(&self) -> Option<u64> {
        None
    }

    fn pins(&self) -> Arc<HartPins> {
        self.pins.clone()
    }
}

/// How many bytes there are, at most 8, and what they say.
fn little_endian(data: &[u8]) -> (usize, u64) {
    let mut bytes = [0; 8];
    let len = data.len().min(bytes.len());
    bytes[..len].copy_from_slice(&data[..len]);
    (len, u64::from_le_bytes(bytes))
}

/// Number of a register among the core registers, where `pc` has the place of `x0`.
fn core(reg: Reg) -> Option<u16> {
    match reg {
        Reg::Pc => Some(0),
        Reg::X(number @ 1..=31) => Some(number.into()),
        Reg::X(_) => None,
    }
}

/// `data[0]` is the reset reason of SBI SRST: none, or a failure. KVM does not tell cold from warm.
fn system_event(kind: u32, data: &[u64]) -> SystemEvent {
    let reason = data.first().map_or(0, |&reason| reason as u32);
    match (kind, reason) {
        (KVM_SYSTEM_EVENT_SHUTDOWN, NO_REASON) => SystemEvent::Shutdown,
        (KVM_SYSTEM_EVENT_RESET, NO_REASON) => SystemEvent::Reset(Reset::Cold),
        (KVM_SYSTEM_EVENT_RESET, _) => SystemEvent::Reset(Reset::AfterFailure),
        // a shutdown after a failure, or a crash
        _ => SystemEvent::SystemFailure,
    }
}
