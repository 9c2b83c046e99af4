//! Builds vhart: as it is here, or as it was at a revision.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use images::tied;
use serde_json::Value;

/// Letters of a revision in a file's name.
const SHORT: usize = 12;

/// Where things are.
pub struct Places {
    /// The workspace.
    pub workspace: PathBuf,
    /// Cargo's directory for what it builds.
    target: PathBuf,
}

impl Places {
    /// Asks cargo.
    ///
    /// # Errors
    /// It cannot say.
    pub fn find() -> anyhow::Result<Places> {
        let text = output(Command::new("cargo").args(["metadata", "--format-version", "1", "--no-deps"]))?;
        let metadata: Value = serde_json::from_str(&text).context("cargo metadata printed no JSON")?;
        let path = |key: &str| metadata[key].as_str().map(PathBuf::from).context("cargo metadata names no directory");
        Ok(Places { workspace: path("workspace_root")?, target: path("target_directory")? })
    }

    /// The harness's own directory.
    pub fn bench(&self) -> PathBuf {
        self.target.join("bench")
    }

    /// Builds the workspace's vhart for speed.
    ///
    /// # Errors
    /// It does not build.
    pub fn vhart(&self) -> anyhow::Result<PathBuf> {
        build(&self.workspace, &self.target)
    }

    /// Builds vhart at a git revision, if that has not been done before. The second is the revision's short name.
    ///
    /// # Errors
    /// There is no such revision, or it does not build.
    pub fn vhart_at(&self, revision: &str) -> anyhow::Result<(PathBuf, String)> {
        let commit = git(&self.workspace, &["rev-parse", "--verify", &format!("{revision}^{{commit}}")])?;
        let short = commit.get(..SHORT).unwrap_or(&commit).to_owned();
        let kept = self.bench().join(format!("vhart-{short}"));
        if !kept.exists() {
            self.build_at(&short, &kept)?;
        }
        Ok((kept, short))
    }

    /// The work tree is there only while it is built from.
    fn build_at(&self, commit: &str, to: &Path) -> anyhow::Result<()> {
        let bench = self.bench();
        fs::create_dir_all(&bench).with_context(|| format!("cannot make '{}'", bench.display()))?;
        let tree = bench.join(format!("tree-{commit}"));
        let tree_text = tree.to_str().context("the target directory is not UTF-8")?;
        if tree.exists() {
            git(&self.workspace, &["worktree", "remove", "--force", tree_text])?;
        }
        git(&self.workspace, &["worktree", "add", "--detach", tree_text, commit])?;
        let built = build(&tree, &bench.join("revisions"));
        let removed = git(&self.workspace, &["worktree", "remove", "--force", tree_text]);
        fs::copy(built?, to).with_context(|| format!("cannot write '{}'", to.display()))?;
        removed.map(|_| ())
    }
}

fn build(workspace: &Path, target: &Path) -> anyhow::Result<PathBuf> {
    eprintln!("building vhart in {} ...", workspace.display());
    let mut command = tied::command("cargo");
    command.args(["build", "--release", "--quiet", "--package", "vhart", "--target-dir"]).arg(target);
    if !tied::status(command.current_dir(workspace)).context("cannot run cargo")?.success() {
        bail!("vhart does not build in {}", workspace.display());
    }
    Ok(target.join("release/vhart"))
}

fn git(workspace: &Path, args: &[&str]) -> anyhow::Result<String> {
    output(Command::new("git").args(args).current_dir(workspace))
}

/// What a command prints, without the space around it.
fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
