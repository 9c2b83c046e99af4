//! The index of a suite's packages for one architecture, and what they need of each other.
//!
//! A `Packages` file has tens of thousands of paragraphs: it stays text, and of each only name and place are noted; a
//! paragraph is read when it is asked for (deb-control(5)). Versions in dependencies are not compared: within one suite
//! there is one version of each package, and the suite fits together.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use super::release::Sum;
use crate::control::{self, Paragraph};

/// The packages of one architecture (and those for all) in one suite.
#[derive(Debug)]
pub(crate) struct Index {
    text: String,
    packages: HashMap<String, Range<usize>>,
    provided: HashMap<String, Vec<String>>,
}

/// A package in the one version that a suite has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// What it is for; "all" is for every machine.
    pub(crate) architecture: String,
    /// Where its `.deb` file lies, relative to the archive.
    pub(crate) path: String,
    /// What that file must be.
    pub(crate) sum: Sum,
    /// What its files take when they are unpacked.
    pub(crate) installed_bytes: u64,
    /// What it needs: of each entry, any one.
    pub(crate) depends: Vec<Vec<String>>,
    /// Packages that it needs in exactly one version: the other parts of the same thing.
    pub(crate) parts: Vec<String>,
}

impl Index {
    /// Reads the text of a `Packages` file.
    pub(crate) fn parse(text: String) -> Index {
        let mut index = Index { text: String::new(), packages: HashMap::new(), provided: HashMap::new() };
        let mut start = 0;
        for paragraph in text.split_inclusive("\n\n") {
            let range = start..start + paragraph.len();
            start = range.end;
            index.note(paragraph, range);
        }
        index.text = text;
        index
    }

    fn note(&mut self, paragraph: &str, range: Range<usize>) {
        let field = |name: &str| paragraph.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let Some(package) = field("Package:") else { return };
        for name in names(field("Provides:").unwrap_or_default()).flatten() {
            self.provided.entry(name).or_default().push(package.to_owned());
        }
        self.packages.entry(package.to_owned()).or_insert(range);
    }

    /// The package `name`.
    pub(crate) fn find(&self, name: &str) -> Option<Package> {
        let range = self.packages.get(name)?;
        let package = Package::from_paragraph(control::parse(&self.text[range.clone()]).first()?)?;
        (package.name == name).then_some(package)
    }

    /// What the index says of the package `name`.
    pub(crate) fn paragraph(&self, name: &str) -> Option<&str> {
        self.text.get(self.packages.get(name)?.clone())
    }

    /// The names of what every system has: what is essential, or of priority required.
    pub(crate) fn required(&self) -> Vec<String> {
        let says = |paragraph: &str, line: &str| paragraph.lines().any(|found| found == line);
        let required = |name: &&String| {
            let paragraph = self.paragraph(name).unwrap_or_default();
            says(paragraph, "Essential: yes") || says(paragraph, "Priority: required")
        };
        let mut names: Vec<String> = self.packages.keys().filter(required).cloned().collect();
        names.sort();
        names
    }

    /// The names of packages that begin with `start`.
    pub(crate) fn starting_with<'a>(&'a self, start: &'a str) -> impl Iterator<Item = &'a str> {
        self.packages.keys().map(String::as_str).filter(move |name| name.starts_with(start))
    }

    /// The package `name` and those it needs in exactly one version, and so on.
    ///
    /// # Errors
    /// The name of one that is not there.
    pub(crate) fn with_parts(&self, name: &str) -> Result<Vec<Package>, String> {
        self.closure(&[name], &[], |package| package.parts.iter().map(|part| vec![part.clone()]).collect())
    }

    /// The packages `names` and all they need, but for those in `without`.
    ///
    /// # Errors
    /// The name of one that is not there.
    pub(crate) fn with_needed(&self, names: &[&str], without: &[&str]) -> Result<Vec<Package>, String> {
        self.closure(names, without, |package| package.depends.clone())
    }

    fn closure(
        &self,
        names: &[&str],
        without: &[&str],
        needs: impl Fn(&Package) -> Vec<Vec<String>>,
    ) -> Result<Vec<Package>, String> {
        let mut known: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut queue: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut packages = Vec::new();
        while !queue.is_empty() {
            let name = queue.remove(0);
            let package = self.find(&name).ok_or(name)?;
            for choice in needs(&package) {
                let Some(needed) = self.choose(&choice, &known, without)? else { continue };
                known.insert(needed.clone());
                queue.push(needed);
            }
            packages.push(package);
        }
        Ok(packages)
    }

    /// What to add so that one of `choice` is there; none where one is, or is left out.
    fn choose(&self, choice: &[String], known: &BTreeSet<String>, without: &[&str]) -> Result<Option<String>, String> {
        let providers = |name: &String| self.provided.get(name).into_iter().flatten();
        let stands_for = |name: &String| known.contains(name) || providers(name).any(|by| known.contains(by));
        if choice.iter().any(|name| without.contains(&name.as_str()) || stands_for(name)) {
            return Ok(None);
        }
        let real = choice.iter().find(|name| self.packages.contains_key(*name));
        let provider = || choice.iter().find_map(|name| providers(name).next());
        real.or_else(provider).cloned().map(Some).ok_or_else(|| choice.join(" or "))
    }
}

impl Package {
    /// A package; none where a field is missing or is not what it should be.
    fn from_paragraph(paragraph: &Paragraph) -> Option<Package> {
        let number = |field: &str| paragraph.get(field).and_then(|text| text.parse::<u64>().ok());
        let depends = ["Pre-Depends", "Depends"].iter().filter_map(|field| paragraph.get(field)).collect::<Vec<_>>();
        Some(Package {
            name: word(paragraph.get("Package")?)?,
            version: word(paragraph.get("Version")?)?,
            architecture: word(paragraph.get("Architecture").unwrap_or("all"))?,
            path: word(paragraph.get("Filename")?)?,
            sum: Sum::new(paragraph.get("SHA256")?, number("Size")?)?,
            installed_bytes: number("Installed-Size").unwrap_or(0).saturating_mul(1024),
            depends: depends.iter().flat_map(|text| names(text)).collect(),
            parts: exact(paragraph.get("Depends").unwrap_or_default()),
        })
    }
}

/// A value that is one word: it goes into addresses, names of files and messages.
fn word(value: &str) -> Option<String> {
    let is_word = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic());
    is_word.then(|| value.to_owned())
}

/// The names in a field of dependencies: a list of choices, without versions and architectures.
fn names(field: &str) -> impl Iterator<Item = Vec<String>> + '_ {
    let choices = field.split(',').map(|choice| choice.split('|').filter_map(name).collect::<Vec<_>>());
    choices.filter(|choice| !choice.is_empty())
}

fn name(dependency: &str) -> Option<String> {
    let word = dependency.trim().split([' ', '(', '[']).next()?;
    let name = word.split(':').next()?;
    (!name.is_empty()).then(|| name.to_owned())
}

/// The packages in a Depends field that are needed in exactly one version and without alternative.
fn exact(depends: &str) -> Vec<String> {
    let alone = depends.split(',').filter(|dependency| !dependency.contains('|'));
    alone.filter(|dependency| dependency.contains("(= ")).filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paragraph(name: &str, more: &str) -> String {
        let sum = "AB".repeat(32);
        format!("Package: {name}\nVersion: 1-1\nFilename: pool/{name}.deb\nSize: 7\nSHA256: {sum}\n{more}\n")
    }

    fn index() -> Index {
        Index::parse(
            paragraph("app", "Depends: lib (>= 1) | other, tool:any, virtual\nInstalled-Size: 2\n")
                + &paragraph("lib", "Pre-Depends: base\nProvides: virtual (= 2), x\n")
                + &paragraph("tool", "Depends: gcc | clang, base\n")
                + &paragraph("base", "")
                + &paragraph("gcc", "Depends: nowhere\n"),
        )
    }

    fn names_of(packages: Vec<Package>) -> Vec<String> {
        packages.into_iter().map(|package| package.name).collect()
    }

    #[test]
    fn closure_takes_first_choices_and_what_is_there_for_what_is_provided() {
        assert_eq!(names_of(index().with_needed(&["app"], &["gcc"]).unwrap()), ["app", "lib", "tool", "base"]);
    }

    #[test]
    fn what_is_nowhere_is_named() {
        assert_eq!(index().with_needed(&["app"], &[]).unwrap_err(), "nowhere");
        assert_eq!(index().with_parts("none").unwrap_err(), "none");
    }

    #[test]
    fn only_exact_dependencies_without_alternative_are_parts() {
        let depends = "dracut | initramfs-tools (>= 0.120) | linux-initramfs-tool, kmod, linux-base-7.2 (= 7.2.12-1), \
                       linux-modules-7.2:riscv64 (= 7.2.12-1), libc6 (>= 2.42)";
        assert_eq!(exact(depends), ["linux-base-7.2", "linux-modules-7.2"]);
    }

    #[test]
    fn a_package_is_read_with_its_sum() {
        let package = index().find("app").unwrap();
        assert_eq!((package.installed_bytes, package.sum.len_bytes), (2048, 7));
        assert_eq!(package.sum.sha256, "ab".repeat(32));
        assert_eq!(package.depends[0], ["lib", "other"]);
        assert_eq!(index().find("virtual"), None);
    }

    #[test]
    fn what_would_lead_elsewhere_is_no_package() {
        // downloads are called by their sums, and messages name packages
        let good = paragraph("app", "");
        for (field, bad) in [
            ("SHA256: ", "SHA256: ../../"),
            ("Filename: ", "Filename: a\n "),
            ("Version: ", "Version: \u{1b}[2J"),
            ("Package: app", "package: other\nPackage: app"),
        ] {
            assert_eq!(Index::parse(good.replacen(field, bad, 1)).find("app"), None, "{bad:?}");
        }
        assert!(Index::parse(good).find("app").is_some());
    }
}
