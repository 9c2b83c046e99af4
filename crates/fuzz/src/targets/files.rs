//! What targets that read files share.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{Seek, Write};
use std::path::PathBuf;

thread_local! {
    static FILE: RefCell<tempfile::NamedTempFile> =
        RefCell::new(tempfile::NamedTempFile::new().expect("the host has room for a file"));
    static TREE: tempfile::TempDir = tempfile::tempdir().expect("the host has room for a directory");
}

/// A file with this content, until the next call.
pub fn file(content: &[u8]) -> PathBuf {
    FILE.with_borrow_mut(|file| {
        fill(file.as_file_mut(), content);
        file.path().to_owned()
    })
}

/// Makes `content` all there is in the file, without emptying it before: some file systems wait for the disk then.
fn fill(file: &mut File, content: &[u8]) {
    file.rewind().expect("the file is ours");
    file.write_all(content).expect("the host has room for a file");
    file.set_len(content.len() as u64).expect("the file is ours");
}

/// A directory with files of these names, all with this content, until the next call.
pub fn tree(names: &[&str], content: &[u8]) -> PathBuf {
    TREE.with(|tree| {
        for name in names {
            let path = tree.path().join(name);
            std::fs::create_dir_all(path.parent().expect("it is in the directory")).expect("the directory is ours");
            let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(path).expect("it is ours");
            fill(&mut file, content);
        }
        tree.path().to_owned()
    })
}

/// Messages are one sentence for a terminal.
pub fn one_line(text: &str) -> bool {
    !text.is_empty() && !text.contains(['\n', '\0', '\x1b'])
}

pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).expect("memory is never full");
    encoder.finish().expect("memory is never full")
}

pub fn zstd(content: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(content, ruzstd::encoding::CompressionLevel::Fastest)
}

pub fn xz(content: &[u8]) -> Vec<u8> {
    let options = lzma_rust2::XzOptions::with_preset(0);
    let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).expect("the options are right");
    encoder.write_all(content).expect("memory is never full");
    encoder.finish().expect("memory is never full")
}
