//! What programs expect of a file system, and what a server has to stand.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use nix::libc;

use crate::share::ShareAccess;
use crate::share::testing::{Client, ROOM, body, message};
use crate::share::wire::kind;

#[test]
fn what_is_written_is_in_the_hosts_file() {
    let mut client = Client::new();
    client.create("new", 1).unwrap();
    assert_eq!(client.write(1, 0, b"hello"), Ok(5));
    assert_eq!(client.write(1, 10, b"!"), Ok(1));
    assert_eq!(fs::read(client.path("new")).unwrap(), b"hello\0\0\0\0\0!");
    assert_eq!(client.read(1, 3, 100).unwrap(), b"lo\0\0\0\0\0!");
    assert_eq!(client.read(1, 11, 100).unwrap(), b"");
    client.ask(kind::FSYNC, body().u32(1).u32(0)).unwrap();
    client.ask(kind::FSYNC, body().u32(1).u32(1)).unwrap();
}

#[test]
fn a_new_file_has_the_mode_that_the_client_gives_whatever_our_umask() {
    let mut client = Client::new();
    client.walk("", 1).unwrap();
    client.ask(kind::LCREATE, body().u32(1).name("file").u32(0o2).u32(0o100666).u32(0)).unwrap();
    client.ask(kind::MKDIR, body().u32(0).name("directory").u32(0o41777).u32(0)).unwrap();
    let mode = |name| fs::metadata(client.path(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("file"), mode("directory")), (0o666, 0o1777));
}

#[test]
fn no_program_is_made_that_runs_as_another_user() {
    let mut client = Client::new();
    client.walk("", 1).unwrap();
    client.ask(kind::LCREATE, body().u32(1).name("program").u32(0o2).u32(0o106755).u32(0)).unwrap();
    let mode = |client: &Client| fs::metadata(client.path("program")).unwrap().mode() & 0o7777;
    assert_eq!(mode(&client), 0o755);
    client.set(1, 1, 0o6711, 0, 0).unwrap();
    assert_eq!(mode(&client), 0o711);
    client.mkdir(0, "directory").unwrap();
    client.walk("directory", 2).unwrap();
    client.set(2, 1, 0o2775, 0, 0).unwrap();
    assert_eq!(fs::metadata(client.path("directory")).unwrap().mode() & 0o7777, 0o2775);
}

#[test]
fn files_of_the_user_are_the_guests_roots() {
    let mut client = Client::new();
    client.create("file", 1).unwrap();
    let [mode, owner, group] = client.attributes(1).unwrap();
    assert_eq!((mode, owner, group), (0o100644, 0, 0));
    // Root gives it to root: it stays whose it is. To nobody's number it is not given.
    client.set(1, 2 | 4, 0, 0, 0).unwrap();
    assert_eq!(client.set(1, 2, 0, !0, 0), Err(libc::EINVAL));
    assert_eq!(client.set(1, 4, 0, !0, 0), Err(libc::EINVAL));
    let is = fs::metadata(client.path("file")).unwrap();
    assert_eq!((is.uid(), is.gid()), (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()));
}

#[test]
fn what_a_guests_user_makes_is_that_users_where_we_are_root() {
    let mut client = Client::new();
    client.ask(kind::ATTACH, body().u32(50).u32(!0).name("user").name("").u32(1000)).unwrap();
    client.ask(kind::WALK, body().u32(50).u32(51).u16(0)).unwrap();
    client.ask(kind::LCREATE, body().u32(51).name("file").u32(0o2).u32(0o100640).u32(1001)).unwrap();
    client.ask(kind::MKDIR, body().u32(50).name("directory").u32(0o41770).u32(1001)).unwrap();
    client.ask(kind::SYMLINK, body().u32(50).name("link").name("file").u32(1001)).unwrap();
    client.ask(kind::MKNOD, body().u32(50).name("fifo").u32(0o010640).u32(0).u32(0).u32(1001)).unwrap();
    let own = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let expected = if own.0 == 0 { (1000, 1001) } else { own };
    for (name, mode) in [("file", 0o640), ("directory", 0o1770), ("link", 0o777), ("fifo", 0o640)] {
        let is = fs::symlink_metadata(client.path(name)).unwrap();
        assert_eq!(((is.uid(), is.gid()), is.mode() & 0o7777), (expected, mode), "{name}");
    }
    // Of a client that says no number it is root's.
    client.create("another", 1).unwrap();
    let is = fs::metadata(client.path("another")).unwrap();
    assert_eq!((is.uid(), is.gid()), own);
}

#[test]
fn size_and_times_are_set() {
    let mut client = Client::new();
    client.create("file", 1).unwrap();
    client.write(1, 0, b"0123456789").unwrap();
    // Size, both times as given.
    client.set(1, 8 | 0x1b0, 0, 0, 4).unwrap();
    let is = fs::metadata(client.path("file")).unwrap();
    assert_eq!((is.size(), is.atime(), is.atime_nsec()), (4, 1_000_000_000, 5));
    assert_eq!((is.mtime(), is.mtime_nsec()), (1_000_000_001, 6));
    // Now, the other stays.
    client.set(1, 0x20, 0, 0, 0).unwrap();
    let is = fs::metadata(client.path("file")).unwrap();
    assert!(is.atime() == 1_000_000_000 && is.mtime() > 1_000_000_001);
    assert_eq!(client.set(1, 8, 0, 0, u64::MAX), Err(libc::EFBIG));
}

#[test]
fn who_has_a_file_open_to_write_keeps_that_right() {
    let mut client = Client::new();
    client.create("file", 1).unwrap();
    fs::set_permissions(client.path("file"), fs::Permissions::from_mode(0o000)).unwrap();
    assert_eq!(client.write(1, 0, b"abc"), Ok(3));
    client.set(1, 8, 0, 0, 2).unwrap();
    assert_eq!(fs::metadata(client.path("file")).unwrap().size(), 2);
    // Also when it has no name any more.
    client.ask(kind::UNLINKAT, body().u32(0).name("file").u32(0)).unwrap();
    assert_eq!(client.read(1, 0, 10).unwrap(), b"ab");
    assert_eq!(client.attributes(1).unwrap()[0] & 0o170000, 0o100000);
}

#[test]
fn a_file_is_moved_linked_and_removed() {
    let mut client = Client::new();
    client.create("one", 1).unwrap();
    client.mkdir(0, "directory").unwrap();
    client.walk("directory", 2).unwrap();
    client.ask(kind::RENAMEAT, body().u32(0).name("one").u32(2).name("two")).unwrap();
    client.ask(kind::LINK, body().u32(0).u32(1).name("three")).unwrap();
    assert_eq!(fs::metadata(client.path("directory/two")).unwrap().nlink(), 2);
    assert_eq!(client.ask(kind::UNLINKAT, body().u32(0).name("directory").u32(0x200)), Err(libc::ENOTEMPTY));
    assert_eq!(client.ask(kind::UNLINKAT, body().u32(0).name("three").u32(0x200)), Err(libc::ENOTDIR));
    client.ask(kind::UNLINKAT, body().u32(0).name("three").u32(0)).unwrap();
    assert_eq!(fs::read_dir(client.path("")).unwrap().count(), 1);
}

#[test]
fn older_clients_move_and_remove_what_they_walked_to() {
    let mut client = Client::new();
    client.create("file", 9).unwrap();
    client.mkdir(0, "directory").unwrap();
    client.walk("file", 1).unwrap();
    client.walk("directory", 2).unwrap();
    client.ask(kind::RENAME, body().u32(1).u32(2).name("moved")).unwrap();
    assert!(client.path("directory/moved").exists());
    // From where it is now.
    client.ask(kind::RENAME, body().u32(1).u32(0).name("back")).unwrap();
    client.ask(kind::REMOVE, body().u32(2)).unwrap();
    assert!(!client.path("directory").exists() && client.path("back").exists());
    // Somebody put another file there: that one stays.
    fs::rename(client.path("back"), client.path("elsewhere")).unwrap();
    fs::write(client.path("back"), "another").unwrap();
    assert_eq!(client.ask(kind::REMOVE, body().u32(1)), Err(libc::ENOENT));
    assert_eq!(client.ask(kind::REMOVE, body().u32(0)), Err(libc::EBUSY));
    assert!(client.path("back").exists() && client.path("elsewhere").exists());
}

#[test]
fn thousands_of_names_are_listed_once_each_with_any_message() {
    let mut expected: Vec<String> = (0..3000).map(|n| format!("{n}{}", "x".repeat(n % 250))).collect();
    let mut client = Client::with(ShareAccess::ReadOnly, |shared| {
        expected.iter().for_each(|name| fs::write(shared.join(name), "").unwrap());
    });
    expected.extend([".".to_owned(), "..".to_owned()]);
    expected.sort();
    for count in [300, 1000, 8192, 500_000] {
        client.walk("", 1).unwrap();
        client.open(1, 0).unwrap();
        let mut names = client.names(1, count);
        names.sort();
        assert!(names == expected, "{count}: {} names", names.len());
        // From the beginning once more.
        assert_eq!(client.names(1, count).len(), expected.len());
        client.clunk(1).unwrap();
    }
    client.walk("", 1).unwrap();
    client.open(1, 0).unwrap();
    assert_eq!(client.ask(kind::READDIR, body().u32(1).u64(0).u32(20)), Err(libc::EINVAL), "no room for a name");
}

#[test]
fn long_names_and_deep_directories() {
    let mut client = Client::new();
    let long = "n".repeat(255);
    client.create(&long, 1).unwrap();
    client.clunk(1).unwrap();
    assert_eq!(client.create(&"n".repeat(256), 1), Err(libc::ENAMETOOLONG));
    client.clunk(1).unwrap();
    // Far deeper than any path is long, and than a stack is deep.
    client.ask(kind::WALK, body().u32(0).u32(2).u16(0)).unwrap();
    let deep = (0..8_000).take_while(|_| {
        client.mkdir(2, "d").unwrap();
        match client.ask(kind::WALK, body().u32(2).u32(2).u16(1).name("d")) {
            Ok(_) => true,
            Err(errno) => {
                assert_eq!(errno, libc::ENFILE);
                false
            }
        }
    });
    let deep = deep.count();
    assert!(deep > 250, "{deep}");
    client.clunk(2).unwrap();
    // From the root it is still all there; and what is that deep has to be removed by somebody who goes there.
    client.walk("d/d/d/d", 3).unwrap();
    remove_deep(client.path("d"));
}

/// Removes a chain of directories named `d`.
fn remove_deep(path: std::path::PathBuf) {
    assert!(std::process::Command::new("rm").arg("-rf").arg(path).status().unwrap().success());
}

#[test]
fn extended_attributes_are_the_users_own() {
    let mut client = Client::new();
    client.create("file", 1).unwrap();
    let set = |client: &mut Client, name: &str, value: &[u8]| {
        client.walk("file", 2).unwrap();
        let begun = client.ask(kind::XATTRCREATE, body().u32(2).name(name).u64(value.len() as u64).u32(0));
        if begun.is_ok() && !value.is_empty() {
            client.write(2, 0, value).unwrap();
        }
        client.clunk(2).and(begun.map(drop))
    };
    let get = |client: &mut Client, name: &str| {
        let size = client.ask(kind::XATTRWALK, body().u32(1).u32(3).name(name))?;
        let value = client.read(3, 0, 65536).unwrap();
        assert_eq!(size, (value.len() as u64).to_le_bytes());
        client.clunk(3).map(|()| value)
    };
    if set(&mut client, "user.colour", b"green") == Err(libc::EOPNOTSUPP) {
        // A host's file system without them.
        return;
    }
    assert_eq!(get(&mut client, "user.colour").unwrap(), b"green");
    assert_eq!(get(&mut client, "").unwrap(), b"user.colour\0");
    for name in ["security.capability", "trusted.x", "system.posix_acl_access", "x"] {
        assert_eq!(get(&mut client, name), Err(libc::EOPNOTSUPP), "{name}");
        assert_eq!(set(&mut client, name, b"v"), Err(libc::EOPNOTSUPP), "{name}");
    }
    set(&mut client, "user.colour", b"").unwrap();
    assert_eq!(get(&mut client, "user.colour"), Err(libc::ENODATA));
    client.walk("file", 2).unwrap();
    let huge = body().u32(2).name("user.huge").u64(1 << 40).u32(0);
    assert_eq!(client.ask(kind::XATTRCREATE, huge), Err(libc::E2BIG));
}

#[test]
fn messages_that_make_no_sense_are_errors() {
    let mut client = Client::new();
    let mut error = |message: &[u8]| {
        let answer = client.raw(message, ROOM);
        assert_eq!((answer.len(), answer[4]), (11, 7), "{message:?}");
        i32::from_le_bytes(answer[7..].try_into().unwrap())
    };
    // Every kind, with too few fields, and with a length that is not its own.
    for kind in (0..=255u8).filter(|&kind| kind != kind::VERSION) {
        assert!([libc::EPROTO, libc::EOPNOTSUPP].contains(&error(&message(kind, body()))), "{kind}");
        let mut long = message(kind, body());
        long[0] = 200;
        assert_eq!(error(&long), libc::EPROTO, "{kind}");
        long[3] = 0x7f;
        assert_eq!(error(&long), libc::EMSGSIZE, "{kind}");
    }
    assert_eq!(error(&message(kind::WALK, body().u32(0).u32(1).u16(17))), libc::EINVAL);
    assert_eq!(error(&message(kind::WALK, body().u32(77).u32(1).u16(0))), libc::EBADF);
    assert_eq!(error(&message(kind::WRITE, body().u32(0).u64(0).u32(!0))), libc::EPROTO);
    assert_eq!(error(&message(kind::VERSION, body().u32(100).name("9P2000.L"))), libc::EMSGSIZE);
    // The session has gone with that.
    assert_eq!(error(&message(kind::GETATTR, body().u32(0).u64(0))), libc::EPROTO);
    let unknown = client.ask(kind::VERSION, body().u32(8192).name("9P2000.u")).unwrap();
    assert_eq!(unknown, body().u32(8192).name("unknown").0);
    client.begin();
    assert_eq!(client.ask(kind::GETATTR, body().u32(1).u64(0)), Err(libc::EBADF));
}

#[test]
fn an_answer_is_no_longer_than_its_room() {
    let mut client = Client::with(ShareAccess::ReadOnly, |shared| fs::write(shared.join("f"), [7; 9000]).unwrap());
    client.walk("f", 1).unwrap();
    client.open(1, 0).unwrap();
    for room in [11, 12, 100, 5000] {
        let answer = client.raw(&message(kind::READ, body().u32(1).u64(0).u32(!0)), room);
        assert_eq!(answer.len(), room);
        let answer = client.raw(&message(kind::GETATTR, body().u32(1).u64(0)), room);
        assert!(answer.len() <= room && answer[4] == if room < 160 { 7 } else { 25 });
    }
}

#[test]
fn a_listing_is_no_longer_than_its_room() {
    let mut client = Client::with(ShareAccess::ReadOnly, |shared| {
        (1..=9).for_each(|len| fs::write(shared.join("f".repeat(len)), "").unwrap());
    });
    client.walk("", 1).unwrap();
    client.open(1, 0).unwrap();
    for room in 11..700 {
        let answer = client.raw(&message(kind::READDIR, body().u32(1).u64(0).u32(!0)), room);
        // The smallest entry is '.'.
        let kind = if room < 11 + 25 { 7 } else { kind::READDIR + 1 };
        assert!(answer.len() <= room && (answer[4] == kind || answer[4] == 7 && room < 11 + 33), "{room}");
    }
}

#[test]
fn numbers_are_used_once_and_limited() {
    let mut client = Client::new();
    client.create("file", 1).unwrap();
    assert_eq!(client.ask(kind::WALK, body().u32(0).u32(1).u16(0)), Err(libc::EEXIST));
    assert_eq!(client.ask(kind::ATTACH, body().u32(1).u32(!0).name("").name("").u32(!0)), Err(libc::EEXIST));
    assert_eq!(client.open(1, 0), Err(libc::EBUSY));
    assert_eq!(client.ask(kind::WALK, body().u32(1).u32(1).u16(0)), Err(libc::EBUSY));
    let refused = (10..).find_map(|fid| client.ask(kind::WALK, body().u32(0).u32(fid).u16(0)).err());
    assert_eq!(refused, Some(libc::ENFILE));
    assert_eq!(client.told().len(), 1, "{:?}", client.told());
}

#[test]
fn a_directory_that_has_gone_is_told_once() {
    let mut client = Client::new();
    fs::remove_dir(client.path("")).unwrap();
    for _ in 0..3 {
        assert_eq!(client.create("file", 1), Err(libc::ENOENT));
        client.clunk(1).unwrap();
    }
    let told = client.told();
    assert!(told.len() == 1 && told[0].ends_with("/in\": it is not there any more"), "{told:?}");
}

#[test]
fn files_of_two_file_systems_have_numbers_of_their_own() {
    use crate::share::node::number;
    assert_eq!(number(1, 1, 5), 5);
    assert_ne!(number(1, 2, 5), 5);
    assert_ne!(number(1, 2, 5), number(1, 3, 5));
    assert_ne!(number(1, 2, 5), number(1, 2, 6));
}
