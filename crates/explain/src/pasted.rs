//! The registers of a trap as somebody's log has them.
//!
//! A line of Linux, KVM, OpenSBI, Xen, QEMU or Spike is read for what it has in the form of a name and a number; all
//! else in it is passed over.

/// Registers of a trap: those that are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pasted {
    /// `xcause`.
    pub cause: Option<u64>,
    /// `xepc`.
    pub epc: Option<u64>,
    /// `xtval`.
    pub tval: Option<u64>,
    /// `htval` or `mtval2`.
    pub tval2: Option<u64>,
    /// `htinst` or `mtinst`.
    pub tinst: Option<u64>,
    /// `sstatus`, or `vsstatus` in VS-mode.
    pub sstatus: Option<u64>,
    /// `mstatus`.
    pub mstatus: Option<u64>,
    /// `hstatus`.
    pub hstatus: Option<u64>,
    /// `satp`.
    pub satp: Option<u64>,
    /// `vsatp`.
    pub vsatp: Option<u64>,
    /// `hgatp`.
    pub hgatp: Option<u64>,
    /// QEMU's `async`: whether it is an interrupt.
    pub interrupt: Option<u64>,
    /// Whether names of M-mode's or VS-mode's registers were used.
    pub machine: bool,
    /// Likewise VS-mode's.
    pub virt: bool,
}

/// A word that is no register of a trap with a number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// The name.
    #[error(
        "'{0}' is no register of a trap: known are scause, sepc, stval, htval, htinst, sstatus, hstatus, satp, hgatp, vsatp, \
             and mcause, mepc, mtval, mtval2, mtinst, mstatus, vscause, vsepc, vstval, vsstatus"
    )]
    Name(String),
    /// The number.
    #[error("{0}={1}: it is a number, decimal or after 0x hexadecimal")]
    Number(String, String),
}

impl Pasted {
    /// Takes `name=number`.
    ///
    /// # Errors
    /// The name is not known, or the number is none.
    pub fn set(&mut self, word: &str) -> Result<(), Unknown> {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let number = number(value);
        let place = self.place(name).ok_or_else(|| Unknown::Name(name.to_owned()))?;
        *place = Some(number.ok_or_else(|| Unknown::Number(name.to_owned(), value.to_owned()))?);
        Ok(())
    }

    /// Takes all that is in `text`; of what comes twice, the last. Answers how many registers were found.
    pub fn read(&mut self, text: &str) -> usize {
        let mut found = 0;
        let mut name = "";
        for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| !word.is_empty()) {
            if let Some(code) = word.strip_prefix("trap_").and_then(spikes_code) {
                self.cause = Some(code);
                found += 1;
            }
            if let (Some(value), false) = (number(word), name.is_empty())
                && let Some(place) = self.place(name)
            {
                *place = Some(value);
                found += 1;
            }
            name = word;
        }
        found
    }

    /// The register of this name.
    fn place(&mut self, name: &str) -> Option<&mut Option<u64>> {
        let name = name.to_ascii_lowercase();
        let place = match name.as_str() {
            "scause" | "mcause" | "vscause" | "cause" => &mut self.cause,
            "sepc" | "mepc" | "vsepc" | "epc" => &mut self.epc,
            "stval" | "mtval" | "vstval" | "tval" | "badaddr" | "sbadaddr" => &mut self.tval,
            "htval" | "mtval2" | "tval2" => &mut self.tval2,
            "htinst" | "mtinst" | "tinst" => &mut self.tinst,
            "sstatus" | "vsstatus" | "status" => &mut self.sstatus,
            "mstatus" => &mut self.mstatus,
            "hstatus" => &mut self.hstatus,
            "satp" => &mut self.satp,
            "vsatp" => &mut self.vsatp,
            "hgatp" => &mut self.hgatp,
            "async" => &mut self.interrupt,
            _ => return None,
        };
        self.machine |= name.starts_with('m');
        self.virt |= name.starts_with("vs") && name != "vsatp";
        Some(place)
    }
}

/// A number as programs print registers: after 0x, or with all its 16 digits, or with a letter, hexadecimal.
fn number(text: &str) -> Option<u64> {
    let hex = |digits: &str| u64::from_str_radix(digits, 16).ok();
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return hex(digits);
    }
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit());
    let begins = text.starts_with(|c: char| c.is_ascii_digit());
    match text.len() {
        16 => hex(text),
        _ if is_decimal => text.parse().ok(),
        _ if begins => hex(text),
        _ => None,
    }
}

/// Spike's names of exceptions, and their codes.
const OF_SPIKE: [(&str, u64); 19] = [
    ("instruction_address_misaligned", 0),
    ("instruction_access_fault", 1),
    ("illegal_instruction", 2),
    ("breakpoint", 3),
    ("load_address_misaligned", 4),
    ("load_access_fault", 5),
    ("store_address_misaligned", 6),
    ("store_access_fault", 7),
    ("user_ecall", 8),
    ("supervisor_ecall", 9),
    ("virtual_supervisor_ecall", 10),
    ("machine_ecall", 11),
    ("instruction_page_fault", 12),
    ("load_page_fault", 13),
    ("store_page_fault", 15),
    ("instruction_guest_page_fault", 20),
    ("load_guest_page_fault", 21),
    ("virtual_instruction", 22),
    ("store_guest_page_fault", 23),
];

/// The code of an exception by Spike's name for it.
fn spikes_code(name: &str) -> Option<u64> {
    OF_SPIKE.iter().find(|(known, _)| *known == name).map(|&(_, code)| code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Pasted {
        let mut pasted = Pasted::default();
        assert!(pasted.read(text) > 0, "{text}");
        pasted
    }

    // What these print is theirs: arch/riscv/kernel/process.c, arch/riscv/kvm/vcpu_exit.c, lib/sbi/sbi_trap.c,
    // target/riscv/cpu_helper.c, riscv/processor.cc.
    #[test]
    fn linux_prints_status_badaddr_and_cause() {
        let oops = read("[    1.5] status: 0000000200000120 badaddr: 0000000000000010 cause: 000000000000000d");
        assert_eq!((oops.sstatus, oops.tval, oops.cause), (Some(0x2_0000_0120), Some(16), Some(13)));
    }

    #[test]
    fn kvm_prints_in_capitals() {
        let exit = read(
            "SEPC=0x80200070 SSTATUS=0x200000120 HSTATUS=0x2000001c0\nSCAUSE=0x15 STVAL=0x10 HTVAL=0x4 HTINST=0x3000",
        );
        assert_eq!(
            (exit.cause, exit.epc, exit.tval2, exit.tinst),
            (Some(21), Some(0x8020_0070), Some(4), Some(0x3000))
        );
        assert!(!exit.machine && !exit.virt);
    }

    #[test]
    fn opensbi_qemu_and_spike_are_read() {
        let sbi = read("sbi_trap_error: hart0: trap0: mcause=0x0000000000000005 mtval=0x0000000010001000");
        assert_eq!((sbi.cause, sbi.tval, sbi.machine), (Some(5), Some(0x1000_1000), true));
        let qemu = read(
            "riscv_cpu_do_interrupt: hart:0, async:0, cause:0000000000000015, epc:0x0000000080200070, tval:0x10, desc=guest_load_page_fault",
        );
        assert_eq!((qemu.cause, qemu.epc, qemu.interrupt), (Some(21), Some(0x8020_0070), Some(0)));
        let spike = read(
            "core   0: exception trap_load_guest_page_fault, epc 0x0000000080000070\ncore   0:           tval 0x0000000000000010",
        );
        assert_eq!((spike.cause, spike.epc, spike.tval), (Some(21), Some(0x8000_0070), Some(16)));
    }

    #[test]
    fn what_is_no_register_is_named() {
        let mut pasted = Pasted::default();
        assert!(pasted.set("sidetrack=1").unwrap_err().to_string().starts_with("'sidetrack' is no register of a trap"));
        assert!(matches!(pasted.set("scause=many"), Err(Unknown::Number(..))));
        pasted.set("scause=21").unwrap();
        assert_eq!(pasted.cause, Some(21));
    }
}
