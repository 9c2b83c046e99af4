//! The programs for riscv64 that come with this one.

use std::io::Read;

use super::product::Product;
use super::record::Record;
use crate::error::{Error, Result};
use crate::hash::hex_sha256;

/// What a product was made of.
///
/// # Errors
/// The record that this program was built with is no record.
pub fn record(product: Product) -> Result<Record> {
    product.ready().and_then(|ready| Record::parse(ready.record)).ok_or_else(|| damaged(product))
}

/// The program, unpacked and compared with its record.
///
/// # Errors
/// It is not the one that the record tells of.
pub fn program(product: Product) -> Result<Vec<u8>> {
    let record = record(product)?;
    let packed = product.ready().map_or(&[][..], |ready| ready.packed);
    let decoder = ruzstd::decoding::StreamingDecoder::new(packed).map_err(|_| damaged(product))?;
    let mut program = Vec::new();
    decoder.take(record.program_bytes + 1).read_to_end(&mut program).map_err(|_| damaged(product))?;
    match hex_sha256(&[&program]) == record.program_sha256 {
        true => Ok(program),
        false => Err(damaged(product)),
    }
}

fn damaged(product: Product) -> Error {
    Error::Ready { name: product.name(), option: product.option() }
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
    fn the_programs_that_come_along_are_the_recorded_ones_and_are_whole() {
        for product in Product::ALL {
            assert_eq!(program::fault(&super::program(product).unwrap()), None);
        }
    }

    #[test]
    fn what_is_carried_along_is_small() {
        let [vmm, hypervisor, workloads] = Product::ALL.map(|product| product.ready().unwrap().packed.len());
        assert!(vmm < 1_500_000 && hypervisor < 150_000 && workloads < 800_000, "{vmm} {hypervisor} {workloads}");
    }
}
