//! `-virtfs`, `-fsdev` and `-device virtio-9p-device`: shared directories.

use super::line::Line;
use crate::cli::properties::Properties;

/// What concerns how a host's files are accessed, and not what is in them.
const IGNORED: &[&str] = &["writeout", "multidevs", "fmode", "dmode"];

/// The shared directories of a command line.
#[derive(Default)]
pub struct Shares {
    directories: Vec<Directory>,
    /// Devices in their order.
    devices: Vec<Device>,
}

/// A directory, and how it may be used.
struct Directory {
    id: String,
    path: String,
    readonly: bool,
}

/// A share that names its directory.
struct Device {
    directory: String,
    tag: String,
    option: String,
    /// The slot, as a property of `--share`.
    bus: String,
}

/// `-fsdev local,id=ID,path=DIR,security_model=none`
pub fn fsdev(line: &mut Line, text: &str) -> Result<(), String> {
    let mut all = Properties::read("-fsdev", text, Some("fsdriver"));
    let id = all.take("id").ok_or("-fsdev: id=ID is missing, by which a device names it")?;
    directory(line, all, id)
}

/// `-virtfs local,path=DIR,mount_tag=TAG,security_model=none`: both in one.
pub fn virtfs(line: &mut Line, text: &str) -> Result<(), String> {
    let mut all = Properties::read("-virtfs", text, Some("fsdriver"));
    let tag = all.take("mount_tag").ok_or("-virtfs: mount_tag=TAG is missing, by which the guest mounts it")?;
    // QEMU calls it so, too, and nothing else can have this name.
    all.take("id");
    let id = format!("-virtfs {tag}");
    directory(line, all, id.clone())?;
    line.shares.devices.push(Device { directory: id, tag, option: "-virtfs".to_owned(), bus: String::new() });
    Ok(())
}

fn directory(line: &mut Line, mut all: Properties, id: String) -> Result<(), String> {
    let option = all.option().to_owned();
    match all.take("fsdriver").as_deref() {
        Some("local") => {}
        other => {
            let name = other.unwrap_or_default();
            return Err(format!("{option} {name}: only directories are shared; write local,path=DIR"));
        }
    }
    match all.take("security_model").as_deref() {
        // These are what is done here: files are those of the user who runs vhart.
        None | Some("none" | "passthrough") => {}
        Some(mapped @ ("mapped" | "mapped-xattr" | "mapped-file")) => line.note(format!(
            "{option} security_model={mapped}: owners and permissions are those of the files, as with none; docs/share.md"
        )),
        Some(other) => {
            return Err(all.wrong("security_model", "none, passthrough, mapped-xattr or mapped-file", other));
        }
    }
    let path = all.take("path").ok_or_else(|| format!("{option}: which directory? Write path=DIR"))?;
    let readonly = all.take_switch("readonly")?.unwrap_or(false);
    let ignored = all.take_any(IGNORED);
    line.ignore_all(&option, ignored);
    all.finish()?;
    line.shares.directories.push(Directory { id, path, readonly });
    Ok(())
}

/// `-device virtio-9p-device,fsdev=ID,mount_tag=TAG`
pub fn device(line: &mut Line, mut all: Properties, bus: String) -> Result<(), String> {
    let option = all.option().to_owned();
    let directory = all.take("fsdev").ok_or_else(|| format!("{option}: which directory? Write fsdev=ID"))?;
    let tag = all.take("mount_tag").ok_or_else(|| format!("{option}: mount_tag=TAG is missing"))?;
    all.finish()?;
    line.shares.devices.push(Device { directory, tag, option, bus });
    Ok(())
}

impl Shares {
    /// Writes the shares. As in QEMU, a directory that no device names is nobody's.
    pub fn write(self, line: &mut Line) -> Result<(), String> {
        for Device { directory, tag, option, bus } in &self.devices {
            let found = self.directories.iter().find(|known| known.id == *directory);
            let Directory { path, readonly, .. } =
                found.ok_or_else(|| format!("{option}: there is no fsdev '{directory}'"))?;
            let readonly = if *readonly { ",readonly=on" } else { "" };
            let (path, tag) = (path.replace(',', ",,"), tag.replace(',', ",,"));
            line.option("share", format!("path={path},tag={tag}{readonly}{bus}"));
        }
        Ok(())
    }
}
