//! The code between blocks: ways in, ways out, and calls of the translator.
//!
//! It is generated once, at the start of the cache, and never moves.

use super::asm::{Alu, Asm, Cc, RAX, RBP, RCX, RDX, RSP, Rm, Scalar, sse};
use super::state::{self, BUDGET, F_MAPPED, MAPPED, TABLE, jump};
use crate::host::{Made, Places};

/// A function that generated code calls, with the context that [`Enter`] was given.
pub type Helper = unsafe extern "C" fn(*mut (), u64) -> u64;

/// What generated code calls: a [`crate::host::Runtime`].
#[derive(Clone, Copy, Debug)]
pub struct Helpers {
    /// (context, offset in the detours): runs an instruction through the interpreter, that of the detour which the offset
    /// is in. 0: goes on behind; 1: leaves; else: code to go to.
    pub interpret: Helper,
    /// (context, 0): finds code for the hart's pc. 1: leaves; else: code to go to.
    pub find: Helper,
    /// (context, 0): executes the instruction at the hart's pc through the interpreter, fetched anew. As `find`.
    pub single: Helper,
    /// By [`crate::host::System`], (context, bits): executes the instruction at the hart's pc, whose bits these are. As `find`.
    pub system: [Helper; 4],
    /// (context, site): finds code for a jump within a page and lets it go there. As `find`.
    pub link: Helper,
}

/// Enters generated code: (context, rbp, code).
pub type Enter = unsafe extern "C" fn(*mut (), *mut (), u64);

/// Addresses of the code between blocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stubs {
    /// An [`Enter`].
    pub enter: u64,
    /// Called by detours: [`Helpers::interpret`].
    pub interpret: u64,
    /// Jumped to with a site in ecx: [`Helpers::link`].
    pub link: u64,
    /// Jumped to with a pc in rax that the jump table does not have: [`Helpers::find`].
    pub find: u64,
    /// Jumped to with a pc in rax where there is no code to make: [`Helpers::single`].
    pub single: u64,
    /// Jumped to with a pc in rax, and the bits of the instruction there in ecx: [`Helpers::system`].
    pub system: [u64; 4],
    /// Called where the quantum ends before a block; what the block has taken of it, a byte, and its pc, four bytes that are
    /// sign-extended, stand behind the call.
    pub stop: u64,
    /// The same for a pc of eight bytes.
    pub stop_far: u64,
    /// Called where floating point comes to be allowed to run as generated: reads its registers.
    pub floats: u64,
}

/// Registers that the calling convention wants back.
const SAVED: [u8; 6] = [3, 5, 12, 13, 14, 15];
/// Room for the context and for alignment: six registers and a return address are on the stack already.
const FRAME: i32 = 8;
const RDI: u8 = 7;
const RSI: u8 = 6;

impl Stubs {
    /// Generates them, for detours that begin where the first of these places is; their code is the hot code.
    pub fn generate(places: &Places, helpers: &Helpers) -> (Stubs, Made) {
        let mut asm = Asm::new(places.hot);
        let stubs = Stubs::emit(&mut asm, helpers, places.detours);
        (stubs, Made { hot: asm.code, ..Made::default() })
    }

    fn emit(asm: &mut Asm, helpers: &Helpers, detours: u64) -> Stubs {
        let mut stubs = Stubs { enter: asm.here(), ..Stubs::default() };
        SAVED.iter().for_each(|&r| asm.push(r));
        asm.alu_i(Alu::Sub, 64, Rm::R(RSP), FRAME);
        asm.store(8, Rm::M(RSP, 0), RDI);
        asm.mov(64, RBP, Rm::R(RSI));
        asm.mov(64, RAX, Rm::R(RDX));
        let go = asm.here();
        reload(asm);
        asm.jmp_rm(Rm::R(RAX));

        let leave = asm.here();
        asm.alu_i(Alu::Add, 64, Rm::R(RSP), FRAME);
        SAVED.iter().rev().for_each(|&r| asm.pop(r));
        asm.ret();

        stubs.stop_far = asm.here();
        asm.pop(RCX);
        asm.mov(64, RAX, Rm::M(RCX, 1));
        let stop = asm.here();
        asm.extend(false, 8, RCX, Rm::M(RCX, 0));
        asm.alu(Alu::Add, 64, BUDGET, Rm::R(RCX));
        asm.store(8, state::PC, RAX);
        spill(asm);
        asm.jmp(leave);

        stubs.stop = asm.here();
        asm.pop(RCX);
        asm.extend(true, 32, RAX, Rm::M(RCX, 1));
        asm.jmp(stop);

        let decide = |asm: &mut Asm| {
            asm.alu_i(Alu::Cmp, 64, Rm::R(RAX), 1);
            asm.jcc(Cc::E, leave);
            asm.jmp(go);
        };
        stubs.find = asm.here();
        go_beside(asm);
        asm.store(8, state::PC, RAX);
        spill(asm);
        call(asm, helpers.find, 0);
        decide(asm);

        stubs.single = asm.here();
        asm.store(8, state::PC, RAX);
        spill(asm);
        call(asm, helpers.single, 0);
        decide(asm);

        stubs.system = helpers.system.map(|helper| {
            let stub = asm.here();
            asm.store(8, state::PC, RAX);
            spill(asm);
            call(asm, helper, 0);
            decide(asm);
            stub
        });

        stubs.link = asm.here();
        spill(asm);
        call(asm, helpers.link, 0);
        decide(asm);

        stubs.interpret = asm.here();
        // where the detour goes on says which it is
        asm.mov(64, RCX, Rm::M(RSP, 0));
        asm.mov_i(RDX, detours as i64);
        asm.alu(Alu::Sub, 64, RCX, Rm::R(RDX));
        spill(asm);
        // the return address is above; it also keeps the stack from being aligned
        asm.alu_i(Alu::Sub, 64, Rm::R(RSP), 8);
        call(asm, helpers.interpret, 16);
        asm.alu_i(Alu::Add, 64, Rm::R(RSP), 8);
        asm.test(64, RAX, RAX);
        let elsewhere = asm.jcc_fix(Cc::NE);
        reload(asm);
        asm.ret();
        asm.bind_here(elsewhere);
        asm.alu_i(Alu::Add, 64, Rm::R(RSP), 8);
        decide(asm);

        stubs.floats = asm.here();
        reload_floats(asm);
        asm.ret();
        stubs
    }
}

/// Goes to the address in rax, if the jump table has it beside its slot; else goes on behind.
fn go_beside(asm: &mut Asm) {
    asm.rorx(RCX, RAX, jump::MIX);
    asm.alu(Alu::Xor, 32, RCX, Rm::R(RAX));
    asm.alu_i(Alu::And, 32, Rm::R(RCX), jump::MASK);
    asm.alu_i(Alu::Xor, 32, Rm::R(RCX), jump::BESIDE);
    asm.mov(64, RDX, state::JUMP_ENTRIES);
    asm.alu(Alu::Cmp, 64, RAX, Rm::S(RDX, RCX, jump::LEFT, jump::VA));
    let unknown = asm.jcc_fix(Cc::NE);
    asm.jmp_rm(Rm::S(RDX, RCX, jump::LEFT, jump::TARGET));
    asm.bind_here(unknown);
}

/// Calls a helper with the context, which is `depth` bytes up the stack, and the number or the bits in ecx.
fn call(asm: &mut Asm, helper: Helper, depth: i32) {
    asm.mov(64, RDI, Rm::M(RSP, depth));
    asm.mov(32, RSI, Rm::R(RCX));
    asm.mov_i(RAX, helper as usize as i64);
    asm.call_rm(Rm::R(RAX));
}

/// Writes everything that lives in registers to the hart.
fn spill(asm: &mut Asm) {
    MAPPED.iter().for_each(|&(x, r)| asm.store(8, state::x_slot(x), r));
    asm.store(8, state::LEFT, BUDGET);
}

/// Reads it back; rax is kept.
fn reload(asm: &mut Asm) {
    MAPPED.iter().for_each(|&(x, r)| asm.mov(64, r, state::x_slot(x)));
    asm.mov(64, BUDGET, state::LEFT);
    asm.mov(64, TABLE, state::DATA_ENTRIES);
    reload_floats(asm);
}

/// Reads the floating-point registers, if they are looked at: what may not run floating point does not.
fn reload_floats(asm: &mut Asm) {
    asm.cmp_byte(state::FP_READY, 0);
    let unused = asm.jcc_fix(Cc::E);
    F_MAPPED.iter().for_each(|&(f, x)| asm.scalar(Scalar::Double, sse::MOV, x, state::f_slot(f)));
    asm.bind_here(unused);
}
