//! Which kernel modules are needed, and in which order they load.
//!
//! Debian's packages have no `modules.dep`: `depmod` makes it when they are installed. Here it is made from the modules
//! themselves, whose ELF section `.modinfo` holds "depends=a,b" (Linux, Documentation/kbuild/modules.rst, and
//! modinfo(8)).

use std::collections::BTreeSet;
use std::io::Read;

use object::{Object, ObjectSection};

use crate::deb::decompress;
use crate::error::{Error, Result};

/// The drivers of the board's devices, which host and guest load as they start.
pub(crate) const DRIVERS: [&str; 4] = ["virtio_mmio", "virtio_blk", "virtio_net", "virtio_rng"];
/// What the host has beside them.
pub(crate) const HOST: [&str; 1] = ["kvm"];
/// What the guest has beside them, and a host whose root is a disk: a file system, loaded when it is mounted, and the
/// sum that it asks for by name (built in from Linux 6.14 on).
pub(crate) const ROOT: [&str; 2] = ["ext4", "crc32c_generic"];

/// What both have beside them where directories are shared: the file system, and its way through virtio.
pub(crate) const SHARES: [&str; 2] = ["9p", "9pnet_virtio"];

/// A module as it goes into an initramfs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Module {
    /// Its name, with underscores.
    pub(crate) name: String,
    /// The names of the modules it needs itself.
    pub(crate) depends: Vec<String>,
    /// Other names it answers to ("fs-ext4").
    pub(crate) aliases: Vec<String>,
    /// The ELF object.
    pub(crate) object: Vec<u8>,
}

/// The name by which the kernel knows the module in `file` ("virtio-rng.ko.xz"): without directory and endings, with
/// underscores. None where the file is no module.
pub(crate) fn name_of(file: &str) -> Option<String> {
    let base = file.rsplit('/').next()?;
    let (stem, ending) = base.split_once(".ko")?;
    ["", ".xz", ".zst", ".gz"].contains(&ending).then(|| normal(stem))
}

fn normal(name: &str) -> String {
    name.replace('-', "_")
}

/// The modules in `wanted` and all they need, each after what it needs. `read` gives a module's file by its name. What
/// is wanted but not there is left out: it is built into the kernel, or the kernel does without.
///
/// # Errors
/// [`Error::Module`] where a module is no ELF object or needs one that is not there.
pub(crate) fn closure(wanted: &[&str], read: &dyn Fn(&str) -> Result<Option<Vec<u8>>>) -> Result<Vec<Module>> {
    let mut closure = Closure { read, seen: BTreeSet::new(), modules: Vec::new() };
    for name in wanted {
        closure.add(&normal(name))?;
    }
    Ok(closure.modules)
}

struct Closure<'a> {
    read: &'a dyn Fn(&str) -> Result<Option<Vec<u8>>>,
    seen: BTreeSet<String>,
    modules: Vec<Module>,
}

impl Closure<'_> {
    /// Adds `name` after what it needs; says whether there is such a module.
    fn add(&mut self, name: &str) -> Result<bool> {
        if !self.seen.insert(name.to_owned()) {
            return Ok(true);
        }
        let Some(file) = (self.read)(name)? else { return Ok(false) };
        let module = Module::parse(name, &file)?;
        for needed in &module.depends {
            if !self.add(needed)? {
                return Err(Error::Module {
                    name: name.to_owned(),
                    // The name is the file's: any bytes.
                    detail: format!("it needs {}, which is not there", needed.escape_debug()),
                });
            }
        }
        self.modules.push(module);
        Ok(true)
    }
}

impl Module {
    fn parse(name: &str, file: &[u8]) -> Result<Module> {
        let broken = |detail: String| Error::Module { name: name.to_owned(), detail };
        let mut object = Vec::new();
        decompress(file).and_then(|mut plain| plain.read_to_end(&mut object)).map_err(|why| broken(why.to_string()))?;
        let info = Modinfo::parse(&object).map_err(|why| broken(why.to_string()))?;
        let depends = info
            .get("depends")
            .flat_map(|names| names.split(','))
            .filter(|name| !name.is_empty())
            .map(normal)
            .collect();
        let aliases = info.get("alias").map(str::to_owned).collect();
        Ok(Module { name: name.to_owned(), depends, aliases, object })
    }
}

/// What ends a signed module (Linux, Documentation/admin-guide/module-signing.rst), after the signature and twelve
/// bytes that describe it.
const SIGNED: &[u8] = b"~Module signature appended~\n";

/// The module without the signature appended to it, if there is one.
///
/// Debian's kernels check signatures but do not insist on them. The check costs an emulated CPU 270 instructions for
/// each byte, 0.6 billion for KVM alone, and tells nothing new: apt has checked the package that the module came in.
pub(crate) fn unsigned(object: &[u8]) -> &[u8] {
    let cut = || {
        let rest = object.strip_suffix(SIGNED)?;
        let (rest, description) = rest.split_last_chunk::<12>()?;
        let len = u32::from_be_bytes([description[8], description[9], description[10], description[11]]);
        rest.get(..rest.len().checked_sub(len as usize)?)
    };
    cut().unwrap_or(object)
}

/// What a module says of itself: "key=value" entries.
struct Modinfo {
    entries: Vec<String>,
}

impl Modinfo {
    fn parse(object: &[u8]) -> object::Result<Modinfo> {
        let elf = object::File::parse(object)?;
        let Some(section) = elf.section_by_name(".modinfo") else { return Ok(Modinfo { entries: Vec::new() }) };
        let entries = section.data()?.split(|&byte| byte == 0).map(|entry| String::from_utf8_lossy(entry).into_owned());
        Ok(Modinfo { entries: entries.collect() })
    }

    fn get<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.entries.iter().filter_map(move |entry| entry.strip_prefix(key)?.strip_prefix('='))
    }
}

/// Those of `modules` that are in `wanted` or needed by them, in the same order.
pub(crate) fn needed<'a>(wanted: &[&str], modules: &'a [Module]) -> Vec<&'a Module> {
    let mut names: BTreeSet<String> = wanted.iter().map(|name| normal(name)).collect();
    // What a module needs comes before it: one pass from the end sees it all.
    for module in modules.iter().rev() {
        if names.contains(&module.name) {
            names.extend(module.depends.iter().cloned());
        }
    }
    modules.iter().filter(|module| names.contains(&module.name)).collect()
}

/// The text of `modules.dep` for `modules`: each line a module and all it needs, in the order in which modprobe has to
/// unload them.
pub(crate) fn modules_dep(modules: &[&Module]) -> String {
    modules.iter().map(|module| format!("{}:{}\n", file_name(&module.name), needs(module, modules))).collect()
}

/// The text of `modules.alias` for `modules`: by which other names the kernel may ask for them.
pub(crate) fn modules_alias(modules: &[&Module]) -> String {
    let aliases =
        modules.iter().flat_map(|module| module.aliases.iter().map(|alias| format!("alias {alias} {}\n", module.name)));
    aliases.collect()
}

/// Where a module lies below `/lib/modules/RELEASE`.
pub(crate) fn file_name(name: &str) -> String {
    format!("kernel/{name}.ko")
}

/// All that `module` needs, nearest first.
fn needs(module: &Module, modules: &[&Module]) -> String {
    let mut needed: Vec<&str> = module.depends.iter().map(String::as_str).collect();
    let mut at = 0;
    while let Some(&name) = needed.get(at) {
        let next = modules.iter().filter(|other| other.name == name).flat_map(|other| &other.depends);
        let new: Vec<&str> = next.map(String::as_str).filter(|name| !needed.contains(name)).collect();
        needed.extend(new);
        at += 1;
    }
    needed.iter().map(|name| format!(" {}", file_name(name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest ELF object with a `.modinfo` section: header, section table of three, names, content.
    fn elf(modinfo: &[u8]) -> Vec<u8> {
        let names = b"\0.modinfo\0.shstrtab\0";
        let (table, names_at) = (64u64, 64 + 3 * 64u64);
        let info_at = names_at + names.len() as u64;
        let mut file = b"\x7FELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        file.extend([1u16.to_le_bytes(), 243u16.to_le_bytes()].concat()); // ET_REL, EM_RISCV
        file.extend(1u32.to_le_bytes());
        file.extend([0, 0, table].map(u64::to_le_bytes).concat());
        file.extend(0u32.to_le_bytes());
        file.extend([64u16, 0, 0, 64, 3, 2].map(u16::to_le_bytes).concat());
        file.extend([0; 64]);
        file.extend(section(1, 1, info_at, modinfo.len() as u64));
        file.extend(section(10, 3, names_at, names.len() as u64));
        file.extend(names);
        file.extend(modinfo);
        file
    }

    fn section(name: u32, kind: u32, offset: u64, len: u64) -> Vec<u8> {
        let head = [name.to_le_bytes(), kind.to_le_bytes()].concat();
        let places = [0, 0, offset, len].map(u64::to_le_bytes).concat();
        [head, places, vec![0; 8], [1u64, 0].map(u64::to_le_bytes).concat()].concat()
    }

    fn read(name: &str) -> Result<Option<Vec<u8>>> {
        let info: &[u8] = match name {
            "virtio_net" => b"license=GPL\0depends=net-failover\0",
            "net_failover" => b"depends=failover\0",
            "failover" | "kvm" => b"depends=\0",
            "ext4" => b"alias=fs-ext2\0alias=fs-ext4\0",
            "torn" => b"depends=gone\0",
            _ => return Ok(None),
        };
        Ok(Some(elf(info)))
    }

    #[test]
    fn closure_has_each_module_once_after_what_it_needs() {
        let modules = closure(&["virtio-net", "kvm", "failover"], &read).unwrap();
        let names: Vec<_> = modules.iter().map(|module| module.name.as_str()).collect();
        assert_eq!(names, ["failover", "net_failover", "virtio_net", "kvm"]);
    }

    #[test]
    fn modules_dep_names_indirect_needs_too() {
        let text = modules_dep(&needed(&["virtio_net"], &closure(&["virtio_net"], &read).unwrap()));
        assert!(text.ends_with("kernel/virtio_net.ko: kernel/net_failover.ko kernel/failover.ko\n"), "{text}");
        assert!(text.starts_with("kernel/failover.ko:\n"), "{text}");
    }

    #[test]
    fn only_what_is_needed_is_picked_out() {
        let modules = closure(&["virtio_net", "kvm"], &read).unwrap();
        let names: Vec<_> = needed(&["virtio-net"], &modules).iter().map(|module| module.name.as_str()).collect();
        assert_eq!(names, ["failover", "net_failover", "virtio_net"]);
    }

    #[test]
    fn aliases_come_from_the_module() {
        let modules = closure(&["ext4"], &read).unwrap();
        assert_eq!(modules_alias(&needed(&["ext4"], &modules)), "alias fs-ext2 ext4\nalias fs-ext4 ext4\n");
    }

    #[test]
    fn built_in_is_left_out_but_a_torn_need_is_an_error() {
        assert_eq!(closure(&["af_packet"], &read).unwrap(), []);
        let why = closure(&["torn"], &read).unwrap_err();
        assert_eq!(why.to_string(), "module torn cannot be read (it needs gone, which is not there)");
    }

    #[test]
    fn what_a_module_needs_is_told_without_control_characters() {
        let read = |name: &str| Ok((name == "kvm").then(|| elf(b"depends=\x1b[2J\n\0")));
        let why = closure(&["kvm"], &read).unwrap_err().to_string();
        assert!(why.contains(r"it needs \u{1b}[2J\n, which"), "{why}");
    }

    #[test]
    fn foreign_bytes_are_no_module() {
        let random = |_: &str| Ok(Some(b"MZ no module".to_vec()));
        assert!(matches!(closure(&["kvm"], &random), Err(Error::Module { .. })));
    }

    #[test]
    fn signature_is_cut_off_where_there_is_one() {
        let description = [0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 5];
        let signed = [b"module", &b"12345"[..], &description, SIGNED].concat();
        assert_eq!(unsigned(&signed), b"module");
        assert_eq!(unsigned(b"module"), b"module");
        let torn = [&description[..], SIGNED].concat();
        assert_eq!(unsigned(&torn), torn);
    }

    #[test]
    fn names_come_from_files_of_every_compression() {
        assert_eq!(name_of("kernel/drivers/char/hw_random/virtio-rng.ko.xz").as_deref(), Some("virtio_rng"));
        assert_eq!(name_of("kvm.ko").as_deref(), Some("kvm"));
        assert_eq!(name_of("modules.order"), None);
        assert_eq!(name_of("kvm.ko.xz.sig"), None);
    }
}
