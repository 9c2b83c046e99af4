//! The built-in SBI firmware: the emulator answers a kernel's SBI calls itself.
//!
//! Models the RISC-V Supervisor Binary Interface Specification 2.0: BASE, TIME, IPI, RFENCE, HSM, SRST, PMU, DBCN,
//! SUSP, and of the legacy extensions those without a pointer to virtual memory (timer, console, shutdown).
//! Of 3.0 it has PMU's event information. Numbers, and the console, are `sbi`'s.

#![forbid(unsafe_code)]

mod base;
mod console;
mod entry;
mod hsm;
mod legacy;
mod outcome;
mod pmu;
mod requests;
mod rfence;
#[cfg(feature = "state")]
mod saved;
mod system;

pub use hsm::State;
pub use outcome::{Outcome, Resume};
pub use requests::{Awaited, HartRequests, Request};

use std::sync::Arc;

use arch::Isa;
use devices::PowerSwitch;
use events::{Event, HartState};
use memory::Ram;
use sbi::function::{Ipi, Rfence, Srst, Susp, Time};
use sbi::pmu::FirmwareEvent;
use sbi::{Answer, Call, Console, Error, Extension, Function, SbiRet, hart_list, register};
use vcpu::{EmulatedHart, HartPins, Reg};

use console::Deferred;
use pmu::Pmu;

pub(crate) const A0: Reg = Reg::X(register::A0);
pub(crate) const A1: Reg = Reg::X(register::A1);

/// The extensions that are answered, besides the legacy ones: what `base` says to whoever probes.
const ANSWERED: [Extension; 9] = {
    use Extension::*;
    [Base, Time, Ipi, Rfence, Hsm, Srst, Pmu, Dbcn, Susp]
};

/// What whoever runs the harts has to do before the hart that called goes on. It takes time, for which no other hart's
/// call shall wait.
#[derive(Debug, Default)]
pub struct ToDo {
    /// Requests to other harts that are to be waited for.
    pub awaited: Vec<Awaited>,
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
    requests: Arc<HartRequests>,
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
        Firmware { ram, power, console, isa, states, pmus, requests: Arc::new(HartRequests::new(pins)) }
    }

    /// What harts ask of each other. Whoever runs a hart serves its requests.
    pub fn requests(&self) -> Arc<HartRequests> {
        self.requests.clone()
    }

    /// Starts the machine: hart 0 enters the kernel at `entry` with the device tree at `device_tree`, the others wait.
    pub fn boot(&mut self, first: &mut dyn EmulatedHart, entry: u64, device_tree: u64) {
        self.states.fill(State::Stopped);
        self.pmus.fill(Pmu::new(self.isa));
        self.requests.clear();
        if let Some(state) = self.states.first_mut() {
            *state = State::Started;
            entry::enter(first, 0, entry, device_tree);
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
    fn suspend(&mut self, number: usize, hart: &mut dyn EmulatedHart, then: Option<Resume>) {
        self.states[number] = State::Suspended;
        hart.tell(&Event::Hart(HartState::Suspended));
        match then {
            None => {
                hart.set_reg(A1, 0);
                go_on(hart, 0);
            }
            Some(Resume { address, opaque }) => entry::resume(hart, number as u64, address, opaque),
        }
    }

    /// A suspended hart has met an interrupt: it runs.
    pub fn awakes(&mut self, hart: usize) {
        if self.state(hart) == State::Suspended {
            self.states[hart] = State::Started;
        }
    }

    /// Answers the call that `hart`, number `caller`, came back with ([`vcpu::Exit::Sbi`]).
    pub fn answer(&mut self, caller: usize, hart: &mut dyn EmulatedHart) -> ToDo {
        let mut to_do = ToDo::default();
        if caller >= self.states.len() {
            return to_do;
        }
        let call = Call::from_registers(|register| hart.reg(Reg::X(register)));
        match self.outcome(caller, &call, hart, &mut to_do) {
            Outcome::Return(answer) => {
                let SbiRet { error, value } = answer.into();
                hart.set_reg(A1, value);
                go_on(hart, error as u64);
            }
            Outcome::ReturnLegacy(value) => go_on(hart, value),
            Outcome::Stop => {
                self.states[caller] = State::Stopped;
                hart.tell(&Event::Hart(HartState::Stopped));
            }
            Outcome::Suspend(then) => self.suspend(caller, hart, then),
            Outcome::Resume(Resume { address, opaque }) => entry::resume(hart, caller as u64, address, opaque),
        }
        to_do
    }

    /// What becomes of `call`, of an extension that is in [`ANSWERED`]; everything but the caller's registers is done.
    fn outcome(&mut self, caller: usize, call: &Call, hart: &mut dyn EmulatedHart, to_do: &mut ToDo) -> Outcome {
        let args = &call.args;
        let Some(function) = call.function() else { return Err(Error::NotSupported).into() };
        match function {
            Function::Legacy(function) => self.legacy(function, args, (caller, hart), &mut to_do.shown),
            Function::Base(function) => base::answer(function, args).into(),
            Function::Time(Time::SetTimer) => {
                self.set_timer(caller, args[0], hart);
                Ok(0).into()
            }
            Function::Ipi(Ipi::SendIpi) => self.send_ipi(caller, args).into(),
            Function::Rfence(function) => self.fence(function, args, (caller, hart), &mut to_do.awaited).into(),
            Function::Hsm(function) => hsm::answer(function, args, &mut self.states, &self.requests, &self.ram),
            Function::Srst(Srst::SystemReset) => self.reset(args).into(),
            Function::Pmu(function) => self.pmus[caller].answer(function, args, hart, &self.ram).into(),
            Function::Dbcn(function) => {
                let mut console = Deferred { console: self.console.as_mut(), shown: &mut to_do.shown };
                sbi::console::answer(function, args, &self.ram, &mut console).into()
            }
            Function::Susp(Susp::SystemSuspend) => system::suspend(args, caller, &self.states, &self.ram),
            // not in the list above
            _ => Err(Error::NotSupported).into(),
        }
    }

    fn send_ipi(&mut self, caller: usize, args: &[u64; 6]) -> Answer {
        for id in hart_list(args[0], args[1], self.requests.harts())? {
            if self.state(id).is_up() {
                self.note(caller, id, FirmwareEvent::IpiSent, FirmwareEvent::IpiReceived);
                self.requests.pins(id).into_iter().for_each(HartPins::pulse_ssip);
            }
        }
        Ok(0)
    }

    fn fence(
        &mut self,
        function: Rfence,
        args: &[u64; 6],
        (caller, hart): (usize, &mut dyn EmulatedHart),
        awaited: &mut Vec<Awaited>,
    ) -> Answer {
        let has_h = self.isa.has(arch::Extension::H);
        let asked = rfence::answer(function, args, (caller, hart), &self.states, &self.requests, has_h, awaited)?;
        let (sent, received) = rfence::events(function);
        asked.into_iter().for_each(|id| self.note(caller, id, sent, received));
        Ok(0)
    }

    /// Counts what one hart asked of another.
    fn note(&mut self, from: usize, to: usize, sent: FirmwareEvent, received: FirmwareEvent) {
        if from != to {
            self.pmus[from].note(sent);
            self.pmus[to].note(received);
        }
    }

    fn set_timer(&mut self, caller: usize, deadline: u64, hart: &mut dyn EmulatedHart) {
        self.pmus[caller].note(FirmwareEvent::SetTimer);
        hart.set_supervisor_timer(deadline);
    }

    /// The hart goes on until the board looks at the power switch: at most to the end of its slice.
    fn reset(&self, args: &[u64; 6]) -> Answer {
        self.power.request(system::reset(args)?);
        Ok(0)
    }
}

fn go_on(hart: &mut dyn EmulatedHart, a0: u64) {
    hart.set_reg(A0, a0);
    let value = hart.reg(A1);
    hart.tell(&Event::SbiReturn { error: a0, value });
    let next = hart.reg(Reg::Pc).wrapping_add(vcpu::ECALL_BYTES);
    hart.set_reg(Reg::Pc, next);
}
