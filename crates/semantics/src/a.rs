//! A (Zalrsc and Zaamo) and Zacas: atomic memory operations.
//!
//! Unprivileged architecture, "A Extension for Atomic Instructions", "Zacas Extension for Atomic Compare-and-Swap
//! (CAS) Instructions".

use crate::Width::{B4, B8, B16};
use crate::{AmoOp, Exec, Order, Out, Value, Width, Word, insns, x_insns};
use arch::insn::Amo;

#[inline(always)]
fn amo<M: Exec>(m: &mut M, width: Width, op: AmoOp, i: Amo) -> Value<M> {
    m.amo(width, op, Order(i.aqrl), m.x(i.rs1), m.x(i.rs2))
}

/// Compare-and-swap of one register.
#[inline(always)]
fn amocas<M: Exec>(m: &mut M, width: Width, i: Amo) -> Value<M> {
    let (expected, desired, unused) = (m.x(i.rd), m.x(i.rs2), m.imm(0));
    let [old, _] = m.amocas(width, Order(i.aqrl), m.x(i.rs1), [expected, unused], [desired, unused])?;
    Ok(old)
}

/// A pair of registers. "If the first register of a source register pair is x0, then both halves of the pair read as
/// zero."
#[inline(always)]
fn pair<M: Exec>(m: &M, first: u8) -> [M::W; 2] {
    if first == 0 { [m.imm(0); 2] } else { [m.x(first), m.x(first | 1)] }
}

/// "Encodings with odd numbered registers specified in rs2 and rd are reserved."
#[inline(always)]
fn amocas_pair<M: Exec>(m: &mut M, i: Amo) -> Out<M> {
    if (i.rd | i.rs2) & 1 != 0 {
        return Err(m.illegal());
    }
    let (expected, desired) = (pair(m, i.rd), pair(m, i.rs2));
    let [low, high] = m.amocas(B16, Order(i.aqrl), m.x(i.rs1), expected, desired)?;
    if i.rd != 0 {
        m.set_x(i.rd, low);
        m.set_x(i.rd | 1, high);
    }
    Ok(())
}

x_insns! {
    lr_w Lr |m, i| m.reserve(B4, Order(i.aqrl), m.x(i.rs1))?.sext(32);
    lr_d Lr |m, i| m.reserve(B8, Order(i.aqrl), m.x(i.rs1))?;
    sc_w Amo |m, i| m.conditional(B4, Order(i.aqrl), m.x(i.rs1), m.x(i.rs2))?;
    sc_d Amo |m, i| m.conditional(B8, Order(i.aqrl), m.x(i.rs1), m.x(i.rs2))?;
    amoswap_w Amo |m, i| amo(m, B4, AmoOp::Swap, i)?.sext(32);
    amoswap_d Amo |m, i| amo(m, B8, AmoOp::Swap, i)?;
    amoadd_w Amo |m, i| amo(m, B4, AmoOp::Add, i)?.sext(32);
    amoadd_d Amo |m, i| amo(m, B8, AmoOp::Add, i)?;
    amoxor_w Amo |m, i| amo(m, B4, AmoOp::Xor, i)?.sext(32);
    amoxor_d Amo |m, i| amo(m, B8, AmoOp::Xor, i)?;
    amoand_w Amo |m, i| amo(m, B4, AmoOp::And, i)?.sext(32);
    amoand_d Amo |m, i| amo(m, B8, AmoOp::And, i)?;
    amoor_w Amo |m, i| amo(m, B4, AmoOp::Or, i)?.sext(32);
    amoor_d Amo |m, i| amo(m, B8, AmoOp::Or, i)?;
    amomin_w Amo |m, i| amo(m, B4, AmoOp::Min, i)?.sext(32);
    amomin_d Amo |m, i| amo(m, B8, AmoOp::Min, i)?;
    amomax_w Amo |m, i| amo(m, B4, AmoOp::Max, i)?.sext(32);
    amomax_d Amo |m, i| amo(m, B8, AmoOp::Max, i)?;
    amominu_w Amo |m, i| amo(m, B4, AmoOp::Minu, i)?.sext(32);
    amominu_d Amo |m, i| amo(m, B8, AmoOp::Minu, i)?;
    amomaxu_w Amo |m, i| amo(m, B4, AmoOp::Maxu, i)?.sext(32);
    amomaxu_d Amo |m, i| amo(m, B8, AmoOp::Maxu, i)?;
    amocas_w Amo |m, i| amocas(m, B4, i)?.sext(32);
    amocas_d Amo |m, i| amocas(m, B8, i)?;
}

insns! {
    amocas_q Amo |m, i| amocas_pair(m, i);
}
