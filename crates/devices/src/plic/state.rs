//! What a PLIC is saved as.

use bus::state::{Plain, Unfit, Unsaved, check};
use cores::plic::Core;

use super::PlicRegisters;

impl Plain for PlicRegisters {
    /// The registers, and the levels last driven by context.
    type State = (Core, Vec<bool>);

    fn save(&mut self) -> Result<Self::State, Unsaved> {
        let state = self.0.lock();
        Ok((state.core.clone(), state.driven.clone()))
    }

    /// Pins have a state of their own, which is loaded as well.
    fn load(&mut self, (core, driven): Self::State) -> Result<(), Unfit> {
        let mut state = self.0.lock();
        let fits = core.fits(&state.core) && driven.len() == state.driven.len();
        check(fits, "the interrupt controller has other sources or harts")?;
        (state.core, state.driven) = (core, driven);
        Ok(())
    }
}
