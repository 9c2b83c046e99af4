//! What the loader brought: a device tree that says which guests there are, with their kernels in it.
//!
//! A flattened device tree, given as the initial RAM disk, as U-Boot's flattened image tree is one: `dtc` makes it of
//! text, with
//! `/incbin/` for files.
//!
//! ```text
//! / {
//!     console = "lines";                      // or "keys", the default: one guest has the keyboard
//!     images { linux { data = /incbin/("Image"); }; disk { data = /incbin/("initrd.cpio"); }; };
//!     guests {
//!         first { vcpus = <1>; memory-mib = <256>; kernel = "linux"; initrd = "disk"; bootargs = "console=ttyS0"; };
//!         second { memory-mib = <64>; kernel = "linux"; once; }; // a reset ends it
//!         third { memory-mib = <64>; kernel = "linux"; devices = "block", "net"; }; // of the machine's
//!         fourth { memory-mib = <64>; kernel = "linux"; aia = "aplic-imsic"; };   // or "aplic", or "none": a PLIC
//!         fifth { memory-mib = <64>; kernel = "linux"; link; };   // a network card that leads to others with one
//!     };
//! };
//! ```

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dtoolkit::fdt::{Fdt, FdtNode};
use dtoolkit::{Node, Property};

use crate::devices::VIRTIO_SLOTS;
use crate::devices::virtio::{KINDS, Kind};
use crate::interrupts::controller::Aia;

/// Virtual harts that a guest may have: a hart list's mask names 64.
pub const MOST_VCPUS: u32 = 64;
/// Guests that there may be.
pub const MOST_GUESTS: usize = 64;

/// All guests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest<'a> {
    /// How the console is shared.
    pub console: Sharing,
    /// The guests, in their order.
    pub guests: Vec<Wanted<'a>>,
}

/// How guests share the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// One at a time has it, and keys are for that one.
    Keys,
    /// Every line is shown, with its guest's name before it; nobody types.
    Lines,
}

impl Sharing {
    /// What the root's `console` says; one at a time, where it says nothing.
    fn named(word: Option<&str>) -> Result<Sharing, Wrong> {
        match word {
            None | Some("keys") => Ok(Sharing::Keys),
            Some("lines") => Ok(Sharing::Lines),
            Some(_) => Err(Wrong::Value("the root".into(), "console")),
        }
    }
}

/// One guest, as it is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// Its name.
    pub name: String,
    /// Virtual harts.
    pub vcpus: usize,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Its kernel, a flat image as for `booti`.
    pub kernel: &'a [u8],
    /// Its initial RAM disk.
    pub initrd: Option<&'a [u8]>,
    /// Its kernel's command line.
    pub bootargs: String,
    /// It begins once: a reset is a failure.
    pub once: bool,
    /// Devices of the machine's that are its own.
    pub devices: Vec<Kind>,
    /// It has a network card that leads to the other guests with one.
    pub link: bool,
    /// Its interrupt controllers.
    pub aia: Aia,
    /// Ids of the machine's harts that it may run on; none is all of them.
    pub harts: Vec<u64>,
}

/// Why a manifest is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// It is no device tree.
    #[error("the initrd is no manifest of guests: {0}")]
    Tree(String),
    /// It has no guests.
    #[error("the manifest has no guests (a node below /guests is one)")]
    Empty,
    /// A property of a guest is missing, or has a value that it cannot have.
    #[error("{0} in the manifest has no {1} that can be")]
    Value(String, &'static str),
    /// A word that nobody knows.
    #[error("{0} in the manifest has '{1}', which means nothing")]
    Unknown(String, String),
    /// An image that a guest names is not there.
    #[error("guest {0} wants the image '{1}', which the manifest has not")]
    Image(String, String),
    /// A device of a kind that nobody knows.
    #[error("guest {0} wants a device '{1}': there are {kinds}", kinds = KINDS.map(|kind| kind.name).join(", "))]
    Device(String, String),
}

impl<'a> Manifest<'a> {
    /// Reads a flattened tree.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(flattened: &'a [u8]) -> Result<Manifest<'a>, Wrong> {
        let tree = Fdt::new(flattened).map_err(|why| Wrong::Tree(why.to_string()))?;
        known(tree.root(), &["console"])?;
        let console = Sharing::named(text(tree.root(), "console").as_deref())?;
        let guests = tree.find_node("/guests").ok_or(Wrong::Empty)?;
        let guests = guests.children().map(|node| guest(tree, node)).collect::<Result<Vec<_>, _>>()?;
        match guests.len() {
            0 => Err(Wrong::Empty),
            1..=MOST_GUESTS => Ok(Manifest { console, guests }),
            _ => Err(Wrong::Value("/guests".into(), "number of guests")),
        }
    }
}

fn guest<'a>(tree: Fdt<'a>, node: FdtNode<'a>) -> Result<Wanted<'a>, Wrong> {
    known(node, &["vcpus", "memory-mib", "kernel", "initrd", "bootargs", "once", "devices", "link", "aia", "harts"])?;
    let name = node.name().to_string();
    let wrong = |property| Wrong::Value(name.clone(), property);
    let number = |property: &str| node.property(property).map(|value| value.value_as::<u32>().unwrap_or(0));
    let image = |property: &str| text(node, property).map(|wanted| find(tree, &name, &wanted)).transpose();
    let vcpus = number("vcpus").unwrap_or(1);
    let memory_mib = number("memory-mib").ok_or_else(|| wrong("memory-mib"))?;
    if !(1..=MOST_VCPUS).contains(&vcpus) {
        return Err(wrong("vcpus"));
    }
    // Pieces of 2 MiB, and room for a kernel behind the first.
    if memory_mib < 4 || !memory_mib.is_multiple_of(2) {
        return Err(wrong("memory-mib"));
    }
    Ok(Wanted {
        vcpus: vcpus as usize,
        memory_bytes: u64::from(memory_mib) << 20,
        kernel: image("kernel")?.ok_or_else(|| wrong("kernel"))?,
        initrd: image("initrd")?,
        bootargs: text(node, "bootargs").unwrap_or_default(),
        once: node.property("once").is_some(),
        devices: devices(node, &name)?,
        link: node.property("link").is_some(),
        aia: text(node, "aia").map_or(Some(Aia::default()), |word| Aia::named(&word)).ok_or_else(|| wrong("aia"))?,
        harts: harts(node).ok_or_else(|| wrong("harts"))?,
        name,
    })
}

/// The cells of `harts`, none twice.
fn harts(node: FdtNode<'_>) -> Option<Vec<u64>> {
    let Some(list) = node.property("harts") else { return Some(Vec::new()) };
    let (cells, rest) = list.value().as_chunks::<4>();
    let mut ids: Vec<u64> = cells.iter().map(|cell| u32::from_be_bytes(*cell).into()).collect();
    ids.sort_unstable();
    ids.dedup();
    (rest.is_empty() && ids.len() == cells.len() && !ids.is_empty()).then_some(ids)
}

/// The kinds that a guest's `devices` names.
fn devices(node: FdtNode<'_>, guest: &str) -> Result<Vec<Kind>, Wrong> {
    let list = node.property("devices").map(|property| String::from_utf8_lossy(property.value()).into_owned());
    let list = list.unwrap_or_default();
    let kind = |name: &str| Kind::named(name).ok_or_else(|| Wrong::Device(guest.to_string(), name.to_string()));
    let kinds = list.split_terminator('\0').map(kind).collect::<Result<Vec<Kind>, Wrong>>()?;
    let link = u64::from(node.property("link").is_some());
    match kinds.len() as u64 + link <= VIRTIO_SLOTS {
        true => Ok(kinds),
        false => Err(Wrong::Value(guest.to_string(), "devices")),
    }
}

/// Refuses properties with names that nobody knows.
fn known(node: FdtNode<'_>, names: &[&str]) -> Result<(), Wrong> {
    let unknown = node.properties().find(|property| !names.contains(&property.name()));
    unknown.map_or(Ok(()), |property| Err(Wrong::Unknown(node.name().to_string(), property.name().to_string())))
}

fn text(node: FdtNode<'_>, name: &str) -> Option<String> {
    node.property(name).and_then(|property| property.value_as::<&str>().ok().map(str::to_string))
}

fn find<'a>(tree: Fdt<'a>, guest: &str, name: &str) -> Result<&'a [u8], Wrong> {
    let images = tree.find_node("/images");
    let image = images.and_then(|images| images.children().find(|image| image.name() == name));
    let data = image.and_then(|image| image.properties().find(|property| property.name() == "data"));
    let missing = || Wrong::Image(guest.to_string(), name.to_string());
    data.and_then(|data| data.value_as::<&'a [u8]>().ok()).ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};

    fn node(name: &str, properties: &[(&str, &[u8])]) -> DeviceTreeNode {
        let mut node = DeviceTreeNode::new_unchecked(name);
        for (name, value) in properties {
            node.add_property(DeviceTreeProperty::new_unchecked(*name, *value));
        }
        node
    }

    /// A manifest with one guest that has these properties beside its memory.
    fn manifest(properties: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tree = DeviceTree::new();
        tree.root.add_property(DeviceTreeProperty::new_unchecked("console", "lines"));
        let mut images = node("images", &[]);
        images.add_child(node("linux", &[("data", b"MZ...")]));
        tree.root.add_child(images);
        let mut guests = node("guests", &[]);
        let memory: (&str, &[u8]) = ("memory-mib", &[0, 0, 1, 0]);
        guests.add_child(node("first", &[&[memory], properties].concat()));
        tree.root.add_child(guests);
        tree.to_dtb()
    }

    fn wrong(properties: &[(&str, &[u8])]) -> String {
        Manifest::read(&manifest(properties)).unwrap_err().to_string()
    }

    #[test]
    fn a_guest_is_read_with_its_kernel() {
        let harts = &[0, 0, 0, 3, 0, 0, 0, 1];
        let flattened =
            manifest(&[("kernel", b"linux\0"), ("vcpus", &[0, 0, 0, 2]), ("bootargs", b"quiet\0"), ("harts", harts)]);
        let manifest = Manifest::read(&flattened).unwrap();
        assert_eq!(manifest.console, Sharing::Lines);
        let guest = &manifest.guests[0];
        assert_eq!((guest.name.as_str(), guest.vcpus, guest.memory_bytes), ("first", 2, 256 << 20));
        assert!(guest.devices.is_empty() && !guest.link && guest.aia == Aia::None);
        assert_eq!(guest.harts, [1, 3]);
        assert_eq!((guest.kernel, guest.initrd, guest.bootargs.as_str()), (&b"MZ..."[..], None, "quiet"));
    }

    #[test]
    fn what_is_wrong_is_said_in_one_sentence() {
        assert_eq!(wrong(&[]), "first in the manifest has no kernel that can be");
        let kernel: (&str, &[u8]) = ("kernel", b"linux\0");
        assert_eq!(wrong(&[kernel, ("vcpus", &[0, 0, 0, 65])]), "first in the manifest has no vcpus that can be");
        assert_eq!(wrong(&[kernel, ("aia", b"plic\0")]), "first in the manifest has no aia that can be");
        for list in [&[][..], &[0, 0, 1], &[0, 0, 0, 1, 0, 0, 0, 1]] {
            assert_eq!(wrong(&[kernel, ("harts", list)]), "first in the manifest has no harts that can be");
        }
        assert_eq!(wrong(&[kernel, ("colour", b"red\0")]), "first in the manifest has 'colour', which means nothing");
        assert_eq!(
            wrong(&[kernel, ("devices", b"net\0gpu\0")]),
            "guest first wants a device 'gpu': there are block, net, console, entropy, share"
        );
        assert_eq!(
            wrong(&[kernel, ("devices", &b"net\0".repeat(9))]),
            "first in the manifest has no devices that can be"
        );
        assert_eq!(
            wrong(&[kernel, ("devices", &b"net\0".repeat(8)), ("link", b"")]),
            "first in the manifest has no devices that can be"
        );
        assert_eq!(wrong(&[("kernel", b"xv6\0")]), "guest first wants the image 'xv6', which the manifest has not");
        assert!(Manifest::read(b"no tree").unwrap_err().to_string().starts_with("the initrd is no manifest"));
        assert_eq!(Manifest::read(&DeviceTree::new().to_dtb()).unwrap_err(), Wrong::Empty);
    }
}
