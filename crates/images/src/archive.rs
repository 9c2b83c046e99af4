//! A Debian archive: its suites, their indexes and their packages, without apt.
//!
//! Trust runs one way (apt-secure(8)): keys sign the Release file of a suite, which has the sums of its indexes, which
//! have the sums of the packages. So nothing depends on how a file came. Nothing is installed, and no maintainer script
//! runs: packages are downloaded, and others unpack of them what they need.

mod download;
pub(crate) mod fuzzing;
mod http;
mod index;
mod keys;
mod release;
mod settings;
mod sources;
#[cfg(test)]
pub(crate) mod tests;
pub mod web;

use std::fs;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use self::download::Wanted;
use self::http::Client;
pub(crate) use self::index::{Index, Package};
use self::keys::Keys;
use self::release::{Age, Release, Sum};
use self::settings::Settings;
use self::sources::Source;
use crate::cache::{Cache, Lock};
use crate::deb::decompress;
use crate::error::{Error, OnFile, Result};
use crate::progress::{Progress, step};
use crate::request::{Apt, Architecture, Expired};
use crate::room;

/// Where the system's apt is configured, if it has one.
const ETC: &str = "/etc/apt";

/// The part of Debian that is free software.
const COMPONENT: &str = "main";

/// The directory of indexes in the cache, by their sums.
const INDEXES: &str = "index";
/// How many of them are kept.
const INDEXES_KEPT: usize = 2;

/// More than any Release file has.
const RELEASE_LIMIT_BYTES: u64 = 64 << 20;

/// Refuses a keyring of the user's by which nothing could be verified.
///
/// # Errors
/// [`Error::File`] where it cannot be read, [`Error::Keyring`] where it has no keys.
pub(crate) fn check_keyring(path: &Path) -> Result<()> {
    Keys::only(path).map(drop)
}

/// One suite of an archive, its signature checked.
pub(crate) struct Archive<'a> {
    client: Client,
    source: Source,
    suite: &'a str,
    release: Release,
    cache: &'a Cache,
    progress: &'a dyn Progress,
}

/// The address of the archive that `request` names, else of the system's, else of Debian's own.
pub(crate) fn mirror(request: &Apt) -> String {
    source(request).uri
}

/// The address of the archive in apt's configuration under `etc`, if there is one.
pub(crate) fn configured(etc: &Path) -> Option<String> {
    Source::configured(etc).map(|source| source.uri)
}

fn source(request: &Apt) -> Source {
    match &request.mirror {
        Some(uri) => Source::named(uri),
        None => Source::configured(Path::new(ETC)).unwrap_or_else(Source::public),
    }
}

impl<'a> Archive<'a> {
    /// Fetches the Release file of the suite that `request` names and checks its signature.
    ///
    /// # Errors
    /// What an archive or network may be short of, each by its own [`Error`].
    pub(crate) fn open(request: &'a Apt, cache: &'a Cache, progress: &'a dyn Progress) -> Result<Archive<'a>> {
        Archive::open_by(Settings::of_system(Path::new(ETC)), request, cache, progress)
    }

    fn open_by(
        settings: Settings,
        request: &'a Apt,
        cache: &'a Cache,
        progress: &'a dyn Progress,
    ) -> Result<Archive<'a>> {
        let source = source(request);
        let keys = match &request.keyring {
            Some(path) => Keys::only(path)?,
            None => Keys::trusted(&source, Path::new(ETC)),
        };
        let client = Client::new(settings);
        let suite = Suite { client: &client, name: &request.suite, mirror: &source.uri };
        let what = format!("asking {} for Debian {}", source.uri, request.suite);
        let release = step(progress, &what, || suite.release(&keys))?;
        suite.judge_age(&release, Timestamp::now(), request.expired, progress)?;
        Ok(Archive { client, suite: &request.suite, source, release, cache, progress })
    }

    /// The archive's address.
    pub(crate) fn mirror(&self) -> &str {
        &self.source.uri
    }

    /// The suite's packages for `architecture`.
    ///
    /// # Errors
    /// [`Error::NoArchitecture`] where it has none, or why the index cannot be had.
    pub(crate) fn index(&self, architecture: Architecture) -> Result<Index> {
        let lacks = || Error::NoArchitecture {
            suite: self.suite.to_owned(),
            mirror: self.source.uri.clone(),
            architecture: architecture.name().to_owned(),
        };
        if !self.release.has_architecture(architecture.name()) {
            return Err(lacks());
        }
        let directory = format!("{COMPONENT}/binary-{}", architecture.name());
        let names = ["Packages.xz", "Packages.gz", "Packages"].map(|file| format!("{directory}/{file}"));
        let (name, sum) = names.iter().find_map(|name| Some((name, self.release.sum(name)?))).ok_or_else(lacks)?;
        let what = format!("fetching the package index of {} for {}", self.suite, architecture.name());
        let wanted = Wanted { addresses: self.index_addresses(&directory, name, sum), sum: sum.clone() };
        let lock = self.cache.lock(INDEXES, "a package index", self.progress)?;
        let paths = step(self.progress, &what, || {
            download::fetch(&self.client, &[wanted], &self.cache.path(INDEXES), self.progress)
        })?;
        self.cache.prune(INDEXES, INDEXES_KEPT, &lock)?;
        let path = paths.first().ok_or_else(lacks)?;
        self.cache.used(path);
        read_packed(path).map(Index::parse)
    }

    /// Removes the indexes of all suites, once what they were for is unpacked.
    pub(crate) fn forget_indexes(&self) -> Result<()> {
        let lock = self.cache.lock(INDEXES, "a package index", self.progress)?;
        self.cache.prune(INDEXES, 0, &lock)
    }

    /// Where an index lies: by its sum, where it is what the Release file says even while the archive is updated.
    fn index_addresses(&self, directory: &str, name: &str, sum: &Sum) -> Vec<String> {
        let base = suite_address(&self.source.uri, self.suite);
        let by_hash = self.release.by_hash().then(|| format!("{base}/{directory}/by-hash/SHA256/{}", sum.sha256));
        by_hash.into_iter().chain([format!("{base}/{name}")]).collect()
    }

    /// Downloads `packages`; says where each is. They are the caller's to [`forget`](Archive::forget).
    ///
    /// # Errors
    /// Why they cannot be had. What has come is kept for the next time.
    pub(crate) fn fetch(&self, what: &str, packages: &[Package], lock: &Lock) -> Result<Vec<PathBuf>> {
        let (wanted, directory) = (self.wanted(packages), self.cache.downloads(lock));
        step(self.progress, what, || download::fetch(&self.client, &wanted, &directory, self.progress))
    }

    fn wanted(&self, packages: &[Package]) -> Vec<Wanted> {
        let base = self.source.uri.trim_end_matches('/');
        let wanted = |package: &Package| Wanted {
            addresses: vec![format!("{base}/{}", package.path)],
            sum: package.sum.clone(),
        };
        packages.iter().map(wanted).collect()
    }

    /// Refuses to go on where there is no room for `packages`, packed and unpacked, and for `kept_bytes` made of them.
    ///
    /// # Errors
    /// [`Error::Room`]
    pub(crate) fn check_room(&self, packages: &[Package], kept_bytes: u64, lock: &Lock) -> Result<()> {
        let both = |package: &Package| package.sum.len_bytes + package.installed_bytes;
        let needed = kept_bytes + packages.iter().map(both).sum::<u64>();
        let present = download::present_bytes(&self.wanted(packages), &self.cache.downloads(lock));
        room::check(self.cache.root(), needed.saturating_sub(present))
    }

    /// Removes downloaded packages that have been unpacked.
    pub(crate) fn forget(&self, paths: &[PathBuf], lock: &Lock) {
        // Where one stays, it takes room and does no harm.
        paths.iter().for_each(|path| drop(fs::remove_file(path)));
        drop(fs::remove_dir(self.cache.downloads(lock)));
    }

    /// Says that there is no package `package`.
    pub(crate) fn lacks(&self, package: &str, architecture: Architecture) -> Error {
        Error::NoPackage {
            suite: self.suite.to_owned(),
            package: package.to_owned(),
            architecture: architecture.name().to_owned(),
        }
    }
}

/// A suite that is being opened.
struct Suite<'a> {
    client: &'a Client,
    name: &'a str,
    mirror: &'a str,
}

fn suite_address(mirror: &str, suite: &str) -> String {
    format!("{}/dists/{}", mirror.trim_end_matches('/'), suite.trim_matches('/'))
}

impl Suite<'_> {
    fn release(&self, keys: &Keys) -> Result<Release> {
        let is_part_of_address = |byte: u8| byte.is_ascii_alphanumeric() || b"-._+~/".contains(&byte);
        if !self.name.bytes().all(is_part_of_address) {
            return Err(self.missing());
        }
        let address = format!("{}/InRelease", suite_address(self.mirror, self.name));
        let text = match self.get(&address)? {
            Some(message) => self.clear_text(keys, &address, &message)?,
            None => self.detached(keys)?,
        };
        let release = Release::parse(&text).ok_or_else(|| Error::NoRelease { address: address.clone() })?;
        if !release.is(self.name) {
            return Err(Error::OtherSuite { suite: self.name.to_owned(), address, names: release.names() });
        }
        Ok(release)
    }

    fn clear_text(&self, keys: &Keys, address: &str, message: &str) -> Result<String> {
        if !message.trim_start().starts_with("-----BEGIN PGP SIGNED MESSAGE-----") {
            return Err(match Release::parse(message) {
                Some(_) => self.distrusted("it is not signed".to_owned()),
                None => Error::NoRelease { address: address.to_owned() },
            });
        }
        keys.clear_text(message).map_err(|why| self.distrusted(why))
    }

    /// The Release file whose signature is a file of its own.
    fn detached(&self, keys: &Keys) -> Result<String> {
        let base = suite_address(self.mirror, self.name);
        let text = self.get(&format!("{base}/Release"))?.ok_or_else(|| self.missing())?;
        let signature = self.get(&format!("{base}/Release.gpg"))?;
        let signature = signature.ok_or_else(|| self.distrusted("it is not signed".to_owned()))?;
        keys.detached(text.as_bytes(), signature.as_bytes()).map_err(|why| self.distrusted(why))?;
        Ok(text)
    }

    fn missing(&self) -> Error {
        Error::NoSuite { suite: self.name.to_owned(), mirror: self.mirror.to_owned() }
    }

    fn distrusted(&self, detail: String) -> Error {
        Error::Signature { suite: self.name.to_owned(), mirror: self.mirror.to_owned(), detail }
    }

    /// A short file; none where the server has none.
    fn get(&self, address: &str) -> Result<Option<String>> {
        download::text(self.client, address, RELEASE_LIMIT_BYTES)
    }

    /// Tells of dates that do not go with this machine's clock, or refuses them.
    fn judge_age(&self, release: &Release, now: Timestamp, expired: Expired, progress: &dyn Progress) -> Result<()> {
        let (suite, mirror) = (self.name.to_owned(), self.mirror.to_owned());
        let error = match release.age(now) {
            Age::Fine => return Ok(()),
            Age::Expired(since) => Error::Expired { suite, mirror, since },
            Age::Future(date) => Error::Future { suite, mirror, date, now: format!("{now:.0}") },
        };
        match (expired, &error) {
            (Expired::Refuse, _) => return Err(error),
            (Expired::Accept, Error::Expired { suite, mirror, since }) => progress.note(&format!(
                "suite {suite} of {mirror} has been out of date since {since} (a snapshot?); signature and sums are checked as ever"
            )),
            (Expired::Accept, _) => progress.note(&format!("{error}; signature and sums are checked as ever")),
        }
        Ok(())
    }
}

/// The text of a file, unpacked.
fn read_packed(path: &Path) -> Result<String> {
    let file = fs::File::open(path).on_file("read", path)?;
    let mut bytes = Vec::new();
    decompress(BufReader::new(file)).and_then(|mut plain| plain.read_to_end(&mut bytes)).on_file("unpack", path)?;
    Ok(String::from_utf8(bytes).unwrap_or_else(|why| String::from_utf8_lossy(why.as_bytes()).into_owned()))
}
