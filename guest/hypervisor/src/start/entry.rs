//! The way in, and the hypervisor's own address space.
//!
//! SBI 3.0, "Hart State Management Extension (EID #0x48534D "HSM")"; Privileged architecture, "Supervisor Address
//! Translation and Protection (`satp`) Register".

use core::arch::{asm, global_asm};
use core::ops::Range;

use arch::Phys;

global_asm!(include_str!("entry.S"), FIRST_STACK_BYTES = const FIRST_STACK_BYTES, LAST_STACK_BYTES = const LAST_STACK_BYTES);

/// The stack of the first hart until it has one with a guard page; and that of the last words.
const FIRST_STACK_BYTES: usize = 32 << 10;
const LAST_STACK_BYTES: usize = 8 << 10;

unsafe extern "C" {
    static image_start: u8;
    static rodata_start: u8;
    static data_start: u8;
    static heap_start: u8;
    static image_end: u8;
    fn other_start();
}

/// The parts of the image, each by its rights.
pub struct Image {
    /// Executed.
    pub text: Range<u64>,
    /// Read.
    pub rodata: Range<u64>,
    /// Read and written.
    pub data: Range<u64>,
    /// The end of `data`, which belongs to the heap.
    pub heap: Range<u64>,
}

/// Where the parts of the image lie.
pub fn image() -> Image {
    let at = |symbol: *const u8| symbol as u64;
    let [start, rodata, data] = [&raw const image_start, &raw const rodata_start, &raw const data_start].map(at);
    let [heap, end] = [&raw const heap_start, &raw const image_end].map(at);
    Image { text: start..rodata, rodata: rodata..data, data: data..end, heap: heap..end }
}

/// What a hart that is started finds in `a1`; entry.S knows the order.
#[repr(C)]
pub struct Given {
    /// Where its stack begins: at the end.
    pub stack_end: u64,
    /// Its address space.
    pub satp: u64,
    /// Its place in the list of harts.
    pub index: u64,
}

/// Where a hart that is started begins.
pub fn other_address() -> Phys {
    Phys(other_start as *const () as u64)
}

/// Goes on in the address space of `satp`, on another stack, in `with`.
pub fn continue_in(satp: u64, stack_end: u64, with: extern "C" fn() -> !) -> ! {
    // SAFETY: the new tables map the image and all RAM where they are now, with the rights that each needs
    // (memory/own.rs); nothing of the old stack is used again.
    unsafe {
        asm!("csrw satp, {}", "sfence.vma", "mv sp, {}", "jr {}", in(reg) satp, in(reg) stack_end, in(reg) with, options(noreturn))
    }
}

#[unsafe(no_mangle)]
extern "C" fn start_first(hart_id: u64, tree: u64) -> ! {
    super::hart::first(hart_id, Phys(tree))
}

#[unsafe(no_mangle)]
extern "C" fn start_other(_hart_id: u64, given: &'static Given) -> ! {
    super::hart::other(given.index as usize)
}

#[unsafe(no_mangle)]
extern "C" fn own_trap_told(scause: u64, sepc: u64, stval: u64) -> ! {
    super::panic::own_trap(scause, sepc, stval)
}
