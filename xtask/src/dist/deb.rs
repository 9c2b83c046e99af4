//! The package for Debian and Ubuntu: deb(5).

use std::io::Write;

use super::archive::{File, tar};
use super::content::Release;

/// Where Debian wants completion scripts.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions/vhart"),
    ("fish", "usr/share/fish/vendor_completions.d/vhart.fish"),
    ("zsh", "usr/share/zsh/vendor-completions/_vhart"),
];

const DOCUMENTS: &str = "usr/share/doc/vhart";

/// The package of a release.
pub fn package(release: &Release) -> anyhow::Result<Vec<u8>> {
    let pages: Vec<(String, Vec<u8>)> = release
        .manual
        .iter()
        .map(|(name, page)| Ok((format!("usr/share/man/man1/{name}.gz"), gzip(page)?)))
        .collect::<anyhow::Result<_>>()?;
    let mut files = vec![File::program("usr/bin/vhart", &release.program)];
    for (shell, path) in COMPLETIONS {
        files.extend(
            release.completions.iter().filter(|(name, _)| *name == shell).map(|(_, text)| File::text(path, text)),
        );
    }
    files.extend(pages.iter().map(|(path, page)| File::text(path, page)));
    files.extend(release.texts.iter().map(|(name, text)| File::text(format!("{DOCUMENTS}/{name}"), text)));
    let installed = files.iter().map(|file| file.content.len().div_ceil(1024)).sum();
    let control = control(&release.version, installed);
    let control = tar(&[File::text("control", control.as_bytes())], release.epoch)?;
    let members = [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar.xz", xz(&control)?),
        ("data.tar.xz", xz(&tar(&files, release.epoch)?)?),
    ];
    Ok(ar(&members, release.epoch))
}

fn control(version: &str, installed_kib: usize) -> String {
    format!(
        "Package: vhart\n\
         Version: {version}\n\
         Architecture: amd64\n\
         Maintainer: The vhart authors\n\
         Installed-Size: {installed_kib}\n\
         Section: misc\n\
         Priority: optional\n\
         Description: RISC-V machine with the hypervisor extension\n \
         Boots a host Linux with KVM and a guest Linux inside it, and any kernel or firmware for the virt board.\n"
    )
}

fn gzip(content: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(content)?;
    Ok(packer.finish()?)
}

fn xz(content: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut packer = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(6))?;
    packer.write_all(content)?;
    Ok(packer.finish()?)
}

/// An archive in ar's common format: 60 bytes before each member, which begins at an even place.
fn ar(members: &[(&str, Vec<u8>)], epoch: u64) -> Vec<u8> {
    let mut archive = b"!<arch>\n".to_vec();
    for (name, content) in members {
        let header = format!("{name:<16}{epoch:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, "100644", content.len());
        archive.extend(header.bytes().chain(content.iter().copied()));
        archive.extend((content.len() % 2 == 1).then_some(b'\n'));
    }
    archive
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_begin_at_even_places_behind_headers_of_60_bytes() {
        let archive = ar(&[("debian-binary", b"2.0\n".to_vec()), ("odd", b"abc".to_vec()), ("last", Vec::new())], 7);
        assert_eq!(&archive[..8 + 16 + 2], b"!<arch>\ndebian-binary   7 ");
        assert_eq!(&archive[8 + 60..][..7], b"2.0\nodd");
        assert_eq!(&archive[8 + 60 + 4 + 60..][..8], b"abc\nlast");
        assert_eq!(archive.len(), 8 + 3 * 60 + 4 + 4);
    }
}
