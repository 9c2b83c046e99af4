//! The differences between Spike and vhart that the manual permits, recognised one by one.
//!
//! `differences.md` argues each, under the name given here.

use ::privileged::State;

use crate::commit::Commit;

/// A difference that is known, and how to make ours go on as theirs did.
#[derive(Clone, Debug)]
pub struct Argued {
    /// Its heading in `differences.md`.
    pub name: &'static str,
    /// Integer registers to be changed.
    pub registers: Vec<(u8, u64)>,
}

/// The argued difference that explains why an instruction did not do the same, if there is one.
pub fn recognise(theirs: &Commit, ours: &Commit, state: &State) -> Option<Argued> {
    overflow_in_machine_mode(theirs, ours, state)
}

/// Spike lets `mcounteren` hide bits of `scountovf` from M-mode too.
fn overflow_in_machine_mode(theirs: &Commit, ours: &Commit, state: &State) -> Option<Argued> {
    let same_place = (ours.pc, ours.raw, ours.privilege) == (theirs.pc, theirs.raw, 3);
    let [(register, own)] = ours.x[..] else { return None };
    let is_read = theirs.raw & 0x7f == 0x73 && theirs.raw >> 20 == u32::from(arch::csr::SCOUNTOVF);
    let explained = theirs.x == [(register, own & state.mcounteren)];
    (same_place && is_read && explained)
        .then(|| Argued { name: "scountovf-in-machine-mode", registers: theirs.x.clone() })
}
