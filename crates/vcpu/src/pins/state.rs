//! What a hart's wires are saved as.

use std::sync::atomic::Ordering;

use bus::state::{Unfit, check};
use serde::{Deserialize, Serialize};

use super::HartPins;
use crate::imsic::{FileId, Imsic, InterruptFile};

/// Levels, timer, edges and interrupt files of one hart.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct PinsState {
    levels: u64,
    guest_external: u64,
    mtimecmp: u64,
    ssip_edge: bool,
    attention: bool,
    /// In the order of [`Imsic::ids`].
    files: Vec<InterruptFile>,
}

impl HartPins {
    /// What they have come to.
    pub fn save(&self) -> PinsState {
        let files = self.imsic().map(|imsic| imsic.ids().filter_map(|id| imsic.file(id)).collect());
        PinsState {
            levels: self.levels(),
            guest_external: self.guest_external(),
            mtimecmp: self.mtimecmp(),
            ssip_edge: self.ssip_edge.load(Ordering::Acquire),
            attention: self.wanted(),
            files: files.unwrap_or_default(),
        }
    }

    /// Makes them what such were.
    ///
    /// # Errors
    /// Those were of a hart with other interrupt files, or with lines of files that there are not.
    pub fn load(&self, state: &PinsState) -> Result<(), Unfit> {
        let own: Vec<_> = self.imsic().into_iter().flat_map(Imsic::ids).collect();
        let made = own.iter().filter_map(|&id| self.imsic()?.file(id));
        let fits = own.len() == state.files.len() && state.files.iter().zip(made).all(|(file, made)| file.fits(&made));
        check(fits, "harts have other interrupt files")?;
        let lines = own.iter().map(|id| if let FileId::Guest(line) = id { 1 << line } else { 0 }).sum::<u64>();
        check(state.guest_external & !lines == 0, "it had wires that there are not")?;
        own.into_iter().zip(&state.files).for_each(|(id, file)| self.restore_file(id, file));
        self.levels.store(state.levels, Ordering::Release);
        self.guest_external.store(state.guest_external, Ordering::Release);
        self.mtimecmp.store(state.mtimecmp, Ordering::Release);
        self.ssip_edge.store(state.ssip_edge, Ordering::Release);
        self.attention.store(state.attention, Ordering::Release);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imsic::ImsicShape;

    /// A hart that took such a line would save what no hart can have.
    #[test]
    fn lines_of_files_that_there_are_not_are_refused() {
        let pins = HartPins::with_imsic(ImsicShape { identities: 255, guest_files: 2 });
        let with = |guest_external| PinsState { guest_external, ..pins.save() };
        assert!(pins.load(&with(0b110)).is_ok());
        assert!(pins.load(&with(0b1100)).is_err() && pins.load(&with(1)).is_err());
        assert!(HartPins::new().load(&PinsState { guest_external: 2, ..HartPins::new().save() }).is_err());
    }
}
