//! A disk of the user's own: a copy of the one in the cache, which takes no more room than what is on it.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::SeekFrom as Place;
use rustix::io::Errno;

use super::DISK_BYTES;
use crate::error::{Error, OnFile, Result};
use crate::progress::{Progress, step};

/// A disk that the user names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnDisk {
    /// The file.
    pub path: PathBuf,
    /// How large it is to be, where there is no such file yet.
    pub len_bytes: Option<u64>,
}

/// Where ext2, 3 and 4 have their magic number (Linux, Documentation/filesystems/ext4/super.rst), and what it is.
const MAGIC: (u64, [u8; 2]) = (1024 + 0x38, [0x53, 0xEF]);

impl OwnDisk {
    /// Refuses a disk that cannot be made, or is something else, before anything is fetched.
    ///
    /// # Errors
    /// [`Error::NoSystem`], [`Error::DiskSize`], or what the file system has against it.
    pub fn check(&self) -> Result<()> {
        if let Some(len_bytes) = self.len_bytes.filter(|len_bytes| *len_bytes < DISK_BYTES) {
            return Err(Error::DiskSize { asked_mib: len_bytes >> 20, least_mib: DISK_BYTES >> 20 });
        }
        match File::open(&self.path) {
            Ok(file) => self.check_file(&file),
            Err(why) if why.kind() == io::ErrorKind::NotFound => {
                let directory = self.path.parent().filter(|directory| !directory.as_os_str().is_empty());
                fs::read_dir(directory.unwrap_or(Path::new("."))).map(drop).on_file("write", &self.path)
            }
            Err(why) => Err(Error::file("read", &self.path, why)),
        }
    }

    fn check_file(&self, file: &File) -> Result<()> {
        let mut magic = [0; 2];
        let read = file.read_exact_at(&mut magic, MAGIC.0);
        if read.is_err() || magic != MAGIC.1 {
            return Err(Error::NoSystem { path: self.path.clone() });
        }
        match self.len_bytes {
            Some(_) => Err(Error::DiskThere { path: self.path.clone() }),
            None => Ok(()),
        }
    }

    /// Makes it a copy of `disk` if there is no such file.
    ///
    /// # Errors
    /// It cannot be written. Nothing is left of it then.
    pub(super) fn make(&self, disk: &Path, progress: &dyn Progress) -> Result<()> {
        if self.path.exists() {
            return Ok(());
        }
        let directory = self.path.parent().filter(|directory| !directory.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        let mut made =
            tempfile::Builder::new().prefix(".vhart-").tempfile_in(directory).on_file("write", &self.path)?;
        let len_bytes = self.len_bytes.unwrap_or(DISK_BYTES);
        let from = File::open(disk).on_file("read", disk)?;
        let what = format!("making {}", self.path.display());
        step(progress, &what, || copy(&from, made.as_file_mut(), len_bytes)).on_file("write", &self.path)?;
        made.persist_noclobber(&self.path).map_err(|why| Error::file("write", &self.path, why.error))?;
        Ok(())
    }
}

/// Copies what is not a hole, and makes it `len_bytes` long.
fn copy(mut from: &File, to: &mut File, len_bytes: u64) -> io::Result<()> {
    let mut at = 0;
    while let Some(begin) = seek(from, Place::Data(at))? {
        let end = seek(from, Place::Hole(begin))?.unwrap_or(begin);
        from.seek(SeekFrom::Start(begin))?;
        to.seek(SeekFrom::Start(begin))?;
        io::copy(&mut from.take(end - begin), to)?;
        at = end.max(begin + 1);
    }
    to.set_len(len_bytes)?;
    to.flush()
}

/// Where the next data or hole is; none behind the last.
fn seek(file: &File, place: Place) -> io::Result<Option<u64>> {
    match rustix::fs::seek(file, place) {
        Ok(at) => Ok(Some(at)),
        Err(Errno::NXIO) => Ok(None),
        Err(why) => Err(why.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    /// A disk of 8 GiB with a little on it, that passes for ext4.
    fn disk(path: &Path) {
        let file = File::create(path).unwrap();
        file.set_len(DISK_BYTES).unwrap();
        file.write_all_at(&MAGIC.1, MAGIC.0).unwrap();
        file.write_all_at(b"far", 5 << 30).unwrap();
    }

    #[test]
    fn a_copy_has_what_is_there_and_its_own_length_and_takes_no_room() {
        let place = tempfile::tempdir().unwrap();
        let (base, path) = (place.path().join("base"), place.path().join("own"));
        disk(&base);
        let own = OwnDisk { path: path.clone(), len_bytes: Some(20 << 30) };
        own.check().unwrap();
        own.make(&base, &()).unwrap();
        let made = File::open(&path).unwrap();
        let mut far = [0; 4];
        made.read_exact_at(&mut far, 5 << 30).unwrap();
        assert_eq!(&far, b"far\0");
        let metadata = made.metadata().unwrap();
        assert_eq!(metadata.len(), 20 << 30);
        assert!(metadata.blocks() * 512 < 1 << 20, "{}", metadata.blocks());
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_is_there_stays_and_what_is_no_system_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("own");
        fs::write(&path, "notes").unwrap();
        let own = |len_bytes| OwnDisk { path: path.clone(), len_bytes };
        let why = own(None).check().unwrap_err().to_string();
        assert!(why.contains("own has no ext4 file system"), "{why}");
        own(None).make(Path::new("/nowhere"), &()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"notes");
        disk(&path);
        own(None).check().unwrap();
        assert!(own(Some(9 << 30)).check().unwrap_err().to_string().contains("is there already"));
        assert!(own(Some(1 << 30)).check().unwrap_err().to_string().contains("8192"));
        let nowhere = OwnDisk { path: "/nowhere/own".into(), len_bytes: None };
        assert_eq!(nowhere.check().unwrap_err().to_string(), "cannot write /nowhere/own");
    }
}
