//! The machine's own interrupts: those of devices that guests have. The first hart takes them.
//!
//! RISC-V Platform-Level Interrupt Controller Specification 1.0.0: "Interrupt Claim Process", "Interrupt Completion".

use arch::Phys;
use arch::csr::ip;
use cores::plic::{claim_at, enable_at, priority_at, threshold_at};
use spin::Once;

use crate::control::guests;
use crate::memory::own;
use crate::memory::physical::{read_register, write_register};
use crate::start::hart;

/// The controller, as the first hart knows it.
struct Plic {
    base: u64,
    context: usize,
}

static PLIC: Once<Plic> = Once::new();

impl Plic {
    fn read(&self, offset: u64) -> u32 {
        read_register(Phys(self.base + offset))
    }

    fn write(&self, offset: u64, value: u32) {
        write_register(Phys(self.base + offset), value);
    }
}

/// Lets the first hart be interrupted by a device; answers whether that can be.
pub fn enable(source: u32) -> bool {
    let Some(plic) = PLIC.get().or_else(init) else { return false };
    plic.write(priority_at(source), 1);
    let word = enable_at(plic.context, source);
    plic.write(word, plic.read(word) | 1 << (source % 32));
    true
}

/// Nothing is enabled, until a device is.
fn init() -> Option<&'static Plic> {
    let told = hart::board().plic.as_ref()?;
    let context = told.contexts.iter().position(|&hart| hart == Some(hart::this().id))?;
    own::map_device(told.base..told.base + claim_at(context) + 4);
    let plic = PLIC.call_once(|| Plic { base: told.base, context });
    (0..cores::plic::MAX_SOURCES).step_by(32).for_each(|source| plic.write(enable_at(context, source), 0));
    plic.write(threshold_at(context), 0);
    Some(plic)
}

/// The bit of `sie` and `sip` by which the hart that executes this is interrupted.
pub fn enabled() -> u64 {
    if PLIC.get().is_some() && hart::this().index == 0 { ip::SEIP } else { 0 }
}

/// Takes all that pend.
pub fn take() {
    let Some(plic) = PLIC.get() else { return };
    loop {
        match plic.read(claim_at(plic.context)) {
            0 => break,
            source => {
                guests::interrupted(source);
                plic.write(claim_at(plic.context), source);
            }
        }
    }
}
