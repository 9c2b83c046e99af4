//! Messages to a shared directory: whatever a guest says, nothing outside the directory changes or is shown, nothing at
//! all changes in one that may only be read, and every message has one answer that fits.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::virtio::share::fuzzing::Session;
use ::virtio::{ShareAccess, ShareDir, ShareOptions};

use super::Target;

pub const TARGET: Target = Target { name: "ninep", what: "a shared directory: 9P messages", run, seeds };

const SECRET: &[u8] = b"what is outside is nobody's business";
/// Begins a session, and calls the directory 0.
const BEGIN: [(u8, &[u8]); 2] = [
    (100, b"\x00\x00\x01\x00\x08\x009P2000.L"),
    (104, b"\x00\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff"),
];
/// What the server is never asked to be shorter than: an error.
const ERROR_BYTES: usize = 11;

/// A directory `in` that is shared, beside a directory `out` with what links in it name.
struct Place(tempfile::TempDir);

thread_local! {
    static PLACE: Place = Place::new();
}

/// All that can be seen of a file: where, what, whose, how many names, when changed, and what is in it.
type Seen = Vec<(PathBuf, u32, u32, u64, i64, Vec<u8>)>;

impl Place {
    fn new() -> Self {
        let place = tempfile::tempdir().expect("the host has room for a directory");
        let out = place.path().join("out");
        fs::create_dir(&out)
            .and_then(|()| fs::write(out.join("secret"), SECRET))
            .expect("the host has room for a file");
        Place(place)
    }

    /// Makes what is shared what it was, and answers where it is.
    fn renew(&self) -> PathBuf {
        let shared = self.0.path().join("in");
        remove(&shared);
        let make = || {
            fs::create_dir(&shared)?;
            fs::create_dir(shared.join("d"))?;
            fs::write(shared.join("f"), b"content")?;
            fs::write(shared.join("d/g"), [7; 5000])?;
            symlink("../out/secret", shared.join("l"))?;
            symlink("../out", shared.join("m"))
        };
        make().expect("the host has room for some files");
        rustix::fs::mkfifoat(rustix::fs::CWD, shared.join("p"), 0o600.into()).expect("the host has FIFOs");
        shared
    }

    fn seen(&self, name: &str) -> Seen {
        let mut seen = Vec::new();
        look(&self.0.path().join(name), &mut seen);
        seen
    }
}

/// Removes a directory, also where a guest has forbidden to look into it.
fn remove(directory: &Path) {
    let Ok(info) = directory.symlink_metadata() else { return };
    if !info.is_dir() {
        return fs::remove_file(directory).expect("it is ours");
    }
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).expect("it is ours");
    let entries = fs::read_dir(directory).expect("it is ours");
    entries.for_each(|entry| remove(&entry.expect("it is ours").path()));
    fs::remove_dir(directory).expect("it is ours and empty");
}

/// Looks at a file, or at all that is in a directory.
fn look(at: &Path, seen: &mut Seen) {
    let info = at.symlink_metadata().expect("it is there");
    let content = match info.file_type() {
        kind if kind.is_file() => fs::read(at).expect("it is ours"),
        kind if kind.is_symlink() => fs::read_link(at).expect("it is ours").into_os_string().into_encoded_bytes(),
        _ => Vec::new(),
    };
    seen.push((at.to_owned(), info.mode(), info.uid(), info.nlink(), info.ctime_nsec(), content));
    if info.is_dir() {
        let entries = fs::read_dir(at).expect("it is ours");
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("it is ours").path()).collect();
        paths.sort();
        paths.iter().for_each(|path| look(path, seen));
    }
}

/// The first byte says whether the directory may be written, the rest is messages: a length, a byte that says how much
/// room there is for the answer, the kind, and the fields.
fn run(input: &[u8]) {
    let Some((&access, mut rest)) = input.split_first() else { return };
    let access = if access & 1 == 0 { ShareAccess::ReadWrite } else { ShareAccess::ReadOnly };
    PLACE.with(|place| {
        let shared = place.renew();
        let (outside, inside) = (place.seen("out"), place.seen("in"));
        let options = ShareOptions { tag: "share".into(), access, report: Arc::new(|_| ()) };
        let mut session = Session::new(ShareDir::open(&shared, options).expect("the directory is there"));
        BEGIN.iter().for_each(|(kind, fields)| tell(&mut session, *kind, fields, 0));
        while let [len, room, kind, behind @ ..] = rest {
            let (fields, next) = behind.split_at(usize::from(*len).min(behind.len()));
            tell(&mut session, *kind, fields, *room);
            rest = next;
        }
        drop(session);
        assert!(place.seen("out") == outside, "something outside the shared directory has changed");
        assert_eq!(fs::read_dir(place.0.path()).expect("it is ours").count(), 2, "something is beside it");
        assert!(access == ShareAccess::ReadWrite || place.seen("in") == inside, "what is only read has changed");
    });
}

/// Sends a message, and looks at the answer.
fn tell(session: &mut Session, kind: u8, fields: &[u8], room: u8) {
    // Lengths that are wrong, too.
    let len = (7 + fields.len() as u32) ^ if room == 255 { 1 } else { 0 };
    let room = if room < 128 { 1 << 20 } else { ERROR_BYTES + usize::from(room - 128) };
    let answer = session.message(&[&len.to_le_bytes()[..], &[kind, 5, 6], fields].concat(), room);
    assert!((7..=room).contains(&answer.len()), "an answer of {} bytes for {room}", answer.len());
    assert_eq!(answer[..4], (answer.len() as u32).to_le_bytes());
    assert!([7, kind.wrapping_add(1)].contains(&answer[4]) && answer[5..7] == [5, 6]);
    assert!(!answer.windows(SECRET.len()).any(|bytes| bytes == SECRET), "the secret is out");
}

/// A message as it stands in an input.
fn message(kind: u8, fields: &[&[u8]]) -> Vec<u8> {
    let fields = fields.concat();
    [&[fields.len() as u8, 0, kind], &fields[..]].concat()
}

/// What clients do, and what they would like to.
fn seeds() -> Vec<Vec<u8>> {
    let (root, new): (&[u8], &[u8]) = (&[0; 4], &[1, 0, 0, 0]);
    let walk = |names: &[&[u8]]| {
        let count = [names.len() as u8, 0];
        let names = names.iter().flat_map(|name| [&[name.len() as u8, 0], *name].concat()).collect::<Vec<u8>>();
        message(110, &[root, new, &count, &names])
    };
    let open = |flags: u8| message(12, &[new, &[flags, 0, 0, 0]]);
    let read = message(116, &[new, &[0; 8], &[0, 1, 0, 0]]);
    let write = message(118, &[new, &[0; 8], &[3, 0, 0, 0], b"abc"]);
    let mode = [0xa4, 0x81, 0, 0, 0, 0, 0, 0];
    let set = |valid: u16| message(26, &[new, &valid.to_le_bytes(), &[0, 0, 0xed, 1, 0, 0], &[0; 48]]);
    let sessions: [&[&[u8]]; 14] = [
        &[&walk(&[b"f"]), &open(2), &read, &write, &message(50, &[new, root]), &message(120, &[new])],
        &[&walk(&[b"d", b"g"]), &open(0), &read, &message(24, &[new, &[255; 8]])],
        &[&walk(&[]), &open(0), &message(40, &[new, &[0; 8], &[0, 1, 0, 0]])],
        &[&walk(&[]), &message(14, &[new, b"\x01\0n", &[0x42, 0, 0, 0], &mode, root]), &write, &set(0x1ff)],
        &[&walk(&[b"l"]), &message(22, &[new]), &open(2), &set(0x1ff)],
        &[
            &walk(&[b"m", b"secret"]),
            &read,
            &walk(&[b"m"]),
            &message(14, &[new, b"\x01\0n", &[0x42, 0, 0, 0], &mode, root]),
        ],
        &[&walk(&[b"..", b"..", b"out"]), &walk(&[b"p"]), &open(0), &open(1)],
        &[&message(72, &[root, b"\x01\0e", &mode, root]), &message(76, &[root, b"\x01\0d", &[0, 2, 0, 0]])],
        &[&message(16, &[root, b"\x01\0s", b"\x06\0../out", root]), &walk(&[b"s", b"secret"])],
        &[&message(74, &[root, b"\x01\0f", root, b"\x01\0g"]), &message(74, &[root, b"\x01\0l", root, b"\x01\0f"])],
        &[&walk(&[b"l"]), &message(70, &[root, new, b"\x01\0h"]), &message(20, &[new, root, b"\x01\0i"])],
        &[&message(18, &[root, b"\x01\0c", &[0xb6, 0x21, 0, 0], &[1, 0, 0, 0, 3, 0, 0, 0], root]), &walk(&[b"c"])],
        &[&walk(&[b"f"]), &message(32, &[new, b"\x06\0user.a", &[3, 0, 0, 0, 0, 0, 0, 0], root]), &write],
        &[
            &walk(&[b"f"]),
            &message(30, &[new, &[2, 0, 0, 0], b"\0\0"]),
            &message(52, &[new, &[0; 30]]),
            &message(122, &[new]),
        ],
    ];
    let both = |session: &&[&[u8]]| [0, 1].map(|access| [&[access], &session.concat()[..]].concat());
    sessions.iter().flat_map(both).collect()
}
