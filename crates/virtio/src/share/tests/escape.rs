//! No way leads out of a shared directory, and nothing that is no file is opened.

use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::libc;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::share::testing::{Client, SECRET, body};
use crate::share::wire::kind;
use crate::share::{ShareAccess, ShareDir, ShareOptions};

/// How long guest and host run against each other.
const RACE: Duration = Duration::from_millis(700);

#[test]
fn names_with_slashes_dots_or_zeros_are_none() {
    let mut client = Client::new();
    client.create("file", 1).unwrap();
    for name in ["", ".", "..", "a/b", "/", "../out/secret", "a\0b", "/etc/passwd"] {
        let created = client
            .walk("", 2)
            .and_then(|()| client.ask(kind::LCREATE, body().u32(2).name(name).u32(0o102).u32(0o644).u32(0)));
        assert_eq!(created, Err(libc::EINVAL), "create {name:?}");
        client.clunk(2).unwrap();
        assert_eq!(client.mkdir(0, name), Err(libc::EINVAL), "mkdir {name:?}");
        let calls = [
            (kind::SYMLINK, body().u32(0).name(name).name("x").u32(0)),
            (kind::MKNOD, body().u32(0).name(name).u32(0o10644).u32(0).u32(0).u32(0)),
            (kind::LINK, body().u32(0).u32(1).name(name)),
            (kind::RENAMEAT, body().u32(0).name("file").u32(0).name(name)),
            (kind::RENAMEAT, body().u32(0).name(name).u32(0).name("file")),
            (kind::RENAME, body().u32(1).u32(0).name(name)),
            (kind::UNLINKAT, body().u32(0).name(name).u32(0)),
        ];
        for (kind, fields) in calls {
            assert_eq!(client.ask(kind, fields), Err(libc::EINVAL), "{kind} {name:?}");
        }
    }
    for name in ["", "a/b", "../out", "/", "a\0b"] {
        assert_eq!(client.ask(kind::WALK, body().u32(0).u32(9).u16(1).name(name)), Err(libc::EINVAL), "{name:?}");
    }
    assert!(client.is_unharmed());
}

#[test]
fn above_the_shared_directory_is_the_shared_directory() {
    let mut client = Client::new();
    client.mkdir(0, "a").unwrap();
    let root = client.ask(kind::GETATTR, body().u32(0).u64(0)).unwrap();
    let up = body().u32(0).u32(1).u16(5);
    let up = ["..", "a", "..", "..", ".."].iter().fold(up, |up, name| up.name(name));
    let qids = client.ask(kind::WALK, up).unwrap();
    assert_eq!(qids.len(), 2 + 5 * 13);
    assert_eq!(client.ask(kind::GETATTR, body().u32(1).u64(0)).unwrap(), root);
    assert_eq!(client.walk("../out", 2), Err(libc::ENOENT));
    client.open(1, 0).unwrap();
    let list = client.ask(kind::READDIR, body().u32(1).u64(0).u32(4096)).unwrap();
    let numbers = list.windows(2 + 2).filter(|bytes| bytes == b"\x02\0..").count();
    assert_eq!(numbers, 1);
    let at = list.windows(4).position(|bytes| bytes == b"\x02\0..").unwrap() - 22;
    assert_eq!(list[at + 5..at + 13], root[8 + 5..8 + 13], "the number of what is above is not told");
}

#[test]
fn links_are_texts_whoever_made_them() {
    let mut client = Client::with(ShareAccess::ReadWrite, |shared| {
        symlink("../out/secret", shared.join("file")).unwrap();
        symlink("../out", shared.join("directory")).unwrap();
        symlink("/proc/self/root", shared.join("magic")).unwrap();
    });
    client.ask(kind::SYMLINK, body().u32(0).name("made").name("/etc").u32(0)).unwrap();
    for (name, text) in
        [("file", "../out/secret"), ("directory", "../out"), ("magic", "/proc/self/root"), ("made", "/etc")]
    {
        client.walk(name, 1).unwrap();
        assert_eq!(client.ask(kind::READLINK, body().u32(1)).unwrap(), body().name(text).0);
        for flags in [0, 1, 2, 0o1002, 0o200000] {
            assert_eq!(client.open(1, flags), Err(libc::ELOOP), "{name}");
        }
        assert_eq!(client.ask(kind::WALK, body().u32(1).u32(2).u16(1).name("secret")), Err(libc::ENOTDIR));
        assert_eq!(client.ask(kind::WALK, body().u32(1).u32(2).u16(1).name("..")), Err(libc::ENOTDIR));
        assert!(client.mkdir(1, "x").is_err() && client.set(1, 8, 0, 0, 0).is_err());
        let create = body().u32(1).name("x").u32(0o102).u32(0o644).u32(0);
        assert_eq!(client.ask(kind::LCREATE, create), Err(libc::ENOTDIR), "{name}");
        client.clunk(1).unwrap();
        // With and without "but only if it is not there".
        for flags in [0o2, 0o202, 0o1002] {
            client.walk("", 1).unwrap();
            let create = body().u32(1).name(name).u32(flags).u32(0o644).u32(0);
            assert!(matches!(client.ask(kind::LCREATE, create), Err(libc::EEXIST | libc::ELOOP)), "{name} {flags:o}");
            client.clunk(1).unwrap();
        }
    }
    assert!(client.is_unharmed());
}

#[test]
fn a_link_to_a_link_does_not_lead_further_than_the_link() {
    let mut client = Client::with(ShareAccess::ReadWrite, |shared| {
        symlink("../out/secret", shared.join("link")).unwrap();
    });
    client.walk("link", 1).unwrap();
    client.ask(kind::LINK, body().u32(0).u32(1).name("other")).unwrap();
    assert!(client.path("other").symlink_metadata().unwrap().is_symlink());
    // Times are the link's own; those of what it names stay.
    let before = std::fs::metadata(client.outside("secret")).unwrap().modified().unwrap();
    client.set(1, 0x1b0, 0, 0, 0).unwrap();
    assert_eq!(std::fs::metadata(client.outside("secret")).unwrap().modified().unwrap(), before);
    // Owner and permissions, too, where the host has them for links at all.
    let _ = client.set(1, 1, 0o777, 0, 0);
    let _ = client.set(1, 2 | 4, 0, 12345, 0);
    let is = std::fs::metadata(client.outside("secret")).unwrap();
    use std::os::unix::fs::MetadataExt;
    assert!(is.mode() & 0o777 != 0o777 && is.uid() != 12345 && client.is_unharmed());
}

#[test]
fn fifos_sockets_and_devices_are_never_opened() {
    let mut client = Client::with(ShareAccess::ReadWrite, |shared| {
        nix::unistd::mkfifo(&shared.join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        drop(std::os::unix::net::UnixListener::bind(shared.join("socket")).unwrap());
        // Only root can; as anybody else the rest of the test is all the same.
        let device = nix::sys::stat::makedev(1, 3);
        let all = nix::sys::stat::Mode::all();
        let _ = nix::sys::stat::mknod(&shared.join("device"), nix::sys::stat::SFlag::S_IFCHR, all, device);
    });
    for name in ["fifo", "socket", "device"] {
        if !client.path(name).exists() {
            continue;
        }
        client.walk(name, 1).unwrap();
        let begun = Instant::now();
        for flags in [0, 1, 2, 0o4000] {
            assert_eq!(client.open(1, flags), Err(libc::ENXIO), "{name}");
        }
        client.clunk(1).unwrap();
        client.walk("", 1).unwrap();
        let create = body().u32(1).name(name).u32(0o101).u32(0o644).u32(0);
        assert_eq!(client.ask(kind::LCREATE, create), Err(libc::ENXIO), "{name}");
        client.clunk(1).unwrap();
        assert!(begun.elapsed() < Duration::from_secs(5), "{name} lets the server wait");
    }
}

#[test]
fn a_guest_makes_fifos_and_sockets_and_no_devices() {
    let mut client = Client::new();
    let make = |client: &mut Client, name: &str, mode: u32| {
        client.ask(kind::MKNOD, body().u32(0).name(name).u32(mode).u32(1).u32(3).u32(0)).map(drop)
    };
    assert_eq!(make(&mut client, "c", 0o20666), Err(libc::EPERM));
    assert_eq!(make(&mut client, "b", 0o60666), Err(libc::EPERM));
    assert_eq!(make(&mut client, "d", 0o40755), Err(libc::EPERM));
    assert_eq!(make(&mut client, "fifo", 0o10600), Ok(()));
    assert_eq!(make(&mut client, "socket", 0o140600), Ok(()));
    assert_eq!(make(&mut client, "file", 0o100640), Ok(()));
}

#[test]
fn files_of_the_kernels_own_are_not_opened() {
    let report = Arc::new(|_: &str| ());
    let options = ShareOptions { tag: "p".into(), access: ShareAccess::ReadOnly, report };
    let proc = ShareDir::open("/proc".as_ref(), options).unwrap();
    let mut session = crate::share::fuzzing::Session::new(proc);
    let mut ask = |kind, fields| session.message(&crate::share::testing::message(kind, fields), 1 << 16).to_vec();
    ask(kind::VERSION, body().u32(65536).name("9P2000.L"));
    ask(kind::ATTACH, body().u32(0).u32(!0).name("").name("").u32(!0));
    for path in [&["self", "mem"][..], &["version"], &["kmsg"], &["sys", "kernel", "core_pattern"]] {
        let walk = body().u32(0).u32(1).u16(path.len() as u16);
        let answer = ask(kind::WALK, path.iter().fold(walk, |walk, name| walk.name(name)));
        if answer[4] != kind::WALK + 1 || answer[7..9] != (path.len() as u16).to_le_bytes() {
            // `self` is a link, which is not followed.
            continue;
        }
        let opened = ask(kind::LOPEN, body().u32(1).u32(0));
        assert_eq!((opened[4], i32::from(opened[7])), (7, libc::EACCES), "{path:?}");
        ask(kind::CLUNK, body().u32(1));
    }
}

/// While the host exchanges a directory and a link that leads out, again and again, a guest gets either the directory
/// or an error.
#[test]
fn exchanging_a_directory_for_a_link_opens_no_way() {
    let mut client = Client::with(ShareAccess::ReadWrite, |shared| {
        std::fs::create_dir(shared.join("a")).unwrap();
        std::fs::write(shared.join("a/secret"), "mine").unwrap();
        symlink("../out", shared.join("b")).unwrap();
    });
    let (one, other, stop) = (client.path("a"), client.path("b"), Arc::new(AtomicBool::new(false)));
    let stopped = stop.clone();
    let host = std::thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).unwrap();
        }
    });
    let (begun, mut got) = (Instant::now(), [0; 2]);
    while begun.elapsed() < RACE {
        let walk = body().u32(0).u32(1).u16(2).name("a").name("secret");
        // The walk may end at what is a link just then; fid 1 is only there where it did not.
        let _ = client.ask(kind::WALK, walk);
        if client.open(1, 0o2).is_ok() {
            got[0] += 1;
            assert_eq!(client.read(1, 0, 100).unwrap(), b"mine");
        } else {
            got[1] += 1;
        }
        let _ = client.clunk(1);
        let made = body().u32(0).u32(2).u16(1).name("a");
        if client.ask(kind::WALK, made).is_ok() {
            let _ = client.mkdir(2, "made");
            let _ = client.ask(kind::UNLINKAT, body().u32(2).name("secret").u32(0x200));
            let _ = client.clunk(2);
        }
    }
    stop.store(true, Ordering::Relaxed);
    host.join().unwrap();
    assert!(got[0] > 0 && got[1] > 0, "there was no race: {got:?}");
    assert!(client.is_unharmed());
}

/// The same for the last name, which a guest creates and truncates while the host puts a link there.
#[test]
fn exchanging_a_file_for_a_link_writes_nowhere_else() {
    let mut client = Client::with(ShareAccess::ReadWrite, |shared| {
        std::fs::write(shared.join("a"), "mine").unwrap();
        symlink("../out/secret", shared.join("b")).unwrap();
    });
    let (one, other, stop) = (client.path("a"), client.path("b"), Arc::new(AtomicBool::new(false)));
    let stopped = stop.clone();
    let host = std::thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).unwrap();
        }
    });
    let begun = Instant::now();
    while begun.elapsed() < RACE {
        client.walk("", 1).unwrap();
        let create = body().u32(1).name("a").u32(0o1002).u32(0o644).u32(0);
        if client.ask(kind::LCREATE, create).is_ok() {
            assert_ne!(client.read(1, 0, 100).unwrap(), SECRET.as_bytes());
            client.write(1, 0, b"written").unwrap();
        }
        client.clunk(1).unwrap();
        if client.walk("a", 1).is_ok() {
            let _ = client.set(1, 8, 0, 0, 1);
            client.clunk(1).unwrap();
        }
    }
    stop.store(true, Ordering::Relaxed);
    host.join().unwrap();
    assert!(client.is_unharmed());
}

#[test]
fn readonly_is_kept_by_the_server() {
    let mut client = Client::with(ShareAccess::ReadOnly, |shared| {
        std::fs::write(shared.join("file"), "text").unwrap();
        std::fs::create_dir(shared.join("directory")).unwrap();
    });
    client.walk("file", 1).unwrap();
    for flags in [1, 2, 0o1000, 0o2001] {
        assert_eq!(client.open(1, flags), Err(libc::EROFS), "{flags:o}");
    }
    let calls = [
        (kind::LCREATE, body().u32(0).name("new").u32(0o102).u32(0o644).u32(0)),
        (kind::SYMLINK, body().u32(0).name("new").name("x").u32(0)),
        (kind::MKNOD, body().u32(0).name("new").u32(0o10644).u32(0).u32(0).u32(0)),
        (kind::MKDIR, body().u32(0).name("new").u32(0o755).u32(0)),
        (kind::LINK, body().u32(0).u32(1).name("new")),
        (kind::RENAMEAT, body().u32(0).name("file").u32(0).name("new")),
        (kind::RENAME, body().u32(1).u32(0).name("new")),
        (kind::UNLINKAT, body().u32(0).name("file").u32(0)),
        (kind::UNLINKAT, body().u32(0).name("directory").u32(0x200)),
        (kind::XATTRCREATE, body().u32(1).name("user.a").u64(1).u32(0)),
        (kind::WRITE, body().u32(1).u64(0).u32(1).bytes(b"x")),
    ];
    for (kind, fields) in calls {
        assert_eq!(client.ask(kind, fields), Err(libc::EROFS), "{kind}");
    }
    for valid in [1, 2, 4, 8, 0x10, 0x1b0] {
        assert_eq!(client.set(1, valid, 0o600, 0, 0), Err(libc::EROFS), "{valid:#x}");
    }
    client.open(1, 0).unwrap();
    assert_eq!(client.read(1, 0, 10).unwrap(), b"text");
    assert_eq!(client.ask(kind::REMOVE, body().u32(1)), Err(libc::EROFS));
    assert_eq!(std::fs::read(client.path("file")).unwrap(), b"text");
}
