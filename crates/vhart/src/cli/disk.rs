//! `--disk`: a block device.

use std::path::PathBuf;

use virtio::{Cache, Discard, Format};

use super::properties::Properties;

/// A disk: a raw file, and how it may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// The raw file.
    pub file: PathBuf,
    /// Whether it is known to be raw.
    pub format: Format,
    /// The guest cannot write.
    pub readonly: bool,
    /// The guest's writes are kept aside and forgotten at the end; the file is only read.
    pub snapshot: bool,
    /// When writes are on the host's disk.
    pub cache: Cache,
    /// What becomes of blocks that the guest discards.
    pub discard: Discard,
    /// The virtio-mmio slot, if it matters.
    pub slot: Option<usize>,
}

impl Disk {
    /// A writable disk.
    pub fn new(file: PathBuf) -> Disk {
        Disk {
            file,
            format: Format::default(),
            readonly: false,
            snapshot: false,
            cache: Cache::default(),
            discard: Discard::default(),
            slot: None,
        }
    }
}

/// Reads `PATH` or QEMU's `file=PATH,readonly=on,snapshot=on,cache=writethrough,discard=unmap`.
pub fn parse(text: &str) -> Result<Disk, String> {
    if !text.contains('=') {
        return named(Disk::new(text.into()));
    }
    let mut all = Properties::read("a disk", text, None);
    let readonly = all.take_switch("readonly")?.or(all.take_switch("read-only")?);
    let snapshot = all.take_switch("snapshot")?;
    let disk = Disk {
        format: take_format(&mut all)?,
        readonly: readonly.unwrap_or(false),
        snapshot: snapshot.unwrap_or(false),
        cache: take_cache(&mut all)?,
        discard: take_discard(&mut all)?,
        slot: all.take_slot()?,
        ..Disk::new(all.take("file").unwrap_or_default().into())
    };
    if let Some(other) = all.take("if").filter(|name| !matches!(name.as_str(), "virtio" | "none")) {
        return Err(format!("there are only virtio disks, not if={other}"));
    }
    all.take("id");
    match all.rest().first() {
        None => named(disk),
        Some((key, value)) => Err(format!(
            "there is no '{key}={value}' here; there are file, readonly, snapshot, cache, discard, bus, format"
        )),
    }
}

fn take_format(all: &mut Properties) -> Result<Format, String> {
    match all.take("format").as_deref() {
        None => Ok(Format::Probed),
        Some("raw") => Ok(Format::Raw),
        Some(other) => {
            Err(format!("only raw images are supported, not '{other}'; 'qemu-img convert -O raw' makes one"))
        }
    }
}

/// QEMU's cache modes. Those that go around the host's page cache differ in that alone, and it is used all the same
/// here.
pub fn take_cache(all: &mut Properties) -> Result<Cache, String> {
    match all.take("cache").as_deref() {
        None => Ok(Cache::default()),
        Some("writeback" | "none") => Ok(Cache::Writeback),
        Some("writethrough" | "directsync") => Ok(Cache::Writethrough),
        Some("unsafe") => Ok(Cache::Unsafe),
        Some(other) => Err(all.wrong("cache", "writeback, writethrough, none, directsync or unsafe", other)),
    }
}

/// QEMU's words for what becomes of discarded blocks.
pub fn take_discard(all: &mut Properties) -> Result<Discard, String> {
    match all.take("discard").as_deref() {
        None | Some("ignore" | "off") => Ok(Discard::Ignore),
        Some("unmap" | "on") => Ok(Discard::Unmap),
        Some(other) => Err(all.wrong("discard", "ignore or unmap", other)),
    }
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
        Ok(Disk { readonly, snapshot, ..Disk::new(file.into()) })
    }

    #[test]
    fn a_path_alone_is_a_writable_disk() {
        assert_eq!(parse("a,b.img"), disk("a,b.img", false, false));
    }

    #[test]
    fn qemus_spelling_is_understood() {
        let raw = Disk { format: Format::Raw, ..disk("a.img", true, false).unwrap() };
        assert_eq!(parse("file=a.img,format=raw,if=none,id=hd0,readonly=on"), Ok(raw));
        assert_eq!(parse("snapshot=on,file=a,,b.img"), disk("a,b.img", false, true));
        assert_eq!(parse("file=a.img,readonly"), disk("a.img", true, false));
    }

    #[test]
    fn cache_modes_are_qemus() {
        let cache = |mode| parse(&format!("file=a,cache={mode}")).unwrap().cache;
        assert_eq!(["writeback", "none"].map(cache), [Cache::Writeback; 2]);
        assert_eq!(["writethrough", "directsync"].map(cache), [Cache::Writethrough; 2]);
        assert_eq!((cache("unsafe"), parse("file=a").unwrap().cache), (Cache::Unsafe, Cache::Writeback));
        assert_eq!(parse("file=a,discard=unmap").unwrap().discard, Discard::Unmap);
        assert_eq!(parse("file=a").unwrap().discard, Discard::Ignore);
    }

    #[test]
    fn a_slot_can_be_named() {
        assert_eq!(parse("file=a,bus=virtio-mmio-bus.0").unwrap().slot, Some(0));
        assert_eq!(parse("file=a").unwrap().slot, None);
        for bus in ["virtio-mmio-bus.8", "virtio-mmio-bus", "pcie.0", ""] {
            assert!(parse(&format!("file=a,bus={bus}")).unwrap_err().contains("virtio-mmio-bus.0 to .7"), "{bus}");
        }
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        for text in
            ["", "readonly=on", "file=a,readonly=maybe", "file=a,format=qcow2", "file=a,cache=much", "file=a,discard=2"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
