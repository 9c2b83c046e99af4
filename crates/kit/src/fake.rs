//! A hart that does what a test tells it, and remembers what was asked of it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arch::Phys;
use bus::Bus;
use vcpu::{Clock, EmulatedHart, Exit, Fence, HartPins, Pace, Reg, SystemEvent, Vcpu, Wakeup};

/// What a hart does in one call of `run`.
pub enum Act {
    /// Retires so many instructions.
    Work(u64),
    /// Waits for its timer, so many ticks after the machine's start, or only for a kick.
    Wait(Option<u64>),
    /// Writes to a device.
    Store(u64, u32),
    /// Cannot go on.
    Halt,
    /// Comes back with an event of its host.
    Event(SystemEvent),
    /// Waits until its host puts it back to reset, which that can only where this comes next.
    Reset,
    /// Calls the firmware: a7, a6, a0, a1, a2.
    Sbi([u64; 5]),
    /// Makes the same call until it answers this value.
    Await([u64; 5], u64),
}

/// What harts do, one after the other.
pub type Script = VecDeque<Act>;

/// What was asked of a hart.
#[derive(Default)]
pub struct Asked {
    /// Fences.
    pub fences: Vec<Fence>,
    /// Deadlines of its supervisor's timer.
    pub timers: Vec<u64>,
    /// Where it was to begin in S-mode.
    pub entered: Vec<u64>,
    /// CSRs that were written. It remembers them, and counts nothing.
    pub csrs: BTreeMap<u16, u64>,
}

/// The hart.
pub struct FakeHart {
    script: Arc<Mutex<Script>>,
    asked: Mutex<Asked>,
    bus: Arc<Bus>,
    clock: Arc<Clock>,
    pins: Arc<HartPins>,
    x: [u64; 32],
    pc: u64,
    instret: u64,
}

/// The VMID that is in force on it.
pub const FAKE_VMID: u16 = 5;

impl FakeHart {
    /// One with nothing to do, no devices, and these pins.
    pub fn new(pins: Arc<HartPins>) -> FakeHart {
        FakeHart {
            script: Arc::default(),
            asked: Mutex::default(),
            bus: Arc::default(),
            clock: Arc::new(Clock::virtual_time()),
            pins,
            x: [0; 32],
            pc: 0,
            instret: 0,
        }
    }

    /// The same among these devices.
    pub fn among(self, bus: Arc<Bus>, clock: Arc<Clock>) -> FakeHart {
        FakeHart { bus, clock, ..self }
    }

    /// The same with something to do.
    pub fn acting(self, script: Arc<Mutex<Script>>) -> FakeHart {
        FakeHart { script, ..self }
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was asked of it.
    pub fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(&mut self, [a7, a6, a0, a1, a2]: [u64; 5]) -> Exit {
        [(17, a7), (16, a6), (10, a0), (11, a1), (12, a2)].iter().for_each(|&(n, value)| self.x[n] = value);
        Exit::Sbi
    }

    fn waits(&self, until: Option<u64>) -> bool {
        until.is_none_or(|until| self.clock.now() < until)
    }

    fn has_answer(&self, [a7, a6, ..]: [u64; 5], value: u64) -> bool {
        (self.x[17], self.x[16], self.x[11]) == (a7, a6, value)
    }

    /// Does one act, and answers it where it is to be done again.
    fn act(&mut self, act: Act) -> (Exit, Option<Act>) {
        match act {
            Act::Work(instructions) => self.instret += instructions,
            Act::Wait(until) if self.waits(until) => {
                return (Exit::Idle { until }, until.map(|_| Act::Wait(until)));
            }
            Act::Wait(_) => {}
            Act::Store(address, value) => {
                self.bus.write(Phys(address), &value.to_le_bytes()).expect("there is a device");
            }
            Act::Halt => return (Exit::Halted, None),
            Act::Event(event) => return (Exit::System(event), None),
            Act::Reset => return (Exit::Idle { until: None }, Some(Act::Reset)),
            Act::Await(call, value) if self.has_answer(call, value) => {}
            Act::Await(call, value) => return (self.call(call), Some(Act::Await(call, value))),
            Act::Sbi(call) => return (self.call(call), None),
        }
        (Exit::Quantum, None)
    }

    /// Puts it back to reset, where its script wants that next. Answers whether it does.
    pub fn reset_by_script(&mut self) -> bool {
        let wanted = matches!(self.script().front(), Some(Act::Reset));
        if wanted {
            self.script().pop_front();
            (self.x, self.pc) = ([0; 32], 0);
        }
        wanted
    }
}

impl Vcpu for FakeHart {
    /// Does the next act of the script; a script that has ended waits for a kick.
    fn run(&mut self, _budget: u64) -> Exit {
        self.pins.take_attention();
        let next = self.script().pop_front().unwrap_or(Act::Wait(None));
        let (exit, again) = self.act(next);
        again.into_iter().for_each(|act| self.script().push_front(act));
        exit
    }
    fn reg(&self, reg: Reg) -> u64 {
        match reg {
            Reg::Pc => self.pc,
            Reg::X(n) => self.x[usize::from(n)],
        }
    }
    fn set_reg(&mut self, reg: Reg, value: u64) {
        match reg {
            Reg::Pc => self.pc = value,
            Reg::X(n) => self.x[usize::from(n)] = value,
        }
    }
    fn instret(&self) -> Option<u64> {
        Some(self.instret)
    }
    fn pins(&self) -> Arc<HartPins> {
        self.pins.clone()
    }
}

impl EmulatedHart for FakeHart {
    fn reset_machine(&mut self, pc: u64) {
        self.pc = pc;
    }
    fn enter_supervisor(&mut self, pc: u64) {
        self.pc = pc;
        self.asked().entered.push(pc);
    }
    fn resume_supervisor(&mut self, pc: u64) {
        self.pc = pc;
    }
    /// An IPI is all that wakes it.
    fn wakeup(&mut self) -> Wakeup {
        if self.pins.take_ssip() { Wakeup::Now } else { Wakeup::Until(None) }
    }
    fn set_pace(&mut self, _: Pace) {}
    fn fence(&mut self, fence: Fence) {
        self.asked().fences.push(fence);
    }
    fn set_supervisor_timer(&mut self, deadline: u64) {
        self.asked().timers.push(deadline);
    }
    fn vmid(&self) -> u16 {
        FAKE_VMID
    }
    fn watch(&mut self, _: Option<Box<dyn events::Sink>>) {}
    fn tell(&mut self, _: &events::Event) {}
    fn describe(&self, _text: &mut String) {}
    fn csr(&mut self, address: u16) -> u64 {
        self.asked().csrs.get(&address).copied().unwrap_or_default()
    }
    fn set_csr(&mut self, address: u16, value: u64) {
        self.asked().csrs.insert(address, value);
    }
}
