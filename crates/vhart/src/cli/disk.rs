//! `--disk`: a block device.

use std::path::PathBuf;

use board::map::VIRTIO_SLOTS;

use super::properties::Properties;

/// A disk: a raw file, and how it may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// The raw file.
    pub file: PathBuf,
    /// The guest cannot write.
    pub readonly: bool,
    /// The guest's writes are kept aside and forgotten at the end; the file is only read.
    pub snapshot: bool,
    /// The virtio-mmio slot it is in, if the user chose one.
    pub slot: Option<usize>,
}

/// Reads `PATH` or QEMU's `file=PATH,readonly=on,snapshot=on`.
pub fn parse(text: &str) -> Result<Disk, String> {
    if !text.contains('=') {
        return named(Disk { file: text.into(), readonly: false, snapshot: false, slot: None });
    }
    let mut all = Properties::read("a disk", text, None);
    let readonly = all.take_switch("readonly")?.or(all.take_switch("read-only")?);
    let snapshot = all.take_switch("snapshot")?;
    let disk = Disk {
        file: all.take("file").unwrap_or_default().into(),
        readonly: readonly.unwrap_or(false),
        snapshot: snapshot.unwrap_or(false),
        slot: all.take("bus").map(|bus| slot(&bus)).transpose()?,
    };
    if let Some(format) = all.take("format").filter(|format| format != "raw") {
        return Err(format!("only raw images are supported, not '{format}'; 'qemu-img convert -O raw' makes one"));
    }
    if let Some(other) = all.take("if").filter(|name| !matches!(name.as_str(), "virtio" | "none")) {
        return Err(format!("there are only virtio disks, not if={other}"));
    }
    all.take("id");
    match all.rest().first() {
        None => named(disk),
        Some((key, value)) => {
            Err(format!("there is no '{key}={value}' here; there are file, readonly, snapshot, format, bus"))
        }
    }
}

/// N of QEMU's `virtio-mmio-bus.N`.
pub fn slot(bus: &str) -> Result<usize, String> {
    let number = bus.strip_prefix("virtio-mmio-bus.").and_then(|number| number.parse().ok());
    number.filter(|&slot| slot < VIRTIO_SLOTS).ok_or_else(|| {
        format!("there is no bus '{bus}'; there are virtio-mmio-bus.0 to virtio-mmio-bus.{}", VIRTIO_SLOTS - 1)
    })
}

fn named(disk: Disk) -> Result<Disk, String> {
    match disk.file.as_os_str().is_empty() {
        true => Err("which file? Write PATH or file=PATH".into()),
        false => Ok(disk),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(file: &str, readonly: bool, snapshot: bool) -> Result<Disk, String> {
        Ok(Disk { file: file.into(), readonly, snapshot, slot: None })
    }

    #[test]
    fn a_path_alone_is_a_writable_disk() {
        assert_eq!(parse("a,b.img"), disk("a,b.img", false, false));
    }

    #[test]
    fn qemus_spelling_is_understood() {
        assert_eq!(parse("file=a.img,format=raw,if=none,id=hd0,readonly=on"), disk("a.img", true, false));
        assert_eq!(parse("snapshot=on,file=a,,b.img"), disk("a,b.img", false, true));
        assert_eq!(parse("file=a.img,readonly"), disk("a.img", true, false));
    }

    #[test]
    fn a_bus_is_a_slot() {
        let slot = |text: &str| parse(text).map(|disk| disk.slot);
        assert_eq!(slot("file=a.img,bus=virtio-mmio-bus.0"), Ok(Some(0)));
        assert_eq!(slot("file=a.img"), Ok(None));
        for bus in ["virtio-mmio-bus.8", "virtio-mmio-bus.", "pcie.0", "virtio-mmio-bus.-1"] {
            assert!(slot(&format!("file=a.img,bus={bus}")).is_err(), "{bus}");
        }
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        for text in ["", "readonly=on", "file=a,readonly=maybe", "file=a,format=qcow2", "file=a,cache=none"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
