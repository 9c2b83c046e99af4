//! The harts of a guest whose host answers for M-mode.

use vcpu::Exit;

use crate::engine::GuestHart;
use crate::machine::Ending;
use crate::show::{Sight, Watched};
use crate::threads::Run;

/// The life of one hart's thread.
pub fn live(run: &Run, number: usize, hart: &mut dyn GuestHart, watched: &Watched) {
    let mut answered = watched.watchers.answered;
    while !run.over() {
        let asked = watched.asked();
        if std::mem::replace(&mut answered, asked) != asked
            && let Some(hart) = hart.snapshot()
        {
            (watched.watchers.show)(Sight { hart: &hart, ram: watched.ram, bus: watched.bus });
        }
        match hart.run(u64::MAX) {
            Exit::Debug => {}
            Exit::System(event) => run.meet(Ending::Event(event)),
            Exit::Halted => run.meet(Ending::Halted { hart: number, reason: hart.halt_reason() }),
            // The host waits within the hart; an idle hart that comes back only looks around.
            Exit::Quantum | Exit::Idle { .. } | Exit::Sbi => {}
        }
    }
}
