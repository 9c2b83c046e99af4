//! The workspace as the source of a build: which files matter, their hash, and a copy of them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use toml::{Table, Value};

use crate::error::{Error, OnFile, Result};
use crate::hash::hex_sha256;

/// The workspace's manifest.
const MANIFEST: &str = "Cargo.toml";

/// The list of other people's crates.
const LOCK: &str = "Cargo.lock";

/// Directories that no build of a program reads.
const LEFT_OUT: [&str; 4] = ["target", "tests", "benches", "examples"];

/// The files of a workspace.
#[derive(Debug)]
pub(super) struct Sources {
    workspace: PathBuf,
    /// Relative to the workspace, sorted.
    files: Vec<PathBuf>,
}

impl Sources {
    /// The sources at `workspace`.
    ///
    /// # Errors
    /// [`Error::NoSources`] where there is no workspace any more.
    pub(super) fn find(workspace: &Path) -> Result<Sources> {
        if !workspace.join(LOCK).is_file() {
            return Err(Error::NoSources { place: workspace.to_owned() });
        }
        let mut sources = Sources { workspace: workspace.to_owned(), files: Vec::new() };
        for root in roots(workspace)? {
            sources.add(&root)?;
        }
        sources.files.sort();
        Ok(sources)
    }

    /// Adds the file at `path`, or all files below it.
    fn add(&mut self, path: &Path) -> Result<()> {
        let full = self.workspace.join(path);
        if full.is_file() {
            self.files.push(path.to_owned());
            return Ok(());
        }
        for entry in fs::read_dir(&full).on_file("read", &full)? {
            let name = entry.on_file("read", &full)?.file_name();
            if is_source(&name.to_string_lossy(), &full) {
                self.add(&path.join(&name))?;
            }
        }
        Ok(())
    }

    /// The workspace's root.
    pub(super) fn workspace(&self) -> &Path {
        &self.workspace
    }

    /// The compiler's version that the workspace asks for ("1.95").
    pub(super) fn rust_version(&self) -> Result<String> {
        let manifest = table(&self.workspace, MANIFEST)?;
        let package = manifest.get("workspace").and_then(|workspace| workspace.get("package"));
        let version = package.and_then(|package| package.get("rust-version")).and_then(Value::as_str);
        Ok(version.unwrap_or("1").to_owned())
    }

    /// Copies the sources into `directory`, in place of an earlier copy. Cargo goes by times: what is as in the earlier
    /// copy keeps that one's, and all else is of now, for the earlier copy may be of another workspace whose files are
    /// older or newer than these.
    pub(super) fn copy_to(&self, directory: &Path) -> Result<()> {
        let times = self.files.iter().map(|file| unchanged(&self.workspace.join(file), &directory.join(file)));
        let times: Vec<Option<SystemTime>> = times.collect();
        for root in roots(&self.workspace)? {
            let old = directory.join(root);
            if old.is_dir() {
                fs::remove_dir_all(&old).on_file("remove", &old)?;
            }
        }
        let mut files = self.files.iter().zip(times);
        files.try_for_each(|(file, time)| copy(&self.workspace.join(file), &directory.join(file), time))
    }
}

/// What a build reads, below the workspace's root: manifest, lock file, and the directories that have members in them.
fn roots(workspace: &Path) -> Result<Vec<PathBuf>> {
    let manifest = table(workspace, MANIFEST)?;
    let members = manifest.get("workspace").and_then(|table| table.get("members")).and_then(Value::as_array);
    let members = members.into_iter().flatten().filter_map(Value::as_str);
    let directories = members.filter_map(|member| Path::new(member).iter().next()).map(PathBuf::from);
    let mut roots: Vec<PathBuf> = [MANIFEST, LOCK].map(PathBuf::from).into_iter().chain(directories).collect();
    roots.sort();
    roots.dedup();
    Ok(roots)
}

/// A TOML file of the workspace.
fn table(workspace: &Path, name: &str) -> Result<Table> {
    let path = workspace.join(name);
    let text = fs::read_to_string(&path).on_file("read", &path)?;
    text.parse().map_err(std::io::Error::other).on_file("read", &path)
}

/// The hash of `files` and `packages` (each a name and a version) as they are in `workspace`, and of what its manifest
/// says about them. What is not there counts as such.
pub(super) fn digest(workspace: &Path, files: &[String], packages: &[String]) -> Result<String> {
    let mut parts: Vec<Vec<u8>> = Vec::new();
    for name in files {
        parts.push(name.clone().into_bytes());
        parts.push(contents(&workspace.join(name))?);
    }
    parts.push(locked(&table(workspace, LOCK)?, packages).into_bytes());
    parts.push(settings(&table(workspace, MANIFEST)?, packages).into_bytes());
    Ok(hex_sha256(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>()))
}

fn contents(path: &Path) -> Result<Vec<u8>> {
    match fs::read(path) {
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(b"not there".to_vec()),
        other => other.on_file("read", path),
    }
}

/// The versions and checksums of `packages` in the lock file.
fn locked(lock: &Table, packages: &[String]) -> String {
    let text = |package: &Value, name: &str| package.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let all = lock.get("package").and_then(Value::as_array).into_iter().flatten();
    let named = all.map(|package| (format!("{} {}", text(package, "name"), text(package, "version")), package));
    let wanted = named.filter(|(name, _)| packages.contains(name));
    let mut lines: Vec<String> =
        wanted.map(|(name, package)| format!("{name} {}\n", text(package, "checksum"))).collect();
    lines.sort();
    lines.concat()
}

/// What the workspace's manifest says that bears on a program made of `packages`: profiles, what members inherit, and
/// versions and features of the packages.
fn settings(manifest: &Table, packages: &[String]) -> String {
    let get = |path: &[&str]| {
        let whole = Value::Table(manifest.clone());
        path.iter().try_fold(whole, |value, name| value.get(*name).cloned())
    };
    let whole = |path: &[&str]| get(path).as_ref().map_or(String::new(), canonical);
    let wanted = |name: &str| packages.iter().any(|package| package.split(' ').next() == Some(name));
    let mut text = whole(&["profile", "release"]) + &whole(&["profile", "vmm"]) + &whole(&["workspace", "package"]);
    for (key, value) in get(&["workspace", "dependencies"]).as_ref().and_then(Value::as_table).into_iter().flatten() {
        if wanted(value.get("package").and_then(Value::as_str).unwrap_or(key)) {
            text += &format!("{key}={}\n", canonical(value));
        }
    }
    text
}

/// The time of a copy that is as the file still.
fn unchanged(file: &Path, copy: &Path) -> Option<SystemTime> {
    let is_same = fs::read(file).ok()? == fs::read(copy).ok()?;
    is_same.then(|| fs::metadata(copy).and_then(|metadata| metadata.modified()).ok())?
}

/// Copies a file, which gets this time, or that of now.
fn copy(from: &Path, to: &Path, time: Option<SystemTime>) -> Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).on_file("make directory", parent)?;
    }
    fs::copy(from, to).on_file("write", to)?;
    let time = time.unwrap_or_else(SystemTime::now);
    File::options().write(true).open(to).and_then(|file| file.set_modified(time)).on_file("write", to)
}

/// Whether something of a directory goes into a build.
fn is_source(name: &str, directory: &Path) -> bool {
    let left_out = LEFT_OUT.contains(&name) && directory.join(name).is_dir();
    !name.starts_with('.') && !left_out
}

/// `value` as text that is the same for the same value, whatever wrote it.
fn canonical(value: &Value) -> String {
    match value {
        Value::Table(table) => table.iter().map(|(name, value)| format!("{name:?}={};", canonical(value))).collect(),
        Value::Array(values) => values.iter().map(|value| format!("{},", canonical(value))).collect(),
        Value::String(text) => format!("{text:?}"),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Datetime(time) => time.to_string(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const ROOT: &str = "\
[workspace]
members = [\"crates/*\", \"xtask\"]
[workspace.dependencies]
a = { path = \"crates/a\", package = \"vhart-a\" }
anyhow = \"1\"
other = \"2\"
[profile.vmm]
opt-level = \"s\"
";

    const LOCKED: &str = "\
[[package]]
name = \"anyhow\"
version = \"1.0.1\"
checksum = \"aa\"
[[package]]
name = \"other\"
version = \"2.0.0\"
checksum = \"bb\"
";

    pub(in super::super) fn workspace() -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        let files = ["crates/a/Cargo.toml", "crates/a/src/lib.rs", "crates/a/tests/t.rs", "xtask/Cargo.toml"];
        for (name, text) in files.map(|name| (name, name)).into_iter().chain([(MANIFEST, ROOT), (LOCK, LOCKED)]) {
            let path = place.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
        }
        place
    }

    fn sum(place: &tempfile::TempDir) -> String {
        let files = ["crates/a/Cargo.toml", "crates/a/src/lib.rs", "crates/a/src/new.rs"].map(str::to_owned);
        digest(place.path(), &files, &["anyhow 1.0.1".to_owned(), "vhart-a 0.1.0".to_owned()]).unwrap()
    }

    /// Replaces `from` in a file of a fresh workspace and says whether that makes another program.
    fn matters(name: &str, from: &str, to: &str) -> bool {
        let place = workspace();
        let (before, path) = (sum(&place), place.path().join(name));
        let text = fs::read_to_string(&path).unwrap_or_default();
        assert!(text.contains(from));
        fs::write(&path, if from.is_empty() { to.to_owned() } else { text.replace(from, to) }).unwrap();
        sum(&place) != before
    }

    #[test]
    fn what_goes_into_the_program_counts() {
        assert!(matters("crates/a/src/lib.rs", "", "changed"));
        assert!(matters("crates/a/src/new.rs", "", "there now"));
        assert!(matters(LOCK, "\"aa\"", "\"cc\""));
        assert!(matters(LOCK, "1.0.1", "1.0.2"));
        assert!(matters(MANIFEST, "\"1\"", "{ version = \"1\", features = [\"backtrace\"] }"));
        assert!(matters(MANIFEST, "\"s\"", "3"));
    }

    #[test]
    fn what_does_not_go_in_does_not_count() {
        assert!(!matters("crates/a/tests/t.rs", "", "changed"));
        assert!(!matters("xtask/Cargo.toml", "", "changed"));
        assert!(!matters(LOCK, "\"bb\"", "\"cc\""));
        assert!(!matters(MANIFEST, "\"2\"", "\"3\""));
        assert!(!matters(MANIFEST, "[profile.vmm]", "# a word\n[profile.vmm]"));
    }

    #[test]
    fn a_copy_has_what_a_build_reads_and_replaces_the_one_before() {
        let (place, to) = (workspace(), tempfile::tempdir().unwrap());
        fs::create_dir_all(to.path().join("crates/gone")).unwrap();
        // A member may have the name of a directory that is left out elsewhere.
        fs::create_dir_all(place.path().join("crates/fuzz/src")).unwrap();
        fs::write(place.path().join("crates/fuzz/src/lib.rs"), "").unwrap();
        Sources::find(place.path()).unwrap().copy_to(to.path()).unwrap();
        assert!(!to.path().join("crates/gone").exists() && !to.path().join("crates/a/tests").exists());
        assert!(to.path().join("crates/a/src/lib.rs").is_file() && to.path().join("xtask/Cargo.toml").is_file());
        assert!(to.path().join("crates/fuzz/src/lib.rs").is_file());
    }

    #[test]
    fn what_another_workspace_has_changed_is_newer_than_the_copy_before_whatever_its_time() {
        let (one, other, to) = (workspace(), workspace(), tempfile::tempdir().unwrap());
        let changed = Path::new("crates/a/src/lib.rs");
        fs::write(other.path().join(changed), "other").unwrap();
        let long_ago = SystemTime::now() - std::time::Duration::from_secs(9999);
        File::options().write(true).open(other.path().join(changed)).unwrap().set_modified(long_ago).unwrap();
        let modified = |file: &Path| fs::metadata(to.path().join(file)).unwrap().modified().unwrap();
        Sources::find(one.path()).unwrap().copy_to(to.path()).unwrap();
        let before = [modified(changed), modified(Path::new(LOCK))];
        Sources::find(other.path()).unwrap().copy_to(to.path()).unwrap();
        assert!(modified(changed) > before[0] && modified(Path::new(LOCK)) == before[1]);
    }

    #[test]
    fn vanished_workspace_is_said_to_be_gone() {
        let why = Sources::find(Path::new("/nowhere/vhart")).unwrap_err();
        assert!(matches!(why, Error::NoSources { .. }), "{why}");
    }

    #[test]
    fn order_in_a_table_does_not_count() {
        let read = |text: &str| canonical(&Value::Table(text.parse().unwrap()));
        assert_eq!(read("a = 1\nb = ['x', 2.5]"), read("b = [\"x\", 2.5]\na = 1"));
        assert_ne!(read("a = 1"), read("a = 2"));
    }
}
