//! What a hart can do, as its device-tree node says.

use arch::naming::{self, Paging};
use arch::{Extension, Isa};

use crate::TIMEBASE_HZ;

/// Bytes of a cache block (Zic64b).
const CACHE_BLOCK_BYTES: u32 = 64;

/// A hart as its device-tree node describes it: a kernel must be told of nothing that the hart has not got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cpu {
    /// `riscv,isa-extensions`: names in lower case, in canonical order. They may be more than this machine's own harts
    /// know.
    pub extensions: Vec<&'static str>,
    /// `mmu-type`.
    pub paging: Paging,
    /// Frequency of the `time` CSR in Hz.
    pub timebase_hz: u64,
    /// `riscv,cbom-block-size`, if the hart has Zicbom.
    pub cbom_bytes: Option<u32>,
    /// `riscv,cboz-block-size`, if the hart has Zicboz.
    pub cboz_bytes: Option<u32>,
    /// `riscv,cbop-block-size`, if the hart has Zicbop.
    pub cbop_bytes: Option<u32>,
    /// Whether a firmware in M-mode finds programmable counters.
    pub has_counters: bool,
}

impl Cpu {
    /// A hart of this machine's own, with this ISA.
    pub fn of_isa(isa: Isa) -> Self {
        let block = |extension| isa.has(extension).then_some(CACHE_BLOCK_BYTES);
        Cpu {
            extensions: isa.names().collect(),
            paging: isa.paging(),
            timebase_hz: TIMEBASE_HZ,
            cbom_bytes: block(Extension::Zicbom),
            cboz_bytes: block(Extension::Zicboz),
            cbop_bytes: block(Extension::Zicbop),
            has_counters: isa.has(Extension::Zihpm),
        }
    }

    /// `riscv,isa`.
    pub fn isa_string(&self) -> String {
        naming::isa_string(self.extensions.iter().copied()).to_string()
    }
}
