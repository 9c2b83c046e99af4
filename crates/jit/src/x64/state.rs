//! Where generated code finds the hart's state.

use std::mem::offset_of;

use hart::engine::{CodePage, Contexts, Core, DataEntry, DataTable, Generated, JumpEntry, JumpTable};

use super::asm::{RBP, Reg, Rm};

/// Guest registers that live in host registers: a0 to a5, s0, sp and ra.
pub const MAPPED: [(u8, Reg); 9] = [(10, 3), (11, 6), (12, 7), (13, 8), (14, 9), (15, 10), (8, 11), (2, 13), (1, 14)];
/// Floating-point registers that SSE registers hold a copy of, while generated floating point may run: fa0 to fa7, fs0,
/// fs1 and ft0 to ft2. Memory is written with them, so there is nothing to spill.
pub const F_MAPPED: [(u8, Reg); 13] = [
    (10, 3),
    (11, 4),
    (12, 5),
    (13, 6),
    (14, 7),
    (15, 8),
    (16, 9),
    (17, 10),
    (8, 11),
    (9, 12),
    (0, 13),
    (1, 14),
    (2, 15),
];
/// The entries of the active data table.
pub const TABLE: Reg = 12;
/// What is left of the quantum.
pub const BUDGET: Reg = 15;

const fn homes(mapped: &[(u8, Reg)]) -> [Option<Reg>; 32] {
    let mut homes = [None; 32];
    let mut at = 0;
    while at < mapped.len() {
        homes[mapped[at].0 as usize] = Some(mapped[at].1);
        at += 1;
    }
    homes
}

const HOMES: [Option<Reg>; 32] = homes(&MAPPED);
const F_HOMES: [Option<Reg>; 32] = homes(&F_MAPPED);

/// The host register where a guest register lives.
pub fn home(x: u8) -> Option<Reg> {
    HOMES[usize::from(x & 31)]
}

/// The SSE register that holds a copy of a floating-point register.
pub fn f_home(f: u8) -> Option<Reg> {
    F_HOMES[usize::from(f & 31)]
}

/// rbp points this far into the integer registers: all of them are then in reach of a signed byte.
pub const BIAS: usize = 128;

/// A field of the core by its offset.
const fn core(offset: usize) -> Rm {
    Rm::M(RBP, offset as i32 - offset_of!(Core, x) as i32 - BIAS as i32)
}

/// Memory of an integer register.
pub fn x_slot(x: u8) -> Rm {
    core(offset_of!(Core, x) + usize::from(x & 31) * 8)
}

/// Memory of a floating-point register.
pub fn f_slot(f: u8) -> Rm {
    core(offset_of!(Core, f) + usize::from(f & 31) * 8)
}

/// The upper half of a floating-point register.
pub fn f_slot_high(f: u8) -> Rm {
    core(offset_of!(Core, f) + usize::from(f & 31) * 8 + 4)
}

/// The upper 16 bits of its lower half.
pub fn f_slot_upper_word(f: u8) -> Rm {
    core(offset_of!(Core, f) + usize::from(f & 31) * 8 + 2)
}

/// Address of the next instruction.
pub const PC: Rm = core(offset_of!(Core, pc));
/// Where LR reserved.
pub const RESERVATION: Rm = core(offset_of!(Core, reservation));
/// What LR read.
pub const RESERVED: Rm = core(offset_of!(Core, reserved));
/// Where r15 is kept outside.
pub const LEFT: Rm = core(offset_of!(Core, generated) + offset_of!(Generated, left));
/// Whether floating point may run as generated.
pub const FP_READY: Rm = core(offset_of!(Core, generated) + offset_of!(Generated, fp_ready));
/// Whether floating point may have raised flags that `fflags` does not have yet.
pub const FP_RAISES: Rm = core(offset_of!(Core, generated) + offset_of!(Generated, fp_raises));
/// Whether CBO.ZERO may run as generated.
pub const CBO_ZERO_READY: Rm = core(offset_of!(Core, generated) + offset_of!(Generated, cbo_zero_ready));
/// The mode's number.
pub const MODE: Rm = core(offset_of!(Core, generated) + offset_of!(Generated, mode));
/// Whether the mode is HS-mode with nothing withheld.
pub const OPEN: Rm = core(offset_of!(Core, generated) + offset_of!(Generated, open));
/// Whether an interrupt waits to be let in.
pub const INTERRUPT_WAITS: Rm = core(offset_of!(Core, generated) + offset_of!(Generated, interrupt_waits));

/// A word of the privileged state by its offset.
pub const fn privileged(offset: usize) -> Rm {
    core(offset_of!(Core, state) + offset)
}

/// The pointer to the entries of the active data table.
pub const DATA_ENTRIES: Rm =
    core(offset_of!(Core, data) + offset_of!(Contexts<DataTable>, active) + offset_of!(DataTable, entries));
/// The pointer to the entries of the active jump table.
pub const JUMP_ENTRIES: Rm =
    core(offset_of!(Core, code) + offset_of!(Contexts<JumpTable>, active) + offset_of!(JumpTable, entries));

/// The pointer to the pages of the active jump table.
pub const CODE_PAGES: Rm =
    core(offset_of!(Core, code) + offset_of!(Contexts<JumpTable>, active) + offset_of!(JumpTable, pages));

/// Offsets in a page of the jump table.
pub mod code_page {
    use super::*;
    pub const START: i32 = offset_of!(CodePage, start) as i32;
    pub const OFFSET: i32 = offset_of!(CodePage, offset) as i32;
    pub const BYTES: i32 = size_of::<CodePage>() as i32;
}

/// Offsets in an entry of the data table.
pub mod data {
    use super::*;
    pub const READ: i32 = offset_of!(DataEntry, read) as i32;
    pub const WRITE: i32 = offset_of!(DataEntry, write) as i32;
    pub const ADDEND: i32 = offset_of!(DataEntry, addend) as i32;
    /// Log2 of an entry's size.
    pub const SHIFT: u32 = size_of::<DataEntry>().trailing_zeros();
    const _: () = assert!(size_of::<DataEntry>().is_power_of_two());
    const _: () = assert!(hart::engine::DATA_ENTRIES.is_power_of_two());
    /// An index in bytes, of an address shifted right by 12 - SHIFT.
    pub const MASK: i32 = ((hart::engine::DATA_ENTRIES - 1) << SHIFT) as i32;
}

/// Offsets in an entry of the jump table.
pub mod jump {
    use super::*;
    pub const VA: i32 = offset_of!(JumpEntry, va) as i32;
    pub const TARGET: i32 = offset_of!(JumpEntry, target) as i32;
    const SHIFT: u32 = size_of::<JumpEntry>().trailing_zeros();
    const _: () = assert!(size_of::<JumpEntry>().is_power_of_two());
    const _: () = assert!(hart::engine::JUMP_ENTRIES.is_power_of_two());
    /// The bits of an address that choose the entry.
    pub const MASK: i32 = ((hart::engine::JUMP_ENTRIES - 1) << 1) as i32;
    /// How far an address is shifted right to be mixed into itself.
    pub const MIX: u8 = hart::engine::JUMP_MIX as u8;
    /// What tells the entry from the one beside it, in these bits.
    pub const BESIDE: i32 = (hart::engine::BESIDE << 1) as i32;
    /// How far they are shifted left to an index in bytes.
    pub const LEFT: u8 = (SHIFT - 1) as u8;

    /// Where the entry of an address is, in bytes from the first.
    pub fn offset_of_entry(va: u64) -> i32 {
        (hart::engine::jump_index(va) << SHIFT) as i32
    }
}
