//! What an APLIC is saved as: each of its domains brings all of it.

use bus::state::{Plain, Unfit, Unsaved, check};

use super::AplicRegisters;
use super::core::Registers;

impl Plain for AplicRegisters {
    /// The registers, and the levels last driven by hart and domain.
    type State = (Registers, Vec<[bool; 2]>);

    fn save(&mut self) -> Result<Self::State, Unsaved> {
        let state = self.aplic.lock();
        Ok((state.core.saved(), state.driven.clone()))
    }

    /// Pins have a state of their own, which is loaded as well.
    fn load(&mut self, (core, driven): Self::State) -> Result<(), Unfit> {
        let mut state = self.aplic.lock();
        check(
            state.core.fits(&core) && driven.len() == state.driven.len(),
            "the interrupt controller has other harts",
        )?;
        state.core.restore(core);
        state.driven = driven;
        Ok(())
    }
}
