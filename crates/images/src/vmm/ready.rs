//! The VMM that comes with this program.

use std::io::Read;

use super::record::Record;
use crate::error::{Error, Result};
use crate::hash::hex_sha256;

const PROGRAM: &[u8] = include_bytes!("../../../../guest/vmm/vhart-riscv64.zst");
const RECORD: &str = include_str!("../../../../guest/vmm/vhart-riscv64.toml");

/// What it was made of.
///
/// # Errors
/// The record that this program was built with is no record.
pub fn record() -> Result<Record> {
    Record::parse(RECORD).ok_or_else(damaged)
}

/// The program, unpacked and compared with its record.
///
/// # Errors
/// It is not the one that the record tells of.
pub fn program() -> Result<Vec<u8>> {
    let record = record()?;
    let decoder = ruzstd::decoding::StreamingDecoder::new(PROGRAM).map_err(|_| damaged())?;
    let mut program = Vec::new();
    decoder.take(record.program_bytes + 1).read_to_end(&mut program).map_err(|_| damaged())?;
    match hex_sha256(&[&program]) == record.program_sha256 {
        true => Ok(program),
        false => Err(damaged()),
    }
}

fn damaged() -> Error {
    Error::ReadyVmm
}

/// `program` as it is carried along.
pub fn packed(program: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(program, ruzstd::encoding::CompressionLevel::Fastest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vmm::program;

    #[test]
    fn the_program_that_comes_along_is_the_recorded_one_and_can_run_a_guest() {
        assert_eq!(program::fault(&super::program().unwrap()), None);
    }

    #[test]
    fn what_is_carried_along_is_small() {
        assert!(PROGRAM.len() < 1_500_000, "{}", PROGRAM.len());
    }
}
