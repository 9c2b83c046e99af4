//! Fences: what makes a table forget.
//!
//! A context is what decides how an address translates ([`Key`]). A [`Fence`] names contexts, by ASID and VMID, and
//! addresses; the tables of the contexts ([`Table`]) drop exactly what it names, or more, never less.

use arch::csr::atp;

/// The bits of `value` that are an ASID.
pub const fn asid(value: u64) -> u64 {
    value & ((1 << atp::ASID_BITS) - 1)
}

/// The bits of `value` that are a VMID.
pub const fn vmid(value: u64) -> u64 {
    value & ((1 << atp::VMID_BITS) - 1)
}

/// What decides the meaning of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Translation goes through `vsatp` and `hgatp`.
    pub virt: bool,
    /// Effective privilege as its number; with it go permissions of U pages and PMP.
    pub privilege: u8,
    /// SUM and MXR, as [`privileged::PagePermits`] has them.
    pub permits: u8,
    /// `satp`, or `vsatp` when `virt`; zero in M-mode.
    pub satp: u64,
    /// `hgatp` when `virt`, else zero.
    pub hgatp: u64,
}

impl Key {
    /// ASID field of `satp` and `vsatp`.
    fn asid(&self) -> u64 {
        asid(self.satp >> atp::ID_SHIFT)
    }

    /// VMID field of `hgatp`.
    fn vmid(&self) -> u64 {
        vmid(self.hgatp >> atp::ID_SHIFT)
    }

    /// A number for all but the address-space registers.
    pub fn kind(&self) -> usize {
        (usize::from(self.virt) << 5 | usize::from(self.privilege) << 3 | usize::from(self.permits)) % KINDS
    }
}

/// Numbers of [`Key::kind`].
pub const KINDS: usize = 64;

/// What an address-translation fence forgets. `None` is all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fence {
    /// Every translation of every space.
    All,
    /// SFENCE.VMA with V=0.
    Supervisor {
        /// Virtual address.
        va: Option<u64>,
        /// Address-space identifier.
        asid: Option<u64>,
    },
    /// HFENCE.VVMA, or SFENCE.VMA with V=1, of the guest with this VMID.
    Guest {
        /// Guest virtual address.
        va: Option<u64>,
        /// Address-space identifier of the guest.
        asid: Option<u64>,
        /// The current guest.
        vmid: u64,
    },
    /// HFENCE.GVMA.
    GuestPhysical {
        /// Guest-physical address.
        gpa: Option<u64>,
        /// Virtual-machine identifier.
        vmid: Option<u64>,
    },
}

impl Fence {
    /// Whether it reaches the tables of a context.
    pub fn selects(&self, key: &Key) -> bool {
        match *self {
            Fence::All => true,
            Fence::Supervisor { asid, .. } => !key.virt && asid.is_none_or(|a| a == key.asid()),
            Fence::Guest { asid, vmid, .. } => key.virt && vmid == key.vmid() && asid.is_none_or(|a| a == key.asid()),
            Fence::GuestPhysical { vmid, .. } => key.virt && vmid.is_none_or(|v| v == key.vmid()),
        }
    }

    /// Lets a table that it reaches forget what it names.
    pub fn apply<T: Table>(&self, table: &mut T, behind: &mut T::Behind) {
        match *self {
            Fence::Supervisor { va: Some(va), .. } | Fence::Guest { va: Some(va), .. } => {
                table.clear_address(va, behind)
            }
            Fence::GuestPhysical { gpa: Some(gpa), .. } => table.clear_guest_physical(gpa, behind),
            _ => table.clear(),
        }
    }
}

/// One context's table.
pub trait Table: Default {
    /// What the tables of all contexts have in common: it is looked at where one of them has nothing.
    type Behind: Default;
    /// Forgets everything, here and behind.
    fn clear(&mut self);
    /// Forgets what covers `va`, here and behind.
    fn clear_address(&mut self, va: u64, behind: &mut Self::Behind);
    /// Forgets what maps a guest virtual address to a guest-physical one in the same page of the G-stage as `gpa`, here
    /// and behind.
    fn clear_guest_physical(&mut self, gpa: u64, behind: &mut Self::Behind);
    /// Is about to be used again after another was.
    fn activate(&mut self) {}
}
