//! From the options to files that boot, and to the machine that boots them.

use std::hash::{BuildHasher as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use images::vmm::{self, Choice};
use images::{
    Apt, Cache, Expired, Firmware, Freshness, Guest, Mode, Nonce, Packages, Prepared, Progress, Request, qemu,
};

use super::Options;
use super::options::Vmm;
use crate::cli;
use crate::errors;

/// What the machine boots.
pub struct Images {
    prepared: Prepared,
    /// What an unattended run has to answer.
    nonce: Nonce,
}

impl Images {
    /// Fetches and builds what the options ask for, as far as it is not in the cache.
    ///
    /// # Errors
    /// One that says what is missing and what to do.
    pub fn prepare(options: &Options, progress: &dyn Progress) -> Result<Images> {
        let cache = cache(options.cache.as_deref())?;
        let nonce = nonce(options);
        let mut request = request(options, cache, nonce);
        images::fetch(&mut request, progress)?;
        request.vmm = vmm(options, &request.cache, progress)?;
        Ok(Images { prepared: images::prepare(&request, progress)?, nonce })
    }

    /// Prints QEMU's command line for the same images.
    pub fn print_qemu(&self, options: &Options) -> Result<ExitCode> {
        let asked = &options.machine;
        let machine = qemu::Machine { board: asked.board(), harts: asked.harts, memory_mib: asked.memory >> 20 };
        errors::print(qemu::shell_line(&qemu::command(&self.prepared, machine)) + "\n")?;
        Ok(ExitCode::SUCCESS)
    }

    /// What `vhart run` would have to be told to boot them.
    pub fn run_options(&self, options: &Options) -> cli::RunOptions {
        cli::RunOptions {
            kernel: Some(self.prepared.kernel.clone()),
            initrd: Some(self.prepared.initrd.clone()),
            append: Some(self.prepared.append.clone()),
            firmware: self.prepared.firmware.clone().map_or(cli::Firmware::Builtin, cli::Firmware::File),
            disks: vec![disk(&self.prepared.disk)],
            net: options.machine.deterministic.is_none().then(|| cli::Net::User(cli::User::default())),
            no_reboot: true,
            ..cli::RunOptions::of(options.machine.clone())
        }
    }

    /// The kernel's release, where it is Debian's.
    pub fn kernel_release(&self) -> Option<&str> {
        self.prepared.kernel_release.as_deref()
    }

    /// What an unattended run has to answer.
    pub fn nonce(&self) -> Nonce {
        self.nonce
    }
}

/// The cache that the user names, else their own.
///
/// # Errors
/// Where there is no place for one.
pub fn cache(named: Option<&Path>) -> Result<Cache> {
    match named {
        Some(place) => Ok(Cache::at(place)),
        None => Ok(Cache::of_user()?),
    }
}

fn disk(disk: &images::Disk) -> cli::Disk {
    let shared = matches!(disk, images::Disk::Shared(_));
    cli::Disk { snapshot: shared, ..cli::Disk::new(disk.path().to_owned()) }
}

/// The VMM, where it is not the user's own; none where the user's own initrd brings what it needs.
fn vmm(options: &Options, cache: &Cache, progress: &dyn Progress) -> Result<Option<PathBuf>> {
    let choice = match &options.vmm {
        Some(Vmm::File(path)) => return Ok(Some(path.clone())),
        Some(Vmm::Own(choice)) => choice,
        None if options.initrd.is_some() => return Ok(None),
        None => &Choice::Fitting,
    };
    let (workspace, apt) = (vmm::workspace(), apt(options));
    let means = vmm::Means { workspace: workspace.as_deref(), cache, apt: &apt, progress };
    vmm::get(choice, means).map(Some).context("no VMM for the guest")
}

/// Another for each run, unless runs are to be the same.
fn nonce(options: &Options) -> Nonce {
    let random = || std::hash::RandomState::new().build_hasher().finish();
    Nonce(options.machine.deterministic.unwrap_or_else(random))
}

fn request(options: &Options, cache: Cache, nonce: Nonce) -> Request {
    Request {
        packages: match &options.packages {
            Some(directory) => Packages::Directory(directory.clone()),
            None => Packages::Apt(apt(options)),
        },
        mode: if options.is_unattended() { Mode::Check(nonce) } else { Mode::Interactive },
        firmware: options.firmware.clone(),
        kernel: options.kernel.clone(),
        modules: options.modules.clone(),
        initrd: options.initrd.clone(),
        disk: options.disk.clone(),
        vmm: match &options.vmm {
            Some(Vmm::File(path)) => Some(path.clone()),
            Some(Vmm::Own(_)) | None => None,
        },
        guest: Guest { harts: options.guest_harts, memory_mib: options.guest_memory },
        self_tests: options.self_tests,
        append: append(options),
        ..Request::new(cache)
    }
}

/// What the host's init looks for on the kernel's command line.
const KVM_CHECK: &str = "vhart.kvm_check";

/// The user's words for the kernel's command line, and those that the host's init looks for.
fn append(options: &Options) -> String {
    let asked = options.kvm_check.then_some(KVM_CHECK);
    options.append.as_deref().into_iter().chain(asked).collect::<Vec<_>>().join(" ")
}

fn apt(options: &Options) -> Apt {
    Apt {
        suite: options.suite.clone(),
        mirror: options.mirror.clone(),
        keyring: options.keyring.clone(),
        expired: if options.refuse_expired { Expired::Refuse } else { Expired::Accept },
        freshness: if options.refresh { Freshness::Newest } else { Freshness::Cached },
    }
}

/// The firmware's name in a report.
pub fn firmware_name(firmware: &Firmware) -> String {
    match firmware {
        Firmware::BuiltIn => "builtin".to_owned(),
        Firmware::OpenSbi => "opensbi".to_owned(),
        Firmware::File(path) => path.display().to_string(),
    }
}
