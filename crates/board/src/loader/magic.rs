//! Tells formats by their first bytes.

/// A compression format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    Gzip,
    Zstd,
    Xz,
    Lzma,
    Bzip2,
    Lz4,
    Lzo,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Elf,
    /// Linux, Documentation/arch/riscv/boot-image-header.rst.
    Linux,
    /// Linux, drivers/firmware/efi/libstub/zboot-header.S.
    Zboot,
    Packed(Packing),
    /// Something else, with an article.
    Foreign(&'static str),
    Unknown,
}

/// A flattened device tree.
pub const DEVICE_TREE: Kind = Kind::Foreign("a device tree");

/// Offsets and bytes that tell a format, most specific first.
#[rustfmt::skip]
const MAGICS: &[(usize, &[u8], Kind)] = &[
    (0x38, b"RSC\x05", Kind::Linux),
    (0x38, b"ARM\x64", Kind::Foreign("an Arm64 kernel")),
    (0x38, b"\xcd\x23\x82\x81", Kind::Zboot),
    (0x04, b"zimg", Kind::Zboot),
    (0x202, b"HdrS", Kind::Foreign("an x86 kernel (bzImage)")),
    (0x24, b"\x18\x28\x6f\x01", Kind::Foreign("an Arm kernel (zImage)")),
    (0, b"\x7fELF", Kind::Elf),
    (0, b"\x1f\x8b", Kind::Packed(Packing::Gzip)),
    (0, b"\x28\xb5\x2f\xfd", Kind::Packed(Packing::Zstd)),
    (0, b"\xfd7zXZ\0", Kind::Packed(Packing::Xz)),
    (0, b"\x5d\0\0", Kind::Packed(Packing::Lzma)),
    (0, b"BZh", Kind::Packed(Packing::Bzip2)),
    (0, b"\x02\x21\x4c\x18", Kind::Packed(Packing::Lz4)),
    (0, b"\x04\x22\x4d\x18", Kind::Packed(Packing::Lz4)),
    (0, b"\x89LZO", Kind::Packed(Packing::Lzo)),
    (0, b"MZ", Kind::Foreign("a Windows or EFI program")),
    (0, b"\xd0\x0d\xfe\xed", DEVICE_TREE),
    (0, b"\x27\x05\x19\x56", Kind::Foreign("a U-Boot uImage")),
    (0, b"!<arch>", Kind::Foreign("a Debian package or an archive of object files")),
    (0, b"07070", Kind::Foreign("a cpio archive (an initrd?)")),
    (0x101, b"ustar", Kind::Foreign("a tar archive")),
    (0, b"QFI\xfb", Kind::Foreign("a qcow2 disk")),
    (0, b"PK\x03\x04", Kind::Foreign("a zip archive")),
    (0, b"hsqs", Kind::Foreign("a squashfs file system")),
    (0x438, b"\x53\xef", Kind::Foreign("an ext file system")),
    (0x1fe, b"\x55\xaa", Kind::Foreign("a disk image")),
    (0, b"#!", Kind::Foreign("a script")),
    (0, b"<", Kind::Foreign("a web page or other text")),
];

/// What `content` is.
pub fn kind(content: &[u8]) -> Kind {
    let matches = |(at, magic, _): &&(usize, &[u8], Kind)| content.get(*at..).is_some_and(|c| c.starts_with(magic));
    match MAGICS.iter().find(matches) {
        Some(&(.., kind)) => kind,
        None if is_text(content) => Kind::Foreign("text"),
        None => Kind::Unknown,
    }
}

/// Whether these are words of somebody's: no program for RISC-V is 16 bytes long and has nothing but characters.
fn is_text(content: &[u8]) -> bool {
    let head = &content[..content.len().min(4096)];
    let characters = match str::from_utf8(head) {
        Ok(text) => text,
        // A character's bytes may be parted at the end of what is looked at.
        Err(why) if why.error_len().is_none() => str::from_utf8(&head[..why.valid_up_to()]).unwrap_or_default(),
        Err(_) => return false,
    };
    characters.len() >= 16 && !characters.contains(|c: char| c.is_control() && !c.is_ascii_whitespace())
}

impl Packing {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Packing::Gzip => "gzip",
            Packing::Zstd => "zstd",
            Packing::Xz => "xz",
            Packing::Lzma => "lzma",
            Packing::Bzip2 => "bzip2",
            Packing::Lz4 => "lz4",
            Packing::Lzo => "lzo",
        }
    }
}
