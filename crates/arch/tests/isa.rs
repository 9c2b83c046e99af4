//! ISA strings: reading, writing, and what is said of those that mean nothing.

use arch::isa::{Extension, Isa, IsaError, PROFILES};

#[test]
fn letters_and_names_are_read_with_what_they_imply() {
    let isa = Isa::parse("rv64gch_zba_zacas").expect("all exist");
    for extension in [Extension::M, Extension::Zaamo, Extension::Zcd, Extension::Zicsr, Extension::H, Extension::Zba] {
        assert!(isa.has(extension), "{extension:?}");
    }
    assert!(!isa.has(Extension::Zbb));
}

#[test]
fn parts_that_make_a_letter_give_the_letter() {
    let isa = Isa::parse("rv64i_zaamo_zalrsc_zba_zbb_zbs_zca").expect("all exist");
    assert!(isa.contains(Isa::of(&[Extension::A, Extension::B, Extension::C])));
}

#[test]
fn zca_with_d_is_not_yet_c() {
    let isa = Isa::parse("rv64imafd_zca").expect("all exist");
    assert!(!isa.has(Extension::C));
}

#[test]
fn the_canonical_string_is_read_back() {
    let isa = Isa::default();
    let text = isa.string().to_string();
    assert!(text.starts_with("rv64imafdcbh_zic64b_zicbom_"), "{text}");
    assert_eq!(Isa::parse(&text).map(|i| i.string().to_string()), Ok(text.clone()));
}

#[test]
fn the_default_is_all_but_sv57_and_svade() {
    assert!(Isa::default().has(Extension::Sv48) && !Isa::default().has(Extension::Sv57));
    assert!(Isa::default().has(Extension::Svadu) && !Isa::default().has(Extension::Svade));
}

#[test]
fn case_does_not_matter_and_a_long_name_may_follow_letters() {
    assert_eq!(Isa::parse("RV64IMZba"), Isa::parse("rv64im_zba"));
    assert_eq!(Isa::parse("rv64imsvinval"), Isa::parse("rv64im_svinval"));
}

#[test]
fn profiles_are_read_and_extended() {
    let rva23 = Isa::parse("rva23s64_zacas").expect("a profile");
    assert!(rva23.contains(Isa::of(&[Extension::Sha, Extension::Zacas, Extension::B, Extension::Zimop])));
    assert!(!Isa::parse("rva22s64").expect("a profile").has(Extension::H));
    // RVA22S64 and RVA23S64, "Mandatory Extensions": Svade; Svadu is an option that is off until it is turned on.
    assert!(rva23.has(Extension::Svade) && !rva23.has(Extension::Svadu));
    assert_eq!(PROFILES[1].name, "rva23s64");
    assert!(PROFILES[1].lacks.contains(&"v"));
}

/// RVA23S64 asks for Ssstateen. Linux's KVM lets guests at `senvcfg` by `hstateen0` where it finds Smstateen (7.2,
/// `kvm_riscv_vcpu_setup_config`), and a hart that has the one without the other refuses them.
#[test]
fn a_hart_of_the_profile_has_all_of_state_enable() {
    let rva23 = Isa::parse("rva23s64").expect("a profile");
    assert!(rva23.has(Extension::Ssstateen) && rva23.has(Extension::Smstateen));
    assert!(!rva23.less(Extension::Smstateen).has(Extension::Ssstateen));
}

#[test]
fn a_misspelling_is_named_with_its_neighbour_and_the_list() {
    let error = Isa::parse("rv64gc_zbba").expect_err("no such extension");
    assert_eq!(error, IsaError::Unknown { name: "zbba", nearest: Some("zba") });
    let text = error.to_string();
    assert!(text.contains("did you mean \"zba\"") && text.contains("rva23s64") && text.contains(" zicbom "), "{text}");
}

#[test]
fn what_is_far_from_all_has_no_neighbour() {
    let error = Isa::parse("rv64gcv").expect_err("no vectors");
    assert_eq!(error, IsaError::Unknown { name: "v", nearest: None });
    assert_eq!(Isa::parse("rv64gc_"), Err(IsaError::NoName));
    assert_eq!(Isa::parse("rv64gcé"), Err(IsaError::Unknown { name: "é", nearest: None }));
}

#[test]
fn what_is_no_rv64_is_said_to_be_none() {
    assert_eq!(Isa::parse("rv32gc"), Err(IsaError::NotRv64 { text: "rv32gc", nearest: None }));
    assert_eq!(Isa::parse(""), Err(IsaError::NotRv64 { text: "", nearest: None }));
    assert_eq!(Isa::parse("rva23u64"), Err(IsaError::NotRv64 { text: "rva23u64", nearest: Some("rva23s64") }));
    assert_eq!(Isa::parse("rv64mac"), Err(IsaError::NoBase("rv64mac")));
}

#[test]
fn extensions_come_in_canonical_order() {
    let strings: Vec<&str> = Isa::ALL.names().collect();
    let class = |name: &str| match (name.len(), name.as_bytes()[0]) {
        (1, letter) => (0, position(letter), String::new()),
        (_, b'z') => (1, position(name.as_bytes()[1]), name.to_owned()),
        _ => (2, 0, name.to_owned()),
    };
    assert!(strings.is_sorted_by_key(|name| class(name)), "{strings:?}");
}

/// Unprivileged architecture, "Subset Naming Convention": the order of single letters.
fn position(letter: u8) -> usize {
    "iemafdqlcbkjtpvnh".bytes().position(|l| l == letter).expect("a standard letter")
}

#[test]
fn every_name_of_several_letters_that_is_unknown_is_answered_with_the_nearest() {
    for (text, nearest) in
        [("rv64gc_zvbb", "zbb"), ("rv64gc_sv49", "sv39"), ("rv64gc_zicboms", "zicbom"), ("rv64gc_svpmbt", "svpbmt")]
    {
        let said = Isa::parse(text).unwrap_err().to_string();
        assert!(said.contains(&format!("; did you mean \"{nearest}\"? There are ")), "{said}");
    }
    assert!(Isa::parse("rv64gcv").unwrap_err().to_string().starts_with("unknown extension \"v\". There are "));
}

#[test]
fn an_extension_goes_with_what_implies_it_and_a_group_with_its_members() {
    use Extension::{C, D, F, H, Sha, Shtvala, Zba, Zca, Zcb, Zcd};
    let without = |extension| Isa::ALL.less(extension);
    let lacks = |isa: Isa, list: &[Extension]| list.iter().all(|&e| !isa.has(e));
    assert!(lacks(without(C), &[C, Zca, Zcb, Zcd]) && without(C).has(D));
    assert!(lacks(without(F), &[F, D, Zcd]) && without(F).has(Zca));
    assert!(lacks(without(Sha), &[Sha, Shtvala]) && without(Sha).has(H));
    assert!(lacks(without(Zba), &[Zba, Extension::B]));
    for &extension in Extension::ALL {
        let isa = without(extension);
        assert!(!isa.has(extension) && isa.closed() == isa, "{extension:?}");
    }
}
