//! The programs for riscv64 that come with this one.

use std::io::{Read, Write};

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
    let mut program = Vec::new();
    let decoder = lzma_rust2::XzReader::new(packed, false);
    decoder.take(record.program_bytes + 1).read_to_end(&mut program).map_err(|_| damaged(product))?;
    match hex_sha256(&[&program]) == record.program_sha256 {
        true => Ok(program),
        false => Err(damaged(product)),
    }
}

fn damaged(product: Product) -> Error {
    Error::Ready { name: product.name(), option: product.option() }
}

/// How well it is packed, of 9.
const PRESET: u32 = 9;

/// `program` as it is carried along: by LZMA, which makes two thirds of what `ruzstd` makes.
///
/// # Panics
/// Never: nothing of it can fail in memory.
pub fn packed(program: &[u8]) -> Vec<u8> {
    let options = lzma_rust2::XzOptions::with_preset(PRESET);
    let mut packer = lzma_rust2::XzWriter::new(Vec::new(), options).expect("the options are right");
    packer.write_all(program).and_then(|()| packer.finish()).expect("a vector takes everything")
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
        assert!(vmm < 1_200_000 && hypervisor < 200_000 && workloads < 600_000, "{vmm} {hypervisor} {workloads}");
    }
}
