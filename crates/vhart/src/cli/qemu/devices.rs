//! `-device`, `-object` and `-global`: what is in the board's slots.

use super::line::Line;
use super::{chars, disks, loads, net, shares};
use crate::cli::properties::Properties;

/// Properties of virtio devices that change nothing that a guest could rely on.
const IGNORED: &[&str] = &[
    "id",
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
        "virtserialport" | "virtconsole" => return chars::port(line, base, all),
        "virtio-blk" | "virtio-net" | "virtio-rng" | "virtio-serial" | "virtio-9p" => {}
        _ => return Err(missing(&name)),
    }
    if name.ends_with("-pci") {
        line.note(format!("-device {name}: the board has no PCI; the device is in a virtio-mmio slot"));
    }
    // Of names, buses and addresses only the slots are places here.
    let in_slot = name.ends_with("-device");
    let place = all.take("bus").filter(|_| in_slot).map(|bus| format!(",bus={bus}")).unwrap_or_default();
    line.slots.used |= in_slot;
    all.take_any(&["id", "addr", "bootindex"]);
    let ignored = all.take_any(IGNORED);
    line.ignore_all(&format!("-device {name}"), ignored);
    match base {
        "virtio-blk" => disks::device(line, all, place),
        "virtio-net" => net::device(line, all, place),
        "virtio-serial" => chars::bus(line, all, place),
        "virtio-9p" => shares::device(line, all, place),
        // The machine has a source of random numbers unless its slots are full.
        _ => {
            all.take("rng");
            line.slots.random = place.strip_prefix(',').map(str::to_owned);
            all.finish()
        }
    }
}

fn missing(name: &str) -> String {
    format!(
        "-device {name}: there is no such device here; there are virtio-blk-device, virtio-net-device, \
         virtio-rng-device, virtio-9p-device, virtio-serial-device with virtserialport and virtconsole, and loader"
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

/// What command lines say about the virtio-mmio slots.
#[derive(Default)]
pub struct Slots {
    /// A device is in one.
    used: bool,
    /// Whether their registers are the legacy ones.
    legacy: Option<bool>,
    /// Where the source of random numbers is, as a value of `--rng`.
    random: Option<String>,
}

impl Slots {
    /// Writes what differs from vhart's slots. QEMU's are legacy ones unless it is told otherwise.
    pub fn write(self, line: &mut Line) {
        self.random.into_iter().for_each(|place| line.option("rng", place));
        if self.legacy.unwrap_or(self.used) {
            line.same("legacy-virtio", None);
        }
    }
}

/// `-global DRIVER.PROPERTY=VALUE`
pub fn global(line: &mut Line, text: &str) -> Result<(), String> {
    match text {
        "virtio-mmio.force-legacy=false" | "virtio-mmio.force-legacy=off" => line.slots.legacy = Some(false),
        "virtio-mmio.force-legacy=true" | "virtio-mmio.force-legacy=on" => line.slots.legacy = Some(true),
        _ => line.ignore(format!("-global {text}")),
    }
    Ok(())
}
