//! The switch between the guests: whom a frame of Ethernet's goes to.
//!
//! IEEE 802.3, "MAC frame format": it begins with the address of whom it is for, and that of who sent it. There is no
//! table, and nothing is learned: an address says which guest's it is. A guest sends by its own address and no other,
//! so that none gets what is meant for another.

/// An address of a card's.
pub type Address = [u8; 6];

/// What guests' addresses begin with: individual and locally administered.
const PREFIX: [u8; 5] = [0x52, 0x56, 0x48, 0, 0];
/// "Individual/Group": an address of several, or of all.
const GROUP: u8 = 1;

/// Whom a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// The guest of that number, if there is one.
    Guest(usize),
    /// All but who sent it.
    Others,
    /// Nobody: it is none of the sender's frames, or for somebody who is no guest.
    Nobody,
}

/// The address of a guest's card; the first guest's ends with 1. Guests are fewer than a byte counts.
pub const fn address(guest: usize) -> Address {
    let [a, b, c, d, e] = PREFIX;
    [a, b, c, d, e, guest as u8 + 1]
}

// ANCHOR: goes
/// Whom a frame of guest `from` is for.
pub fn goes(frame: &[u8], from: usize) -> For {
    let Some((to, behind)) = frame.split_first_chunk::<6>() else { return For::Nobody };
    match to {
        _ if !behind.starts_with(&address(from)) => For::Nobody,
        [first, ..] if first & GROUP != 0 => For::Others,
        [.., number] => match usize::from(*number).checked_sub(1) {
            Some(guest) if *to == address(guest) && guest != from => For::Guest(guest),
            _ => For::Nobody,
        },
    }
}
// ANCHOR_END: goes

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn frame(to: Address, from: Address) -> Vec<u8> {
        [&to[..], &from, &[0x08, 0x00], b"payload"].concat()
    }

    #[test]
    fn a_guests_frame_goes_to_that_guest() {
        assert_eq!(goes(&frame(address(2), address(0)), 0), For::Guest(2));
        assert_eq!(address(0), [0x52, 0x56, 0x48, 0, 0, 1]);
    }

    #[test]
    fn a_groups_frame_goes_to_all_others() {
        // broadcast; IPv4's and IPv6's groups: RFC 1112 and RFC 2464, "Address Mapping -- Multicast"
        for to in [[0xff; 6], [0x01, 0x00, 0x5e, 0, 0, 1], [0x33, 0x33, 0, 0, 0, 1]] {
            assert_eq!(goes(&frame(to, address(1)), 1), For::Others);
        }
    }

    #[test]
    fn who_speaks_as_another_is_not_heard() {
        assert_eq!(goes(&frame(address(2), address(1)), 0), For::Nobody);
        assert_eq!(goes(&frame([0xff; 6], [0xff; 6]), 0), For::Nobody);
    }

    #[test]
    fn what_is_for_no_guest_goes_nowhere() {
        for to in [[0; 6], [0x52, 0x56, 0x48, 0, 0, 0], [0x52, 0x54, 0, 0x12, 0x34, 1], address(0)] {
            assert_eq!(goes(&frame(to, address(0)), 0), For::Nobody);
        }
        assert_eq!((goes(&[0xff; 11], 0), goes(&[], 0)), (For::Nobody, For::Nobody));
    }
}
