//! What a leaf permits: R, W, X and U, with SUM and MXR, and X in place of R for HLVX.
//!
//! Privileged architecture, "Virtual Address Translation Process", steps 5 and 6; H extension, "Hypervisor
//! Virtual-Machine Load and Store Instructions", of HLVX: "execute permission takes the place of read permission during
//! address translation". What PMP permits is in [`crate::pmp`].

use arch::Privilege;
use arch::pte::{self, Pte};

use crate::translate::witness::Tree;
use crate::translate::{Access, Request};

/// What a leaf permits.
#[derive(Clone, Copy)]
pub(super) struct Rights {
    pub read: bool,
    pub write: bool,
    pub execute: bool,
    /// HLVX.
    pub read_code: bool,
}

/// Steps 5 and 6: what a page permits to the request's mode.
pub(super) const fn rights(request: &Request, tree: Tree, pte: Pte) -> Rights {
    let for_user = pte.has(pte::U);
    // H extension, "Guest Physical Address Translation": "all memory accesses (including those made to access data
    // structures for VS-stage address translation) are considered to be user-level accesses, as though executed in
    // U-mode".
    let as_user = tree.is_guest() || matches!(request.mode.privilege, Privilege::User);
    let fetch = for_user == as_user;
    let data = fetch || !as_user && request.permits.sum;
    Rights {
        read: data && (pte.has(pte::R) || tree.mxr && pte.has(pte::X)),
        write: data && pte.has(pte::W),
        execute: fetch && pte.has(pte::X),
        read_code: data && pte.has(pte::X),
    }
}

/// Whether a leaf permits what the tree asks of it, A and D aside: for explanations, which ask what would help.
pub const fn permits(request: &Request, tree: Tree, pte: Pte) -> bool {
    is_permitted(tree, rights(request, tree, pte))
}

/// Whether the request may do to the page what it asks for.
pub(super) const fn is_permitted(tree: Tree, rights: Rights) -> bool {
    match tree.access {
        Access::Load if tree.hlvx => rights.read_code,
        Access::Load => rights.read,
        Access::Store => rights.write,
        Access::Fetch => rights.execute,
    }
}
