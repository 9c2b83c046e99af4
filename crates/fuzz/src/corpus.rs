//! What long runs found worth keeping: of each target one archive, `corpus/TARGET.tar.gz`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

/// So much is kept of a target, the shortest inputs first: long ones mostly reach what shorter ones do.
const MOST_BYTES: usize = 32 << 10;

fn path(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target).with_extension("tar.gz")
}

/// The inputs kept for `target`; none where there is no archive.
///
/// # Errors
/// There is one, but it cannot be read.
pub fn read(target: &str) -> io::Result<Vec<Vec<u8>>> {
    let file = match File::open(path(target)) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened?,
    };
    let mut archive = tar::Archive::new(GzDecoder::new(file));
    let input = |entry: io::Result<tar::Entry<_>>| {
        let mut bytes = Vec::new();
        entry?.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    archive.entries()?.map(input).collect()
}

/// Leaves each once, the shortest first, and no more than there is room for.
fn choose(inputs: &mut Vec<Vec<u8>>) {
    inputs.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    inputs.dedup();
    let mut bytes = 0;
    inputs.retain(|input| {
        bytes += input.len();
        bytes <= MOST_BYTES
    });
}

/// Keeps of these inputs for `target` what there is room for, and no others. The same inputs make the same archive.
///
/// # Errors
/// It cannot be written.
pub fn write(target: &str, mut inputs: Vec<Vec<u8>>) -> io::Result<()> {
    choose(&mut inputs);
    let path = path(target);
    std::fs::create_dir_all(path.with_file_name(""))?;
    let mut archive = tar::Builder::new(GzEncoder::new(File::create(path)?, Compression::best()));
    for (number, input) in inputs.iter().enumerate() {
        let mut header = tar::Header::new_ustar();
        header.set_size(input.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, format!("{number:04}"), &input[..])?;
    }
    archive.into_inner()?.finish()?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_archive_is_read_and_is_a_target_s() {
        let Ok(entries) = path("any").with_file_name("").read_dir() else { return };
        for entry in entries {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let target = name.strip_suffix(".tar.gz").unwrap();
            assert!(crate::target(target).is_some() && !read(target).unwrap().is_empty(), "{name}");
        }
    }
}
