//! The devices in the board's virtio slots: disks, a network card, shared directories, a source of random numbers.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use board::map::VIRTIO_SLOTS;
use board::{Plug, SlotMaker};
use virtio::{BlockAccess, BlockFile, ChangedDisk, DiskError, DiskOptions, NetConfig, Serving, UserNet};

use crate::cli::{Disk, RunOptions, User, open_shares};
use crate::errors::{tell, without_number};

/// The network card's address: the one that QEMU gives its first card.
const MAC: [u8; 6] = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];

/// Opens what the user asked for, in the order of the options, and puts `others` behind it. The source of random
/// numbers comes last, if there is a slot left.
///
/// # Errors
/// A disk or a directory cannot be opened, or a forwarded port is taken.
pub fn plugs(options: &RunOptions, others: Vec<Plug>) -> Result<Vec<Plug>> {
    let serving = match options.machine.deterministic {
        Some(_) => Serving::Hart,
        None => Serving::Thread,
    };
    let changed = options.snapshots.changed_disks();
    let mut plugs = Vec::new();
    for (index, asked) in options.disks.iter().enumerate() {
        plugs.push(Plug { slot: asked.slot, make: disk(asked, &options.disks[..index], serving, changed)? });
    }
    if let Some(user) = options.net() {
        plugs.push(Plug { slot: user.slot, make: network(user)? });
    }
    plugs.extend(others);
    for (asked, directory) in options.shares.iter().zip(open_shares(&options.shares)?) {
        plugs.push(Plug { slot: asked.slot, make: Box::new(move |slot| virtio::share(slot, directory, serving)) });
    }
    if plugs.len() < VIRTIO_SLOTS {
        let seed = options.machine.deterministic;
        plugs.push(Plug { slot: options.rng, make: Box::new(move |slot| virtio::entropy(slot, seed)) });
    }
    Ok(plugs)
}

/// Opens a disk. `others` are those that are open.
fn disk(disk: &Disk, others: &[Disk], serving: Serving, changed: ChangedDisk) -> Result<SlotMaker> {
    let access = match (disk.readonly, disk.snapshot) {
        (true, _) => BlockAccess::ReadOnly,
        (false, true) => BlockAccess::Snapshot,
        (false, false) => BlockAccess::ReadWrite,
    };
    let options = DiskOptions {
        access,
        format: disk.format,
        cache: disk.cache,
        discard: disk.discard,
        changed,
        report: Arc::new(|text| tell(without_number(text))),
    };
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

/// Opens the network, and tells the ports that the host chose.
fn network(user: User) -> Result<SlotMaker> {
    let User { forwards, reach, mac, slot: _ } = user;
    let chosen: Vec<bool> = forwards.iter().map(|forward| forward.host.port() == 0).collect();
    let net = UserNet::open(NetConfig { mac: mac.unwrap_or(MAC), forwards, reach })?;
    for (forward, _) in net.forwards().iter().zip(chosen).filter(|(_, chosen)| *chosen) {
        tell(forward);
    }
    Ok(Box::new(|slot| virtio::network(slot, net)))
}
