//! Sets of harts as calls name them.
//!
//! SBI 2.0, "Hart list parameter": a mask of harts counted from a base, or all harts when the base is all ones.

use crate::call::SbiError;

/// Harts by their ids, in ascending order.
///
/// # Errors
/// [`SbiError::InvalidParam`] when one of them does not exist.
pub fn harts(mask: u64, base: u64, count: usize) -> Result<impl Iterator<Item = usize>, SbiError> {
    let all = u64::MAX >> (64 - count.clamp(1, 64));
    let set = match base {
        u64::MAX => all,
        _ if base >= count as u64 => return Err(SbiError::InvalidParam),
        _ if mask > all >> base => return Err(SbiError::InvalidParam),
        _ => mask << base,
    };
    Ok((0..count).filter(move |&hart| set >> hart & 1 != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(mask: u64, base: u64, count: usize) -> Result<Vec<usize>, SbiError> {
        harts(mask, base, count).map(Iterator::collect)
    }

    #[test]
    fn the_mask_counts_from_the_base() {
        assert_eq!(list(0b101, 1, 4), Ok(vec![1, 3]));
        assert_eq!(list(1 << 62, 1, 64), Ok(vec![63]));
    }

    #[test]
    fn a_base_of_all_ones_is_every_hart() {
        assert_eq!(list(0, u64::MAX, 3), Ok(vec![0, 1, 2]));
        assert_eq!(list(0, u64::MAX, 64).unwrap().len(), 64);
    }

    #[test]
    fn harts_that_do_not_exist_are_invalid() {
        assert_eq!(list(0b10, 0, 1), Err(SbiError::InvalidParam));
        assert_eq!(list(1, 64, 64), Err(SbiError::InvalidParam));
        assert_eq!(list(0b11, 63, 64), Err(SbiError::InvalidParam));
        assert_eq!(list(1 << 63, 1, 64), Err(SbiError::InvalidParam));
    }
}
