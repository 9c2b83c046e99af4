//! What of Debian boots need, and whether it is in the cache: where nothing may be fetched, a boot is left out that
//! lacks it.

use images::{Apt, Cache, Request};

/// Whether host and guest have no kernel or no busybox, and none may be fetched.
pub fn lacks_kernel(offline: bool) -> anyhow::Result<bool> {
    Ok(offline && !images::are_cached(&Request::new(Cache::of_user()?)))
}

/// The same of a Debian with systemd, on a disk.
pub fn lacks_system(offline: bool) -> anyhow::Result<bool> {
    Ok(offline && images::cached_debian_disk(&Apt::default(), &Cache::of_user()?).is_none())
}
