//! Registers of a vCPU as the kernel numbers them, and their names.
//!
//! Linux, Documentation/virt/kvm/api.rst, `KVM_SET_ONE_REG`, "RISC-V registers": bits 63-56 name the architecture,
//! 55-52 the size, 31-24 the group, and what is below that depends on the group.

use arch::csr;

use crate::names::{ISA_EXTENSIONS, SBI_EXTENSIONS};

/// Groups of registers: `KVM_REG_RISCV_CONFIG` and its like, shifted down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// Words of `struct kvm_riscv_config`.
    Config = 1,
    /// `pc`, `x1` to `x31`, the mode.
    Core,
    /// Supervisor CSRs; AIA's and Smstateen's in subgroups.
    Csr,
    /// Words of `struct kvm_riscv_timer`.
    Timer,
    /// `f0` to `f31` and `fcsr`, of 32 bits.
    FpF,
    /// `f0` to `f31` of 64 bits, and `fcsr`.
    FpD,
    /// Whether the vCPU has an ISA extension.
    IsaExtension,
    /// Whether the vCPU has an SBI extension.
    SbiExtension,
    /// Vector registers.
    Vector,
    /// What SBI extensions remember.
    SbiState,
}

impl Group {
    const ALL: [Group; 10] = [
        Group::Config,
        Group::Core,
        Group::Csr,
        Group::Timer,
        Group::FpF,
        Group::FpD,
        Group::IsaExtension,
        Group::SbiExtension,
        Group::Vector,
        Group::SbiState,
    ];
}

const CONFIG: [&str; 8] = [
    "isa",
    "zicbom-block-size",
    "mvendorid",
    "marchid",
    "mimpid",
    "zicboz-block-size",
    "satp-mode",
    "zicbop-block-size",
];
const TIMER: [&str; 4] = ["frequency", "time", "compare", "state"];
const VECTOR: [&str; 5] = ["vstart", "vl", "vtype", "vcsr", "vlenb"];

/// Place of the mode in [`Group::Core`], behind `pc` and `x1` to `x31`.
pub(crate) const MODE: u16 = 32;
/// The mode of a vCPU in S-mode; 0 is U-mode.
#[cfg_attr(not(all(target_arch = "riscv64", target_os = "linux")), allow(dead_code, reason = "read from a vCPU only"))]
pub(crate) const MODE_S: u64 = 1;

/// Places in [`Group::Timer`], and what a timer that runs has as its state.
#[cfg_attr(not(all(target_arch = "riscv64", target_os = "linux")), allow(dead_code, reason = "read from a vCPU only"))]
pub(crate) mod timer {
    pub const TIME: u16 = 1;
    pub const COMPARE: u16 = 2;
    pub const STATE: u16 = 3;
    pub const ON: u64 = 1;
}

/// `fcsr`, of 32 bits.
#[cfg_attr(not(all(target_arch = "riscv64", target_os = "linux")), allow(dead_code, reason = "read from a vCPU only"))]
pub(crate) const FCSR: Register = Register { group: Group::FpD, subgroup: 0, index: 32, size_bits: 2 };

/// General CSRs, in the order of `struct kvm_riscv_csr`.
pub(crate) const CSRS: [u16; 11] = [
    csr::SSTATUS,
    csr::SIE,
    csr::STVEC,
    csr::SSCRATCH,
    csr::SEPC,
    csr::SCAUSE,
    csr::STVAL,
    csr::SIP,
    csr::SATP,
    csr::SCOUNTEREN,
    csr::SENVCFG,
];

/// The subgroups of [`Group::Csr`].
const GENERAL: u16 = 0;
const AIA: u16 = 1;
const SMSTATEEN: u16 = 2;

/// AIA's CSRs, in the order of `struct kvm_riscv_aia_csr`.
const AIA_CSRS: [&str; 7] = ["siselect", "iprio1", "iprio2", "sieh", "siph", "iprio1h", "iprio2h"];

/// The subgroup of [`Group::SbiState`] that steal time (STA) has, and what it remembers.
const STA: u16 = 0;
const STA_STATE: [&str; 2] = ["shmem-lo", "shmem-hi"];

/// A register's number, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Register {
    pub group: Group,
    pub subgroup: u16,
    pub index: u16,
    /// Log2 of its size in bytes.
    pub size_bits: u8,
}

/// `KVM_REG_RISCV`.
const RISCV: u64 = 0x80 << 56;

impl Register {
    /// A register of 64 bits in the first subgroup.
    pub const fn of(group: Group, index: u16) -> Register {
        Register { group, subgroup: 0, index, size_bits: 3 }
    }

    /// What the kernel calls it.
    pub const fn id(self) -> u64 {
        let place = (self.subgroup as u64) << 16 | self.index as u64;
        RISCV | (self.size_bits as u64) << 52 | (self.group as u64) << 24 | place
    }

    /// What the kernel calls so; `None` for a group that is newer than this program.
    pub fn of_id(id: u64) -> Option<Register> {
        let group = Group::ALL.into_iter().find(|&group| group as u64 == id >> 24 & 0xff)?;
        Some(Register { group, subgroup: (id >> 16) as u8 as u16, index: id as u16, size_bits: (id >> 52) as u8 & 0xf })
    }

    /// Its name, as `kvm-info` lists it.
    fn name(self) -> Option<String> {
        let index = usize::from(self.index);
        let prefixed = |prefix: &str, names: &[&str]| names.get(index).map(|name| format!("{prefix}.{name}"));
        match self.group {
            Group::Config => prefixed("config", &CONFIG),
            Group::Core if self.index == 0 => Some("pc".to_owned()),
            Group::Core if self.index == MODE => Some("mode".to_owned()),
            Group::Core => Some(format!("x{index}")),
            Group::Csr if self.subgroup == GENERAL => {
                CSRS.get(index).and_then(|&csr| csr::name(csr)).map(|n| n.to_string())
            }
            Group::Csr if self.subgroup == AIA => AIA_CSRS.get(index).map(|&name| name.to_owned()),
            Group::Csr if self.subgroup == SMSTATEEN && index == 0 => csr::name(csr::SSTATEEN0).map(|n| n.to_string()),
            Group::Csr => None,
            Group::Timer => prefixed("timer", &TIMER),
            Group::FpF | Group::FpD if index == 32 => {
                Some(if self.group == Group::FpF { "f.fcsr" } else { "d.fcsr" }.into())
            }
            Group::FpF => Some(format!("f.f{index}")),
            Group::FpD => Some(format!("d.f{index}")),
            Group::IsaExtension => prefixed("isa", ISA_EXTENSIONS),
            Group::SbiExtension => prefixed("sbi", SBI_EXTENSIONS),
            Group::Vector => {
                VECTOR.get(index).map(|&name| name.to_owned()).or(Some(format!("v{}", index.checked_sub(5)?)))
            }
            Group::SbiState if self.subgroup == STA => prefixed("sta", &STA_STATE),
            Group::SbiState => None,
        }
    }
}

/// The name of the register that the kernel calls `id`, else the number.
#[cfg_attr(not(all(target_arch = "riscv64", target_os = "linux")), allow(dead_code, reason = "read from a vCPU only"))]
pub(crate) fn name(id: u64) -> String {
    Register::of_id(id).and_then(Register::name).unwrap_or_else(|| format!("{id:#x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers as api.rst writes them in hexadecimal.
    #[test]
    fn registers_have_the_kernel_s_numbers() {
        assert_eq!(Register::of(Group::Config, 0).id(), 0x8030_0000_0100_0000);
        assert_eq!(Register::of(Group::Core, MODE).id(), 0x8030_0000_0200_0020);
        assert_eq!(Register::of(Group::Timer, 3).id(), 0x8030_0000_0400_0003);
        assert_eq!(Register::of(Group::SbiExtension, 9).id(), 0x8030_0000_0800_0009);
    }

    #[test]
    fn numbers_have_names() {
        for (id, expected) in [
            (0x8030_0000_0100_0006, "config.satp-mode"),
            (0x8030_0000_0200_0000, "pc"),
            (0x8030_0000_0200_001f, "x31"),
            (0x8030_0000_0200_0020, "mode"),
            (0x8030_0000_0300_0008, "satp"),
            (0x8030_0000_0301_0001, "iprio1"),
            (0x8030_0000_0302_0000, "sstateen0"),
            (0x8030_0000_0400_0002, "timer.compare"),
            (0x8020_0000_0500_0020, "f.fcsr"),
            (0x8030_0000_0600_0001, "d.f1"),
            (0x8030_0000_0700_000d, "isa.zbb"),
            (0x8030_0000_0800_000a, "sbi.sta"),
            (0x8040_0000_0900_0005, "v0"),
            (0x8030_0000_0a00_0001, "sta.shmem-hi"),
            (0x8030_0000_0a01_0000, "0x803000000a010000"),
            (0x8030_0000_0b00_0000, "0x803000000b000000"),
        ] {
            assert_eq!(name(id), expected);
        }
    }

    #[test]
    fn a_number_taken_apart_is_the_same_again() {
        for id in [0x8030_0000_0301_0004, 0x8020_0000_0500_0011, 0x8040_0000_0900_0007] {
            assert_eq!(Register::of_id(id).map(Register::id), Some(id));
        }
    }
}
