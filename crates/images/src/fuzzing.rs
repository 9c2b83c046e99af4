//! Doors for the crate `fuzz`: the readers of archives and packages, and the writer of initramfs.

use std::io;
use std::ops::Range;
use std::path::Path;

pub use crate::archive::fuzzing::{Download, Web, credentials, index, is_trusted, proxy, release};
use crate::error::Result;
use crate::{archive, control, cpio, deb, debian, modules, vmm};

/// Unpacks the package at `path` in `scratch` and reads every file in it: names and contents.
///
/// # Errors
/// It is no package, or a file in it cannot be read.
pub fn package(path: &Path, scratch: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let package = deb::Package::open(path, scratch)?;
    let read = |name: &str| Ok((name.to_owned(), package.read(name)?.unwrap_or_default()));
    package.names().map(read).collect()
}

/// Unpacks the package at `path` for a system, with dpkg's records of it, into the archive `into`.
///
/// # Errors
/// It is no package.
pub fn system(path: &Path, into: &Path) -> Result<()> {
    debian::unpack(into, &[path.to_owned()])
}

/// Reads paragraphs of Debian's control format: of each, the value of `field`.
pub fn control(text: &str, field: &str) -> Vec<Option<String>> {
    control::parse(text).iter().map(|paragraph| paragraph.get(field).map(str::to_owned)).collect()
}

/// Finds an archive in apt's configuration under `etc`: its address, if there is one.
pub fn archive(etc: &Path) -> Option<String> {
    archive::configured(etc)
}

/// Reads a kernel module: what it needs, and the module without its signature. With `others`, what it needs is there,
/// and is the same file.
///
/// # Errors
/// It is no module, or what it needs is not there.
pub fn module(file: &[u8], others: bool) -> Result<(Vec<String>, Vec<u8>)> {
    let read = |name: &str| Ok((others || name == "module").then(|| file.to_vec()));
    let modules = modules::closure(&["module"], &read)?;
    let needs = modules.iter().flat_map(|module| module.depends.clone()).collect();
    Ok((needs, modules.iter().flat_map(|module| modules::unsigned(&module.object).to_vec()).collect()))
}

/// Where a library of Debian's tool chain would be written over when it is unpacked.
pub fn library(file: &[u8]) -> Vec<Range<u64>> {
    vmm::rewritten(file)
}

/// Writes an initramfs of these files.
///
/// # Errors
/// One of them has 4 GiB.
pub fn initramfs(files: &[(String, Vec<u8>)]) -> io::Result<Vec<u8>> {
    let mut archive = cpio::Archive::new(Vec::new());
    files.iter().try_for_each(|(name, content)| archive.file(name, 0o644, content))?;
    archive.finish()
}
