//! The entropy source of Zkr, for whose CSR `seed` KVM comes back to user space.

use arch::csr::seed;

/// What a guest reads: 16 random bits of this computer's, or that it is to ask again while there are none.
pub fn read() -> u64 {
    let mut bits = [0; 2];
    match getrandom::fill(&mut bits) {
        Ok(()) => seed::ES16 | u64::from(u16::from_le_bytes(bits)),
        Err(_) => seed::WAIT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "OPST = ES16 [...] 16 bits of randomness are returned in seed[15:0]"; all other bits are zero.
    #[test]
    fn bits_come_with_their_state_and_are_not_the_same_each_time() {
        let reads: Vec<u64> = (0..8).map(|_| read()).collect();
        assert!(reads.iter().all(|read| read & !seed::ENTROPY == seed::ES16), "{reads:x?}");
        assert!(reads.iter().any(|read| *read != reads[0]), "{reads:x?}");
    }
}
