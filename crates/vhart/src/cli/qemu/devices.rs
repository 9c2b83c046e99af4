//! `-device`, `-object` and `-global`: what is in the board's slots.

use super::line::Line;
use super::{disks, loads, net};
use crate::cli::properties::Properties;

/// Properties of virtio devices that change nothing that a guest could rely on.
const IGNORED: &[&str] = &[
    "id",
    "bus",
    "addr",
    "bootindex",
    "disable-legacy",
    "disable-modern",
    "event_idx",
    "indirect_desc",
    "iothread",
    "ioeventfd",
    "max-bytes",
    "num-queues",
    "period",
    "queue-size",
    "romfile",
    "share-rw",
    "vectors",
    "write-cache",
];

/// `-device NAME,...`
pub fn device(line: &mut Line, text: &str) -> Result<(), String> {
    if text.starts_with('{') {
        return Err("-device: write NAME,key=value; JSON is not read here".to_owned());
    }
    let mut all = Properties::read("-device", text, Some("driver"));
    let name = all.take("driver").unwrap_or_default();
    all.call(format!("-device {name}"));
    let base = name.trim_end_matches("-non-transitional").trim_end_matches("-transitional");
    let base = base.strip_suffix("-device").or_else(|| base.strip_suffix("-pci")).unwrap_or(base);
    match base {
        "loader" => return loads::loader(line, all),
        "virtio-blk" | "virtio-net" | "virtio-rng" => {}
        _ => return Err(missing(&name)),
    }
    if name.ends_with("-pci") {
        line.note(format!("-device {name}: the board has no PCI; the device is in a virtio-mmio slot"));
    }
    // Names and places on PCI say nothing; whatever else changes nothing is told.
    all.take_any(&["id", "addr", "bootindex"]);
    let bus = if base == "virtio-blk" || name.ends_with("-pci") { all.take("bus") } else { None };
    let ignored = all.take_any(IGNORED);
    line.ignore_all(&format!("-device {name}"), ignored);
    match base {
        "virtio-blk" => disks::device(line, all, bus.filter(|_| !name.ends_with("-pci"))),
        "virtio-net" => net::device(line, all),
        // The machine has a source of random numbers unless its slots are full.
        _ => {
            all.take("rng");
            all.finish()
        }
    }
}

fn missing(name: &str) -> String {
    format!(
        "-device {name}: there is no such device here; there are virtio-blk-device, virtio-net-device, \
         virtio-rng-device and loader"
    )
}

/// `-object TYPE,...`
pub fn object(line: &mut Line, text: &str) -> Result<(), String> {
    let kind = text.split(',').next().unwrap_or_default();
    match kind.strip_prefix("qom-type=").unwrap_or(kind) {
        // The machine's source of random numbers is the host's anyway.
        "rng-random" | "rng-builtin" => {}
        "memory-backend-ram" | "memory-backend-memfd" | "iothread" => line.ignore(format!("-object {text}")),
        other => return Err(format!("-object {other}: there is no such object here")),
    }
    Ok(())
}

/// `-global DRIVER.PROPERTY=VALUE`
pub fn global(line: &mut Line, text: &str) -> Result<(), String> {
    match text {
        "virtio-mmio.force-legacy=false" | "virtio-mmio.force-legacy=off" => {}
        "virtio-mmio.force-legacy=true" | "virtio-mmio.force-legacy=on" => {
            return Err("-global virtio-mmio.force-legacy=true: the slots are those of VIRTIO 1, not legacy".to_owned());
        }
        _ => line.ignore(format!("-global {text}")),
    }
    Ok(())
}
