//! From the options to files that boot, and to the machine that boots them.

use std::hash::{BuildHasher as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use images::vmm::{self, Choice};
use images::{Cache, Firmware, Guest, Mode, Nonce, Prepared, Progress, Request, qemu};

use super::making;
use super::options::{Options, Rootfs};
use super::software::{Software, Vmm};
use crate::cli::{self, MachineOptions};
use crate::errors;

/// What the machine boots.
pub struct Images {
    prepared: Prepared,
    /// What an unattended run has to answer.
    nonce: Nonce,
}

impl Images {
    /// Fetches and builds what the options of `vhart linux` ask for, as far as it is not in the cache.
    ///
    /// # Errors
    /// One that says what is missing and what to do.
    pub fn prepare(options: &Options, progress: &dyn Progress) -> Result<Images> {
        let nonce = nonce(&options.machine);
        let mode = if options.is_unattended() { Mode::Check(nonce) } else { Mode::Interactive };
        let word = options.kvm_check.then_some(KVM_CHECK);
        let shares = !options.shares.is_empty();
        let own = Own { initrd: options.initrd.clone(), disk: options.disk.clone(), shares, word, ..Own::default() };
        if options.rootfs == Rootfs::Debian {
            return Ok(Images { nonce, prepared: debian(options, mode, own, progress)? });
        }
        Ok(Images { nonce, ..Images::of(&options.software, mode, own, progress)? })
    }

    /// The same for software that is told from the rest.
    ///
    /// # Errors
    /// As [`Images::prepare`]'s.
    pub fn of(software: &Software, mode: Mode, own: Own, progress: &dyn Progress) -> Result<Images> {
        let cache = software.packages.cache()?;
        let without_vmm = own.initrd.is_some();
        let mut request = Request {
            mode,
            initrd: own.initrd,
            disk: own.disk,
            shares: own.shares,
            rootfs: own.rootfs,
            ..request(software, cache)
        };
        own.word.into_iter().for_each(|word| request.append.push_str(&format!(" {word}")));
        images::fetch(&mut request, progress)?;
        request.vmm = vmm(software, without_vmm, &request.cache, progress)?;
        Ok(Images { prepared: images::prepare(&request, progress)?, nonce: Nonce(0) })
    }

    /// Prints QEMU's command line for the same images.
    pub fn print_qemu(&self, options: &Options) -> Result<ExitCode> {
        errors::print(images::shell::line(self.qemu_words(options)) + "\n")?;
        Ok(ExitCode::SUCCESS)
    }

    /// QEMU's command line for the same images, by words.
    pub fn qemu_words(&self, options: &Options) -> Vec<String> {
        let asked = &options.machine;
        let machine = qemu::Machine {
            board: asked.aia.board(asked.own_isa()),
            harts: asked.harts,
            memory_mib: asked.memory >> 20,
            shares: shares(options),
            devices: Vec::new(),
        };
        qemu::command(&self.prepared, &machine)
    }

    /// What `vhart run` would have to be told to boot them.
    pub fn run_options(&self, options: &Options) -> cli::RunOptions {
        cli::RunOptions {
            disks: std::iter::once(&self.prepared.disk).chain(&self.prepared.guest_disk).map(disk).collect(),
            net: options.machine.deterministic.is_none().then(|| cli::Net::User(cli::User::default())),
            shares: options.shares.clone(),
            snapshots: options.snapshots.clone(),
            ..self.machine(&options.machine)
        }
    }

    /// The same without devices.
    pub fn machine(&self, machine: &MachineOptions) -> cli::RunOptions {
        cli::RunOptions {
            kernel: Some(self.prepared.kernel.clone()),
            initrd: Some(self.prepared.initrd.clone()),
            append: Some(self.prepared.append.clone()),
            firmware: self.prepared.firmware.clone().map_or(cli::Firmware::Builtin, cli::Firmware::File),
            no_reboot: true,
            ..cli::RunOptions::of(machine.clone())
        }
    }

    /// The files.
    pub fn prepared(&self) -> &Prepared {
        &self.prepared
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

/// Images with a Debian on a disk of the host's and one of the guest's.
fn debian(options: &Options, mode: Mode, own: Own, progress: &dyn Progress) -> Result<Prepared> {
    let systems = options.own_systems();
    systems.iter().flatten().try_for_each(images::OwnDisk::check)?;
    let own = Own { disk: None, rootfs: images::Rootfs::Debian, ..own };
    let prepared = Images::of(&options.software, mode, own, progress)?.prepared;
    let (apt, cache) = (options.software.packages.apt(), options.software.packages.cache()?);
    let sources = images::Sources { apt: &apt, cache: &cache, progress };
    let boot = |making: &images::Making, line: &mut dyn FnMut(&str)| making::boot(&options.machine, making, line);
    images::with_debian(prepared, systems.each_ref().map(Option::as_ref), &sources, &boot).context("no Debian")
}

/// The disk with a Debian that is in the cache, as a machine has it that changes nothing there: made now if there is
/// none, by a machine as `machine`, of what the images `of` the rest have.
///
/// # Errors
/// It cannot be made.
pub fn debian_disk(
    software: &Software,
    machine: &MachineOptions,
    of: &Images,
    progress: &dyn Progress,
) -> Result<cli::Disk> {
    let (apt, cache) = (software.packages.apt(), software.packages.cache()?);
    let sources = images::Sources { apt: &apt, cache: &cache, progress };
    let boot = |making: &images::Making, line: &mut dyn FnMut(&str)| making::boot(machine, making, line);
    let path = images::debian_disk(&sources, &of.prepared, &boot).context("no Debian")?;
    Ok(disk(&images::Disk::Shared(path)))
}

/// What the user brings in place of what is made here.
#[derive(Default)]
pub struct Own {
    /// The host's initramfs.
    pub initrd: Option<PathBuf>,
    /// The host's first disk.
    pub disk: Option<PathBuf>,
    /// Whether directories are shared.
    pub shares: bool,
    /// What host and guest are once they are up.
    pub rootfs: images::Rootfs,
    /// One more word for the host kernel's command line, which its init looks for.
    pub word: Option<&'static str>,
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

/// The shared directories, as QEMU is to be told of them.
fn shares(options: &Options) -> Vec<qemu::Share> {
    let share = |(share, tag): (&cli::Share, String)| qemu::Share {
        directory: share.directory.clone(),
        readonly: share.readonly,
        tag,
    };
    options.shares.iter().zip(cli::share_tags(&options.shares)).map(share).collect()
}

fn disk(disk: &images::Disk) -> cli::Disk {
    let shared = matches!(disk, images::Disk::Shared(_));
    cli::Disk { snapshot: shared, ..cli::Disk::new(disk.path().to_owned()) }
}

/// The VMM, where it is not the user's own; none where the user's own initrd brings what it needs.
fn vmm(software: &Software, without: bool, cache: &Cache, progress: &dyn Progress) -> Result<Option<PathBuf>> {
    let choice = match &software.vmm {
        Some(Vmm::File(path)) => return Ok(Some(path.clone())),
        Some(Vmm::Own(choice)) => choice,
        None if without => return Ok(None),
        None => &Choice::Fitting,
    };
    let (workspace, apt) = (vmm::workspace(), software.packages.apt());
    let means = vmm::Means { product: vmm::Product::Vmm, workspace: workspace.as_deref(), cache, apt: &apt, progress };
    vmm::get(choice, means).map(Some).context("no VMM for the guest")
}

/// Another for each run, unless runs are to be the same.
pub fn nonce(machine: &MachineOptions) -> Nonce {
    let random = || std::hash::RandomState::new().build_hasher().finish();
    Nonce(machine.deterministic.unwrap_or_else(random))
}

fn request(software: &Software, cache: Cache) -> Request {
    Request {
        packages: software.packages.source(),
        firmware: software.firmware.clone(),
        kernel: software.kernel.clone(),
        modules: software.modules.clone(),
        vmm: software.vmm.as_ref().and_then(Vmm::file),
        guest: Guest { harts: software.guest_harts, memory_mib: software.guest_memory },
        self_tests: software.self_tests,
        append: append(software),
        ..Request::new(cache)
    }
}

/// What the host's init looks for on the kernel's command line.
const KVM_CHECK: &str = "vhart.kvm_check";

/// The user's words for the host kernel's command line, and what `init/run-guest.sh` looks for there.
fn append(software: &Software) -> String {
    let aia = software.guest_aia.map(|kind| format!("vhart.guest_aia={}", kind.word()));
    software.append.iter().cloned().chain(aia).collect::<Vec<_>>().join(" ")
}

/// The firmware's name in a report.
pub fn firmware_name(firmware: &Firmware) -> String {
    match firmware {
        Firmware::BuiltIn => "builtin".to_owned(),
        Firmware::OpenSbi => "opensbi".to_owned(),
        Firmware::File(path) => path.display().to_string(),
    }
}
