//! A guest's memory: the G-stage's tables, and memory given as it is touched.
//!
//! H extension, "Two-Stage Address Translation", "Hypervisor Guest Address Translation and Protection (`hgatp`) Register" and
//! "Memory-Management Fences".

use core::arch::asm;

use arch::addr::PAGE_SHIFT;
use arch::csr::{self as registers, atp};
use arch::pte::Scheme;
use arch::{GuestPhys, Phys};
use spin::{Mutex, Once};

use super::frames::PIECE_BYTES;
use super::image::FREE;
use super::physical::{self, Physical};
use super::table::{NotMapped, Rights, Stage, Table};
use crate::start::csr;

/// The level of a leaf that maps a piece.
const PIECE_LEVEL: u32 = 1;

/// Why an access of a guest's has no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoMemory {
    /// The guest has none there.
    Outside,
    /// The machine has none left.
    RunOut,
}

/// A guest's memory. Only what has been touched is there.
pub struct GuestMemory {
    base: GuestPhys,
    len_bytes: u64,
    table: Option<Table>,
    /// Pieces that it has been given.
    given: u64,
}

/// The smallest scheme of the G-stage that the harts have: "the hypervisor may choose", and fewer levels are fewer accesses.
pub fn scheme() -> Scheme {
    static SCHEME: Once<Scheme> = Once::new();
    *SCHEME.call_once(|| {
        let modes = [(atp::SV39, Scheme::Sv39), (atp::SV48, Scheme::Sv48), (atp::SV57, Scheme::Sv57)];
        let has = |mode: u64| csr::probe::<{ registers::HGATP }>(mode << atp::MODE_SHIFT) >> atp::MODE_SHIFT == mode;
        modes.into_iter().find(|(mode, _)| has(*mode)).expect("a hart with H has a scheme for the G-stage").1
    })
}

/// The register's value for a scheme, a VMID and a root.
fn hgatp(scheme: Scheme, vmid: u64, root_ppn: u64) -> u64 {
    let mode = match scheme {
        Scheme::Sv39 => atp::SV39,
        Scheme::Sv48 => atp::SV48,
        Scheme::Sv57 => atp::SV57,
    };
    mode << atp::MODE_SHIFT | vmid << atp::ID_SHIFT | root_ppn
}

/// How many VMIDs there are: "writing one to every bit position in the VMID field, then reading back".
pub fn vmids() -> u64 {
    static COUNT: Once<u64> = Once::new();
    const ALL: u64 = (1 << atp::VMID_BITS) - 1;
    *COUNT.call_once(|| (csr::probe::<{ registers::HGATP }>(hgatp(scheme(), ALL, 0)) >> atp::ID_SHIFT & ALL) + 1)
}

impl GuestMemory {
    /// Memory from `base` on, nothing of it there yet; none where there is no memory for its tables.
    pub fn new(base: GuestPhys, len_bytes: u64) -> Option<GuestMemory> {
        let table = Table::new(scheme(), Stage::Guest, &mut Physical)?;
        Some(GuestMemory { base, len_bytes, table: Some(table), given: 0 })
    }

    /// The register's value for this memory.
    pub fn hgatp(&self, vmid: u64) -> u64 {
        hgatp(scheme(), vmid, self.table.as_ref().map_or(0, Table::root_ppn))
    }

    /// Bytes that it has been given.
    pub fn given_bytes(&self) -> u64 {
        self.given * PIECE_BYTES
    }

    /// Whether all of `len` bytes at `at` are the guest's.
    pub fn contains(&self, at: GuestPhys, len: u64) -> bool {
        let end = at.0.checked_add(len);
        at >= self.base && end.is_some_and(|end| end <= self.base.0 + self.len_bytes)
    }

    /// Sees to it that there is memory at `at`, zeroed where it is new.
    ///
    /// # Errors
    /// There is none, or no more.
    pub fn touch(&mut self, at: GuestPhys) -> Result<Phys, NoMemory> {
        if !self.contains(at, 1) {
            return Err(NoMemory::Outside);
        }
        let table = self.table.as_mut().ok_or(NoMemory::Outside)?;
        if let Some((found, _)) = table.lookup(at.0, &Physical) {
            // A hart may remember that there was nothing.
            fence_address(at);
            return Ok(found);
        }
        // ANCHOR: give
        let piece = FREE.lock().piece().ok_or(NoMemory::RunOut)?;
        physical::zero(piece, PIECE_BYTES);
        let from = at.0 / PIECE_BYTES * PIECE_BYTES;
        if let Err(NotMapped) = table.map(from, piece, PIECE_LEVEL, Rights::Guest, &mut Physical) {
            FREE.lock().return_piece(piece);
            return Err(NoMemory::RunOut);
        }
        // ANCHOR_END: give
        self.given += 1;
        Ok(Phys(piece.0 + (at.0 - from)))
    }

    /// Copies `bytes` to the guest's memory.
    ///
    /// # Errors
    /// Not all of it is the guest's, or there is no more memory; what came before may be copied.
    pub fn write(&mut self, at: GuestPhys, bytes: &[u8]) -> Result<(), NoMemory> {
        self.parts(at, bytes.len(), |to, range| physical::copy_to(to, &bytes[range]))
    }

    /// Copies the guest's memory to `into`.
    ///
    /// # Errors
    /// As for [`GuestMemory::write`].
    pub fn read(&mut self, at: GuestPhys, into: &mut [u8]) -> Result<(), NoMemory> {
        self.parts(at, into.len(), |from, range| physical::copy_from(from, &mut into[range]))
    }

    /// Hands `each` the memory of `len` bytes at `at` in parts that lie in one piece.
    ///
    /// # Errors
    /// As for [`GuestMemory::write`].
    pub fn parts(
        &mut self,
        at: GuestPhys,
        len: usize,
        mut each: impl FnMut(Phys, core::ops::Range<usize>),
    ) -> Result<(), NoMemory> {
        if !self.contains(at, len as u64) {
            return Err(NoMemory::Outside);
        }
        let mut done = 0;
        while done < len {
            let here = GuestPhys(at.0 + done as u64);
            let room = PIECE_BYTES - here.0 % PIECE_BYTES;
            let end = len.min(done + room as usize);
            each(self.touch(here)?, done..end);
            done = end;
        }
        Ok(())
    }

    /// Takes all back: the guest has ended, or begins anew with memory that is zero.
    pub fn clear(&mut self) {
        if let Some(table) = self.table.take() {
            table.clear(&mut Physical, |piece, _| FREE.lock().return_piece(piece));
        }
        self.given = 0;
        self.table = Table::new(scheme(), Stage::Guest, &mut Physical);
    }
}

/// Memory as calls of the debug console name it.
pub struct Shared<'a>(pub &'a Mutex<GuestMemory>);

impl sbi::Memory for Shared<'_> {
    fn has(&self, address: u64, len: u64) -> bool {
        self.0.lock().contains(GuestPhys(address), len)
    }

    fn read(&self, address: u64, into: &mut [u8]) -> Option<()> {
        self.0.lock().read(GuestPhys(address), into).ok()
    }

    fn write(&self, address: u64, bytes: &[u8]) -> Option<()> {
        self.0.lock().write(GuestPhys(address), bytes).ok()
    }
}

/// Forgets what this hart remembers of the G-stage at `at`, for the guest whose VMID `hgatp` has. "rs1 specifies a guest physical address
/// [...] shifted right by 2 bits".
fn fence_address(at: GuestPhys) {
    let vmid = csr::read::<{ registers::HGATP }>() >> atp::ID_SHIFT & ((1 << atp::VMID_BITS) - 1);
    let page = at.0 >> PAGE_SHIFT << (PAGE_SHIFT - 2);
    // SAFETY: a fence changes no memory.
    unsafe {
        asm!(".option push", ".option arch, +h", "hfence.gvma {}, {}", ".option pop", in(reg) page, in(reg) vmid, options(nostack))
    };
}

/// Forgets all that this hart remembers of the G-stage, of every guest.
pub fn fence_all() {
    // SAFETY: a fence changes no memory.
    unsafe { asm!(".option push", ".option arch, +h", "hfence.gvma", ".option pop", options(nostack)) };
}

/// Forgets all that this hart remembers of the VS-stage of the guest whose VMID `hgatp` has.
pub fn fence_guest_virtual() {
    // SAFETY: a fence changes no memory.
    unsafe { asm!(".option push", ".option arch, +h", "hfence.vvma", ".option pop", options(nostack)) };
}

/// Sees what other harts have written before what they ask for: instructions too.
pub fn fence_instructions() {
    // SAFETY: a fence changes no memory.
    unsafe { asm!("fence.i", options(nostack)) };
}
