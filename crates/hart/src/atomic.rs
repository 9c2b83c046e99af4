//! AMOs, compare-and-swap, LR and SC on RAM; cache blocks.
//!
//! Atomics are for RAM only (PMAs: AMOArithmetic and RsrvEventual there, AMONone on devices).

use std::sync::atomic::Ordering::SeqCst;

use arch::{Exception, Phys, Trap};
use memory::Ram;
use privileged::Access;
use semantics::{AmoOp, Width};

use crate::access::{AccessKind, Target, read_ram, write_ram};
use crate::core::{Core, NOT_RESERVED, RESERVED_WIDE, Stop};

/// Bytes of a cache block (Zic64b).
pub const CACHE_BLOCK: u64 = 64;

impl Core {
    /// RAM offset of an atomic access. A misaligned one is an access fault where plain ones may be misaligned
    /// ("Misaligned Atomicity Granule": there is none), else an address-misaligned exception.
    fn atomic_offset(&mut self, access: Access, va: u64, bytes: u64) -> Result<u64, Stop> {
        self.access_address = va;
        if va & (bytes - 1) != 0 {
            return Err(match self.config.misaligned {
                true => self.refused(AccessKind::Ordinary, access, va),
                false => self.misaligned(AccessKind::Ordinary, access, va),
            });
        }
        match self.resolve(AccessKind::Ordinary, access, va, bytes)? {
            Target::Ram(offset) => Ok(offset),
            Target::Bus(_) => Err(self.refused(AccessKind::Ordinary, access, va)),
        }
    }

    /// RAM offset of an AMO or SC: by the data table where it has the page.
    #[inline]
    fn amo_offset(&mut self, va: u64, bytes: u64) -> Result<u64, Stop> {
        match self.writable(va, bytes) {
            Some(offset) => Ok(offset),
            None => self.atomic_offset(Access::Store, va, bytes),
        }
    }

    /// Applies `op` at `va` and answers the old value, zero-extended.
    pub fn amo_at(&mut self, width: Width, op: AmoOp, va: u64, operand: u64) -> Result<u64, Stop> {
        let offset = self.amo_offset(va, width.bytes())?;
        let old = match width {
            Width::B4 => self.ram.cell_u32(offset).map(|cell| {
                let new = |old: u32| Some((combine32(op, u32::from_le(old), operand as u32)).to_le());
                u64::from(u32::from_le(cell.fetch_update(SeqCst, SeqCst, new).unwrap_or_default()))
            }),
            _ => self.ram.cell_u64(offset).map(|cell| {
                let new = |old: u64| Some(combine64(op, u64::from_le(old), operand).to_le());
                u64::from_le(cell.fetch_update(SeqCst, SeqCst, new).unwrap_or_default())
            }),
        };
        old.ok_or_else(|| self.refused(AccessKind::Ordinary, Access::Store, va))
    }

    /// Compares and swaps; answers what memory held.
    pub fn cas_at(&mut self, width: Width, va: u64, expected: [u64; 2], desired: [u64; 2]) -> Result<[u64; 2], Stop> {
        let offset = self.amo_offset(va, width.bytes())?;
        let ram = &self.ram;
        let old = match width {
            Width::B4 => exchange32(ram, offset, expected[0] as u32, desired[0] as u32).map(|old| [old.into(), 0]),
            Width::B16 => exchange128(ram, offset, expected, desired),
            _ => exchange64(ram, offset, expected[0], desired[0]).map(|old| [old, 0]),
        };
        old.ok_or_else(|| self.refused(AccessKind::Ordinary, Access::Store, va))
    }

    /// LR: reads and reserves.
    pub fn reserve_at(&mut self, width: Width, va: u64) -> Result<u64, Stop> {
        let offset = match self.readable(va, width.bytes()) {
            Some(offset) => offset,
            None => self.atomic_offset(Access::Load, va, width.bytes())?,
        };
        std::sync::atomic::fence(SeqCst);
        let value = read_ram(&self.ram, offset, width.bytes()).unwrap_or_default();
        std::sync::atomic::fence(SeqCst);
        self.reservation = self.ram_on_host().wrapping_add(offset) | reserved_width(width);
        self.reserved = value;
        Ok(value)
    }

    /// SC: writes if the reservation holds, and ends it. A fault is raised in either case.
    ///
    /// It holds while memory holds what LR read. That another hart wrote something else and the same again in between
    /// is not seen; a program whose LR and SC are in one sequence, as "Eventual Success of Store-Conditional
    /// Instructions" wants them, cannot tell.
    pub fn conditional_at(&mut self, width: Width, va: u64, value: u64) -> Result<bool, Stop> {
        let offset = self.amo_offset(va, width.bytes())?;
        let reservation = std::mem::replace(&mut self.reservation, NOT_RESERVED);
        let wide = reservation & RESERVED_WIDE != 0;
        if reservation & !RESERVED_WIDE != self.ram_on_host().wrapping_add(offset) {
            return Ok(false);
        }
        let ram = &self.ram;
        // Its own stores do not end a hart's reservation; where there are others, one that changes what LR read does,
        // as an SC may fail.
        let reserved = match self.others.alone {
            true => read_ram(ram, offset, width.bytes()).unwrap_or_default(),
            false => self.reserved,
        };
        let written = match width {
            Width::B4 => exchange32(ram, offset, reserved as u32, value as u32).map(|old| old == reserved as u32),
            _ if wide => exchange64(ram, offset, reserved, value).map(|old| old == reserved),
            // of what it writes, LR has read the lower half
            _ => read_ram(ram, offset, 8)
                .filter(|&now| now as u32 == reserved as u32)
                .and_then(|now| exchange64(ram, offset, now, value).map(|old| old == now)),
        };
        Ok(written.unwrap_or(false))
    }

    /// CBO.ZERO: zeroes the cache block of `va`.
    pub fn zero_block(&mut self, va: u64) -> Result<u64, Stop> {
        let start = va & !(CACHE_BLOCK - 1);
        if let Some(offset) = self.writable(start, 8) {
            (0..CACHE_BLOCK / 8).for_each(|word| _ = write_ram(&self.ram, offset + 8 * word, 8, 0));
            return Ok(start);
        }
        // CMO extensions, "Page Fault, Guest-Page Fault, and Access Fault Exceptions": "the faulting virtual address is
        // considered to be the value in rs1, rather than the base address of the cache block".
        self.access_address = va;
        match self.resolve(AccessKind::Ordinary, Access::Store, va, 1)? {
            Target::Ram(offset) if self.may_zero(offset & !(CACHE_BLOCK - 1), va) => {
                self.ram.write_bytes(offset & !(CACHE_BLOCK - 1), &[0; CACHE_BLOCK as usize]);
                Ok(start)
            }
            _ => Err(self.refused(AccessKind::Ordinary, Access::Store, va)),
        }
    }

    /// Whether PMP lets a store to `va` write to all of the cache block at this offset of RAM.
    fn may_zero(&self, offset: u64, va: u64) -> bool {
        let request = self.request(AccessKind::Ordinary, Access::Store, va);
        let block = Phys(self.ram.base().0.wrapping_add(offset));
        privileged::pmp::check(&self.state, &self.config, block, CACHE_BLOCK, Access::Store, request.mode.privilege)
    }

    /// CBO.CLEAN, CBO.FLUSH and CBO.INVAL: nothing but the permission to read; faults are those of a store.
    ///
    /// CMO extensions, "Page Fault, Guest-Page Fault, and Access Fault Exceptions".
    pub fn manage_block(&mut self, va: u64) -> Result<(), Stop> {
        self.access_address = va;
        let request = self.request(AccessKind::Ordinary, Access::Load, va);
        let there = self.translate(&request, 1).and_then(|found| self.exists(found.phys, &request));
        let there = there.inspect_err(|_| self.note_refusal(&request));
        there.map_err(|trap| self.raise(Trap { cause: as_store(trap.cause), ..trap }))
    }

    fn exists(&self, at: Phys, request: &privileged::Request) -> Result<(), Trap> {
        let there = self.ram.offset(at, 1).is_some() || self.bus.has(at);
        if there { Ok(()) } else { Err(privileged::access_fault(request)) }
    }
}

/// What [`Core::reservation`] has beside the address after an LR of this width.
pub const fn reserved_width(width: Width) -> u64 {
    if width.bytes() == 8 { RESERVED_WIDE } else { 0 }
}

/// Compares and exchanges; answers what was there, or `None` outside RAM.
fn exchange32(ram: &Ram, offset: u64, expected: u32, desired: u32) -> Option<u32> {
    let exchanged = ram.cell_u32(offset)?.compare_exchange(expected.to_le(), desired.to_le(), SeqCst, SeqCst);
    Some(u32::from_le(exchanged.unwrap_or_else(|old| old)))
}

/// As [`exchange32`].
fn exchange64(ram: &Ram, offset: u64, expected: u64, desired: u64) -> Option<u64> {
    let exchanged = ram.cell_u64(offset)?.compare_exchange(expected.to_le(), desired.to_le(), SeqCst, SeqCst);
    Some(u64::from_le(exchanged.unwrap_or_else(|old| old)))
}

/// As [`exchange32`]; the words are low and high.
fn exchange128(ram: &Ram, offset: u64, expected: [u64; 2], desired: [u64; 2]) -> Option<[u64; 2]> {
    let joined = |[low, high]: [u64; 2]| (u128::from(high) << 64 | u128::from(low)).to_le();
    let exchanged = ram.cell_u128(offset)?.compare_exchange(joined(expected), joined(desired), SeqCst, SeqCst);
    let old = u128::from_le(exchanged.unwrap_or_else(|old| old));
    Some([old as u64, (old >> 64) as u64])
}

/// The exception of a store that fails as this load did.
const fn as_store(cause: Exception) -> Exception {
    match cause {
        Exception::LoadAccessFault => Exception::StoreAccessFault,
        Exception::LoadPageFault => Exception::StorePageFault,
        Exception::LoadGuestPageFault => Exception::StoreGuestPageFault,
        other => other,
    }
}

macro_rules! combine {
    ($name:ident $unsigned:ident $signed:ident) => {
        pub fn $name(op: AmoOp, old: $unsigned, operand: $unsigned) -> $unsigned {
            match op {
                AmoOp::Swap => operand,
                AmoOp::Add => old.wrapping_add(operand),
                AmoOp::Xor => old ^ operand,
                AmoOp::And => old & operand,
                AmoOp::Or => old | operand,
                AmoOp::Min => (old as $signed).min(operand as $signed) as $unsigned,
                AmoOp::Max => (old as $signed).max(operand as $signed) as $unsigned,
                AmoOp::Minu => old.min(operand),
                AmoOp::Maxu => old.max(operand),
            }
        }
    };
}
combine!(combine32 u32 i32);
combine!(combine64 u64 i64);
