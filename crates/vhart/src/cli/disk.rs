//! `--disk`: a block device.

use std::path::PathBuf;

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
    let mut disk = Disk { file: PathBuf::new(), readonly: false, snapshot: false };
    if !text.contains('=') {
        disk.file = text.into();
        return named(disk);
    }
    for (key, value) in pairs(text) {
        match key.as_str() {
            "file" => disk.file = value.into(),
            "readonly" | "read-only" => disk.readonly = switch(&key, &value)?,
            "snapshot" => disk.snapshot = switch(&key, &value)?,
            "format" if value == "raw" => {}
            "format" => return Err(format!("only raw images are supported, not '{value}'")),
            "if" if matches!(value.as_str(), "virtio" | "none") => {}
            "id" => {}
            _ => return Err(format!("there is no '{key}={value}' here; there are file, readonly, snapshot, format")),
        }
    }
    named(disk)
}

fn named(disk: Disk) -> Result<Disk, String> {
    match disk.file.as_os_str().is_empty() {
        true => Err("which file? Write PATH or file=PATH".into()),
        false => Ok(disk),
    }
}

/// `key=value` pairs between commas; a doubled comma is one of the value's. A key alone is switched on.
fn pairs(text: &str) -> impl Iterator<Item = (String, String)> {
    let separated = text.replace(",,", "\0");
    let parts: Vec<String> = separated.split(',').map(|part| part.replace('\0', ",")).collect();
    parts.into_iter().filter(|part| !part.is_empty()).map(|part| match part.split_once('=') {
        Some((key, value)) => (key.to_owned(), value.to_owned()),
        None => (part, "on".to_owned()),
    })
}

fn switch(key: &str, value: &str) -> Result<bool, String> {
    match value {
        "on" | "yes" | "true" => Ok(true),
        "off" | "no" | "false" => Ok(false),
        _ => Err(format!("{key} is on or off, not '{value}'")),
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
