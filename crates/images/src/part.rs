//! The parts that Debian's packages are wanted for, and what of each is kept.
//!
//! A kernel is one package in stable (image and modules in `linux-image-VERSION`) and several in testing (`-binary`,
//! `-modules`, ...); so files are looked for in all packages of a part by what they are, not by who has them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::deb::Package;
use crate::error::{Error, OnFile, Result};
use crate::modules;

/// Something that is fetched on its own and kept in a directory of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The kernel's image and those of its modules that host or guest may load.
    Linux,
    /// User land in one static binary.
    Busybox,
    /// M-mode firmware.
    OpenSbi,
}

/// The kernel image in the directory of [`Part::Linux`].
pub(crate) const KERNEL: &str = "vmlinuz";
/// The file with the kernel's release in the directory of [`Part::Linux`].
pub(crate) const RELEASE: &str = "release";
/// The directory of modules in the directory of [`Part::Linux`].
pub(crate) const MODULES: &str = "modules";
/// The binary in the directory of [`Part::Busybox`].
pub(crate) const BUSYBOX: &str = "busybox";
/// The image in the directory of [`Part::OpenSbi`].
pub(crate) const OPENSBI: &str = "fw_dynamic.bin";

/// Where Debian's OpenSBI has the image that takes a kernel at any address.
const OPENSBI_PATH: &str = "usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin";

impl Part {
    /// The name of its directory and of its steps.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Part::Linux => "linux",
            Part::Busybox => "busybox",
            Part::OpenSbi => "opensbi",
        }
    }

    /// The package that stands for it, whose exact dependencies are fetched with it.
    pub(crate) fn package(self) -> &'static str {
        match self {
            Part::Linux => "linux-image-riscv64",
            Part::Busybox => "busybox-static",
            Part::OpenSbi => "opensbi",
        }
    }

    /// The file without which the part is not whole.
    pub(crate) fn main_file(self) -> &'static str {
        match self {
            Part::Linux => KERNEL,
            Part::Busybox => BUSYBOX,
            Part::OpenSbi => OPENSBI,
        }
    }

    /// What is kept of it, rather more than less: there is to be room for that beside all that its packages hold.
    pub(crate) fn kept_bytes(self) -> u64 {
        match self {
            // The kernel's image, and the few modules.
            Part::Linux => 60_000_000,
            Part::Busybox | Part::OpenSbi => 4_000_000,
        }
    }

    /// Writes what is needed of `packages` into the directory `into`. `place` is where they came from.
    ///
    /// # Errors
    /// [`Error::Missing`] where they lack the part's main file.
    pub(crate) fn unpack(self, packages: &[Package], into: &Path, place: &Path) -> Result<()> {
        let missing = |what: &str| Error::Missing { place: place.to_owned(), what: what.to_owned() };
        match self {
            Part::Linux => {
                unpack_linux(packages, into).and_then(|found| found.ok_or_else(|| missing("riscv64 kernel")))
            }
            Part::Busybox => {
                let path = into.join(BUSYBOX);
                extract(packages, is_busybox, &path)?.ok_or_else(|| missing("static busybox"))?;
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).on_file("write", &path)
            }
            Part::OpenSbi => {
                extract(packages, |name| name == OPENSBI_PATH, &into.join(OPENSBI))?.ok_or_else(|| missing("OpenSBI"))
            }
        }
    }
}

fn is_busybox(name: &str) -> bool {
    name == "usr/bin/busybox" || name == "bin/busybox"
}

/// Writes the first file that `wanted` accepts to `path`; none where there is no such file.
fn extract(packages: &[Package], wanted: impl Fn(&str) -> bool, path: &Path) -> Result<Option<()>> {
    for package in packages {
        let Some(name) = package.names().find(|name| wanted(name)) else { continue };
        let Some(data) = package.read(name)? else { continue };
        fs::write(path, data).on_file("write", path)?;
        return Ok(Some(()));
    }
    Ok(None)
}

fn unpack_linux(packages: &[Package], into: &Path) -> Result<Option<()>> {
    let names = || packages.iter().flat_map(Package::names);
    let Some(release) = names().find_map(release_of) else { return Ok(None) };
    let release = release.to_owned();
    extract(packages, |name| release_of(name) == Some(&release), &into.join(KERNEL))?;
    fs::write(into.join(RELEASE), &release).on_file("write", &into.join(RELEASE))?;
    unpack_modules(packages, &release, &into.join(MODULES))?;
    Ok(Some(()))
}

/// The kernel release for which `name` is the path of an image.
fn release_of(name: &str) -> Option<&str> {
    let in_boot = name.strip_prefix("boot/vmlinux-").or_else(|| name.strip_prefix("boot/vmlinuz-"));
    let with_modules = || name.strip_prefix("usr/lib/modules/").or_else(|| name.strip_prefix("lib/modules/"));
    in_boot.or_else(|| with_modules()?.strip_suffix("/vmlinuz")).filter(|release| !release.contains('/'))
}

fn unpack_modules(packages: &[Package], release: &str, into: &Path) -> Result<()> {
    fs::create_dir(into).on_file("make directory", into)?;
    let below = format!("lib/modules/{release}/");
    let read = |wanted: &str| {
        let is_it = |name: &str| name.contains(&below) && modules::name_of(name).as_deref() == Some(wanted);
        let holder =
            packages.iter().find_map(|package| package.names().find(|name| is_it(name)).map(|name| (package, name)));
        holder.map_or(Ok(None), |(package, name)| package.read(name))
    };
    let wanted = [&modules::DRIVERS[..], &modules::HOST, &modules::ROOT, &modules::SHARES].concat();
    for module in modules::closure(&wanted, &read)? {
        let path = into.join(format!("{}.ko", module.name));
        fs::write(&path, modules::unsigned(&module.object)).on_file("write", &path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deb::tests::package;

    fn open(directory: &Path, name: &str, files: &[(&str, &[u8])]) -> Package {
        let path = directory.join(name);
        fs::write(&path, package(files, "data.tar", <[u8]>::to_vec)).unwrap();
        Package::open(&path, directory).unwrap()
    }

    #[test]
    fn kernel_is_found_where_either_layout_has_it() {
        assert_eq!(release_of("boot/vmlinux-6.12.107+deb13-riscv64"), Some("6.12.107+deb13-riscv64"));
        assert_eq!(release_of("usr/lib/modules/7.2.12+deb14-riscv64/vmlinuz"), Some("7.2.12+deb14-riscv64"));
        assert_eq!(release_of("usr/lib/modules/7.2.12/kernel/vmlinuz"), None);
    }

    #[test]
    fn split_kernel_is_put_together() {
        let directory = tempfile::tempdir().unwrap();
        let packages = [
            open(directory.path(), "base.deb", &[("usr/lib/modules/7.2/config", b"")]),
            open(directory.path(), "binary.deb", &[("usr/lib/modules/7.2/vmlinuz", b"image")]),
        ];
        let into = directory.path().join("into");
        fs::create_dir(&into).unwrap();
        Part::Linux.unpack(&packages, &into, directory.path()).unwrap();
        assert_eq!(fs::read(into.join(KERNEL)).unwrap(), b"image");
        assert_eq!(fs::read_to_string(into.join(RELEASE)).unwrap(), "7.2");
    }

    #[test]
    fn busybox_can_be_run_from_the_cache() {
        let directory = tempfile::tempdir().unwrap();
        let packages = [open(directory.path(), "a.deb", &[("usr/bin/busybox", b"box")])];
        Part::Busybox.unpack(&packages, directory.path(), directory.path()).unwrap();
        assert_eq!(fs::metadata(directory.path().join(BUSYBOX)).unwrap().permissions().mode() & 0o777, 0o755);
    }

    #[test]
    fn missing_part_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let packages = [open(directory.path(), "a.deb", &[("usr/share/doc/x", b"")])];
        let why = Part::Busybox.unpack(&packages, directory.path(), Path::new("/debs")).unwrap_err();
        assert_eq!(why.to_string(), "the packages in /debs have no static busybox");
    }
}
