//! A vCPU as a hart that stands: what explanations and debuggers read.
//!
//! A guest's hart has S-mode and U-mode; its M-mode is the host. Its `s` registers are the host's `vs` registers, as
//! KVM shows them.

use arch::isa::{Extension, Isa};
use arch::naming::Paging;
use arch::{Mode, csr};
use kvm_ioctls::VcpuFd;
use privileged::{Config, State};
use vcpu::{Cpu, Snapshot};

use super::regs;
use crate::registers::{CSRS, Group, MODE, MODE_S, timer};

/// Copies a vCPU that is not inside `KVM_RUN`. What the kernel does not show reads as after reset.
pub fn snapshot(vcpu: &VcpuFd, cpu: &Cpu, hart: u32) -> Snapshot {
    let config = Config::new(isa(cpu), u64::from(hart));
    let mut state = State::reset(&config);
    let get = |group, index| regs::get(vcpu, group, index).unwrap_or(0);
    state.mode = if get(Group::Core, MODE) == MODE_S { Mode::HS } else { Mode::U };
    for (index, address) in CSRS.into_iter().enumerate() {
        put(&mut state, address, get(Group::Csr, index as u16));
    }
    (state.time, state.stimecmp) = (get(Group::Timer, timer::TIME), get(Group::Timer, timer::COMPARE));
    // The host hands on to a guest what a guest has a handler for.
    (state.medeleg, state.mideleg) = (u64::MAX, u64::MAX);
    let mut x = [0; 32];
    for (number, value) in x.iter_mut().enumerate().skip(1) {
        *value = get(Group::Core, number as u16);
    }
    let pc = get(Group::Core, 0);
    // what the hart waits for is its host's to know
    let (now, timer) = (state.time, Some(state.stimecmp).filter(|&at| at != u64::MAX));
    let (faults, origin, waits_since) = ([None; 4], None, None);
    let (builtin_firmware, is_guests) = (true, true);
    Snapshot { state, config, pc, x, faults, origin, builtin_firmware, is_guests, now, waits_since, timer }
}

/// Puts the value of a supervisor CSR where a machine with all modes keeps it.
fn put(state: &mut State, address: u16, value: u64) {
    let field = match address {
        csr::SSTATUS => &mut state.mstatus,
        csr::SIE => &mut state.mie,
        csr::STVEC => &mut state.s.tvec,
        csr::SSCRATCH => &mut state.s.scratch,
        csr::SEPC => &mut state.s.epc,
        csr::SCAUSE => &mut state.s.cause,
        csr::STVAL => &mut state.s.tval,
        csr::SIP => &mut state.mip,
        csr::SATP => &mut state.satp,
        csr::SCOUNTEREN => &mut state.scounteren,
        csr::SENVCFG => &mut state.senvcfg,
        _ => return,
    };
    *field = value;
}

/// The extensions that this program has a name for, and the paging that the guest may choose.
pub fn isa(cpu: &Cpu) -> Isa {
    let known = Extension::ALL.iter().filter(|known| cpu.extensions.contains(&known.name()));
    let isa = known.fold(Isa::BASE, |isa, known| isa.with(*known));
    match cpu.paging {
        Paging::Sv57 => isa.with(Extension::Sv57),
        Paging::Sv48 => isa.with(Extension::Sv48),
        _ => isa,
    }
    .closed()
}
