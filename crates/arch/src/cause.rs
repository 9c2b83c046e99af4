//! Causes of traps.
//!
//! Privileged architecture, "Machine Cause (`mcause`) Register", and H extension, "Trap Cause Codes".

/// Declares the exceptions with their codes.
macro_rules! exceptions {
    ($($name:ident = $code:literal,)*) => {
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
        }
    };
}

exceptions! {
    InstructionAddressMisaligned = 0,
    InstructionAccessFault = 1,
    IllegalInstruction = 2,
    Breakpoint = 3,
    LoadAddressMisaligned = 4,
    LoadAccessFault = 5,
    StoreAddressMisaligned = 6,
    StoreAccessFault = 7,
    EcallFromU = 8,
    EcallFromHS = 9,
    EcallFromVS = 10,
    EcallFromM = 11,
    InstructionPageFault = 12,
    LoadPageFault = 13,
    StorePageFault = 15,
    SoftwareCheck = 18,
    HardwareError = 19,
    InstructionGuestPageFault = 20,
    LoadGuestPageFault = 21,
    VirtualInstruction = 22,
    StoreGuestPageFault = 23,
}

impl Exception {
    /// The exception with this code.
    pub fn from_code(code: u64) -> Option<Exception> {
        Exception::ALL.iter().copied().find(|&exception| exception as u64 == code)
    }
}

/// An interrupt, with its code: the bit number in `mip`, `sip`, `hip`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names are the manual's")]
pub enum Interrupt {
    SupervisorSoftware = 1,
    VirtualSupervisorSoftware = 2,
    MachineSoftware = 3,
    SupervisorTimer = 5,
    VirtualSupervisorTimer = 6,
    MachineTimer = 7,
    SupervisorExternal = 9,
    VirtualSupervisorExternal = 10,
    MachineExternal = 11,
    SupervisorGuestExternal = 12,
    CounterOverflow = 13,
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
