//! Control and status registers, by their addresses in `arch::csr`.
//!
//! Zicsr. What is written here governs guests, traps and interrupts; `satp`, which governs the hypervisor's own memory,
//! is written in `entry`.

use core::arch::asm;

/// Reads a register.
#[inline(always)]
pub fn read<const CSR: u16>() -> u64 {
    let value: u64;
    // SAFETY: reading a CSR of S-mode or the hypervisor extension changes nothing in memory.
    unsafe { asm!("csrr {}, {}", out(reg) value, const CSR, options(nostack)) };
    value
}

/// Writes a register.
#[inline(always)]
pub fn write<const CSR: u16>(value: u64) {
    const { assert!(CSR != arch::csr::SATP, "the hypervisor's own page tables are set in `entry`") };
    // SAFETY: no register but `satp` changes what the hypervisor's own addresses mean.
    unsafe { asm!("csrw {}, {}", const CSR, in(reg) value, options(nostack)) };
}

/// Sets bits of a register.
#[inline(always)]
pub fn set<const CSR: u16>(bits: u64) {
    const { assert!(CSR != arch::csr::SATP) };
    // SAFETY: as for `write`.
    unsafe { asm!("csrs {}, {}", const CSR, in(reg) bits, options(nostack)) };
}

/// Clears bits of a register.
#[inline(always)]
pub fn clear<const CSR: u16>(bits: u64) {
    const { assert!(CSR != arch::csr::SATP) };
    // SAFETY: as for `write`.
    unsafe { asm!("csrc {}, {}", const CSR, in(reg) bits, options(nostack)) };
}

/// Writes a register, and answers what it held before, in one step.
#[inline(always)]
pub fn swap<const CSR: u16>(value: u64) -> u64 {
    const { assert!(CSR != arch::csr::SATP) };
    let before: u64;
    // SAFETY: as for `write`.
    unsafe { asm!("csrrw {}, {}, {}", out(reg) before, const CSR, in(reg) value, options(nostack)) };
    before
}

/// What a register holds after `value` was written to it; then what it held before is back.
pub fn probe<const CSR: u16>(value: u64) -> u64 {
    let before = read::<CSR>();
    write::<CSR>(value);
    let legal = read::<CSR>();
    write::<CSR>(before);
    legal
}

/// What this hart has read and written before, of memory and of devices, comes before what it does next.
pub fn order() {
    // SAFETY: a fence changes no memory.
    unsafe { asm!("fence iorw, iorw", options(nostack)) };
}

/// Waits until an interrupt that `sie` enables pends. It is not taken: `sstatus.SIE` is zero.
pub fn wait() {
    // SAFETY: WFI only waits.
    unsafe { asm!("wfi", options(nomem, nostack)) };
}
