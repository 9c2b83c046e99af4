//! Run control: a debugger stops the machine's harts, looks at them, and lets them go on.
//!
//! A hart is the property of the thread that executes it. To stop, that thread comes to `Control::hold` between two
//! instructions and stays there, doing to its hart what the debugger asks ([`Control::with`]), until it is to go on.
//! All harts stop when one meets a point of the debugger's, finishes a step, or when somebody asks. While they stand,
//! the machine's clock stands.
//!
//! # How a debugger holds it
//!
//! A hart that is to stand comes to `board::control` on its own thread and does to itself what the debugger sends
//! (`docs/adr/0009`). `vcpu::debug` is what a debugger may do to a hart, and the points that make it stop;
//! `hart::debug` keeps them out of decoded blocks, of generated code and of the data tables, so that nothing is
//! asked where nothing is near. A KVM guest's hart has `ebreak`s in memory instead (`kvm::spots`), and takes a step
//! alone (`riscv64::turns`). `gdb` is the protocol (`gdbstub`) with what frames and adds to it.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

use vcpu::debug::{Halt, Points};
use vcpu::{Clock, HartPins, Reg};

use crate::held::Held;

/// What a hart does when the machine goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// It executes.
    Continue,
    /// It executes one instruction; then all stop.
    Step {
        /// Whether interrupts may come in between.
        interrupts: bool,
    },
    /// It executes until it is outside of these addresses, step by step; then all stop.
    StepOutOf(Range<u64>),
    /// It stands still.
    Stay,
}

impl Action {
    /// Whether interrupts may come in between.
    pub(crate) fn lets_interrupts(&self) -> bool {
        matches!(self, Action::Step { interrupts: true })
    }

    /// Whether all steps are done.
    pub(crate) fn ends(&self, hart: &mut Held) -> bool {
        match self {
            Action::StepOutOf(range) => !range.contains(&hart.reg(Reg::Pc)) || is_at_break(hart),
            _ => true,
        }
    }
}

fn is_at_break(hart: &mut Held) -> bool {
    hart.debuggee().is_some_and(|hart| hart.is_at_break())
}

/// Why the machine stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Somebody asked, or it has not begun.
    Asked,
    /// A hart has done its step.
    Stepped,
    /// A hart met a point.
    Met(Halt),
}

impl Why {
    /// What ends steps.
    pub(crate) fn of_steps(hart: &mut Held) -> Why {
        if is_at_break(hart) { Why::Met(Halt::Break) } else { Why::Stepped }
    }
}

/// What happens to the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// All harts stand; this one was the first that wanted it.
    Stopped {
        /// Its number.
        hart: usize,
        /// Why.
        why: Why,
    },
    /// The run is over.
    Ended,
}

/// Hears the news, from the threads of harts.
pub type Listener = Box<dyn Fn(News) + Send + Sync>;

/// What is done to a hart.
type Act = Box<dyn FnOnce(&mut Held) + Send>;

/// A hart as the debugger sees it.
#[derive(Default)]
struct Seat {
    /// It stands, on this thread.
    held: Option<Thread>,
    /// What is to be done to it.
    acts: Vec<Act>,
    /// What it does next.
    action: Option<Action>,
    /// The debugger was told why it stands, and it has not moved since: what it stands in front of is not met again.
    is_told: bool,
    /// What it met while the debugger was told of another hart, and it would not meet again.
    owed: Option<Halt>,
    /// It has to learn of new points.
    is_behind: bool,
}

#[derive(Default)]
struct State {
    seats: Vec<Seat>,
    points: Arc<Points>,
    /// Who was the first that wanted all to stop, and why.
    first: Option<(usize, Why)>,
    /// The listener knows that all stand.
    told: bool,
    /// The time at which they stopped.
    since: Option<u64>,
    /// The debugger has gone: when all stand, all go on.
    leaving: bool,
    over: bool,
    listener: Option<Listener>,
}

/// The debugger's hold on a machine.
pub struct Control {
    state: Mutex<State>,
    /// Which harts are to come to `Control::hold`.
    wanted: Vec<AtomicBool>,
    pins: Vec<Arc<HartPins>>,
    clock: Arc<Clock>,
}

/// What a hart is to do that comes from `Control::hold`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Execute.
    Go,
    /// Execute one instruction, past a breakpoint; then all else.
    Pass,
    /// Stand again: there is something to be told that had to wait.
    Stand,
    /// Step and report.
    Step(Action),
}

impl Control {
    /// Of harts with these pins, which stand from the beginning if `stopped`.
    pub(crate) fn new(pins: Vec<Arc<HartPins>>, clock: Arc<Clock>, stopped: bool) -> Control {
        let seats = pins.iter().map(|_| Seat::default()).collect();
        let first = stopped.then_some((0, Why::Asked));
        let wanted = pins.iter().map(|_| AtomicBool::new(stopped)).collect();
        Control { state: Mutex::new(State { seats, first, ..State::default() }), wanted, pins, clock }
    }

    /// Names who hears the news; what there is to hear already comes at once.
    pub fn listen(&self, listener: Listener) {
        let mut state = self.lock();
        state.listener = Some(listener);
        if state.over {
            state.tell(News::Ended);
        } else if state.told {
            let (hart, why) = state.first.clone().unwrap_or((0, Why::Asked));
            state.tell(News::Stopped { hart, why });
        }
    }

    /// How many harts there are.
    pub fn harts(&self) -> usize {
        self.pins.len()
    }

    /// Whether all harts stand.
    pub fn is_stopped(&self) -> bool {
        self.lock().told
    }

    /// Stops all harts soon.
    pub fn stop(&self) {
        self.lock().stay();
        self.want(0, Why::Asked);
        self.pins.iter().for_each(|pins| pins.kick());
        self.lock().wake_all();
    }

    /// Lets harts go on that stand, each as its action says; nobody is left who only stands.
    pub fn resume(&self, actions: &[Action], points: &Arc<Points>) {
        let mut state = self.lock();
        let somebody = actions.iter().any(|action| *action != Action::Stay);
        if state.told && somebody && actions.len() == state.seats.len() {
            state.set_points(points);
            self.let_go(&mut state, actions);
        }
    }

    /// Lets all harts go on as if there had never been a debugger, now or when they come to stand.
    pub fn detach(&self) {
        let mut state = self.lock();
        if state.told {
            self.leave(&mut state);
        } else if state.first.is_some() || !state.points.is_empty() {
            state.leaving = true;
            drop(state);
            self.want(0, Why::Asked);
            self.pins.iter().for_each(|pins| pins.kick());
        }
    }

    fn leave(&self, state: &mut State) {
        state.stay();
        state.set_points(&Arc::default());
        state.seats.iter_mut().for_each(|seat| seat.owed = None);
        self.let_go(state, &vec![Action::Continue; self.pins.len()]);
    }

    fn let_go(&self, state: &mut State, actions: &[Action]) {
        if let Some(since) = state.since.take() {
            self.clock.set(since);
        }
        (state.told, state.first) = (false, None);
        for ((seat, action), wanted) in state.seats.iter_mut().zip(actions).zip(&self.wanted) {
            wanted.store(*action == Action::Stay, Ordering::Release);
            seat.action = Some(action.clone()).filter(|action| *action != Action::Stay);
        }
        state.wake_all();
    }

    /// Does something to a hart, and waits until it is done. `None`: they do not all stand.
    pub fn with<T: Send + 'static>(&self, hart: usize, act: impl FnOnce(&mut Held) -> T + Send + 'static) -> Option<T> {
        let (done, answer) = channel();
        {
            let mut state = self.lock();
            if state.over || !state.told {
                return None;
            }
            let seat = state.seats.get_mut(hart)?;
            seat.acts.push(Box::new(move |hart| _ = done.send(act(hart))));
            seat.held.iter().for_each(Thread::unpark);
        }
        answer.recv().ok()
    }

    /// Whether the hart is to come to `Control::hold`.
    #[inline]
    pub(crate) fn wants(&self, hart: usize) -> bool {
        self.wanted[hart].load(Ordering::Acquire)
    }

    /// Whether all are to come.
    pub(crate) fn wants_all(&self) -> bool {
        self.wanted.iter().all(|wanted| wanted.load(Ordering::Acquire))
    }

    /// Says that a hart has a reason to stop all; true for the one that is the first.
    pub(crate) fn want(&self, hart: usize, why: Why) {
        let mut state = self.lock();
        state.note(hart, why);
        self.wanted.iter().for_each(|wanted| wanted.store(true, Ordering::Release));
        // those that were to go on may not have left their places yet
        self.look_around(&mut state);
    }

    /// Gets harts to look that execute on other threads.
    pub(crate) fn call(&self, but: usize) {
        self.pins.iter().enumerate().filter(|(number, _)| *number != but).for_each(|(_, pins)| pins.kick());
    }

    /// Holds harts that stand, whose numbers begin with `first`, until each has something to do or the run is over.
    pub(crate) fn hold(&self, first: usize, harts: &mut [Held], over: &dyn Fn() -> bool) {
        self.sit(first, harts.len());
        while !over() {
            let Some((number, act)) = self.next_act(first, harts.len()) else {
                if self.may_go(first, harts.len()) {
                    break;
                }
                thread::park();
                continue;
            };
            if let Some(hart) = harts.get_mut(number - first) {
                act(hart);
            }
        }
        self.rise(first, harts);
    }

    fn sit(&self, first: usize, count: usize) {
        let mut state = self.lock();
        let this = thread::current();
        state.seats.iter_mut().skip(first).take(count).for_each(|seat| seat.held = Some(this.clone()));
        self.look_around(&mut state);
    }

    /// Where all stand that are to, that is news.
    fn look_around(&self, state: &mut State) {
        let Some((hart, why)) = state.first.clone().filter(|_| !state.told) else { return };
        if state.seats.iter().any(|seat| seat.held.is_none()) {
            return;
        }
        if state.leaving {
            return self.leave(state);
        }
        (state.told, state.since) = (true, Some(self.clock.now()));
        state.seats.iter_mut().skip(hart).take(1).for_each(|seat| seat.is_told = true);
        state.tell(News::Stopped { hart, why });
    }

    fn next_act(&self, first: usize, count: usize) -> Option<(usize, Act)> {
        let mut state = self.lock();
        let seats = state.seats.iter_mut().enumerate().skip(first).take(count);
        seats.filter(|(_, seat)| !seat.acts.is_empty()).map(|(number, seat)| (number, seat.acts.remove(0))).next()
    }

    /// Whether one of these harts has something to do.
    fn may_go(&self, first: usize, count: usize) -> bool {
        let state = self.lock();
        !state.told && (first..first + count).any(|number| !self.wants(number))
    }

    fn rise(&self, first: usize, harts: &mut [Held]) {
        let mut state = self.lock();
        let points = state.points.clone();
        for (seat, hart) in state.seats.iter_mut().skip(first).zip(harts) {
            seat.held = None;
            if std::mem::take(&mut seat.is_behind)
                && let Some(hart) = hart.debuggee()
            {
                hart.set_points(&points);
            }
        }
    }

    /// What a hart is to do first that was held.
    pub(crate) fn order(&self, number: usize, hart: &mut Held) -> Order {
        let Some((action, is_told, owed)) = self.lock().take_action(number) else { return Order::Go };
        if let Some(halt) = owed {
            self.want(number, Why::Met(halt));
            self.call(number);
            return Order::Stand;
        }
        match action {
            Action::Continue if is_told && is_at_break(hart) => Order::Pass,
            Action::Continue | Action::Stay => Order::Go,
            step => Order::Step(step),
        }
    }

    /// The run is over: nobody stands any more.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.over = true;
        state.seats.iter_mut().for_each(|seat| seat.acts.clear());
        state.tell(News::Ended);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a point is still there that was met.
fn is_awaited(points: &Points, met: &Halt) -> bool {
    match met {
        Halt::Break => true,
        Halt::Watch { touch, address } => {
            points.watches.iter().any(|watch| watch.touch == *touch && watch.address == *address)
        }
        Halt::Event(_) => !points.events.is_empty(),
    }
}

impl State {
    /// A debugger that was about to leave leaves nothing behind.
    fn stay(&mut self) {
        if std::mem::take(&mut self.leaving) {
            self.set_points(&Arc::default());
        }
    }

    fn set_points(&mut self, points: &Arc<Points>) {
        if self.points != *points {
            self.points = points.clone();
            self.seats.iter_mut().for_each(|seat| seat.is_behind = true);
        }
    }

    /// A hart has a reason to stop all. The first is told. Of the others a breakpoint is met again when they go on, as
    /// nothing is behind it; all else waits.
    fn note(&mut self, hart: usize, why: Why) {
        match (&self.first, why) {
            (None, why) => self.first = Some((hart, why)),
            (Some(_), Why::Met(halt)) if halt != Halt::Break => {
                self.seats.iter_mut().skip(hart).take(1).for_each(|seat| seat.owed = Some(halt.clone()));
            }
            (Some(_), _) => {}
        }
    }

    /// What a hart does next, whether the debugger was told why it stands, and what that still wants to hear.
    fn take_action(&mut self, hart: usize) -> Option<(Action, bool, Option<Halt>)> {
        let seat = self.seats.get_mut(hart)?;
        let owed = seat.owed.take().filter(|halt| is_awaited(&self.points, halt));
        Some((seat.action.take()?, std::mem::take(&mut seat.is_told), owed))
    }

    fn tell(&self, news: News) {
        self.listener.iter().for_each(|listener| listener(news.clone()));
    }

    fn wake_all(&self) {
        self.seats.iter().filter_map(|seat| seat.held.as_ref()).for_each(Thread::unpark);
    }
}
