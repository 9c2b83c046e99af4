//! From a request to files that boot.
//!
//! Each file is named by the hash of what it is made of, so that a second run with the same input finds it made. Only
//! what is missing is fetched or built, and only then is the cache locked.

mod check;
mod guests;

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use board::loader::{self, Form, Problem};

use crate::cache::{Cache, Lock, PACKAGES};
use crate::disk;
use crate::error::{Error, OnFile, Result};
use crate::fetched::Store;
use crate::hash::hex_sha256;
use crate::initramfs::{self, Contents};
use crate::modules::{self, Module};
use crate::part::{self, Part};
use crate::progress::{Progress, step};
use crate::request::{Disk, Firmware, Freshness, Mode, Packages, Prepared, Request, Rootfs};
pub use check::{check, check_file, check_software};
pub use guests::{Guests, Other, PreparedGuests, prepare_guests};

/// The directory of initramfs in the cache.
const BUILT: &str = "boot";

/// How many initramfs are kept beside a new one: every build of the VMM makes another.
const KEPT: usize = 7;

/// Fetches and builds what `request` asks for, as far as it is not in the cache.
///
/// # Errors
/// Each says in one sentence what is missing and what to do; nothing half-made is left behind.
pub fn prepare(request: &Request, progress: &dyn Progress) -> Result<Prepared> {
    check(request)?;
    let parts = Parts::of(request, progress)?;
    let disk = match &request.disk {
        Some(path) => Disk::Users(path.clone()),
        None => Disk::Shared(shared_disk(&request.cache, progress)?),
    };
    let kernel = parts.kernel(request)?;
    let initrd = match &request.initrd {
        Some(path) => path.clone(),
        None => initrd(request, &kernel, &parts, progress)?,
    };
    Ok(Prepared {
        kernel,
        initrd,
        disk,
        guest_disk: None,
        firmware: parts.firmware(request),
        append: append(request),
        kernel_release: parts.release(request),
    })
}

/// A kernel that a guest of the request's is to boot, unpacked.
fn guest_kernel(path: &Path, request: &Request, form: Form) -> Result<Vec<u8>> {
    let memory_mib = request.guest.memory_mib;
    loader::unpacked(path, memory_mib << 20, form).map_err(|error| match error.problem {
        Problem::TooBig { .. } => Error::GuestMemory { path: error.file, memory_mib },
        _ => error.into(),
    })
}

/// Fetches what `request` needs of Debian, as far as it is not in the cache. What is built after that needs no network;
/// a suite that is not there is found out before anything is built.
///
/// # Errors
/// As for [`prepare`].
pub fn fetch(request: &mut Request, progress: &dyn Progress) -> Result<()> {
    check(request)?;
    Parts::of(request, progress)?;
    if let Packages::Apt(apt) = &mut request.packages {
        // The archive has been asked.
        apt.freshness = Freshness::Cached;
    }
    Ok(())
}

/// Debian's OpenSBI alone, fetched if it is not in the cache.
///
/// # Errors
/// As for [`prepare`].
pub fn opensbi(cache: &Cache, packages: &Packages, progress: &dyn Progress) -> Result<PathBuf> {
    let own = Some(PathBuf::new());
    let request = Request {
        packages: packages.clone(),
        firmware: Firmware::OpenSbi,
        kernel: own.clone(),
        initrd: own,
        ..Request::new(cache.clone())
    };
    Parts::of(&request, progress)?.firmware(&request).ok_or_else(|| missing(cache, "OpenSBI"))
}

/// The same, if it is in the cache.
pub fn cached_opensbi(cache: &Cache, packages: &Packages) -> Option<PathBuf> {
    Store::new(cache, packages, &()).current(Part::OpenSbi).map(|directory| directory.join(part::OPENSBI))
}

/// Whether all that `request` needs of Debian is in the cache.
pub fn are_cached(request: &Request) -> bool {
    let store = Store::new(&request.cache, &request.packages, &());
    wanted(request).into_iter().all(|part| store.cached(part).is_some())
}

/// Leaves out the self-tests of the kernel's cryptography; `init/run-guest.sh` hands it on.
const NO_SELF_TESTS: &str = "cryptomgr.notests";

/// The host kernel's command line.
fn append(request: &Request) -> String {
    let guest = request.guest;
    let mut words = vec!["console=ttyS0".to_owned(), "earlycon=sbi".to_owned(), "panic=-1".to_owned()];
    words.push(format!("vhart.guest_harts={}", guest.harts));
    words.push(format!("vhart.guest_memory={}M", guest.memory_mib));
    if let Mode::Check(nonce) = request.mode {
        words.push(format!("vhart.check={nonce}"));
    }
    words.extend((request.rootfs == Rootfs::Debian).then(|| "vhart.root=debian".to_owned()));
    words.extend((!request.self_tests).then(|| NO_SELF_TESTS.to_owned()));
    words.extend((!request.append.is_empty()).then(|| request.append.clone()));
    words.join(" ")
}

/// The directories of Debian's parts, as far as the request needs them.
#[derive(Debug, Default)]
struct Parts {
    linux: Option<PathBuf>,
    busybox: Option<PathBuf>,
    opensbi: Option<PathBuf>,
}

impl Parts {
    fn of(request: &Request, progress: &dyn Progress) -> Result<Parts> {
        let store = Store::new(&request.cache, &request.packages, progress);
        let wanted = wanted(request);
        let missing = |store: &Store<'_>| -> Vec<Part> {
            wanted.iter().copied().filter(|&part| store.cached(part).is_none()).collect()
        };
        request.cache.once(
            (PACKAGES, "kernels and busybox"),
            progress,
            || Ok(missing(&store).is_empty().then_some(())),
            |lock| store.fetch(&missing(&store), lock),
        )?;
        let find = |part: Part| wanted.contains(&part).then(|| store.current(part)).flatten();
        Ok(Parts { linux: find(Part::Linux), busybox: find(Part::Busybox), opensbi: find(Part::OpenSbi) })
    }

    fn kernel(&self, request: &Request) -> Result<PathBuf> {
        let debian = || self.linux.as_ref().map(|directory| directory.join(part::KERNEL));
        request.kernel.clone().or_else(debian).ok_or_else(|| missing(&request.cache, "kernel"))
    }

    fn firmware(&self, request: &Request) -> Option<PathBuf> {
        match &request.firmware {
            Firmware::BuiltIn => None,
            Firmware::OpenSbi => self.opensbi.as_ref().map(|directory| directory.join(part::OPENSBI)),
            Firmware::File(path) => Some(path.clone()),
        }
    }

    fn release(&self, request: &Request) -> Option<String> {
        let debian = self.linux.as_ref().filter(|_| request.kernel.is_none())?;
        fs::read_to_string(debian.join(part::RELEASE)).ok()
    }

    /// Where the modules lie that go with the kernel; none for a kernel of the user's without `--modules`.
    fn modules(&self, request: &Request) -> Option<PathBuf> {
        let debian =
            || self.linux.as_ref().filter(|_| request.kernel.is_none()).map(|directory| directory.join(part::MODULES));
        request.modules.clone().or_else(debian)
    }
}

fn missing(cache: &Cache, what: &str) -> Error {
    Error::Missing { place: cache.root().to_owned(), what: what.to_owned() }
}

/// The parts of Debian that `request` leaves to us.
fn wanted(request: &Request) -> Vec<Part> {
    let linux = request.kernel.is_none();
    let busybox = request.initrd.is_none();
    let opensbi = request.firmware == Firmware::OpenSbi;
    let wanted = [(Part::Linux, linux), (Part::Busybox, busybox), (Part::OpenSbi, opensbi)];
    wanted.into_iter().filter(|(_, wanted)| *wanted).map(|(part, _)| part).collect()
}

fn shared_disk(cache: &Cache, progress: &dyn Progress) -> Result<PathBuf> {
    let make = |lock: &Lock| {
        let scratch = cache.scratch(lock)?;
        let made = scratch.path().join("disk.img");
        disk::write(&made)?;
        cache.publish(&made, disk::NAME, lock)
    };
    // Not noted as used: snapshots of machines tell by its date whether it was written to.
    let find = || Ok(Some(cache.path(disk::NAME)).filter(|path| path.is_file()));
    cache.once(("disk", "a disk"), progress, find, make)
}

/// The host's initramfs, built if it is not there.
fn initrd(request: &Request, kernel: &Path, parts: &Parts, progress: &dyn Progress) -> Result<PathBuf> {
    let busybox = parts.busybox.as_ref().ok_or_else(|| missing(&request.cache, "busybox"))?.join(part::BUSYBOX);
    let modules = parts.modules(request);
    let name = format!("{BUILT}/{}.cpio", key(request, kernel, &busybox, modules.as_deref())?);
    let make = |lock: &Lock| {
        let contents = Contents {
            // The guest's VMM unpacks nothing.
            kernel: guest_kernel(kernel, request, Form::Linux)?,
            modules: modules.map_or(Ok(Vec::new()), |directory| read_modules(&directory, &wanted_modules(request)))?,
            busybox: read(&busybox)?,
            vmm: request.vmm.as_deref().map(read).transpose()?,
            rootfs: request.rootfs,
        };
        step(progress, "building the initramfs", || write_initrd(&contents, &request.cache, &name, lock))
    };
    request.cache.once((BUILT, "the initramfs"), progress, || Ok(request.cache.use_file(&name)), make)
}

fn write_initrd(contents: &Contents, cache: &Cache, name: &str, lock: &Lock) -> Result<PathBuf> {
    let scratch = cache.scratch(lock)?;
    let made = scratch.path().join("initrd.cpio");
    let write = || -> std::io::Result<()> {
        let file = contents.write_host(BufWriter::new(File::create(&made)?))?;
        file.into_inner().map_err(|why| why.into_error())?.flush()
    };
    write().on_file("write", &made)?;
    cache.prune_idle(BUILT, KEPT, lock)?;
    cache.publish(&made, name, lock)
}

/// The hash of all that goes into the initramfs.
fn key(request: &Request, kernel: &Path, busybox: &Path, modules: Option<&Path>) -> Result<String> {
    let mut identities = vec![identity(kernel, &request.cache)?, identity(busybox, &request.cache)?];
    identities.extend(modules.map(|path| identity(path, &request.cache)).transpose()?);
    identities.extend(request.vmm.as_deref().map(|path| read(path).map(|vmm| hex_sha256(&[&vmm]))).transpose()?);
    let modules = wanted_modules(request).join(" ");
    identities.push(format!("{} files, modules {modules}, root {:?}", identities.len(), request.rootfs));
    identities.extend(initramfs::common().map(str::to_owned));
    let parts: Vec<&[u8]> = identities.iter().map(String::as_bytes).collect();
    Ok(hex_sha256(&parts)[..16].to_owned())
}

/// What tells one file from another without reading it: within the cache, paths do; elsewhere, also length and time.
fn identity(path: &Path, cache: &Cache) -> Result<String> {
    if path.starts_with(cache.root()) {
        return Ok(path.display().to_string());
    }
    let metadata = fs::metadata(path).on_file("read", path)?;
    let modified = metadata.modified().on_file("read", path)?;
    Ok(format!("{} {} {modified:?}", path.display(), metadata.len()))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).on_file("read", path)
}

/// What host and guest need, with those for shares where there are some.
fn wanted_modules(request: &Request) -> Vec<&'static str> {
    let shares: &[&str] = if request.shares { &modules::SHARES } else { &[] };
    [&modules::DRIVERS[..], &modules::HOST, &modules::ROOT, shares].concat()
}

/// The modules among the files below `directory` that are wanted, and what those need.
fn read_modules(directory: &Path, wanted: &[&str]) -> Result<Vec<Module>> {
    let files = files_below(directory)?;
    let find =
        |name: &str| files.iter().find(|file| modules::name_of(&file.to_string_lossy()).as_deref() == Some(name));
    modules::closure(wanted, &|name| find(name).map(|file| read(file)).transpose())
}

fn files_below(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).on_file("read", directory)? {
        let entry = entry.on_file("read", directory)?;
        match entry.file_type().on_file("read", directory)? {
            kind if kind.is_dir() => files.extend(files_below(&entry.path())?),
            _ => files.push(entry.path()),
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deb::tests::package;
    use crate::phase::Nonce;
    use crate::request::Packages;
    use crate::vmm;

    struct Place {
        directory: tempfile::TempDir,
    }

    impl Place {
        fn new() -> Place {
            Place { directory: tempfile::tempdir().unwrap() }
        }

        fn file(&self, name: &str) -> PathBuf {
            let path = self.directory.path().join(name);
            fs::write(&path, name).unwrap();
            path
        }

        /// A request that needs nothing of Debian's.
        fn request(&self) -> Request {
            let cache = Cache::at(self.directory.path().join("cache"));
            Request { kernel: Some(self.file("Image")), initrd: Some(self.file("initrd")), ..Request::new(cache) }
        }
    }

    /// A flat image with Linux's header, which ends in `own`.
    fn image(own: &[u8]) -> Vec<u8> {
        let mut image = vec![0; 64];
        image[0x38..0x3c].copy_from_slice(b"RSC\x05");
        [&image, own].concat()
    }

    #[test]
    fn users_own_files_need_no_packages() {
        let place = Place::new();
        let request = place.request();
        let prepared = prepare(&request, &()).unwrap();
        assert_eq!(Some(&prepared.kernel), request.kernel.as_ref());
        assert_eq!(Some(&prepared.initrd), request.initrd.as_ref());
        assert!(matches!(&prepared.disk, Disk::Shared(path) if path.is_file()));
        assert_eq!(prepared.kernel_release, None);
    }

    #[test]
    fn directory_of_packages_makes_a_bootable_set_once() {
        let place = Place::new();
        let debs = place.directory.path().join("debs");
        fs::create_dir(&debs).unwrap();
        let image = image(b"image");
        let tree: &[(&str, &[u8])] = &[("boot/vmlinux-6.12-riscv64", &image), ("usr/bin/busybox", b"box")];
        fs::write(debs.join("all.deb"), package(tree, "data.tar", <[u8]>::to_vec)).unwrap();
        let cache = Cache::at(place.directory.path().join("cache"));
        let request = Request { packages: Packages::Directory(debs), ..Request::new(cache) };
        let prepared = prepare(&request, &()).unwrap();
        assert_eq!(fs::read(&prepared.kernel).unwrap(), image);
        assert!(fs::read(&prepared.initrd).unwrap().starts_with(b"070701"));
        assert_eq!(prepared.kernel_release.as_deref(), Some("6.12-riscv64"));
        assert_eq!(prepare(&request, &()).unwrap(), prepared);
    }

    #[test]
    fn the_guest_gets_its_kernel_unpacked() {
        let place = Place::new();
        let kernel = place.directory.path().join("Image.gz");
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(&image(b"the kernel's own bytes")).unwrap();
        fs::write(&kernel, packed.finish().unwrap()).unwrap();
        let vmm = place.directory.path().join("vhart");
        fs::write(&vmm, vmm::ready_program(vmm::Product::Vmm).unwrap()).unwrap();
        let cache = Cache::at(place.directory.path().join("cache"));
        let request = Request { vmm: Some(vmm), kernel: Some(kernel.clone()), ..Request::new(cache) };
        let parts = Parts { busybox: Some(place.directory.path().to_owned()), ..Parts::default() };
        place.file(part::BUSYBOX);
        let initrd = fs::read(initrd(&request, &kernel, &parts, &()).unwrap()).unwrap();
        assert!(initrd.windows(22).any(|bytes| bytes == b"the kernel's own bytes"));
    }

    #[test]
    fn command_line_says_mode_and_guest() {
        let place = Place::new();
        let mode = Mode::Check(Nonce(0xabc));
        let mut request = Request { mode, append: "quiet".to_owned(), ..place.request() };
        request.guest.harts = 2;
        let words = append(&request);
        let guest = "vhart.guest_harts=2 vhart.guest_memory=256M vhart.check=0000000000000abc";
        assert!(words.ends_with(&format!("{guest} cryptomgr.notests quiet")), "{words}");
        request.self_tests = true;
        assert!(append(&request).ends_with(&format!("{guest} quiet")));
    }

    #[test]
    fn initramfs_depends_on_the_vmms_content() {
        let place = Place::new();
        let request = |vmm: &str| {
            fs::write(place.directory.path().join("vhart"), vmm).unwrap();
            let cache = Cache::at(place.directory.path().join("cache"));
            Request { vmm: Some(place.directory.path().join("vhart")), ..Request::new(cache) }
        };
        let busybox = place.file("busybox");
        let kernel = place.file("Image");
        let key = |request: &Request| key(request, &kernel, &busybox, None).unwrap();
        let (one, other, again) = (key(&request("one")), key(&request("other")), key(&request("one")));
        assert_ne!(one, other);
        assert_eq!(one, again);
    }
}
