//! Doors for the crate `fuzz`: what comes from an archive's server, and the system's own settings for it.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::sync::OnceLock;

use jiff::Timestamp;
use ureq::http::Uri;

use super::http::{Client, Failure};
use super::index::{Index, Package};
use super::keys::Keys;
use super::release::{Age, Release};
use super::settings::Settings;

/// A file that an index tells of: what it is called in messages, where it lies, its sum and length.
pub type Download = (String, String, String, u64);

/// Reads a Release file: what it says of itself for messages, and the sum and length of `file`. None where it is none.
pub fn release(text: &str, file: &str) -> Option<(String, Option<(String, u64)>)> {
    let release = Release::parse(text)?;
    let age = match release.age(Timestamp::UNIX_EPOCH) {
        Age::Fine => String::new(),
        Age::Expired(date) | Age::Future(date) => date,
    };
    let words = format!("{} {} {} {age}", release.names(), release.by_hash(), release.has_architecture("riscv64"));
    Some((words, release.sum(file).map(|sum| (sum.sha256.clone(), sum.len_bytes))))
}

/// Whether one of Debian's keys signed this text: within it, or by a signature of its own.
///
/// # Errors
/// Why not, of both.
pub fn is_trusted(text: &str, signature: &[u8]) -> Result<(), [String; 2]> {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    let keys = KEYS.get_or_init(Keys::debian);
    match (keys.clear_text(text), keys.detached(text.as_bytes(), signature)) {
        (Err(within), Err(apart)) => Err([within, apart]),
        _ => Ok(()),
    }
}

/// Reads a package index: each package by its name, and all that are needed for `name`.
pub fn index(text: &str, name: &str) -> (Vec<Download>, Result<Vec<Download>, [String; 2]>) {
    let index = Index::parse(text.to_owned());
    let names: BTreeSet<&str> = index.starting_with("").collect();
    let found = names.into_iter().filter_map(|name| Some((name.to_owned(), index.find(name)?)));
    let all = found.inspect(|(name, package)| assert_eq!(*name, package.name)).map(|(_, package)| download(package));
    let needed = match (index.with_needed(&[name], &[]), index.with_parts(name)) {
        (Err(needed), Err(part)) => Err([needed, part]),
        (Ok(packages), _) | (_, Ok(packages)) => Ok(packages.into_iter().map(download).collect()),
    };
    (all.collect(), needed)
}

fn download(package: Package) -> Download {
    let Package { name, version, path, sum, .. } = package;
    (format!("{name} {version}"), path, sum.sha256, sum.len_bytes)
}

/// The proxy for `address` by apt's settings under `etc`.
pub fn proxy(etc: &Path, address: &str) -> Option<String> {
    settings(etc).proxy(&address.parse::<Uri>().ok()?)
}

/// User and password for `address` by apt's settings under `etc`.
pub fn credentials(etc: &Path, address: &str) -> Option<(String, String)> {
    settings(etc).credentials(&address.parse::<Uri>().ok()?)
}

fn settings(etc: &Path) -> Settings {
    Settings::from(etc, |_| None)
}

/// Asks one proxy for everything, so that nothing leaves this computer.
pub struct Web(Client);

impl Web {
    /// Asks the proxy at this address.
    pub fn through(proxy: &str) -> Web {
        Web(Client::new(Settings::from(Path::new("/nowhere"), |name| (name == "all_proxy").then(|| proxy.to_owned()))))
    }

    /// Asks for the file at `address` from the byte `from` on: where it begins, what kind it is, and its first `most`
    /// bytes.
    ///
    /// # Errors
    /// What a user would read.
    pub fn get(&self, address: &str, from: u64, most: u64) -> Result<(u64, String, Vec<u8>), String> {
        let answer = self.0.get(address, from).map_err(|why| match why {
            Failure::Missing => "it is not there".to_owned(),
            Failure::Passing(why) | Failure::Lasting(why) => why,
        })?;
        let mut bytes = Vec::new();
        answer.body.take(most).read_to_end(&mut bytes).map_err(|why| why.to_string())?;
        Ok((answer.start, answer.kind, bytes))
    }
}
