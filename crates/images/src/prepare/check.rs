//! The user's files, looked at before anything is fetched or built.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;

use crate::archive;
use crate::error::{Error, OnFile, Result};
use crate::request::{Firmware, Packages, Request};
use crate::vmm;

/// Names a file of the user's that is not there, or not what it should be, before anything is fetched or built.
///
/// # Errors
/// [`Error::File`] for the first that cannot be read, and what a keyring or a VMM lacks.
pub fn check(request: &Request) -> Result<()> {
    let firmware = match &request.firmware {
        Firmware::File(path) => Some(path),
        Firmware::BuiltIn | Firmware::OpenSbi => None,
    };
    let software = [&request.kernel, &request.initrd, &request.vmm].into_iter().flatten().chain(firmware);
    software.into_iter().try_for_each(|path| check_software(path))?;
    match &request.packages {
        Packages::Apt(apt) => apt.keyring.as_deref().map_or(Ok(()), check_keyring)?,
        Packages::Directory(directory) => fs::read_dir(directory).on_file("read", directory).map(drop)?,
    }
    request.disk.as_deref().map_or(Ok(()), check_file)?;
    request.vmm.as_deref().map_or(Ok(()), vmm::check)?;
    request.modules.iter().try_for_each(|directory| fs::read_dir(directory).on_file("read", directory).map(drop))
}

/// Refuses a file that cannot be read, long before it is.
///
/// # Errors
/// [`Error::File`].
pub fn check_file(path: &Path) -> Result<()> {
    is_kept(path).map(drop)
}

/// The same of one that is read more than once: as what is made of it, and as what tells it from another.
///
/// # Errors
/// [`Error::File`], or [`Error::NoFile`].
pub fn check_software(path: &Path) -> Result<()> {
    match is_kept(path)? {
        true => Ok(()),
        false => Err(Error::NoFile { path: path.to_owned() }),
    }
}

/// Refuses a keyring by which nothing could be verified, also where the cache has all. What a pipe has is not known.
fn check_keyring(path: &Path) -> Result<()> {
    match is_kept(path)? {
        true => archive::check_keyring(path),
        false => Ok(()),
    }
}

/// Whether a file has its content whenever it is read. One that cannot be read is refused. A pipe is left alone: to
/// open it would wait for its writer, who would take this for their reader.
fn is_kept(path: &Path) -> Result<bool> {
    let metadata = fs::metadata(path).on_file("read", path)?;
    match metadata.is_dir() {
        true => Err(ErrorKind::IsADirectory.into()).on_file("read", path),
        false if metadata.is_file() => File::open(path).on_file("read", path).map(|_| true),
        false => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Cache;
    use crate::request::Apt;

    /// A directory, and a request for what is in it that needs nothing of Debian's.
    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Place {
            Place(tempfile::tempdir().unwrap())
        }

        fn file(&self, name: &str) -> std::path::PathBuf {
            let path = self.0.path().join(name);
            fs::write(&path, name).unwrap();
            path
        }

        fn request(&self) -> Request {
            Request {
                kernel: Some(self.file("Image")),
                initrd: Some(self.file("initrd")),
                ..Request::new(Cache::at(self.0.path().join("cache")))
            }
        }
    }

    #[test]
    fn missing_file_is_named_before_anything_is_fetched() {
        let place = Place::new();
        let request = Request { disk: Some("/nowhere/disk.img".into()), ..Request::new(Cache::at(place.0.path())) };
        assert_eq!(check(&request).unwrap_err().to_string(), "cannot read /nowhere/disk.img");
    }

    #[test]
    fn what_is_no_file_is_named_and_not_opened() {
        let place = Place::new();
        let pipe = place.0.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let of = |kernel: &Path| Request { kernel: Some(kernel.to_owned()), ..place.request() };
        let why = |kernel: &Path| check(&of(kernel)).unwrap_err();
        assert!(why(&pipe).to_string().ends_with(
            "pipe is a pipe or a device, and is read more than once: write what comes from it to a file, and name that"
        ));
        assert!(matches!(why(place.0.path()), Error::File { action: "read", .. }));
        // A disk may be a device; a pipe is refused by whoever opens it as one.
        assert!(check(&Request { disk: Some(pipe), ..place.request() }).is_ok());
    }

    /// Also where all that it would verify is in the cache.
    #[test]
    fn a_keyring_without_keys_is_refused_before_anything_is_fetched() {
        let place = Place::new();
        let keyring = Some(place.file("keys"));
        let request = Request { packages: Packages::Apt(Apt { keyring, ..Default::default() }), ..place.request() };
        let why = check(&request).unwrap_err().to_string();
        assert!(why.contains("has no OpenPGP public keys"), "{why}");
    }

    #[test]
    fn what_is_no_vmm_is_refused_before_anything_is_fetched() {
        let place = Place::new();
        let vmm = place.file("script");
        let request = Request { vmm: Some(vmm.clone()), ..Request::new(Cache::at(place.0.path())) };
        let why = check(&request).unwrap_err().to_string();
        assert!(why.starts_with(&format!("{} is no ELF program, and no VMM:", vmm.display())), "{why}");
    }

    #[test]
    fn missing_directory_and_keyring_are_named_before_anything_is_fetched() {
        let place = Place::new();
        let request = Request { modules: Some("/nowhere/modules".into()), ..place.request() };
        assert_eq!(check(&request).unwrap_err().to_string(), "cannot read /nowhere/modules");
        let request = Request { packages: Packages::Directory("/nowhere/debs".into()), ..place.request() };
        assert_eq!(check(&request).unwrap_err().to_string(), "cannot read /nowhere/debs");
        let apt = Apt { keyring: Some("/nowhere/keys".into()), ..Default::default() };
        let request = Request { packages: Packages::Apt(apt), ..place.request() };
        assert_eq!(check(&request).unwrap_err().to_string(), "cannot read /nowhere/keys");
    }
}
