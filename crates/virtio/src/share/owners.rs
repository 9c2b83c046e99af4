//! Whose files are: the user who runs vhart is the guest's root.
//!
//! Whatever a guest makes belongs to that user, who in most cases has no rights to give it away. So that programs in
//! the guest that run as root find their own files to be theirs, and give them to root without an error, this one user
//! and group are called 0 there, and the host's root, where it is somebody else, nobody. Where vhart runs as root
//! everybody keeps their number, and has what they make.

use std::os::fd::AsFd;

use rustix::fs::{AtFlags, Gid, Uid, chownat};
use rustix::io::Errno;
use rustix::process::{getegid, geteuid};

use super::wire::Answer;

/// Linux's number of a user, or group, that cannot be told otherwise.
const NOBODY: u32 = 65534;
/// No number of anybody's (P9_NONUNAME; to chown(2), leave it as it is).
const NO_NUMBER: u32 = !0;

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

    /// Gives what was made to the guest's user and group that made it, where this process is root; else it stays the
    /// user's who runs vhart.
    pub fn give(&self, made: impl AsFd, [user, group]: [u32; 2]) -> Answer<()> {
        if self.user.0 != 0 || [user, group] == [0, 0] {
            return Ok(());
        }
        let user = self.user.meant(user).ok().map(Uid::from_raw);
        let group = self.group.meant(group).ok().map(Gid::from_raw);
        match chownat(made, "", user, group, AtFlags::EMPTY_PATH) {
            // A container's root who may not, or whose host has no such number.
            Err(Errno::PERM | Errno::INVAL) => Ok(()),
            answer => answer,
        }
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
    ///
    /// # Errors
    /// Nobody has it.
    pub fn meant(self, number: u32) -> Answer<u32> {
        match number {
            0 => Ok(self.0),
            NO_NUMBER => Err(Errno::INVAL),
            other => Ok(other),
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
        assert_eq!([0, 33, !0].map(|number| user.meant(number)), [Ok(1000), Ok(33), Err(Errno::INVAL)]);
    }

    #[test]
    fn for_root_everybody_keeps_their_number() {
        assert_eq!([0, 1000].map(|number| Mapped(0).shown(number)), [0, 1000]);
        assert_eq!([0, 1000].map(|number| Mapped(0).meant(number)), [Ok(0), Ok(1000)]);
    }
}
