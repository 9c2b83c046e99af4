//! The built-in SBI firmware: the emulator answers a kernel's SBI calls itself.
//!
//! Models the RISC-V Supervisor Binary Interface Specification 2.0: BASE, TIME, IPI, RFENCE, HSM, SRST, PMU, DBCN,
//! SUSP, and of the legacy extensions those without a pointer to virtual memory (timer, console, shutdown).

#![forbid(unsafe_code)]

mod base;
mod call;
mod console;
mod hsm;
mod mail;
mod mask;
mod pmu;
mod rfence;
mod system;

pub use call::{Answer, Call, Outcome, Resume, SbiError};
pub use console::Console;
pub use hsm::State;
pub use mail::{Mail, Request, Ticket};

use std::sync::Arc;

use arch::Isa;
use devices::PowerSwitch;
use memory::Ram;
use vcpu::{FullHart, HartPins, Reg};

use pmu::{FirmwareEvent, Pmu};

/// Extension ids.
pub mod eid {
    #![allow(missing_docs, reason = "the names are the specification's")]
    pub const LEGACY_SET_TIMER: u32 = 0;
    pub const LEGACY_PUTCHAR: u32 = 1;
    pub const LEGACY_GETCHAR: u32 = 2;
    pub const LEGACY_SHUTDOWN: u32 = 8;
    pub const BASE: u32 = 0x10;
    pub const TIME: u32 = 0x5449_4d45;
    pub const IPI: u32 = 0x73_5049;
    pub const RFENCE: u32 = 0x5246_4e43;
    pub const HSM: u32 = 0x48_534d;
    pub const SRST: u32 = 0x5352_5354;
    pub const PMU: u32 = 0x50_4d55;
    pub const DBCN: u32 = 0x4442_434e;
    pub const SUSP: u32 = 0x5355_5350;
}

pub(crate) const A0: Reg = hsm::arg(0);
pub(crate) const A1: Reg = hsm::arg(1);
const A6: Reg = hsm::arg(6);
const A7: Reg = hsm::arg(7);
/// Bytes of `ecall`; it has no compressed form.
const ECALL_BYTES: u64 = 4;

/// What whoever runs the harts has to do before the hart that called goes on. It takes time, for which no other hart's
/// call shall wait.
#[derive(Debug, Default)]
pub struct ToDo {
    /// Requests to other harts that are to be waited for.
    pub awaited: Vec<Ticket>,
    /// Bytes to be shown on the console.
    pub shown: Vec<u8>,
}

/// The firmware of one machine.
pub struct Firmware {
    ram: Ram,
    power: Arc<PowerSwitch>,
    console: Box<dyn Console>,
    states: Vec<State>,
    isa: Isa,
    pmus: Vec<Pmu>,
    mail: Arc<Mail>,
}

impl Firmware {
    /// A firmware for the harts with these pins and this ISA, all stopped.
    pub fn new(
        pins: Vec<Arc<HartPins>>,
        isa: Isa,
        ram: Ram,
        power: Arc<PowerSwitch>,
        console: Box<dyn Console>,
    ) -> Self {
        let (states, pmus) = (vec![State::Stopped; pins.len()], vec![Pmu::new(isa); pins.len()]);
        Firmware { ram, power, console, isa, states, pmus, mail: Arc::new(Mail::new(pins)) }
    }

    /// What harts ask of each other. Whoever runs a hart serves its requests.
    pub fn mail(&self) -> Arc<Mail> {
        self.mail.clone()
    }

    /// Starts the machine: hart 0 enters the kernel at `entry` with the device tree at `device_tree`, the others wait.
    pub fn boot(&mut self, first: &mut dyn FullHart, entry: u64, device_tree: u64) {
        self.states.fill(State::Stopped);
        self.pmus.fill(Pmu::new(self.isa));
        self.mail.clear();
        if let Some(state) = self.states.first_mut() {
            *state = State::Started;
            hsm::enter(first, 0, entry, device_tree);
        }
    }

    /// What the hart is in.
    pub fn state(&self, hart: usize) -> State {
        self.states.get(hart).copied().unwrap_or(State::Stopped)
    }

    /// Whether the hart runs.
    pub fn runs(&self, hart: usize) -> bool {
        self.state(hart) == State::Started
    }

    /// The hart's registers are ready for the moment when it wakes.
    fn suspend(&mut self, number: usize, hart: &mut dyn FullHart, then: Option<Resume>) {
        self.states[number] = State::Suspended;
        match then {
            None => {
                hart.set_reg(A1, 0);
                go_on(hart, 0);
            }
            Some(Resume { address, opaque }) => hsm::resume(hart, number as u64, address, opaque),
        }
    }

    /// A suspended hart has met an interrupt: it runs.
    pub fn awakes(&mut self, hart: usize) {
        if self.state(hart) == State::Suspended {
            self.states[hart] = State::Started;
        }
    }

    /// Answers the call that `hart`, number `caller`, came back with ([`vcpu::Exit::Sbi`]).
    pub fn answer(&mut self, caller: usize, hart: &mut dyn FullHart) -> ToDo {
        let mut to_do = ToDo::default();
        if caller >= self.states.len() {
            return to_do;
        }
        let call = read_call(hart);
        match self.outcome(caller, &call, hart, &mut to_do) {
            Outcome::Return(answer) => {
                let (error, value) = answer.map_or_else(|error| (error as i64 as u64, 0), |value| (0, value));
                hart.set_reg(A1, value);
                go_on(hart, error);
            }
            Outcome::ReturnLegacy(value) => go_on(hart, value),
            Outcome::Stop => self.states[caller] = State::Stopped,
            Outcome::Suspend(then) => self.suspend(caller, hart, then),
            Outcome::Resume(Resume { address, opaque }) => hsm::resume(hart, caller as u64, address, opaque),
        }
        to_do
    }

    /// What becomes of `call`; everything but the caller's registers is done.
    fn outcome(&mut self, caller: usize, call: &Call, hart: &mut dyn FullHart, to_do: &mut ToDo) -> Outcome {
        match call.extension {
            eid::BASE => base::answer(call).into(),
            eid::TIME => self.time(caller, call, hart).into(),
            eid::IPI => self.ipi(caller, call).into(),
            eid::RFENCE => self.fence(caller, call, hart, &mut to_do.awaited).into(),
            eid::HSM => hsm::answer(call, &mut self.states, &self.mail, &self.ram),
            eid::SRST => self.reset(call).into(),
            eid::PMU => self.pmus[caller].answer(call, hart, &self.ram).into(),
            eid::DBCN => console::answer(call, &self.ram, self.console.as_mut(), &mut to_do.shown).into(),
            eid::SUSP => system::suspend(call, caller, &self.states, &self.ram),
            _ => self.legacy(caller, call, hart, to_do),
        }
    }

    fn ipi(&mut self, caller: usize, call: &Call) -> Answer {
        if call.function != 0 {
            return Err(SbiError::NotSupported);
        }
        for id in mask::harts(call.args[0], call.args[1], self.mail.harts())? {
            if self.state(id).is_up() {
                self.note(caller, id, FirmwareEvent::IpiSent, FirmwareEvent::IpiReceived);
                self.mail.pins(id).into_iter().for_each(HartPins::pulse_ssip);
            }
        }
        Ok(0)
    }

    fn fence(&mut self, caller: usize, call: &Call, hart: &mut dyn FullHart, awaited: &mut Vec<Ticket>) -> Answer {
        let has_h = self.isa.has(arch::Extension::H);
        let asked = rfence::answer(call, (caller, hart), &self.states, &self.mail, has_h, awaited)?;
        if let Some((sent, received)) = rfence::events(call.function) {
            asked.into_iter().for_each(|id| self.note(caller, id, sent, received));
        }
        Ok(0)
    }

    /// Counts what one hart asked of another.
    fn note(&mut self, from: usize, to: usize, sent: FirmwareEvent, received: FirmwareEvent) {
        if from != to {
            self.pmus[from].note(sent);
            self.pmus[to].note(received);
        }
    }

    fn time(&mut self, caller: usize, call: &Call, hart: &mut dyn FullHart) -> Answer {
        if call.function != 0 {
            return Err(SbiError::NotSupported);
        }
        self.pmus[caller].note(FirmwareEvent::SetTimer);
        hart.set_supervisor_timer(call.args[0]);
        Ok(0)
    }

    /// The hart goes on until the board looks at the power switch: at most to the end of its slice.
    fn reset(&self, call: &Call) -> Answer {
        self.power.request(system::reset(call)?);
        Ok(0)
    }

    fn legacy(&mut self, caller: usize, call: &Call, hart: &mut dyn FullHart, to_do: &mut ToDo) -> Outcome {
        let value = match call.extension {
            eid::LEGACY_SET_TIMER => {
                self.pmus[caller].note(FirmwareEvent::SetTimer);
                hart.set_supervisor_timer(call.args[0]);
                0
            }
            eid::LEGACY_PUTCHAR => {
                to_do.shown.push(call.args[0] as u8);
                0
            }
            eid::LEGACY_GETCHAR => self.console.read().map_or(u64::MAX, u64::from),
            eid::LEGACY_SHUTDOWN => {
                self.power.request(vcpu::SystemEvent::Shutdown);
                0
            }
            _ => return Err(SbiError::NotSupported).into(),
        };
        Outcome::ReturnLegacy(value)
    }
}

fn read_call(hart: &dyn FullHart) -> Call {
    Call {
        extension: hart.reg(A7) as u32,
        function: hart.reg(A6),
        args: std::array::from_fn(|n| hart.reg(hsm::arg(n as u8))),
    }
}

fn go_on(hart: &mut dyn FullHart, a0: u64) {
    hart.set_reg(A0, a0);
    let next = hart.reg(Reg::Pc).wrapping_add(ECALL_BYTES);
    hart.set_reg(Reg::Pc, next);
}
