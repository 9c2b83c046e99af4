//! What the clock is saved as. The time is its source's: what has passed meanwhile has passed for the guest.

use bus::state::{Plain, Unfit, Unsaved};

use super::{Rtc, core};

impl Plain for Rtc {
    /// The registers, and the level last driven.
    type State = (core::Core, bool);

    fn save(&mut self) -> Result<Self::State, Unsaved> {
        let state = self.shared.lock();
        Ok((state.core.clone(), state.level))
    }

    fn load(&mut self, (core, level): Self::State) -> Result<(), Unfit> {
        let mut state = self.shared.lock();
        (state.core, state.level) = (core, level);
        if level {
            self.shared.irq.set(true);
        }
        self.wake_waiter(&mut state);
        Ok(())
    }
}
