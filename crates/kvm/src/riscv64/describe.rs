//! What a vCPU can do: what the guest is given of it, and what its device tree is told.

use std::io;
use std::mem::offset_of;

use arch::csr::atp;
use arch::naming::{Paging, canonical_rank};
use kvm_bindings::{kvm_riscv_config, kvm_riscv_timer};
use kvm_ioctls::VcpuFd;
use vcpu::Cpu;

use super::regs;
use crate::Error;
use crate::info::Offer;
use crate::names::{ISA_EXTENSIONS, SBI_EXTENSIONS};
use crate::options::Options;
use crate::registers::Group;

/// Index of `zicbop_block_size` in `struct kvm_riscv_config`; newer than kvm-bindings.
const ZICBOP_BLOCK_SIZE: u16 = 7;

/// AIA's extension: it means something only with the interrupt controller in the kernel.
const SSAIA: &str = "ssaia";

/// Word of `struct kvm_riscv_config`, by its offset.
const fn word(offset: usize) -> u16 {
    (offset / 8) as u16
}

/// Gives a vCPU what `options` say. Answers the extensions that it has and that are not to be told of: no KVM takes
/// away what the processor has no switch for.
///
/// # Errors
/// It is to have what the host has not.
pub fn prepare(vcpu: &VcpuFd, options: &Options) -> Result<Vec<&'static str>, Error> {
    options.check()?;
    let mut missing = Vec::new();
    let mut untold = if options.aia { Vec::new() } else { vec![SSAIA] };
    for (number, name) in ISA_EXTENSIONS.iter().enumerate() {
        let has = has(vcpu, Group::IsaExtension, number);
        match (options.extensions.wants(name), has) {
            (Some(true), None) if options.extensions.does_without(name) => {}
            (Some(true), None) => missing.push(*name),
            (Some(wanted), Some(has)) if wanted != has => {
                match (switch(vcpu, Group::IsaExtension, number, wanted), wanted) {
                    (Ok(()), _) => {}
                    (Err(_), true) => missing.push(*name),
                    (Err(_), false) if *name != SSAIA || !options.aia => untold.push(*name),
                    // it is what --aia asks for
                    (Err(_), false) => {}
                }
            }
            _ => {}
        }
    }
    for (number, name) in SBI_EXTENSIONS.iter().enumerate() {
        let wanted = options.wants_sbi(name).or((number == crate::names::DBCN).then_some(true));
        let had = has(vcpu, Group::SbiExtension, number);
        match (wanted, had) {
            // Kernels before 6.6 have no DBCN to switch on; their guests use the UART alone.
            (Some(true), None) if options.wants_sbi(name).is_some() => missing.push(*name),
            (Some(wanted), Some(_)) if switch(vcpu, Group::SbiExtension, number, wanted).is_err() => {
                missing.push(*name)
            }
            _ => {}
        }
    }
    if missing.is_empty() { Ok(untold) } else { Err(Error::NotOffered { names: missing.join(", ") }) }
}

/// Whether the vCPU has the extension of this number now; `None` where the host has not.
fn has(vcpu: &VcpuFd, group: Group, number: usize) -> Option<bool> {
    regs::get(vcpu, group, number as u16).ok().map(|enabled| enabled != 0)
}

fn switch(vcpu: &VcpuFd, group: Group, number: usize, on: bool) -> io::Result<()> {
    regs::set(vcpu, group, number as u16, u64::from(on))
}

/// What the host offers of a group, found out by switching what can be switched. The vCPU is as before.
pub fn offers(vcpu: &VcpuFd, group: Group, names: &[&'static str]) -> Vec<(&'static str, Offer)> {
    let offer = |number: usize| {
        let is_on = has(vcpu, group, number)?;
        let other_way = switch(vcpu, group, number, !is_on).is_ok();
        // It was so: it can be again.
        let _ = switch(vcpu, group, number, is_on);
        match (is_on, other_way) {
            (true, true) => Some(Offer::On),
            (true, false) => Some(Offer::Always),
            (false, true) => Some(Offer::Off),
            (false, false) => None,
        }
    };
    names.iter().enumerate().filter_map(|(number, name)| Some((*name, offer(number)?))).collect()
}

/// Reads what the vCPU can do, without what is not to be told of.
pub fn describe(vcpu: &VcpuFd, untold: &[&str]) -> io::Result<Cpu> {
    let block = |index| regs::get(vcpu, Group::Config, index).ok().and_then(|bytes| u32::try_from(bytes).ok());
    Ok(Cpu {
        extensions: extensions(vcpu, untold),
        timebase_hz: timebase_hz(vcpu)?,
        cbom_bytes: block(word(offset_of!(kvm_riscv_config, zicbom_block_size))),
        cboz_bytes: block(word(offset_of!(kvm_riscv_config, zicboz_block_size))),
        cbop_bytes: block(ZICBOP_BLOCK_SIZE),
        paging: paging(vcpu),
        has_counters: false,
    })
}

/// Frequency of the timebase in Hz.
pub fn timebase_hz(vcpu: &VcpuFd) -> io::Result<u64> {
    regs::get(vcpu, Group::Timer, word(offset_of!(kvm_riscv_timer, frequency)))
}

/// Kernels before 6.5 have no such register; their guests get the mode that every host has.
pub fn paging(vcpu: &VcpuFd) -> Paging {
    let mode = regs::get(vcpu, Group::Config, word(offset_of!(kvm_riscv_config, satp_mode)));
    Paging::from_satp(mode.unwrap_or(atp::SV39))
}

/// Every extension that the kernel knows and this vCPU has.
fn extensions(vcpu: &VcpuFd, untold: &[&str]) -> Vec<&'static str> {
    let all = ISA_EXTENSIONS.iter().enumerate();
    let told =
        all.filter(|(number, name)| !untold.contains(name) && has(vcpu, Group::IsaExtension, *number) == Some(true));
    let mut names: Vec<_> = told.map(|(_, name)| *name).collect();
    names.sort_by_key(|name| canonical_rank(name));
    names
}
