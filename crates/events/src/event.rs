//! The events.

use arch::csr::CAUSE_INTERRUPT;
use arch::{Exception, GuestPhys, Mode, Phys, Virt, implicit};

use crate::{Kind, Mark};

/// One thing that happened. Fields do not repeat what the [`crate::Stamp`] says: a trap comes from the stamp's mode and
/// pc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody begins to watch: the stamp says where the hart stands. Comes before all others.
    Begin,
    /// The run has ended: the stamp says where the hart stands. Not where the process dies.
    End,
    /// The hart was started, stopped or suspended by its firmware, or reset. Not where a firmware in memory lets a hart
    /// wait in a loop of its own.
    Hart(HartState),
    /// A trap is taken: an exception or an interrupt. Not an `ecall` from HS-mode that the built-in firmware answers,
    /// which is no trap: [`Event::SbiCall`].
    Trap(Taken),
    /// SRET or MRET has returned from a trap, or entered a mode for the first time. The stamp's pc is the xRET's.
    Return {
        /// The mode returned to.
        to: Mode,
        /// The address returned to.
        target: Virt,
    },
    /// An `ecall` in HS- or VS-mode, before the trap that it becomes, if any. Not one from U- or VU-mode, which is a
    /// system call.
    SbiCall(SbiCall),
    /// A program marked what it does: a system call of the number [`crate::MARK`], before the trap that it becomes.
    Mark(Mark),
    /// The call's answer: the built-in firmware's, or, where a trap handler answered, the registers as it returns
    /// behind the `ecall`. The stamp is the caller's. Not where the hart stops, or where the caller goes on on another
    /// hart.
    SbiReturn {
        /// `a0`: the error; of a legacy call, the value.
        error: u64,
        /// `a1`: the value.
        value: u64,
    },
    /// What is pending in `mip` is another than when the hart last looked: a line of a device or of another hart
    /// changed, a timer fired (MTIP, STIP, VSTIP), software wrote a bit. Not as it happens outside, but when this hart
    /// notices: at the latest after some thousand instructions, and not what came and went between.
    Pending {
        /// What was pending, by the bits of `mip`.
        before: u64,
        /// What is.
        now: u64,
    },
    /// A write of `hvip`, `hip` or `vsip` from a mode with V=0 changed the interrupts that a hypervisor injects. Not a
    /// message to a guest's interrupt file, which is [`Event::Mmio`], not `hvictl`, which is [`Event::Csr`], and not
    /// `vstimecmp`: [`Event::Armed`].
    Inject {
        /// `hvip` before.
        before: u64,
        /// `hvip` now.
        now: u64,
    },
    /// A comparator was set to another value: a CSR of Sstc, or the firmware's timer by an SBI call. Not `mtimecmp`,
    /// which is a device's ([`Event::Mmio`]), and not where the value stays.
    Armed {
        /// Which.
        timer: Timer,
        /// When it fires, in ticks of the time that it is compared with; all ones: never.
        deadline: u64,
    },
    /// A comparator's time has come, and its interrupt is pending. Not at that time, but when this hart notices, as
    /// [`Event::Pending`]: at the latest after some thousand instructions, or when a write of a CSR makes it look. Once
    /// for each time that the comparator was set, and not where it is set to another time before the hart looks, or
    /// where the comparator is off (STCE).
    Fired {
        /// Which.
        timer: Timer,
        /// The tick that it was set to.
        deadline: u64,
    },
    /// WFI waits. Not where an interrupt is pending already.
    Wait,
    /// WFI goes on.
    Wake,
    /// A fence of translations or of instructions: this hart's own instruction, or on behalf of another by SBI.
    Fence(Fence),
    /// A CSR instruction wrote a register of supervisor level or above. Not `fcsr` and counters of user level, and not
    /// what traps and returns do to registers.
    Csr {
        /// Its address in the instruction. With V=1, that of a supervisor's register means the virtual supervisor's.
        csr: u16,
        /// What it read before.
        before: u64,
        /// What it reads now.
        now: u64,
    },
    /// The page tables were walked. Not where a table of translated addresses answers, which is nearly always.
    Walk(Walk),
    /// A load, store or fetch reached a device. Not of memory, and not of an address where nothing is, which is a trap.
    Mmio {
        /// Its address; the machine knows whose that is.
        address: Phys,
        /// Whether it was a store.
        write: bool,
        /// Bytes: 1, 2, 4 or 8.
        bytes: u8,
        /// What was written or read.
        value: u64,
    },
    /// A device raised or lowered its interrupt line. No hart's: the stamp's hart is [`crate::DEVICES`]. Not what an
    /// interrupt controller makes of it, which a hart notices as [`Event::Pending`], and not the lines of timers and
    /// software interrupts, which are no devices'. Where time goes by instructions, all that a time slice of a hart
    /// brings has one time, and no stamp says whether the device or the hart was first: readers put the hart first.
    Line {
        /// The device's first address; the machine knows whose that is.
        device: Phys,
        /// Whether the line is high now.
        level: bool,
    },
    /// A virtio device gave a request back to its driver: it is in the used ring. No hart's, as [`Event::Line`]. That
    /// the driver notified the device is [`Event::Mmio`]; a request may need no notification, and one may be about
    /// several. Its order is that of [`Event::Line`].
    Completed {
        /// The device's first address.
        device: Phys,
        /// The queue.
        queue: u16,
        /// Bytes that the device wrote to the driver's buffers.
        bytes: u32,
    },
    /// Engine `kvm`: the host's kernel gave the hart to this process. What it was for, a device or a call, comes
    /// behind. Not an exit of the guest that the kernel handles itself.
    KvmExit {
        /// `exit_reason`: `KVM_EXIT_...` of the kernel's interface.
        reason: u32,
    },
    /// Engine `kvm`: the hart goes back to the host's kernel.
    KvmEntry,
}

/// A trap that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The mode whose handler gets it.
    pub to: Mode,
    /// What `xcause` gets.
    pub cause: u64,
    /// What `xtval` gets.
    pub tval: u64,
    /// What `mtval2` or `htval` gets; 0 where the handler is VS-mode's.
    pub tval2: u64,
    /// What `mtinst` or `htinst` gets, likewise.
    pub tinst: u64,
}

impl Taken {
    /// The code of the interrupt that was taken, if it is one.
    pub const fn interrupt(&self) -> Option<u64> {
        if self.cause & CAUSE_INTERRUPT != 0 { Some(self.cause & !CAUSE_INTERRUPT) } else { None }
    }

    /// The exception that was taken, if it is one.
    pub fn exception(&self) -> Option<Exception> {
        Exception::from_code(self.cause)
    }

    /// Both addresses of a guest-page fault, if it is one ([`implicit::fault_address`]).
    pub fn guest_page_fault(&self) -> Option<(Virt, GuestPhys)> {
        let is_fault = self.exception().is_some_and(Exception::is_guest_page_fault);
        is_fault.then(|| (Virt(self.tval), implicit::fault_address(self.tval, self.tval2, self.tinst)))
    }
}

/// A call of the layer below: SBI 2.0, "Binary Encoding".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SbiCall {
    /// `a7`.
    pub extension: u64,
    /// `a6`.
    pub function: u64,
    /// `a0` to `a5`.
    pub args: [u64; 6],
}

/// What became of a hart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HartState {
    /// It was reset into M-mode.
    Reset,
    /// Its firmware started it in HS-mode.
    Started,
    /// Its firmware stopped it.
    Stopped,
    /// Its firmware suspended it, until an interrupt.
    Suspended,
    /// It goes on in HS-mode after a suspension that lost its place.
    Resumed,
}

/// A comparator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// `stimecmp`.
    Stimecmp,
    /// `vstimecmp`, compared with `time` plus `htimedelta`.
    Vstimecmp,
    /// The built-in firmware's, of a hart without Sstc.
    Sbi,
    /// `mtimecmp`, of which it is told that it fires.
    Mtimecmp,
}

/// What a fence orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// FENCE.I.
    Instructions,
    /// SFENCE.VMA or SINVAL.VMA with V=0.
    Supervisor,
    /// HFENCE.VVMA or HINVAL.VVMA, and with V=1 SFENCE.VMA or SINVAL.VMA.
    Guest,
    /// HFENCE.GVMA or HINVAL.GVMA.
    GuestPhysical,
}

/// A fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    /// What it orders.
    pub scope: Scope,
    /// The first address, guest-physical for [`Scope::GuestPhysical`]; none: all.
    pub address: Option<u64>,
    /// Bytes from there, where another hart asked for a range; 0 is the page of the address.
    pub bytes: u64,
    /// The ASID, or the VMID for [`Scope::GuestPhysical`]; none: all.
    pub id: Option<u16>,
    /// Whether another hart asked for it.
    pub remote: bool,
}

/// A walk of page tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walk {
    /// The virtual address.
    pub address: Virt,
    /// The mode that it was walked for; V=1: two stages.
    pub mode: Mode,
    /// `b'f'`, `b'l'` or `b's'`: for a fetch, a load or a store.
    pub access: u8,
    /// Page-table entries that were read.
    pub reads: u16,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It leads there.
    Found {
        /// What the first stage gave.
        guest: GuestPhys,
        /// What the second stage gave.
        phys: Phys,
        /// Log2 of the size of the first stage's page.
        page_bits: u8,
        /// Log2 of the size of the second stage's page.
        guest_page_bits: u8,
    },
    /// It fails with this exception.
    Failed {
        /// The exception.
        cause: Exception,
        /// The guest-physical address shifted right by 2 that did not translate, for a guest-page fault.
        tval2: u64,
    },
}

impl Event {
    /// What kind it is.
    pub const fn kind(&self) -> Kind {
        match self {
            Event::Begin | Event::End | Event::Hart(_) => Kind::Hart,
            Event::Trap(_) => Kind::Trap,
            Event::Return { .. } => Kind::Return,
            Event::Mark(_) => Kind::Mark,
            Event::SbiCall(_) | Event::SbiReturn { .. } => Kind::Sbi,
            Event::Pending { .. } => Kind::Pending,
            Event::Inject { .. } => Kind::Inject,
            Event::Armed { .. } | Event::Fired { .. } => Kind::Timer,
            Event::Wait | Event::Wake => Kind::Wait,
            Event::Fence(_) => Kind::Fence,
            Event::Csr { .. } => Kind::Csr,
            Event::Walk(_) => Kind::Walk,
            Event::Mmio { .. } => Kind::Mmio,
            Event::Line { .. } => Kind::Irq,
            Event::Completed { .. } => Kind::Virtio,
            Event::KvmExit { .. } | Event::KvmEntry => Kind::Exit,
        }
    }

    /// Whether a trap or return changes V; `from` is the stamp's mode.
    pub const fn switches_v(&self, from: Mode) -> bool {
        match self {
            Event::Trap(Taken { to, .. }) | Event::Return { to, .. } => to.virt != from.virt,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(cause: u64, tval: u64, tval2: u64, tinst: u64) -> Taken {
        Taken { to: Mode::HS, cause, tval, tval2, tinst }
    }

    #[test]
    fn a_guest_page_fault_has_two_addresses() {
        let fault = taken(21, 0xffff_8003, 0x1000_0000 >> 2, 0);
        assert_eq!(fault.guest_page_fault(), Some((Virt(0xffff_8003), GuestPhys(0x1000_0003))));
        let of_table = taken(23, 0x8003, 0x8020_0008 >> 2, 0x3000);
        assert_eq!(of_table.guest_page_fault(), Some((Virt(0x8003), GuestPhys(0x8020_0008))));
        let doubleword = taken(21, 0x8003, 0x1000_0000 >> 2, 0x3003);
        assert_eq!(doubleword.guest_page_fault(), Some((Virt(0x8003), GuestPhys(0x1000_0003))));
        assert_eq!(taken(13, 1, 0, 0).guest_page_fault(), None);
    }

    #[test]
    fn interrupts_are_no_exceptions() {
        let timer = taken(CAUSE_INTERRUPT | 5, 0, 0, 0);
        assert_eq!((timer.interrupt(), timer.exception()), (Some(5), None));
        assert_eq!((taken(8, 0, 0, 0).interrupt(), taken(8, 0, 0, 0).exception()), (None, Some(Exception::EcallFromU)));
    }

    #[test]
    fn v_is_switched_by_traps_and_returns() {
        let trap = Event::Trap(taken(10, 0, 0, 0));
        assert!(trap.switches_v(Mode::VS) && !trap.switches_v(Mode::U));
        assert!(Event::Return { to: Mode::VU, target: Virt(0) }.switches_v(Mode::HS));
    }
}
