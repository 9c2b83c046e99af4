//! `--disk`: a block device.

use std::path::PathBuf;

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
}

/// Reads `PATH` or QEMU's `file=PATH,readonly=on,snapshot=on`.
pub fn parse(text: &str) -> Result<Disk, String> {
    if !text.contains('=') {
        return named(Disk { file: text.into(), readonly: false, snapshot: false });
    }
    let mut all = Properties::read("a disk", text, None);
    let readonly = all.take_switch("readonly")?.or(all.take_switch("read-only")?);
    let snapshot = all.take_switch("snapshot")?;
    let disk = Disk {
        file: all.take("file").unwrap_or_default().into(),
        readonly: readonly.unwrap_or(false),
        snapshot: snapshot.unwrap_or(false),
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
            Err(format!("there is no '{key}={value}' here; there are file, readonly, snapshot, format"))
        }
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
        Ok(Disk { file: file.into(), readonly, snapshot })
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
    fn what_has_no_meaning_is_refused() {
        for text in ["", "readonly=on", "file=a,readonly=maybe", "file=a,format=qcow2", "file=a,cache=none"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
