//! Sets of harts as calls name them.
//!
//! SBI 3.0, "Hart list parameter": a mask of harts counted from a base, or all harts when the base is all ones.

use crate::Error;

/// The base that stands for all harts.
const ALL_HARTS: u64 = u64::MAX;

/// Harts by their ids, in ascending order, of `count` harts from 0, at most 64.
///
/// # Errors
/// [`Error::InvalidParam`] when one of them does not exist.
pub fn hart_list(mask: u64, base: u64, count: usize) -> Result<impl Iterator<Item = usize>, Error> {
    let all = u64::MAX >> (64 - count.clamp(1, 64));
    let set = match base {
        ALL_HARTS => all,
        // "need not be an enabled or supervisor available hartid unless the zeroth bit of `hart_mask` is set"
        _ if mask == 0 => 0,
        _ if base >= count as u64 => return Err(Error::InvalidParam),
        _ if mask > all >> base => return Err(Error::InvalidParam),
        _ => mask << base,
    };
    Ok((0..count).filter(move |&hart| set >> hart & 1 != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(mask: u64, base: u64, count: usize, harts: &[usize]) {
        assert!(hart_list(mask, base, count).unwrap().eq(harts.iter().copied()));
    }

    fn error(mask: u64, base: u64, count: usize) -> Option<Error> {
        hart_list(mask, base, count).err()
    }

    #[test]
    fn the_mask_counts_from_the_base() {
        check(0b101, 1, 4, &[1, 3]);
        check(1 << 62, 1, 64, &[63]);
    }

    #[test]
    fn a_base_of_all_ones_is_every_hart() {
        check(0, u64::MAX, 3, &[0, 1, 2]);
        assert_eq!(hart_list(0, u64::MAX, 64).unwrap().count(), 64);
    }

    #[test]
    fn an_empty_mask_names_no_hart_whatever_its_base() {
        check(0, 64, 1, &[]);
    }

    #[test]
    fn harts_that_do_not_exist_are_invalid() {
        assert_eq!(error(0b10, 0, 1), Some(Error::InvalidParam));
        assert_eq!(error(1, 64, 64), Some(Error::InvalidParam));
        assert_eq!(error(0b11, 63, 64), Some(Error::InvalidParam));
        assert_eq!(error(1 << 63, 1, 64), Some(Error::InvalidParam));
    }
}
