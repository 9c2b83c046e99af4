//! The devices in the board's virtio slots: disks, a network card, a source of random numbers.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use board::map::VIRTIO_SLOTS;
use board::{Plug, SlotMaker};
use virtio::{BlockAccess, BlockFile, DiskError, DiskOptions, Forward, NetConfig, Serving, UserNet};

use crate::cli::{Disk, RunOptions};
use crate::errors::without_number;

/// The network card's address: the one that QEMU gives its first card.
const MAC: [u8; 6] = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];

/// Opens what the user asked for, in the order of the options. The source of random numbers comes last, if there is a
/// slot left.
///
/// # Errors
/// A disk cannot be opened, or a forwarded port is taken.
pub fn plugs(options: &RunOptions) -> Result<Vec<Plug>> {
    let serving = match options.machine.deterministic {
        Some(_) => Serving::Hart,
        None => Serving::Thread,
    };
    let mut plugs: Vec<Plug> = Vec::new();
    for (index, asked) in options.disks.iter().enumerate() {
        let make = disk(asked, &options.disks[..index], serving)?;
        plugs.push(Plug { slot: asked.slot, make });
    }
    if let Some(forwards) = options.net() {
        plugs.push(network(forwards)?.into());
    }
    if plugs.len() < VIRTIO_SLOTS {
        let seed = options.machine.deterministic;
        let make: SlotMaker = Box::new(move |slot| virtio::entropy(slot, seed));
        plugs.push(make.into());
    }
    Ok(plugs)
}

/// Opens a disk. `others` are those that are open.
fn disk(disk: &Disk, others: &[Disk], serving: Serving) -> Result<SlotMaker> {
    let access = match (disk.readonly, disk.snapshot) {
        (true, _) => BlockAccess::ReadOnly,
        (false, true) => BlockAccess::Snapshot,
        (false, false) => BlockAccess::ReadWrite,
    };
    let options =
        DiskOptions { report: Arc::new(|text| eprintln!("vhart: {}", without_number(text))), ..access.into() };
    let file = match BlockFile::open(&disk.file, options) {
        Err(DiskError::InUse { .. }) if others.iter().any(|other| is_same(&other.file, &disk.file)) => {
            bail!(
                "disk image {:?} is named twice; give each --disk a file of its own, or open both readonly",
                disk.file
            )
        }
        opened => opened?,
    };
    Ok(Box::new(move |slot| virtio::block(slot, file, serving)))
}

/// Whether two names are of the same file.
fn is_same(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| std::fs::metadata(path).map(|info| (info.dev(), info.ino()));
    matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one == other)
}

fn network(forwards: Vec<Forward>) -> Result<SlotMaker> {
    let net = UserNet::open(NetConfig { mac: MAC, forwards })?;
    Ok(Box::new(|slot| virtio::network(slot, net)))
}
