//! A guest's memory: the G-stage's tables, and memory given as it is touched.
//!
//! A first touch keeps a piece of 2 MiB for the guest, and zeroes and maps the 64 KiB of it that it is in, by pages of
//! 4 KiB; once all of the piece has been touched, one leaf maps it. So a touch costs what it uses, and what is used
//! much is found by few entries (J. Navarro et al., "Practical, transparent operating system support for superpages",
//! 2002).
//!
//! H extension, "Two-Stage Address Translation", "Hypervisor Guest Address Translation and Protection (`hgatp`)
//! Register" and "Memory-Management Fences".

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::arch::asm;
use core::ops;

use arch::addr::{PAGE_BYTES, PAGE_SHIFT};
use arch::csr::{self as registers, atp};
use arch::pte::Scheme;
use arch::{GuestPhys, Phys};
use spin::{Mutex, Once};

use super::frames::{LARGE_BYTES, PIECE_BYTES};
use super::image::FREE;
use super::physical::{self, Physical};
use super::table::{NotMapped, Rights, Stage, Table};
use super::vmids::{Vmid, Vmids};
use crate::sbi::fences::Range;
use crate::start::csr;

/// What is zeroed and mapped at a touch.
const CHUNK_BYTES: u64 = 64 << 10;
const _: () = assert!(PIECE_BYTES / CHUNK_BYTES == u32::BITS as u64);

/// A piece that is a guest's, of which not all has been touched.
struct Reserved {
    piece: Phys,
    /// A bit for each chunk that has.
    chunks: u32,
}

/// Memory that is a guest's, as much as one leaf maps that is one level up from a piece's.
struct Large {
    base: Phys,
    /// How many of its pieces have been touched as a whole.
    whole: u64,
}

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
    vmid: Vmid,
    base: GuestPhys,
    len_bytes: u64,
    table: Option<Table>,
    /// By the guest's addresses.
    reserved: BTreeMap<u64, Reserved>,
    /// The same: where its pieces come from, as far as there is as much side by side.
    large: BTreeMap<u64, Large>,
    /// How often all of one has come to be mapped by one leaf.
    large_leaves: u64,
    /// The machine has memory for all that guests may touch, so that this one may keep what it has not touched.
    roomy: bool,
    /// Tables that a leaf has replaced: harts may remember that they were there.
    replaced: Vec<Phys>,
    /// Pieces that it has.
    given: Vec<Phys>,
    /// How many it had at most.
    most: usize,
    /// Somebody wants to know what it writes: leaves stay small, and begin without D.
    logged: bool,
}

/// The smallest scheme of the G-stage that the harts have: "the hypervisor may choose", and fewer levels are fewer
/// accesses.
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

/// The VMIDs that the harts have: "writing one to every bit position in the VMID field, then reading back".
fn vmids() -> &'static Mutex<Vmids> {
    static VMIDS: Once<Mutex<Vmids>> = Once::new();
    const ALL: u64 = (1 << atp::VMID_BITS) - 1;
    let legal = || csr::probe::<{ registers::HGATP }>(hgatp(scheme(), ALL, 0)) >> atp::ID_SHIFT & ALL;
    VMIDS.call_once(|| Mutex::new(Vmids::new(legal() + 1)))
}

impl GuestMemory {
    /// Memory from `base` on, nothing of it there yet; none where there is no memory for its tables.
    pub fn new(base: GuestPhys, len_bytes: u64, roomy: bool) -> Option<GuestMemory> {
        let table = Table::new(scheme(), Stage::Guest, &mut Physical)?;
        Some(GuestMemory {
            vmid: Vmid::default(),
            base,
            len_bytes,
            table: Some(table),
            reserved: BTreeMap::new(),
            large: BTreeMap::new(),
            large_leaves: 0,
            roomy,
            replaced: Vec::new(),
            given: Vec::new(),
            most: 0,
            logged: false,
        })
    }

    /// The register's value for this memory, and the generation of the VMID in it: for a hart that is to run the
    /// guest. Others may run it by an older one until they load it anew.
    pub fn hgatp(&mut self) -> (u64, u64) {
        self.vmid = vmids().lock().renew(self.vmid);
        let root = self.table.as_ref().map_or(0, Table::root_ppn);
        (hgatp(scheme(), self.vmid.number, root), self.vmid.generation)
    }

    /// Bytes that it has been given, when it had most: one that has ended has none.
    pub fn given_bytes(&self) -> u64 {
        self.most as u64 * PIECE_BYTES
    }

    /// Whether all of `len` bytes at `at` are the guest's.
    pub fn contains(&self, at: GuestPhys, len: u64) -> bool {
        let end = at.0.checked_add(len);
        at >= self.base && end.is_some_and(|end| end <= self.base.0 + self.len_bytes)
    }

    /// Sees to it that the guest finds memory at `at`, zeroed where it is new, and may write to it.
    ///
    /// # Errors
    /// There is none, or no more.
    pub fn touch(&mut self, at: GuestPhys) -> Result<Phys, NoMemory> {
        // A hart may remember that there was nothing.
        self.forget(at);
        let found = self.memory_at(at);
        self.wrote(at, 1);
        found
    }

    /// Somebody has written there, or is about to, for whom no hart sets D.
    pub fn wrote(&mut self, at: GuestPhys, len: u64) {
        let Some(table) = self.table.as_mut().filter(|_| self.logged) else { return };
        let pages = at.0 >> PAGE_SHIFT..at.0.saturating_add(len).div_ceil(PAGE_BYTES);
        pages.for_each(|page| table.set_written(page << PAGE_SHIFT, &mut Physical));
    }

    /// How much may have been written to since this was called last, or at all, in bytes. Whoever calls has the guest's
    /// harts forget its memory then: from that on they set D again, or ask for it by a fault.
    pub fn take_written(&mut self) -> u64 {
        self.logged = true;
        self.table.as_mut().map_or(0, |table| table.take_written(&mut Physical))
    }

    /// Forgets what this hart remembers of the guest's page at `at`, by the guest's VMID and by that in `hgatp`: a hart
    /// that runs the guest may do so by one of an older generation.
    pub fn forget(&self, at: GuestPhys) {
        let here = csr::read::<{ registers::HGATP }>() >> atp::ID_SHIFT & ((1 << atp::VMID_BITS) - 1);
        fence_address(at, here);
        if here != self.vmid.number {
            fence_address(at, self.vmid.number);
        }
    }

    fn memory_at(&mut self, at: GuestPhys) -> Result<Phys, NoMemory> {
        if !self.contains(at, 1) {
            return Err(NoMemory::Outside);
        }
        let table = self.table.as_ref().ok_or(NoMemory::Outside)?;
        match table.lookup(at.0, &Physical) {
            Some((found, _)) => Ok(found),
            None => self.reserve(at).and_then(|piece| self.give(at, piece)),
        }
    }

    /// The piece that has memory at `at`, or will have it.
    fn reserve(&mut self, at: GuestPhys) -> Result<Phys, NoMemory> {
        let from = at.0 / PIECE_BYTES * PIECE_BYTES;
        if let Some(reserved) = self.reserved.get(&from) {
            return Ok(reserved.piece);
        }
        let piece = match self.large(at) {
            Some(large) => Phys(large.base.0 + from % LARGE_BYTES),
            None => FREE.lock().piece().ok_or(NoMemory::RunOut)?,
        };
        self.reserved.insert(from, Reserved { piece, chunks: 0 });
        self.given.push(piece);
        self.most = self.most.max(self.given.len());
        Ok(piece)
    }

    /// The large piece that `at` is in, or will be in.
    fn large(&mut self, at: GuestPhys) -> Option<&mut Large> {
        let from = at.0 / LARGE_BYTES * LARGE_BYTES;
        if !self.roomy || !self.contains(GuestPhys(from), LARGE_BYTES) {
            return None;
        }
        if !self.large.contains_key(&from) {
            let base = FREE.lock().large()?;
            self.large.insert(from, Large { base, whole: 0 });
        }
        self.large.get_mut(&from)
    }

    // ANCHOR: give
    /// Zeroes and maps the chunk of a piece that `at` is in.
    fn give(&mut self, at: GuestPhys, piece: Phys) -> Result<Phys, NoMemory> {
        let within = at.0 % PIECE_BYTES;
        let chunk = within / CHUNK_BYTES;
        let (from, to) = (at.0 / CHUNK_BYTES * CHUNK_BYTES, piece.0 + chunk * CHUNK_BYTES);
        physical::zero(Phys(to), CHUNK_BYTES);
        let table = self.table.as_mut().ok_or(NoMemory::Outside)?;
        let rights = if self.logged { Rights::GuestClean } else { Rights::Guest };
        for page in (0..CHUNK_BYTES).step_by(PAGE_BYTES as usize) {
            let mapped = table.map(from + page, Phys(to + page), 0, rights, &mut Physical);
            mapped.map_err(|NotMapped| NoMemory::RunOut)?;
        }
        let key = at.0 - within;
        let whole = self.reserved.get_mut(&key).is_some_and(|reserved| {
            reserved.chunks |= 1 << chunk;
            reserved.chunks == u32::MAX
        });
        if whole && !self.logged {
            self.replaced.extend(table.join(key, 1, Rights::Guest, &mut Physical));
            self.reserved.remove(&key);
            self.join_large(at);
        }
        Ok(Phys(piece.0 + within))
    }
    // ANCHOR_END: give

    /// One more piece of a large one is whole: the last lets one leaf map all.
    fn join_large(&mut self, at: GuestPhys) {
        let Some(large) = self.large.get_mut(&(at.0 / LARGE_BYTES * LARGE_BYTES)) else { return };
        large.whole += 1;
        if large.whole * PIECE_BYTES == LARGE_BYTES {
            let table = self.table.as_mut().and_then(|table| table.join(at.0, 2, Rights::Guest, &mut Physical));
            self.replaced.extend(table);
            self.large_leaves += 1;
        }
    }

    /// How often it was so.
    pub fn large_leaves(&self) -> u64 {
        self.large_leaves
    }

    /// Lets the guest reach a page of the machine's registers itself, at an address where it has no memory.
    ///
    /// # Errors
    /// There is no memory for a table.
    pub fn map_register_page(&mut self, at: GuestPhys, to: Phys) -> Result<(), NotMapped> {
        self.table.as_mut().ok_or(NotMapped)?.map(at.0, to, 0, Rights::GuestRegister, &mut Physical)
    }

    /// Takes it away; harts remember it, until they are told to forget.
    pub fn unmap_register_page(&mut self, at: GuestPhys) {
        self.table.iter_mut().for_each(|table| table.unmap(at.0, &mut Physical));
    }

    /// Copies `bytes` to the guest's memory.
    ///
    /// # Errors
    /// Not all of it is the guest's, or there is no more memory; what came before may be copied.
    pub fn write(&mut self, at: GuestPhys, bytes: &[u8]) -> Result<(), NoMemory> {
        self.parts(at, bytes.len(), |to, range| physical::copy_to(to, &bytes[range]))?;
        self.wrote(at, bytes.len() as u64);
        Ok(())
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
        mut each: impl FnMut(Phys, ops::Range<usize>),
    ) -> Result<(), NoMemory> {
        if !self.contains(at, len as u64) {
            return Err(NoMemory::Outside);
        }
        let mut done = 0;
        while done < len {
            let here = GuestPhys(at.0 + done as u64);
            let room = PIECE_BYTES - here.0 % PIECE_BYTES;
            let end = len.min(done + room as usize);
            let first = self.memory_at(here)?;
            for chunk in (here.0 / CHUNK_BYTES + 1..(at.0 + end as u64).div_ceil(CHUNK_BYTES)).map(|n| n * CHUNK_BYTES)
            {
                self.memory_at(GuestPhys(chunk))?;
            }
            each(first, done..end);
            done = end;
        }
        Ok(())
    }

    /// Takes all back: the guest has ended, or begins anew with memory that is zero.
    pub fn clear(&mut self) {
        if let Some(table) = self.table.take() {
            table.clear(&mut Physical);
        }
        self.reserved.clear();
        let all = |large: Large| (0..LARGE_BYTES).step_by(PIECE_BYTES as usize).map(move |at| Phys(large.base.0 + at));
        let untouched =
            core::mem::take(&mut self.large).into_values().flat_map(all).filter(|one| !self.given.contains(one));
        untouched.for_each(|piece| FREE.lock().return_piece(piece));
        self.given.drain(..).for_each(|piece| FREE.lock().return_piece(piece));
        self.replaced.drain(..).for_each(|table| FREE.lock().return_pages(table, 1));
        self.logged = false;
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

/// Forgets what this hart remembers of the G-stage at `at` by a VMID. "rs1 specifies a guest physical address [...]
/// shifted right by 2 bits".
fn fence_address(at: GuestPhys, vmid: u64) {
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

/// Forgets what is named of that, as an SFENCE.VMA of the guest's own would. "`hfence.vvma` executes as `sfence.vma`
/// with VS-level".
pub fn fence_guest_range(range: Range) {
    let (first, count) = match (range.pages, range.asid) {
        (Some(pages), _) => pages,
        (None, None) => return fence_guest_virtual(),
        (None, Some(asid)) => {
            // SAFETY: a fence changes no memory.
            unsafe {
                asm!(".option push", ".option arch, +h", "hfence.vvma zero, {}", ".option pop", in(reg) asid, options(nostack))
            };
            return;
        }
    };
    for at in (0..count).map(|page| first + page * PAGE_BYTES) {
        // SAFETY: the same.
        match range.asid {
            Some(asid) => unsafe {
                asm!(".option push", ".option arch, +h", "hfence.vvma {}, {}", ".option pop", in(reg) at, in(reg) asid, options(nostack))
            },
            None => unsafe {
                asm!(".option push", ".option arch, +h", "hfence.vvma {}, zero", ".option pop", in(reg) at, options(nostack))
            },
        }
    }
}

/// Sees what other harts have written before what they ask for: instructions too.
pub fn fence_instructions() {
    // SAFETY: a fence changes no memory.
    unsafe { asm!("fence.i", options(nostack)) };
}
