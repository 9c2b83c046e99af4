//! What programs expect of any system beside its commands: users, names of hosts, and places to write to.
//!
//! The places are those of the Filesystem Hierarchy Standard 3.0 that busybox has use for; all commands are in `/bin`.

use std::io::{self, Write};

use crate::cpio::Archive;

/// Users and groups have Debian's numbers. A program that is linked statically against glibc asks a name server first
/// where nothing tells it otherwise.
const FILES: [(&str, &str); 5] = [
    ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"),
    ("etc/group", "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n"),
    ("etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"),
    ("etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n"),
    ("etc/shells", "/bin/sh\n"),
];

/// Where commands are looked for by their whole path, as by `#!/usr/bin/env`; and what lives no longer than the
/// machine.
const LINKS: [(&str, &str); 4] =
    [("sbin", "bin"), ("usr/bin", "../bin"), ("usr/sbin", "../bin"), ("var/run", "../run")];

/// Where everybody may write.
const FOR_ALL: [&str; 2] = ["tmp", "var/tmp"];

const EMPTY: [&str; 5] = ["home", "mnt", "opt", "usr/lib", "var/log"];

/// All that is above.
pub fn texts() -> impl Iterator<Item = &'static str> {
    let pairs = FILES.into_iter().chain(LINKS).flat_map(|(path, text)| [path, text]);
    pairs.chain(FOR_ALL).chain(EMPTY)
}

/// Adds them.
pub fn write<W: Write>(archive: &mut Archive<W>) -> io::Result<()> {
    EMPTY.iter().try_for_each(|path| archive.directory(path))?;
    FOR_ALL.iter().try_for_each(|path| archive.directory_for_all(path))?;
    LINKS.iter().try_for_each(|(path, target)| archive.symlink(path, target))?;
    FILES.iter().try_for_each(|(path, text)| archive.file(path, super::READABLE, text.as_bytes()))
}
