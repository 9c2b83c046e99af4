//! One hart: runs the guest, and answers the exits that the kernel leaves to this process.

use std::io;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use arch::Phys;
use kvm_bindings::{
    KVM_EXIT_RISCV_SBI, KVM_RISCV_SBI_EXT_ID_KVM_RISCV_SBI_EXT_DBCN, KVM_SYSTEM_EVENT_RESET, KVM_SYSTEM_EVENT_SHUTDOWN,
};
use kvm_ioctls::{KvmRunWrapper, VcpuExit, VcpuFd};
use sbi::Console;
use sbi::system::reset_reason::NO_REASON;
use vcpu::{Cpu, Exit, HartPins, Reg, Reset, SystemEvent, Vcpu};

use super::kick::{self, Runner};
use super::regs::{self, OneReg};
use super::sys;
use super::vm::Shared;
use crate::Error;
use crate::forwarded::Sbi;

/// One hart of a [`super::Vm`].
pub struct KvmVcpu {
    fd: VcpuFd,
    pins: Arc<HartPins>,
    runner: Arc<Runner>,
    sbi: Sbi,
    /// The thread whose signals are set up for this hart.
    prepared: Option<ThreadId>,
    halt_reason: Option<String>,
    machine: Arc<Shared>,
}

impl KvmVcpu {
    pub(super) fn new(machine: Arc<Shared>, hart: u32, pins: Arc<HartPins>) -> Result<Self, Error> {
        let refused = |what, source: io::Error| Error::Request { what, source };
        let fd = machine.fd.create_vcpu(u64::from(hart)).map_err(|e| refused("create a vCPU", e.into()))?;
        // Kernels before 6.6 have no DBCN to enable; their guests use the UART alone.
        let _ = regs::set(&fd, OneReg::SbiExtension(KVM_RISCV_SBI_EXT_ID_KVM_RISCV_SBI_EXT_DBCN as usize), 1);
        let run = KvmRunWrapper::mmap_from_fd(&fd, machine.fd.run_size());
        let runner = Runner::new(run.map_err(|e| refused("map a vCPU", e.into()))?);
        let second = sys::duplicate(&fd).map_err(|e| refused("duplicate a vCPU's descriptor", e))?;
        kick::connect(&pins, &runner, second);
        let sbi = Sbi::new(machine.ram.clone());
        Ok(KvmVcpu { fd, pins, runner, sbi, prepared: None, halt_reason: None, machine })
    }

    /// What the hart can do.
    ///
    /// # Errors
    /// The kernel is too old to say.
    pub fn describe(&self) -> Result<Cpu, Error> {
        regs::describe(&self.fd).map_err(|source| Error::Request { what: "describe a vCPU", source })
    }

    /// Names the terminal behind the SBI console.
    pub fn set_console(&mut self, console: Arc<Mutex<dyn Console>>) {
        self.sbi.set_console(console);
    }

    /// Why the hart cannot go on, after [`Exit::Halted`].
    pub fn halt_reason(&self) -> Option<&str> {
        self.halt_reason.as_deref()
    }

    /// Signals are a thread's own: whoever runs the hart prepares once.
    fn prepare_thread(&mut self) -> Result<(), Error> {
        let this = thread::current().id();
        if self.prepared != Some(this) {
            kick::prepare_thread()?;
            self.prepared = Some(this);
        }
        Ok(())
    }

    /// Runs the guest until its next exit; `Some` ends [`Vcpu::run`].
    fn step(&mut self) -> Option<Exit> {
        match self.fd.run() {
            Ok(VcpuExit::MmioRead(at, data)) => {
                if self.machine.bus.read(Phys(at), data).is_err() {
                    // Nothing there reads as zero: KVM cannot inject the access fault that hardware may raise.
                    data.fill(0);
                }
            }
            Ok(VcpuExit::MmioWrite(at, data)) => {
                let _ = self.machine.bus.write(Phys(at), data);
            }
            Ok(VcpuExit::Unsupported(KVM_EXIT_RISCV_SBI)) => self.answer_sbi(),
            Ok(VcpuExit::SystemEvent(kind, data)) => return Some(Exit::System(system_event(kind, data))),
            Ok(VcpuExit::Intr) => return Some(self.interrupted()),
            Ok(other) => {
                let reason = format!("{other:?}");
                return Some(self.halt(format!("KVM came back with {reason}")));
            }
            Err(error) => return self.failed(error.into()),
        }
        None
    }

    fn answer_sbi(&mut self) {
        let run = self.fd.get_kvm_run();
        let answer = self.sbi.call(&sys::sbi_call(run));
        sys::answer_sbi(run, answer);
    }

    fn failed(&mut self, error: io::Error) -> Option<Exit> {
        match error.kind() {
            io::ErrorKind::Interrupted => Some(self.interrupted()),
            io::ErrorKind::WouldBlock => None,
            _ => Some(self.halt(format!("KVM_RUN: {error}"))),
        }
    }

    fn interrupted(&self) -> Exit {
        // in this order: a kick is noted before it ends anything
        self.runner.kicked();
        self.pins.take_attention();
        Exit::Quantum
    }

    fn halt(&mut self, reason: String) -> Exit {
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
        let _running = self.runner.enter();
        if self.pins.take_attention() {
            return Exit::Quantum;
        }
        loop {
            if let Some(exit) = self.step() {
                return exit;
            }
        }
    }

    /// Zero if the kernel refuses, which it does for no register there is.
    fn reg(&self, reg: Reg) -> u64 {
        core(reg).and_then(|number| regs::get(&self.fd, OneReg::Core(number)).ok()).unwrap_or(0)
    }

    fn set_reg(&mut self, reg: Reg, value: u64) {
        let Some(number) = core(reg) else { return };
        if let Err(error) = regs::set(&self.fd, OneReg::Core(number), value) {
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

/// Number of a register among the core registers, where `pc` has the place of `x0`.
fn core(reg: Reg) -> Option<u8> {
    match reg {
        Reg::Pc => Some(0),
        Reg::X(number @ 1..=31) => Some(number),
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
