//! Registers of a vCPU by `KVM_GET_ONE_REG` and `KVM_SET_ONE_REG`: one, or all there are.

use std::io;

use kvm_ioctls::VcpuFd;

use super::sys;
use crate::registers::{Group, Register};

/// Bytes of the largest register, of 1 << 8 of them at most (a vector register of 2048 bits).
const LARGEST_BYTES: usize = 1 << 15;

/// Reads a register of 64 bits in the first subgroup.
pub fn get(vcpu: &VcpuFd, group: Group, index: u16) -> io::Result<u64> {
    read(vcpu, Register::of(group, index))
}

/// Reads a register of at most 64 bits.
pub fn read(vcpu: &VcpuFd, register: Register) -> io::Result<u64> {
    let mut bytes = [0; 8];
    vcpu.get_one_reg(register.id(), &mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// Writes a register of 64 bits in the first subgroup.
pub fn set(vcpu: &VcpuFd, group: Group, index: u16, value: u64) -> io::Result<()> {
    vcpu.set_one_reg(Register::of(group, index).id(), &value.to_le_bytes())?;
    Ok(())
}

/// The kernel's numbers of all registers there are. Kernels before 6.6 do not tell.
pub fn list(vcpu: &VcpuFd) -> io::Result<Vec<u64>> {
    sys::register_list(vcpu)
}

/// All of a vCPU that changes as it runs: numbers and bytes.
#[derive(Clone, Debug, Default)]
pub struct Whole(Vec<(u64, Vec<u8>)>);

impl Whole {
    /// What it is now.
    pub fn of(vcpu: &VcpuFd) -> io::Result<Whole> {
        let read = |id: u64| {
            let size = 1 << (id >> 52 & 0xf);
            let mut bytes = vec![0; usize::min(size, LARGEST_BYTES)];
            vcpu.get_one_reg(id, &mut bytes).map(|_| (id, bytes))
        };
        // What an extension that the guest has not got would remember cannot be read.
        Ok(Whole(list(vcpu)?.into_iter().filter(|&id| changes(id)).filter_map(|id| read(id).ok()).collect()))
    }

    /// How many registers that is.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Makes a vCPU so again. Answers the numbers that the kernel did not take.
    pub fn restore(&self, vcpu: &VcpuFd) -> Vec<u64> {
        // The kernel refuses to stop a timer that does not run.
        let is_so = |id: u64, bytes: &[u8]| {
            let mut now = vec![0; bytes.len()];
            vcpu.get_one_reg(id, &mut now).is_ok() && now == bytes
        };
        let refused = |(id, bytes): &&(u64, Vec<u8>)| vcpu.set_one_reg(*id, bytes).is_err() && !is_so(*id, bytes);
        self.0.iter().filter(refused).map(|(id, _)| *id).collect()
    }
}

/// Whether a register is one that running changes, not one that says what the vCPU is.
fn changes(id: u64) -> bool {
    let fixed = [Group::Config, Group::IsaExtension, Group::SbiExtension];
    Register::of_id(id).is_none_or(|register| !fixed.contains(&register.group))
}
