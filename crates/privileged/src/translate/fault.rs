//! Why a walk failed, and which exception that is.
//!
//! Two types, joined by one match: [`Failure`] is what the walker knows, [`trap`] what the architecture makes of it.

use arch::{Exception, GuestPhys, Implicit, Trap};

use super::{Access, Request};

/// Why a translation stage failed, in the order in which the algorithm looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalkError {
    /// The bits of the address above the scheme's are not all equal to its top bit; in the G-stage, not all zero.
    AddressTooWide,
    /// A page-table entry is where there is no memory that the walker may access, or PMP denies it.
    TableAccess,
    /// V = 0, a reserved encoding or reserved bits, or a feature that is not enabled (N, PBMT).
    InvalidEntry,
    /// A pointer at the last level.
    NoLeaf,
    /// The leaf does not permit the access: R, W, X, U.
    NotPermitted,
    /// A superpage whose lower PPN bits are not zero.
    MisalignedSuperpage,
    /// A or D would have to be set, and hardware does not (Svade).
    NotAccessedOrDirty,
}

/// The stage that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// S-stage or VS-stage.
    First,
    /// G-stage.
    Guest {
        /// The guest-physical address that did not translate.
        gpa: GuestPhys,
        /// Which access of the VS-stage walk it was; `None` for the access itself.
        implicit: Option<Implicit>,
    },
}

/// Why and where a walk failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Why.
    pub error: WalkError,
    /// Where.
    pub stage: Stage,
}

/// The trap that a failure is.
///
/// H extension, "Guest-Page Faults" and "Guest Physical Address Translation": "any exception is always reported for the
/// original access type (instruction, load, or store/AMO)".
pub fn trap(request: &Request, failure: Failure) -> Trap {
    let base = Trap { gva: request.mode.virt, ..Trap::new(exception(request.access, failure), request.va.0) };
    match failure {
        Failure { error: WalkError::TableAccess, .. } | Failure { stage: Stage::First, .. } => base,
        Failure { stage: Stage::Guest { gpa, implicit }, .. } => {
            Trap { tval2: gpa.0 >> 2, tinst: implicit.map_or(0, Implicit::pseudoinstruction), ..base }
        }
    }
}

/// The access fault of `request`'s type: PMP or the bus refused the final physical address.
pub fn access_fault(request: &Request) -> Trap {
    trap(request, Failure { error: WalkError::TableAccess, stage: Stage::First })
}

/// The exception that a failure of an access of this type raises.
const fn exception(access: Access, failure: Failure) -> Exception {
    match (failure.error, failure.stage, access) {
        (WalkError::TableAccess, _, Access::Fetch) => Exception::InstructionAccessFault,
        (WalkError::TableAccess, _, Access::Load) => Exception::LoadAccessFault,
        (WalkError::TableAccess, _, Access::Store) => Exception::StoreAccessFault,
        (_, Stage::First, Access::Fetch) => Exception::InstructionPageFault,
        (_, Stage::First, Access::Load) => Exception::LoadPageFault,
        (_, Stage::First, Access::Store) => Exception::StorePageFault,
        (_, Stage::Guest { .. }, Access::Fetch) => Exception::InstructionGuestPageFault,
        (_, Stage::Guest { .. }, Access::Load) => Exception::LoadGuestPageFault,
        (_, Stage::Guest { .. }, Access::Store) => Exception::StoreGuestPageFault,
    }
}
