//! The package for Debian and Ubuntu: deb(5).

use std::io::Write;

use super::archive::{File, tar};
use super::content::{OTHERS, Release};

/// Where Debian wants completion scripts.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions/vhart"),
    ("fish", "usr/share/fish/vendor_completions.d/vhart.fish"),
    ("zsh", "usr/share/zsh/vendor-completions/_vhart"),
];

const DOCUMENTS: &str = "usr/share/doc/vhart";

/// What Debian calls a file of licences, in its machine-readable form.
const COPYRIGHT: &str = "\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: vhart
Comment: What other people's crates in the program ask to be shown is in LICENSES-OF-CRATES.gz.

Files: *
Copyright: The vhart authors
License: MIT or Apache-2.0
";

/// The package of a release.
pub fn package(release: &Release) -> anyhow::Result<Vec<u8>> {
    let (packed, copyright) = (packed(release)?, copyright(release));
    let files = files(release, &packed, &copyright);
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

/// What it installs, by path.
fn files<'r>(release: &'r Release, packed: &'r [(String, Vec<u8>)], copyright: &'r str) -> Vec<File<'r>> {
    let mut files = vec![File::program("usr/bin/vhart", &release.program)];
    for (shell, path) in COMPLETIONS {
        let of_shell = release.completions.iter().filter(|(name, _)| *name == shell);
        files.extend(of_shell.map(|(_, text)| File::text(path, text)));
    }
    let plain = release.texts.iter().filter(|(name, _)| name != OTHERS);
    files.extend(plain.map(|(name, text)| File::text(format!("{DOCUMENTS}/{name}"), text)));
    files.extend(packed.iter().map(|(path, content)| File::text(path, content)));
    files.push(File::text(format!("{DOCUMENTS}/copyright"), copyright.as_bytes()));
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files
}

/// What Debian wants compressed: manual pages, and long texts that are rarely read.
fn packed(release: &Release) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let pages = release.manual.iter().map(|(name, page)| (format!("usr/share/man/man1/{name}.gz"), page));
    let texts = release.texts.iter().filter(|(name, _)| name == OTHERS);
    let texts = texts.map(|(name, text)| (format!("{DOCUMENTS}/{name}.gz"), text));
    pages.chain(texts).map(|(path, content)| Ok((path, gzip(content)?))).collect()
}

/// Debian's file of licences: its frame, and the words of one of them; those of the other every Debian has.
fn copyright(release: &Release) -> String {
    let mit = release.texts.iter().find(|(name, _)| name == "LICENSE-MIT").map(|(_, text)| &**text);
    let mit = String::from_utf8_lossy(mit.unwrap_or_default());
    let lines: String =
        mit.lines().map(|line| if line.is_empty() { " .\n".to_owned() } else { format!(" {line}\n") }).collect();
    format!(
        "{COPYRIGHT}\nLicense: MIT\n{lines}\nLicense: Apache-2.0\n The text is in /usr/share/common-licenses/Apache-2.0.\n"
    )
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
         Recommends: ca-certificates\n\
         Description: RISC-V machine with the hypervisor extension\n \
         Boots a host Linux with KVM and a guest Linux inside it, and any kernel\n \
         or firmware for the virt board, with an interpreter and a translator.\n"
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
