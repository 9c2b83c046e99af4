//! Files that go into memory: kernels and programs of every format, initial RAM disks, and where all go.

use arbitrary::{Result, Unstructured};
use arch::Phys;
use board::given;
use board::loader::{self, Defaults, Initrd, Range};
use board::tree::Chosen;
use memory::Ram;

use super::files::{file, gzip, one_line, xz, zstd};
use super::{Target, with};

pub const KERNEL: Target = Target {
    name: "kernel",
    what: "kernels and programs: ELF, Image, zboot, gzip, zstd, xz",
    run: kernel,
    seeds: kernels,
};

pub const INITRD: Target =
    Target { name: "initrd", what: "initial RAM disks: cpio, packed and plain", run: initrd, seeds: initrds };

pub const PLACES: Target = Target {
    name: "places",
    what: "where device tree and initial RAM disk go",
    run: |input| with(input, places),
    seeds: Vec::new,
};

pub const TREE: Target = Target {
    name: "tree",
    what: "device trees of the user's: --dtb",
    run: tree,
    seeds: || vec![super::hypervisor::guests_tree()],
};

const BASE: u64 = 0x8000_0000;
const RAM_BYTES: u64 = 4 << 20;
const DEFAULTS: Defaults = Defaults { raw: Phys(BASE), linux: Phys(BASE + 0x20_0000) };

thread_local! {
    static RAM: Ram = Ram::new(Phys(BASE), RAM_BYTES).expect("the host has a little memory");
}

fn kernel(content: &[u8]) {
    let path = file(content);
    RAM.with(|ram| match loader::program(&path, ram, DEFAULTS) {
        Ok(program) => {
            let Range { start, end } = program.range;
            assert!(BASE <= start && start <= end && end <= BASE + RAM_BYTES, "{start:#x} to {end:#x}");
            assert_eq!(program.symbols.address(""), None);
        }
        Err(why) => assert!(one_line(&why.to_string()), "{why}"),
    });
}

fn initrd(content: &[u8]) {
    let path = file(content);
    RAM.with(|ram| match Initrd::open(&path, &[], ram) {
        Ok(mut initrd) => {
            assert!(initrd.doubt().is_none_or(|doubt| one_line(&doubt)));
            let at = BASE + RAM_BYTES - initrd.len_bytes();
            initrd.load(ram, Phys(at)).expect("the file has not changed");
            let mut there = vec![0; content.len()];
            ram.read_bytes(at - BASE, &mut there).expect("it is in RAM");
            assert!(there == content);
        }
        Err(why) => assert!(one_line(&why.to_string()), "{why}"),
    });
}

fn tree(content: &[u8]) {
    let chosen = Chosen { bootargs: "quiet".to_owned(), initrd: Some(within(1 << 20, 4096)), ..Chosen::default() };
    match given::flatten(content, &chosen) {
        // What is told stands in it, once, however often it is told.
        Ok(told) => assert!(given::flatten(&told, &chosen).is_ok_and(|again| again == told)),
        Err(why) => assert!(one_line(&why.to_string()), "{why}"),
    }
}

fn places(input: &mut Unstructured) -> Result<()> {
    let (start, len): (u32, u32) = input.arbitrary()?;
    let ram = Range { start: start.into(), end: u64::from(start) + u64::from(len) };
    let taken: Vec<Range> =
        input.arbitrary::<[(u32, u32); 3]>()?.iter().map(|&(start, len)| within(start, len)).collect();
    let (tree, initrd): (u64, u64) = (input.arbitrary()?, input.arbitrary()?);
    let shift: u32 = input.int_in_range(0..=63)?;
    let (tree, initrd) = (tree >> shift, initrd >> shift);
    let Some(found) = loader::place(ram, &taken, tree, initrd) else { return Ok(()) };
    let tree = Range { start: found.tree, end: found.tree + tree };
    let initrd = Range { start: found.initrd, end: found.initrd + initrd };
    for range in [tree, initrd] {
        assert!(ram.start <= range.start && range.end <= ram.end, "{range:x?} is not in {ram:x?}");
        assert!(taken.iter().all(|other| !range.overlaps(*other)), "{range:x?} overlaps {taken:x?}");
    }
    assert!(!tree.overlaps(initrd), "{tree:x?} overlaps {initrd:x?}");
    Ok(())
}

fn within(start: u32, len: u32) -> Range {
    Range { start: start.into(), end: u64::from(start) + u64::from(len) }
}

fn kernels() -> Vec<Vec<u8>> {
    let image = image(0x20_0000, 0x1_0000);
    let zboot = |payload: &[u8]| {
        let mut content = vec![0; 64];
        content[..8].copy_from_slice(b"MZ\0\0zimg");
        content[8..12].copy_from_slice(&64_u32.to_le_bytes());
        content[12..16].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        [&content, payload].concat()
    };
    vec![
        zboot(&gzip(&image)),
        zboot(&zstd(&image)),
        xz(&image),
        gzip(&elf(2, 0)),
        zstd(&image),
        elf(2, BASE),
        elf(3, 0),
        image,
        vec![0x13; 100],
    ]
}

/// A Linux `Image`, with the table of its EFI stub.
fn image(text_offset: u64, image_size: u64) -> Vec<u8> {
    let mut content = vec![0; 512];
    content[..4].copy_from_slice(b"MZ\x6f\x10");
    content[8..16].copy_from_slice(&text_offset.to_le_bytes());
    content[16..24].copy_from_slice(&image_size.to_le_bytes());
    content[0x38..0x3c].copy_from_slice(b"RSC\x05");
    content[0x3c] = 0x40;
    content[0x40..0x44].copy_from_slice(b"PE\0\0");
    content[0x46] = 1;
    content[0x54] = 0x20;
    content[0x40 + 24 + 0x20 + 16] = 0x80;
    content[0x40 + 24 + 0x20 + 21] = 1;
    content
}

/// An ELF file of type `kind` with one segment at `at` and one symbol.
fn elf(kind: u16, at: u64) -> Vec<u8> {
    let (headers, table) = (64 + 56, 64 + 56 + 64u64);
    let names = b"\0tohost\0";
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    file.extend([kind, 243].map(u16::to_le_bytes).concat());
    file.extend(1u32.to_le_bytes());
    file.extend([at + 4, 64, table].map(u64::to_le_bytes).concat());
    file.extend(0u32.to_le_bytes());
    file.extend([64u16, 56, 1, 64, 3, 0].map(u16::to_le_bytes).concat());
    file.extend([1u32, 7].map(u32::to_le_bytes).concat());
    file.extend([headers, at, at, 64, 128, 4096].map(u64::to_le_bytes).concat());
    file.extend([0x13; 64]);
    let section = |kind: u32, offset: u64, len: u64, link: u32, entry: u64| {
        let head = [0, kind].map(u32::to_le_bytes).concat();
        let place = [0, 0, offset, len].map(u64::to_le_bytes).concat();
        [head, place, [link, 0].map(u32::to_le_bytes).concat(), [1, entry].map(u64::to_le_bytes).concat()].concat()
    };
    let (symbols, strings) = (table + 3 * 64, table + 3 * 64 + 48);
    file.extend(section(0, 0, 0, 0, 0));
    file.extend(section(2, symbols, 48, 2, 24));
    file.extend(section(3, strings, names.len() as u64, 0, 0));
    file.extend([0; 24]);
    file.extend([&[1, 0, 0, 0, 0x11, 0, 1, 0][..], &(at + 32).to_le_bytes(), &[8, 0, 0, 0, 0, 0, 0, 0]].concat());
    file.extend(names);
    file
}

fn initrds() -> Vec<Vec<u8>> {
    let plain = archive();
    let two = [&plain[..], &[0; 512], &gzip(&plain)].concat();
    vec![gzip(&plain), zstd(&plain), two, plain]
}

fn archive() -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, data) in [("hello\0", "world"), ("TRAILER!!!\0", "")] {
        let fields = [1, 0o100_644, 0, 0, 1, 0, data.len(), 0, 0, 0, 0, name.len(), 0];
        bytes.extend(b"070701");
        fields.iter().for_each(|field| bytes.extend(format!("{field:08x}").bytes()));
        for part in [name, data] {
            bytes.extend(part.bytes());
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
    }
    bytes
}
