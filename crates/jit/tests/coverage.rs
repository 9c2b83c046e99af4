//! Which instructions the translator generates code for: none slips back unseen.

#![cfg(all(target_arch = "x86_64", unix))]

use arch::isa::Isa;

/// All that always runs through the interpreter, by extension.
const INTERPRETED: &str = "
    fence_i csrrs csrrc csrrsi csrrci wfi
    sfence_vma sinval_vma sfence_w_inval sfence_inval_ir hfence_vvma hfence_gvma hinval_vvma hinval_gvma
    hlv_b hlv_bu hlv_h hlv_hu hlvx_hu hlv_w hlv_wu hlvx_wu hlv_d hsv_b hsv_h hsv_w hsv_d
    amocas_q wrs_nto wrs_sto cbo_inval cbo_clean cbo_flush brev8
    fsgnjx_s fclass_s fcvt_wu_s fcvt_lu_s
    fclass_d fcvt_wu_d fcvt_lu_d
    fmadd_h fmsub_h fnmsub_h fnmadd_h fsgnjx_h
    fclass_h fcvt_wu_h fcvt_lu_h
    fcvt_h_d
    fminm_s fmaxm_s fround_s froundnx_s fminm_d fmaxm_d fround_d froundnx_d
    fminm_h fmaxm_h fround_h froundnx_h fcvtmod_w_d";

#[test]
fn only_these_are_always_interpreted() {
    let all = jit::coverage(Isa::default()).unwrap();
    let interpreted = all.iter().filter(|(_, generated)| !generated).map(|(opcode, _)| opcode.row().function);
    let (seen, listed): (Vec<&str>, Vec<&str>) = (interpreted.collect(), INTERPRETED.split_whitespace().collect());
    let slipped: Vec<&&str> = seen.iter().filter(|name| !listed.contains(name)).collect();
    let gained: Vec<&&str> = listed.iter().filter(|name| !seen.contains(name)).collect();
    assert!(slipped.is_empty() && gained.is_empty(), "no longer generated: {slipped:?}; generated now: {gained:?}");
}
