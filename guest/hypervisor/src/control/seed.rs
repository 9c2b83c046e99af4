//! Random bytes for guests to begin with: without them a Linux makes some of the jitter of its timers, which takes
//! long.
//!
//! Devicetree schema, chosen.yaml: "rng-seed". Each guest's is another, each time that it begins, and none tells of
//! another or of the machine's: they are hashes of that.

use sha2::{Digest, Sha256};

/// The seed of the guest that is the `count`th to begin; none where the machine has none itself.
pub fn of(machine: &[u8], count: u64) -> Option<[u8; 32]> {
    let hash = Sha256::new().chain_update(b"vhart hypervisor: a guest's rng-seed").chain_update(count.to_le_bytes());
    (!machine.is_empty()).then(|| hash.chain_update(machine).finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_the_same() {
        let seeds = [of(&[1; 32], 0), of(&[1; 32], 1), of(&[2; 32], 0)];
        assert!(seeds[0] != seeds[1] && seeds[0] != seeds[2] && seeds[1] != seeds[2]);
        assert_eq!(of(&[1; 32], 0), seeds[0]);
    }

    #[test]
    fn of_nothing_comes_nothing() {
        assert_eq!(of(&[], 0), None);
    }
}
