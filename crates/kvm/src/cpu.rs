//! The kernel's numbers for what a vCPU can do.

/// ISA extensions in the order of the kernel's `KVM_RISCV_ISA_EXT_*` numbers, which start at 0 and have no gaps.
#[cfg_attr(not(all(target_arch = "riscv64", target_os = "linux")), allow(dead_code, reason = "read from a vCPU only"))]
#[rustfmt::skip]
pub(crate) const ISA_EXTENSIONS: &[&str] = &[
    "a", "c", "d", "f", "h", "i", "m", "svpbmt", "sstc", "svinval", "zihintpause", "zicbom", "zicboz", "zbb", "ssaia",
    "v", "svnapot", "zba", "zbs", "zicntr", "zicsr", "zifencei", "zihpm", "smstateen", "zicond", "zbc", "zbkb", "zbkc",
    "zbkx", "zknd", "zkne", "zknh", "zkr", "zksed", "zksh", "zkt", "zvbb", "zvbc", "zvkb", "zvkg", "zvkned", "zvknha",
    "zvknhb", "zvksed", "zvksh", "zvkt", "zfh", "zfhmin", "zihintntl", "zvfh", "zvfhmin", "zfa", "ztso", "zacas",
    "sscofpmf", "zimop", "zca", "zcb", "zcd", "zcf", "zcmop", "zawrs", "smnpm", "ssnpm", "svade", "svadu", "svvptc",
    "zabha", "ziccrse", "zaamo", "zalrsc", "zicbop", "zfbfmin", "zvfbfmin", "zvfbfwma", "zclsd", "zilsd", "zalasr",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_numbers_name_what_its_header_names() {
        // linux/arch/riscv/include/uapi/asm/kvm.h
        assert_eq!(ISA_EXTENSIONS[15], "v");
        assert_eq!(ISA_EXTENSIONS[23], "smstateen");
        assert_eq!(ISA_EXTENSIONS[53], "zacas");
        assert_eq!(ISA_EXTENSIONS[62], "smnpm");
        assert_eq!(ISA_EXTENSIONS[ISA_EXTENSIONS.len() - 1], "zalasr");
    }
}
