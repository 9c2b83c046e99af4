//! Gets kernels and user land for a riscv64 host and its guest, and builds their initramfs.
//!
//! [`prepare`] turns a [`Request`] into files that a machine boots: the kernel, its modules and busybox come from
//! Debian's packages, which are fetched and verified here ([`Packages`]); the initramfs of host and guest are built
//! here; all is kept in the user's [`Cache`]. [`Phase`] and [`Watch`] are the protocol by which an unattended run is
//! followed on the console. [`qemu::command`] boots the same files on QEMU. [`vmm::get`] has the riscv64 VMM that the
//! guest needs.
//!
//! [`Tools`] are programs out of Debian's packages that run on this machine without being installed.
//!
//! Nothing here prints: long steps are told to a [`Progress`].

#![forbid(unsafe_code)]

mod archive;
mod cache;
mod control;
mod cpio;
mod deb;
mod debian;
mod disk;
mod error;
mod fetched;
#[doc(hidden)]
pub mod fuzzing;
pub mod hash;
mod initramfs;
mod modules;
mod part;
mod phase;
mod prepare;
mod progress;
pub mod qemu;
mod request;
mod room;
pub mod shell;
pub mod tied;
mod tools;
mod tree;
pub mod vmm;
pub mod work;

pub use archive::web;
pub use cache::{Cache, Entry, Lock};
pub use debian::{Boot, DISK_BYTES, Making, OwnDisk, Sources, cached_debian_disk, debian_disk, with_debian};
pub use error::{Error, Result};
pub use phase::{FAILED, Logins, Nonce, Phase, Watch};
pub use prepare::{
    Guests, Other, PreparedGuests, are_cached, cached_opensbi, check, check_file, check_software, fetch, opensbi,
    prepare, prepare_guests,
};
pub use progress::Progress;
pub use request::{
    Apt, Architecture, Disk, Expired, Firmware, Freshness, Guest, Mode, Packages, Prepared, Request, Rootfs,
};
pub use tools::{Selection, Tools};
