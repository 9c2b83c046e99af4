//! Files from elsewhere than Debian's archives, by the same means: the system's proxies, resumption, and a known sum.

use std::path::{Path, PathBuf};

use super::ETC;
use super::download::{self, Wanted};
use super::http::Client;
use super::release::Sum;
use super::settings::Settings;
use crate::error::{Error, Result};
use crate::progress::{Progress, step};

/// More than any page has that is asked for.
const PAGE_LIMIT_BYTES: u64 = 16 << 20;

/// A file and what it must be.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Its SHA-256.
    pub sha256: &'a str,
    /// Its length.
    pub len_bytes: u64,
}

/// The text at `address`.
///
/// # Errors
/// It cannot be had.
pub fn text(address: &str) -> Result<String> {
    let text = download::text(&client(), address, PAGE_LIMIT_BYTES)?;
    text.ok_or_else(|| Error::Gone { address: address.to_owned() })
}

/// Gets the file at `address` into `directory`, where it is called by its sum, and tells `progress` of it as `what`.
/// What an earlier run got of it is used.
///
/// # Errors
/// It cannot be had, or is another.
pub fn fetch(
    what: &str,
    address: &str,
    known: Known<'_>,
    directory: &Path,
    progress: &dyn Progress,
) -> Result<PathBuf> {
    let sum = Sum { sha256: known.sha256.to_owned(), len_bytes: known.len_bytes };
    let wanted = [Wanted { addresses: vec![address.to_owned()], sum }];
    let paths = step(progress, what, || download::fetch(&client(), &wanted, directory, progress))?;
    paths.into_iter().next().ok_or_else(|| Error::Gone { address: address.to_owned() })
}

fn client() -> Client {
    Client::new(Settings::of_system(Path::new(ETC)))
}
