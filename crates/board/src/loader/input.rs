//! A file on its way into guest memory.
//!
//! Its content goes there piece by piece: a copy of all of it would cost a start as much time as the rest, and memory
//! beyond the guest's.

use std::fs::File;
use std::io::{Cursor, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use arch::Phys;
use memory::Ram;

use super::{Error, Problem, write};

/// Copied at once: what a cache of the host holds.
const PIECE_BYTES: usize = 256 << 10;

/// What content is read from.
pub trait Source: Read + Seek + Send {}
impl<T: Read + Seek + Send> Source for T {}

/// A file of the user's: open, not empty, and no larger than memory.
pub struct Input {
    source: Box<dyn Source>,
    len: u64,
}

impl Input {
    /// Opens a file. What has no length before it is read, such as a pipe, is read here.
    pub fn open(path: &Path, ram_bytes: u64) -> Result<Input, Error> {
        let unreadable = |reason: std::io::Error| Problem::from(reason).of(path);
        let file = File::open(path).map_err(unreadable)?;
        let info = file.metadata().map_err(unreadable)?;
        if info.is_dir() {
            return Err(Problem::Directory.of(path));
        }
        if info.len() > ram_bytes {
            return Err(Problem::TooBig { bytes: info.len(), ram_bytes }.of(path));
        }
        let input = match info.is_file() && info.len() != 0 {
            true => Input { source: Box::new(file), len: info.len() },
            false => Input::all_of(file.take(ram_bytes)).map_err(unreadable)?,
        };
        if input.len == 0 {
            return Err(Problem::Empty.of(path));
        }
        Ok(input)
    }

    fn all_of(mut source: impl Read) -> std::io::Result<Input> {
        let mut content = Vec::new();
        source.read_to_end(&mut content)?;
        Ok(Input { len: content.len() as u64, source: Box::new(Cursor::new(content)) })
    }

    /// How many bytes it has.
    pub fn len_bytes(&self) -> u64 {
        self.len
    }

    /// The content, from its first byte.
    pub fn rewound(&mut self) -> Result<&mut dyn Source, Problem> {
        self.source.seek(SeekFrom::Start(0))?;
        Ok(&mut self.source)
    }

    /// The first bytes, at most `most`.
    pub fn head(&mut self, most: u64) -> Result<Vec<u8>, Problem> {
        let mut head = Vec::new();
        self.rewound()?.take(most).read_to_end(&mut head)?;
        Ok(head)
    }

    /// The whole file.
    pub fn content(&mut self) -> Result<Vec<u8>, Problem> {
        let mut content = Vec::with_capacity(self.len as usize);
        let len = self.len;
        self.rewound()?.take(len).read_to_end(&mut content)?;
        Ok(content)
    }

    /// Copies it to `at` in RAM.
    pub fn copy_to(&mut self, ram: &Ram, at: Phys) -> Result<(), Problem> {
        let (mut piece, mut done, len) = (vec![0; PIECE_BYTES], 0, self.len);
        let source = self.rewound()?;
        while done < len {
            let most = usize::try_from(len - done).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
            let piece = &mut piece[..most];
            // A file that somebody cuts off meanwhile ends too early.
            source.read_exact(piece)?;
            write(ram, Phys(at.0.wrapping_add(done)), piece)?;
            done += most as u64;
        }
        Ok(())
    }
}

impl From<std::io::Error> for Problem {
    fn from(reason: std::io::Error) -> Problem {
        match reason.kind() {
            ErrorKind::UnexpectedEof => Problem::corrupt("it ends before the length that it had"),
            _ => Problem::Unreadable { reason },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_a_file_come_together_in_memory() {
        let ram = Ram::new(Phys(0x8000_0000), 4 << 20).unwrap();
        let content: Vec<u8> = (0..2 * PIECE_BYTES as u32 + 77).map(|n| (n >> 3) as u8).collect();
        let mut input = Input::all_of(&content[..]).unwrap();
        assert_eq!(input.head(5).unwrap(), content[..5]);
        input.copy_to(&ram, Phys(0x8000_1001)).unwrap();
        let mut there = vec![0; content.len()];
        ram.read_bytes(0x1001, &mut there).unwrap();
        assert!(there == content && input.content().unwrap() == content);
    }

    #[test]
    fn a_file_that_is_cut_off_meanwhile_is_refused() {
        let ram = Ram::new(Phys(0x8000_0000), 4 << 20).unwrap();
        let mut input = Input { source: Box::new(Cursor::new(vec![1; 100])), len: 101 };
        let why = input.copy_to(&ram, Phys(0x8000_0000)).unwrap_err().to_string();
        assert!(why.contains("ends before"), "{why}");
    }
}
