//! Finds Debian's archive in the system's apt configuration.
//!
//! Reads `sources.list` and `sources.list.d/` in both of apt's formats (sources.list(5)). Of all entries the one is
//! taken that most looks like Debian's main archive: third parties also use Debian's suite names.

use std::fs;
use std::path::{Path, PathBuf};

use crate::control;

/// Names under which Debian's suites go, those a system may still have configured and those to come.
const SUITES: [&str; 13] = [
    "oldoldstable",
    "oldstable",
    "stable",
    "testing",
    "unstable",
    "sid",
    "buster",
    "bullseye",
    "bookworm",
    "trixie",
    "forky",
    "duke",
    "rc-buggy",
];

/// Debian's own address, for systems that have none configured.
const PUBLIC: &str = "http://deb.debian.org/debian";

/// An archive and the keys that sign it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// Its address, as apt writes it.
    pub(crate) uri: String,
    /// The value of a `Signed-By` field: paths of keyrings, or the keys themselves.
    pub(crate) signed_by: Option<String>,
    /// Whether the system's configuration names it.
    pub(crate) configured: bool,
}

/// One entry of apt's configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    uris: Vec<String>,
    suites: Vec<String>,
    components: Vec<String>,
    signed_by: Option<String>,
}

impl Source {
    /// The archive that the user names.
    pub(crate) fn named(uri: &str) -> Source {
        Source { uri: uri.to_owned(), signed_by: None, configured: false }
    }

    /// Debian's own archive.
    pub(crate) fn public() -> Source {
        Source::named(PUBLIC)
    }

    /// The first Debian archive in the configuration under `etc` ("/etc/apt"), if there is any.
    pub(crate) fn configured(etc: &Path) -> Option<Source> {
        let mut entries: Vec<Entry> = read(etc).into_iter().filter(|entry| entry.rank() > 0).collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.rank()));
        let best = entries.into_iter().next()?;
        let uri = best.uris.into_iter().find(|uri| is_web(uri))?;
        Some(Source { uri, signed_by: best.signed_by, configured: true })
    }
}

/// Whether this is an address that is asked over HTTP.
fn is_web(uri: &str) -> bool {
    uri.starts_with("http://") || uri.starts_with("https://")
}

impl Entry {
    /// How much this looks like Debian's main archive; 0: it is something else.
    fn rank(&self) -> u32 {
        let debian = self.suites.iter().any(|suite| SUITES.contains(&suite.as_str()))
            && self.components.iter().any(|component| component == "main")
            && self.uris.iter().any(|uri| is_web(uri));
        let signed = self.signed_by.as_ref().is_some_and(|key| key.contains("debian-archive"));
        let named = self.uris.iter().any(|uri| uri.split('/').any(|part| part == "debian"));
        if debian { 1 + u32::from(named) + 2 * u32::from(signed) } else { 0 }
    }

    /// An entry in the one-line format; none where the line is something else.
    fn from_line(line: &str) -> Option<Entry> {
        let line = line.split('#').next()?.trim().strip_prefix("deb")?;
        let line = line.strip_prefix([' ', '\t'])?.trim_start();
        let (options, rest) = match line.strip_prefix('[') {
            Some(options) => options.split_once(']')?,
            None => ("", line),
        };
        let mut words = rest.split_whitespace().map(str::to_owned);
        Some(Entry {
            uris: vec![words.next()?],
            suites: vec![words.next()?],
            components: words.collect(),
            signed_by: options
                .split_whitespace()
                .find_map(|option| option.strip_prefix("signed-by="))
                .map(|key| key.replace(',', " ")),
        })
    }

    /// An entry in the deb822 format; none where it is disabled or for source packages only.
    fn from_paragraph(paragraph: &control::Paragraph) -> Option<Entry> {
        let enabled = !paragraph.get("Enabled").is_some_and(|value| value.eq_ignore_ascii_case("no"));
        let binary = paragraph.words("Types").iter().any(|kind| kind == "deb");
        (enabled && binary).then(|| Entry {
            uris: paragraph.words("URIs"),
            suites: paragraph.words("Suites"),
            components: paragraph.words("Components"),
            signed_by: paragraph.get("Signed-By").map(str::to_owned),
        })
    }
}

/// All entries under `etc`, in apt's order. What cannot be read names no archive.
fn read(etc: &Path) -> Vec<Entry> {
    let mut entries = Vec::new();
    for path in files(etc) {
        let text = fs::read(&path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("sources") => entries.extend(control::parse(&text).iter().filter_map(Entry::from_paragraph)),
            _ => entries.extend(text.lines().filter_map(Entry::from_line)),
        }
    }
    entries
}

/// The files that apt reads: `sources.list`, then those of `sources.list.d` by name.
fn files(etc: &Path) -> Vec<PathBuf> {
    let listing = fs::read_dir(etc.join("sources.list.d")).into_iter().flatten().flatten();
    let is_list = |path: &PathBuf| path.extension().is_some_and(|name| name == "list" || name == "sources");
    let mut files: Vec<PathBuf> = listing.map(|entry| entry.path()).filter(is_list).collect();
    files.sort();
    files.insert(0, etc.join("sources.list"));
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(files: &[(&str, &str)]) -> Option<Source> {
        let etc = tempfile::tempdir().unwrap();
        fs::create_dir(etc.path().join("sources.list.d")).unwrap();
        for (name, text) in files {
            fs::write(etc.path().join(name), text).unwrap();
        }
        Source::configured(etc.path())
    }

    #[test]
    fn deb822_entry_gives_uri_and_keyring() {
        let text = "# from a snapshot\nTypes: deb deb-src\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\n\
                    Components: main\nSigned-By: /keys/debian-archive-keyring.gpg\n";
        let archive = configured(&[("sources.list.d/debian.sources", text)]).unwrap();
        assert_eq!(archive.uri, "http://mirror.example/debian");
        assert_eq!(archive.signed_by.as_deref(), Some("/keys/debian-archive-keyring.gpg"));
    }

    #[test]
    fn one_line_entry_with_options_is_understood() {
        let text =
            "deb [arch=amd64 signed-by=/k/a.gpg,/k/b.gpg] https://mirror.example/debian trixie main contrib # ours\n";
        let archive = configured(&[("sources.list", text)]).unwrap();
        assert_eq!(archive.uri, "https://mirror.example/debian");
        assert_eq!(archive.signed_by.as_deref(), Some("/k/a.gpg /k/b.gpg"));
    }

    #[test]
    fn third_party_with_debians_suite_names_comes_second() {
        let other = "deb [signed-by=/k/vendor.gpg] https://vendor.example/repo bookworm main\n";
        let debian = "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.example/debian bookworm main\n";
        let archive = configured(&[("sources.list.d/a.list", other), ("sources.list.d/b.list", debian)]).unwrap();
        assert_eq!(archive.uri, "http://mirror.example/debian");
    }

    #[test]
    fn security_disabled_and_source_entries_are_passed_over() {
        let text = "deb http://mirror.example/debian-security bookworm-security main\ndeb-src http://a.example/debian sid main\n\
                    #deb http://b.example/debian sid main\ndeb cdrom:[Debian]/ bookworm main\n";
        let disabled = "Types: deb\nEnabled: no\nURIs: http://c.example/debian\nSuites: sid\nComponents: main\n";
        let result = configured(&[("sources.list", text), ("sources.list.d/x.sources", disabled)]);
        assert_eq!(result, None);
    }

    #[test]
    fn other_distributions_are_no_debian() {
        let text =
            "Types: deb\nURIs: http://archive.example/ubuntu\nSuites: noble noble-updates\nComponents: main universe\n";
        assert_eq!(configured(&[("sources.list.d/ubuntu.sources", text)]), None);
    }
}
