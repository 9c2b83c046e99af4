//! What a guest is left for, and what is done about it: one `match` over all causes.
//!
//! Privileged architecture, "Supervisor Cause (`scause`) Register"; H extension, "Trap Cause Codes" and "Hypervisor
//! Trap Value (`htval`) Register".

use core::sync::atomic::Ordering;

use arch::csr::{self as registers, hstatus, status, tvec, xcause};
use arch::{Exception, GuestPhys, Insn, Interrupt, Isa, Virt, decode, implicit};

use super::switch::{Registers, fetch};
use super::{Context, Next, Reason, Vcpu};
use crate::control::console;
use crate::control::guests::Ending;
use crate::interrupts::files;
use crate::memory::access::{Access, Kind};
use crate::memory::guest::NoMemory;
use crate::start::{csr, hart};
use crate::{interrupts, sbi, schedule, timers};

/// Answers one exit.
pub fn handle(vcpu: &'static Vcpu, context: &mut Context) -> Next {
    let scause = csr::read::<{ registers::SCAUSE }>();
    match scause & xcause::INTERRUPT {
        0 => exception(Exception::from_code(scause & xcause::CODE), vcpu, context),
        _ => interrupt(Interrupt::from_code(scause & xcause::CODE), vcpu),
    }
}

fn interrupt(interrupt: Option<Interrupt>, vcpu: &Vcpu) -> Next {
    match interrupt {
        Some(Interrupt::SupervisorTimer) => {
            vcpu.count(Reason::Timer);
            schedule::tick()
        }
        Some(Interrupt::SupervisorSoftware) => {
            vcpu.count(Reason::Kick);
            schedule::kicked()
        }
        Some(Interrupt::SupervisorExternal) => {
            let called = interrupts::machine::take();
            vcpu.count(if called { Reason::Kick } else { Reason::Machine });
            if called { schedule::kicked() } else { Next::Resume }
        }
        Some(Interrupt::SupervisorGuestExternal) => {
            vcpu.count(Reason::Kick);
            interrupts::files::signalled(hart::this());
            Next::Resume
        }
        other => panic!("an interrupt that nobody has enabled: {other:?}"),
    }
}

// ANCHOR: exception
fn exception(cause: Option<Exception>, vcpu: &'static Vcpu, context: &mut Context) -> Next {
    use Exception::*;
    let Some(cause) = cause else { return crashed("a trap with a cause that nobody knows", vcpu, context) };
    match cause {
        EcallFromVS => {
            vcpu.count(Reason::Call);
            context.registers.sepc = context.registers.sepc.wrapping_add(4);
            sbi::guest::answer(vcpu, context)
        }
        InstructionGuestPageFault => touch(None, InstructionAccessFault, vcpu, context),
        LoadGuestPageFault => touch(Some(Way::Load), LoadAccessFault, vcpu, context),
        StoreGuestPageFault => touch(Some(Way::Store), StoreAccessFault, vcpu, context),
        VirtualInstruction => virtual_instruction(vcpu, context),
        // Delegated, or the machine's own memory that a guest was given fails it: the guest's, as on the bare machine.
        InstructionAddressMisaligned
        | InstructionAccessFault
        | IllegalInstruction
        | Breakpoint
        | LoadAddressMisaligned
        | LoadAccessFault
        | StoreAddressMisaligned
        | StoreAccessFault
        | EcallFromU
        | InstructionPageFault
        | LoadPageFault
        | StorePageFault
        | SoftwareCheck
        | HardwareError => hand_back(cause, csr::read::<{ registers::STVAL }>(), vcpu, context),
        EcallFromHS | EcallFromM => panic!("{} while a guest ran", cause.words()),
    }
}
// ANCHOR_END: exception

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Load,
    Store,
}

/// A guest-physical address that means nothing yet: memory not touched before, a device, or nothing at all. `way` is
/// the access that a device may answer; `fault` is what nothing answers with.
fn touch(way: Option<Way>, fault: Exception, vcpu: &'static Vcpu, context: &mut Context) -> Next {
    // ANCHOR: touch
    let (stval, htval) = (csr::read::<{ registers::STVAL }>(), csr::read::<{ registers::HTVAL }>());
    let htinst = csr::read::<{ registers::HTINST }>();
    let at = implicit::fault_address(stval, htval, htinst);
    if let Some(next) = way.and_then(|way| device(way, at, htinst, vcpu, context)) {
        return next;
    }
    let touched = vcpu.guest().memory.lock().touch(at);
    match touched {
        Ok(_) => {
            vcpu.count(Reason::Touch);
            Next::Resume
        }
        Err(NoMemory::RunOut) => crashed("the machine has no memory left for it", vcpu, context),
        Err(NoMemory::Outside) => hand_back(fault, stval, vcpu, context),
    }
    // ANCHOR_END: touch
}

/// What cannot go on is told with its registers; the others go on.
fn crashed(why: &str, vcpu: &Vcpu, context: &Context) -> Next {
    let (scause, stval) = (csr::read::<{ registers::SCAUSE }>(), csr::read::<{ registers::STVAL }>());
    let registers = &context.registers;
    console::say(format_args!("vhart hypervisor: {vcpu} is stopped: {why}"));
    console::say(format_args!(
        "  sepc {:#x}, scause {scause:#x}, stval {stval:#x}, sstatus {:#x}",
        registers.sepc, registers.sstatus
    ));
    for (row, values) in registers.x.chunks(4).enumerate() {
        console::say(format_args!("  x{:<2} {values:#018x?}", row * 4));
    }
    vcpu.guest().end(Ending::Failed);
    Next::Resume
}

// ANCHOR: device
/// An access to a device; none where there is no device, or it is none that a device answers.
fn device(way: Way, at: GuestPhys, htinst: u64, vcpu: &'static Vcpu, context: &mut Context) -> Option<Next> {
    let register = vcpu.guest().find(at)?;
    let registers = &mut context.registers;
    let access = Access::of_htinst(htinst).or_else(|| of_instruction(registers))?;
    match access.kind {
        Kind::Load { rd, .. } if way == Way::Load => {
            let bytes = vcpu.guest().read_device(register, access.len_bytes);
            registers.set(rd, access.extended(bytes));
        }
        Kind::Store { rs2 } if way == Way::Store => {
            vcpu.guest().write_device(register, access.len_bytes, registers.get(rs2));
        }
        _ => return None,
    }
    vcpu.count(Reason::Device);
    registers.sepc = registers.sepc.wrapping_add(access.instruction_bytes);
    Some(Next::Resume)
}
// ANCHOR_END: device

/// The same where the hart tells nothing of the instruction.
fn of_instruction(registers: &Registers) -> Option<Access> {
    let low = fetch(Virt(registers.sepc))?;
    Access::of_instruction(low, || fetch(Virt(registers.sepc.wrapping_add(2))))
}

/// WFI and WRS.NTO, by which a guest waits: `hstatus.VTW` makes them trap. Or what the guest has not: "a
/// virtual-instruction exception [...] is typically emulated, or an illegal-instruction exception is raised in the
/// guest".
fn virtual_instruction(vcpu: &Vcpu, context: &mut Context) -> Next {
    // "the faulting instruction bits", or zero where the hart does not tell them.
    let word = match csr::read::<{ registers::STVAL }>() {
        0 => word_at(context.registers.sepc),
        told => told,
    };
    let supervisor = context.registers.sstatus & status::SPP != 0;
    let instruction = decode(word as u32, &Isa::ALL);
    if let Some((rd, value)) = instruction.and_then(|instruction| own_counter(instruction, supervisor, context)) {
        context.registers.set(rd, value);
        context.registers.sepc = context.registers.sepc.wrapping_add(4);
        vcpu.count(Reason::Counter);
        return Next::Resume;
    }
    let next = match instruction.filter(|_| supervisor) {
        Some(Insn::Wfi(_)) => wait(vcpu),
        // Somebody else has to write to memory: perhaps who stands in the queue.
        Some(Insn::WrsNto(_)) => Next::Yield,
        Some(insn) if files::emulate(&insn, vcpu, context).is_some() => {
            vcpu.count(Reason::File);
            context.registers.sepc = context.registers.sepc.wrapping_add(4);
            return Next::Resume;
        }
        _ => return hand_back(Exception::IllegalInstruction, word, vcpu, context),
    };
    vcpu.count(Reason::Wait);
    context.registers.sepc = context.registers.sepc.wrapping_add(4);
    next
}

/// A read of a counter that is the guest's own (`sbi::pmu`), where its `scounteren` lets this mode: the register, and
/// what goes there.
fn own_counter(instruction: Insn, supervisor: bool, context: &Context) -> Option<(u8, u64)> {
    let Insn::Csrrs(read) = instruction else { return None };
    let value = context.pmu.shown(read.csr, &sbi::guest::counter).filter(|_| read.rs1 == 0)?;
    let enabled = csr::read::<{ registers::SCOUNTEREN }>() >> (read.csr - registers::CYCLE) & 1 != 0;
    (supervisor || enabled).then_some((read.rd, value))
}

/// The instruction of 32 bits that the guest executes; zero, which is none, where it cannot be read.
fn word_at(sepc: u64) -> u64 {
    let half = |at: u64| fetch(Virt(at)).map_or(0, u64::from);
    half(sepc.wrapping_add(2)) << 16 | half(sepc)
}

/// Waits until something pends that the guest has enabled.
pub fn wait(vcpu: &Vcpu) -> Next {
    let enabled = csr::read::<{ registers::VSIE }>();
    if csr::read::<{ registers::VSIP }>() & enabled != 0 {
        return Next::Resume;
    }
    let deadline = match timers::has_sstc() {
        true => csr::read::<{ registers::VSTIMECMP }>(),
        false => return Next::Wait(vcpu.timer.load(Ordering::Relaxed)),
    };
    let waits_for_time = enabled & Interrupt::SupervisorTimer.bit() != 0;
    Next::Wait(if waits_for_time { timers::of_guest(deadline, vcpu.guest().htimedelta()) } else { timers::NEVER })
}

/// Lets the guest's own handler have an exception, as the hart does with one that is delegated: "Trap Entry".
fn hand_back(cause: Exception, tval: u64, vcpu: &Vcpu, context: &mut Context) -> Next {
    vcpu.count(Reason::Exception);
    let registers = &mut context.registers;
    let vsstatus = csr::read::<{ registers::VSSTATUS }>();
    let spp = registers.sstatus & status::SPP;
    let spie = if vsstatus & status::SIE != 0 { status::SPIE } else { 0 };
    csr::write::<{ registers::VSSTATUS }>(vsstatus & !(status::SPP | status::SPIE | status::SIE) | spp | spie);
    csr::write::<{ registers::VSCAUSE }>(cause as u64);
    csr::write::<{ registers::VSEPC }>(registers.sepc);
    csr::write::<{ registers::VSTVAL }>(tval);
    registers.sepc = csr::read::<{ registers::VSTVEC }>() & tvec::BASE;
    registers.sstatus |= status::SPP;
    registers.hstatus |= hstatus::SPVP;
    Next::Resume
}
