//! The kernel's numbers for what a vCPU can do, in the order of `linux/arch/riscv/include/uapi/asm/kvm.h`.

/// ISA extensions in the order of the kernel's `KVM_RISCV_ISA_EXT_*` numbers, which start at 0 and have no gaps.
#[rustfmt::skip]
pub(crate) const ISA_EXTENSIONS: &[&str] = &[
    "a", "c", "d", "f", "h", "i", "m", "svpbmt", "sstc", "svinval", "zihintpause", "zicbom", "zicboz", "zbb", "ssaia",
    "v", "svnapot", "zba", "zbs", "zicntr", "zicsr", "zifencei", "zihpm", "smstateen", "zicond", "zbc", "zbkb", "zbkc",
    "zbkx", "zknd", "zkne", "zknh", "zkr", "zksed", "zksh", "zkt", "zvbb", "zvbc", "zvkb", "zvkg", "zvkned", "zvknha",
    "zvknhb", "zvksed", "zvksh", "zvkt", "zfh", "zfhmin", "zihintntl", "zvfh", "zvfhmin", "zfa", "ztso", "zacas",
    "sscofpmf", "zimop", "zca", "zcb", "zcd", "zcf", "zcmop", "zawrs", "smnpm", "ssnpm", "svade", "svadu", "svvptc",
    "zabha", "ziccrse", "zaamo", "zalrsc", "zicbop", "zfbfmin", "zvfbfmin", "zvfbfwma", "zclsd", "zilsd", "zalasr",
];

/// SBI extensions in the order of the kernel's `KVM_RISCV_SBI_EXT_*` numbers. BASE has none: no guest is without it.
pub(crate) const SBI_EXTENSIONS: &[&str] = &[
    "v01",
    "time",
    "ipi",
    "rfence",
    "srst",
    "hsm",
    "pmu",
    "experimental",
    "vendor",
    "dbcn",
    "sta",
    "susp",
    "fwft",
    "mpxy",
];

/// The kernel's number of the SBI console, which it leaves to user space.
#[cfg_attr(not(all(target_arch = "riscv64", target_os = "linux")), allow(dead_code, reason = "told to a vCPU only"))]
pub(crate) const DBCN: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_numbers_name_what_its_header_names() {
        assert_eq!(ISA_EXTENSIONS[15], "v");
        assert_eq!(ISA_EXTENSIONS[23], "smstateen");
        assert_eq!(ISA_EXTENSIONS[53], "zacas");
        assert_eq!(ISA_EXTENSIONS[62], "smnpm");
        assert_eq!(ISA_EXTENSIONS[ISA_EXTENSIONS.len() - 1], "zalasr");
        assert_eq!((SBI_EXTENSIONS[DBCN], SBI_EXTENSIONS[11], SBI_EXTENSIONS[13]), ("dbcn", "susp", "mpxy"));
    }
}
