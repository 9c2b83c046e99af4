//! A small kernel's memory, as Linux lays it out: for tests, and for fuzzing to begin with.

use arch::{Mode, Virt};
use events::Look;

use crate::bytes::aligned;
use crate::kallsyms::MARKED;

/// Where it begins.
pub const START: u64 = 0xffff_ffff_8020_0000;
/// Where its module is.
pub const MODULE: u64 = 0xffff_ffff_0158_0000;

/// How a kernel of some version lays its table of names out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Before Linux 6.4.
    Before,
    /// Since.
    Behind,
    /// Addresses from themselves.
    Relative,
    /// The same, with nothing that has eight bytes: Linux 7.2.
    Narrow,
}

impl Layout {
    /// What parts are aligned to.
    const fn align(self) -> usize {
        if matches!(self, Layout::Narrow) { 4 } else { 8 }
    }
}

/// Places in the image.
mod at {
    pub const BTF: usize = 0x100;
    pub const MODULES: usize = 0x1000;
    pub const MODULE: usize = 0x1100;
    pub const KALLSYMS: usize = 0x1200;
    pub const TABLE: usize = 0x1300;
    pub const STRINGS: usize = 0x1400;
    pub const KINDS: usize = 0x1480;
    pub const TASK: usize = 0x1500;
    pub const BANNER: usize = 0x1600;
    pub const NOTES: usize = 0x1700;
    pub const END: usize = 0x1800;
}

/// The task that runs.
pub const TASK: u64 = START + at::TASK as u64;

/// Names, their kinds and offsets: those that a kernel has, and so many functions, the first of which has a long name.
pub fn names(functions: usize) -> Vec<(u8, String, u32)> {
    let fixed = [
        (b'T', "_start", 0),
        (b'd', "modules", at::MODULES),
        (b'r', "__start_BTF", at::BTF),
        (b'r', "__stop_BTF", at::BTF + btf().len()),
        (b'r', "__start_notes", at::NOTES),
        (b'r', "__stop_notes", at::NOTES + note().len()),
        (b'r', "linux_banner", at::BANNER),
    ];
    let function =
        |n: usize| (if n.is_multiple_of(3) { b't' } else { b'T' }, format!("function_{n}"), 16 * n + at::END);
    let fixed = fixed.into_iter().map(|(kind, name, offset)| (kind, name.to_owned(), offset));
    let long = (b't', "l".repeat(200), at::END - 16);
    let all = fixed.chain([long]).chain((0..functions).map(function));
    all.map(|(kind, name, offset)| (kind, name, offset as u32)).collect()
}

/// The kernel's bytes.
pub fn image(names: &[(u8, String, u32)], layout: Layout) -> Vec<u8> {
    let mut image = parts();
    table(&mut image, names, layout);
    image.extend([0x5a; 64]);
    let size = image.len() as u64;
    image[0x10..0x18].copy_from_slice(&size.to_le_bytes());
    image
}

fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// All but the table of names.
fn parts() -> Vec<u8> {
    let mut image = vec![0xa5; at::END];
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    let address = |at: usize| START + at as u64;
    put(0x30, b"RISCV\0\0\0RSC\x05");
    put(at::BTF, &btf());
    put(at::MODULES, &words(&[address(at::MODULE) + 8]));
    put(at::MODULE, &words(&[0, address(at::MODULES), 0]));
    put(at::MODULE + 0x18, b"kvm\0");
    put(at::MODULE + 0x60, &words(&[address(at::KALLSYMS), 0, MODULE, 0x1000]));
    // other kinds of memory it has none
    put(at::MODULE + 0x80, &words(&[0; 16]));
    put(at::KALLSYMS, &words(&[address(at::TABLE), 3, address(at::STRINGS), address(at::KINDS)]));
    let symbol = |name: u64, section: u64, value| words(&[name | section << 48, value, 8]);
    put(at::TABLE, &[symbol(0, 0, 0), symbol(1, 1, MODULE + 0x10), symbol(10, 1, MODULE + 0x20)].concat());
    put(at::STRINGS, b"\0kvm_exit\0kvm_entry\0");
    put(at::KINDS, b"?tT");
    put(at::TASK, &words(&[43 << 32 | 42, 0]));
    put(at::TASK + 0x10, b"busybox\0");
    put(at::BANNER, b"Linux version 6.12.1-planted (nobody) #1\n\0");
    put(at::NOTES, &note());
    image
}

fn note() -> Vec<u8> {
    let head = [4u32, 4, 3].into_iter().flat_map(u32::to_le_bytes);
    head.chain(*b"GNU\0").chain([0xde, 0xad, 0xbe, 0xef]).collect()
}

/// A structure's name, its bytes, and its members with their offsets in bytes.
type Structure = (&'static str, u32, &'static [(&'static str, u32)]);

/// Type information of these structures.
fn btf() -> Vec<u8> {
    const STRUCTURES: &[Structure] = &[
        ("module", 0x200, &[("list", 8), ("name", 0x18), ("kallsyms", 0x60), ("mem", 0x70)]),
        ("module_memory", 16, &[("base", 0), ("size", 8)]),
        ("mod_kallsyms", 32, &[("symtab", 0), ("num_symtab", 8), ("strtab", 16), ("typetab", 24)]),
        ("task_struct", 0x100, &[("pid", 0), ("tgid", 4), ("comm", 0x10)]),
    ];
    let (mut types, mut strings) = (Vec::new(), vec![0]);
    let mut text = |name: &str| {
        let at = strings.len() as u32;
        strings.extend(name.bytes().chain([0]));
        at
    };
    for (name, bytes, members) in STRUCTURES {
        types.extend([text(name), 4 << 24 | members.len() as u32, *bytes]);
        members.iter().for_each(|(name, at)| types.extend([text(name), 0, 8 * at]));
    }
    let len = 4 * types.len() as u32;
    let head = [0x0001_eb9f, 24, 0, len, len, strings.len() as u32];
    head.into_iter().chain(types).flat_map(u32::to_le_bytes).chain(strings).collect()
}

/// Appends the table, as `scripts/kallsyms` writes it. Characters are tokens of themselves, and 1 stands for
/// `function_`.
fn table(image: &mut Vec<u8>, names: &[(u8, String, u32)], layout: Layout) {
    if layout == Layout::Before {
        offsets(image, names, layout);
        image.extend(START.to_le_bytes());
    }
    image.extend((names.len() as u32).to_le_bytes());
    pad(image, layout);
    let (first, mut markers) = (image.len(), Vec::new());
    for (number, (kind, name, _)) in names.iter().enumerate() {
        if number.is_multiple_of(MARKED) {
            markers.push((image.len() - first) as u32);
        }
        let text = format!("{}{name}", *kind as char).replace("function_", "\x01");
        let len = text.len();
        image.extend(if len < 0x80 { vec![len as u8] } else { vec![len as u8 | 0x80, (len >> 7) as u8] });
        image.extend(text.bytes());
    }
    pad(image, layout);
    image.extend(markers.into_iter().flat_map(u32::to_le_bytes));
    pad(image, layout);
    tokens(image, layout);
    if layout != Layout::Before {
        offsets(image, names, layout);
        image.extend(START.to_le_bytes());
    }
}

fn tokens(image: &mut Vec<u8>, layout: Layout) {
    let (first, mut index) = (image.len(), Vec::new());
    for token in 0..=255u8 {
        index.push((image.len() - first) as u16);
        image.extend(match token {
            1 => b"function_".to_vec(),
            b' '..=b'~' => vec![token],
            _ => Vec::new(),
        });
        image.push(0);
    }
    pad(image, layout);
    image.extend(index.into_iter().flat_map(u16::to_le_bytes));
}

fn offsets(image: &mut Vec<u8>, names: &[(u8, String, u32)], layout: Layout) {
    for (_, _, offset) in names {
        let from_itself = (*offset as usize).wrapping_sub(image.len()) as u32;
        let is_relative = matches!(layout, Layout::Relative | Layout::Narrow);
        image.extend(if is_relative { from_itself } else { *offset }.to_le_bytes());
    }
    pad(image, layout);
}

fn pad(bytes: &mut Vec<u8>, layout: Layout) {
    bytes.resize(aligned(bytes.len(), layout.align()), 0);
}

/// A hart in HS-mode whose memory has these bytes at [`START`], and nothing else; or again and again wherever it looks.
pub struct Memory<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// Whether they are everywhere.
    pub repeats: bool,
}

impl Look for Memory<'_> {
    fn mode(&self) -> Mode {
        Mode::HS
    }
    fn vmid(&self) -> u16 {
        0
    }
    fn register(&self, _: u8) -> u64 {
        TASK
    }
    fn scratch(&self, _: bool) -> u64 {
        TASK
    }
    fn space(&self, _: bool) -> u64 {
        0
    }
    fn read(&self, _: Mode, at: Virt, into: &mut [u8]) -> Option<()> {
        let len = self.bytes.len();
        if self.repeats {
            let first = (at.0 % len.max(1) as u64) as usize;
            let (before, behind) = self.bytes.split_at(first);
            let repeated = behind.iter().chain(before).cycle();
            into.iter_mut().zip(repeated).for_each(|(to, from)| *to = *from);
            return (len != 0).then_some(());
        }
        let first = usize::try_from(at.0.checked_sub(START)?).ok()?;
        // a page is there as a whole
        let end = first.checked_add(into.len()).filter(|end| *end <= aligned(len, 4096))?;
        into.fill(0);
        let end = end.min(len);
        let part = self.bytes.get(first.min(end)..end)?;
        into[..part.len()].copy_from_slice(part);
        Some(())
    }
}
