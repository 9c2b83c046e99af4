//! How cargo is called, whichever tool chain it belongs to.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::product::Product;
use super::record::Record;
use super::sources;
use crate::error::{Error, LAST_LINES, OnFile, Result};
use crate::hash::hex_sha256;
use crate::progress::{Progress, step};
use crate::tied;

/// The profile of the VMM in the workspace's manifest.
const PROFILE: &str = "vmm";

/// A tool chain at work on a workspace.
pub(super) struct Job<'a> {
    /// What is built.
    pub(super) product: Product,
    /// Makes a command that runs one of its programs in the workspace.
    pub(super) command: &'a dyn Fn(&str) -> Command,
    /// The workspace's path as the programs know it.
    pub(super) known_as: &'a Path,
    /// The same, from here.
    pub(super) workspace: &'a Path,
    /// cargo's target directory, as the programs know it, and from here.
    pub(super) output: [&'a Path; 2],
    /// Where other people's crates lie, as the programs know it: no program tells where it was built.
    pub(super) crates: &'a Path,
    pub(super) target: &'static str,
    /// Words for rustc.
    pub(super) flags: &'a [&'a str],
    /// What the tool chain came in, beside rustc's own words.
    pub(super) packages: Vec<String>,
}

/// A program, and what it was made of.
#[derive(Debug)]
pub(super) struct Built {
    /// The program.
    pub(super) program: Vec<u8>,
    /// Its record.
    pub(super) record: Record,
}

impl Job<'_> {
    /// Builds it.
    ///
    /// # Errors
    /// [`Error::Tool`] with cargo's last words, or a file cannot be read.
    pub(super) fn run(&self, what: &str, progress: &dyn Progress) -> Result<Built> {
        let mut made = Artifacts { total: self.count(what)?, ..Artifacts::default() };
        let mut command = self.cargo("build");
        command.args(["--profile", PROFILE, "--message-format", "json-render-diagnostics"]);
        command.arg("--target-dir").arg(self.output[0]).env("CARGO_ENCODED_RUSTFLAGS", self.rustflags());
        step(progress, what, || {
            lines(what, &mut command, |line| {
                made.note(line);
                progress.crates(made.count().min(made.total), made.total);
            })
        })?;
        let place = self.output[1].join(self.target).join(PROFILE);
        let name = self.product.program();
        let program = place.join(name);
        let program = fs::read(&program).on_file("read", &program)?;
        let record = self.record(&program, &place.join(format!("{name}.d")), made)?;
        Ok(Built { program, record })
    }

    fn cargo(&self, word: &str) -> Command {
        let mut command = (self.command)("cargo");
        command.arg(word).args(self.product.selection()).args(["--target", self.target]);
        command
    }

    /// No path of this computer goes into the program.
    fn rustflags(&self) -> String {
        let crates = format!("--remap-path-prefix={}=crates.io", self.crates.display());
        let workspace = format!("--remap-path-prefix={}=vhart", self.known_as.display());
        // Of two that apply, rustc takes the last.
        [&[&*workspace, &*crates], self.flags].concat().join("\u{1f}")
    }

    /// How many packages there are to compile.
    fn count(&self, what: &str) -> Result<u64> {
        let mut packages = BTreeSet::new();
        let mut command = self.cargo("tree");
        command.args(["--prefix", "none", "--edges", "normal,build", "--format", "{p}"]);
        lines(what, &mut command, |line| {
            packages.insert(line.trim_end_matches(" (*)").to_owned());
        })?;
        Ok(packages.len() as u64)
    }

    /// The tool chain's own words, and its packages.
    pub(super) fn toolchain(&self) -> Result<Vec<String>> {
        let mut words = Vec::new();
        lines("asking for rustc's version", (self.command)("rustc").arg("--version"), |line| {
            words.push(line.to_owned())
        })?;
        Ok([words, self.packages.clone()].concat())
    }

    fn record(&self, program: &[u8], dependencies: &Path, made: Artifacts) -> Result<Record> {
        let text = fs::read_to_string(dependencies).on_file("read", dependencies)?;
        let below = |path: &str| Some(Path::new(path).strip_prefix(self.known_as).ok()?.to_string_lossy().into_owned());
        let named = dependency_paths(&text).into_iter().chain(made.manifests);
        let files: Vec<String> = named.filter_map(|path| below(&path)).collect::<BTreeSet<_>>().into_iter().collect();
        let packages: Vec<String> = made.packages.into_iter().collect();
        Ok(Record {
            program_sha256: hex_sha256(&[program]),
            program_bytes: program.len() as u64,
            target: self.target.to_owned(),
            toolchain: self.toolchain()?,
            sources_sha256: sources::digest(self.workspace, &files, &packages)?,
            files,
            packages,
        })
    }
}

/// What cargo has told so far.
#[derive(Default)]
struct Artifacts {
    total: u64,
    /// Names and versions.
    packages: BTreeSet<String>,
    manifests: BTreeSet<String>,
}

impl Artifacts {
    /// Takes one of cargo's messages.
    fn note(&mut self, line: &str) {
        let Ok(message) = serde_json::from_str::<Value>(line) else { return };
        let (Some(id), Some(manifest)) = (message["package_id"].as_str(), message["manifest_path"].as_str()) else {
            return;
        };
        if message["reason"] == "compiler-artifact" {
            self.packages.extend(name_and_version(id));
            // Other people's manifests are told by version and checksum.
            self.manifests.extend(id.starts_with("path+").then(|| manifest.to_owned()));
        }
    }

    /// How many packages are made.
    fn count(&self) -> u64 {
        self.packages.len() as u64
    }
}

/// `anyhow 1.0.104` of `registry+https://index#anyhow@1.0.104`; where name and directory are the same,
/// cargo leaves the name away: `path+file:///w/crates/vhart#0.1.0`.
fn name_and_version(id: &str) -> Option<String> {
    let (place, end) = id.rsplit_once('#')?;
    match end.split_once('@') {
        Some((name, version)) => Some(format!("{name} {version}")),
        None => Some(format!("{} {end}", place.rsplit('/').next()?)),
    }
}

/// The paths behind the colon in what rustc writes for make; a space in a path is escaped.
fn dependency_paths(text: &str) -> Vec<String> {
    let paths = text.lines().filter_map(|line| line.split_once(": ")).map(|(_, paths)| paths.replace("\\ ", "\0"));
    paths.flat_map(|paths| paths.split(' ').map(|path| path.replace('\0', " ")).collect::<Vec<_>>()).collect()
}

/// Where cargo keeps other people's crates.
pub(super) fn home() -> Option<PathBuf> {
    let named = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))
}

/// Runs a tool, a [`tied::command`], to its end and hands on each line that it prints.
///
/// # Errors
/// [`Error::Tool`] with its last words, where it cannot be run or fails.
fn lines(what: &str, command: &mut Command, mut each: impl FnMut(&str)) -> Result<()> {
    let name = command_name(command);
    let failed = |detail: String| Error::Tool { what: what.to_owned(), detail };
    let io = |why: std::io::Error| failed(format!("{name}: {why}"));
    let mut errors = tempfile::tempfile().map_err(io)?;
    let stderr = errors.try_clone().map_err(io)?;
    let mut tied = tied::start(command.stdout(Stdio::piped()).stderr(stderr)).map_err(io)?;
    for line in tied.child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()) {
        each(&line.map_err(io)?);
    }
    match tied.wait().map_err(io)?.success() {
        true => Ok(()),
        false => Err(failed(last_words(&mut errors))),
    }
}

/// Runs a tool, a [`tied::command`], to its end, silently.
///
/// # Errors
/// [`Error::Tool`] with its last words, where it cannot be run or fails.
pub(super) fn run(what: &str, command: &mut Command) -> Result<()> {
    let failed = |detail: String| Error::Tool { what: what.to_owned(), detail };
    let io = |why: std::io::Error| failed(format!("{}: {why}", command_name(command)));
    let mut errors = tempfile::tempfile().map_err(io)?;
    let stderr = errors.try_clone().map_err(io)?;
    match tied::status(command.stdout(Stdio::null()).stderr(stderr)) {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(failed(last_words(&mut errors))),
        Err(why) => Err(failed(format!("{}: {why}", command_name(command)))),
    }
}

fn command_name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

/// The end of what was written to `errors`.
pub(super) fn last_words(errors: &mut File) -> String {
    let mut text = Vec::new();
    let read = errors.rewind().and_then(|()| errors.read_to_end(&mut text));
    match read {
        Ok(_) => last_lines(&String::from_utf8_lossy(&text)),
        Err(why) => why.to_string(),
    }
}

/// The end of `text`, without empty lines.
pub(super) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_repeats_the_tools_last_words() {
        let why =
            run("trying", tied::command("sh").args(["-c", "echo first >&2; echo no room >&2; exit 3"])).unwrap_err();
        assert_eq!(why.to_string(), "trying failed:\nfirst\nno room");
    }

    #[test]
    fn packages_are_told_by_their_ids() {
        let registry = "registry+https://example.org/index#anyhow@1.0.104";
        assert_eq!(name_and_version(registry).as_deref(), Some("anyhow 1.0.104"));
        assert_eq!(name_and_version("path+file:///w/crates/vhart#0.1.0").as_deref(), Some("vhart 0.1.0"));
        assert_eq!(
            name_and_version("path+file:///w/crates/arch#vhart-arch@0.1.0").as_deref(),
            Some("vhart-arch 0.1.0")
        );
    }

    #[test]
    fn cargos_messages_say_how_far_it_has_come() {
        let mut made = Artifacts { total: 4, ..Artifacts::default() };
        let message = |reason: &str, id: &str| {
            format!(r#"{{"reason":"{reason}","package_id":"{id}","manifest_path":"/w/{reason}/Cargo.toml"}}"#)
        };
        let (own, other) = ("path+file:///w/crates/a#0.1.0", "registry+x#b@1.0.0");
        for (reason, id) in [("compiler-artifact", own), ("compiler-artifact", own), ("build-script-executed", other)] {
            made.note(&message(reason, id));
        }
        assert_eq!(made.count(), 1);
        made.note(&message("compiler-artifact", other));
        made.note("no JSON");
        assert_eq!((made.count(), made.manifests.len()), (2, 1));
    }

    #[test]
    fn paths_with_spaces_stay_whole() {
        let text = "/w/target/vhart: /w/a\\ b/lib.rs /w/c.rs\n";
        assert_eq!(dependency_paths(text), ["/w/a b/lib.rs", "/w/c.rs"]);
    }

    #[test]
    fn lines_are_handed_on_and_failures_told() {
        let mut seen = Vec::new();
        lines("trying", tied::command("printf").arg("a\nb\n"), |line| seen.push(line.to_owned())).unwrap();
        assert_eq!(seen, ["a", "b"]);
        let why = lines("trying", tied::command("sh").args(["-c", "echo bad >&2; exit 1"]), |_| ()).unwrap_err();
        assert_eq!(why.to_string(), "trying failed:\nbad");
    }

    #[test]
    fn missing_tool_is_named() {
        let why = run("trying", &mut tied::command("vhart-no-such-tool")).unwrap_err();
        assert!(why.to_string().contains("vhart-no-such-tool"), "{why}");
    }

    #[test]
    fn only_the_end_of_a_long_story_is_told() {
        let text: String = (0..40).map(|line| format!("{line}\n")).collect();
        assert_eq!(last_lines(&text).lines().next(), Some("28"));
    }
}
