//! What comes from mirrors and out of packages: archives, control files, kernel modules; and the initramfs made of it.

use std::path::PathBuf;

use arbitrary::{Result, Unstructured};
use images::fuzzing;

use super::{Target, files, with};

pub const DEB: Target =
    Target { name: "deb", what: "Debian packages: ar, tar, gzip, xz, zstd", run: deb, seeds: packages };

pub const CONTROL: Target = Target {
    name: "control",
    what: "Debian's control files, and apt's configuration",
    run: |input| control(&String::from_utf8_lossy(input)),
    seeds: controls,
};

pub const MODULE: Target =
    Target { name: "module", what: "kernel modules and libraries: ELF, packed, signed", run: module, seeds: modules };

pub const INITRAMFS: Target = Target {
    name: "initramfs",
    what: "what is written as initramfs has every file",
    run: |input| with(input, initramfs),
    seeds: || vec![b"\x03a/b\x03abc\x01c\x05hello".to_vec()],
};

fn deb(content: &[u8]) {
    let path = files::file(content);
    let scratch = path.parent().expect("a file lies somewhere");
    match fuzzing::package(&path, scratch) {
        Ok(files) => assert!(files.iter().all(|(name, _)| !name.starts_with("./"))),
        Err(why) => assert!(files::one_line(&why.to_string()), "{why}"),
    }
    let system = files::tree(&["system.tar"], b"").join("system.tar");
    match fuzzing::system(&path, &system) {
        Ok(()) => assert!(system.metadata().is_ok_and(|tar| tar.len().is_multiple_of(512))),
        Err(why) => assert!(files::one_line(&why.to_string()), "{why}"),
    }
}

fn control(text: &str) {
    let values = fuzzing::control(text, "Types");
    assert!(values.len() <= text.lines().count());
    let etc: PathBuf = files::tree(&["sources.list", "sources.list.d/debian.sources"], text.as_bytes());
    if let Some(uri) = fuzzing::archive(&etc) {
        assert!(!uri.contains(char::is_whitespace) && text.contains(&uri), "{uri:?} is no address in {text:?}");
    }
}

fn module(content: &[u8]) {
    let inside = |range: std::ops::Range<u64>| range.start <= range.end && range.end <= content.len() as u64;
    assert!(fuzzing::library(content).into_iter().all(inside), "written over what is not there");
    for others in [false, true] {
        match fuzzing::module(content, others) {
            Ok((needs, _)) => assert!(needs.iter().all(|name| !name.is_empty() && !name.contains(','))),
            Err(why) => assert!(files::one_line(&why.to_string()), "{why}"),
        }
    }
}

fn initramfs(input: &mut Unstructured) -> Result<()> {
    let mut given = Vec::new();
    while !input.is_empty() {
        let name = String::from_utf8_lossy(some(input)?).into_owned();
        let content = some(input)?.to_vec();
        if !name.is_empty() && !name.contains('\0') && name != "TRAILER!!!" {
            given.push((name, content));
        }
    }
    let archive = fuzzing::initramfs(&given).expect("no file is large");
    let read: Vec<_> = entries(&archive).filter(|entry| entry.mode >> 12 == 8).collect();
    assert_eq!(read.len(), given.len());
    for (entry, (name, content)) in read.iter().zip(&given) {
        assert!(entry.name == name.as_bytes() && entry.content == content, "{name:?} is not what it was");
    }
    Ok(())
}

/// As many bytes as the next byte says, if there are so many.
fn some<'a>(input: &mut Unstructured<'a>) -> Result<&'a [u8]> {
    let len = usize::from(input.arbitrary::<u8>()?).min(input.len());
    input.bytes(len)
}

/// An entry of a cpio archive.
struct Entry<'a> {
    mode: u32,
    name: &'a [u8],
    content: &'a [u8],
}

/// The entries of an archive, up to its end. Linux, Documentation/driver-api/early-userspace/buffer-format.rst.
fn entries(archive: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let field = |number: usize| {
            let digits = &archive[at + 6 + 8 * number..][..8];
            u32::from_str_radix(std::str::from_utf8(digits).expect("digits"), 16).expect("a number")
        };
        let (mode, len, name_len) = (field(1), field(6) as usize, field(11) as usize);
        let name = &archive[at + 110..][..name_len - 1];
        let content_at = (at + 110 + name_len).next_multiple_of(4);
        at = (content_at + len).next_multiple_of(4);
        (name != b"TRAILER!!!").then(|| Entry { mode, name, content: &archive[content_at..][..len] })
    })
}

fn packages() -> Vec<Vec<u8>> {
    let tree = tree();
    let with =
        |member: &str, data: &[u8]| archive(&[("debian-binary", b"2.0\n"), ("control.tar", b""), (member, data)]);
    vec![
        with("data.tar", &tree),
        with("data.tar.gz", &files::gzip(&tree)),
        with("data.tar.zst", &files::zstd(&tree)),
        with("data.tar.xz", &files::xz(&tree)),
        archive(&[("debian-binary", b"2.0\n"), ("control.tar", &record()), ("data.tar", &tree)]),
        archive(&[("debian-binary", b"2.0\n")]),
    ]
}

/// What comes beside a package's files: its record, its configuration files, and what it is interested in.
fn record() -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, text) in [
        ("./control", "Package: a\nVersion: 1\nArchitecture: riscv64\nMulti-Arch: same\n"),
        ("./conffiles", "/boot/vmlinux-1\n"),
        ("./triggers", "interest-noawait ldconfig\ninterest /boot\n"),
    ] {
        bytes.extend(header(name, b'0', text.len() as u64));
        bytes.extend(text.bytes());
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// An `ar` archive.
fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in members {
        bytes.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, "100644", content.len()).bytes());
        bytes.extend(*content);
        bytes.resize(bytes.len().next_multiple_of(2), b'\n');
    }
    bytes
}

/// A `tar` archive: a directory, two files, one of them with a long name, and a link.
fn tree() -> Vec<u8> {
    let long = format!("./{}", "long/".repeat(24));
    let mut bytes = [header("./", b'5', 0), header("./boot/vmlinux-1", b'0', 5)].concat();
    bytes.extend(b"image");
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes.extend(header("././@LongLink", b'L', long.len() as u64));
    bytes.extend(long.bytes());
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes.extend([header("long", b'0', 0), header("./bin/sh", b'2', 0)].concat());
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

fn header(name: &str, kind: u8, len: u64) -> Vec<u8> {
    let mut bytes = vec![0; 512];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    for (at, field) in [(100, "0000644\0"), (108, "0000000\0"), (116, "0000000\0"), (136, "00000000000\0")] {
        bytes[at..at + field.len()].copy_from_slice(field.as_bytes());
    }
    bytes[124..136].copy_from_slice(format!("{len:011o}\0").as_bytes());
    bytes[156] = kind;
    bytes[257..265].copy_from_slice(b"ustar  \0");
    bytes[148..156].fill(b' ');
    let sum: u32 = bytes.iter().map(|&byte| u32::from(byte)).sum();
    bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    bytes
}

fn controls() -> Vec<Vec<u8>> {
    let texts = [
        "# ours\nTypes: deb deb-src\nURIs: http://mirror.example/debian\nSuites: trixie\nComponents: main\n\
         Signed-By: /keys/debian-archive-keyring.gpg\n",
        "deb [arch=amd64 signed-by=/k/a.gpg,/k/b.gpg] https://mirror.example/debian trixie main contrib # ours\n",
        "Package: linux-image-riscv64\nDepends: linux-image-7.2 (= 7.2-1)\nFilename: pool/l.deb\nSize: 1\n\n\
         Package: busybox-static\nDescription: one\n .\n two\n",
        "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n x\n -----END PGP PUBLIC KEY BLOCK-----\n",
    ];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}

fn modules() -> Vec<Vec<u8>> {
    // sh_type 1 is SHT_PROGBITS, 6 SHT_DYNAMIC, whose names are in the section that it links to (ELF-64, Sections).
    let plain = object(b".modinfo", [1, 0], b"license=GPL\0depends=net-failover,virtio\0alias=fs-ext4\0");
    let signed =
        [&plain[..], &[7; 16], &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16], b"~Module signature appended~\n"].concat();
    let shared = object(b".dynamic", [6, 2], &[1u64, 1, 14, 2, 0, 0].map(u64::to_le_bytes).concat());
    // What a short run found: nothing, behind the file's end (sh_offset of the second section).
    let mut nowhere = object(b".dynamic", [6, 2], b"");
    nowhere[64 + 64 + 24 + 1] = 2;
    let debugging = object(b".debug_a", [1, 0], b"what a debugger reads");
    let head = format!("!<arch>\n{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", "a.o/", 0, 0, 0, 644, debugging.len());
    let library = [head.as_bytes(), &debugging].concat();
    vec![files::xz(&plain), files::zstd(&plain), files::gzip(&signed), signed, plain, shared, nowhere, library]
}

/// An ELF object with a section of this name, type and link.
fn object(name: &[u8; 8], [kind, link]: [u32; 2], content: &[u8]) -> Vec<u8> {
    let names = [b"\0", &name[..], b"\0.shstrtab\0"].concat();
    let names_at = 64 + 3 * 64;
    let section = |[name, kind, link]: [u32; 3], offset: u64, len: usize| {
        let head = [name, kind].map(u32::to_le_bytes).concat();
        let places = [0, 0, offset, len as u64].map(u64::to_le_bytes).concat();
        let other = [link, 0].map(u32::to_le_bytes).concat();
        [head, places, other, [1u64, 0].map(u64::to_le_bytes).concat()].concat()
    };
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    file.extend([1u16, 243].map(u16::to_le_bytes).concat());
    file.extend(1u32.to_le_bytes());
    file.extend([0u64, 0, 64].map(u64::to_le_bytes).concat());
    file.extend(0u32.to_le_bytes());
    file.extend([64u16, 0, 0, 64, 3, 2].map(u16::to_le_bytes).concat());
    file.extend([0; 64]);
    file.extend(section([1, kind, link], names_at + names.len() as u64, content.len()));
    file.extend(section([10, 3, 0], names_at, names.len()));
    file.extend(names);
    file.extend(content);
    file
}
