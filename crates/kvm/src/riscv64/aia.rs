//! The interrupt controller in the kernel: an IMSIC for each vCPU and, unless it is left to this process, an APLIC.
//!
//! Linux, Documentation/virt/kvm/devices/ and `linux/arch/riscv/include/uapi/asm/kvm.h` (`KVM_DEV_TYPE_RISCV_AIA`).
//! Wires are driven by `KVM_IRQ_LINE`, as their levels fall, too; messages are sent by eventfds ([`super::messages`])
//! or `KVM_SIGNAL_MSI`.

use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use arch::Phys;
use arch::aplic;
use arch::csr::iselect::{EIDELIVERY, EIE0, EIP0, EITHRESHOLD};
use bus::{InterruptController, IrqSink, MsiSink, Unmapped};
use kvm_bindings::*;
use kvm_ioctls::{DeviceFd, VmFd};

use super::messages::Messages;
use super::sys;
use super::vm::Shared;
use crate::Error;
use crate::aia::{AiaMode, AiaPlan};
use crate::info::AiaInfo;

/// The controller. Its wires lead nowhere until [`super::Vm::interrupts_by`] connects it.
pub struct Aia {
    plan: AiaPlan,
    connected: OnceLock<Connected>,
    /// Levels of the wires, by number.
    levels: Mutex<Vec<bool>>,
    messages: Messages,
}

struct Connected {
    /// The machine holds the bus, whose devices hold wires into this.
    machine: Weak<Shared>,
    device: DeviceFd,
    harts: u32,
    identities: u32,
}

/// What the host has of it.
///
/// # Errors
/// [`Error::NoAia`], where it has none, and what else is the matter with `/dev/kvm`.
pub fn aia_info() -> Result<AiaInfo, Error> {
    let vm = super::open::open()?.create_vm();
    let vm = vm.map_err(|source| Error::Request { what: "create a virtual machine", source: source.into() })?;
    info(&vm).map_err(|_| Error::NoAia)
}

/// The mode that a new controller begins with tells whether the processor has interrupt files for guests.
pub fn info(vm: &VmFd) -> io::Result<AiaInfo> {
    let device = create(vm)?;
    let mode = config(&device, KVM_DEV_RISCV_AIA_CONFIG_MODE)?;
    let identities = config(&device, KVM_DEV_RISCV_AIA_CONFIG_IDS)?;
    Ok(AiaInfo { hwaccel: mode != KVM_DEV_RISCV_AIA_MODE_EMUL, ids: identities })
}

fn create(vm: &VmFd) -> io::Result<DeviceFd> {
    let mut request = kvm_create_device { type_: kvm_device_type_KVM_DEV_TYPE_RISCV_AIA, ..Default::default() };
    Ok(vm.create_device(&mut request)?)
}

fn config(device: &DeviceFd, attribute: u32) -> io::Result<u32> {
    sys::device_u32(device, KVM_DEV_RISCV_AIA_GRP_CONFIG, u64::from(attribute))
}

impl Aia {
    /// One that is to be as `plan` says.
    pub fn new(plan: AiaPlan) -> Arc<Aia> {
        Arc::new(Aia { plan, connected: OnceLock::new(), levels: Mutex::default(), messages: Messages::default() })
    }

    /// Sends a message by `KVM_SIGNAL_MSI`, whatever the plan says.
    ///
    /// # Errors
    /// [`Unmapped`]: nobody takes messages there.
    pub fn signal(&self, address: Phys, data: u32) -> Result<(), Unmapped> {
        let message =
            kvm_msi { address_lo: address.0 as u32, address_hi: (address.0 >> 32) as u32, data, ..Default::default() };
        self.machine().ok_or(Unmapped)?.fd.signal_msi(message).map(drop).map_err(|_| Unmapped)
    }

    fn machine(&self) -> Option<Arc<Shared>> {
        self.connected.get().and_then(|connected| connected.machine.upgrade())
    }

    /// Makes the controller of a machine that has all its vCPUs.
    pub(super) fn connect(&self, machine: &Arc<Shared>, harts: u32) -> Result<(), Error> {
        let device = create(&machine.fd).map_err(|_| Error::NoAia)?;
        self.set_mode(&device)?;
        self.configure(&device, harts).map_err(|source| Error::Request { what: "set up its AIA", source })?;
        let identities = config(&device, KVM_DEV_RISCV_AIA_CONFIG_IDS).unwrap_or_default();
        let _ = self.connected.set(Connected { machine: Arc::downgrade(machine), device, harts, identities });
        Ok(())
    }

    fn set_mode(&self, device: &DeviceFd) -> Result<(), Error> {
        let mode = match self.plan.mode {
            // whatever the kernel begins with
            AiaMode::Auto => return Ok(()),
            AiaMode::Hwaccel => KVM_DEV_RISCV_AIA_MODE_HWACCEL,
            AiaMode::Emul => KVM_DEV_RISCV_AIA_MODE_EMUL,
        };
        let attribute = u64::from(KVM_DEV_RISCV_AIA_CONFIG_MODE);
        sys::set_device_u32(device, KVM_DEV_RISCV_AIA_GRP_CONFIG, attribute, mode).map_err(|_| Error::NoGuestFiles)
    }

    /// Numbers and addresses; then the kernel begins.
    fn configure(&self, device: &DeviceFd, harts: u32) -> io::Result<()> {
        let plan = &self.plan;
        let set =
            |attribute, value| sys::set_device_u32(device, KVM_DEV_RISCV_AIA_GRP_CONFIG, u64::from(attribute), value);
        set(KVM_DEV_RISCV_AIA_CONFIG_IDS, plan.identities)?;
        set(KVM_DEV_RISCV_AIA_CONFIG_SRCS, plan.aplic.map_or(0, |_| plan.sources))?;
        set(KVM_DEV_RISCV_AIA_CONFIG_HART_BITS, harts.next_power_of_two().trailing_zeros())?;
        let place = |attribute, at: Phys| sys::set_device_u64(device, KVM_DEV_RISCV_AIA_GRP_ADDR, attribute, at.0);
        if let Some(aplic) = plan.aplic {
            place(u64::from(KVM_DEV_RISCV_AIA_ADDR_APLIC), aplic)?;
        }
        for hart in 0..u64::from(harts) {
            // KVM_DEV_RISCV_AIA_ADDR_IMSIC
            place(1 + hart, Phys(plan.imsic.0 + hart * u64::from(KVM_DEV_RISCV_IMSIC_SIZE)))?;
        }
        let begin = kvm_device_attr {
            group: KVM_DEV_RISCV_AIA_GRP_CTRL,
            attr: u64::from(KVM_DEV_RISCV_AIA_CTRL_INIT),
            ..Default::default()
        };
        Ok(device.set_device_attr(&begin)?)
    }
}

impl IrqSink for Aia {
    fn set_level(&self, number: u32, level: bool) {
        // The lock keeps the order in which threads drive a wire.
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        levels.resize(self.plan.sources as usize + 1, false);
        let Some(known) = levels.get_mut(number as usize) else { return };
        let machine = self.machine();
        if *known != level && machine.is_some_and(|machine| machine.fd.set_irq_line(number, level).is_ok()) {
            *known = level;
        }
    }
}

impl MsiSink for Aia {
    fn send(&self, address: Phys, data: u32) -> Result<(), Unmapped> {
        let machine = self.machine().filter(|_| self.plan.irqfd);
        match machine.is_some_and(|machine| self.messages.send(&machine.fd, address, data)) {
            true => Ok(()),
            false => self.signal(address, data),
        }
    }
}

impl InterruptController for Aia {
    fn inputs(&self) -> u32 {
        self.plan.sources
    }

    fn reset(&self) {
        let Some(connected) = self.connected.get() else { return };
        if self.plan.aplic.is_some() {
            connected.reset_aplic(self.plan.sources);
        }
        connected.reset_imsics();
    }
}

impl Connected {
    /// No source is anything, none is enabled or pending. What the kernel has no register for stays.
    fn reset_aplic(&self, sources: u32) {
        let write = |offset: u64, value| {
            let _ = sys::set_device_u32(&self.device, KVM_DEV_RISCV_AIA_GRP_APLIC, offset, value);
        };
        write(aplic::DOMAINCFG, 0);
        for word in 0..=u64::from(sources / 32) {
            write(aplic::CLRIE.start + 4 * word, u32::MAX);
            write(aplic::IN_CLRIP.start + 4 * word, u32::MAX);
        }
        (0..u64::from(sources)).for_each(|source| write(aplic::SOURCECFG.start + 4 * source, 0));
    }

    /// No file delivers anything, nothing is enabled or pending.
    fn reset_imsics(&self) {
        let words = (u64::from(self.identities) / 64 + 1) * 2;
        let arrays = (0..words).step_by(2).flat_map(|word| [EIP0 + word, EIE0 + word]);
        let registers: Vec<u64> = [EIDELIVERY, EITHRESHOLD].into_iter().chain(arrays).collect();
        for hart in 0..u64::from(self.harts) {
            for register in &registers {
                // KVM_DEV_RISCV_AIA_IMSIC_MKATTR
                let attribute = hart << KVM_DEV_RISCV_AIA_IMSIC_ISEL_BITS | register;
                let _ = sys::set_device_u64(&self.device, KVM_DEV_RISCV_AIA_GRP_IMSIC, attribute, 0);
            }
        }
    }
}
