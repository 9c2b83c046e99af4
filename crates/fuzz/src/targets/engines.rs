//! The same code on both engines: after every stretch they are in the same state.
//!
//! The code is the input's bytes, so that what changes is an instruction; conformance has programs made from the table.

use arbitrary::{Result, Unstructured};
use arch::csr::pmpcfg;
use arch::{Isa, Mode};
use conformance::pair::{DEVICE, Pair, RAM_BASE};
use hart::Hart;
use kit::Registers;
use privileged::Config;
use vcpu::Exit;
use vcpu::debug::Debuggee;

use super::{Target, with};

pub const TARGET: Target =
    Target { name: "engines", what: "the same code, interpreted and translated", run: |input| with(input, run), seeds };

/// Where code is; its first bytes are the trap handler's too.
const CODE: u64 = RAM_BASE;
/// Most bytes of it: no code is written to, so they are a page.
const CODE_BYTES: usize = 4096;
const DATA: u64 = RAM_BASE + 0x1_0000;
/// Bytes of code memory: little, so that it is filled now and then.
const TRANSLATED_BYTES: usize = 1 << 20;

fn seeds() -> Vec<Vec<u8>> {
    // every instruction of the table, some at a time, with registers a0 to a2
    let operands = 10 << 7 | 11 << 15 | 12 << 20;
    let word = |opcode: &arch::insn::Opcode| {
        let pattern = opcode.row().pattern;
        (pattern.value | operands & !pattern.mask).to_le_bytes()
    };
    let words: Vec<[u8; 4]> = arch::insn::OPCODES.iter().map(word).collect();
    words.chunks(16).map(|words| [&[0; 40][..], &words.concat()].concat()).collect()
}

fn run(input: &mut Unstructured) -> Result<()> {
    // counters can count what each engine does in its own way: misses and walks
    let config = Config {
        misaligned: input.arbitrary()?,
        transformed_instructions: input.arbitrary()?,
        programmable_counters: 0,
        ..Config::new(Isa::ALL, 0)
    };
    let mut pair = Pair::with(config, Some(TRANSLATED_BYTES));
    prepare(&mut pair, input)?;
    let stretches: [u8; 8] = input.arbitrary()?;
    let len = input.len().min(CODE_BYTES);
    pair.put(CODE, input.bytes(len)?);
    for budget in stretches {
        match pair.run(1 + u64::from(budget)) {
            Ok(Exit::Idle { .. }) => pair.both(Hart::rouse),
            Ok(Exit::Quantum) => {}
            Ok(_) => break,
            Err(_) if pair.code_was_written() => break,
            Err(why) => panic!("{why}"),
        }
    }
    Ok(())
}

/// Registers, mode, and what traps are delegated; nobody writes code.
fn prepare(pair: &mut Pair, input: &mut Unstructured) -> Result<()> {
    let mode = *input.choose(&[Mode::M, Mode::HS, Mode::U, Mode::VS, Mode::VU])?;
    let (delegated, floating): (u16, u8) = (input.arbitrary()?, input.arbitrary()?);
    let (pc, handler): (u16, u16) = (input.arbitrary()?, input.arbitrary()?);
    let registers = (0..8).map(|_| register(input)).collect::<Result<Vec<u64>>>()?;
    let floats: [u64; 2] = input.arbitrary()?;
    let at = |offset: u16| CODE + u64::from(offset) % CODE_BYTES as u64;
    pair.both(|hart| {
        for number in 1..32 {
            hart.set_x([(number, registers[usize::from(number) % registers.len()])]);
            hart.set_f(number, floats[usize::from(number) % 2].rotate_left(u32::from(number) / 2 * 8));
        }
        hart.set_pc(at(pc) & !1);
        let state = hart.state_mut();
        (state.m.tvec, state.s.tvec, state.vs.tvec) = (at(handler) & !3, at(handler) & !3, CODE);
        state.mode = mode;
        state.pmpaddr[0] = CODE >> 2 | (CODE_BYTES as u64 / 8 - 1);
        state.pmpcfg[0] = pmpcfg::L | pmpcfg::A_NAPOT | pmpcfg::R | pmpcfg::X;
        state.pmpaddr[1] = (1 << 54) - 1;
        state.pmpcfg[1] = pmpcfg::A_NAPOT | pmpcfg::R | pmpcfg::W | pmpcfg::X;
        state.medeleg = u64::from(delegated) & 0xb35d;
        (state.mcounteren, state.scounteren, state.hcounteren) = (7, 7, 7);
        state.mstatus |= u64::from(floating & 3) << 13;
        state.vsstatus |= u64::from(floating >> 2 & 3) << 13;
        (state.stimecmp, state.vstimecmp) = (u64::MAX, u64::MAX);
    });
    Ok(())
}

/// Pointers to data and to the device, and numbers.
fn register(input: &mut Unstructured) -> Result<u64> {
    Ok(match input.int_in_range(0..=3)? {
        0 => DATA + u64::from(input.arbitrary::<u8>()?),
        1 => DATA + 4096 - u64::from(input.arbitrary::<u8>()? % 32),
        2 => DEVICE + u64::from(input.arbitrary::<u8>()? % 64),
        _ => input.arbitrary()?,
    })
}
