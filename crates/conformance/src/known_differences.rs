//! The differences between Spike and vhart that the manual permits, recognised one by one.
//!
//! `differences.md` argues each, under the name given here.

use ::privileged::{Config, State};
use arch::{Exception, csr};
use hart::Hart;
use vcpu::{Reg, Vcpu};

use crate::commit::Commit;

/// A difference that is known, and how to make ours go on as theirs did.
#[derive(Clone, Debug)]
pub struct KnownDifference {
    /// Its heading in `differences.md`.
    pub name: &'static str,
    /// Integer registers to be changed.
    pub registers: Vec<(u8, u64)>,
    /// A CSR to be changed, so that what reads it later does not differ again.
    pub csr: Option<(u16, u64)>,
}

impl KnownDifference {
    /// Makes ours go on as theirs did.
    pub fn apply(&self, hart: &mut Hart, config: &Config) {
        self.registers.iter().for_each(|&(register, value)| hart.set_reg(Reg::X(register), value));
        if let Some((address, value)) = self.csr {
            // it was read just now, so it can be written
            let _ = ::privileged::csr::write(hart.state_mut(), config, address, value);
        }
    }
}

/// The argued difference that explains why an instruction did not do the same, if there is one.
pub fn recognise(theirs: &Commit, ours: &Commit, state: &State) -> Option<KnownDifference> {
    overflow_in_machine_mode(theirs, ours, state)
        .or_else(|| block_of_faulting_zero(theirs, ours, state))
        .or_else(|| top_without_hip(theirs, ours, state))
}

/// The CSR that an instruction accesses, if it is one that does.
fn accessed(commit: &Commit) -> Option<u16> {
    (commit.raw & 0x7f == 0x73 && commit.raw & 0x7000 != 0).then_some((commit.raw >> 20) as u16)
}

/// Where Spike reads the base of a cache block, as it would after a CBO.ZERO that faulted: the bits that it may lack.
///
/// `cause` is `xcause` of the handler.
pub(crate) fn may_be_block(commit: &Commit, cause: u64) -> Option<u64> {
    const IN_BLOCK: u64 = 63;
    const STORES: [Exception; 3] =
        [Exception::StoreAccessFault, Exception::StorePageFault, Exception::StoreGuestPageFault];
    let within = match accessed(commit)? {
        csr::MTVAL | csr::STVAL | csr::VSTVAL => IN_BLOCK,
        // guest-physical addresses, shifted right by 2
        csr::MTVAL2 | csr::HTVAL if cause == Exception::StoreGuestPageFault as u64 => IN_BLOCK >> 2,
        _ => return None,
    };
    let &[(_, value)] = &commit.x[..] else { return None };
    (STORES.iter().any(|&store| store as u64 == cause) && value & within == 0).then_some(within)
}

/// The cause that belongs to what a register says of an address.
fn cause_beside(register: u16, state: &State) -> u64 {
    match register {
        csr::MTVAL | csr::MTVAL2 => state.m.cause,
        csr::STVAL if state.mode.virt => state.vs.cause,
        csr::STVAL | csr::HTVAL => state.s.cause,
        _ => state.vs.cause,
    }
}

/// Spike tells the base of the block where a CBO.ZERO faults, not the address in its register.
fn block_of_faulting_zero(theirs: &Commit, ours: &Commit, state: &State) -> Option<KnownDifference> {
    let same_place = (ours.pc, ours.raw, ours.privilege) == (theirs.pc, theirs.raw, theirs.privilege);
    let (&[(register, own)], address) = (&ours.x[..], accessed(theirs)?) else { return None };
    let within = may_be_block(theirs, cause_beside(address, state))?;
    let value = own & !within;
    (same_place && theirs.csrs.is_empty() && theirs.x == [(register, value)]).then(|| KnownDifference {
        name: "cbo-zero-tval",
        registers: theirs.x.clone(),
        csr: Some((address, value)),
    })
}

/// Spike lets `mcounteren` hide bits of `scountovf` from M-mode too.
fn overflow_in_machine_mode(theirs: &Commit, ours: &Commit, state: &State) -> Option<KnownDifference> {
    let same_place = (ours.pc, ours.raw, ours.privilege) == (theirs.pc, theirs.raw, 3);
    let [(register, own)] = ours.x[..] else { return None };
    let is_read = theirs.raw & 0x7f == 0x73 && theirs.raw >> 20 == u32::from(arch::csr::SCOUNTOVF);
    let explained = theirs.x == [(register, own & state.mcounteren)];
    (same_place && is_read && explained).then(|| KnownDifference {
        name: "scountovf-in-machine-mode",
        registers: theirs.x.clone(),
        csr: None,
    })
}

/// Whether an instruction reads `stopi` of HS-mode.
pub(crate) fn reads_top(commit: &Commit) -> bool {
    accessed(commit) == Some(csr::STOPI)
}

/// Spike leaves out of `stopi` what `hip` and `hie` have.
fn top_without_hip(theirs: &Commit, ours: &Commit, state: &State) -> Option<KnownDifference> {
    const IID_AND_PRIORITY_1: u64 = csr::topi::IID | 1;
    let same_place = (ours.pc, ours.raw, ours.privilege) == (theirs.pc, theirs.raw, theirs.privilege);
    let (&[(register, own)], &[(_, value)]) = (&ours.x[..], &theirs.x[..]) else { return None };
    let of_hip = csr::ip::HYPERVISOR >> (own >> csr::topi::IID_SHIFT) & 1 != 0;
    // the lowest of all but counter overflow, which no other of S-mode's is behind
    let is_behind = value == 0 || value >> csr::topi::IID_SHIFT == u64::from(csr::ip::LCOFIP.trailing_zeros());
    let explained = reads_top(theirs) && !state.mode.virt && of_hip && is_behind && value & !IID_AND_PRIORITY_1 == 0;
    (same_place && explained).then(|| KnownDifference {
        name: "stopi-without-hip",
        registers: vec![(register, value)],
        csr: None,
    })
}
