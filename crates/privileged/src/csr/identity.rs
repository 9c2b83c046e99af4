//! `misa`. Read-only here: extensions cannot be turned off. (In Spike some can.)
//!
//! Privileged architecture, "Machine ISA (`misa`) Register".

use arch::csr::misa::MXL_64;

use crate::Config;

/// MXL and a bit for each extension of one letter.
pub fn misa(config: &Config) -> u64 {
    let letters = config.isa.iter().map(|extension| extension.name().as_bytes());
    letters.fold(MXL_64, |misa, name| match name {
        [letter @ b'a'..=b'z'] => misa | 1 << (letter - b'a'),
        _ => misa,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arch::Isa;

    #[test]
    fn it_has_a_bit_per_letter() {
        let config = Config::new(Isa::parse("rv64imafdch").unwrap(), 0);
        let letters = "acdfhimsu".bytes().map(|c| 1 << (c - b'a')).sum::<u64>();
        assert_eq!(misa(&config), 1 << 63 | letters);
    }
}
