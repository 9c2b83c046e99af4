//! Guests of the hypervisor: kernel and initramfs in one file, with the manifest that says which guests there are.
//!
//! `guest/hypervisor/src/control/manifest.rs` has the format: a flattened device tree, which the machine gets as its
//! initial RAM disk.

use std::fs;
use std::path::{Path, PathBuf};

use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};

use board::loader::{self, Form};

use super::{Parts, check_software, guest_kernel, identity, key, missing, read, read_modules, wanted_modules};
use crate::cache::Lock;
use crate::error::{OnFile, Result};
use crate::hash::hex_sha256;
use crate::initramfs::Contents;
use crate::part;
use crate::progress::{Progress, step};
use crate::request::{Mode, Request, Rootfs};

/// The directory of manifests in the cache.
const BUILT: &str = "guests";

/// What the manifests are that this makes. Those of before had kernels in them that nobody had looked at.
const MADE: u32 = 2;

/// How many are kept beside a new one: an unattended run makes one of its own.
const KEPT: usize = 1;

/// Which guests there are to be. Their memory is the request's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guests {
    /// How many that are alike.
    pub count: u32,
    /// Virtual harts of each.
    pub vcpus: u32,
    /// One more, with a kernel of its own.
    pub other: Option<Other>,
    /// So many have a disk: the first of the machine's is the first guest's, and so on.
    pub disks: u32,
    /// The first has the machine's network card.
    pub net: bool,
    /// The first has the machine's source of random numbers.
    pub rng: bool,
    /// All have a network card that leads to the others.
    pub link: bool,
    /// Their interrupt controllers, by the manifest's word; none: a PLIC.
    pub aia: Option<&'static str>,
}

/// A guest that is not like the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// Its kernel.
    pub kernel: PathBuf,
    /// Its kernel's command line.
    pub append: String,
}

/// The name of that guest, and of its kernel.
const OTHER: &str = "other";

impl Guests {
    /// The name of one.
    pub fn name(number: u32) -> String {
        format!("guest{}", number + 1)
    }

    /// The kinds of the machine's devices that one has, as the manifest calls them.
    fn devices(&self, number: u32) -> Vec<&'static str> {
        let is_first = number == 0;
        let has = [(number < self.disks, "block"), (self.net && is_first, "net"), (self.rng && is_first, "entropy")];
        has.into_iter().filter(|(has, _)| *has).map(|(_, kind)| kind).collect()
    }
}

/// The address of a guest on the network that links them, whose address this begins.
const LINK: &str = "10.0.3.";

/// The words that tell a guest of its card there, and how many are like it.
fn link_words(guests: &Guests, number: u32) -> Vec<String> {
    let told = || [format!("vhart.link={LINK}{}", number + 1), format!("vhart.guests={}", guests.count)];
    guests.link.then(told).into_iter().flatten().collect()
}

/// What a machine with the hypervisor boots beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreparedGuests {
    /// The manifest with all in it, as the initial RAM disk.
    pub manifest: PathBuf,
    /// The M-mode image; none for the built-in firmware.
    pub firmware: Option<PathBuf>,
    /// The kernel's release, where it is Debian's.
    pub kernel_release: Option<String>,
}

/// Fetches and builds what `request` asks for, for `guests`.
///
/// # Errors
/// As for [`super::prepare`].
pub fn prepare_guests(request: &Request, guests: &Guests, progress: &dyn Progress) -> Result<PreparedGuests> {
    super::check(request)?;
    guests.other.iter().try_for_each(|other| check_software(&other.kernel))?;
    if let Some(initrd) = &request.initrd {
        loader::initrd_doubt(initrd, request.guest.memory_mib << 20)?.iter().for_each(|doubt| progress.note(doubt));
    }
    let parts = Parts::of(request, progress)?;
    let kernel = parts.kernel(request)?;
    let name = manifest(request, guests, &kernel, &parts)?;
    let find = || Ok(request.cache.use_file(&name));
    let manifest = request.cache.once((BUILT, "the guests' images"), progress, find, |lock| {
        step(progress, "putting the guests together", || write(request, guests, &kernel, &parts, &name, lock))
    })?;
    Ok(PreparedGuests { manifest, firmware: parts.firmware(request), kernel_release: parts.release(request) })
}

/// The manifest's name in the cache.
fn manifest(request: &Request, guests: &Guests, kernel: &Path, parts: &Parts) -> Result<String> {
    let contents = match (&request.initrd, &parts.busybox) {
        (Some(initrd), _) => identity(kernel, &request.cache)? + &identity(initrd, &request.cache)?,
        (None, Some(busybox)) => key(request, kernel, &busybox.join(part::BUSYBOX), parts.modules(request).as_deref())?,
        (None, None) => return Err(missing(&request.cache, "busybox")),
    };
    let other = guests.other.as_ref().map(|other| identity(&other.kernel, &request.cache)).transpose()?;
    let what =
        format!("{MADE} {contents} {other:?} {guests:?} {:?} {}", request.guest, append(request, &[], Vec::new()));
    Ok(format!("{BUILT}/{}.dtb", &hex_sha256(&[what.as_bytes()])[..16]))
}

fn write(request: &Request, guests: &Guests, kernel: &Path, parts: &Parts, name: &str, lock: &Lock) -> Result<PathBuf> {
    let unpacked = |kernel: &Path| guest_kernel(kernel, request, Form::Image);
    let mut images = vec![("kernel", unpacked(kernel)?), ("initrd", initrd(request, parts)?)];
    if let Some(other) = &guests.other {
        images.push((OTHER, unpacked(&other.kernel)?));
    }
    let scratch = request.cache.scratch(lock)?;
    let made = scratch.path().join("guests.dtb");
    fs::write(&made, tree(request, guests, &images)).on_file("write", &made)?;
    request.cache.prune_idle(BUILT, KEPT, lock)?;
    request.cache.publish(&made, name, lock)
}

/// The user's, else the one of a guest in KVM.
fn initrd(request: &Request, parts: &Parts) -> Result<Vec<u8>> {
    if let Some(path) = &request.initrd {
        return read(path);
    }
    let busybox = parts.busybox.as_ref().ok_or_else(|| missing(&request.cache, "busybox"))?.join(part::BUSYBOX);
    let contents = Contents {
        kernel: Vec::new(),
        modules: parts
            .modules(request)
            .map_or(Ok(Vec::new()), |directory| read_modules(&directory, &wanted_modules(request)))?,
        busybox: read(&busybox)?,
        vmm: None,
        rootfs: Rootfs::Busybox,
    };
    contents.guest().on_file("build", Path::new("the guest's initramfs"))
}

/// A guest kernel's command line.
fn append(request: &Request, devices: &[&str], link: Vec<String>) -> String {
    let mut words = ["console=ttyS0", "earlycon=sbi", "loglevel=6", "panic=-1", "vhart.bare", "vhart.in=vhart"]
        .map(str::to_owned)
        .to_vec();
    if let Mode::Check(nonce) = request.mode {
        words.push(format!("vhart.guest={nonce} vhart.check={nonce}"));
    }
    let told = [("block", "vhart.disk"), ("net", "vhart.net")].into_iter().filter(|(kind, _)| devices.contains(kind));
    words.extend(told.map(|(_, word)| word.to_owned()));
    words.extend(link);
    words.extend((!request.self_tests).then(|| super::NO_SELF_TESTS.to_owned()));
    words.extend((!request.append.is_empty()).then(|| request.append.clone()));
    words.join(" ")
}

fn tree(request: &Request, guests: &Guests, contents: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut tree = DeviceTree::new();
    let unattended = matches!(request.mode, Mode::Check(_));
    text(&mut tree.root, "console", if unattended { "lines" } else { "keys" });
    tree.root.add_child(images(contents));
    let mut all = DeviceTreeNode::new_unchecked("guests");
    (0..guests.count).for_each(|number| all.add_child(guest(request, guests, number, unattended)));
    guests.other.iter().for_each(|one| all.add_child(other(request, guests, one, unattended)));
    tree.root.add_child(all);
    tree.to_dtb()
}

/// What guests are made of, by names that they go by.
fn images(contents: &[(&str, Vec<u8>)]) -> DeviceTreeNode {
    let mut images = DeviceTreeNode::new_unchecked("images");
    for (name, content) in contents {
        let mut image = DeviceTreeNode::new_unchecked(*name);
        image.add_property(DeviceTreeProperty::new_unchecked("data", &content[..]));
        images.add_child(image);
    }
    images
}

fn guest(request: &Request, guests: &Guests, number: u32, unattended: bool) -> DeviceTreeNode {
    let devices = guests.devices(number);
    let mut node = begun(Guests::name(number), request, guests, &devices, unattended);
    text(&mut node, "kernel", "kernel");
    text(&mut node, "initrd", "initrd");
    text(&mut node, "bootargs", &append(request, &devices, link_words(guests, number)));
    node
}

fn other(request: &Request, guests: &Guests, other: &Other, unattended: bool) -> DeviceTreeNode {
    let mut node = begun(OTHER.to_owned(), request, guests, &guests.devices(guests.count), unattended);
    text(&mut node, "kernel", OTHER);
    text(&mut node, "bootargs", &other.append);
    node
}

/// A guest's node with what all have.
fn begun(name: String, request: &Request, guests: &Guests, devices: &[&str], unattended: bool) -> DeviceTreeNode {
    let mut node = DeviceTreeNode::new_unchecked(name);
    node.add_property(DeviceTreeProperty::new_unchecked("vcpus", guests.vcpus));
    node.add_property(DeviceTreeProperty::new_unchecked("memory-mib", request.guest.memory_mib as u32));
    if !devices.is_empty() {
        let list: String = devices.iter().map(|kind| format!("{kind}\0")).collect();
        node.add_property(DeviceTreeProperty::new_unchecked("devices", list.as_bytes()));
    }
    if let Some(aia) = guests.aia {
        text(&mut node, "aia", aia);
    }
    for (word, _) in [("link", guests.link), ("once", unattended)].into_iter().filter(|(_, said)| *said) {
        node.add_property(DeviceTreeProperty::new_unchecked(word, &[][..] as &[u8]));
    }
    node
}

fn text(node: &mut DeviceTreeNode, name: &str, value: &str) {
    node.add_property(DeviceTreeProperty::new_unchecked(name, value));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Cache;
    use crate::phase::Nonce;
    use crate::progress::Notes;
    use dtoolkit::fdt::Fdt;
    use dtoolkit::{Node, Property};

    /// A flat image with Linux's header, which ends in `name`.
    fn content(name: &str) -> Vec<u8> {
        let mut content = vec![0; 64];
        content[0x38..0x3c].copy_from_slice(b"RSC\x05");
        content.extend(name.bytes());
        content
    }

    #[test]
    fn a_guests_files_are_looked_at_before_it_boots() {
        let place = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &[u8]| {
            fs::write(place.path().join(name), content).unwrap();
            Some(place.path().join(name))
        };
        let request =
            |kernel, initrd| Request { kernel, initrd, ..Request::new(Cache::at(place.path().join("cache"))) };
        let mut cut = content("");
        // With a header of EFI's that begins behind Linux's, and one section of a thousand bytes.
        cut[0x3c] = 0x40;
        cut.extend(b"PE\0\0\0\0\x01\0");
        cut.resize(0x58 + 40, 0);
        cut[0x58 + 16..0x58 + 18].copy_from_slice(&1000_u16.to_le_bytes());
        let (whole, cut) = (file("whole", &content("")), file("cut", &cut));
        let initrd = file("initrd", b"no archive");
        let one = Guests { count: 1, vcpus: 1, ..Guests::default() };
        let why = |request: &Request, guests: &Guests| prepare_guests(request, guests, &()).unwrap_err().to_string();
        let expected = "cut' is truncated or corrupt: it has 128 bytes, its header tells of 1000";
        let said = why(&request(cut.clone(), initrd.clone()), &one);
        assert!(said.ends_with(expected), "{said}");
        let other = |kernel| Some(Other { kernel, append: String::new() });
        let two = Guests { other: other(cut.unwrap()), ..one.clone() };
        assert!(why(&request(whole.clone(), initrd.clone()), &two).ends_with(expected));
        let away = Guests { other: other("/nowhere/kernel".into()), ..one.clone() };
        assert_eq!(why(&request(whole.clone(), initrd.clone()), &away), "cannot read /nowhere/kernel");
        assert!(why(&request(initrd.clone(), initrd.clone()), &one).contains("initrd' is no flat image"));
        assert!(why(&request(whole.clone(), file("empty", b"")), &one).ends_with("empty' is empty"));
        let notes = Notes::default();
        prepare_guests(&request(whole, initrd), &one, &notes).unwrap();
        assert!(notes.0.take()[0].ends_with("lzo; Linux cannot use it"));
    }

    #[test]
    fn users_own_files_need_no_packages_and_are_all_in_one() {
        let place = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            fs::write(place.path().join(name), content(name)).unwrap();
            place.path().join(name)
        };
        let request = Request {
            kernel: Some(file("Image")),
            initrd: Some(file("initrd")),
            mode: Mode::Check(Nonce(7)),
            ..Request::new(Cache::at(place.path().join("cache")))
        };
        let other = Other { kernel: file("mine"), append: "quiet".into() };
        let guests = Guests {
            count: 2,
            vcpus: 3,
            other: Some(other),
            disks: 2,
            net: true,
            rng: true,
            link: true,
            aia: Some("aplic"),
        };
        let prepared = prepare_guests(&request, &guests, &()).unwrap();
        assert_eq!(prepare_guests(&request, &guests, &()).unwrap(), prepared);
        let flattened = fs::read(prepared.manifest).unwrap();
        let tree = Fdt::new(&flattened).unwrap();
        let property = |path: &str, name: &str| tree.find_node(path).unwrap().property(name).unwrap().value().to_vec();
        assert_eq!(property("/images/initrd", "data"), content("initrd"));
        assert_eq!(property("/guests/guest2", "vcpus"), [0, 0, 0, 3]);
        assert_eq!(property("/guests/guest1", "aia"), b"aplic\0");
        assert_eq!(property("/guests/guest1", "devices"), b"block\0net\0entropy\0");
        assert_eq!(property("/guests/guest2", "devices"), b"block\0");
        assert_eq!(
            (property("/images/other", "data"), property("/guests/other", "bootargs")),
            (content("mine"), b"quiet\0".to_vec())
        );
        assert!(tree.find_node("/guests/other").unwrap().property("devices").is_none());
        assert_eq!((property("/guests/other", "link"), property("/guests/guest2", "link")), (vec![], vec![]));
        let words = String::from_utf8(property("/guests/guest2", "bootargs")).unwrap();
        assert!(words.contains("vhart.link=10.0.3.2 vhart.guests=2"), "{words}");
        assert!(
            String::from_utf8(property("/guests/guest1", "bootargs")).unwrap().contains("vhart.check=0000000000000007")
        );
    }
}
