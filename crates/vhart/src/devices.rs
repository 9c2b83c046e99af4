//! The devices in the board's virtio slots: disks, a network card, a source of random numbers.

use anyhow::{Result, bail};
use board::map::VIRTIO_SLOTS;
use board::{Plug, SlotMaker};
use virtio::{BlockAccess, BlockFile, Forward, NetConfig, UserNet};

use crate::cli::{Disk, RunOptions};

/// The network card's address: the one that QEMU gives its first card.
const MAC: [u8; 6] = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];

/// Opens what the user asked for, in the order of the options. The source of random numbers comes last, if there is a
/// slot left.
///
/// # Errors
/// A disk cannot be opened, or a forwarded port is taken.
pub fn plugs(options: &RunOptions) -> Result<Vec<Plug>> {
    let mut slots: Vec<SlotMaker> = options.disks.iter().map(disk).collect::<Result<_>>()?;
    if let Some(forwards) = options.net() {
        if options.machine.deterministic.is_some() {
            bail!("the network depends on the host's clock and on others: --deterministic goes without --net");
        }
        slots.push(network(forwards)?);
    }
    if slots.len() < VIRTIO_SLOTS {
        let seed = options.machine.deterministic;
        slots.push(Box::new(move |slot| virtio::entropy(slot, seed)));
    }
    Ok(slots.into_iter().map(Plug::from).collect())
}

fn disk(disk: &Disk) -> Result<SlotMaker> {
    let access = match (disk.readonly, disk.snapshot) {
        (true, _) => BlockAccess::ReadOnly,
        (false, true) => BlockAccess::Snapshot,
        (false, false) => BlockAccess::ReadWrite,
    };
    let file = BlockFile::open(&disk.file, access)?;
    Ok(Box::new(|slot| virtio::block(slot, file)))
}

fn network(forwards: Vec<Forward>) -> Result<SlotMaker> {
    let net = UserNet::open(NetConfig { mac: MAC, forwards })?;
    Ok(Box::new(|slot| virtio::network(slot, net)))
}
