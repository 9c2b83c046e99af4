//! What makes the file system, as an archive that the making machine's kernel unpacks beside its initramfs: `mke2fs`
//! and the libraries that it needs, of the same packages.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use crate::archive::Package;
use crate::cpio;
use crate::deb::with_tree;
use crate::error::{Error, OnFile, Result};
use crate::request::Architecture;
use crate::tree::{MERGED, dynamic_linker, merged, triplet};

/// Where they lie in the machine; `init/make-disk.sh` goes there.
const PLACE: &str = "tools";

/// The package with `mke2fs`.
const PACKAGE: &str = "e2fsprogs";

/// What is taken of it, and of those that it needs their libraries.
const FILES: [&str; 2] = ["usr/sbin/mke2fs", "etc/mke2fs.conf"];

/// Writes them to `path`, out of those of `packages`, whose files are `paths`, that are needed.
pub(super) fn write(path: &Path, packages: &[Package], paths: &[PathBuf]) -> Result<()> {
    let file = File::create(path).on_file("write", path)?;
    let mut archive = cpio::Archive::new(BufWriter::new(file));
    begin(&mut archive).on_file("write", path)?;
    let needed = needed(packages);
    for (_, file) in packages.iter().zip(paths).filter(|(package, _)| needed.contains(&package.name.as_str())) {
        with_tree(file, |tar| add(&mut archive, tar))
            .map_err(|source| Error::Package { path: file.clone(), source })?;
    }
    let end = || archive.finish()?.into_inner().map_err(|why| why.into_error())?.flush();
    end().on_file("write", path)
}

/// The names of the package and of all that it needs.
fn needed(packages: &[Package]) -> Vec<&str> {
    let mut names = vec![PACKAGE];
    let mut at = 0;
    while let Some(&name) = names.get(at) {
        at += 1;
        let Some(package) = packages.iter().find(|package| package.name == name) else { continue };
        for need in package.depends.iter().flatten() {
            if !names.contains(&need.as_str()) {
                names.push(need);
            }
        }
    }
    names
}

fn begin(archive: &mut cpio::Archive<impl Write>) -> io::Result<()> {
    archive.directory(&format!("{PLACE}/dev"))?;
    archive.directory(&format!("{PLACE}/proc"))?;
    for name in MERGED {
        archive.directory(&format!("{PLACE}/usr/{name}"))?;
        archive.symlink(&format!("{PLACE}/{name}"), &format!("usr/{name}"))?;
    }
    Ok(())
}

fn add(archive: &mut cpio::Archive<impl Write>, tar: &mut dyn Read) -> io::Result<()> {
    for entry in tar::Archive::new(tar).entries()? {
        let mut entry = entry?;
        let Some(name) = merged(&entry.path()?)? else { continue };
        if !is_wanted(&name) {
            continue;
        }
        let (name, kind) = (format!("{PLACE}/{}", name.display()), entry.header().entry_type());
        if kind.is_symlink() {
            let target = entry.link_name()?.unwrap_or_default().into_owned();
            archive.symlink(&name, &target.to_string_lossy())?;
        } else if kind.is_file() {
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            archive.file(&name, entry.header().mode()? & 0o777, &content)?;
        }
    }
    Ok(())
}

/// Whether it is one of the files, a library, or the dynamic linker's other name.
fn is_wanted(name: &Path) -> bool {
    let machine = Architecture::Riscv64;
    let directory = Path::new("usr/lib").join(triplet(machine));
    let file = name.file_name().unwrap_or_default().to_string_lossy();
    let is_linker = dynamic_linker(machine).ends_with(&*file) && !file.is_empty();
    FILES.iter().any(|wanted| name == Path::new(wanted))
        || name.parent() == Some(&directory) && file.contains(".so")
        || is_linker && name.parent() == Some(Path::new("usr/lib"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_and_the_program_are_wanted_and_nothing_else() {
        let wanted = [
            "usr/sbin/mke2fs",
            "usr/lib/riscv64-linux-gnu/libc.so.6",
            "usr/lib/riscv64-linux-gnu/ld-linux-riscv64-lp64d.so.1",
            "usr/lib/ld-linux-riscv64-lp64d.so.1",
        ];
        let others = ["usr/sbin/fsck", "usr/lib/riscv64-linux-gnu/gconv/BIG5.so", "usr/lib/x.so", "usr/lib"];
        assert!(wanted.iter().all(|name| is_wanted(Path::new(name))));
        assert!(!others.iter().any(|name| is_wanted(Path::new(name))));
    }
}
