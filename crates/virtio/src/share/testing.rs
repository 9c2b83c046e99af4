//! Help for tests: a client that speaks 9P2000.L.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use super::fuzzing::Session;
use super::wire::{HEADER_BYTES, kind};
use super::{ShareAccess, ShareDir, ShareOptions};

/// The number of an error.
pub type Errno = i32;

/// A client with a session, whose root is fid 0.
pub struct Client {
    /// The shared directory is `in` in it; beside it is `out`, with a file.
    place: TempDir,
    session: Session,
    told: Arc<Mutex<Vec<String>>>,
}

/// The fields of a message, one after the other.
#[derive(Clone, Default)]
pub struct Body(pub Vec<u8>);

impl Body {
    pub fn u16(mut self, value: u16) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub fn u32(mut self, value: u32) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub fn u64(mut self, value: u64) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    pub fn name(self, name: &str) -> Self {
        self.u16(name.len() as u16).bytes(name.as_bytes())
    }
}

/// A message without fields.
pub fn body() -> Body {
    Body::default()
}

/// A message with its frame.
pub fn message(kind: u8, body: Body) -> Vec<u8> {
    let len = (HEADER_BYTES + body.0.len()) as u32;
    [&len.to_le_bytes()[..], &[kind, 1, 0], &body.0].concat()
}

pub const SECRET: &str = "nobody's business";
/// Longer than any answer.
pub const ROOM: usize = 1 << 20;

impl Client {
    pub fn new() -> Self {
        Self::with(ShareAccess::ReadWrite, |_| ())
    }

    /// A client of a directory that `prepare` has filled.
    pub fn with(access: ShareAccess, prepare: impl FnOnce(&Path)) -> Self {
        let place = tempfile::tempdir().unwrap();
        let shared = place.path().join("in");
        std::fs::create_dir(&shared).unwrap();
        std::fs::create_dir(place.path().join("out")).unwrap();
        std::fs::write(place.path().join("out/secret"), SECRET).unwrap();
        prepare(&shared);
        let told = Arc::new(Mutex::new(Vec::new()));
        let hears = told.clone();
        let report = Arc::new(move |text: &str| hears.lock().unwrap().push(text.to_owned()));
        let options = ShareOptions { tag: "share".into(), access, report };
        let mut client = Client { session: Session::new(ShareDir::open(&shared, options).unwrap()), place, told };
        client.begin();
        client
    }

    /// Begins a session.
    pub fn begin(&mut self) {
        let version = self.ask(kind::VERSION, body().u32(512 << 10).name("9P2000.L")).unwrap();
        assert_eq!(version, body().u32(512 << 10).name("9P2000.L").0);
        let attach = body().u32(0).u32(!0).name("root").name("").u32(!0);
        assert_eq!(self.ask(kind::ATTACH, attach).unwrap()[0], 0x80);
    }

    /// A path in the shared directory, as the host sees it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.place.path().join("in").join(name)
    }

    /// A path beside it.
    pub fn outside(&self, name: &str) -> PathBuf {
        self.place.path().join("out").join(name)
    }

    /// What is beside the shared directory is as it was.
    pub fn is_unharmed(&self) -> bool {
        let names = |at: PathBuf| {
            let mut names: Vec<_> = std::fs::read_dir(at).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        names(self.place.path().into()) == ["in", "out"]
            && names(self.outside("")) == ["secret"]
            && std::fs::read(self.outside("secret")).unwrap() == SECRET.as_bytes()
            && std::fs::metadata(self.outside("secret")).unwrap().nlink() == 1
    }

    /// What the user was told.
    pub fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    pub fn raw(&mut self, message: &[u8], room: usize) -> Vec<u8> {
        self.session.message(message, room).to_vec()
    }

    /// Sends a message, and answers the fields of the answer, or the error.
    pub fn ask(&mut self, kind: u8, body: Body) -> Result<Vec<u8>, Errno> {
        let answer = self.raw(&message(kind, body), ROOM);
        let (frame, fields) = answer.split_at(HEADER_BYTES);
        assert_eq!(u32::from_le_bytes(frame[..4].try_into().unwrap()) as usize, answer.len());
        assert_eq!(frame[5..], [1, 0]);
        match frame[4] {
            7 => Err(i32::from_le_bytes(fields.try_into().unwrap())),
            answered => {
                assert_eq!(answered, kind + 1);
                Ok(fields.to_vec())
            }
        }
    }

    /// Walks from the root to `path`, one name at a time, and calls the end `fid`.
    pub fn walk(&mut self, path: &str, fid: u32) -> Result<(), Errno> {
        let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
        self.ask(kind::WALK, body().u32(0).u32(fid).u16(0))?;
        for name in names {
            let walked = self.ask(kind::WALK, body().u32(fid).u32(fid).u16(1).name(name));
            if let Err(errno) = walked {
                self.clunk(fid)?;
                return Err(errno);
            }
        }
        Ok(())
    }

    pub fn clunk(&mut self, fid: u32) -> Result<(), Errno> {
        self.ask(kind::CLUNK, body().u32(fid)).map(drop)
    }

    pub fn open(&mut self, fid: u32, flags: u32) -> Result<(), Errno> {
        self.ask(kind::LOPEN, body().u32(fid).u32(flags)).map(drop)
    }

    /// Makes a file in the root, open to be read and written as `fid`.
    pub fn create(&mut self, name: &str, fid: u32) -> Result<(), Errno> {
        self.walk("", fid)?;
        self.ask(kind::LCREATE, body().u32(fid).name(name).u32(0o2).u32(0o644).u32(0)).map(drop)
    }

    pub fn read(&mut self, fid: u32, at: u64, count: u32) -> Result<Vec<u8>, Errno> {
        let data = self.ask(kind::READ, body().u32(fid).u64(at).u32(count))?;
        assert_eq!(u32::from_le_bytes(data[..4].try_into().unwrap()) as usize, data.len() - 4);
        Ok(data[4..].to_vec())
    }

    pub fn write(&mut self, fid: u32, at: u64, data: &[u8]) -> Result<u32, Errno> {
        let count = self.ask(kind::WRITE, body().u32(fid).u64(at).u32(data.len() as u32).bytes(data))?;
        Ok(u32::from_le_bytes(count.try_into().unwrap()))
    }

    pub fn mkdir(&mut self, fid: u32, name: &str) -> Result<(), Errno> {
        self.ask(kind::MKDIR, body().u32(fid).name(name).u32(0o755).u32(0)).map(drop)
    }

    /// Mode, owner and group of what `fid` is.
    pub fn attributes(&mut self, fid: u32) -> Result<[u32; 3], Errno> {
        let is = self.ask(kind::GETATTR, body().u32(fid).u64(0x7ff))?;
        Ok([21, 25, 29].map(|at| u32::from_le_bytes(is[at..at + 4].try_into().unwrap())))
    }

    /// Sets what `valid` says.
    pub fn set(&mut self, fid: u32, valid: u32, mode: u32, owner: u32, size: u64) -> Result<(), Errno> {
        let wanted = body().u32(fid).u32(valid).u32(mode).u32(owner).u32(owner).u64(size);
        let seconds = wanted.u64(1_000_000_000).u64(5).u64(1_000_000_001).u64(6);
        self.ask(kind::SETATTR, seconds).map(drop)
    }

    /// All names of the directory `fid`, which is open, read with messages of `count` bytes.
    pub fn names(&mut self, fid: u32, count: u32) -> Vec<String> {
        let (mut names, mut from) = (Vec::new(), 0);
        loop {
            let list = self.ask(kind::READDIR, body().u32(fid).u64(from).u32(count)).unwrap();
            let mut rest = &list[4..];
            assert!(rest.len() <= count as usize);
            if rest.is_empty() {
                return names;
            }
            while !rest.is_empty() {
                from = u64::from_le_bytes(rest[13..21].try_into().unwrap());
                let len = u16::from_le_bytes(rest[22..24].try_into().unwrap()) as usize;
                names.push(String::from_utf8(rest[24..24 + len].to_vec()).unwrap());
                rest = &rest[24 + len..];
            }
        }
    }
}
