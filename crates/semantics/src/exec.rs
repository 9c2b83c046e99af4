//! The abstract machines that the texts run on.
//!
//! Register numbers, immediates, widths and kinds are values of the host: a translator folds them. All else is a
//! [`Word`].

use crate::Word;
use fp::{Fmt, Op as FpOp};

/// Bytes of a memory access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Width {
    B1 = 1,
    B2 = 2,
    B4 = 4,
    B8 = 8,
    /// Only of `amocas.q`.
    B16 = 16,
}

impl Width {
    /// The number of bytes.
    #[inline(always)]
    pub const fn bytes(self) -> u64 {
        self as u64
    }

    /// The number of bits.
    #[inline(always)]
    pub const fn bits(self) -> u32 {
        self as u32 * 8
    }
}

/// What an AMO does with memory and operand. The comparing ones compare at the width of the access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the manual's")]
pub enum AmoOp {
    Swap,
    Add,
    Xor,
    And,
    Or,
    Min,
    Max,
    Minu,
    Maxu,
}

/// The ordering bits of an atomic instruction: aq is bit 1, rl is bit 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Order(pub u8);

impl Order {
    /// aq: nothing that comes behind in the program is seen before.
    pub const fn is_acquire(self) -> bool {
        self.0 & 2 != 0
    }

    /// rl: everything that comes before in the program is seen before.
    pub const fn is_release(self) -> bool {
        self.0 & 1 != 0
    }
}

/// What to do with a cache block. Zicbom, Zicboz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the manual's")]
pub enum CboOp {
    Inval,
    Clean,
    Flush,
}

/// How a CSR is accessed. Zicsr, table "Conditions determining whether a CSR instruction reads or writes the
/// specified CSR": what is not read or not written has no side effect and needs no permission for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CsrOp {
    /// Read only: the value is ignored.
    Read,
    /// Write only: the answer is ignored.
    Write,
    /// Read the old value and write the new.
    Swap,
    /// Read, and set the bits that are ones in the value.
    Set,
    /// Read, and clear the bits that are ones in the value.
    Clear,
}

/// A fence of address translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the manual's")]
pub enum TlbFence {
    SfenceVma,
    SinvalVma,
    HfenceVvma,
    HfenceGvma,
    HinvalVvma,
    HinvalGvma,
}

/// How a text ends: `Err` is the machine's way out, a trap for instance.
pub type Out<M> = Result<(), <M as Exec>::Stop>;

/// What a text returns that has a value.
pub type Value<M> = Result<<M as Exec>::W, <M as Exec>::Stop>;

/// What an instruction may do to any machine.
///
/// A machine that can do a thing in no way it likes answers its own `Stop` before anything has been done: then another
/// instance runs the instruction.
pub trait Exec {
    /// A value of the guest.
    type W: Word;
    /// Why an instruction was left before its end.
    type Stop;

    /// A constant.
    fn imm(&self, value: i64) -> Self::W;
    /// Address of this instruction.
    fn pc(&self) -> Self::W;
    /// Address of the instruction behind.
    fn next_pc(&self) -> Self::W;
    /// An integer register; x0 is zero.
    fn x(&self, register: u8) -> Self::W;
    /// All 64 bits of a floating-point register.
    fn f(&self, register: u8) -> Self::W;
    /// Writes an integer register; x0 stays zero.
    fn set_x(&mut self, register: u8, value: Self::W);
    /// Writes all 64 bits of a floating-point register; `mstatus.FS` (with V, also `vsstatus.FS`) becomes dirty.
    fn set_f(&mut self, register: u8, value: Self::W);

    /// Reads memory; zero-extended.
    fn load(&mut self, width: Width, address: Self::W) -> Value<Self>;
    /// Writes the low bytes of `value`.
    fn store(&mut self, width: Width, address: Self::W, value: Self::W) -> Out<Self>;
    /// Goes to `target` where the condition holds. The last act of a text.
    fn branch(&mut self, condition: <Self::W as Word>::Bool, target: Self::W) -> Out<Self>;
    /// Goes to `target`. Only register writes follow.
    fn jump(&mut self, target: Self::W) -> Out<Self>;

    /// Reads, combines and writes at once. Answers the old value, zero-extended; high bits of `value` are ignored.
    fn amo(&mut self, width: Width, op: AmoOp, order: Order, address: Self::W, value: Self::W) -> Value<Self>;
    /// Writes `desired` where memory holds `expected`, and answers what it held, zero-extended. High bits of the words
    /// are ignored. `[low, high]`; the high words are meant with [`Width::B16`] only.
    fn amocas(
        &mut self,
        width: Width,
        order: Order,
        address: Self::W,
        expected: [Self::W; 2],
        desired: [Self::W; 2],
    ) -> Result<[Self::W; 2], Self::Stop>;
    /// Reads memory, zero-extended, and reserves it.
    fn reserve(&mut self, width: Width, order: Order, address: Self::W) -> Value<Self>;
    /// Writes memory if the reservation holds, which ends in any case. Answers 0 for written, 1 for not.
    fn conditional(&mut self, width: Width, order: Order, address: Self::W, value: Self::W) -> Value<Self>;
    /// Orders memory accesses: sets of `iorw`, i being bit 3. `fm` 8 with both `rw` is FENCE.TSO.
    fn fence(&mut self, fm: u8, pred: u8, succ: u8) -> Out<Self>;
    /// PAUSE: a hint that the program waits for another hart.
    fn pause(&mut self) -> Out<Self>;
    /// Zeroes the cache block that holds the address, if allowed (`xenvcfg.CBZE`).
    fn cbo_zero(&mut self, address: Self::W) -> Out<Self>;
    /// Manages the cache block that holds the address, if allowed (`xenvcfg.CBIE`, `xenvcfg.CBCFE`).
    fn cbo_maint(&mut self, op: CboOp, address: Self::W) -> Out<Self>;

    /// Whether floating point may be used (`FS` not off); the first act of all its instructions.
    fn fp_enabled(&mut self) -> Out<Self>;
    /// Evaluates as `fp::evaluate` does, and accrues the flags. Operands and results are raw bits, unboxed; those that
    /// an operation does not have are any words. `rm` is the instruction's field: 7 stands for `frm`; where what comes
    /// of it is reserved, the instruction is illegal.
    fn fp(&mut self, op: FpOp, fmt: Fmt, rm: u8, operands: [Self::W; 3]) -> Value<Self>;

    /// The exit of an illegal instruction.
    fn illegal(&mut self) -> Self::Stop;
}

/// What only a hart can do: classes `Csr`, `Hyper` and `Sys`. Who may do it when, and what happens else, is the hart's
/// to check.
pub trait Privileged: Exec {
    /// Accesses a CSR and answers its old value.
    fn csr(&mut self, op: CsrOp, csr: u16, value: Self::W) -> Value<Self>;
    /// ECALL.
    fn ecall(&mut self) -> Out<Self>;
    /// EBREAK.
    fn ebreak(&mut self) -> Out<Self>;
    /// SRET.
    fn sret(&mut self) -> Out<Self>;
    /// MRET.
    fn mret(&mut self) -> Out<Self>;
    /// WFI.
    fn wfi(&mut self) -> Out<Self>;
    /// WRS.NTO: waits on the reservation.
    fn wrs_nto(&mut self) -> Out<Self>;
    /// WRS.STO: waits on the reservation, for a short time.
    fn wrs_sto(&mut self) -> Out<Self>;
    /// FENCE.I.
    fn fence_i(&mut self) -> Out<Self>;
    /// Fences or invalidates translations: of an address (`hfence.gvma`, `hinval.gvma`: a guest-physical one shifted
    /// right by 2) and an ASID or VMID; `None` (register x0) means all.
    fn tlb_fence(&mut self, fence: TlbFence, address: Option<Self::W>, id: Option<Self::W>) -> Out<Self>;
    /// SFENCE.W.INVAL.
    fn sfence_w_inval(&mut self) -> Out<Self>;
    /// SFENCE.INVAL.IR.
    fn sfence_inval_ir(&mut self) -> Out<Self>;
    /// HLV: reads as the guest would; zero-extended.
    fn hyper_load(&mut self, width: Width, address: Self::W) -> Value<Self>;
    /// HLVX: reads what the guest may execute; zero-extended.
    fn hyper_load_exec(&mut self, width: Width, address: Self::W) -> Value<Self>;
    /// HSV: writes as the guest would.
    fn hyper_store(&mut self, width: Width, address: Self::W, value: Self::W) -> Out<Self>;
}
