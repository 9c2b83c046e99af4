//! What a guest finds of the machine: which traps are its own, which counters and extensions it sees.
//!
//! H extension, "Hypervisor Trap Delegation (`hedeleg` and `hideleg`) Registers", "Hypervisor Counter-Enable
//! (`hcounteren`) Register", "Hypervisor Environment Configuration Register (`henvcfg`)"; "Smstateen/Ssstateen
//! Extensions".

use arch::csr::{counteren, envcfg, ip, stateen};
use arch::{Exception, csr as registers};

use spin::Once;

use crate::interrupts::controller::Aia;
use crate::start::{csr, hart};

// ANCHOR: delegated
/// The exceptions that a guest handles itself, each because it is of the guest's own making: its programs' calls and
/// faults, in its own page tables and instructions. Guest-page faults and calls out of VS-mode are the hypervisor's;
/// access faults come to it first, for only it knows whether the guest's address had memory; so do virtual-instruction
/// exceptions, which are no exceptions of the guest's.
const DELEGATED: [Exception; 9] = [
    Exception::InstructionAddressMisaligned,
    Exception::IllegalInstruction,
    Exception::Breakpoint,
    Exception::LoadAddressMisaligned,
    Exception::StoreAddressMisaligned,
    Exception::EcallFromU,
    Exception::InstructionPageFault,
    Exception::LoadPageFault,
    Exception::StorePageFault,
];
// ANCHOR_END: delegated

/// Time, and the two counters that count for whoever runs, until a guest has them count for itself (`sbi::pmu`).
/// Programmable ones would tell of other guests.
pub const COUNTERS: u64 = counteren::CY | counteren::TM | counteren::IR;

/// Sets what is the same for every guest, on the hart that executes this.
pub fn set_up() {
    let board = hart::board();
    let if_has = |extension: &str, bits: u64| if board.has(extension) { bits } else { 0 };
    csr::write::<{ registers::HEDELEG }>(DELEGATED.iter().fold(0, |bits, &exception| bits | 1 << exception as u8));
    // VS-level interrupts are the guest's; those of the hypervisor's own come while the guest runs, and leave it.
    csr::write::<{ registers::HIDELEG }>(ip::VIRTUAL);
    let environment = if_has("sstc", envcfg::STCE)
        | if_has("svpbmt", envcfg::PBMTE)
        | if_has("zicboz", envcfg::CBZE)
        // "01 [...] flush": a guest must not uncover what another had written.
        | if_has("zicbom", envcfg::CBCFE | 1 << envcfg::CBIE_SHIFT)
        // Where only Svadu is named, a guest expects A and D to be set for it.
        | if board.has("svade") { 0 } else { if_has("svadu", envcfg::ADUE) };
    csr::write::<{ registers::HENVCFG }>(environment);
    csr::write::<{ registers::HVIP }>(0);
    csr::write::<{ registers::HGEIE }>(0);
    if board.has("ssaia") {
        // No interrupt but those of `hvip` and `hgeip`, all with their default priorities.
        csr::write::<{ registers::HVIEN }>(0);
        csr::write::<{ registers::HVICTL }>(0);
        csr::write::<{ registers::HVIPRIO1 }>(0);
        csr::write::<{ registers::HVIPRIO2 }>(0);
    }
}

/// Sets what differs: whether the guest that is to run has an IMSIC, and what it has selected with `siselect`.
pub fn enable(aia: Aia, selected: u64) {
    let board = hart::board();
    if has_indirect() {
        csr::write::<{ registers::VSISELECT }>(selected);
    }
    if board.has("smstateen") || board.has("ssstateen") {
        let imsic = stateen::AIA | stateen::IMSIC | stateen::CSRIND;
        // `senvcfg` is a guest's own; `sstateen0` is not offered.
        csr::write::<{ registers::HSTATEEN0 }>(stateen::ENVCFG | if aia == Aia::AplicImsic { imsic } else { 0 });
    }
}

/// What it has selected.
pub fn selected() -> u64 {
    if has_indirect() { csr::read::<{ registers::VSISELECT }>() } else { 0 }
}

/// Whether there are registers that are reached indirectly.
fn has_indirect() -> bool {
    static HAS: Once<bool> = Once::new();
    *HAS.call_once(|| ["ssaia", "sscsrind"].iter().any(|name| hart::board().has(name)))
}
