//! What a file is that somebody takes for a raw image, by how it begins.
//!
//! Formats of images are told as QEMU's own drivers tell them (block/qcow2.c, qed.c, vmdk.c, vhdx.c, vpc.c, vdi.c,
//! parallels.c).

use std::fs::File;
use std::os::unix::fs::FileExt;

/// Something else than the bytes of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// An image in a format of its own. A guest would see the format, and destroy it by writing.
    Image(&'static str),
    /// A packed file, which may well be what the guest is to read.
    Packed {
        /// The packing.
        with: &'static str,
        /// The command that unpacks.
        by: &'static str,
    },
}

/// Offsets and bytes that tell a format.
const MAGICS: [(usize, &[u8], Known); 15] = [
    (0, b"QFI\xfb", Known::Image("qcow2")),
    (0, b"QED\0", Known::Image("qed")),
    (0, b"KDMV", Known::Image("vmdk")),
    (0, b"COWD", Known::Image("vmdk")),
    (0, b"# Disk DescriptorFile", Known::Image("vmdk")),
    (0, b"vhdxfile", Known::Image("vhdx")),
    (0, b"conectix", Known::Image("vpc")),
    (0x40, b"\x7f\x10\xda\xbe", Known::Image("vdi")),
    (0, b"WithoutFreeSpace", Known::Image("parallels")),
    (0, b"WithouFreSpacExt", Known::Image("parallels")),
    (0, b"\x1f\x8b", Known::Packed { with: "gzip", by: "gunzip -k" }),
    (0, b"\xfd7zXZ\0", Known::Packed { with: "xz", by: "unxz -k" }),
    (0, b"\x28\xb5\x2f\xfd", Known::Packed { with: "zstd", by: "unzstd" }),
    (0, b"BZh", Known::Packed { with: "bzip2", by: "bunzip2 -k" }),
    (0, b"PK\x03\x04", Known::Packed { with: "zip", by: "unzip" }),
];

/// What a file is, if it is known.
pub(super) fn known(file: &File) -> Option<Known> {
    let mut head = [0; 0x44];
    // What cannot be read is told by whoever has to read it.
    let len = file.read_at(&mut head, 0).unwrap_or(0);
    let head = &head[..len];
    let found = MAGICS.iter().find(|(at, magic, _)| head.get(*at..).is_some_and(|here| here.starts_with(magic)));
    found.map(|&(.., known)| known)
}
