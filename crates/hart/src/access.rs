//! Loads and stores: the fast path through the data table, and the long way round.
//!
//! A misaligned access is done byte by byte where the architecture allows it, after all its pages have translated, so
//! that it faults as a whole.

use arch::addr::PAGE_BYTES;
use arch::{Exception, GuestPhys, Phys, Privilege, Trap, Virt};
use events::Kind;
use privileged::{Access, GuestLeaf, PageMemory, Request, Translation, pmp};

use crate::contexts::Contexts;
use crate::core::{Core, Stop};
use crate::guest_stage::GuestPages;
use crate::second_level::Page;
use crate::statistics::TranslationCounts;
use crate::tlb::LeafPages;
use memory::Ram;

/// How an instruction reaches memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessKind {
    /// Like any load or store.
    Ordinary,
    /// HLV and HSV.
    HlvHsv,
    /// HLVX.
    Hlvx,
}

/// Page tables in RAM.
struct Tables<'a> {
    ram: &'a Ram,
    counts: &'a mut TranslationCounts,
    guest: &'a mut GuestPages,
    hgatp: u64,
}

impl PageMemory for Tables<'_> {
    fn read_pte(&mut self, at: Phys) -> Option<u64> {
        self.counts.pte_reads += 1;
        self.ram.load_u64(self.ram.offset(at, 8)?)
    }

    fn update_pte(&mut self, at: Phys, old: u64, new: u64) -> Option<bool> {
        use std::sync::atomic::Ordering::SeqCst;
        self.counts.pte_updates += 1;
        let cell = self.ram.cell_u64(self.ram.offset(at, 8)?)?;
        self.ram.watch().note_write(self.ram.offset(at, 8)?, 8);
        Some(cell.compare_exchange(old.to_le(), new.to_le(), SeqCst, SeqCst).is_ok())
    }

    fn descending(&mut self, guest_stage: bool) {
        match guest_stage {
            true => self.counts.guest_stage_walks += 1,
            false => self.counts.first_stage_walks += 1,
        }
    }

    fn guest_leaf(&mut self, gpa: GuestPhys) -> Option<GuestLeaf> {
        let found = self.guest.get(self.hgatp, gpa.0)?;
        self.counts.guest_leaf_hits += 1;
        Some(found)
    }

    fn remember_guest_leaf(&mut self, gpa: GuestPhys, leaf: GuestLeaf) {
        self.guest.enter(self.hgatp, gpa.0, leaf);
    }
}

/// Where an access goes.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// Byte offset in RAM.
    Ram(u64),
    /// A device, if any is there.
    Bus(Phys),
}

impl Core {
    /// What `access` at `va` asks of the translation.
    pub fn request(&self, kind: AccessKind, access: Access, va: u64) -> Request {
        match kind {
            AccessKind::Ordinary => Request::for_data(&self.state, access, Virt(va)),
            AccessKind::HlvHsv => Request::for_hyper(&self.state, access, false, Virt(va)),
            AccessKind::Hlvx => Request::for_hyper(&self.state, access, true, Virt(va)),
        }
    }

    /// Translates, and checks PMP for `bytes`.
    pub fn translate(&mut self, request: &Request, bytes: u64) -> Result<Translation, Trap> {
        self.permitted(request, bytes).inspect_err(|_| self.note_refusal(request))
    }

    fn permitted(&mut self, request: &Request, bytes: u64) -> Result<Translation, Trap> {
        let mut tables =
            Tables { ram: &self.ram, counts: &mut self.counts, guest: &mut self.guest_pages, hgatp: self.state.hgatp };
        let reads = tables.counts.pte_reads;
        let found = privileged::walk(&self.state, &self.config, request, &mut tables);
        if self.tells(Kind::Walk) {
            self.tell_walk(request, self.counts.pte_reads.wrapping_sub(reads), &found);
        }
        let found = found?;
        let privilege = request.mode.privilege;
        let permitted = if request.hlvx {
            pmp::check_executable_load(&self.state, &self.config, found.phys, bytes, privilege)
        } else {
            pmp::check(&self.state, &self.config, found.phys, bytes, request.access, privilege)
        };
        if permitted { Ok(found) } else { Err(privileged::access_fault(request)) }
    }

    /// Address of RAM on the host: what the data table's addresses start from.
    #[inline(always)]
    pub fn ram_on_host(&self) -> u64 {
        self.ram.host_base() as u64
    }

    /// RAM offset of an aligned read of `bytes` at `va`, if the data table has the page.
    #[inline(always)]
    pub fn readable(&self, va: u64, bytes: u64) -> Option<u64> {
        self.data.active.read(va, bytes).map(|host| host.wrapping_sub(self.ram_on_host()))
    }

    /// RAM offset of an aligned write of `bytes` at `va`, if the data table has the page.
    #[inline(always)]
    pub fn writable(&self, va: u64, bytes: u64) -> Option<u64> {
        self.data.active.write(va, bytes).map(|host| host.wrapping_sub(self.ram_on_host()))
    }

    /// Where an access that stays within a page goes. Ordinary accesses to RAM are entered into the data table.
    pub fn resolve(&mut self, kind: AccessKind, access: Access, va: u64, bytes: u64) -> Result<Target, Stop> {
        self.counts.data_misses += 1;
        self.counts.store_misses += u64::from(access == Access::Store);
        if kind == AccessKind::Ordinary
            && let Some(offset) = self.refill(access, va)
        {
            return Ok(Target::Ram(offset));
        }
        let request = self.request(kind, access, va);
        let found = match self.translate(&request, bytes) {
            Ok(found) => found,
            Err(trap) => return Err(self.raise(trap)),
        };
        if self.debugging.points.is_some() {
            self.watch(kind, access, va, bytes, &found);
        }
        let Some(offset) = self.ram.offset(found.phys, bytes) else {
            self.counts.device_accesses += 1;
            return Ok(Target::Bus(found.phys));
        };
        if access == Access::Store {
            self.ram.watch().note_write(offset, bytes);
        }
        if kind == AccessKind::Ordinary {
            self.remember(&request, &found);
        }
        Ok(Target::Ram(offset))
    }

    /// Brings a page from the second level of the data tables to the first, if it is there and allows the access.
    /// Answers the RAM offset of the address.
    pub fn refill(&mut self, access: Access, va: u64) -> Option<u64> {
        let Page { offset, readable, writable, leaves, .. } = self.data.behind.get(self.data.active.owner, va)?;
        let writable = writable && !self.ram.watch().is_watched(offset);
        let allowed = if access == Access::Store { writable } else { readable };
        if !allowed {
            return None;
        }
        self.counts.second_level_hits += 1;
        let host = self.ram_on_host().wrapping_add(offset);
        self.data.active.enter_again(va, host, leaves, readable, writable);
        Some(offset + va % PAGE_BYTES)
    }

    /// Enters the page into the data tables, if all of it is RAM and PMP treats it as one.
    fn remember(&mut self, request: &Request, found: &Translation) {
        let page = Phys(found.phys.0 & !(PAGE_BYTES - 1));
        let Some(offset) = self.ram.offset(page, PAGE_BYTES) else { return };
        if self.debugging.points.is_some() && self.is_watched(request.va.0, found) {
            return;
        }
        if !pmp::region_uniform(&self.state, &self.config, page, PAGE_BYTES) {
            return;
        }
        let privilege = request.mode.privilege;
        let permits = |access| pmp::check(&self.state, &self.config, page, PAGE_BYTES, access, privilege);
        let readable = found.readable && permits(Access::Load);
        let writable = found.writable && permits(Access::Store);
        let leaves = LeafPages::of(found);
        let host = self.ram_on_host().wrapping_add(offset);
        let watched = self.ram.watch().is_watched(offset);
        let Contexts { active, behind, .. } = &mut self.data;
        let page = Page { offset, readable, writable, of_guest: request.mode.virt, leaves: leaves.pack() };
        if privilege != Privilege::Machine {
            behind.enter(&mut active.owner, request.va.0, page);
        }
        active.enter(request.va.0, host, leaves, readable, writable && !watched);
    }

    /// Where the bytes of an access go, when it may be misaligned or cross pages.
    fn resolve_bytes(&mut self, kind: AccessKind, access: Access, va: u64, bytes: u64) -> Result<[Target; 8], Stop> {
        self.access_address = va;
        if !self.config.misaligned {
            return Err(self.misaligned(kind, access, va));
        }
        let mut targets = [Target::Bus(Phys(0)); 8];
        for (at, target) in (0..bytes).zip(&mut targets) {
            *target = self.resolve(kind, access, va.wrapping_add(at), 1)?;
        }
        Ok(targets)
    }

    /// Loads, the long way.
    #[cold]
    pub fn load_slow(&mut self, kind: AccessKind, va: u64, bytes: u64) -> Result<u64, Stop> {
        if va & (bytes - 1) == 0 {
            self.access_address = va;
            let target = self.resolve(kind, Access::Load, va, bytes)?;
            return self.read_target(kind, target, va, bytes);
        }
        let targets = self.resolve_bytes(kind, Access::Load, va, bytes)?;
        let mut value = 0;
        for at in 0..bytes {
            let byte = self.read_target(kind, targets[at as usize & 7], va.wrapping_add(at), 1)?;
            value |= byte << (8 * at);
        }
        Ok(value)
    }

    /// Stores, the long way.
    #[cold]
    pub fn store_slow(&mut self, kind: AccessKind, va: u64, bytes: u64, value: u64) -> Result<(), Stop> {
        if va & (bytes - 1) == 0 {
            self.access_address = va;
            let target = self.resolve(kind, Access::Store, va, bytes)?;
            return self.write_target(kind, target, va, bytes, value);
        }
        let targets = self.resolve_bytes(kind, Access::Store, va, bytes)?;
        for at in 0..bytes {
            self.write_target(kind, targets[at as usize & 7], va.wrapping_add(at), 1, value >> (8 * at))?;
        }
        Ok(())
    }

    fn read_target(&mut self, kind: AccessKind, target: Target, va: u64, bytes: u64) -> Result<u64, Stop> {
        let value = match target {
            Target::Ram(offset) => read_ram(&self.ram, offset, bytes),
            Target::Bus(phys) => {
                let mut data = [0; 8];
                let read = self.bus.read(phys, &mut data[..bytes as usize]).ok();
                let value = u64::from_le_bytes(data);
                if self.tells(Kind::Mmio) && read.is_some() {
                    self.tell_device(phys, false, bytes, value);
                }
                read.map(|()| value)
            }
        };
        value.ok_or_else(|| self.refused(kind, Access::Load, va))
    }

    fn write_target(&mut self, kind: AccessKind, target: Target, va: u64, bytes: u64, value: u64) -> Result<(), Stop> {
        let written = match target {
            Target::Ram(offset) => write_ram(&self.ram, offset, bytes, value),
            Target::Bus(phys) => {
                // A device may have raised or dropped an interrupt of this hart.
                self.recheck_interrupts = true;
                // first told, then done: what the device does by itself comes behind
                if self.tells(Kind::Mmio) && self.bus.takes(phys, bytes as usize) {
                    self.tell_device(phys, true, bytes, value);
                }
                let written = self.write_device(phys, &value.to_le_bytes()[..bytes as usize]);
                self.refresh();
                written
            }
        };
        written.ok_or_else(|| self.refused(kind, Access::Store, va))
    }

    /// Where time goes by instructions, its own devices end a hart's quantum as all others do: what that does to time
    /// is not to change.
    fn write_device(&self, phys: Phys, data: &[u8]) -> Option<()> {
        let write = || self.bus.write(phys, data).ok();
        if self.clock.is_wall() { self.pins.looking_behind(write) } else { write() }
    }

    /// The address may not be misaligned.
    pub fn misaligned(&mut self, kind: AccessKind, access: Access, va: u64) -> Stop {
        let cause = match access {
            Access::Store => Exception::StoreAddressMisaligned,
            _ => Exception::LoadAddressMisaligned,
        };
        let gva = self.request(kind, access, va).mode.virt;
        self.raise(Trap { gva, ..Trap::new(cause, va) })
    }

    /// Nothing is at the physical address, or not what the access needs.
    pub fn refused(&mut self, kind: AccessKind, access: Access, va: u64) -> Stop {
        let request = self.request(kind, access, va);
        self.note_refusal(&request);
        self.raise(privileged::access_fault(&request))
    }
}

/// Reads 1, 2, 4 or 8 bytes of RAM at an offset that is aligned.
#[inline(always)]
pub fn read_ram(ram: &Ram, offset: u64, bytes: u64) -> Option<u64> {
    use std::sync::atomic::Ordering::Relaxed;
    Some(match bytes {
        1 => ram.cell_u8(offset)?.load(Relaxed).into(),
        2 => u16::from_le(ram.around_u16(offset)?.load(Relaxed)).into(),
        4 => u32::from_le(ram.around_u32(offset)?.load(Relaxed)).into(),
        _ => u64::from_le(ram.around_u64(offset)?.load(Relaxed)),
    })
}

/// Writes the low 1, 2, 4 or 8 bytes of `value` at an offset that is aligned. The page is not watched: translation saw
/// to it.
#[inline(always)]
pub fn write_ram(ram: &Ram, offset: u64, bytes: u64, value: u64) -> Option<()> {
    use std::sync::atomic::Ordering::Relaxed;
    match bytes {
        1 => ram.cell_u8(offset)?.store(value as u8, Relaxed),
        2 => ram.around_u16(offset)?.store((value as u16).to_le(), Relaxed),
        4 => ram.around_u32(offset)?.store((value as u32).to_le(), Relaxed),
        _ => ram.around_u64(offset)?.store(value.to_le(), Relaxed),
    }
    Some(())
}
