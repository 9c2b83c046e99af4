//! Known encodings of what binutils 2.40 does not have. Bits are from the tables of the manual's chapters, or from
//! RISC-V's opcode list.

use arch::insn::{At, decode, decompress, fetch_len};
use arch::isa::{Extension, Isa};

fn text(raw: u32) -> String {
    decode(raw, &Isa::ALL).map_or("illegal".to_owned(), |insn| insn.to_string())
}

#[test]
fn newer_extensions() {
    let cases = [
        (0x0eb5_5533, "czero.eqz a0,a0,a1"),
        (0x0eb5_7533, "czero.nez a0,a0,a1"),
        (0x28b5_25af, "amocas.w a1,a1,(a0)"),
        (0x2eb5_35af, "amocas.d.aqrl a1,a1,(a0)"),
        (0x28c5_452f, "amocas.q a0,a2,(a0)"),
        (0x81c5_c573, "mop.r.0 a0,a1"),
        (0xcdf5_c573, "mop.r.31 a0,a1"),
        (0x82c5_c573, "mop.rr.0 a0,a1,a2"),
        (0xcec5_c573, "mop.rr.7 a0,a1,a2"),
        (0xf017_8553, "fli.s fa0,0.875"),
        (0xf21f_8553, "fli.d fa0,nan"),
        (0x28c5_a553, "fminm.s fa0,fa1,fa2"),
        (0x2ac5_b553, "fmaxm.d fa0,fa1,fa2"),
        (0x4245_9553, "fround.d fa0,fa1,rtz"),
        (0x4055_f553, "froundnx.s fa0,fa1"),
        (0xa2c5_c553, "fleq.d a0,fa1,fa2"),
        (0xa4c5_d553, "fltq.h a0,fa1,fa2"),
        (0xc285_9553, "fcvtmod.w.d a0,fa1,rtz"),
        (0x0010_000f, "fence unknown,w"),
        (0x8330_000f, "fence.tso"),
    ];
    for (raw, expected) in cases {
        assert_eq!(text(raw), expected, "{raw:#x}");
    }
}

#[test]
fn what_is_left_out_is_illegal() {
    // zeros and ones; a wrong rounding mode of fcvtmod; mop of reserved bits; RV32's fmvh.x.d
    for raw in [0, !0, 0xc285_0553, 0xa1c5_c573, 0xe215_8553] {
        assert_eq!(text(raw), "illegal", "{raw:#x}");
    }
}

#[test]
fn zcb_and_zcmop_expand() {
    let cases = [
        (0x8128, "lbu a0,2(a0)"),
        (0x8588, "lhu a0,0(a1)"),
        (0x85e8, "lh a0,2(a1)"),
        (0x89c8, "sb a0,1(a1)"),
        (0x8da8, "sh a0,2(a1)"),
        (0x9d61, "andi a0,a0,255"),
        (0x9d65, "sext.b a0,a0"),
        (0x9d69, "zext.h a0,a0"),
        (0x9d6d, "sext.h a0,a0"),
        (0x9d71, "add.uw a0,a0,zero"),
        (0x9d75, "xori a0,a0,-1"),
        (0x9d4d, "mul a0,a0,a1"),
        (0x6081, "addi zero,zero,0"),
        (0x6781, "addi zero,zero,0"),
    ];
    for (raw, expected) in cases {
        assert_eq!(decompress(raw, &Isa::ALL).map(|insn| insn.to_string()).as_deref(), Some(expected), "{raw:#x}");
    }
    for raw in [0x8c68, 0x9d79, 0x9d7d, 0x6101, 0x6881, 0x6001] {
        assert_eq!(decompress(raw, &Isa::ALL), None, "{raw:#x}"); // reserved
    }
}

#[test]
fn a_compressed_form_needs_its_extension_and_that_of_its_expansion() {
    fn expand(raw: u16, isa: &Isa) -> Option<u32> {
        decompress(raw, isa).map(|insn| insn.encode())
    }
    let without = |extension| Isa::ALL.without(extension);
    assert_eq!(expand(0x0505, &Isa::ALL), Some(0x0015_0513)); // c.addi a0,1
    assert_eq!(expand(0x0505, &without(Extension::Zca)), None);
    assert_eq!(expand(0x2108, &without(Extension::Zcd)), None); // c.fld
    assert_eq!(expand(0x9d65, &without(Extension::Zbb)), None); // c.sext.b
    assert_eq!(expand(0x9d4d, &without(Extension::Zmmul)), None); // c.mul
    assert_eq!(expand(0x6081, &without(Extension::Zcmop)), None); // c.mop.1
}

/// Whoever decodes need not decode the expansion.
#[test]
fn a_compressed_form_is_what_its_expansion_decodes_to() {
    for isa in [Isa::ALL, Isa::default(), Isa::ALL.without(Extension::Zbb), Isa::ALL.without(Extension::D)] {
        for raw in (0..=u16::MAX).filter(|&raw| fetch_len(raw) == 2) {
            let insn = decompress(raw, &isa);
            assert_eq!(insn, insn.and_then(|insn| decode(insn.encode(), &isa)), "{raw:#x}");
        }
    }
}

#[test]
fn lengths_are_in_the_two_low_bits() {
    assert_eq!([0x0000, 0x0001, 0x0002, 0x0003].map(fetch_len), [2, 2, 2, 4]);
}

#[test]
fn targets_are_relative_without_an_address_and_absolute_with_one() {
    let insn = decode(0xfe00_0ee3, &Isa::ALL).expect("a branch");
    assert_eq!(insn.to_string(), "beq zero,zero,.-4");
    assert_eq!(At(insn, 0x8000_0000).to_string(), "beq zero,zero,0x7ffffffc");
}

#[test]
fn hints_execute_as_their_base() {
    assert_eq!(text(0x0020_0033), "add zero,zero,sp"); // ntl.p1
    assert_eq!(text(0x0200_6013), "prefetch.i 32(zero)");
    let without = Isa::ALL.without(Extension::Zicbop).without(Extension::Zihintpause);
    assert_eq!(decode(0x0200_6013, &without).map(|i| i.to_string()).as_deref(), Some("ori zero,zero,32"));
    assert_eq!(decode(0x0100_000f, &without).map(|i| i.to_string()).as_deref(), Some("fence w,unknown"));
}
