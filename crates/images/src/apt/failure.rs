//! What apt's words mean for the user.
//!
//! apt-get has one exit status for everything that can go wrong, and says which on standard error. With LC_ALL=C its words
//! have not changed in a decade; what is not recognised is passed on as it is.

use std::path::Path;

use crate::error::Error;

/// What apt was at when it failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    /// The suite asked for.
    pub(super) suite: &'a str,
    /// The archive.
    pub(super) mirror: &'a str,
    /// Where apt writes.
    pub(super) directory: &'a Path,
}

/// The error that apt's messages in `text` amount to. `valid_until` finds the date where one has passed.
pub(super) fn explain(text: &str, place: Place<'_>, valid_until: impl Fn() -> Option<String>) -> Error {
    let (suite, mirror) = (place.suite.to_owned(), place.mirror.to_owned());
    match Kind::of(text) {
        Kind::Expired => {
            let since = valid_until().unwrap_or_else(|| "an earlier date".to_owned());
            Error::Expired { suite, mirror, since }
        }
        Kind::Full => Error::Full { path: place.directory.to_owned() },
        Kind::Signature => Error::Signature { suite, mirror, detail: detail(text, &SIGNATURE) },
        Kind::NoSuite => Error::NoSuite { suite, mirror },
        Kind::NoArchitecture => Error::NoArchitecture { suite, mirror },
        Kind::Network => Error::Network { mirror, detail: detail(text, &NETWORK) },
        Kind::Other => Error::Apt { detail: detail(text, &["E: "]) },
    }
}

enum Kind {
    Expired,
    Full,
    Signature,
    NoSuite,
    NoArchitecture,
    Network,
    Other,
}

const EXPIRED: [&str; 1] = ["is expired (invalid since"];
const FULL: [&str; 2] = ["No space left on device", "You don't have enough free space"];
const SIGNATURE: [&str; 4] = ["NO_PUBKEY", "is not signed", "GPG error", "signatures were invalid"];
const NO_ARCHITECTURE: [&str; 1] = ["doesn't support architecture"];
const NO_SUITE: [&str; 2] = ["does not have a Release file", "404  Not Found"];
const NETWORK: [&str; 10] = [
    "Could not resolve",
    "Temporary failure",
    "Could not connect",
    "Unable to connect",
    "Cannot initiate the connection",
    "Connection failed",
    "Connection timed out",
    "Network is unreachable",
    "Failed to fetch",
    "Some index files failed",
];

impl Kind {
    fn of(text: &str) -> Kind {
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        let reached = !says(&NETWORK[..8]);
        match () {
            () if says(&EXPIRED) => Kind::Expired,
            () if says(&FULL) => Kind::Full,
            () if says(&NO_ARCHITECTURE) => Kind::NoArchitecture,
            () if reached && says(&NO_SUITE) => Kind::NoSuite,
            () if says(&SIGNATURE) => Kind::Signature,
            () if says(&NETWORK) => Kind::Network,
            () => Kind::Other,
        }
    }
}

/// The first line with one of `words`, without apt's "E: " and "W: ".
fn detail(text: &str, words: &[&str]) -> String {
    let telling = text.lines().find(|line| words.iter().any(|word| line.contains(word)));
    let line = telling.or_else(|| text.lines().find(|line| !line.trim().is_empty())).unwrap_or("no reason given");
    line.trim().trim_start_matches("E: ").trim_start_matches("W: ").trim_start_matches("Err:").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(text: &str) -> String {
        let place = Place { suite: "testing", mirror: "http://m.example/debian", directory: Path::new("/cache") };
        explain(text, place, || Some("Fri, 06 Nov 2026".to_owned())).to_string()
    }

    #[test]
    fn expired_release_names_suite_date_and_option() {
        let text = "E: Release file for http://m.example/debian/dists/testing/InRelease is expired (invalid since 17d 20h). \
                    Updates for this repository will not be applied.\n";
        let sentence = explained(text);
        assert!(
            ["testing", "Fri, 06 Nov 2026", "--refuse-expired"].iter().all(|part| sentence.contains(part)),
            "{sentence}"
        );
    }

    #[test]
    fn unreachable_archive_is_told_from_a_missing_suite() {
        let away = "E: Failed to fetch http://m.example/debian/dists/testing/InRelease  Could not resolve 'm.example'\n\
                    E: Some index files failed to download.\n";
        let missing = "E: The repository 'http://m.example/debian testing Release' does not have a Release file.\n";
        assert!(explained(away).starts_with("cannot reach http://m.example/debian (Failed to fetch"));
        assert!(explained(missing).contains("has no suite testing"));
    }

    #[test]
    fn full_disk_is_said_so() {
        assert!(
            explained("E: Write error - write (28: No space left on device)\n").starts_with("no space left for /cache")
        );
    }

    #[test]
    fn unknown_key_points_to_the_keyring() {
        let text = "E: The following signatures couldn't be verified because the public key is not available: NO_PUBKEY 762F\n";
        assert!(explained(text).contains("debian-archive-keyring"));
    }

    #[test]
    fn what_is_not_recognised_is_passed_on() {
        assert_eq!(explained("W: x\nE: Unable to lock directory\n"), "apt-get failed: Unable to lock directory");
    }
}
