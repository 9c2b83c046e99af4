//! The page-table walker: one for every stage.
//!
//! Privileged architecture, "Virtual Address Translation Process", "Svnapot", "Svpbmt", "Svadu"; H extension,
//! "Two-Stage Address Translation". The steps named in comments are those of the first.

mod accessed_dirty;
mod permission;

pub use permission::permits;

use arch::addr::PAGE_SHIFT;
use arch::csr::{atp, envcfg};
use arch::isa::Extension;
use arch::pte::{self, Pte, Scheme};
use arch::{GuestPhys, Implicit, Phys, Privilege, Trap};

use permission::{Rights, is_permitted, rights};

use super::witness::{Defect, Detail, Step, Table, Tree, Witness};
use super::{Access, Failure, Request, Stage, WalkError, trap};
use crate::{Config, State, pmp};

/// How the walker reaches page tables in physical memory.
pub trait PageMemory {
    /// Reads an entry. `None`: no memory there.
    fn read_pte(&mut self, at: Phys) -> Option<u64>;

    /// Replaces an entry if it is still `old`. `Some(false)`: it changed meanwhile; `None`: no writable memory there.
    fn update_pte(&mut self, at: Phys, old: u64, new: u64) -> Option<bool>;

    /// A page table is about to be descended: that of the G-stage, or of the first. For statistics.
    fn descending(&mut self, _guest_stage: bool) {}

    /// The leaf of the G-stage's page table for the page of `gpa`, if [`PageMemory::remember_guest_leaf`] was told and
    /// no fence has named it since.
    fn guest_leaf(&mut self, _gpa: GuestPhys) -> Option<GuestLeaf> {
        None
    }

    /// What the G-stage's page table has for the page of `gpa`, A and D included.
    fn remember_guest_leaf(&mut self, _gpa: GuestPhys, _leaf: GuestLeaf) {}
}

/// A leaf of the G-stage's page table, as it may be remembered: what it permits is looked at anew for each access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestLeaf {
    /// The entry.
    pub pte: Pte,
    /// The address bits that are an offset in its page.
    pub page_bits: u32,
}

/// What an address translates to, and what may be remembered about its page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Translation {
    /// Where the access goes.
    pub phys: Phys,
    /// The address bits that are an offset in the first stage's page: a fence of any address with the same upper bits
    /// is a fence of this translation.
    pub page_bits: u32,
    /// The address between the stages: what the first stage gave.
    pub guest_phys: GuestPhys,
    /// As `page_bits`, for the second stage and `guest_phys`.
    pub guest_page_bits: u32,
    /// Whether later loads like the request may use this translation.
    pub readable: bool,
    /// Whether later stores like the request may use this translation: D is set in every stage.
    pub writable: bool,
    /// Whether later fetches like the request may use this translation. No answer for HLVX, which may read pages that
    /// may not be fetched from: user pages, with SUM.
    pub executable: bool,
}

/// Offset bits of a translation without page tables: nothing in it depends on the address.
const BARE_BITS: u32 = 30;

/// Translates `request`'s address, setting A and D of page-table entries where the hart does that.
///
/// # Errors
/// The trap to take. Whether PMP and the bus permit the access itself is the caller's question.
pub fn walk(
    state: &State,
    config: &Config,
    request: &Request,
    memory: &mut impl PageMemory,
) -> Result<Translation, Trap> {
    walk_seen(state, config, request, memory, ())
}

/// [`walk`], step by step before the eyes of `witness`.
///
/// # Errors
/// As [`walk`]'s.
pub fn walk_seen(
    state: &State,
    config: &Config,
    request: &Request,
    memory: &mut impl PageMemory,
    witness: impl Witness,
) -> Result<Translation, Trap> {
    let mut walker = Walker { state, config, request, memory, witness };
    loop {
        walker.see(|| Step::Start);
        match walker.translate() {
            Ok(translation) => return Ok(translation),
            Err(Stop::Failed(failure)) => return Err(trap(request, failure)),
            // Step 9: "If the comparison fails, return to step 2."
            Err(Stop::Changed) => {}
        }
    }
}

/// Why a walk ends early.
enum Stop {
    /// The access may not be.
    Failed(Failure),
    /// Somebody else changed an entry between its check and its update.
    Changed,
}

/// What one stage makes of an address.
#[derive(Clone, Copy)]
struct Leaf {
    address: u64,
    page_bits: u32,
    rights: Rights,
}

impl Leaf {
    /// What a page-table entry makes of a tree's address, A and D being as the access wants them.
    const fn of(tree: Tree, pte: Pte, page_bits: u32, rights: Rights) -> Leaf {
        let offset = (1u64 << page_bits) - 1;
        Leaf {
            // For a NAPOT range the low bits of the PPN say its size; the offset replaces them.
            address: pte.ppn() << PAGE_SHIFT & !offset | tree.address & offset,
            page_bits,
            rights: Rights { write: rights.write && pte.has(pte::D), ..rights },
        }
    }

    /// A stage that is Bare.
    const fn bare(address: u64) -> Leaf {
        let rights = Rights { read: true, write: true, execute: true, read_code: true };
        Leaf { address, page_bits: BARE_BITS, rights }
    }

    /// The whole translation, if this stage's result went on to `next`.
    const fn then(self, next: Leaf) -> Translation {
        Translation {
            phys: Phys(next.address),
            page_bits: self.page_bits,
            guest_phys: GuestPhys(self.address),
            guest_page_bits: next.page_bits,
            readable: self.rights.read && next.rights.read,
            writable: self.rights.write && next.rights.write,
            executable: self.rights.execute && next.rights.execute,
        }
    }
}

impl Tree {
    const fn fail(&self, error: WalkError) -> Stop {
        let stage = match self.table {
            Table::Guest(implicit) => Stage::Guest { gpa: GuestPhys(self.address), implicit },
            Table::Supervisor | Table::VirtualSupervisor => Stage::First,
        };
        Stop::Failed(Failure { error, stage })
    }

    const fn is_guest(&self) -> bool {
        matches!(self.table, Table::Guest(_))
    }

    /// H extension, "Guest Physical Address Translation": "address bits 63:41 must all be zeros" where a first stage
    /// wants them equal to its top bit.
    const fn is_too_wide(&self) -> bool {
        let bits = self.scheme.address_bits();
        if self.is_guest() {
            return self.address >> (bits + pte::WIDENED_BITS) != 0;
        }
        let unused = u64::BITS - bits;
        ((self.address << unused) as i64 >> unused) as u64 != self.address
    }

    /// The physical address, or guest-physical, of the entry at `level` of the page table at `base`.
    const fn entry(&self, base: u64, level: u32) -> u64 {
        let is_root = level + 1 == self.scheme.levels();
        let bits = pte::LEVEL_BITS + if self.is_guest() && is_root { pte::WIDENED_BITS } else { 0 };
        let index = self.address >> (PAGE_SHIFT + level * pte::LEVEL_BITS) & ((1 << bits) - 1);
        base + index * pte::PTE_BYTES
    }
}

struct Walker<'a, M, W> {
    state: &'a State,
    config: &'a Config,
    request: &'a Request,
    memory: &'a mut M,
    witness: W,
}

impl<M: PageMemory, W: Witness> Walker<'_, M, W> {
    /// Tells the witness, if there is one.
    #[inline(always)]
    fn see(&mut self, step: impl FnOnce() -> Step) {
        if W::ON {
            self.witness.see(step());
        }
    }

    /// The stage fails.
    #[inline(always)]
    fn fail(&mut self, tree: Tree, error: WalkError, detail: impl FnOnce() -> Detail) -> Stop {
        self.see(|| Step::Failed { error, detail: detail() });
        tree.fail(error)
    }

    fn translate(&mut self) -> Result<Translation, Stop> {
        let first = match self.first_tree() {
            Some(tree) => self.descend(tree)?,
            None => self.bare(self.first_table(), self.request.va.0),
        };
        Ok(first.then(self.guest_stage(first.address, None)?))
    }

    /// A stage that is Bare.
    fn bare(&mut self, table: Table, address: u64) -> Leaf {
        self.see(|| Step::Bare { table, address });
        Leaf::bare(address)
    }

    const fn first_table(&self) -> Table {
        if self.request.mode.virt { Table::VirtualSupervisor } else { Table::Supervisor }
    }

    /// The S-stage or VS-stage; `None` where there is no translation.
    fn first_tree(&self) -> Option<Tree> {
        let request = self.request;
        if request.mode.privilege == Privilege::Machine {
            return None;
        }
        let (register, envcfg) = if request.mode.virt {
            (self.state.vsatp, self.state.henvcfg())
        } else {
            (self.state.satp, self.state.menvcfg)
        };
        Some(Tree {
            table: self.first_table(),
            scheme: scheme(register)?,
            root: root(register),
            address: request.va.0,
            envcfg,
            access: request.access,
            hlvx: request.hlvx,
            mxr: request.permits.mxr,
        })
    }

    /// Takes a guest-physical address through the G-stage; without one, addresses are what they are.
    ///
    /// H extension, "Guest Physical Address Translation": an implicit access of the VS-stage is checked as a load, or
    /// for the update of A and D as a store; MXR makes only explicit loads of executable pages possible.
    fn guest_stage(&mut self, address: u64, implicit: Option<Implicit>) -> Result<Leaf, Stop> {
        let request = self.request;
        let Some(scheme) = scheme(self.state.hgatp).filter(|_| request.mode.virt) else {
            return Ok(if request.mode.virt {
                self.bare(Table::Guest(implicit), address)
            } else {
                Leaf::bare(address)
            });
        };
        let tree = Tree {
            table: Table::Guest(implicit),
            scheme,
            root: root(self.state.hgatp),
            address,
            envcfg: self.state.menvcfg,
            access: match implicit {
                None => request.access,
                Some(Implicit::Read) => Access::Load,
                Some(Implicit::Write) => Access::Store,
            },
            hlvx: request.hlvx && implicit.is_none(),
            mxr: request.permits.mxr_g && implicit.is_none(),
        };
        match self.remembered(tree) {
            Some(leaf) => Ok(leaf),
            None => self.descend(tree),
        }
    }

    /// What a leaf of the G-stage that is remembered makes of the address. `None` where none is, and where this one
    /// does not permit the access as it stands: what the page table has now decides.
    fn remembered(&mut self, tree: Tree) -> Option<Leaf> {
        let GuestLeaf { pte, page_bits } = self.memory.guest_leaf(GuestPhys(tree.address))?;
        let rights = rights(self.request, tree, pte);
        let fits = is_permitted(tree, rights) && pte.has(accessed_dirty::needed(tree));
        fits.then(|| Leaf::of(tree, pte, page_bits, rights))
    }

    /// Steps 1 to 4: from the root to a leaf.
    fn descend(&mut self, tree: Tree) -> Result<Leaf, Stop> {
        self.see(|| Step::Begin(tree));
        if tree.is_too_wide() {
            return Err(self.fail(tree, WalkError::AddressTooWide, || Detail::None));
        }
        self.memory.descending(tree.is_guest());
        let mut base = tree.root;
        for level in (0..tree.scheme.levels()).rev() {
            let entry = tree.entry(base, level);
            self.see(|| Step::Entry { level, address: entry });
            let at = self.locate(tree, entry, Implicit::Read)?;
            let pte = self.read(tree, at)?;
            self.check_encoding(tree, pte)?;
            if !pte.is_pointer() {
                return self.leaf(tree, level, entry, at, pte);
            }
            base = pte.ppn() << PAGE_SHIFT;
        }
        Err(self.fail(tree, WalkError::NoLeaf, || Detail::None))
    }

    /// Where an entry is: the addresses of VS-stage page tables are guest-physical.
    fn locate(&mut self, tree: Tree, entry: u64, access: Implicit) -> Result<Phys, Stop> {
        if tree.table != Table::VirtualSupervisor {
            return Ok(Phys(entry));
        }
        Ok(Phys(self.guest_stage(entry, Some(access))?.address))
    }

    /// Step 2: "If accessing pte violates a PMA or PMP check, raise an access-fault exception corresponding to the
    /// original access type."
    fn read(&mut self, tree: Tree, at: Phys) -> Result<Pte, Stop> {
        let permitted = self.pmp_permits(at, Access::Load);
        let read = if permitted { self.memory.read_pte(at) } else { None };
        let Some(pte) = read.map(Pte) else { return Err(self.no_access(tree, at, Access::Load, permitted)) };
        self.see(|| Step::Read { at, pte });
        Ok(pte)
    }

    fn no_access(&mut self, tree: Tree, at: Phys, access: Access, permitted: bool) -> Stop {
        let detail = || if permitted { Detail::NoMemory { at } } else { Detail::Protected { at, access } };
        self.fail(tree, WalkError::TableAccess, detail)
    }

    fn pmp_permits(&self, at: Phys, access: Access) -> bool {
        pmp::check(self.state, self.config, at, pte::PTE_BYTES, access, Privilege::Supervisor)
    }

    /// Step 3, for pointers and leaves alike.
    fn check_encoding(&mut self, tree: Tree, pte: Pte) -> Result<(), Stop> {
        match self.defect(tree, pte) {
            None => Ok(()),
            Some(defect) => Err(self.fail(tree, WalkError::InvalidEntry, || Detail::Defect(defect))),
        }
    }

    /// What is wrong with an entry whatever is asked of it: the first that is.
    #[inline(always)]
    fn defect(&self, tree: Tree, pte: Pte) -> Option<Defect> {
        // "For non-leaf PTEs, the D, A, and U bits are reserved for future standard use."
        match pte {
            _ if !pte.has(pte::V) => Some(Defect::NotValid),
            _ if pte.has(pte::W) && !pte.has(pte::R) => Some(Defect::WriteOnly),
            _ if pte.is_pointer() && pte.has_any(pte::D | pte::A | pte::U) => Some(Defect::Pointer),
            _ if pte.has_any(pte::RESERVED | pte::N | pte::PBMT) => self.defect_above(tree, pte),
            _ => None,
        }
    }

    /// The same of the bits above the PPN.
    fn defect_above(&self, tree: Tree, pte: Pte) -> Option<Defect> {
        match pte {
            _ if pte.has_any(pte::RESERVED) => Some(Defect::Reserved),
            _ if pte.has_any(pte::PBMT) && tree.envcfg & envcfg::PBMTE == 0 => Some(Defect::MemoryTypeOff),
            _ if pte.has(pte::PBMT) => Some(Defect::MemoryTypeReserved),
            _ if pte.has(pte::N) && !self.config.has(Extension::Svnapot) => Some(Defect::RangeOff),
            // of pointers, N and PBMT, too, are reserved
            _ if pte.is_pointer() => Some(Defect::Pointer),
            _ => None,
        }
    }

    /// Steps 5 to 10: what the leaf permits ([`permission`]), A and D ([`accessed_dirty`]), and where it leads.
    fn leaf(&mut self, tree: Tree, level: u32, entry: u64, at: Phys, pte: Pte) -> Result<Leaf, Stop> {
        let rights = rights(self.request, tree, pte);
        if !is_permitted(tree, rights) {
            return Err(self.fail(tree, WalkError::NotPermitted, || Detail::None));
        }
        let offset_bits = match offset_bits(level, pte) {
            Ok(bits) => bits,
            Err((error, detail)) => return Err(self.fail(tree, error, || detail)),
        };
        let needed = accessed_dirty::needed(tree);
        if !pte.has(needed) {
            self.set_accessed_dirty(tree, entry, at, pte, needed)?;
        }
        let pte = Pte(pte.0 | needed);
        if tree.is_guest() {
            self.memory.remember_guest_leaf(GuestPhys(tree.address), GuestLeaf { pte, page_bits: offset_bits });
        }
        let leaf = Leaf::of(tree, pte, offset_bits, rights);
        self.see(|| Step::Leaf { address: leaf.address, page_bits: offset_bits });
        Ok(leaf)
    }
}

/// The scheme that `satp`, `vsatp` or `hgatp` selects; `None` is Bare.
const fn scheme(register: u64) -> Option<Scheme> {
    Scheme::of_mode(register >> atp::MODE_SHIFT)
}

/// The address of the root page table.
const fn root(register: u64) -> u64 {
    (register & atp::PPN) << PAGE_SHIFT
}

/// Offset bits of the page or NAPOT range that a leaf maps.
const fn offset_bits(level: u32, pte: Pte) -> Result<u32, (WalkError, Detail)> {
    let level_bits = level * pte::LEVEL_BITS;
    if pte.has(pte::N) {
        let size = pte.ppn() & ((1 << pte::NAPOT_BITS) - 1);
        let is_valid = level == 0 && size == 1 << (pte::NAPOT_BITS - 1);
        let bad_range = (WalkError::InvalidEntry, Detail::RangeSize);
        return if is_valid { Ok(PAGE_SHIFT + pte::NAPOT_BITS) } else { Err(bad_range) };
    }
    if pte.ppn() & ((1 << level_bits) - 1) != 0 {
        return Err((WalkError::MisalignedSuperpage, Detail::None));
    }
    Ok(PAGE_SHIFT + level_bits)
}

#[cfg(test)]
mod tests;
