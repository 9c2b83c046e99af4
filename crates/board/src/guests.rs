//! The harts of a guest whose host answers for M-mode.

use vcpu::Exit;

use crate::engine::GuestHart;
use crate::machine::Ending;
use crate::threads::Run;

/// The life of one hart's thread.
pub fn live(run: &Run, number: usize, hart: &mut dyn GuestHart) {
    while !run.over() {
        match hart.run(u64::MAX) {
            Exit::Debug => {}
            Exit::System(event) => run.meet(Ending::Event(event)),
            Exit::Halted => run.meet(Ending::Halted { hart: number, reason: hart.halt_reason() }),
            // The host waits within the hart; an idle hart that comes back only looks around.
            Exit::Quantum | Exit::Idle { .. } | Exit::Sbi => {}
        }
    }
}
