//! The Release file of a suite: what it is, how old, and the sums of its indexes.
//!
//! <https://wiki.debian.org/DebianRepository/Format>, "Release" files. Its signature is for `keys` to check.

use std::collections::HashMap;

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use crate::control::{self, Paragraph};

/// How far ahead of this machine's clock an archive may be.
const CLOCK_SKEW_S: i64 = 24 * 3600;

/// What a suite says about itself.
#[derive(Clone, Debug)]
pub(crate) struct Release {
    fields: Paragraph,
    files: HashMap<String, Sum>,
}

/// What a file must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sum {
    /// SHA-256 in hexadecimal.
    pub(crate) sha256: String,
    /// Length.
    pub(crate) len_bytes: u64,
}

impl Sum {
    /// One that is SHA-256's: files are called by it.
    pub(crate) fn new(sha256: &str, len_bytes: u64) -> Option<Sum> {
        let is_sum = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_sum.then(|| Sum { sha256: sha256.to_ascii_lowercase(), len_bytes })
    }
}

/// How a Release file's dates and this machine's clock go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    /// They do.
    Fine,
    /// It was valid until a date that has passed.
    Expired(String),
    /// It will be made at a date to come.
    Future(String),
}

impl Release {
    /// Reads the text of a Release file; none where it is something else.
    pub(crate) fn parse(text: &str) -> Option<Release> {
        let fields = control::parse(text).into_iter().next()?;
        let files = fields.get("SHA256")?.lines().filter_map(sum).collect();
        Some(Release { fields, files })
    }

    /// Whether this is the suite that was asked for, by one of its names.
    pub(crate) fn is(&self, suite: &str) -> bool {
        let base = suite.trim_end_matches('/');
        let names: Vec<&str> = ["Suite", "Codename"].iter().filter_map(|field| self.fields.get(field)).collect();
        // A small repository of one's own may leave both out.
        names.is_empty() || names.contains(&base)
    }

    /// By what names it calls itself.
    pub(crate) fn names(&self) -> String {
        let names: Vec<&str> = ["Suite", "Codename"].iter().filter_map(|field| self.fields.get(field)).collect();
        names.join(", ").escape_debug().to_string()
    }

    /// Whether it has packages for `architecture`; a suite that does not say may.
    pub(crate) fn has_architecture(&self, architecture: &str) -> bool {
        let words = self.fields.words("Architectures");
        words.is_empty() || words.iter().any(|word| word == architecture)
    }

    /// Whether indexes can be had by their sums, at which an archive never changes them.
    pub(crate) fn by_hash(&self) -> bool {
        self.fields.get("Acquire-By-Hash").is_some_and(|value| value.eq_ignore_ascii_case("yes"))
    }

    /// What the file `name`, relative to the suite's directory, must be.
    pub(crate) fn sum(&self, name: &str) -> Option<&Sum> {
        self.files.get(name)
    }

    /// How its dates go with the time `now`.
    pub(crate) fn age(&self, now: Timestamp) -> Age {
        let (made, until) = (self.date("Date"), self.date("Valid-Until"));
        let value = |field: &str| self.fields.get(field).unwrap_or_default().escape_debug().to_string();
        let skewed = now.as_second().saturating_add(CLOCK_SKEW_S);
        match (made, until) {
            (Some(made), _) if made.as_second() > skewed => Age::Future(value("Date")),
            (_, Some(until)) if until < now => Age::Expired(value("Valid-Until")),
            _ => Age::Fine,
        }
    }

    fn date(&self, field: &str) -> Option<Timestamp> {
        let text = self.fields.get(field)?;
        let text = text.trim_end_matches("UTC").trim_end_matches("GMT").trim_end_matches("+0000").trim();
        let date = DateTime::strptime("%a, %d %b %Y %H:%M:%S", text).ok()?;
        TimeZone::UTC.to_timestamp(date).ok()
    }
}

/// One line of the list of files: sum, length and name.
fn sum(line: &str) -> Option<(String, Sum)> {
    let mut words = line.split_whitespace();
    let (sha256, len, name) = (words.next()?, words.next()?, words.next()?);
    Some((name.to_owned(), Sum::new(sha256, len.parse().ok()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Origin: Debian\nSuite: testing\nCodename: forky\nDate: Fri, 30 Oct 2026 08:08:01 UTC\n\
                        Valid-Until: Fri, 06 Nov 2026 08:08:01 UTC\nAcquire-By-Hash: yes\nArchitectures: all amd64\n\
                        MD5Sum:\n 00 5 main/binary-amd64/Packages.xz\nSHA256:\n \
                        9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 5 main/binary-amd64/Packages.xz\n";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_suite_has_two_names() {
        let release = Release::parse(TEXT).unwrap();
        assert!(release.is("testing") && release.is("forky") && !release.is("stable"));
        assert!(release.has_architecture("amd64") && !release.has_architecture("riscv64"));
    }

    #[test]
    fn dates_are_held_against_the_clock() {
        let release = Release::parse(TEXT).unwrap();
        assert_eq!(release.age(at("2026-11-01T00:00:00Z")), Age::Fine);
        assert_eq!(release.age(at("2026-11-06T08:08:02Z")), Age::Expired("Fri, 06 Nov 2026 08:08:01 UTC".to_owned()));
        assert_eq!(release.age(at("2026-10-29T08:08:02Z")), Age::Fine);
        assert_eq!(release.age(at("1970-01-01T00:00:00Z")), Age::Future("Fri, 30 Oct 2026 08:08:01 UTC".to_owned()));
    }

    #[test]
    fn a_suite_without_end_does_not_expire() {
        let release = Release::parse(&TEXT.replace("Valid-Until", "X-Until")).unwrap();
        assert_eq!(release.age(at("2099-01-01T00:00:00Z")), Age::Fine);
    }

    #[test]
    fn only_strong_sums_count() {
        let release = Release::parse(TEXT).unwrap();
        let sum = release.sum("main/binary-amd64/Packages.xz").unwrap();
        assert_eq!((sum.len_bytes, &sum.sha256[..4]), (5, "9f86"));
        assert_eq!(release.sum("main/binary-amd64/Packages"), None);
        assert!(Release::parse("Suite: x\nMD5Sum:\n 00 5 main/x\n").is_none());
    }
}
