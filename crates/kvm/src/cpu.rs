//! What a vCPU can do, in the words of the device tree.

/// Single letters in the order of the ISA string (Unprivileged, ISA Extension Naming Conventions).
const LETTERS: &str = "iemafdqcbpvh";

/// How a vCPU can translate addresses at most (`satp.MODE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PagingMode {
    /// Three levels.
    Sv39,
    /// Four levels.
    Sv48,
    /// Five levels.
    Sv57,
}

impl PagingMode {
    /// The mode that `satp.MODE` encodes; Sv39, which every KVM host has, for what it does not.
    pub fn from_satp(mode: u64) -> Self {
        match mode {
            9 => PagingMode::Sv48,
            10 => PagingMode::Sv57,
            _ => PagingMode::Sv39,
        }
    }

    /// The device tree's `mmu-type`.
    pub fn mmu_type(self) -> &'static str {
        match self {
            PagingMode::Sv39 => "riscv,sv39",
            PagingMode::Sv48 => "riscv,sv48",
            PagingMode::Sv57 => "riscv,sv57",
        }
    }
}

/// A vCPU as its device-tree node describes it: the guest must be told of nothing that the vCPU has not got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestCpu {
    /// Names of the extensions, lower case, in canonical order; single letters first.
    pub extensions: Vec<&'static str>,
    /// Frequency of the `time` CSR in Hz.
    pub timebase_hz: u64,
    /// Cache block size of Zicbom in bytes.
    pub cbom_bytes: Option<u32>,
    /// Cache block size of Zicboz in bytes.
    pub cboz_bytes: Option<u32>,
    /// Cache block size of Zicbop in bytes.
    pub cbop_bytes: Option<u32>,
    /// Largest address translation.
    pub paging: PagingMode,
}

impl GuestCpu {
    /// The `riscv,isa` string.
    pub fn isa_string(&self) -> String {
        let (letters, names): (Vec<&str>, Vec<&str>) = self.extensions.iter().partition(|name| name.len() == 1);
        let mut isa = format!("rv64{}", letters.concat());
        for name in names {
            isa.push('_');
            isa.push_str(name);
        }
        isa
    }
}

/// Sorts names of extensions into canonical order: letters, then Z by its second letter, then S.
#[cfg_attr(not(all(target_arch = "riscv64", target_os = "linux")), allow(dead_code, reason = "read from a vCPU only"))]
pub(crate) fn sort_canonically(extensions: &mut [&'static str]) {
    extensions.sort_by_key(|name| canonical_rank(name));
}

fn canonical_rank(name: &'static str) -> (usize, usize, &'static str) {
    let letter_rank = |at: usize| name.get(at..=at).and_then(|c| LETTERS.find(c)).unwrap_or(LETTERS.len());
    match name.as_bytes() {
        [_] => (0, letter_rank(0), name),
        [b'z', ..] => (1, letter_rank(1), name),
        _ => (2, 0, name),
    }
}

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
    fn the_isa_string_has_letters_first_and_in_their_order() {
        let mut extensions = vec!["sstc", "c", "zba", "d", "i", "f", "zicsr", "m", "a"];
        sort_canonically(&mut extensions);
        let cpu = GuestCpu {
            extensions,
            timebase_hz: 10_000_000,
            cbom_bytes: None,
            cboz_bytes: None,
            cbop_bytes: None,
            paging: PagingMode::Sv48,
        };
        assert_eq!(cpu.isa_string(), "rv64imafdc_zicsr_zba_sstc");
    }

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
