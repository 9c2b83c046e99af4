//! The code between blocks: ways in, ways out, and calls of the translator.
//!
//! It is generated once, at the start of the cache, and never moves.

use super::asm::{Alu, Asm, Cc, RAX, RBP, RCX, RDX, RSP, Rm, Scalar, sse};
use super::state::{self, BUDGET, F_MAPPED, MAPPED, TABLE, jump};
use crate::host::{GO_ON, LEAVE, Made, Places};

/// A function that generated code calls, with the context that [`Enter`] was given.
pub type Helper = unsafe extern "C" fn(*mut (), u64) -> u64;

/// What generated code calls: a [`crate::host::Runtime`].
#[derive(Clone, Copy, Debug)]
pub struct Helpers {
    /// (context, offset in the slow paths): runs an instruction through the interpreter, that of the slow path which
    /// the offset is in. 0: goes on behind; 1: leaves; else: code to go to.
    pub interpret: Helper,
    /// (context, 0): finds code for the hart's pc. 1: leaves; else: code to go to.
    pub find: Helper,
    /// (context, 0): executes the instruction at the hart's pc through the interpreter, fetched anew. As `find`.
    pub single: Helper,
    /// By [`crate::host::System`], (context, bits): executes the instruction at the hart's pc, whose bits these are. As
    /// `find`.
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
    /// Called by slow paths: [`Helpers::interpret`].
    pub interpret: u64,
    /// Jumped to with a site in ecx: [`Helpers::link`].
    pub link: u64,
    /// Jumped to with a pc in rax that the jump table does not have: [`Helpers::find`].
    pub find: u64,
    /// Jumped to with a pc in rax where there is no code to make: [`Helpers::single`].
    pub single: u64,
    /// Jumped to with a pc in rax, and the bits of the instruction there in ecx: [`Helpers::system`].
    pub system: [u64; 4],
    /// Called where the quantum ends before a block; what the block has taken of it, a byte, and its pc, four bytes
    /// that are sign-extended, stand behind the call.
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
    /// Generates them, for slow paths that begin where the first of these places is; their code is the hot code.
    pub fn generate(places: &Places, helpers: &Helpers) -> (Stubs, Made) {
        let mut asm = Asm::new(places.hot);
        let stubs = Stubs::emit(&mut asm, helpers, places.slow_paths);
        (stubs, Made { hot: asm.code, ..Made::default() })
    }

    fn emit(asm: &mut Asm, helpers: &Helpers, slow_paths: u64) -> Stubs {
        let enter = asm.here();
        let go = way_in(asm);
        let ends = Ends { go, leave: way_out(asm) };
        let (stop_far, stop) = stops(asm, ends);
        Stubs {
            enter,
            stop_far,
            stop,
            find: find(asm, helpers.find, ends),
            single: at_pc(asm, helpers.single, ends),
            system: helpers.system.map(|helper| at_pc(asm, helper, ends)),
            link: link(asm, helpers.link, ends),
            interpret: interpret(asm, helpers.interpret, slow_paths, ends),
            floats: floats(asm),
        }
    }
}

/// Where stubs go on.
#[derive(Clone, Copy)]
struct Ends {
    /// At the code whose address is in rax, with all registers read anew.
    go: u64,
    /// Back at whoever entered.
    leave: u64,
}

impl Ends {
    /// Goes where a helper's answer says.
    fn decide(self, asm: &mut Asm) {
        asm.alu_i(Alu::Cmp, 64, Rm::R(RAX), LEAVE as i32);
        asm.jcc(Cc::E, self.leave);
        asm.jmp(self.go);
    }
}

/// An [`Enter`]; answers [`Ends::go`].
fn way_in(asm: &mut Asm) -> u64 {
    SAVED.iter().for_each(|&r| asm.push(r));
    asm.alu_i(Alu::Sub, 64, Rm::R(RSP), FRAME);
    asm.store(8, Rm::M(RSP, 0), RDI);
    asm.mov(64, RBP, Rm::R(RSI));
    asm.mov(64, RAX, Rm::R(RDX));
    let go = asm.here();
    reload(asm);
    asm.jmp_rm(Rm::R(RAX));
    go
}

/// [`Ends::leave`].
fn way_out(asm: &mut Asm) -> u64 {
    let leave = asm.here();
    asm.alu_i(Alu::Add, 64, Rm::R(RSP), FRAME);
    SAVED.iter().rev().for_each(|&r| asm.pop(r));
    asm.ret();
    leave
}

/// [`Stubs::stop_far`] and [`Stubs::stop`].
fn stops(asm: &mut Asm, ends: Ends) -> (u64, u64) {
    let stop_far = asm.here();
    asm.pop(RCX);
    asm.mov(64, RAX, Rm::M(RCX, 1));
    let at_pc = asm.here();
    asm.extend(false, 8, RCX, Rm::M(RCX, 0));
    asm.alu(Alu::Add, 64, BUDGET, Rm::R(RCX));
    asm.store(8, state::PC, RAX);
    spill(asm);
    asm.jmp(ends.leave);

    let stop = asm.here();
    asm.pop(RCX);
    asm.extend(true, 32, RAX, Rm::M(RCX, 1));
    asm.jmp(at_pc);
    (stop_far, stop)
}

/// [`Stubs::find`].
fn find(asm: &mut Asm, helper: Helper, ends: Ends) -> u64 {
    let stub = asm.here();
    go_beside(asm);
    at_pc(asm, helper, ends);
    stub
}

/// [`Stubs::single`], and those of [`Stubs::system`]: a helper is called for the pc in rax.
fn at_pc(asm: &mut Asm, helper: Helper, ends: Ends) -> u64 {
    let stub = asm.here();
    asm.store(8, state::PC, RAX);
    spill(asm);
    call(asm, helper, 0);
    ends.decide(asm);
    stub
}

/// [`Stubs::link`].
fn link(asm: &mut Asm, helper: Helper, ends: Ends) -> u64 {
    let stub = asm.here();
    spill(asm);
    call(asm, helper, 0);
    ends.decide(asm);
    stub
}

/// [`Stubs::interpret`], for slow paths that begin at `slow_paths`.
fn interpret(asm: &mut Asm, helper: Helper, slow_paths: u64, ends: Ends) -> u64 {
    let stub = asm.here();
    // where the slow path goes on says which it is
    asm.mov(64, RCX, Rm::M(RSP, 0));
    asm.mov_i(RDX, slow_paths as i64);
    asm.alu(Alu::Sub, 64, RCX, Rm::R(RDX));
    spill(asm);
    // the return address is above; it also keeps the stack from being aligned
    asm.alu_i(Alu::Sub, 64, Rm::R(RSP), 8);
    call(asm, helper, 16);
    asm.alu_i(Alu::Add, 64, Rm::R(RSP), 8);
    const _: () = assert!(GO_ON == 0);
    asm.test(64, RAX, RAX);
    let elsewhere = asm.jcc_fix(Cc::NE);
    reload(asm);
    asm.ret();
    asm.bind_here(elsewhere);
    asm.alu_i(Alu::Add, 64, Rm::R(RSP), 8);
    ends.decide(asm);
    stub
}

/// [`Stubs::floats`].
fn floats(asm: &mut Asm) -> u64 {
    let stub = asm.here();
    reload_floats(asm);
    asm.ret();
    stub
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
