//! Compressed kernels: gzip, zstd, xz, and EFI zboot around one of them.

use std::io::{BufRead, Read};

use super::Problem;
use super::magic::{self, Kind, Packing};

/// A zboot wrapper, and gzip within it, and once more.
const MAX_DEPTH: usize = 3;

/// The program within `content`, of at most `limit` bytes.
pub fn unpack(mut content: Vec<u8>, limit: u64) -> Result<Vec<u8>, Problem> {
    for _ in 0..MAX_DEPTH {
        content = match magic::kind(&content) {
            Kind::Zboot => zboot_payload(&content)?.to_vec(),
            Kind::Packed(packing) => stream(&content, packing, limit)?,
            _ => return Ok(content),
        };
    }
    Ok(content)
}

/// What lies within an EFI zboot image: offset and size stand at 8 and 12.
fn zboot_payload(content: &[u8]) -> Result<&[u8], Problem> {
    let word = |at: usize| content.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    let (Some(offset), Some(len)) = (word(8), word(12)) else {
        return Err(Problem::corrupt("its EFI zboot header is cut off"));
    };
    let payload = content.get(offset as usize..).and_then(|rest| rest.get(..len as usize));
    let payload = payload.ok_or_else(|| Problem::corrupt("its EFI zboot payload goes beyond the end of the file"))?;
    match magic::kind(payload) {
        Kind::Packed(_) | Kind::Linux => Ok(payload),
        _ => Err(Problem::corrupt("its EFI zboot payload is not a packed RISC-V kernel")),
    }
}

fn stream(content: &[u8], packing: Packing, limit: u64) -> Result<Vec<u8>, Problem> {
    match packing {
        Packing::Gzip => drain(flate2::read::GzDecoder::new(content), packing, limit),
        Packing::Xz => drain(lzma_rust2::XzReader::new(content, false), packing, limit),
        Packing::Zstd => {
            let decoder = ruzstd::decoding::StreamingDecoder::new(content);
            drain(decoder.map_err(|e| Problem::corrupt(format!("zstd: {e}")))?, packing, limit)
        }
        _ => Err(Problem::Format { format: packing.name() }),
    }
}

fn drain(decoder: impl Read, packing: Packing, limit: u64) -> Result<Vec<u8>, Problem> {
    let mut unpacked = Vec::new();
    let done = decoder.take(limit.saturating_add(1)).read_to_end(&mut unpacked);
    done.map_err(|e| Problem::corrupt(format!("{}: {e}", packing.name())))?;
    if unpacked.len() as u64 > limit {
        return Err(Problem::TooBig { bytes: unpacked.len() as u64, ram_bytes: limit });
    }
    Ok(unpacked)
}

/// Reads a gzip stream to its end, to see that it is whole; `reader` is at what follows it then.
pub fn pass_gzip(reader: &mut impl BufRead) -> Result<(), Problem> {
    let mut decoder = flate2::bufread::GzDecoder::new(reader);
    let mut sink = [0; 1 << 16];
    loop {
        match decoder.read(&mut sink) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(e) => return Err(Problem::corrupt(format!("gzip: {e}"))),
        }
    }
}
