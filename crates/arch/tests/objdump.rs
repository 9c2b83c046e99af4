//! The decoder, the disassembly and the compressed forms against binutils.
//!
//! Needs Debian's binutils-riscv64-linux-gnu; `VHART_NO_BINUTILS=1` goes without these tests.
//! Version 2.40 does not know Zicond, Zfa, Zacas, Zcb, Zimop and Zcmop: these are left out here.

use arch::insn::{At, OPCODES, decode, decompress};
use arch::isa::Isa;
use fastrand::Rng;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

const MARCH: &str =
    "rv64gch_zba_zbb_zbc_zbkb_zbkx_zbs_zicbom_zicbop_zicboz_zawrs_zfh_svinval_zihintpause_zicsr_zifencei_zmmul";

/// What binutils knows of the above.
fn isa() -> Isa {
    Isa::parse(MARCH).expect("binutils' string is ours")
}

/// The decimals of pi.
const SEED: u64 = 3_141_592_653_589_793;

fn tool(name: &str) -> Command {
    Command::new(format!("riscv64-linux-gnu-{name}"))
}

/// Whether the user asked to go without binutils.
fn is_left_out() -> bool {
    let left_out = std::env::var("VHART_NO_BINUTILS").is_ok_and(|value| value == "1");
    if left_out {
        println!("SKIPPED: VHART_NO_BINUTILS is set");
    }
    left_out
}

/// What binutils makes of the words: one text each, as `mnemonic operands`.
fn disassemble(name: &str, options: &str, words: &[u32]) -> Vec<String> {
    let source = words.iter().fold(String::new(), |mut text, word| {
        writeln!(text, ".insn {word:#x}").expect("a string takes all");
        text
    });
    let (input, object) = (temporary(name, "s"), temporary(name, "o"));
    std::fs::write(&input, source).expect("the temporary directory is writable");
    let status = tool("as").arg(format!("-march={MARCH}")).arg("-o").args([&object, &input]).status();
    assert!(status.expect("riscv64-linux-gnu-as runs (`cargo xtask test` says how to get it)").success());
    let output = tool("objdump").args(["-d", "-z", "-M", options]).arg(&object).output().expect("objdump runs");
    let text = String::from_utf8(output.stdout).expect("objdump writes text");
    text.lines().filter_map(line_text).collect()
}

fn temporary(name: &str, extension: &str) -> String {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    directory.join(format!("{name}.{extension}")).display().to_string()
}

/// `   4:\t00150513 \taddi\ta0,a0,1 # comment` gives `addi a0,a0,1`.
fn line_text(line: &str) -> Option<String> {
    let mut parts = line.split('\t');
    let address = parts.next()?.trim();
    u64::from_str_radix(address.strip_suffix(':')?, 16).ok()?;
    let rest = parts.skip(1).collect::<Vec<_>>().join(" ");
    let text = rest.split(" #").next()?.split(" <").next()?.trim();
    Some(text.to_owned())
}

/// Our text in binutils' spelling of numbers: targets without `0x`.
fn ours(raw: u32, pc: u64) -> String {
    let Some(insn) = decode(raw, &isa()) else { return "illegal".to_owned() };
    let text = At(insn, pc).to_string();
    match insn.class() {
        arch::insn::Class::Branch | arch::insn::Class::Jump => text.replace("0x", ""),
        _ => text,
    }
}

/// Where binutils 2.40 is not the manual.
fn is_excused(raw: u32, theirs: &str) -> bool {
    let opcode = |o| raw & 0x7f == o;
    // a rounding mode is part of these encodings in the manual; binutils wants zero
    let exact_conversion = opcode(0x53) && decode(raw, &isa()).is_some_and(|i| i.row().operands.ends_with("exact"));
    // reserved fields of FENCE and FENCE.I, which "base implementations shall ignore"
    let fence = opcode(0x0f);
    // sfence.vm and uret, dret are of other times and modes; hints of other names
    let retired = ["sfence.vm ", "uret", "dret", "hret"].iter().any(|name| theirs.starts_with(name));
    // binutils names the CSRs it knows, among them ones that this crate does not
    let csr = theirs.starts_with("csr");
    exact_conversion || fence || retired || csr
}

#[test]
fn every_row_reads_as_in_binutils() {
    if is_left_out() {
        return;
    }
    let mut random = Rng::with_seed(SEED);
    let known = OPCODES.iter().map(|o| o.row()).filter(|row| row.needs.met_by(isa()));
    let words: Vec<u32> = known
        .flat_map(|row| (0..40).map(move |_| row.pattern))
        .map(|pattern| random.u32(..) & !pattern.mask | pattern.value)
        .collect();
    compare("rows", &words);
}

#[test]
fn random_words_read_as_in_binutils() {
    if is_left_out() {
        return;
    }
    let mut random = Rng::with_seed(SEED);
    let words: Vec<u32> = (0..200_000).map(|_| random.u32(..) | 3).filter(|raw| raw & 0x1f != 0x1f).collect();
    compare("words", &words);
}

fn compare(name: &str, words: &[u32]) {
    let theirs = disassemble(name, "no-aliases", words);
    assert_eq!(theirs.len(), words.len());
    let different: Vec<String> = (0u64..)
        .zip(words.iter().zip(&theirs))
        .map(|(at, (&raw, theirs))| (raw, ours(raw, at * 4), theirs))
        .filter(|(_, ours, theirs)| ours != *theirs && !(ours == "illegal" && theirs.starts_with(".4byte")))
        .filter(|(raw, _, theirs)| !is_excused(*raw, theirs))
        .map(|(raw, ours, theirs)| format!("{raw:08x}: {ours} | {theirs}"))
        .collect();
    assert_none(&different);
}

fn assert_none(different: &[String]) {
    let shown = different[..different.len().min(40)].join("\n");
    assert!(different.is_empty(), "{} differences:\n{shown}", different.len());
}

/// Compressed forms and their expansions, at the same addresses, must read the same with aliases.
#[test]
fn all_halfwords_expand_to_what_binutils_says() {
    if is_left_out() {
        return;
    }
    const NOP: u32 = 0x0001;
    const ILLEGAL: u32 = 0x0000_1073 | 0xfff << 20; // csrw 0xfff,zero: never an expansion
    let isa = isa();
    let halves: Vec<u32> = (0..0x1_0000).filter(|raw| raw & 3 != 3).collect();
    let padded: Vec<u32> = halves.iter().flat_map(|&raw| [raw, NOP]).collect();
    let expand = |&raw: &u32| decompress(raw as u16, &isa).map_or(ILLEGAL, |insn| insn.encode());
    let expanded: Vec<u32> = halves.iter().map(expand).collect();
    let (theirs, ours) = (disassemble("halves", "", &padded), disassemble("expanded", "", &expanded));
    let different: Vec<String> = (halves.iter().zip(theirs.iter().step_by(2)).zip(ours.iter().zip(&expanded)))
        .filter(|((_, theirs), (ours, word))| !same_expansion(theirs, ours, **word == ILLEGAL))
        .map(|((raw, theirs), (ours, _))| format!("{raw:04x}: {ours} | {theirs}"))
        .collect();
    assert_none(&different);
}

fn same_expansion(theirs: &str, ours: &str, is_illegal: bool) -> bool {
    if is_illegal {
        // of c.addi16sp, "the code points with nzimm=0 are reserved"
        return theirs.starts_with(".2byte") || theirs == "unimp" || theirs == "add sp,sp,0";
    }
    // hints keep their compressed name: they write x0, or shift by zero
    let is_hint = theirs.starts_with("c.") && (ours.contains(" zero,") || ours.ends_with(",0x0") || ours == "nop");
    // c.mv expands to `add`, which reads as it is; c.addi with zero reads as `add`, its expansion as `mv`
    let moved = ours.strip_prefix("add ").map(|operands| format!("mv {}", operands.replacen(",zero", "", 1)));
    let added = ours.strip_prefix("mv ").map(|operands| format!("add {operands},0"));
    is_hint || theirs == ours || [moved, added].iter().flatten().any(|text| text == theirs)
}
