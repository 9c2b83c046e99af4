//! A disk with a Debian that boots: systemd, a login, and apt.
//!
//! The packages are fetched, verified and unpacked here, into one archive with dpkg's own records of packages that are
//! unpacked and not yet configured ([`tree`]). What only their scripts can do is done where they run: a machine makes
//! the file system, unpacks the archive into it and has dpkg configure all (`init/make-disk.sh`). That machine is the
//! caller's to boot. The disk is kept in the cache and is never written to again: whoever boots from it has a snapshot,
//! or a copy of their own ([`own`]).
//!
//! # How a Debian comes about
//!
//! `images::debian` unpacks packages into an archive with dpkg's records, and has a machine, which
//! `vhart::linux::making` boots, make a file system and configure them (`init/make-disk.sh`, `docs/adr/0021`). With
//! `vhart.root=debian` both init scripts go on into the disk (`init/debian.sh`): what the initramfs had is in
//! `/run/vhart`, and an unattended run goes on in a unit of systemd's.

mod own;
mod records;
mod tools;
mod tree;

pub use self::own::OwnDisk;

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::archive::{self, Archive, Index, Package};
use crate::cache::{Cache, Lock};
use crate::error::{Error, LAST_LINES, OnFile, Result};
use crate::hash::hex_sha256;
use crate::phase::FAILED;
use crate::progress::Progress;
use crate::request::{Apt, Architecture, Disk, Freshness, Prepared};

/// The directory of disks in the cache.
pub(crate) const SYSTEMS: &str = "systems";
/// How many are kept beside a new one.
const KEPT: usize = 1;
/// Changes with how disks are made.
const FORMAT: u32 = 1;

/// Bytes of a disk. What was never written takes no room.
pub const DISK_BYTES: u64 = 8 << 30;
/// More than the file system's own records and journal take.
const RECORDS_BYTES: u64 = 200_000_000;

/// What a system has beside what every Debian has: an init, a login, a network, and what one looks for first.
const ALSO: [&str; 17] = [
    "apt",
    "ca-certificates",
    "dbus",
    "e2fsprogs",
    "iproute2",
    "iputils-ping",
    "kmod",
    "less",
    "libpam-systemd",
    "login",
    "nano",
    "netbase",
    "passwd",
    "procps",
    "systemd",
    "systemd-sysv",
    "udev",
];

/// What begins each line by which the making machine tells how far it is.
pub(crate) const MARK: &str = "vhart disk: ";

/// A machine that makes a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Making {
    /// Its kernel.
    pub kernel: PathBuf,
    /// Its initramfs, and another that the kernel unpacks beside it.
    pub initrds: [PathBuf; 2],
    /// Its kernel's command line.
    pub append: String,
    /// Its first disk, which becomes the system's. What is lost in a crash is made anew: nothing need be flushed.
    pub disk: PathBuf,
    /// Its second disk, which is only read.
    pub packages: PathBuf,
}

/// Boots a machine and hands each line of its console on, until it powers off.
///
/// # Errors
/// Why it did not come to that.
pub type Boot<'a> = &'a dyn Fn(&Making, &mut dyn FnMut(&str)) -> std::result::Result<(), String>;

/// What is `prepared`, with a Debian on a disk of the host's and one of the guest's: those of the user's in `own`,
/// which are made if they are not there, else snapshots of the one in the cache.
///
/// # Errors
/// As for [`debian_disk`], or a disk of the user's cannot be made.
pub fn with_debian(
    prepared: Prepared,
    own: [Option<&OwnDisk>; 2],
    sources: &Sources<'_>,
    boot: Boot<'_>,
) -> Result<Prepared> {
    let shared = debian_disk(sources, &prepared, boot)?;
    let disk = |own: Option<&OwnDisk>| match own {
        None => Ok(Disk::Shared(shared.clone())),
        Some(own) => own.make(&shared, sources.progress).map(|()| Disk::Users(own.path.clone())),
    };
    let [host, guest] = own;
    Ok(Prepared { disk: disk(host)?, guest_disk: Some(disk(guest)?), ..prepared })
}

/// Where a disk comes from, and who is told.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The archive.
    pub apt: &'a Apt,
    /// Where it is kept.
    pub cache: &'a Cache,
    /// Told of each step.
    pub progress: &'a dyn Progress,
}

/// The disk with a Debian of the suite and mirror of `apt`, made now if the cache lacks it, by a machine that boots
/// what is `prepared`.
///
/// # Errors
/// What an archive or network may be short of, or [`Error::Making`]. What was downloaded stays for the next time.
pub fn debian_disk(sources: &Sources<'_>, prepared: &Prepared, boot: Boot<'_>) -> Result<PathBuf> {
    let Sources { apt, cache, progress } = *sources;
    let find = || Ok(cached_debian_disk(apt, cache));
    cache.once((SYSTEMS, "a Debian system"), progress, find, |lock| {
        let archive = Archive::open(apt, cache, progress)?;
        Maker { sources, archive: &archive, lock }.make(prepared, &name(apt), boot)
    })
}

/// The same, if it is in the cache and nothing newer is asked for.
pub fn cached_debian_disk(apt: &Apt, cache: &Cache) -> Option<PathBuf> {
    cache.use_file(name(apt)).filter(|_| apt.freshness == Freshness::Cached)
}

/// The name within the cache of the disk of this suite and mirror.
fn name(apt: &Apt) -> String {
    let key = hex_sha256(&[&FORMAT.to_le_bytes(), apt.suite.as_bytes(), archive::mirror(apt).as_bytes()]);
    format!("{SYSTEMS}/debian-{}-{}.img", apt.suite.replace('/', "-"), &key[..12])
}

/// What it takes to make a disk.
struct Maker<'a> {
    sources: &'a Sources<'a>,
    archive: &'a Archive<'a>,
    lock: &'a Lock,
}

impl Maker<'_> {
    fn make(&self, prepared: &Prepared, name: &str, boot: Boot<'_>) -> Result<PathBuf> {
        let index = self.archive.index(Architecture::Riscv64)?;
        let packages = self.packages(&index)?;
        self.check_room(&packages)?;
        let len_bytes: u64 = packages.iter().map(|package| package.sum.len_bytes).sum();
        let what = format!("downloading a Debian system ({} MB)", len_bytes.div_ceil(1_000_000));
        let paths = self.archive.fetch(&what, &packages, self.lock)?;
        let scratch = self.sources.cache.scratch(self.lock)?;
        let made = scratch.path().join("disk.img");
        let making = self.ingredients(prepared, &packages, &paths, scratch.path(), &made)?;
        self.boot(&making, packages.len(), boot)?;
        self.sources.cache.prune_idle(SYSTEMS, KEPT, self.lock)?;
        let path = self.sources.cache.publish(&made, name, self.lock)?;
        self.archive.forget(&paths, self.lock);
        Ok(path)
    }

    /// All packages of a system, in an order in which those that others rely on come first.
    fn packages(&self, index: &Index) -> Result<Vec<Package>> {
        let required = index.required();
        // One that is required and named here, too, would come twice.
        let names: BTreeSet<&str> = required.iter().map(String::as_str).chain(ALSO).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let lacks = |name: String| self.archive.lacks(&name, Architecture::Riscv64);
        let mut packages = index.with_needed(&names, &[]).map_err(lacks)?;
        // Of a directory that several have, the first says whose it is.
        packages.sort_by_key(|package| (package.name != tree::FIRST, package.name.clone()));
        Ok(packages)
    }

    /// Refuses to go on where there is no room for the packages, for them unpacked, and for the disk that has them.
    fn check_room(&self, packages: &[Package]) -> Result<()> {
        let unpacked: u64 = packages.iter().map(|package| package.installed_bytes).sum();
        self.archive.check_room(packages, unpacked + RECORDS_BYTES, self.lock)
    }

    fn ingredients(
        &self,
        prepared: &Prepared,
        packages: &[Package],
        paths: &[PathBuf],
        scratch: &Path,
        disk: &Path,
    ) -> Result<Making> {
        let (tools, archive) = (scratch.join("tools.cpio"), scratch.join("packages.tar"));
        self.sources.progress.begin("unpacking the packages");
        let unpacked = tools::write(&tools, packages, paths).and_then(|()| {
            tree::write(&archive, self.sources.apt, self.archive.mirror(), paths, self.sources.progress)
        });
        self.sources.progress.end();
        unpacked?;
        File::create(disk).and_then(|file| file.set_len(DISK_BYTES)).on_file("write", disk)?;
        Ok(Making {
            kernel: prepared.kernel.clone(),
            initrds: [prepared.initrd.clone(), tools],
            append: "console=ttyS0 earlycon=sbi panic=-1 cryptomgr.notests rdinit=/etc/vhart/make-disk.sh vhart.make"
                .to_owned(),
            disk: disk.to_owned(),
            packages: archive,
        })
    }

    /// Boots the machine that makes the disk, and says whether it did.
    fn boot(&self, making: &Making, packages: usize, boot: Boot<'_>) -> Result<()> {
        let archive_bytes = fs::metadata(&making.packages).on_file("read", &making.packages)?.len();
        let mut course = Course { archive_bytes, packages, ..Course::default() };
        self.sources.progress.begin("installing Debian, in a machine of its own");
        let ended = boot(making, &mut |line| {
            if let Some(fraction) = course.line(line) {
                self.sources.progress.fraction(fraction);
            }
        });
        self.sources.progress.end();
        course.outcome(ended)
    }
}

/// Unpacks packages into the archive `into`, for whoever tries them.
pub(crate) fn unpack(into: &Path, packages: &[PathBuf]) -> Result<()> {
    tree::write(into, &Apt::default(), "http://localhost", packages, &())
}

/// How much of a making is unpacking; the rest is configuring.
const UNPACKING: f64 = 0.4;

/// How far the making machine is, by what its console shows.
#[derive(Default)]
struct Course {
    archive_bytes: u64,
    packages: usize,
    configured: usize,
    done: bool,
    failure: Option<String>,
    last: VecDeque<String>,
}

impl Course {
    /// How it ended, where the machine ended so.
    fn outcome(mut self, ended: std::result::Result<(), String>) -> Result<()> {
        match (self.failure.take(), ended) {
            (None, Ok(())) if self.done => Ok(()),
            (None, Ok(())) => Err(self.complaint("the machine powered off too early")),
            (Some(why), _) | (None, Err(why)) => Err(self.complaint(&why)),
        }
    }

    /// Takes a line; says how far that is, where it tells.
    fn line(&mut self, line: &str) -> Option<f64> {
        let line = line.trim();
        if line.is_empty() {
            return None;
        }
        if self.last.len() == LAST_LINES {
            self.last.pop_front();
        }
        self.last.push_back(line.chars().filter(|c| !c.is_control()).collect());
        if let Some((_, why)) = line.split_once(FAILED) {
            self.failure.get_or_insert(why.to_owned());
            return None;
        }
        if line.starts_with("Setting up ") {
            self.configured += 1;
            let share = self.configured as f64 / self.packages.max(1) as f64;
            return Some(UNPACKING + (1.0 - UNPACKING) * share.min(1.0));
        }
        match line.strip_prefix(MARK)?.split_once(' ') {
            Some(("read", sectors)) => {
                let bytes = sectors.parse::<u64>().ok()?.saturating_mul(512);
                Some(UNPACKING * (bytes as f64 / self.archive_bytes.max(1) as f64).min(1.0))
            }
            _ => {
                self.done |= line.ends_with("made");
                None
            }
        }
    }

    /// What a failure says.
    fn complaint(&self, why: &str) -> Error {
        let console = self.last.iter().map(|line| format!("\n  {line}")).collect();
        Error::Making { detail: why.to_owned(), console }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::Read;

    use super::*;
    use crate::archive::tests::Place;
    use crate::archive::tests::repository::Repository;

    /// An archive with what a system has, each package as good as empty.
    fn place() -> Place {
        let package = |name: &str| {
            let control = format!("Package: {name}\nVersion: 1\nArchitecture: riscv64\n");
            tree::tests::package(&[("control", &control)], &[("usr/share/x", 0o644)])
        };
        Place::honest(ALSO.iter().fold(Repository::new(), |all, name| all.package(name, &package(name))))
    }

    fn prepared() -> Prepared {
        Prepared {
            kernel: "/c/vmlinuz".into(),
            initrd: "/c/initrd.cpio".into(),
            disk: Disk::Shared("/c/disk.img".into()),
            guest_disk: None,
            firmware: None,
            append: String::new(),
            kernel_release: None,
        }
    }

    /// Makes a disk by `boot`.
    fn make(place: &Place, boot: Boot<'_>) -> Result<PathBuf> {
        let (apt, cache) = (place.request(), place.cache());
        let sources = Sources { apt: &apt, cache: &cache, progress: &() };
        place.open(&apt, &cache, |archive, lock| {
            Maker { sources: &sources, archive, lock }.make(&prepared(), "systems/debian.img", boot)
        })
    }

    /// How often packages were asked for.
    fn asked(place: &Place) -> usize {
        place.server.asked(".deb").len()
    }

    #[test]
    fn a_making_that_fails_leaves_no_disk_and_the_next_goes_on_from_what_was_downloaded() {
        let place = place();
        let half = |making: &Making, line: &mut dyn FnMut(&str)| {
            fs::write(&making.disk, "half").unwrap();
            line("vhart disk: read 8");
            Err("hart 0 cannot go on".to_owned())
        };
        let why = make(&place, &half).unwrap_err().to_string();
        assert!(why.contains("was not made (hart 0 cannot go on): run this again") && why.ends_with("read 8"), "{why}");
        let cache = place.cache();
        assert!(!cache.path(SYSTEMS).exists());
        assert_eq!(fs::read_dir(cache.path("tmp/test")).unwrap().count(), 0);
        let before = asked(&place);
        assert_eq!(before, ALSO.len());
        let whole = |making: &Making, line: &mut dyn FnMut(&str)| {
            assert_eq!(fs::metadata(&making.disk).unwrap().len(), DISK_BYTES);
            fs::write(&making.disk, "whole").unwrap();
            line("vhart disk: made\r");
            Ok(())
        };
        assert_eq!(fs::read(make(&place, &whole).unwrap()).unwrap(), b"whole");
        assert_eq!(asked(&place), before);
        assert!(!cache.path("downloads/test").exists());
    }

    #[test]
    fn a_machine_that_gave_up_or_powered_off_too_early_has_made_nothing() {
        let place = place();
        for (lines, reason) in [
            (["vhart failed: mke2fs ended with status 1", "vhart disk: made"], "mke2fs ended with status 1"),
            (["Setting up apt (1) ...", "reboot: Power down"], "the machine powered off too early"),
        ] {
            let boot = |_: &Making, line: &mut dyn FnMut(&str)| {
                lines.iter().for_each(|text| line(text));
                Ok(())
            };
            let why = make(&place, &boot).unwrap_err().to_string();
            assert!(why.contains(reason), "{why}");
        }
        assert!(!place.cache().path(SYSTEMS).exists());
    }

    #[test]
    fn what_is_in_the_cache_needs_neither_network_nor_machine() {
        let place = place();
        let (apt, cache) = (place.request(), place.cache());
        let told = Cell::new(0);
        let boot = |_: &Making, line: &mut dyn FnMut(&str)| {
            told.set(told.get() + 1);
            line("vhart disk: made");
            Ok(())
        };
        let key = name(&apt);
        fs::create_dir_all(cache.path(SYSTEMS)).unwrap();
        fs::write(cache.path(&key), "made before").unwrap();
        let own = OwnDisk { path: cache.path("own"), len_bytes: None };
        let sources = Sources { apt: &apt, cache: &cache, progress: &() };
        let both = with_debian(prepared(), [Some(&own), None], &sources, &boot).unwrap();
        assert_eq!((told.get(), asked(&place)), (0, 0));
        assert_eq!(both.disk, Disk::Users(own.path.clone()));
        assert_eq!(both.guest_disk, Some(Disk::Shared(cache.path(&key))));
        let mut begin = [0; 11];
        File::open(&own.path).and_then(|mut disk| disk.read_exact(&mut begin)).unwrap();
        assert_eq!(&begin, b"made before");
    }

    #[test]
    fn unpacking_and_configuring_are_parts_of_one_whole() {
        let mut course = Course { archive_bytes: 1024, packages: 4, ..Course::default() };
        assert_eq!(course.line("vhart disk: read 1\r"), Some(UNPACKING / 2.0));
        assert_eq!(course.line("vhart disk: configuring"), None);
        assert_eq!(course.line("Setting up base-passwd (3) ..."), Some(UNPACKING + (1.0 - UNPACKING) / 4.0));
        assert_eq!(course.line("vhart disk: read x"), None);
        assert!(!course.done && course.failure.is_none());
    }
}
