//! Fetching instructions.
//!
//! A fetch reads halfwords: an instruction of 32 bits may cross into a page that faults, and the fault names the
//! address of that halfword.

use arch::{Exception, Trap, Virt};
use events::Kind;
use privileged::Request;

use crate::blocks::decode;
use crate::core::Core;
use crate::instruction::Fetched;
use crate::tlb::LeafPages;

impl Core {
    /// RAM offset of the instruction at `pc`, if it can be fetched from RAM and the whole page may be executed.
    pub fn fetch_offset(&mut self) -> Option<u64> {
        self.fetch_offset_of(self.pc)
    }

    fn fetch_offset_of(&mut self, va: u64) -> Option<u64> {
        if let Some(offset) = self.code.active.page(va) {
            return Some(offset);
        }
        self.counts.fetch_misses += 1;
        let request = Request::for_fetch(&self.state, Virt(va));
        let found = self.translate(&request, 2).ok()?;
        let page = arch::Phys(found.phys.0 & !(arch::addr::PAGE_BYTES - 1));
        let uniform = privileged::pmp::region_uniform(&self.state, &self.config, page, arch::addr::PAGE_BYTES);
        let offset = self.ram.offset(found.phys, 2).filter(|_| uniform)?;
        self.code.active.enter_page(va, offset, LeafPages::of(&found));
        Some(offset)
    }

    /// Fetches and decodes the instruction at `pc`, from RAM or a device.
    ///
    /// # Errors
    /// The trap of the fetch, or of an illegal instruction.
    pub fn fetch(&mut self) -> Result<Fetched, Trap> {
        let pc = self.pc;
        let low = u32::from(self.fetch_half(pc)?);
        let (raw, len) = match arch::insn::fetch_len(low as u16) {
            2 => (low, 2),
            _ => (u32::from(self.fetch_half(pc.wrapping_add(2))?) << 16 | low, 4),
        };
        match decode(raw, len, &self.config.isa) {
            Some(insn) => Ok(Fetched { insn, pc, raw, len }),
            None => Err(Trap::new(Exception::IllegalInstruction, raw.into())),
        }
    }

    fn fetch_half(&mut self, va: u64) -> Result<u16, Trap> {
        if let Some(half) = self.fetch_offset_of(va).and_then(|offset| self.ram.load_u16(offset)) {
            return Ok(half);
        }
        let request = Request::for_fetch(&self.state, Virt(va));
        let found = self.translate(&request, 2)?;
        self.read_half(found.phys).ok_or_else(|| {
            self.note_refusal(&request);
            privileged::access_fault(&request)
        })
    }

    fn read_half(&mut self, at: arch::Phys) -> Option<u16> {
        if let Some(offset) = self.ram.offset(at, 2) {
            return self.ram.load_u16(offset);
        }
        let mut data = [0; 2];
        self.bus.read(at, &mut data).ok()?;
        if self.tells(Kind::Mmio) {
            self.note_place(self.pc, self.state.instret);
            self.tell_device(at, false, 2, u16::from_le_bytes(data).into());
        }
        Some(u16::from_le_bytes(data))
    }
}
