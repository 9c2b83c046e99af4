//! From the options to files that boot, and to the machine that boots them.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use images::vmm::{self, Choice, Product};
use images::{Apt, Cache, Guest, Guests, Mode, Nonce, Other, PreparedGuests, Progress, Request, qemu};

use super::Options;
use super::options::Whose;
use crate::{cli, errors, linux};

/// What the machine boots.
pub struct Prepared {
    hypervisor: PathBuf,
    guests: PreparedGuests,
    nonce: Nonce,
}

impl Prepared {
    /// Fetches and builds what the options ask for, as far as it is not in the cache.
    ///
    /// # Errors
    /// One that says what is missing and what to do.
    pub fn of(options: &Options, progress: &dyn Progress) -> Result<Prepared> {
        let nonce = linux::nonce(&options.machine);
        check_files(options)?;
        let mut request = request(options, options.packages.cache()?, nonce);
        images::fetch(&mut request, progress)?;
        let hypervisor = match &options.hypervisor {
            Some(Whose::File(path)) => path.clone(),
            Some(Whose::Own(choice)) => image(choice, &request.cache, &options.packages.apt(), progress)?,
            None => image(&Choice::Fitting, &request.cache, &options.packages.apt(), progress)?,
        };
        let guests = images::prepare_guests(&request, &guests(options), progress)?;
        Ok(Prepared { hypervisor, guests, nonce })
    }

    /// What `vhart run` would have to be told to boot them.
    pub fn run_options(&self, options: &Options) -> cli::RunOptions {
        cli::RunOptions {
            kernel: Some(self.hypervisor.clone()),
            initrd: Some(self.guests.manifest.clone()),
            firmware: self.guests.firmware.clone().map_or(cli::Firmware::Builtin, cli::Firmware::File),
            no_reboot: true,
            disks: options.guest_disks.clone(),
            net: options.guest_net.clone(),
            ..cli::RunOptions::of(options.machine.clone())
        }
    }

    /// Prints QEMU's command line for the same images.
    pub fn print_qemu(&self, options: &Options) -> Result<ExitCode> {
        let asked = &options.machine;
        let (board, memory_mib) = (asked.aia.board(asked.own_isa()), asked.memory >> 20);
        let machine =
            qemu::Machine { board, harts: asked.harts, memory_mib, shares: Vec::new(), devices: devices(options) };
        let words = qemu::hypervisor_command(&self.hypervisor, &self.guests, &machine);
        errors::print(images::shell::line(&words) + "\n")?;
        Ok(ExitCode::SUCCESS)
    }

    /// What an unattended run has to answer.
    pub fn nonce(&self) -> Nonce {
        self.nonce
    }
}

/// Names a file of the user's that cannot be read, before anything is fetched; [`images::fetch`] does for the others.
fn check_files(options: &Options) -> Result<()> {
    let own = match &options.hypervisor {
        Some(Whose::File(path)) => Some(path),
        _ => None,
    };
    own.into_iter().chain(&options.other_kernel).try_for_each(|path| images::check_software(path))?;
    Ok(options.guest_disks.iter().try_for_each(|disk| images::check_file(&disk.file))?)
}

/// The hypervisor that `choice` names.
///
/// # Errors
/// It has to be built, and cannot be.
pub fn image(choice: &Choice, cache: &Cache, apt: &Apt, progress: &dyn Progress) -> Result<PathBuf> {
    let workspace = vmm::workspace();
    let means = vmm::Means { product: Product::Hypervisor, workspace: workspace.as_deref(), cache, apt, progress };
    vmm::get(choice, means).context("no hypervisor")
}

/// Which guests there are.
pub fn guests(options: &Options) -> Guests {
    let append = options.other_append.clone().unwrap_or_default();
    Guests {
        count: options.guests,
        vcpus: options.vcpus,
        other: options.other_kernel.clone().map(|kernel| Other { kernel, append }),
        disks: options.guest_disks.len() as u32,
        net: matches!(options.guest_net, Some(cli::Net::User(_))),
        rng: options.guest_rng,
        link: options.has_link(),
        aia: Some(options.guest_aia()).filter(|kind| *kind != cli::AiaKind::None).map(cli::AiaKind::word),
    }
}

/// A disk for QEMU.
fn drive(number: usize, disk: &cli::Disk) -> [String; 4] {
    let file = disk.file.display().to_string().replace(',', ",,");
    let on = |on| if on { "on" } else { "off" };
    let (readonly, snapshot) = (on(disk.readonly), on(disk.snapshot));
    [
        "-drive".to_owned(),
        format!("file={file},format=raw,if=none,id=disk{number},readonly={readonly},snapshot={snapshot}"),
        "-device".to_owned(),
        format!("virtio-blk-device,drive=disk{number}"),
    ]
}

/// The same disks and network card for QEMU.
fn devices(options: &Options) -> Vec<String> {
    let mut words = ["-global", "virtio-mmio.force-legacy=false"].map(str::to_owned).to_vec();
    words.extend(options.guest_disks.iter().enumerate().flat_map(|(number, disk)| drive(number, disk)));
    if guests(options).net {
        words.extend(["-netdev", "user,id=net", "-device", "virtio-net-device,netdev=net"].map(str::to_owned));
    }
    words
        .extend(options.guest_rng.then_some(["-device", "virtio-rng-device"]).into_iter().flatten().map(str::to_owned));
    words
}

fn request(options: &Options, cache: Cache, nonce: Nonce) -> Request {
    Request {
        packages: options.packages.source(),
        mode: if options.check { Mode::Check(nonce) } else { Mode::Interactive },
        firmware: options.firmware.clone(),
        kernel: options.guest_kernel.clone(),
        initrd: options.guest_initrd.clone(),
        guest: Guest { harts: options.vcpus, memory_mib: options.guest_memory },
        append: options.append.clone().unwrap_or_default(),
        ..Request::new(cache)
    }
}
