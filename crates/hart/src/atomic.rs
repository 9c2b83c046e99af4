//! AMOs, compare-and-swap, LR and SC on RAM; cache blocks.
//!
//! Atomics are for RAM only (PMAs: AMOArithmetic and RsrvEventual there, AMONone on devices).

use arch::{Exception, Phys, Trap};
use privileged::Access;
use semantics::{AmoOp, Width};

use crate::access::{By, Place, read_ram, write_ram};
use crate::core::{Core, NOT_RESERVED, Stop};

/// Bytes of a cache block (Zic64b).
pub const CACHE_BLOCK: u64 = 64;

impl Core {
    /// RAM offset of an atomic access. A misaligned one is an access fault where plain ones may be misaligned
    /// ("Misaligned Atomicity Granule": there is none), else an address-misaligned exception.
    fn atomic_offset(&mut self, access: Access, va: u64, bytes: u64) -> Result<u64, Stop> {
        self.access_address = va;
        if va & (bytes - 1) != 0 {
            return Err(match self.config.misaligned {
                true => self.refused(By::Ordinary, access, va),
                false => self.misaligned(By::Ordinary, access, va),
            });
        }
        match self.resolve(By::Ordinary, access, va, bytes)? {
            Place::Ram(offset) => Ok(offset),
            Place::Bus(_) => Err(self.refused(By::Ordinary, access, va)),
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
        use std::sync::atomic::Ordering::SeqCst;
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
        old.ok_or_else(|| self.refused(By::Ordinary, Access::Store, va))
    }

    /// Compares and swaps; answers what memory held.
    pub fn cas_at(&mut self, width: Width, va: u64, expected: [u64; 2], desired: [u64; 2]) -> Result<[u64; 2], Stop> {
        let offset = self.amo_offset(va, width.bytes())?;
        let part = width.bytes().min(8);
        let mask = if part == 4 { u64::from(u32::MAX) } else { u64::MAX };
        let wide = width == Width::B16;
        let low = read_ram(&self.ram, offset, part).unwrap_or_default();
        let high = if wide { read_ram(&self.ram, offset + 8, 8).unwrap_or_default() } else { 0 };
        if low == expected[0] & mask && (!wide || high == expected[1]) {
            // Harts take turns on one thread, so nobody comes between.
            write_ram(&self.ram, offset, part, desired[0]);
            if wide {
                write_ram(&self.ram, offset + 8, 8, desired[1]);
            }
        }
        Ok([low, high])
    }

    /// LR: reads and reserves.
    pub fn reserve_at(&mut self, width: Width, va: u64) -> Result<u64, Stop> {
        let offset = match self.readable(va, width.bytes()) {
            Some(offset) => offset,
            None => self.atomic_offset(Access::Load, va, width.bytes())?,
        };
        self.reservation = self.ram_on_host().wrapping_add(offset);
        Ok(read_ram(&self.ram, offset, width.bytes()).unwrap_or_default())
    }

    /// SC: writes if the reservation holds, and ends it. A fault is raised in either case.
    pub fn conditional_at(&mut self, width: Width, va: u64, value: u64) -> Result<bool, Stop> {
        let offset = self.amo_offset(va, width.bytes())?;
        let reserved = std::mem::replace(&mut self.reservation, NOT_RESERVED);
        let holds = reserved == self.ram_on_host().wrapping_add(offset);
        if holds {
            write_ram(&self.ram, offset, width.bytes(), value);
        }
        Ok(holds)
    }

    /// CBO.ZERO: zeroes the cache block of `va`.
    pub fn zero_block(&mut self, va: u64) -> Result<u64, Stop> {
        let start = va & !(CACHE_BLOCK - 1);
        if let Some(offset) = self.writable(start, 8) {
            (0..CACHE_BLOCK / 8).for_each(|word| _ = write_ram(&self.ram, offset + 8 * word, 8, 0));
            return Ok(start);
        }
        self.access_address = start;
        match self.resolve(By::Ordinary, Access::Store, start, CACHE_BLOCK)? {
            Place::Ram(offset) => {
                self.ram.write_bytes(offset, &[0; CACHE_BLOCK as usize]);
                Ok(start)
            }
            Place::Bus(_) => Err(self.refused(By::Ordinary, Access::Store, start)),
        }
    }

    /// CBO.CLEAN, CBO.FLUSH and CBO.INVAL: nothing but the permission to read; faults are those of a store.
    ///
    /// CMO extensions, "Page Fault, Guest-Page Fault, and Access Fault Exceptions".
    pub fn manage_block(&mut self, va: u64) -> Result<(), Stop> {
        self.access_address = va;
        let request = self.request(By::Ordinary, Access::Load, va);
        let there = self.translate(&request, 1).and_then(|found| self.exists(found.phys, &request));
        there.map_err(|trap| self.raise(Trap { cause: as_store(trap.cause), ..trap }))
    }

    fn exists(&self, at: Phys, request: &privileged::Request) -> Result<(), Trap> {
        let there = self.ram.offset(at, 1).is_some() || self.bus.name_at(at).is_some();
        if there { Ok(()) } else { Err(privileged::access_fault(request)) }
    }
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
