//! Compressed instructions: what each expands to.

use crate::isa::Isa;

/// Bytes of the instruction whose first halfword is `raw`: 4 where its two low bits are ones, else 2.
#[inline(always)]
pub const fn fetch_len(raw: u16) -> u64 {
    if raw & 3 == 3 { 4 } else { 2 }
}

/// The 32-bit instruction that a compressed one stands for; `None` where it is illegal on a machine with `isa`.
pub fn expand(raw: u16, isa: &Isa) -> Option<u32> {
    let _ = (raw, isa);
    None
}
