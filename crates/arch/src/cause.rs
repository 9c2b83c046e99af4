//! Causes of traps.
//!
//! Privileged architecture, "Machine Cause (`mcause`) Register", and H extension, "Trap Cause Codes".

/// Declares the exceptions with their codes, and the manual's words for them.
macro_rules! exceptions {
    ($($name:ident = $code:literal $words:literal,)*) => {
        use core::fmt;

        /// A synchronous exception, with its code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[allow(missing_docs, reason = "the names are the manual's")]
        pub enum Exception { $($name = $code),* }

        impl Exception {
            /// All of them, by their codes.
            pub const ALL: &[Exception] = &[$(Exception::$name),*];

            /// Its name, as one word.
            pub const fn name(self) -> &'static str {
                match self { $(Exception::$name => stringify!($name)),* }
            }

            /// Its name in the words of the manual's table.
            pub const fn words(self) -> &'static str {
                match self { $(Exception::$name => $words),* }
            }
        }
    };
}

exceptions! {
    InstructionAddressMisaligned = 0 "instruction address misaligned",
    InstructionAccessFault = 1 "instruction access fault",
    IllegalInstruction = 2 "illegal instruction",
    Breakpoint = 3 "breakpoint",
    LoadAddressMisaligned = 4 "load address misaligned",
    LoadAccessFault = 5 "load access fault",
    StoreAddressMisaligned = 6 "store/AMO address misaligned",
    StoreAccessFault = 7 "store/AMO access fault",
    EcallFromU = 8 "environment call from U-mode or VU-mode",
    EcallFromHS = 9 "environment call from HS-mode",
    EcallFromVS = 10 "environment call from VS-mode",
    EcallFromM = 11 "environment call from M-mode",
    InstructionPageFault = 12 "instruction page fault",
    LoadPageFault = 13 "load page fault",
    StorePageFault = 15 "store/AMO page fault",
    SoftwareCheck = 18 "software check",
    HardwareError = 19 "hardware error",
    InstructionGuestPageFault = 20 "instruction guest-page fault",
    LoadGuestPageFault = 21 "load guest-page fault",
    VirtualInstruction = 22 "virtual instruction",
    StoreGuestPageFault = 23 "store/AMO guest-page fault",
}

impl Exception {
    /// The exception with this code.
    pub fn from_code(code: u64) -> Option<Exception> {
        Exception::ALL.iter().copied().find(|&exception| exception as u64 == code)
    }

    /// Whether it comes from the G-stage.
    pub const fn is_guest_page_fault(self) -> bool {
        use Exception::{InstructionGuestPageFault, LoadGuestPageFault, StoreGuestPageFault};
        matches!(self, InstructionGuestPageFault | LoadGuestPageFault | StoreGuestPageFault)
    }
}

/// A major interrupt, by its code: the bit number in `mip`, `sip`, `hip`. Not only those that have names: AIA leaves 16
/// to 23 and 32 to 47 to local interrupts of other extensions, and the rest to custom ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interrupt(u8);

/// The major interrupts that registers of 64 bits have room for.
const CODES: u8 = 64;

macro_rules! interrupts {
    ($($name:ident $code:literal $words:literal)*) => {
        #[allow(missing_docs, non_upper_case_globals, reason = "the manual's names, of an open enumeration")]
        impl Interrupt {
            $(pub const $name: Interrupt = Interrupt($code);)*

            /// Those that have a name.
            pub const NAMED: &[(Interrupt, &str)] = &[$((Interrupt::$name, stringify!($name))),*];

            /// Its name in plain words, if it has one.
            pub const fn words(self) -> Option<&'static str> {
                match self.0 {
                    $($code => Some($words),)*
                    _ => None,
                }
            }
        }
    };
}

interrupts! {
    SupervisorSoftware 1 "supervisor software interrupt"
    VirtualSupervisorSoftware 2 "virtual supervisor software interrupt"
    MachineSoftware 3 "machine software interrupt"
    SupervisorTimer 5 "supervisor timer interrupt"
    VirtualSupervisorTimer 6 "virtual supervisor timer interrupt"
    MachineTimer 7 "machine timer interrupt"
    SupervisorExternal 9 "supervisor external interrupt"
    VirtualSupervisorExternal 10 "virtual supervisor external interrupt"
    MachineExternal 11 "machine external interrupt"
    SupervisorGuestExternal 12 "supervisor guest external interrupt"
    CounterOverflow 13 "counter overflow interrupt"
    LowPriorityRas 35 "low priority ras interrupt"
    HighPriorityRas 43 "high priority ras interrupt"
}

impl Interrupt {
    /// In decreasing priority, where several would trap to the same mode. The first and the last row are for local
    /// interrupts, most of which have no names yet.
    ///
    /// AIA 1.0, "Defined major interrupts and default priorities"; before it H extension, "Hypervisor Interrupt [...]
    /// Registers": "SEI, SSI, STI, SGEI, VSEI, VSSI, VSTI, LCOFI", after the machine's own. (Spike has LCOFI before the
    /// VS-level interrupts and does not order SGEI.)
    #[rustfmt::skip]
    pub const DEFAULT_PRIORITY: [Interrupt; 35] = coded([
        47, 23, 46, 45, 22, 44, 43, 21, 42, 41, 20, 40,
        11, 3, 7,
        9, 1, 5,
        12,
        10, 2, 6,
        13,
        39, 19, 38, 37, 18, 36, 35, 17, 34, 33, 16, 32,
    ]);

    /// Those in the order.
    pub const ORDERED: u64 = {
        let (mut bits, mut at) = (0, 0);
        while at < Interrupt::DEFAULT_PRIORITY.len() {
            bits |= Interrupt::DEFAULT_PRIORITY[at].bit();
            at += 1;
        }
        bits
    };

    /// Its place in [`Interrupt::DEFAULT_PRIORITY`]; behind it, if it has none there.
    pub const fn default_place(self) -> usize {
        let mut at = 0;
        while at < Interrupt::DEFAULT_PRIORITY.len() && Interrupt::DEFAULT_PRIORITY[at].0 != self.0 {
            at += 1;
        }
        at
    }

    /// The interrupt with this code, if there can be one.
    pub const fn from_code(code: u64) -> Option<Interrupt> {
        if code < CODES as u64 { Some(Interrupt(code as u8)) } else { None }
    }

    /// Its code.
    pub const fn code(self) -> u8 {
        self.0
    }

    /// Its bit in `mip` and the like.
    pub const fn bit(self) -> u64 {
        1 << self.0
    }

    /// What VS-mode is told of it. H extension, "Hypervisor Trap Delegation (`hedeleg` and `hideleg`) Registers": one
    /// of code 10 "is automatically translated by the machine into a supervisor external interrupt (code 9) for
    /// VS-mode", and 6 and 2 likewise.
    pub const fn to_vs_level(self) -> Interrupt {
        match self {
            Interrupt::VirtualSupervisorSoftware => Interrupt::SupervisorSoftware,
            Interrupt::VirtualSupervisorTimer => Interrupt::SupervisorTimer,
            Interrupt::VirtualSupervisorExternal => Interrupt::SupervisorExternal,
            other => other,
        }
    }

    /// What the hart itself calls one that VS-mode is told of by this code: [`Interrupt::to_vs_level`] the other way
    /// round.
    pub const fn of_vs_level(self) -> Interrupt {
        match self {
            Interrupt::SupervisorSoftware => Interrupt::VirtualSupervisorSoftware,
            Interrupt::SupervisorTimer => Interrupt::VirtualSupervisorTimer,
            Interrupt::SupervisorExternal => Interrupt::VirtualSupervisorExternal,
            other => other,
        }
    }

    /// Its name, if it has one.
    pub fn name(self) -> Option<&'static str> {
        Interrupt::NAMED.iter().find(|(interrupt, _)| *interrupt == self).map(|(_, name)| *name)
    }
}

const fn coded<const N: usize>(codes: [u8; N]) -> [Interrupt; N] {
    let (mut interrupts, mut at) = ([Interrupt(0); N], 0);
    while at < N {
        assert!(codes[at] < CODES);
        interrupts[at] = Interrupt(codes[at]);
        at += 1;
    }
    interrupts
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "Local{}", self.0),
        }
    }
}

/// A synchronous trap, complete: what `xcause`, `xtval`, `mtval2`/`htval`, `mtinst`/`htinst` and the GVA bits get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trap {
    /// The exception.
    pub cause: Exception,
    /// Value for `xtval`.
    pub tval: u64,
    /// Value for `mtval2` or `htval`: a guest-physical address shifted right by 2, or zero.
    pub tval2: u64,
    /// Value for `mtinst` or `htinst`: a transformed instruction, a pseudoinstruction, or zero.
    pub tinst: u64,
    /// Whether `tval` is a guest virtual address: value for `mstatus.GVA` or `hstatus.GVA`.
    pub gva: bool,
}

impl Trap {
    /// A trap with only a cause and `xtval`.
    pub const fn new(cause: Exception, tval: u64) -> Self {
        Trap { cause, tval, tval2: 0, tinst: 0, gva: false }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;

    use super::*;

    #[test]
    fn every_named_interrupt_has_one_place_in_the_order() {
        for (interrupt, name) in Interrupt::NAMED {
            let places = Interrupt::DEFAULT_PRIORITY.iter().filter(|other| *other == interrupt).count();
            assert_eq!(places, 1, "{name}");
        }
    }

    #[test]
    fn interrupts_without_a_name_say_their_code() {
        assert_eq!(format!("{:?}", Interrupt::from_code(17).unwrap()), "Local17");
        assert_eq!(format!("{:?}", Interrupt::CounterOverflow), "CounterOverflow");
        assert_eq!(Interrupt::from_code(64), None);
    }

    #[test]
    fn only_what_has_a_supervisor_s_counterpart_is_another_to_vs_mode() {
        let codes = [2, 6, 10, 12, 13, 35].map(|code| Interrupt::from_code(code).unwrap().to_vs_level().code());
        assert_eq!(codes, [1, 5, 9, 12, 13, 35]);
    }
}
