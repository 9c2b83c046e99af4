//! What a hart is loaded with that no hart can come to.

use arch::csr::{atp, pmpcfg, status};
use arch::{Isa, Mode};
use bus::Stateful;
use hart::Hart;
use kit::Registers;

/// What is said of a hart that was changed so before it was saved.
fn refusal(change: fn(&mut Hart)) -> String {
    let hart = || kit::hart(Isa::ALL, kit::ram(0x1000));
    let mut saved = hart();
    change(&mut saved);
    let bytes = Stateful::state(&mut saved).unwrap();
    hart().set_state(&bytes).map_or_else(|why| why.to_string(), |()| String::new())
}

#[test]
fn what_a_program_could_have_left_there_is_taken() {
    assert_eq!(refusal(|hart| hart.state_mut().satp = atp::SV39 << atp::MODE_SHIFT | 5), "");
    assert_eq!(refusal(|hart| hart.set_pc(0x1002)), "");
}

#[test]
fn what_no_hart_can_hold_is_refused_by_name() {
    let held = |name: &str| format!("its {name} held what it cannot hold");
    assert_eq!(refusal(|hart| hart.state_mut().satp = 11 << atp::MODE_SHIFT), held("satp"));
    assert_eq!(refusal(|hart| hart.state_mut().mstatus = 2 << status::MPP_SHIFT), held("mstatus"));
    assert_eq!(refusal(|hart| hart.state_mut().pmpcfg[9] = pmpcfg::W), held("pmpcfg2"));
    assert_eq!(
        refusal(|hart| hart.state_mut().mode = Mode { virt: true, ..Mode::M }),
        "it was in a mode that there is not"
    );
}

/// No word of a hart's puts any of this there.
#[test]
fn what_would_come_around_is_refused() {
    assert_eq!(refusal(|hart| hart.core.x[0] = 1), "its x0 was not zero");
    assert_eq!(refusal(|hart| hart.core.pc = 1), "its pc was odd");
    let more = "it had executed more than any hart can";
    assert_eq!(refusal(|hart| hart.state_mut().instret = u64::MAX - 5), more);
    assert_eq!(refusal(|hart| hart.core.traps = 1 << 63), more);
}
