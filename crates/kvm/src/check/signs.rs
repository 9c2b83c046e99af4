//! Whether loads from devices extend signs.
//!
//! Unprivileged 20240411, "Load and Store Instructions": "The LW instruction loads a 32-bit value from memory and
//! sign-extends this to 64 bits before storing it in register rd for RV64I." A device's registers are memory, whoever
//! emulates the device. Linux 6.12's KVM leaves the bits above zero (`kvm_riscv_vcpu_mmio_return` of
//! `arch/riscv/kvm/vcpu_insn.c`), 7.2's does not: from there on it is demanded.

use super::machine::Machine;
use super::{Checked, Verdict, expect, guests, passed, release};
use crate::Options;

/// What the device holds: negative in each of its sizes.
const HELD: u64 = 0xfedc_ba98_8765_a3c1;

/// LB, LH, LW and C.LW extend the sign, LBU, LHU and LWU do not, LD has none to extend.
pub fn come() -> Checked {
    let mut machine = Machine::new(guests::SIGNS, 1, Options::default())?;
    machine.device.set(0, HELD);
    machine.run()?;
    let loaded = |offset| machine.device.value(offset);
    let [byte, half, word] = [HELD as u8 as u64, HELD as u16 as u64, HELD as u32 as u64];
    expect("LBU, LHU, LWU, LD", [0x20, 0x28, 0x30, 0x38].map(loaded), [byte, half, word, HELD])?;
    let signed = [0x8, 0x10, 0x18, 0x40].map(loaded);
    let kernel = release::of_this_host();
    if signed == [byte, half, word, word] && release::is_before(&kernel, release::RIGHT) {
        let right = release::right();
        return Ok(Verdict::Known(format!("LB, LH, LW come as LBU, LHU, LWU do: Linux {kernel}, before {right}")));
    }
    expect(
        "LB, LH, LW, C.LW",
        signed,
        [HELD as i8 as u64, HELD as i16 as u64, HELD as i32 as u64, HELD as i32 as u64],
    )?;
    passed("LB, LH, LW, C.LW extend them")
}
