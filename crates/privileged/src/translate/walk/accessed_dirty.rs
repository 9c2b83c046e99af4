//! A and D: which of them an access needs in a leaf, of either stage, and who sets them.
//!
//! Privileged architecture, "Virtual Address Translation Process", step 9; "Svade", "Svadu".

use arch::csr::envcfg;
use arch::isa::Extension;
use arch::pte::{self, Pte};
use arch::{Implicit, Phys};

use super::{PageMemory, Stop, Walker};
use crate::translate::witness::{Detail, Step, Tree, Witness};
use crate::translate::{Access, WalkError};

/// Bits that a leaf must have for the access.
pub(super) const fn needed(tree: Tree) -> u64 {
    match tree.access {
        Access::Store => pte::A | pte::D,
        Access::Load | Access::Fetch => pte::A,
    }
}

impl<M: PageMemory, W: Witness> Walker<'_, M, W> {
    /// Whether hardware sets A and D in this stage. Without Svadu nothing switches that.
    fn updates(&self, tree: Tree) -> bool {
        let switched = self.config.has(Extension::Svadu);
        if switched { tree.envcfg & envcfg::ADUE != 0 } else { self.config.updates_by_default() }
    }

    /// Step 9: sets A and D as `needed` in the entry, at `entry` as its table's stage counts and physically `at`; or
    /// fails if hardware does not (Svade).
    pub(super) fn set_accessed_dirty(
        &mut self,
        tree: Tree,
        entry: u64,
        at: Phys,
        pte: Pte,
        needed: u64,
    ) -> Result<(), Stop> {
        if !self.updates(tree) {
            return Err(self.fail(tree, WalkError::NotAccessedOrDirty, || Detail::None));
        }
        // The G-stage may deny the write where it permitted the read; it also notes it in its own D.
        if self.locate(tree, entry, Implicit::Write)? != at {
            // a remembered leaf gave another place for the read: what was checked is what is written
            return Err(Stop::Changed);
        }
        let permitted = self.pmp_permits(at, Access::Store);
        let updated = if permitted { self.memory.update_pte(at, pte.0, pte.0 | needed) } else { None };
        match updated {
            Some(true) => {
                self.see(|| Step::Updated { pte: Pte(pte.0 | needed) });
                Ok(())
            }
            Some(false) => Err(Stop::Changed),
            None => Err(self.no_access(tree, at, Access::Store, permitted)),
        }
    }
}
