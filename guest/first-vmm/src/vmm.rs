//! The VMM: a machine with a megabyte of memory, one device and one vCPU.

use std::arch::global_asm;
use std::cell::UnsafeCell;
use std::error::Error;
use std::os::fd::{AsRawFd, RawFd};
use std::thread;
use std::time::Duration;

use kvm_bindings::{
    KVM_EXIT_RISCV_SBI, KVM_INTERRUPT_SET, KVM_INTERRUPT_UNSET, KVM_REG_RISCV, KVM_REG_RISCV_CORE,
    KVM_REG_RISCV_SBI_EXT, KVM_REG_SIZE_U64, KVM_RISCV_SBI_EXT_ID_KVM_RISCV_SBI_EXT_DBCN, KVM_SYSTEM_EVENT_SHUTDOWN,
    KVMIO, kvm_run, kvm_userspace_memory_region,
};
use kvm_ioctls::{Kvm, VcpuExit, VcpuFd, VmFd};
use vmm_sys_util::ioctl::ioctl_with_ref;
use vmm_sys_util::ioctl_iow_nr;

// ANCHOR: machine
/// Where the guest finds its memory, as on most RISC-V boards.
const RAM: u64 = 0x8000_0000;
const RAM_BYTES: usize = 1 << 20;
/// Where the guest finds its device. There is no memory there: each access is an exit.
const DEVICE: u64 = 0x4000_0000;

/// The device's registers, by offset. What is written is printed, whatever else it does.
mod register {
    /// Read: a number.
    pub const TICKET: u64 = 0;
    /// Write: 1 asks for an interrupt, a little later; 0 ends it.
    pub const BELL: u64 = 8;
}
// ANCHOR_END: machine

// ANCHOR: code
global_asm!(include_str!("guest.s"));

unsafe extern "C" {
    static guest_code: u8;
    static guest_code_end: u8;
}

/// The guest's program. It lies in this program, which is riscv64 code as well.
fn code() -> &'static [u8] {
    let (from, to) = (&raw const guest_code, &raw const guest_code_end);
    // SAFETY: guest.s has both labels in this order, in memory that nobody writes to.
    unsafe { std::slice::from_raw_parts(from, to as usize - from as usize) }
}
// ANCHOR_END: code

// ANCHOR: memory
/// The guest's memory, which must begin at a page. The guest writes to it as well.
#[repr(C, align(4096))]
struct Ram(UnsafeCell<[u8; RAM_BYTES]>);

impl Ram {
    /// With a program at its start.
    fn with(program: &[u8]) -> Box<Ram> {
        let mut bytes = [0; RAM_BYTES];
        bytes[..program.len()].copy_from_slice(program);
        Box::new(Ram(UnsafeCell::new(bytes)))
    }

    /// Makes it what the guest has at [`RAM`].
    fn give(&self, vm: &VmFd) -> Result<(), kvm_ioctls::Error> {
        let region = kvm_userspace_memory_region {
            slot: 0,
            flags: 0,
            guest_phys_addr: RAM,
            memory_size: RAM_BYTES as u64,
            userspace_addr: self.0.get() as u64,
        };
        // SAFETY: `run` keeps the memory for as long as the machine.
        unsafe { vm.set_user_memory_region(region) }
    }

    /// What the guest has at an address of its own; nothing where it has no memory, whatever it says.
    fn read(&self, at: u64, len: u64) -> Option<&[u8]> {
        let offset = usize::try_from(at.checked_sub(RAM)?).ok()?;
        // SAFETY: only the guest writes to it, and its vCPU does not run while we look.
        let bytes: &[u8] = unsafe { &*self.0.get() };
        bytes.get(offset..)?.get(..usize::try_from(len).ok()?)
    }
}
// ANCHOR_END: memory

// ANCHOR: registers
/// Sets a register of 64 bits of a vCPU.
fn set(vcpu: &VcpuFd, group: u32, number: u32, value: u64) -> Result<(), kvm_ioctls::Error> {
    let id = KVM_REG_RISCV as u64 | KVM_REG_SIZE_U64 | u64::from(group) | u64::from(number);
    vcpu.set_one_reg(id, &value.to_le_bytes()).map(drop)
}

/// Numbers of the group of integer registers: `pc` is where `x0` would be.
const PC: u32 = 0;
const A0: u32 = 10;
// ANCHOR_END: registers

// ANCHOR: create
/// Makes the machine, and runs it until the guest powers it off.
pub fn run() -> Result<(), Box<dyn Error>> {
    let ram = Ram::with(code());
    let vm = Kvm::new()?.create_vm()?;
    ram.give(&vm)?;
    let mut vcpu = vm.create_vcpu(0)?;
    set(&vcpu, KVM_REG_RISCV_CORE, PC, RAM)?;
    set(&vcpu, KVM_REG_RISCV_CORE, A0, 0)?;
    set(&vcpu, KVM_REG_RISCV_SBI_EXT, KVM_RISCV_SBI_EXT_ID_KVM_RISCV_SBI_EXT_DBCN, 1)?;
    live(&mut vcpu, &ram)
}
// ANCHOR_END: create

// ANCHOR: live
/// Lets the guest run, and does what it was left for, until it powers off.
fn live(vcpu: &mut VcpuFd, ram: &Ram) -> Result<(), Box<dyn Error>> {
    loop {
        match vcpu.run()? {
            VcpuExit::MmioRead(at, data) => load(at, data),
            VcpuExit::MmioWrite(at, data) => {
                let value = u32::from_le_bytes(data.try_into()?);
                store(vcpu, at, value)?;
            }
            VcpuExit::Unsupported(KVM_EXIT_RISCV_SBI) => answer(vcpu.get_kvm_run(), ram),
            VcpuExit::SystemEvent(KVM_SYSTEM_EVENT_SHUTDOWN, _) => {
                println!("vmm: the guest powers off");
                return Ok(());
            }
            other => return Err(format!("an exit that nobody expects: {other:?}").into()),
        }
    }
}
// ANCHOR_END: live

// ANCHOR: mmio
/// A load from where no memory is. What is left in `data` will be in the guest's register.
fn load(at: u64, data: &mut [u8]) {
    let value: u32 = if at == DEVICE + register::TICKET { 42 } else { 0 };
    println!("vmm: a load of {} bytes at {at:#x}; it gets {value}", data.len());
    data.iter_mut().zip(value.to_le_bytes()).for_each(|(byte, of_value)| *byte = of_value);
}

/// A store of four bytes.
fn store(vcpu: &VcpuFd, at: u64, value: u32) -> Result<(), Box<dyn Error>> {
    println!("vmm: a store of {value} at {at:#x}");
    match (at.wrapping_sub(DEVICE), value) {
        (register::BELL, 0) => interrupt(vcpu.as_raw_fd(), KVM_INTERRUPT_UNSET)?,
        (register::BELL, _) => ring_later(vcpu.as_raw_fd()),
        _ => {}
    }
    Ok(())
}
// ANCHOR_END: mmio

// ANCHOR: sbi
/// A call of the guest's that the kernel leaves to us: of the debug console, the one that writes text.
fn answer(run: &mut kvm_run, ram: &Ram) {
    // SAFETY: an exit of this kind fills this part of the union, with plain numbers.
    let call = unsafe { &mut run.__bindgen_anon_1.riscv_sbi };
    let [len, at, ..] = call.args;
    call.ret = match (call.extension_id, call.function_id) {
        (DBCN, CONSOLE_WRITE) => match ram.read(at, len) {
            Some(text) => {
                print!("{}", String::from_utf8_lossy(text));
                [0, len]
            }
            None => [INVALID_PARAM, 0],
        },
        _ => [NOT_SUPPORTED, 0],
    };
}

/// SBI, "Debug Console Extension (EID #0x4442434E "DBCN")", and errors of "Binary Encoding".
const DBCN: u64 = 0x4442_434e;
const CONSOLE_WRITE: u64 = 0;
const NOT_SUPPORTED: u64 = -2i64 as u64;
const INVALID_PARAM: u64 = -3i64 as u64;
// ANCHOR_END: sbi

// ANCHOR: interrupt
ioctl_iow_nr!(KVM_INTERRUPT, KVMIO, 0x86, u32);

/// Makes the guest's external interrupt pending, or ends it. Any thread may, while another runs the vCPU.
fn interrupt(vcpu: RawFd, level: i32) -> std::io::Result<()> {
    // SAFETY: the kernel reads one u32 and writes nothing.
    match unsafe { ioctl_with_ref(&vcpu, KVM_INTERRUPT(), &(level as u32)) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// What devices do: some time goes by, then this one wants to be looked at.
fn ring_later(vcpu: RawFd) {
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(10));
        println!("vmm: the bell rings");
        interrupt(vcpu, KVM_INTERRUPT_SET)
    });
}
// ANCHOR_END: interrupt
