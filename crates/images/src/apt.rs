//! The system's own apt, with a private root.
//!
//! All of apt's state (sources, index, package status) lies in a directory of ours, so that neither root's rights nor the
//! system's own packages matter; apt fetches, and checks signatures and sums, as ever (apt.conf(5), apt-secure(8)). Of the
//! system's configuration only what concerns its network (proxies, certificates, credentials) is taken over. Packages are
//! only downloaded: nothing is installed and no maintainer script runs.

mod failure;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::control::{self, Paragraph};
use crate::error::{Error, OnFile, Result};
use crate::progress::Progress;
use crate::request::{Apt, Expired};
use crate::sources::Archive;
use crate::words::Words;
use failure::Place;

/// Where the system's apt is configured.
const ETC: &str = "/etc/apt";

/// apt's option by which the date of a Release file matters.
const CHECK_DATE: &str = "Acquire::Check-Valid-Until=true";
/// apt's option by which it does not.
const ANY_DATE: &str = "Acquire::Check-Valid-Until=false";

/// Names in `apt-config dump` of what is taken over from the system: how to get out to the network.
const TAKEN_OVER: [&str; 8] = [
    "Acquire::http::",
    "Acquire::https::",
    "Acquire::ftp::",
    "Acquire::socks",
    "Acquire::tor",
    "Acquire::Force",
    "Acquire::Retries",
    "Acquire::Proxy-Auto-Detect",
];

/// A package in the one version that the suite has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exact {
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// Length of the `.deb` file.
    pub(crate) len_bytes: u64,
    /// Packages it needs in exactly one version: the other parts of the same thing.
    pub(crate) parts: Vec<String>,
}

/// A private apt root for one suite.
#[derive(Debug)]
pub(crate) struct Root<'a> {
    directory: PathBuf,
    archive: Archive,
    request: &'a Apt,
}

impl<'a> Root<'a> {
    /// Lays out the root at `directory` for the suite and archive of `request`.
    ///
    /// # Errors
    /// [`Error::NoApt`], [`Error::NoArchive`], or where the directory cannot be written.
    pub(crate) fn create(directory: PathBuf, request: &'a Apt) -> Result<Root<'a>> {
        let network = network_settings()?;
        let archive = archive(request)?;
        let root = Root { directory, archive, request };
        for name in ["etc/preferences.d", "etc/apt.conf.d", "state/lists/partial", "cache/archives/partial"] {
            let path = root.directory.join(name);
            fs::create_dir_all(&path).on_file("make directory", &path)?;
        }
        root.write("status", "")?;
        root.write("etc/debian.sources", &root.sources())?;
        root.write("apt.conf", &(root.settings() + &network))?;
        Ok(root)
    }

    /// The archive in use.
    pub(crate) fn mirror(&self) -> &str {
        &self.archive.uri
    }

    /// Fetches the suite's index. Where its Release file is out of date, says so and goes on, unless the request refuses it.
    ///
    /// # Errors
    /// What an archive or network may be short of, each by its own [`Error`].
    pub(crate) fn update(&self, progress: &dyn Progress) -> Result<()> {
        match self.update_with(CHECK_DATE, progress) {
            Err(Error::Expired { suite, mirror, since }) if self.request.expired == Expired::Accept => {
                progress.note(&format!("suite {suite} of {mirror} has been out of date since {since} (a snapshot?); signature and sums are checked as ever"));
                self.update_with(ANY_DATE, progress)
            }
            other => other,
        }
    }

    fn update_with(&self, date: &str, progress: &dyn Progress) -> Result<()> {
        let errors = self.run(&["-o", date, "update"], &self.directory, progress)?;
        errors.map_or(Ok(()), |text| Err(self.explain(&text)))
    }

    fn explain(&self, text: &str) -> Error {
        let place = Place { suite: &self.request.suite, mirror: self.mirror(), directory: &self.directory };
        failure::explain(text, place, || self.release_field("Valid-Until"))
    }

    /// What the suite says about the package `name`.
    ///
    /// # Errors
    /// [`Error::NoPackage`] where it has no such package.
    pub(crate) fn find(&self, name: &str) -> Result<Exact> {
        let output =
            self.command("apt-cache").args(["show", "--no-all-versions", name]).output().map_err(spawn_failed)?;
        let text = String::from_utf8_lossy(&output.stdout);
        control::parse(&text).first().and_then(Exact::from_paragraph).ok_or_else(|| self.lacks(name))
    }

    /// Why there is no package `package`.
    fn lacks(&self, package: &str) -> Error {
        let suite = self.request.suite.clone();
        match self.release_field("Architectures") {
            Some(list) if !list.split(' ').any(|architecture| architecture == "riscv64") => {
                Error::NoArchitecture { suite, mirror: self.mirror().to_owned() }
            }
            _ => Error::NoPackage { suite, package: package.to_owned() },
        }
    }

    /// Downloads `packages` into the directory `into`, where their `.deb` files are then.
    ///
    /// # Errors
    /// As for [`update`](Root::update); what a failed download left in `into` is the caller's to remove.
    pub(crate) fn download(&self, packages: &[Exact], into: &Path, progress: &dyn Progress) -> Result<()> {
        let names: Vec<String> =
            packages.iter().map(|package| format!("{}={}", package.name, package.version)).collect();
        let mut arguments = vec!["download"];
        arguments.extend(names.iter().map(String::as_str));
        let errors = self.run(&arguments, into, progress)?;
        errors.map_or(Ok(()), |text| Err(self.explain(&text)))
    }

    /// Runs apt-get in `directory`; returns what it wrote on standard error where it failed.
    fn run(&self, arguments: &[&str], directory: &Path, progress: &dyn Progress) -> Result<Option<String>> {
        let mut child = self
            .command("apt-get")
            .args(["-q", "-o", "APT::Status-Fd=1"])
            .args(arguments)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(spawn_failed)?;
        let words = Words::of(&mut child);
        if let Some(output) = child.stdout.take() {
            report(output, progress);
        }
        let status = child.wait().map_err(spawn_failed)?;
        let text = words.text();
        Ok((!status.success()).then_some(text))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("APT_CONFIG", self.directory.join("apt.conf")).env("LC_ALL", "C");
        command
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.directory.join(name);
        fs::write(&path, text).on_file("write", &path)
    }

    /// The one source, in the deb822 format.
    fn sources(&self) -> String {
        let keys = self.archive.signed_by.as_ref().map(|keys| format!("Signed-By: {keys}\n")).unwrap_or_default();
        let (uri, suite) = (&self.archive.uri, &self.request.suite);
        format!("Types: deb\nURIs: {uri}\nSuites: {suite}\nComponents: main\nArchitectures: riscv64\n{keys}")
    }

    /// The private `apt.conf`.
    fn settings(&self) -> String {
        let root = self.directory.display();
        let trusted = match self.archive.signed_by {
            Some(_) => "Dir::Etc::trusted \"/dev/null\";\nDir::Etc::trustedparts \"/dev/null\";\n".to_owned(),
            None => {
                format!("Dir::Etc::trusted \"{ETC}/trusted.gpg\";\nDir::Etc::trustedparts \"{ETC}/trusted.gpg.d\";\n")
            }
        };
        format!(
            "APT::Architecture \"riscv64\";\nAPT::Architectures {{ \"riscv64\"; }};\nAPT::Sandbox::User \"root\";\n\
             APT::Update::Error-Mode \"any\";\nAcquire::Languages \"none\";\n\
             Dir::Etc \"{root}/etc\";\nDir::Etc::sourcelist \"debian.sources\";\nDir::Etc::sourceparts \"/dev/null\";\n\
             Dir::Etc::netrc \"{ETC}/auth.conf\";\nDir::Etc::netrcparts \"{ETC}/auth.conf.d\";\n{trusted}\
             Dir::State \"{root}/state\";\nDir::State::status \"{root}/status\";\nDir::Cache \"{root}/cache\";\n"
        )
    }

    /// A field of the Release file that apt fetched last, be it one that apt refused.
    fn release_field(&self, field: &str) -> Option<String> {
        let lists = self.directory.join("state/lists");
        let files = [lists.join("partial"), lists].into_iter().filter_map(|directory| fs::read_dir(directory).ok());
        let paths = files.flatten().flatten().map(|entry| entry.path());
        let texts =
            paths.filter(|path| path.to_string_lossy().ends_with("Release")).filter_map(|path| fs::read(path).ok());
        texts.map(|text| String::from_utf8_lossy(&text).into_owned()).find_map(|text| field_of(&text, field))
    }
}

/// A field in the text of a Release file, signed or not.
fn field_of(release: &str, field: &str) -> Option<String> {
    control::parse(release).iter().find_map(|paragraph| paragraph.get(field).map(str::to_owned))
}

impl Exact {
    fn from_paragraph(paragraph: &Paragraph) -> Option<Exact> {
        Some(Exact {
            name: paragraph.get("Package")?.to_owned(),
            version: paragraph.get("Version")?.to_owned(),
            len_bytes: paragraph.get("Size").and_then(|size| size.parse().ok()).unwrap_or(0),
            parts: exact_dependencies(paragraph.get("Depends").unwrap_or_default()),
        })
    }
}

/// The packages in a Depends field that are needed in exactly one version and without alternative.
fn exact_dependencies(depends: &str) -> Vec<String> {
    let alone = depends.split(',').map(str::trim).filter(|dependency| !dependency.contains('|'));
    let exact = alone.filter_map(|dependency| dependency.split_once(" (= ").map(|(name, _)| name));
    exact.map(|name| name.split(':').next().unwrap_or(name).to_owned()).collect()
}

/// The archive that `request` names, else the system's.
///
/// # Errors
/// [`Error::NoArchive`] where neither names one.
pub(crate) fn archive(request: &Apt) -> Result<Archive> {
    match &request.mirror {
        Some(uri) => Ok(Archive::named(uri)),
        None => Archive::configured(Path::new(ETC)),
    }
}

/// The error that apt's messages in another tool's `text` amount to; none where they say nothing known.
pub(crate) fn recognise(text: &str, suite: &str, mirror: &str) -> Option<Error> {
    let place = Place { suite, mirror, directory: Path::new(suite) };
    Some(failure::explain(text, place, || None))
        .filter(|error| !matches!(error, Error::Apt { .. } | Error::Full { .. }))
}

/// What of the system's apt configuration says how to reach the network, as lines of an `apt.conf`.
///
/// # Errors
/// [`Error::NoApt`] where the system has none.
pub(crate) fn network_settings() -> Result<String> {
    let output = Command::new("apt-config").arg("dump").env("LC_ALL", "C").output().map_err(spawn_failed)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let taken = text.lines().filter(|line| TAKEN_OVER.iter().any(|name| line.starts_with(name)));
    Ok(taken.map(|line| format!("{line}\n")).collect())
}

fn spawn_failed(source: std::io::Error) -> Error {
    match source.kind() {
        std::io::ErrorKind::NotFound => Error::NoApt,
        _ => Error::Apt { detail: source.to_string() },
    }
}

/// Reads apt's status lines ("dlstatus:1:42.5:Retrieving file 1 of 3") until it ends.
fn report(output: impl Read, progress: &dyn Progress) {
    for line in BufReader::new(output).split(b'\n').map_while(std::result::Result::ok) {
        if let Some(percent) = percent(&String::from_utf8_lossy(&line)) {
            progress.fraction(percent / 100.0);
        }
    }
}

fn percent(line: &str) -> Option<f64> {
    line.strip_prefix("dlstatus:")?.split(':').nth(1)?.parse().ok()
}

/// Whether a file is there that apt could have downloaded: used where a directory of packages is given.
pub(crate) fn is_deb(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "deb") && File::open(path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_dependencies_without_alternative_are_parts() {
        let depends = "dracut | initramfs-tools (>= 0.120) | linux-initramfs-tool, kmod, linux-base-7.2 (= 7.2.12-1), \
                       linux-modules-7.2:riscv64 (= 7.2.12-1), libc6 (>= 2.42)";
        assert_eq!(exact_dependencies(depends), ["linux-base-7.2", "linux-modules-7.2"]);
    }

    #[test]
    fn date_is_found_in_a_signed_release_file() {
        let text = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: Debian\nSuite: testing\n\
                    Valid-Until: Fri, 06 Nov 2026 08:08:01 UTC\nSHA256:\n 00 1 main/binary\n";
        assert_eq!(field_of(text, "Valid-Until").as_deref(), Some("Fri, 06 Nov 2026 08:08:01 UTC"));
    }

    #[test]
    fn status_lines_give_percents() {
        assert_eq!(percent("dlstatus:1:42.5:Retrieving file 1 of 3 (2s remaining)"), Some(42.5));
        assert_eq!(percent("Get:1 http://mirror.example/debian stable InRelease"), None);
    }

    #[test]
    fn private_root_asks_for_riscv64_alone() {
        let request = Apt::default();
        let archive = Archive { uri: "http://mirror.example/debian".to_owned(), signed_by: Some("/k.gpg".to_owned()) };
        let root = Root { directory: "/r".into(), archive, request: &request };
        assert!(
            root.sources().contains("Suites: stable\nComponents: main\nArchitectures: riscv64\nSigned-By: /k.gpg\n")
        );
        assert!(root.settings().contains("Dir::Etc::trusted \"/dev/null\";"));
    }
}
