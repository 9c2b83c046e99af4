//! The harts of a guest whose host answers for M-mode.

use vcpu::Exit;

use crate::control::{Action, Control, Order, Why};
use crate::ending::Ending;
use crate::engine::HostedHart;
use crate::held::Held;
use crate::show::Sight;
use crate::threads::ThreadedRun;
use crate::watched::Watched;

/// What the harts share while they run.
pub struct HostedHarts<'a> {
    pub watched: Watched<'a>,
    /// A debugger's hold on the harts.
    pub control: Option<&'a Control>,
}

impl HostedHarts<'_> {
    /// The life of one hart's thread.
    pub fn live(&self, run: &ThreadedRun, number: usize, hart: &mut dyn HostedHart) {
        let mut answered = self.watched.watchers.answered;
        while !run.over() {
            let asked = self.watched.asked();
            if std::mem::replace(&mut answered, asked) != asked
                && let Some(hart) = hart.snapshot()
            {
                let Watched { watchers, ram, bus } = &self.watched;
                (watchers.show)(Sight { hart: &hart, ram, bus });
            }
            match self.control.filter(|control| control.wants(number)) {
                Some(control) => self.stand(run, number, hart, control),
                None => {
                    let exit = hart.run(u64::MAX);
                    self.follow(run, number, hart, exit);
                }
            }
        }
    }

    /// Does what the hart wants that came back like this.
    fn follow(&self, run: &ThreadedRun, number: usize, hart: &mut dyn HostedHart, exit: Exit) {
        match exit {
            Exit::Debug => self.report(number, hart),
            Exit::System(event) => run.meet(Ending::Event(event)),
            Exit::Halted => run.meet(Ending::Halted { hart: number, reason: hart.halt_reason() }),
            // The host waits within the hart; an idle hart that comes back only looks around.
            Exit::Quantum | Exit::Idle { .. } | Exit::Sbi => {}
        }
    }

    /// Tells the debugger why the hart came back.
    fn report(&self, number: usize, hart: &mut dyn HostedHart) {
        let halt = hart.debuggee().and_then(|hart| hart.take_halt());
        if let (Some(control), Some(halt)) = (self.control, halt) {
            control.want(number, Why::Met(halt));
            control.call(number);
        }
    }

    /// Stands still for the debugger, and does what it orders then.
    fn stand(&self, run: &ThreadedRun, number: usize, hart: &mut dyn HostedHart, control: &Control) {
        control.hold(number, &mut [Held::Hosted(hart)], &|| run.over());
        match control.order(number, &mut Held::Hosted(hart)) {
            Order::Pass => self.step(run, number, hart, control, false),
            Order::Step(action) => self.steps(run, number, hart, control, &action),
            Order::Go | Order::Stand => {}
        }
    }

    /// Executes one instruction, however often the hart is kicked meanwhile.
    fn step(&self, run: &ThreadedRun, number: usize, hart: &mut dyn HostedHart, control: &Control, interrupts: bool) {
        while let Some(exit) = hart.debuggee().and_then(|hart| hart.step(interrupts)) {
            self.follow(run, number, hart, exit);
            if exit != Exit::Quantum || run.over() || control.wants(number) {
                break;
            }
        }
    }

    /// Executes step by step what the debugger wants, and tells it.
    fn steps(&self, run: &ThreadedRun, number: usize, hart: &mut dyn HostedHart, control: &Control, action: &Action) {
        loop {
            self.step(run, number, hart, control, action.lets_interrupts());
            if run.over() || control.wants(number) || action.ends(&mut Held::Hosted(hart)) {
                break;
            }
        }
        control.want(number, Why::of_steps(&mut Held::Hosted(hart)));
        control.call(number);
    }
}
