//! Registers of a vCPU by `KVM_GET_ONE_REG` and `KVM_SET_ONE_REG`, and what they say about it.

use std::io;
use std::mem::offset_of;

use arch::csr::atp;
use arch::naming::{Paging, canonical_rank};
use kvm_bindings::{
    KVM_REG_RISCV, KVM_REG_RISCV_CONFIG, KVM_REG_RISCV_CORE, KVM_REG_RISCV_ISA_EXT, KVM_REG_RISCV_SBI_EXT,
    KVM_REG_RISCV_TIMER, KVM_REG_SIZE_U64, kvm_riscv_config, kvm_riscv_timer,
};
use kvm_ioctls::VcpuFd;
use vcpu::Cpu;

use crate::cpu::ISA_EXTENSIONS;

/// Index of `zicbop_block_size` in `struct kvm_riscv_config`; newer than kvm-bindings.
const ZICBOP_BLOCK_SIZE: usize = 7;

/// One register that user space may read or write.
#[derive(Clone, Copy)]
pub enum OneReg {
    /// `pc` at 0, then `x1` to `x31`.
    Core(u8),
    /// Word of `struct kvm_riscv_config`.
    Config(usize),
    /// Word of `struct kvm_riscv_timer`.
    Timer(usize),
    /// Whether the vCPU has the ISA extension of this number.
    IsaExtension(usize),
    /// Whether the vCPU has the SBI extension of this number.
    SbiExtension(usize),
}

impl OneReg {
    fn id(self) -> u64 {
        let (kind, index) = match self {
            OneReg::Core(number) => (KVM_REG_RISCV_CORE, usize::from(number)),
            OneReg::Config(index) => (KVM_REG_RISCV_CONFIG, index),
            OneReg::Timer(index) => (KVM_REG_RISCV_TIMER, index),
            OneReg::IsaExtension(number) => (KVM_REG_RISCV_ISA_EXT, number),
            OneReg::SbiExtension(number) => (KVM_REG_RISCV_SBI_EXT, number),
        };
        KVM_REG_RISCV as u64 | KVM_REG_SIZE_U64 | u64::from(kind) | index as u64
    }
}

/// Reads a register.
pub fn get(vcpu: &VcpuFd, reg: OneReg) -> io::Result<u64> {
    let mut bytes = [0; 8];
    vcpu.get_one_reg(reg.id(), &mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// Writes a register.
pub fn set(vcpu: &VcpuFd, reg: OneReg, value: u64) -> io::Result<()> {
    vcpu.set_one_reg(reg.id(), &value.to_le_bytes())?;
    Ok(())
}

/// Reads what the vCPU can do.
pub fn describe(vcpu: &VcpuFd) -> io::Result<Cpu> {
    let block = |index| get(vcpu, OneReg::Config(index)).ok().and_then(|bytes| u32::try_from(bytes).ok());
    Ok(Cpu {
        extensions: extensions(vcpu),
        timebase_hz: get(vcpu, OneReg::Timer(offset_of!(kvm_riscv_timer, frequency) / 8))?,
        cbom_bytes: block(offset_of!(kvm_riscv_config, zicbom_block_size) / 8),
        cboz_bytes: block(offset_of!(kvm_riscv_config, zicboz_block_size) / 8),
        cbop_bytes: block(ZICBOP_BLOCK_SIZE),
        paging: paging(vcpu),
        has_counters: false,
    })
}

/// Kernels before 6.5 have no such register; their guests get the mode that every host has.
fn paging(vcpu: &VcpuFd) -> Paging {
    let mode = get(vcpu, OneReg::Config(offset_of!(kvm_riscv_config, satp_mode) / 8)).unwrap_or(atp::SV39);
    Paging::from_satp(mode)
}

/// Every extension that the kernel knows and this vCPU has. Ssaia only means something with the in-kernel AIA.
fn extensions(vcpu: &VcpuFd) -> Vec<&'static str> {
    let has = |number| get(vcpu, OneReg::IsaExtension(number)).is_ok_and(|enabled| enabled != 0);
    let all = ISA_EXTENSIONS.iter().enumerate();
    let mut names: Vec<_> =
        all.filter(|(number, name)| **name != "ssaia" && has(*number)).map(|(_, name)| *name).collect();
    names.sort_by_key(|name| canonical_rank(name));
    names
}
