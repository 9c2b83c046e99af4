//! Archives that are the same for the same files: entries in order, with one time, and nobody's names.

use std::collections::BTreeSet;

use tar::{Builder, EntryType, Header};

use super::content::Release;

/// A file on its way into an archive.
pub struct File<'a> {
    pub path: String,
    pub mode: u32,
    pub content: &'a [u8],
}

impl<'a> File<'a> {
    /// A file to read.
    pub fn text(path: impl Into<String>, content: &'a [u8]) -> File<'a> {
        File { path: path.into(), mode: 0o644, content }
    }

    /// A file to run.
    pub fn program(path: impl Into<String>, content: &'a [u8]) -> File<'a> {
        File { path: path.into(), mode: 0o755, content }
    }
}

/// A tar archive of `files` and the directories they lie in.
pub fn tar(files: &[File<'_>], epoch: u64) -> std::io::Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    for directory in directories(files) {
        append(&mut archive, EntryType::Directory, 0o755, &[], &format!("{directory}/"), epoch)?;
    }
    for file in files {
        append(&mut archive, EntryType::Regular, file.mode, file.content, &file.path, epoch)?;
    }
    archive.into_inner()
}

fn append(
    archive: &mut Builder<Vec<u8>>,
    kind: EntryType,
    mode: u32,
    content: &[u8],
    path: &str,
    epoch: u64,
) -> std::io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(content.len() as u64);
    header.set_mtime(epoch);
    header.set_uid(0);
    header.set_gid(0);
    header.set_path(path)?;
    header.set_cksum();
    archive.append(&header, content)
}

/// Every directory above a file, the upper ones first.
fn directories(files: &[File<'_>]) -> BTreeSet<String> {
    let above = |path: &str| path.match_indices('/').map(|(at, _)| path[..at].to_owned()).collect::<Vec<_>>();
    files.iter().flat_map(|file| above(&file.path)).collect()
}

/// The archive for whoever has no use for a package.
pub fn tar_zst(release: &Release) -> anyhow::Result<Vec<u8>> {
    let top = format!("vhart-{}", release.version);
    let mut files = vec![File::program(format!("{top}/vhart"), &release.program)];
    files.extend(release.texts.iter().map(|(name, text)| File::text(format!("{top}/{name}"), text)));
    files
        .extend(release.completions.iter().map(|(shell, text)| File::text(format!("{top}/completions/{shell}"), text)));
    files.extend(release.manual.iter().map(|(name, page)| File::text(format!("{top}/man/{name}"), page)));
    Ok(images::vmm::packed(&tar(&files, release.epoch)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_has_its_directories_first_and_only_one_time() {
        let files = [File::text("a/b/c", b"text"), File::program("a/d", b"program")];
        let bytes = tar(&files, 1_000_000_000).unwrap();
        let mut archive = tar::Archive::new(&*bytes);
        let entries: Vec<_> = archive.entries().unwrap().map(Result::unwrap).collect();
        let names: Vec<String> = entries.iter().map(|entry| entry.path().unwrap().display().to_string()).collect();
        assert_eq!(names, ["a/", "a/b/", "a/b/c", "a/d"]);
        assert!(entries.iter().all(|entry| entry.header().mtime().unwrap() == 1_000_000_000));
        assert_eq!(entries[3].header().mode().unwrap(), 0o755);
    }
}
