//! Spike: it has a serial port, but neither a disk nor firmware of its own.
//!
//! Debian's OpenSBI is a flat image that wants to be told where the next stage is (OpenSBI,
//! docs/firmware/fw_dynamic.md) and that writes to the device tree, which Spike's boot ROM has in memory that is only
//! read. So a few instructions before it bring a copy into RAM; Spike loads an ELF file of both.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use images::work::Level;
use object::elf::{self, FileHeader64, ProgramHeader64, SectionHeader64};
use object::pod::bytes_of;
use object::{LittleEndian, U16, U32, U64};

use super::Software;

/// Where RAM and the firmware begin.
const FIRMWARE: u64 = 0x8000_0000;
/// Where Spike puts a kernel, 2 MiB further.
const KERNEL: u64 = FIRMWARE + (2 << 20);
/// Where the instructions before the firmware are: behind it, below the kernel.
const BEFORE: u64 = KERNEL - 0x1000;

/// Bytes to which parts of the file are aligned.
const WORD: usize = size_of::<u64>();

/// With `a0` the hart and `a1` the device tree: copies the tree to 0x8800_0000, points `a1` there and `a2` at what
/// follows, and jumps to the firmware. The last three bytes of the tree's size, which is in big-endian order, stand at
/// 5.
const COPY_TREE: [(u32, &str); 24] = [
    (0x0110_0293, "addi t0,zero,17"),
    (0x01b2_9293, "slli t0,t0,0x1b"),
    (0x0055_c303, "lbu t1,5(a1)"),
    (0x0103_1313, "slli t1,t1,0x10"),
    (0x0065_c383, "lbu t2,6(a1)"),
    (0x0083_9393, "slli t2,t2,0x8"),
    (0x0073_6333, "or t1,t1,t2"),
    (0x0075_c383, "lbu t2,7(a1)"),
    (0x0073_6333, "or t1,t1,t2"),
    (0x0053_0333, "add t1,t1,t0"),
    (0x0002_8393, "addi t2,t0,0"),
    (0x0005_ae03, "lw t3,0(a1)"),
    (0x01c3_a023, "sw t3,0(t2)"),
    (0x0045_8593, "addi a1,a1,4"),
    (0x0043_8393, "addi t2,t2,4"),
    (0xfe63_e8e3, "bltu t2,t1,.-16"),
    (0x0002_8593, "addi a1,t0,0"),
    (0x0000_0617, "auipc a2,0x0"),
    (0x01c6_0613, "addi a2,a2,28"),
    (0x0010_0293, "addi t0,zero,1"),
    (0x01f2_9293, "slli t0,t0,0x1f"),
    (0x0002_8067, "jalr zero,0(t0)"),
    (0x0000_0013, "addi zero,zero,0"),
    (0x0000_0013, "addi zero,zero,0"),
];

/// Extensions that Debian's kernel and KVM use, as far as Spike has them. Zkr is where entropy comes from: Spike has no
/// device for it, and an idle Linux, whose clock goes by instructions, gathers none.
const ISA: &str = "rv64gch_zicntr_zihpm_zba_zbb_zbs_sstc_svadu_zkr";

/// Writes a firmware as the ELF file that Spike loads.
fn write_program(firmware: &Path, directory: &Path) -> Result<PathBuf> {
    let firmware = fs::read(firmware).with_context(|| format!("cannot read '{}'", firmware.display()))?;
    let file = directory.join("firmware.elf");
    fs::write(&file, program(&firmware)).with_context(|| format!("cannot write '{}'", file.display()))?;
    Ok(file)
}

/// Spike's words but for its name. What it loads is written into the directory.
pub fn words(software: &Software, level: Level, directory: &Path) -> Result<Vec<OsString>> {
    let prepared = software.images.prepared();
    let firmware = prepared.firmware.as_ref().context("Spike needs a firmware: leave --firmware builtin out")?;
    let firmware = write_program(firmware, directory)?;
    let machine = &software.options.machine;
    let with = |option: &str, value: &Path| [OsStr::new(option), value.as_os_str()].into_iter().collect();
    Ok(vec![
        format!("-m{}", machine.memory >> 20).into(),
        format!("-p{}", machine.harts).into(),
        format!("--isa={ISA}").into(),
        with("--kernel=", &prepared.kernel),
        with("--initrd=", software.initrd(level)),
        format!("--bootargs={}", prepared.append).into(),
        firmware.into(),
    ])
}

/// The firmware, with what goes before it, as an ELF file.
fn program(firmware: &[u8]) -> Vec<u8> {
    let words = board::parts::rom::dynamic_info(KERNEL);
    let code = COPY_TREE.iter().flat_map(|(word, _)| word.to_le_bytes());
    let before: Vec<u8> = code.chain(words.iter().flat_map(|word| word.to_le_bytes())).collect();
    elf_file(&[(FIRMWARE, firmware), (BEFORE, &before)], BEFORE)
}

/// An ELF file of these parts of memory, as it is on disk: headers, parts, and a section of names, which Spike wants,
/// behind the empty one.
fn elf_file(parts: &[(u64, &[u8])], entry: u64) -> Vec<u8> {
    let little = LittleEndian;
    let first = size_of::<FileHeader64<LittleEndian>>() + parts.len() * size_of::<ProgramHeader64<LittleEndian>>();
    let (mut headers, mut content) = (Vec::new(), Vec::new());
    for (address, bytes) in parts {
        content.resize(content.len().next_multiple_of(WORD), 0);
        headers.extend_from_slice(bytes_of(&ProgramHeader64 {
            p_type: U32::new(little, elf::PT_LOAD),
            p_flags: U32::new(little, elf::PF_R | elf::PF_W | elf::PF_X),
            p_offset: U64::new(little, (first + content.len()) as u64),
            p_vaddr: U64::new(little, *address),
            p_paddr: U64::new(little, *address),
            p_filesz: U64::new(little, bytes.len() as u64),
            p_memsz: U64::new(little, bytes.len() as u64),
            p_align: U64::new(little, WORD as u64),
        }));
        content.extend_from_slice(bytes);
    }
    content.resize(content.len().next_multiple_of(WORD), 0);
    let sections = first + content.len();
    content.resize(content.len() + size_of::<SectionHeader64<LittleEndian>>(), 0);
    content.extend_from_slice(bytes_of(&names_section(sections + 2 * size_of::<SectionHeader64<LittleEndian>>())));
    content.push(0);
    let header = file_header(entry, parts.len() as u16, sections as u64);
    [bytes_of(&header), &headers, &content].concat()
}

fn file_header(entry: u64, parts: u16, sections: u64) -> FileHeader64<LittleEndian> {
    let little = LittleEndian;
    let count = |number| U16::new(little, number);
    FileHeader64 {
        e_ident: elf::Ident {
            magic: elf::ELFMAG,
            class: elf::ELFCLASS64,
            data: elf::ELFDATA2LSB,
            version: elf::EV_CURRENT,
            os_abi: elf::ELFOSABI_NONE,
            abi_version: 0,
            padding: [0; 7],
        },
        e_type: U16::new(little, elf::ET_EXEC),
        e_machine: U16::new(little, elf::EM_RISCV),
        e_version: U32::new(little, elf::EV_CURRENT.0.into()),
        e_entry: U64::new(little, entry),
        e_phoff: U64::new(little, size_of::<FileHeader64<LittleEndian>>() as u64),
        e_shoff: U64::new(little, sections),
        e_flags: U32::new(little, elf::FileFlags(0)),
        e_ehsize: count(size_of::<FileHeader64<LittleEndian>>() as u16),
        e_phentsize: count(size_of::<ProgramHeader64<LittleEndian>>() as u16),
        e_phnum: count(parts),
        e_shentsize: count(size_of::<SectionHeader64<LittleEndian>>() as u16),
        e_shnum: count(2),
        e_shstrndx: U16::new(little, elf::SymbolSection(1)),
    }
}

/// The section of names, one empty name, at `at`.
fn names_section(at: usize) -> SectionHeader64<LittleEndian> {
    let (none, one) = (U64::new(LittleEndian, 0), U64::new(LittleEndian, 1));
    SectionHeader64 {
        sh_name: U32::new(LittleEndian, 0),
        sh_type: U32::new(LittleEndian, elf::SHT_STRTAB),
        sh_flags: U64::new(LittleEndian, elf::SectionFlags(0)),
        sh_addr: none,
        sh_offset: U64::new(LittleEndian, at as u64),
        sh_size: one,
        sh_link: U32::new(LittleEndian, 0),
        sh_info: U32::new(LittleEndian, 0),
        sh_addralign: one,
        sh_entsize: none,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::{Object as _, ObjectSegment as _};

    #[test]
    fn the_firmware_is_loaded_behind_what_prepares_it() {
        let file = program(&[7; 10]);
        let object = object::File::parse(&*file).unwrap();
        let segments: Vec<(u64, Vec<u8>)> =
            object.segments().map(|segment| (segment.address(), segment.data().unwrap().to_vec())).collect();
        assert_eq!((object.entry(), segments[0].clone(), segments[1].0), (BEFORE, (FIRMWARE, vec![7; 10]), BEFORE));
        // what `a2` points at: 28 bytes behind the `auipc`
        let at = 4 * COPY_TREE.iter().position(|(word, _)| *word == 0x617).unwrap() + 28;
        assert_eq!(segments[1].1[at..at + 4], *b"OSBI");
    }

    #[test]
    fn the_words_are_the_instructions_beside_them() {
        for (word, text) in COPY_TREE {
            let insn = arch::decode(word, &arch::Isa::BASE);
            assert_eq!(insn.map(|insn| insn.to_string()).as_deref(), Some(text));
        }
    }
}
