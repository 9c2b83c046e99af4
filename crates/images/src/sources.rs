//! Finds Debian's archive in the system's apt configuration.
//!
//! Reads `sources.list` and `sources.list.d/` in both of apt's formats (sources.list(5)). Of all entries the one is taken
//! that most looks like Debian's main archive: third parties also use Debian's suite names.

use std::fs;
use std::path::{Path, PathBuf};

use crate::control;
use crate::error::{Error, OnFile, Result};

/// Where the keyring lies that Debian's own package installs.
const DEBIAN_KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

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

/// An archive and the keys that sign it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Archive {
    /// Its address, as apt writes it.
    pub(crate) uri: String,
    /// The value of a `Signed-By` field: paths of keyrings, or the keys themselves. None: the keys apt trusts anyway.
    pub(crate) signed_by: Option<String>,
}

/// One entry of apt's configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Source {
    uris: Vec<String>,
    suites: Vec<String>,
    components: Vec<String>,
    signed_by: Option<String>,
}

impl Archive {
    /// The archive that the user names, signed by Debian's keys.
    pub(crate) fn named(uri: &str) -> Archive {
        Archive { uri: uri.to_owned(), signed_by: debian_keyring() }
    }

    /// The first Debian archive in the configuration under `etc` ("/etc/apt").
    ///
    /// # Errors
    /// [`Error::NoArchive`] where there is none.
    pub(crate) fn configured(etc: &Path) -> Result<Archive> {
        let mut sources: Vec<Source> = read(etc)?.into_iter().filter(|source| source.rank() > 0).collect();
        sources.sort_by_key(|source| std::cmp::Reverse(source.rank()));
        let best = sources.into_iter().next().ok_or_else(|| Error::NoArchive { etc: etc.to_owned() })?;
        let uri = best.uris.into_iter().find(|uri| !uri.starts_with("cdrom:"));
        let uri = uri.ok_or_else(|| Error::NoArchive { etc: etc.to_owned() })?;
        Ok(Archive { uri, signed_by: best.signed_by.or_else(debian_keyring) })
    }
}

fn debian_keyring() -> Option<String> {
    Path::new(DEBIAN_KEYRING).exists().then(|| DEBIAN_KEYRING.to_owned())
}

impl Source {
    /// How much this looks like Debian's main archive; 0: it is something else.
    fn rank(&self) -> u32 {
        let debian = self.suites.iter().any(|suite| SUITES.contains(&suite.as_str()))
            && self.components.iter().any(|component| component == "main")
            && self.uris.iter().any(|uri| !uri.starts_with("cdrom:"));
        let signed = self.signed_by.as_ref().is_some_and(|key| key.contains("debian-archive"));
        let named = self.uris.iter().any(|uri| uri.split('/').any(|part| part == "debian"));
        if debian { 1 + u32::from(named) + 2 * u32::from(signed) } else { 0 }
    }

    /// An entry in the one-line format; none where the line is something else.
    fn from_line(line: &str) -> Option<Source> {
        let line = line.split('#').next()?.trim().strip_prefix("deb")?;
        let line = line.strip_prefix([' ', '\t'])?.trim_start();
        let (options, rest) = match line.strip_prefix('[') {
            Some(options) => options.split_once(']')?,
            None => ("", line),
        };
        let mut words = rest.split_whitespace().map(str::to_owned);
        Some(Source {
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
    fn from_paragraph(paragraph: &control::Paragraph) -> Option<Source> {
        let enabled = !paragraph.get("Enabled").is_some_and(|value| value.eq_ignore_ascii_case("no"));
        let binary = paragraph.words("Types").iter().any(|kind| kind == "deb");
        (enabled && binary).then(|| Source {
            uris: paragraph.words("URIs"),
            suites: paragraph.words("Suites"),
            components: paragraph.words("Components"),
            signed_by: paragraph.get("Signed-By").map(str::to_owned),
        })
    }
}

/// All entries under `etc`, in apt's order.
fn read(etc: &Path) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for path in files(etc)? {
        let text = fs::read(&path).on_file("read", &path)?;
        let text = String::from_utf8_lossy(&text);
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("sources") => sources.extend(control::parse(&text).iter().filter_map(Source::from_paragraph)),
            _ => sources.extend(text.lines().filter_map(Source::from_line)),
        }
    }
    Ok(sources)
}

/// The files that apt reads: `sources.list`, then those of `sources.list.d` by name.
fn files(etc: &Path) -> Result<Vec<PathBuf>> {
    let parts = etc.join("sources.list.d");
    let mut files = Vec::new();
    if parts.is_dir() {
        for entry in fs::read_dir(&parts).on_file("read", &parts)? {
            files.push(entry.on_file("read", &parts)?.path());
        }
    }
    files.retain(|path| path.extension().is_some_and(|extension| extension == "list" || extension == "sources"));
    files.sort();
    let main = etc.join("sources.list");
    if main.is_file() {
        files.insert(0, main);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(files: &[(&str, &str)]) -> Result<Archive> {
        let etc = tempfile::tempdir().unwrap();
        fs::create_dir(etc.path().join("sources.list.d")).unwrap();
        for (name, text) in files {
            fs::write(etc.path().join(name), text).unwrap();
        }
        Archive::configured(etc.path())
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
        assert!(matches!(result, Err(Error::NoArchive { .. })));
    }

    #[test]
    fn other_distributions_are_no_debian() {
        let text =
            "Types: deb\nURIs: http://archive.example/ubuntu\nSuites: noble noble-updates\nComponents: main universe\n";
        assert!(matches!(configured(&[("sources.list.d/ubuntu.sources", text)]), Err(Error::NoArchive { .. })));
    }
}
