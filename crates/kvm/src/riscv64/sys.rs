//! What the kernel is asked that `kvm-ioctls` has no safe word for. All unsafe code of the engine is here.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use kvm_bindings::{
    KVM_GUESTDBG_ENABLE, KVM_MEM_LOG_DIRTY_PAGES, KVMIO, kvm_device_attr, kvm_guest_debug, kvm_run,
    kvm_userspace_memory_region,
};
use kvm_ioctls::{DeviceFd, VcpuFd, VmFd};
use libc::c_int;
use memory::Ram;
use sbi::{Call, SbiRet};
use vmm_sys_util::ioctl::{ioctl_with_mut_ptr, ioctl_with_ref};
use vmm_sys_util::{ioctl_iow_nr, ioctl_iowr_nr};

ioctl_iow_nr!(KVM_INTERRUPT, KVMIO, 0x86, u32);
ioctl_iow_nr!(KVM_SET_GUEST_DEBUG, KVMIO, 0x9b, kvm_guest_debug);
ioctl_iowr_nr!(KVM_GET_REG_LIST, KVMIO, 0xb0, u64);

/// `KVM_INTERRUPT_SET` and `KVM_INTERRUPT_UNSET` of `asm/kvm.h`.
const INTERRUPT_SET: u32 = -1i32 as u32;
const INTERRUPT_UNSET: u32 = -2i32 as u32;

/// Registers of which a list has room at once; the next kernel's may have more, and is asked again.
const REGISTERS: usize = 512;

/// The slot of guest memory.
pub const RAM_SLOT: u32 = 0;

/// Gives `ram` to the guest, at its own address. Once more, with another answer to whether writes are logged, changes
/// that.
pub fn map_ram(vm: &VmFd, ram: &Ram, logged: bool) -> io::Result<()> {
    let region = kvm_userspace_memory_region {
        slot: RAM_SLOT,
        flags: if logged { KVM_MEM_LOG_DIRTY_PAGES } else { 0 },
        guest_phys_addr: ram.base().0,
        memory_size: ram.len_bytes(),
        userspace_addr: ram.host_base() as u64,
    };
    // SAFETY: the range is the whole mapping of `ram`; `Vm` and every vCPU keep a clone of it for as long as they keep
    // the machine, and this process touches it by atomics only, as it would another hart's memory.
    // JUSTIFICATION: kvm-ioctls cannot know who owns the memory.
    unsafe { vm.set_user_memory_region(region) }.map_err(io::Error::from)
}

/// A second descriptor of a vCPU, for the thread that drives its interrupt pin.
pub fn duplicate(vcpu: &VcpuFd) -> io::Result<OwnedFd> {
    // SAFETY: the descriptor is open for the whole call: `vcpu` owns it.
    // JUSTIFICATION: VcpuFd has no AsFd.
    unsafe { BorrowedFd::borrow_raw(vcpu.as_raw_fd()) }.try_clone_to_owned()
}

/// The kernel's numbers of a vCPU's registers.
pub fn register_list(vcpu: &VcpuFd) -> io::Result<Vec<u64>> {
    // `struct kvm_reg_list`: how many there is room for, and how many there are; then the numbers
    let mut list = vec![0; 1 + REGISTERS];
    loop {
        list[0] = list.len() as u64 - 1;
        // SAFETY: the kernel writes at most as many numbers as the first word says, all of which `list` has room for,
        // and the first word.
        // JUSTIFICATION: kvm-bindings' list has room for 200, fewer than there are.
        match check(unsafe { ioctl_with_mut_ptr(vcpu, KVM_GET_REG_LIST(), list.as_mut_ptr()) }) {
            Err(error) if error.raw_os_error() == Some(libc::E2BIG) && list[0] >= list.len() as u64 => {
                list.resize(1 + list[0] as usize, 0);
            }
            Err(error) => return Err(error),
            Ok(()) => break,
        }
    }
    let count = list[0] as usize;
    Ok(list.into_iter().skip(1).take(count).collect())
}

/// Drives the external interrupt of a vCPU, also while another thread runs it.
pub fn interrupt(vcpu: &OwnedFd, level: bool) -> io::Result<()> {
    let request = if level { INTERRUPT_SET } else { INTERRUPT_UNSET };
    // SAFETY: KVM_INTERRUPT reads a `struct kvm_interrupt`, which is one u32, and writes nothing.
    // JUSTIFICATION: kvm-ioctls has no such call.
    check(unsafe { ioctl_with_ref(vcpu, KVM_INTERRUPT(), &request) })
}

/// Has a vCPU's `ebreak`s come back to this process, or go to the guest's handler.
pub fn set_guest_debug(vcpu: &VcpuFd, on: bool) -> io::Result<()> {
    let control = if on { KVM_GUESTDBG_ENABLE } else { 0 };
    let request = kvm_guest_debug { control, ..kvm_guest_debug::default() };
    // SAFETY: the kernel reads a `struct kvm_guest_debug` and writes nothing.
    // JUSTIFICATION: kvm-ioctls has this call for other architectures only.
    check(unsafe { ioctl_with_ref(vcpu, KVM_SET_GUEST_DEBUG(), &request) })
}

/// Lets `signal` interrupt what only a signal ends, such as `KVM_RUN`, and do nothing else: other calls go on.
pub fn ignore_and_restart(signal: c_int) -> io::Result<()> {
    // SAFETY: the structure is integers and an optional function; all zeros is one with an empty set of blocked
    // signals.
    // JUSTIFICATION: its fields are not the same in all versions of libc.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = nothing as extern "C" fn(c_int) as libc::sighandler_t;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: the handler is a function for this signature that does nothing, which any thread may do at any time.
    // JUSTIFICATION: vmm-sys-util has no word for SA_RESTART.
    check(unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) })
}

extern "C" fn nothing(_: c_int) {}

/// A thread that signals can be sent to.
#[derive(Clone, Copy)]
pub struct ThreadHandle(libc::pthread_t);

/// The calling thread.
pub fn this_thread() -> ThreadHandle {
    // SAFETY: pthread_self has no preconditions.
    // JUSTIFICATION: std gives no handle of a running thread that signals can be sent to.
    ThreadHandle(unsafe { libc::pthread_self() })
}

/// Sends `signal` to a thread.
///
/// # Safety
/// The thread has not ended.
pub unsafe fn send_signal(thread: ThreadHandle, signal: c_int) {
    // SAFETY: the caller knows that the thread lives. The result can only be EINVAL, for a signal that does not exist.
    unsafe { libc::pthread_kill(thread.0, signal) };
}

/// The call that the last exit forwarded. Only after an exit with the reason `KVM_EXIT_RISCV_SBI`.
pub fn sbi_call(run: &kvm_run) -> Call {
    // SAFETY: every variant of the union is plain integers, so whatever was last written reads as valid values.
    // JUSTIFICATION: kvm-ioctls does not decode this exit.
    let sbi = unsafe { run.__bindgen_anon_1.riscv_sbi };
    Call { eid: sbi.extension_id as u32, fid: sbi.function_id, args: sbi.args }
}

/// Answers the call: the guest's a0 and a1 when it runs again.
pub fn answer_sbi(run: &mut kvm_run, answer: SbiRet) {
    run.__bindgen_anon_1.riscv_sbi.ret = [answer.error as u64, answer.value];
}

/// Number of the CSR that the last exit was for. Only after an exit with the reason `KVM_EXIT_RISCV_CSR`.
pub fn csr_of_exit(run: &kvm_run) -> u64 {
    // SAFETY: every variant of the union is plain integers, so whatever was last written reads as valid values.
    // JUSTIFICATION: kvm-ioctls does not decode this exit.
    unsafe { run.__bindgen_anon_1.riscv_csr }.csr_num
}

/// What the guest's instruction reads from it when it runs again.
pub fn answer_csr(run: &mut kvm_run, value: u64) {
    run.__bindgen_anon_1.riscv_csr.ret_value = value;
}

/// Reads an attribute of a device that is a `u32`.
pub fn device_u32(device: &DeviceFd, group: u32, attribute: u64) -> io::Result<u32> {
    let mut value = 0u32;
    let mut request = kvm_device_attr { group, attr: attribute, addr: &raw mut value as u64, flags: 0 };
    // SAFETY: the kernel writes four bytes, the size of the groups that this is asked for, to `value`, which lives
    // meanwhile.
    // JUSTIFICATION: kvm-ioctls cannot know how much an attribute takes.
    unsafe { device.get_device_attr(&mut request) }?;
    Ok(value)
}

/// `riscv_flush_icache`, by its number on riscv64 Linux.
const RISCV_FLUSH_ICACHE: libc::c_long = 259;

/// Makes the instructions that this process wrote be seen by whatever processor its threads go on. A kernel without the
/// call has processors that need none.
pub fn flush_instruction_caches() {
    // SAFETY: the call takes two addresses and flags, all zero: everything, on all processors of this process. It
    // touches no memory.
    // JUSTIFICATION: libc has no function for it.
    unsafe { libc::syscall(RISCV_FLUSH_ICACHE, 0, 0, 0) };
}

/// Writes an attribute of a device that is a `u32`.
pub fn set_device_u32(device: &DeviceFd, group: u32, attribute: u64, value: u32) -> io::Result<()> {
    set_device(device, group, attribute, &raw const value as u64)
}

/// Writes an attribute of a device that is a `u64`.
pub fn set_device_u64(device: &DeviceFd, group: u32, attribute: u64, value: u64) -> io::Result<()> {
    set_device(device, group, attribute, &raw const value as u64)
}

/// `address` is that of the value, which lives meanwhile. The kernel only reads it.
fn set_device(device: &DeviceFd, group: u32, attribute: u64, address: u64) -> io::Result<()> {
    Ok(device.set_device_attr(&kvm_device_attr { group, attr: attribute, addr: address, flags: 0 })?)
}

fn check(result: c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
