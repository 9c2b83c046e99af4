//! Files of every kind, good and bad, into memory.

use std::io::Write;
use std::path::PathBuf;

use arch::Phys;
use board::loader::{self, Content, Defaults, Form, Load};
use memory::Ram;

const BASE: u64 = 0x8000_0000;
const DEFAULTS: Defaults = Defaults { raw: Phys(BASE), linux: Phys(BASE) };

fn ram() -> Ram {
    Ram::new(Phys(BASE), 16 << 20).unwrap()
}

/// A file of this name, in a directory of its own that goes with the first of the two.
fn file(name: &str, content: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    std::fs::write(&path, content).unwrap();
    (directory, path)
}

fn load(name: &str, content: &[u8]) -> Result<(loader::Program, Ram), String> {
    let ((_directory, path), ram) = (file(name, content), ram());
    let loaded = loader::program(&path, &ram, DEFAULTS).map_err(|e| e.to_string());
    loaded.map(|program| (program, ram))
}

fn image(text_offset: u64, image_size: u64) -> Vec<u8> {
    let mut content = vec![0x13; 4096];
    content[8..16].copy_from_slice(&text_offset.to_le_bytes());
    content[16..24].copy_from_slice(&image_size.to_le_bytes());
    content[24..32].fill(0);
    content[0x38..0x3c].copy_from_slice(b"RSC\x05");
    content[0x3c..0x40].fill(0);
    content
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn an_image_goes_to_its_offset_and_takes_its_size() {
    let (program, ram) = load("image", &image(0x20_0000, 0x10_0000)).unwrap();
    assert_eq!((program.entry.0, program.range.end), (BASE + 0x20_0000, BASE + 0x30_0000));
    assert_eq!(ram.load_u32(0x20_0038), Some(u32::from_le_bytes(*b"RSC\x05")));
}

#[test]
fn a_packed_image_is_unpacked() {
    let (program, _) = load("image.gz", &gzip(&image(0x20_0000, 0x10_0000))).unwrap();
    assert_eq!(program.entry.0, BASE + 0x20_0000);
}

#[test]
fn a_zboot_image_is_unwrapped_and_unpacked() {
    let payload = gzip(&image(0x20_0000, 0x10_0000));
    let mut content = vec![0; 64];
    content[..8].copy_from_slice(b"MZ\0\0zimg");
    content[8..12].copy_from_slice(&64_u32.to_le_bytes());
    content[12..16].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    content.extend(payload);
    assert_eq!(load("zboot", &content).unwrap().0.entry.0, BASE + 0x20_0000);
    content.truncate(content.len() - 10);
    assert!(load("zboot-cut", &content).err().unwrap().contains("beyond the end of the file"));
}

#[test]
fn raw_bytes_go_to_the_default_place() {
    assert_eq!(load("raw", &[0x13; 100]).unwrap().0.range.end, BASE + 100);
}

#[test]
fn text_is_no_program() {
    for text in ["# A file that reads as one\n", "\tli a0, 1\n\tecall # äöü\n", &["x", &"é".repeat(5000)].concat()]
    {
        let said = load("text", text.as_bytes()).err().unwrap();
        assert!(said.ends_with("is text, not a RISC-V kernel or program"), "{said}");
    }
    // nop, and "wfi" between characters.
    for code in [&[0x13, 0, 0, 0].repeat(8)[..], b"aaaaaaaaaaaaaaaa\x73\0\x50\x10aaaa"] {
        assert!(load("code", code).is_ok());
    }
}

#[test]
fn a_kernel_that_is_cut_off_anywhere_is_refused() {
    let mut content = image_with_stub(0x400);
    content.resize(0x400, 0);
    assert!(load("whole", &content).is_ok());
    for len in 60..0x400 {
        let said = load("cut", &content[..len]).err().unwrap();
        assert!(said.contains(&format!("it has {len} bytes, its header tells of ")), "{said}");
    }
}

#[test]
fn an_x86_kernel_is_named() {
    let mut content = vec![0; 4096];
    content[..2].copy_from_slice(b"MZ");
    content[0x202..0x206].copy_from_slice(b"HdrS");
    assert!(
        load("x86", &content).err().unwrap().ends_with("is an x86 kernel (bzImage), not a RISC-V kernel or program")
    );
}

#[test]
fn what_is_cut_off_or_too_big_is_refused() {
    let packed = gzip(&image(0x20_0000, 0x10_0000));
    assert!(load("cut.gz", &packed[..packed.len() / 2]).err().unwrap().contains("truncated or corrupt"));
    assert!(load("big", &image(0x20_0000, 1 << 30)).err().unwrap().contains("--memory"));
    assert!(load("far", &image(u64::MAX - 5, 100)).is_err());
    assert!(load("empty", &[]).err().unwrap().ends_with("is empty"));
    assert!(load("elf", b"\x7fELF\x02\x01").err().unwrap().contains("cut off"));
}

/// A kernel with an EFI stub, whose one section ends at `end` in the file ("PE Format" of Microsoft's: the offset of
/// the header is at 0x3c; in it how many sections, and how long its optional header; a section's size and place).
fn image_with_stub(end: u32) -> Vec<u8> {
    let mut content = image(0x20_0000, 0x10_0000);
    let mut put = |at: usize, bytes: &[u8]| content[at..at + bytes.len()].copy_from_slice(bytes);
    put(0x3c, &0x40_u32.to_le_bytes());
    put(0x40, b"PE\0\0");
    put(0x46, &[1, 0]);
    put(0x54, &[0, 0]);
    put(0x58 + 16, &end.to_le_bytes());
    put(0x58 + 20, &[0; 4]);
    content
}

#[test]
fn a_guests_kernel_is_refused_for_what_a_machines_is() {
    let unpacked = |content: &[u8], form| {
        let (_directory, path) = file("kernel", content);
        loader::unpacked(&path, 1 << 20, form).map_err(|error| error.to_string())
    };
    let (whole, cut) = (image_with_stub(4096), image_with_stub(4097));
    for form in [Form::Linux, Form::Image] {
        assert_eq!(unpacked(&whole, form).unwrap(), whole);
        assert_eq!(unpacked(&gzip(&whole), form).unwrap(), whole);
        for content in [&cut, &gzip(&cut)] {
            let said = [unpacked(content, form).unwrap_err(), load("kernel", content).err().unwrap()];
            let [guests, machines] = said.each_ref().map(|said| said.rsplit_once("kernel' ").unwrap().1);
            assert_eq!(guests, machines);
        }
        assert!(unpacked(&cut, form).unwrap_err().contains("it has 4096 bytes, its header tells of 4097"));
        assert!(
            unpacked(b"<html>", form)
                .unwrap_err()
                .ends_with("is a web page or other text, not a RISC-V kernel or program")
        );
        assert!(unpacked(b"\x7fELF\x02\x01", form).unwrap_err().contains("cut off"));
        assert!(unpacked(&vec![0; 2 << 20], form).unwrap_err().contains("2097152 bytes"));
    }
    let program = elf(BASE, &[(5, 0, BASE, 0x200)]);
    assert_eq!(unpacked(&program, Form::Linux).unwrap(), program);
    assert!(unpacked(&[0x13; 100], Form::Linux).unwrap_err().contains("is no Linux"));
    for other in [&program[..], &[0x13; 100]] {
        assert!(unpacked(other, Form::Image).unwrap_err().contains("is no flat image"));
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = loader::program(&PathBuf::from("/nowhere/vmlinuz"), &ram(), DEFAULTS).err().unwrap().to_string();
    assert!(error.starts_with("'/nowhere/vmlinuz' cannot be read"));
}

/// A program header: flags, offset in the file, address, bytes in the file.
type Header = (u32, u64, u64, u64);

/// An executable of 64-bit RISC-V with these segments, and zeros where nothing else is.
fn elf(entry: u64, segments: &[Header]) -> Vec<u8> {
    let len = segments.iter().map(|(_, offset, _, bytes)| offset + bytes).max().unwrap_or(0).max(0x200);
    let mut content = vec![0; len as usize];
    content[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\0");
    let mut put = |at: usize, bytes: &[u8]| content[at..at + bytes.len()].copy_from_slice(bytes);
    put(16, &[2, 0, 243, 0, 1]);
    put(24, &entry.to_le_bytes());
    put(32, &64u64.to_le_bytes());
    put(52, &[64, 0, 56, 0, segments.len() as u8]);
    for (number, &(flags, offset, address, bytes)) in segments.iter().enumerate() {
        let at = 64 + 56 * number;
        put(at, &1u32.to_le_bytes());
        put(at + 4, &flags.to_le_bytes());
        for (field, value) in [offset, address, address, bytes, bytes, 0x1000].into_iter().enumerate() {
            put(at + 8 + 8 * field, &value.to_le_bytes());
        }
    }
    content
}

const R: u32 = 4;
const RX: u32 = 5;
const RW: u32 = 6;

#[test]
fn the_page_of_the_elf_header_may_lie_below_memory() {
    // As GNU ld links with -Ttext=0x80000000: in the segment of the code, or with a note in one of its own.
    let mut content = elf(BASE, &[(RX, 0, BASE - 0x1000, 0x1004), (RW, 0x1004, BASE + 0x1004, 4)]);
    content[0x1000..0x1004].copy_from_slice(&[1, 2, 3, 4]);
    let (program, ram) = load("one", &content).unwrap();
    assert_eq!((program.entry.0, program.range.start, program.range.end), (BASE, BASE, BASE + 0x1008));
    assert_eq!(ram.load_u32(0), Some(0x0403_0201));
    let mut content = elf(BASE, &[(R, 0, 0x1_0000, 0x17c), (RX, 0x1000, BASE, 4)]);
    content[0x158..0x17c].fill(7);
    let (program, _) = load("two", &content).unwrap();
    assert_eq!((program.entry.0, program.range.start), (BASE, BASE));
}

#[test]
fn code_and_data_below_memory_are_refused_with_their_segment() {
    let mut content = elf(BASE, &[(RX, 0, BASE - 0x1000, 0x1004)]);
    content[0x800] = 0x13;
    for content in [
        content,
        elf(BASE, &[(RX, 0x1000, BASE, 4), (RX, 0x2000, BASE - 0x1000, 4)]),
        elf(BASE, &[(RX, 0x1000, BASE, 4), (R, 0x2000, 0x2000_0000, 4)]),
    ] {
        let why = load("below", &content).err().unwrap();
        assert!(
            why.contains("ELF segment ") && why.ends_with("link the program for addresses from 0x80000000 on"),
            "{why}"
        );
    }
    let why = load("above", &elf(BASE, &[(RX, 0x1000, BASE, 4), (RW, 0x2000, 0xc000_0000, 8)])).err().unwrap();
    assert!(why.contains("ELF segment 1 (RW, 0x8 bytes at 0xc0000000)") && why.contains("--memory"), "{why}");
}

#[test]
fn a_program_begins_within_its_segments() {
    for entry in [0, BASE - 4, BASE + 4] {
        let why = load("entry", &elf(entry, &[(RX, 0x1000, BASE, 4)])).err().unwrap();
        assert!(why.contains(&format!("begins at {entry:#x}")) && why.contains("ELF segment 0 (RE,"), "{why}");
    }
    let why = load("header", &elf(BASE - 0x1000, &[(RX, 0, BASE - 0x1000, 0x1004)])).err().unwrap();
    assert!(why.contains("begins at 0x7ffff000"), "{why}");
}

#[test]
fn files_and_numbers_go_to_the_address_that_is_named() {
    let ram = ram();
    let (_directory, path) = file("raw", &elf(BASE, &[(RX, 0x1000, BASE, 4)]));
    let at = |content, address| Load { content, address, hart: None }.put(&ram).map_err(|e| e.to_string());
    let content = |raw| Content::File { file: path.clone(), raw };
    assert_eq!(at(content(true), Some(BASE + 0x10_0000)).unwrap().entry.0, BASE + 0x10_0000);
    assert_eq!(ram.load_u32(0x10_0000), Some(u32::from_le_bytes(*b"\x7fELF")));
    assert_eq!(at(content(false), Some(BASE + 0x20_0000)).unwrap().entry.0, BASE);
    at(Content::Bytes(vec![1, 2, 3, 4]), Some(BASE + 8)).unwrap();
    assert_eq!(ram.load_u32(8), Some(0x0403_0201));
    assert!(at(content(true), None).err().unwrap().contains("addr=ADDRESS"));
    assert!(at(content(true), Some(0x2000_0000)).err().unwrap().contains("0x20000000"));
    assert!(at(Content::Bytes(vec![0]), Some(0)).err().unwrap().contains("data at 0x0"));
}

fn archive() -> Vec<u8> {
    let member = |name: &str, data: &[u8]| {
        let header = format!(
            "070701{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}",
            1,
            0o100644,
            0,
            0,
            1,
            0,
            data.len(),
            0,
            0,
            0,
            0,
            name.len() + 1,
            0
        );
        let mut bytes = header.into_bytes();
        bytes.extend(name.bytes());
        bytes.push(0);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    };
    [member("hello", b"world"), member("TRAILER!!!", b"")].concat()
}

fn check_initrd(name: &str, content: &[u8]) -> Result<(), String> {
    let (_directory, path) = file(name, content);
    let ram = ram();
    let mut initrd = loader::Initrd::open(&path, &[], &ram).map_err(|e| e.to_string())?;
    initrd.load(&ram, Phys(BASE + 4)).map_err(|e| e.to_string())?;
    let mut there = vec![0; content.len()];
    ram.read_bytes(4, &mut there).unwrap();
    assert_eq!((there.as_slice(), initrd.len_bytes()), (content, content.len() as u64));
    initrd.doubt().map_or(Ok(()), Err)
}

#[test]
fn whole_initrds_pass_also_one_behind_the_other() {
    assert_eq!(check_initrd("cpio", &archive()), Ok(()));
    assert_eq!(check_initrd("two", &[archive(), vec![0; 512], gzip(&archive())].concat()), Ok(()));
}

#[test]
fn parts_of_an_initrd_lie_behind_each_other_at_multiples_of_four() {
    let ((_one, first), (_other, second)) = (file("a", &[7; 5]), file("b", &[9; 3]));
    let ram = ram();
    let mut initrd = loader::Initrd::open(&first, &[second], &ram).unwrap();
    initrd.load(&ram, Phys(BASE)).unwrap();
    let mut there = [0; 12];
    ram.read_bytes(0, &mut there).unwrap();
    assert_eq!((there, initrd.len_bytes()), ([7, 7, 7, 7, 7, 0, 0, 0, 9, 9, 9, 0], 11));
}

#[test]
fn damaged_and_foreign_initrds_are_loaded_and_doubted() {
    assert!(check_initrd("cut", &archive()[..120]).err().unwrap().contains("breaks off"));
    assert!(check_initrd("cut.gz", &gzip(&archive())[..30]).err().unwrap().contains("corrupt"));
    assert!(check_initrd("cut", &archive()[..130]).err().unwrap().contains("breaks off"));
    let odd = [archive(), b"odd".to_vec()].concat();
    assert!(check_initrd("odd", &odd).err().unwrap().contains("something that is no archive follows"));
    assert!(check_initrd("text", b"hello").err().unwrap().contains("is no initrd"));
}
