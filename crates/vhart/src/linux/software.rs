//! What boots, and where it comes from: options of `vhart linux` and `vhart exec`.

use std::path::PathBuf;

use clap::Args;
use images::Firmware;
use images::vmm::Choice;

use super::packages::PackageOptions;
use crate::cli::{AiaKind, value};

pub(super) const SOFTWARE: &str = "Software";
const GUEST: &str = "Guest";

/// Kernels, firmware, the guest's machine, and packages.
#[derive(Args, Debug)]
pub struct Software {
    /// Virtual CPUs of the guest
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value::harts)]
    #[arg(help_heading = GUEST)]
    pub guest_harts: u32,

    /// Memory of the guest, for example 512M or 1G; a number alone is in MiB
    #[arg(long, value_name = "SIZE", default_value = "256M", value_parser = guest_memory, help_heading = GUEST)]
    pub guest_memory: u64,

    /// Interrupt controllers of the guest, as --aia are the host's; aplic-imsic, which the host's KVM has, needs --aia
    /// aplic-imsic, or aplic, with which KVM emulates them
    #[arg(long, value_enum, value_name = "KIND", help_heading = GUEST)]
    pub guest_aia: Option<AiaKind>,

    /// Firmware of the host: 'builtin' answers SBI calls in vhart itself, 'opensbi' is Debian's, a path is an M-mode
    /// image
    #[arg(long, visible_alias = "bios", value_name = "builtin|opensbi|FILE", default_value = "builtin")]
    #[arg(value_parser = firmware, help_heading = SOFTWARE)]
    pub firmware: Firmware,

    /// Kernel of your own for host and guest, in place of Debian's
    #[arg(long, short, value_name = "FILE", help_heading = SOFTWARE)]
    pub kernel: Option<PathBuf>,

    /// Directory with the modules of your own kernel
    #[arg(long, value_name = "DIR", requires = "kernel", help_heading = SOFTWARE)]
    pub modules: Option<PathBuf>,

    /// More words for the host kernel's command line
    #[arg(long, short, value_name = "TEXT", allow_hyphen_values = true, help_heading = SOFTWARE)]
    pub append: Option<String>,

    /// Let both kernels test their cryptography as they boot: more than half of all that a check executes
    #[arg(long, help_heading = SOFTWARE)]
    pub self_tests: bool,

    /// The guest's VMM, a riscv64 build of vhart: 'ready' comes with this program, 'build' builds it of the checkout
    /// that vhart is run in, a path is your own [default: ready, and build in a checkout whose sources differ from its]
    #[arg(long, value_name = "ready|build|FILE", value_parser = vmm, help_heading = SOFTWARE)]
    pub vmm: Option<Vmm>,

    #[command(flatten)]
    pub packages: PackageOptions,
}

/// Whose VMM runs the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Vmm {
    /// One that vhart has or makes.
    Own(Choice),
    /// The user's.
    File(PathBuf),
}

impl Vmm {
    /// The user's, if it is.
    pub fn file(&self) -> Option<PathBuf> {
        match self {
            Vmm::File(path) => Some(path.clone()),
            Vmm::Own(_) => None,
        }
    }
}

fn vmm(text: &str) -> Result<Vmm, String> {
    match text {
        "" => Err("write ready, build or a path".into()),
        "ready" => Ok(Vmm::Own(Choice::Ready)),
        "build" => Ok(Vmm::Own(Choice::Built)),
        path => Ok(Vmm::File(path.into())),
    }
}

/// Reads the size of the guest's memory, in MiB.
pub fn guest_memory(text: &str) -> Result<u64, String> {
    match value::size(text)? >> 20 {
        mib @ 64.. => Ok(mib),
        _ => Err("a guest Linux needs 64M".into()),
    }
}

pub fn firmware(text: &str) -> Result<Firmware, String> {
    match text {
        "" => Err("write builtin, opensbi or a path".into()),
        "builtin" | "default" => Ok(Firmware::BuiltIn),
        "opensbi" => Ok(Firmware::OpenSbi),
        path => Ok(Firmware::File(path.into())),
    }
}
