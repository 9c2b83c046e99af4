//! The check that a number of the architecture stands in one place: what can be found of it by reading the text of the
//! sources.
//!
//! Four rules, for all but tests and fuzz targets. A constant with the name and the value of another file's is that
//! one, typed again. So is one whose name ends with a device register's and that has its offset. The id of an SBI
//! extension is not typed outside `sbi`, nor the code of a cause outside `arch`. [`csrs`] has a fifth rule, for tests
//! too: the address of a CSR is typed in `arch`. [`assembler`] has one for what cannot name it from there.

mod assembler;
mod csrs;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// Constants that have name and value in common by chance, or that stand for another thing.
const BY_CHANCE: [(&str, &str); 29] = [
    ("ALL_HARTS", "SBI's, of its hart lists, and a mask of harts"),
    ("AT_ONCE", "what is fetched at once, and bytes that are moved in one step"),
    ("BACKLOG_BYTES", "of the machine's serial port, and of a guest's"),
    ("CONTROLLER_PHANDLE", "trees of different machines number their nodes each"),
    ("ENTRIES", "of decoded fields, and of a queue"),
    ("EXECUTABLE", "a file's mode, in an initramfs and on the benchmark's host"),
    ("FORMAT", "versions of different trees in the cache"),
    ("GENERAL", "general events, and KVM's general CSRs"),
    (
        "HEADER_BYTES",
        "ELF's, in a program's reader and in what writes symbols: the layers have none in common that knows ELF",
    ),
    ("IMPLEMENTATION_VERSION", "of the firmware, and of the hypervisor as its guests see it"),
    ("KEPT", "how many of different things are kept"),
    ("MOST_BYTES", "limits of different things"),
    ("MOST_HARTS", "that a report names, and that a guest is checked with"),
    ("NEVER", "times of different clocks"),
    ("NONE", "no PMP access, and no power event"),
    ("NOTHING", "what a CSR window shows, and the wish to stop"),
    ("NOWHERE", "addresses in different worlds"),
    ("PATIENCE", "with a debugger, and with a guest that is checked"),
    ("PIECE", "what is read at once, here and in the machine"),
    ("PIECE_BYTES", "pieces of a file and of a disk request"),
    ("RAM_BASE", "of test machines, whose crates have none in common that is no test's own"),
    ("READABLE", "a file's mode, as EXECUTABLE"),
    ("RECEIVE", "VIRTIO's sections on console and network number their queues each"),
    ("ROOM", "of code that is made, and of what a port has to say"),
    ("SCHEMA", "versions of different reports"),
    ("STOP", "wishes of different parts"),
    ("TRANSMIT", "as RECEIVE"),
    ("VIRTIO_SLOTS", "of the board, and of a guest of the hypervisor's"),
    ("VERSION", "of formats that have nothing to do with each other"),
];

/// Files that declare the registers of devices, by their offsets.
const REGISTER_MAPS: [&str; 5] = [
    "crates/cores/src/virtio_mmio.rs",
    "crates/cores/src/uart16550.rs",
    "crates/cores/src/plic.rs",
    "crates/devices/src/rtc/core.rs",
    "crates/devices/src/aclint/",
];

/// Crates that are not looked at: wrong input on purpose, and a program for readers of the book, which has all in one
/// place.
const LEFT_OUT: [&str; 2] = ["crates/fuzz", "guest/first-vmm"];

/// Where codes of causes stand.
const ARCH: &str = "crates/arch/";

/// Where ids of SBI extensions stand.
const SBI: &str = "crates/sbi/";

/// A constant with a value that is written out.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Constant {
    file: String,
    name: String,
    value: String,
}

/// Each number of these files that is typed elsewhere, too, but for those in assembler and addresses of CSRs.
fn wrong(sources: &[(String, String)]) -> Vec<String> {
    let constants: Vec<Constant> = sources.iter().flat_map(|(file, text)| constants(file, text)).collect();
    let mut wrong: Vec<String> =
        constants.iter().enumerate().filter_map(|(at, one)| twice(one, &constants[..at])).collect();
    wrong.extend(constants.iter().filter_map(|constant| register(constant, &constants)));
    wrong.extend(sources.iter().flat_map(|(file, text)| extension_ids(file, text)));
    wrong.extend(sources.iter().flat_map(|(file, text)| causes(file, text)));
    wrong
}

/// Looks for numbers that are typed twice.
pub fn check() -> anyhow::Result<()> {
    let wrong = wrong(&sources()?);
    if !wrong.is_empty() {
        bail!("numbers that are typed twice:\n  {}", wrong.join("\n  "));
    }
    csrs::check()?;
    assembler::check()?;
    println!(
        "facts: no constant, device register, SBI id, cause or address of a CSR is typed twice, or under a wrong name"
    );
    Ok(())
}

/// The text of every source file up to its tests, by its path in the workspace.
fn sources() -> anyhow::Result<Vec<(String, String)>> {
    let workspace = crate::vmm::workspace()?;
    let mut files = Vec::new();
    for folder in crate::layers::crates(&workspace)? {
        if !LEFT_OUT.iter().any(|left_out| folder.ends_with(left_out)) {
            collect(&folder.join("src"), &mut files)?;
        }
    }
    files.sort();
    files.iter().map(|path| source(&workspace, path)).collect()
}

/// A file's path in the workspace, and its text up to its tests.
fn source(workspace: &Path, path: &Path) -> anyhow::Result<(String, String)> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let name = path.strip_prefix(workspace).unwrap_or(path).display().to_string();
    Ok((name, text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned()))
}

/// Rust files below `directory`, but for those that only tests are made of.
fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))? {
        let path = entry?.path();
        let stem = path.file_stem().unwrap_or_default();
        match path.is_dir() {
            _ if ["tests", "testing", "looping"].iter().any(|of_tests| stem == *of_tests) => {}
            true => collect(&path, files)?,
            false if path.extension().is_some_and(|extension| extension == "rs") => files.push(path),
            false => {}
        }
    }
    Ok(())
}

/// The constants that a line declares whole.
fn constants(file: &str, text: &str) -> Vec<Constant> {
    let constant = |line: &str| {
        let (before, rest) = line.trim_start().split_once("const ")?;
        let (name, rest) = rest.split_once(": ")?;
        let (_, value) = rest.strip_suffix(';')?.split_once(" = ")?;
        let is_public = before.is_empty() || before.starts_with("pub");
        let is_number = value.contains(|c: char| c.is_ascii_digit()) && name != "_";
        (is_public && is_number).then(|| Constant { file: file.into(), name: name.into(), value: plain(value) })
    };
    text.lines().filter_map(constant).collect()
}

/// A value as all may write it: numbers without underscores and in decimal.
fn plain(value: &str) -> String {
    let value = value.replace('_', "");
    value.split(' ').map(|word| number(word).map_or(word.to_owned(), |number| number.to_string())).collect()
}

fn number(word: &str) -> Option<u64> {
    match word.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    }
}

fn twice(one: &Constant, before: &[Constant]) -> Option<String> {
    let is_same = |other: &&Constant| other.name == one.name && other.value == one.value && other.file != one.file;
    let other = before.iter().find(is_same)?;
    let by_chance = BY_CHANCE.iter().any(|(name, _)| *name == one.name);
    (!by_chance).then(|| format!("{}: {} stands in {} already", one.file, one.name, other.file))
}

/// Whether the constant is a device's register by another name.
fn register(constant: &Constant, all: &[Constant]) -> Option<String> {
    let is_map = |file: &str| REGISTER_MAPS.iter().any(|map| file.starts_with(map));
    let is_it = |register: &&Constant| {
        is_map(&register.file)
            && register.value == constant.value
            && constant.name.strip_suffix(&register.name).is_some_and(|before| before.ends_with('_'))
    };
    let register = all.iter().filter(|_| !is_map(&constant.file)).find(is_it)?;
    Some(format!("{}: {} is {} of {}", constant.file, constant.name, register.name, register.file))
}

/// Ids that are letters; the others are small numbers, which mean anything.
fn extension_ids(file: &str, text: &str) -> Vec<String> {
    if file.starts_with(SBI) {
        return Vec::new();
    }
    let id = |line: &str| {
        let words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let numbers = words.filter_map(|word| number(&word.replace('_', "")));
        let mut extensions = numbers.filter_map(|number| sbi::Extension::numbered(u32::try_from(number).ok()?));
        let found = extensions.find(|&extension| extension as u32 > 0xffff)?;
        Some(format!("{file}: the id of SBI's {found:?} stands in {SBI}"))
    };
    text.lines().filter(|line| !line.trim_start().starts_with("//")).filter_map(id).collect()
}

/// Codes that something is compared with, or set to, whose name says that it is a cause. Zero is none, mostly.
fn causes(file: &str, text: &str) -> Vec<String> {
    if file.starts_with(ARCH) {
        return Vec::new();
    }
    let code = |line: &str| {
        let line = line.split("//").next()?;
        let typed = ["cause == ", "cause != ", "cause: ", "cause = "].iter().find_map(|before| {
            let digits = line.split_once(before)?.1;
            number(digits.split(|c: char| !c.is_ascii_alphanumeric()).next()?).filter(|&code| code != 0)
        })?;
        Some(format!("{file}: cause {typed} has a name in {ARCH}"))
    };
    text.lines().filter_map(code).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(file: &str, text: &str) -> Vec<Constant> {
        constants(file, text)
    }

    #[test]
    fn a_constant_with_another_s_name_and_value_is_named_however_it_is_written() {
        let all = [of("a.rs", "pub const PAGE: u64 = 0x1000;"), of("b.rs", "    const PAGE: usize = 4_096;")].concat();
        assert_eq!(twice(&all[1], &all[..1]).unwrap(), "b.rs: PAGE stands in a.rs already");
        let other = of("b.rs", "const PAGE: u64 = 8192;\nconst PAGES: u64 = 4096;\nconst PAGE: u64 = crate::PAGE;");
        assert!(other.iter().all(|constant| twice(constant, &all[..1]).is_none()));
    }

    #[test]
    fn a_device_s_register_is_known_by_the_end_of_another_s_name() {
        let map = of("crates/cores/src/virtio_mmio.rs", "pub const STATUS: u64 = 0x070;");
        let user = of("crates/board/src/wiring.rs", "const VIRTIO_STATUS: u64 = 0x70;\nconst EXIT_STATUS: u64 = 1;");
        let all = [map, user].concat();
        let found: Vec<String> = all.iter().filter_map(|constant| register(constant, &all)).collect();
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("crates/board/src/wiring.rs: VIRTIO_STATUS is STATUS of"));
    }

    #[test]
    fn an_sbi_id_is_found_outside_its_crate_only() {
        let text = "let id = 0x4442_434e;\n// 0x4442434e\nlet other = 0x4442_434f;\nlet base = 16;";
        assert_eq!(extension_ids("crates/kvm/src/a.rs", text).len(), 1);
        assert!(extension_ids("crates/sbi/src/extension.rs", text).is_empty());
    }

    #[test]
    fn a_cause_by_its_code_is_found_and_one_by_its_name_is_not() {
        let text = "if scause == 21 {\nlet t = Taken { cause: 0x17, tval };\n// cause == 5\n";
        assert_eq!(causes("a.rs", text).len(), 2);
        assert!(causes("crates/arch/src/cause.rs", text).is_empty());
        let named = "cause == Exception::LoadPageFault as u64\ncause != NONE\ncause == 0\npub cause: u64,";
        assert_eq!(causes("a.rs", named), Vec::<String>::new());
    }
}
