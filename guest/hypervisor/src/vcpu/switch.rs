//! The world switch, from the Rust side.
//!
//! What the guest has in registers while the hypervisor runs, and the CSRs of VS-mode, which stay on the hart as long
//! as nobody else runs there.

use core::arch::global_asm;

use arch::Virt;
use arch::csr as registers;
use arch::csr::status;

use crate::start::csr;

global_asm!(include_str!("switch.S"));

unsafe extern "C" {
    fn enter_guest(registers: *mut Registers);
    fn fetch_of_guest(address: u64) -> Fetched;
    fn save_float(to: *mut Float);
    fn restore_float(from: *const Float);
}

/// What the world switch loads and saves; switch.S knows the offsets.
#[repr(C)]
#[derive(Clone, Debug, Default)]
pub struct Registers {
    /// x1 to x31; x0's place is the switch's own.
    pub x: [u64; 32],
    /// Where the guest goes on.
    pub sepc: u64,
    /// Its privilege (SPP), and whether it may use floating point (FS).
    pub sstatus: u64,
    /// V (SPV), and what of the guest's traps here.
    pub hstatus: u64,
    own_tp: u64,
}

const _: () = assert!(size_of::<Registers>() == 288);

impl Registers {
    /// Executes the guest until it traps.
    pub fn enter(&mut self) {
        // SAFETY: the switch keeps what a call must keep, and the guest reaches no memory but its own: `hgatp` says so.
        unsafe { enter_guest(self) }
    }

    /// Writes x1 to x31; x0 stays zero.
    pub fn set(&mut self, register: u8, value: u64) {
        if let Some(x) = self.x.get_mut(usize::from(register)).filter(|_| register != 0) {
            *x = value;
        }
    }

    /// Reads x0 to x31.
    pub fn get(&self, register: u8) -> u64 {
        if register == 0 { 0 } else { self.x[usize::from(register & 31)] }
    }
}

#[repr(C)]
struct Fetched {
    value: u64,
    scause: u64,
}

/// 16 bits where the guest executes, as its own fetch would read them; none where that would trap.
pub fn fetch(at: Virt) -> Option<u16> {
    // SAFETY: the guest's own translation applies, and a trap comes back as a cause.
    let fetched = unsafe { fetch_of_guest(at.0) };
    (fetched.scause == 0).then_some(fetched.value as u16)
}

/// The floating-point registers.
#[repr(C)]
#[derive(Clone, Debug, Default)]
pub struct Float {
    f: [u64; 32],
    fcsr: u64,
}

impl Float {
    /// Takes them from the hart.
    pub fn save(&mut self) {
        csr::set::<{ registers::SSTATUS }>(status::FS);
        // SAFETY: 32 registers and fcsr fit.
        unsafe { save_float(self) }
    }

    /// Puts them into the hart.
    pub fn restore(&self) {
        csr::set::<{ registers::SSTATUS }>(status::FS);
        // SAFETY: no code of the hypervisor's has anything in these registers.
        unsafe { restore_float(self) }
    }
}

macro_rules! vs_level {
    ($($field:ident $csr:ident)*) => {
        /// The CSRs that a guest has of its own.
        #[derive(Clone, Debug, Default)]
        #[allow(missing_docs, reason = "the names are the manual's")]
        pub struct VsLevel { $(pub $field: u64),* }

        impl VsLevel {
            /// Takes them from the hart.
            pub fn save(&mut self) {
                $(self.$field = csr::read::<{ registers::$csr }>();)*
            }

            /// Puts them into the hart.
            pub fn restore(&self) {
                $(csr::write::<{ registers::$csr }>(self.$field);)*
            }
        }
    };
}

vs_level! {
    vsstatus VSSTATUS
    vsie VSIE
    vstvec VSTVEC
    vsscratch VSSCRATCH
    vsepc VSEPC
    vscause VSCAUSE
    vstval VSTVAL
    vsatp VSATP
    hvip HVIP
    scounteren SCOUNTEREN
    senvcfg SENVCFG
}
