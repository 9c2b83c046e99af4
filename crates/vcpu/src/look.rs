//! A hart and its memory, looked at without an effect.

use arch::csr::atp;
use arch::{Mode, Phys, Virt};
use events::Look;
use memory::Ram;
use privileged::{Access, Config, PageMemory, Request, State, walk};

use crate::Snapshot;

/// Page tables in RAM that a walk does not change: what it would write is taken for written.
pub struct Frozen<'a>(pub &'a Ram);

impl PageMemory for Frozen<'_> {
    fn read_pte(&mut self, at: Phys) -> Option<u64> {
        self.0.load_u64(self.0.offset(at, 8)?)
    }

    fn update_pte(&mut self, at: Phys, _old: u64, _new: u64) -> Option<bool> {
        self.0.offset(at, 8).map(|_| true)
    }
}

/// A hart that stands still.
#[derive(Clone, Copy)]
pub struct Standing<'a> {
    /// The privileged state.
    pub state: &'a State,
    /// What the hart can do.
    pub config: &'a Config,
    /// The integer registers.
    pub x: &'a [u64; 32],
    /// Memory.
    pub ram: &'a Ram,
}

impl Snapshot {
    /// The hart as it stood.
    pub fn standing<'a>(&'a self, ram: &'a Ram) -> Standing<'a> {
        Standing { state: &self.state, config: &self.config, x: &self.x, ram }
    }
}

/// Loads look for a page in this unit: no page is smaller.
const PAGE: u64 = arch::addr::PAGE_BYTES;

impl Look for Standing<'_> {
    fn mode(&self) -> Mode {
        self.state.mode
    }

    fn vmid(&self) -> u16 {
        (self.state.hgatp >> atp::ID_SHIFT & ((1 << atp::VMID_BITS) - 1)) as u16
    }

    fn register(&self, number: u8) -> u64 {
        self.x[usize::from(number) % self.x.len()]
    }

    fn scratch(&self, virt: bool) -> u64 {
        if virt { self.state.vs.scratch } else { self.state.s.scratch }
    }

    fn space(&self, virt: bool) -> u64 {
        if virt { self.state.vsatp } else { self.state.satp }
    }

    fn read(&self, mode: Mode, at: Virt, into: &mut [u8]) -> Option<()> {
        let (mut at, mut rest) = (at.0, into);
        while !rest.is_empty() {
            let len = (PAGE - at % PAGE).min(rest.len() as u64);
            let (part, behind) = rest.split_at_mut(len as usize);
            let request = Request::in_mode(self.state, Access::Load, mode, Virt(at));
            let found = walk(self.state, self.config, &request, &mut Frozen(self.ram)).ok()?;
            self.ram.read_bytes(self.ram.offset(found.phys, len)?, part)?;
            (at, rest) = (at.wrapping_add(len), behind);
        }
        Some(())
    }
}
