//! What the firmware is saved as. Requests between harts are served before.

use bus::state::{Plain, Unfit, Unsaved, check};

use crate::pmu::Pmu;
use crate::{Firmware, State};

impl Plain for Firmware {
    /// What harts are in, and their counters.
    type State = (Vec<State>, Vec<Pmu>);

    fn save(&mut self) -> Result<Self::State, Unsaved> {
        Ok((self.states.clone(), self.pmus.clone()))
    }

    fn load(&mut self, (states, pmus): Self::State) -> Result<(), Unfit> {
        let made = Pmu::new(self.isa);
        let fits = (states.len(), pmus.len()) == (self.states.len(), self.pmus.len());
        check(fits && pmus.iter().all(|pmu| pmu.fits(&made)), "the machine has other harts")?;
        self.requests.clear();
        (self.states, self.pmus) = (states, pmus);
        Ok(())
    }
}
