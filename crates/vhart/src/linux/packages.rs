//! Options that say where Debian's packages come from.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use images::{Apt, Cache, Expired, Freshness, Packages};

use super::images::cache;

const PACKAGES: &str = "Packages";

/// Where Debian's packages come from, and where they are kept.
#[derive(Args, Debug)]
pub struct PackageOptions {
    /// Debian's suite: stable, testing, or a code name
    #[arg(long, default_value = "stable", help_heading = PACKAGES)]
    pub suite: String,

    /// Debian archive [default: the one that this system's apt uses, else Debian's own]
    #[arg(long, value_name = "URL", help_heading = PACKAGES)]
    pub mirror: Option<String>,

    /// File with the OpenPGP keys that sign the archive [default: Debian's, and those that this system's apt trusts for
    /// it]
    #[arg(long, value_name = "FILE", help_heading = PACKAGES)]
    pub keyring: Option<PathBuf>,

    /// Directory of .deb files to take in place of an archive
    #[arg(long, value_name = "DIR", conflicts_with_all = ["suite", "mirror", "keyring"], help_heading = PACKAGES)]
    pub packages: Option<PathBuf>,

    /// Refuse an archive whose date has passed, such as a snapshot; signatures are checked in any case
    #[arg(long, help_heading = PACKAGES)]
    pub refuse_expired: bool,

    /// What the default is now; for scripts from before
    #[arg(long, hide = true, conflicts_with = "refuse_expired")]
    pub accept_expired: bool,

    /// Ask the archive for newer versions of what is in the cache
    #[arg(long, help_heading = PACKAGES)]
    pub refresh: bool,

    /// Directory for what is fetched and built [default: vhart in the user's cache directory]
    #[arg(long, value_name = "DIR", help_heading = PACKAGES)]
    pub cache: Option<PathBuf>,
}

impl PackageOptions {
    /// The cache.
    ///
    /// # Errors
    /// Where there is no place for one.
    pub fn cache(&self) -> Result<Cache> {
        cache(self.cache.as_deref())
    }

    /// The archive.
    pub fn apt(&self) -> Apt {
        Apt {
            suite: self.suite.clone(),
            mirror: self.mirror.clone(),
            keyring: self.keyring.clone(),
            expired: if self.refuse_expired { Expired::Refuse } else { Expired::Accept },
            freshness: if self.refresh { Freshness::Newest } else { Freshness::Cached },
        }
    }

    /// The archive, or the directory in its place.
    pub fn source(&self) -> Packages {
        match &self.packages {
            Some(directory) => Packages::Directory(directory.clone()),
            None => Packages::Apt(self.apt()),
        }
    }
}
