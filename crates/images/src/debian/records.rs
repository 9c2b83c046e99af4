//! dpkg's own records of a package that is unpacked and not configured.
//!
//! dpkg(1) keeps a paragraph for each package in `/var/lib/dpkg/status`, the files that came beside it in
//! `/var/lib/dpkg/info`, and in `/var/lib/dpkg/triggers` who is interested in what (deb-triggers(5)). A configuration
//! file (deb-conffiles(5)) lies beside its place, as `NAME.dpkg-new`, until its package is configured.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::Path;

/// What dpkg has for a configuration file that was never installed.
const NEW: &str = "newconffile";

/// What came beside the files of a package: by name, and whether it is a script.
#[derive(Debug, Default)]
pub(super) struct Control {
    files: BTreeMap<String, (Vec<u8>, u32)>,
}

impl Control {
    /// Reads the archive of such files.
    pub(super) fn read(tar: &mut dyn Read) -> io::Result<Control> {
        let mut control = Control::default();
        for entry in tar::Archive::new(tar).entries()? {
            let mut entry = entry?;
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let name = entry.path()?.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let mode = entry.header().mode()? & 0o777;
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            control.files.insert(name, (content, mode));
        }
        Ok(control)
    }

    fn text(&self, name: &str) -> String {
        self.files.get(name).map(|(content, _)| String::from_utf8_lossy(content).into_owned()).unwrap_or_default()
    }

    fn field(&self, name: &str) -> Option<String> {
        let text = self.text("control");
        text.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned()))
    }

    /// The package's name.
    pub(super) fn package(&self) -> io::Result<String> {
        let name = self.field("Package").unwrap_or_default();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        match !name.is_empty() && name.bytes().all(plain) {
            true => Ok(name),
            false => Err(io::Error::other("it has no name")),
        }
    }

    /// The paths of its configuration files that are to be installed, without the leading slash.
    pub(super) fn conffiles(&self) -> BTreeSet<String> {
        // Words before a path say that it is to go.
        let text = self.text("conffiles");
        text.lines().filter_map(|line| line.trim().strip_prefix('/')).map(str::to_owned).collect()
    }

    /// How the package is called where several architectures of it could be installed.
    fn stem(&self) -> io::Result<String> {
        let same = self.field("Multi-Arch").as_deref() == Some("same");
        let name = self.package()?;
        Ok(if same { format!("{name}:{}", self.field("Architecture").unwrap_or_default()) } else { name })
    }

    /// The paragraph of `status`; `there` are the configuration files that the package has.
    pub(super) fn status(&self, there: &BTreeSet<String>) -> String {
        let text = self.text("control");
        let (first, rest) = text.trim_end().split_once('\n').unwrap_or((text.trim_end(), ""));
        let conffiles: String = there.iter().map(|name| format!("\n /{name} {NEW}")).collect();
        let conffiles = if conffiles.is_empty() { conffiles } else { format!("\nConffiles:{conffiles}") };
        format!("{first}\nStatus: install ok unpacked\n{rest}{conffiles}\n\n")
    }

    /// The files of `info`, with their modes; `list` are the paths of the package's files.
    pub(super) fn info(self, list: String) -> io::Result<Vec<(String, Vec<u8>, u32)>> {
        let stem = self.stem()?;
        let kept = self.files.into_iter().filter(|(name, _)| name != "control");
        let files = kept.map(|(name, (content, mode))| (format!("{stem}.{name}"), content, mode));
        Ok(files.chain([(format!("{stem}.list"), list.into_bytes(), 0o644)]).collect())
    }

    /// What the package is interested in: a trigger, and the package as dpkg notes it.
    pub(super) fn interests(&self) -> io::Result<Vec<(String, String)>> {
        let package = self.stem()?;
        let interest = |line: &str| {
            let mut words = line.split_whitespace();
            let noted = match words.next()? {
                "interest" | "interest-await" => package.clone(),
                "interest-noawait" => format!("{package}/noawait"),
                _ => return None,
            };
            Some((words.next()?.to_owned(), noted))
        };
        Ok(self.text("triggers").lines().filter_map(interest).collect())
    }
}

/// The files of `triggers`: those whose trigger is a path share one, each other has its own.
pub(super) fn triggers(interests: &[(String, String)]) -> BTreeMap<String, String> {
    let mut files = BTreeMap::from([("File".to_owned(), String::new()), ("Unincorp".to_owned(), String::new())]);
    for (trigger, package) in interests {
        match trigger.starts_with('/') {
            true => *files.entry("File".to_owned()).or_default() += &format!("{trigger} {package}\n"),
            // It becomes the name of a file.
            false if Path::new(trigger).components().count() == 1 && !trigger.starts_with('.') => {
                *files.entry(trigger.clone()).or_default() += &format!("{package}\n");
            }
            false => {}
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(files: &[(&str, &str)]) -> Control {
        let files = files.iter().map(|(name, text)| ((*name).to_owned(), (text.as_bytes().to_vec(), 0o755)));
        Control { files: files.collect() }
    }

    const RECORD: &str = "Package: libx\nVersion: 1\nArchitecture: riscv64\nMulti-Arch: same\nDescription: x\n more\n";

    #[test]
    fn a_package_is_unpacked_with_its_configuration_files_new() {
        let control = control(&[("control", RECORD), ("conffiles", "/etc/x\nremove-on-upgrade /etc/old\n")]);
        assert_eq!(control.conffiles(), BTreeSet::from(["etc/x".to_owned()]));
        assert_eq!(
            control.status(&control.conffiles()),
            "Package: libx\nStatus: install ok unpacked\nVersion: 1\nArchitecture: riscv64\nMulti-Arch: same\n\
             Description: x\n more\nConffiles:\n /etc/x newconffile\n\n"
        );
    }

    #[test]
    fn files_beside_it_have_the_packages_name_and_architecture() {
        let control = control(&[("control", RECORD), ("postinst", "#!/bin/sh\n")]);
        let names: Vec<_> = control.info("/.\n".to_owned()).unwrap().into_iter().map(|(name, ..)| name).collect();
        assert_eq!(names, ["libx:riscv64.postinst", "libx:riscv64.list"]);
    }

    #[test]
    fn interests_are_noted_by_their_triggers() {
        let text = "# x\ninterest-noawait ldconfig\ninterest /usr/lib/x\nactivate y\ninterest ../../etc/passwd\n";
        let interests = control(&[("control", "Package: a\n"), ("triggers", text)]).interests().unwrap();
        let files = triggers(&interests);
        assert_eq!(files.keys().collect::<Vec<_>>(), ["File", "Unincorp", "ldconfig"]);
        assert_eq!((files["File"].as_str(), files["ldconfig"].as_str()), ("/usr/lib/x a\n", "a/noawait\n"));
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_no_name() {
        assert!(control(&[("control", "Package: ../x\n")]).info(String::new()).is_err());
        assert!(control(&[]).package().is_err());
    }
}
