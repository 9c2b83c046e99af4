//! Whose files are: the user who runs vhart is the guest's root.
//!
//! Whatever a guest makes belongs to that user, who in most cases has no rights to give it away. So that programs in the
//! guest that run as root find their own files to be theirs, and give them to root without an error, this one user and
//! group are called 0 there, and the host's root, where it is somebody else, nobody. Where vhart runs as root everybody
//! keeps their number.

use rustix::process::{getegid, geteuid};

/// Linux's number of a user, or group, that cannot be told otherwise.
const NOBODY: u32 = 65534;

/// A user and a group of the host that are the guest's root.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owners {
    pub user: Mapped,
    pub group: Mapped,
}

/// The number on the host of whoever is 0 in the guest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mapped(u32);

impl Owners {
    pub fn of_this_process() -> Self {
        Owners { user: Mapped(geteuid().as_raw()), group: Mapped(getegid().as_raw()) }
    }
}

impl Mapped {
    /// Who `number` of the host is in the guest.
    pub fn shown(self, number: u32) -> u32 {
        match number {
            own if own == self.0 => 0,
            0 => NOBODY,
            other => other,
        }
    }

    /// Who `number` of the guest is on the host.
    pub fn meant(self, number: u32) -> u32 {
        match number {
            0 => self.0,
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_is_the_guests_root_and_the_hosts_root_is_nobody() {
        let user = Mapped(1000);
        assert_eq!([1000, 0, 33].map(|number| user.shown(number)), [0, NOBODY, 33]);
        assert_eq!([0, 33].map(|number| user.meant(number)), [1000, 33]);
    }

    #[test]
    fn for_root_everybody_keeps_their_number() {
        assert_eq!([0, 1000].map(|number| Mapped(0).shown(number)), [0, 1000]);
        assert_eq!([0, 1000].map(|number| Mapped(0).meant(number)), [0, 1000]);
    }
}
