//! The targets.

mod aplic;
mod archive;
mod debugger;
mod decode;
mod devices;
#[cfg(all(target_arch = "x86_64", unix))]
mod engines;
mod files;
mod frames;
mod hypervisor;
mod imsic;
mod isa;
mod loader;
mod packages;
mod sbi;
mod shares;
mod snapshot;
mod symbols;
mod trace;
mod traps;
mod virtio;
mod work;

use arbitrary::{Result, Unstructured};

/// Something that reads input.
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// What it holds against wrong input, in a few words.
    pub what: &'static str,
    /// Runs one input. Panics where vhart is at fault.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    decode::TARGET,
    isa::TARGET,
    loader::KERNEL,
    loader::INITRD,
    loader::PLACES,
    loader::TREE,
    devices::TARGET,
    aplic::TARGET,
    imsic::TARGET,
    virtio::BLOCK,
    virtio::ENTROPY,
    virtio::CONSOLE,
    virtio::PORTS,
    virtio::NETWORK,
    virtio::SHARE,
    shares::TARGET,
    frames::TARGET,
    sbi::TARGET,
    hypervisor::TARGET,
    trace::TARGET,
    snapshot::TARGET,
    symbols::TARGET,
    debugger::TARGET,
    traps::TARGET,
    work::TARGET,
    packages::DEB,
    packages::CONTROL,
    packages::MODULE,
    packages::INITRAMFS,
    archive::RELEASE,
    archive::INDEX,
    archive::HTTP,
    archive::SETTINGS,
    #[cfg(all(target_arch = "x86_64", unix))]
    engines::TARGET,
];

/// The target of this name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Gives `input` to `run`. That it is over in the middle of something is no fault.
fn with(input: &[u8], run: fn(&mut Unstructured) -> Result<()>) {
    let _ = run(&mut Unstructured::new(input));
}
