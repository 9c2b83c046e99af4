//! Instructions: decoder, encoder, expansion and disassembly agree, for any bits and any set of extensions.

use arbitrary::{Result, Unstructured};
use arch::insn::{At, decompress, fetch_len};
use arch::{Extension, Insn, Isa, decode};

use super::{Target, with};

pub const TARGET: Target = Target {
    name: "decode",
    what: "instructions: decode, expand, encode and disassemble agree",
    run: |input| with(input, run),
    seeds,
};

fn seeds() -> Vec<Vec<u8>> {
    let all = arch::insn::OPCODES.iter().map(|opcode| opcode.row().pattern.value.to_le_bytes());
    let words: Vec<u8> = all.flatten().collect();
    words.chunks(64).map(|words| [&[0xff; 17], words].concat()).collect()
}

fn run(input: &mut Unstructured) -> Result<()> {
    let isa = set(input)?;
    while !input.is_empty() {
        let raw: u32 = input.arbitrary()?;
        word(raw, &isa);
        half(raw as u16, &isa);
    }
    Ok(())
}

/// Any set of extensions; mostly all.
fn set(input: &mut Unstructured) -> Result<Isa> {
    let (all, bits): (u8, u128) = (input.arbitrary()?, input.arbitrary()?);
    let some = Extension::ALL.iter().filter(|&&extension| bits >> extension as u32 & 1 != 0);
    Ok(if all & 1 != 0 { Isa::ALL } else { some.fold(Isa::NONE, |set, &extension| set.with(extension)) })
}

fn word(raw: u32, isa: &Isa) {
    let Some(insn) = decode(raw, isa) else { return };
    assert!(insn.row().pattern.matches(raw) && insn.row().needs.met_by(*isa), "{raw:#x}: {insn}");
    assert_eq!(decode(insn.encode(), isa), Some(insn), "{raw:#x}: {insn} is encoded as something else");
    assert_eq!(fetch_len(raw as u16), 4);
    shown(insn);
}

fn half(raw: u16, isa: &Isa) {
    let Some(insn) = decompress(raw, isa) else { return };
    assert_eq!(fetch_len(raw), 2);
    assert_eq!(decode(insn.encode(), isa), Some(insn), "{raw:#x}: {insn} is no instruction of this machine");
    shown(insn);
}

/// Its text begins with its name, with and without an address.
fn shown(insn: Insn) {
    let name = insn.row().function.replace('_', ".");
    for text in [insn.to_string(), At(insn, u64::MAX - 1).to_string()] {
        assert!(text.starts_with(&name) && text.is_ascii(), "{text}");
    }
    assert!(insn.writes_csr() <= insn.ends_block(), "{insn}");
}
