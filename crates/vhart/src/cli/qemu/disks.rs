//! `-drive`, `-blockdev`, `-hda` and `-device virtio-blk-device`: disks.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use virtio::{Cache, Discard, Format};

use super::line::Line;
use crate::cli::disk;
use crate::cli::properties::Properties;

/// What concerns how a host file is accessed, and not what is in it.
const IGNORED: &[&str] = &[
    "aio",
    "auto-read-only",
    "bus",
    "cache.direct",
    "copy-on-read",
    "detect-zeroes",
    "file.aio",
    "file.locking",
    "index",
    "locking",
    "rerror",
    "unit",
    "werror",
];

/// The disks of a command line.
#[derive(Default)]
pub struct Disks {
    drives: Vec<Drive>,
    /// Devices in their order.
    devices: Vec<Device>,
    snapshot: bool,
}

/// A disk that names its drive.
struct Device {
    drive: String,
    option: String,
    /// The slot, as a property of `--disk`.
    bus: String,
}

/// A file, and how it may be used.
struct Drive {
    id: Option<String>,
    file: Source,
    format: Format,
    readonly: bool,
    snapshot: bool,
    /// How its writes and discards are treated, as `--disk` wants it.
    treatment: String,
    /// Whether it is a disk without a device that names it.
    is_disk: bool,
}

enum Source {
    File(String),
    /// Another `-blockdev`, by its name.
    Node(String),
}

/// `-drive file=FILE,...`
pub fn drive(line: &mut Line, text: &str) -> Result<(), String> {
    let mut all = Properties::read("-drive", text, None);
    let names_format = ["format", "driver"].iter().any(|key| all.has(key));
    let file = file(&mut all)?.ok_or("-drive: which file? Write -drive file=FILE,format=raw,if=virtio")?;
    let interface = all.take("if");
    if let Some(other) = interface.as_deref().filter(|name| !matches!(*name, "none" | "virtio")) {
        return Err(format!("-drive if={other}: there are only virtio disks; write if=virtio"));
    }
    let format = if names_format { Format::Raw } else { probed(line, "-drive", &file)? };
    let media = all.take("media");
    if let Some(other) = media.as_deref().filter(|name| !matches!(*name, "disk" | "cdrom")) {
        return Err(all.wrong("media", "disk or cdrom", other));
    }
    let readonly = all.take_switch("readonly")?.or(all.take_switch("read-only")?);
    let drive = Drive {
        id: all.take("id"),
        file: Source::File(file),
        format,
        readonly: readonly.unwrap_or(media.as_deref() == Some("cdrom")),
        snapshot: all.take_switch("snapshot")?.unwrap_or(false),
        treatment: treatment(&mut all)?,
        is_disk: interface.as_deref() != Some("none"),
    };
    finish(line, all)?;
    line.disks.drives.push(drive);
    Ok(())
}

/// How writes are treated, which QEMU says in one word or in several.
fn cache(all: &mut Properties) -> Result<Cache, String> {
    let mut cache = disk::take_cache(all)?;
    if all.take_switch("cache.writeback")? == Some(false) {
        cache = Cache::Writethrough;
    }
    if all.take_switch("cache.no-flush")? == Some(true) {
        cache = Cache::Unsafe;
    }
    Ok(cache)
}

/// How writes and discards are treated.
fn treatment(all: &mut Properties) -> Result<String, String> {
    let cache = match cache(all)? {
        Cache::Writeback => "",
        Cache::Writethrough => ",cache=writethrough",
        Cache::Unsafe => ",cache=unsafe",
    };
    let discard = match disk::take_discard(all)? {
        Discard::Ignore => "",
        Discard::Unmap => ",discard=unmap",
    };
    Ok(format!("{cache}{discard}"))
}

/// The file that properties name, whose format has to be raw.
fn file(all: &mut Properties) -> Result<Option<String>, String> {
    let named = all.take("file").or_else(|| all.take("file.filename"));
    all.take("file.driver");
    for key in ["format", "driver"] {
        if let Some(format) = all.take(key).filter(|format| format != "raw") {
            return Err(foreign(all.option(), key, &format, named.as_deref().unwrap_or("FILE")));
        }
    }
    Ok(named)
}

/// How a LUKS container begins (luks.txt). For `--disk` it is the guest's own affair; QEMU opens it, if it finds one.
const LUKS: [u8; 6] = *b"LUKS\xba\xbe";

/// Says of a file whose format nobody names what it is taken as. One that is none is told of when it is opened, but for
/// what QEMU alone takes for another.
fn probed(line: &mut Line, option: &str, file: &str) -> Result<Format, String> {
    // Pipes and devices are not read before their time.
    if Path::new(file).is_file() {
        let mut head = [0; LUKS.len()];
        if File::open(file).and_then(|mut file| file.read_exact(&mut head)).is_ok() && head == LUKS {
            return Err(foreign(option, "format", "luks", file));
        }
        line.note(format!("{option} {file}: no format is named; it is taken as raw unless it begins as another"));
    }
    Ok(Format::Probed)
}

/// What to do about a format that is not read here.
fn foreign(option: &str, key: &str, format: &str, file: &str) -> String {
    let raw = Path::new(file).with_extension("raw");
    format!(
        "{option} {key}={format}: disks are raw files; 'qemu-img convert -O raw {file} {}' makes one",
        raw.display()
    )
}

fn finish(line: &mut Line, mut all: Properties) -> Result<(), String> {
    let ignored = all.take_any(IGNORED);
    line.ignore_all(all.option(), ignored);
    all.finish()
}

/// `-hda FILE`
pub fn hard_disk(line: &mut Line, text: &str) -> Result<(), String> {
    let format = probed(line, "-hda", text)?;
    let file = Source::File(text.to_owned());
    line.disks.drives.push(Drive {
        id: None,
        file,
        format,
        readonly: false,
        snapshot: false,
        treatment: String::new(),
        is_disk: true,
    });
    Ok(())
}

/// `-blockdev driver=raw,node-name=NAME,file=NODE`, with `driver=file` below.
pub fn blockdev(line: &mut Line, text: &str) -> Result<(), String> {
    if text.starts_with('{') {
        return Err("-blockdev: write driver=raw,key=value; JSON is not read here".to_owned());
    }
    let mut all = Properties::read("-blockdev", text, Some("driver"));
    let file = match all.take("driver").as_deref() {
        Some("file" | "host_device") => all.take("filename").map(Source::File),
        Some("raw") => all.take("file").map(Source::Node).or_else(|| all.take("file.filename").map(Source::File)),
        other => return Err(foreign("-blockdev", "driver", other.unwrap_or_default(), "FILE")),
    };
    all.take("file.driver");
    let file =
        file.ok_or("-blockdev: which file? Write driver=raw,node-name=NAME,file.driver=file,file.filename=FILE")?;
    let drive = Drive {
        id: all.take("node-name"),
        file,
        format: Format::Raw,
        readonly: all.take_switch("read-only")?.unwrap_or(false),
        snapshot: false,
        treatment: treatment(&mut all)?,
        is_disk: false,
    };
    finish(line, all)?;
    line.disks.drives.push(drive);
    Ok(())
}

/// `-device virtio-blk-device,drive=ID`
pub fn device(line: &mut Line, mut all: Properties, bus: String) -> Result<(), String> {
    let option = all.option().to_owned();
    let drive = all.take("drive").ok_or_else(|| format!("{option}: which drive? Write drive=ID"))?;
    all.finish()?;
    line.disks.devices.push(Device { drive, option, bus });
    Ok(())
}

/// `-snapshot`: no disk keeps what is written to it.
pub fn snapshot(line: &mut Line, _text: &str) -> Result<(), String> {
    line.disks.snapshot = true;
    Ok(())
}

impl Disks {
    /// Writes the disks: those of devices, and then those that need none.
    pub fn write(self, line: &mut Line) -> Result<(), String> {
        let mut disks = Vec::new();
        for Device { drive, option, bus } in &self.devices {
            let found = self.find(drive).ok_or_else(|| format!("{option}: there is no drive '{drive}'"))?;
            disks.push((found, bus.as_str()));
        }
        let named = |drive: &Drive| self.devices.iter().any(|device| drive.id.as_ref() == Some(&device.drive));
        disks.extend(self.drives.iter().filter(|drive| drive.is_disk && !named(drive)).map(|drive| (drive, "")));
        for (drive, bus) in disks {
            let option = self.option(drive)? + bus;
            line.option("disk", option);
        }
        Ok(())
    }

    fn find(&self, id: &str) -> Option<&Drive> {
        self.drives.iter().find(|drive| drive.id.as_deref() == Some(id))
    }

    /// The value of `--disk`.
    fn option(&self, drive: &Drive) -> Result<String, String> {
        let (mut readonly, mut below) = (drive.readonly, drive);
        // A chain of names that is longer than the list goes round in a circle.
        for _ in 0..=self.drives.len() {
            match &below.file {
                Source::File(file) => {
                    let switch = |name, on| if on { format!(",{name}=on") } else { String::new() };
                    let (readonly, snapshot) = (switch("readonly", readonly), drive.snapshot || self.snapshot);
                    let (file, snapshot) = (file.replace(',', ",,"), switch("snapshot", snapshot));
                    let format = if drive.format == Format::Raw { ",format=raw" } else { "" };
                    return Ok(format!("file={file}{format}{readonly}{snapshot}{}", drive.treatment));
                }
                Source::Node(name) => {
                    below = self.find(name).ok_or_else(|| format!("-blockdev: there is no node '{name}'"))?;
                    readonly |= below.readonly;
                }
            }
        }
        Err("-blockdev: the nodes name each other in a circle".to_owned())
    }
}
