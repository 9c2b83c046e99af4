//! SHA-256 in hexadecimal: names for content.

use sha2::{Digest, Sha256};

/// The sum of `parts`, each with its length, so that moving a byte from one part to the next gives another sum; of one
/// part, its plain SHA-256.
pub fn hex_sha256(parts: &[&[u8]]) -> String {
    let mut sum = Sha256::new();
    for part in parts {
        if parts.len() > 1 {
            sum.update((part.len() as u64).to_le_bytes());
        }
        sum.update(part);
    }
    hex::encode(sum.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_part_is_plain_sha256() {
        // FIPS 180-2, appendix B.1
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex_sha256(&[b"abc"]), abc);
    }

    #[test]
    fn borders_between_parts_count() {
        assert_ne!(hex_sha256(&[b"ab", b"c"]), hex_sha256(&[b"a", b"bc"]));
    }
}
