//! What a hart's wires are saved as.

use std::sync::atomic::Ordering;

use bus::state::{Unfit, check};
use serde::{Deserialize, Serialize};

use super::HartPins;
use crate::imsic::{Imsic, InterruptFile};

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
    /// Those were of a hart with other interrupt files.
    pub fn load(&self, state: &PinsState) -> Result<(), Unfit> {
        let own: Vec<_> = self.imsic().into_iter().flat_map(Imsic::ids).collect();
        let made = own.iter().filter_map(|&id| self.imsic()?.file(id));
        let fits = own.len() == state.files.len() && state.files.iter().zip(made).all(|(file, made)| file.fits(&made));
        check(fits, "harts have other interrupt files")?;
        own.into_iter().zip(&state.files).for_each(|(id, file)| self.restore_file(id, file));
        self.levels.store(state.levels, Ordering::Release);
        self.guest_external.store(state.guest_external & !1, Ordering::Release);
        self.mtimecmp.store(state.mtimecmp, Ordering::Release);
        self.ssip_edge.store(state.ssip_edge, Ordering::Release);
        self.attention.store(state.attention, Ordering::Release);
        Ok(())
    }
}
