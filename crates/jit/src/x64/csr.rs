//! CSRs that are read and written where they lie.
//!
//! Which register an access reaches, and whether it may, depends on the mode; code does not. So the code is made for
//! the mode it is translated in, and checks that it is the current one.

use std::mem::offset_of;

use arch::csr::status;
use privileged::State;
use privileged::csr::{Choice, Fields, Join, View, Word};
use semantics::CsrOp;

use super::asm::{Alu, Cc, RAX, RCX, RDX, Reg, Rm, Shift};
use super::emit::{ALL_FREE, Emitter, Kept};
use super::state::{FP_RAISES, FP_READY, INTERRUPT_WAITS, MODE, OPEN, privileged};
use crate::expr::{N, Node};
use crate::host::Csrs;

impl Emitter {
    fn load_word(&mut self, to: Reg, word: Word) {
        self.hot.mov(64, to, privileged(word.offset));
        if word.mask != u64::MAX {
            self.hot.alu_i(Alu::And, 64, Rm::R(to), word.mask as i32);
        }
    }

    /// What an access changes in a register whose value is in rax, in rdx.
    fn difference(&mut self, op: CsrOp, value: N) {
        self.free &= !(1 << RDX);
        self.into(RDX, value, 64);
        match op {
            CsrOp::Set => self.hot.andn(64, RDX, RAX, Rm::R(RDX)),
            CsrOp::Clear => self.hot.alu(Alu::And, 64, RDX, Rm::R(RAX)),
            _ => self.hot.alu(Alu::Xor, 64, RDX, Rm::R(RAX)),
        }
    }

    /// Lets the instruction run through the interpreter where what changes of the register in rax, in rdx, has
    /// consequences.
    fn check_consequences(&mut self, fields: &Fields) {
        let always = fields.consequences & !fields.choice.map_or(0, |choice| choice.mask);
        if always != 0 {
            self.hot.test_i(RDX, always as i32);
            self.slow_path_if(Cc::NE);
        }
        if let Some(choice) = fields.choice {
            self.hot.test_i(RDX, choice.mask as i32);
            let same = self.hot.jcc_fix(Cc::E);
            self.check_choice(&choice);
            self.hot.bind_here(same);
        }
    }

    /// The same where another wire is chosen: only while none is high and nothing waits, and only one that there is.
    fn check_choice(&mut self, choice: &Choice) {
        self.hot.alu_i(Alu::Cmp, 64, privileged(choice.wires), 0);
        self.slow_path_if(Cc::NE);
        self.check_no_interrupt_waits();
        self.hot.mov(32, RCX, Rm::R(RAX));
        self.hot.alu(Alu::Xor, 32, RCX, Rm::R(RDX));
        self.hot.alu_i(Alu::And, 32, Rm::R(RCX), choice.mask as i32);
        self.hot.alu_i(Alu::Cmp, 32, Rm::R(RCX), choice.most as i32);
        self.slow_path_if(Cc::A);
    }

    /// Notes whether floating point may run as generated, after FS has changed, as `note_mode` does:
    /// [`State::fp_dirty`], and `frm` to nearest.
    fn note_fp(&mut self, virt: bool) {
        const FS: i32 = status::FS as i32;
        const _: () = assert!(fp::Rounding::Rne as u8 == 0);
        self.hot.mov(32, RDX, privileged(offset_of!(State, mstatus)));
        if virt {
            self.hot.alu(Alu::And, 32, RDX, privileged(offset_of!(State, vsstatus)));
        }
        self.hot.alu_i(Alu::Xor, 32, Rm::R(RDX), FS);
        self.hot.alu_i(Alu::And, 32, Rm::R(RDX), FS);
        self.hot.extend(false, 8, RCX, privileged(offset_of!(State, frm)));
        self.hot.alu(Alu::Or, 32, RDX, Rm::R(RCX));
        self.hot.setcc(Cc::E, RDX);
        self.hot.store(1, FP_READY, RDX);
        self.hot.store_i(1, FP_RAISES, 1);
        self.hot.call(self.stubs.floats);
    }
}

impl Csrs for Emitter {
    fn check_mode(&mut self, code: u8) {
        self.hot.cmp_byte(MODE, code);
        self.slow_path_if(Cc::NE);
    }

    fn check_open(&mut self) {
        self.hot.cmp_byte(OPEN, 1);
        self.slow_path_if(Cc::NE);
    }

    fn check_no_interrupt_waits(&mut self) {
        self.hot.cmp_byte(INTERRUPT_WAITS, 0);
        self.slow_path_if(Cc::NE);
    }

    fn read_word<'a>(&mut self, offset: usize) -> Node<'a> {
        self.free &= !(1 << RAX);
        self.hot.mov(64, RAX, privileged(offset));
        Node::Kept(self.keep(Kept::Rm(Rm::R(RAX))))
    }

    fn write_word(&mut self, offset: usize, value: N) {
        match *value {
            Node::Const(c) if i32::try_from(c).is_ok() => self.hot.store_i(8, privileged(offset), c as i32),
            _ => {
                let v = self.reg(value);
                self.hot.store(8, privileged(offset), v);
            }
        }
    }

    fn load_view(&mut self, view: &View) {
        self.free &= !(1 << RAX);
        self.load_word(RAX, view.first);
        if let Some((join, word)) = view.second {
            self.load_word(RDX, word);
            let op = if join == Join::And { Alu::And } else { Alu::Or };
            self.hot.alu(op, 64, RAX, Rm::R(RDX));
        }
        if view.shift != 0 {
            self.hot.shift_i(Shift::Shr, 64, RAX, view.shift);
        }
        if let Some([one, other]) = view.besides {
            self.hot.mov(64, RDX, privileged(one));
            self.hot.alu(Alu::And, 64, RDX, privileged(other));
            self.hot.alu(Alu::Or, 64, RAX, Rm::R(RDX));
        }
    }

    fn check_unchanged(&mut self, op: CsrOp, view: &View, value: N) {
        self.difference(op, value);
        if view.writable == u64::MAX {
            self.hot.test(64, RDX, RDX);
        } else {
            self.hot.mov_i(RCX, view.writable as i64);
            self.hot.test(64, RDX, RCX);
        }
        self.slow_path_if(Cc::NE);
    }

    fn show_view<'a>(&mut self) -> Node<'a> {
        self.free = ALL_FREE & !(1 << RAX);
        Node::Kept(self.keep(Kept::Rm(Rm::R(RAX))))
    }

    fn load_fields(&mut self, offset: usize) {
        self.free &= !(1 << RAX);
        self.hot.mov(64, RAX, privileged(offset));
    }

    fn change_fields(&mut self, op: CsrOp, fields: &Fields, virt: bool, value: N) {
        self.difference(op, value);
        self.hot.alu_i(Alu::And, 32, Rm::R(RDX), fields.word.mask as i32);
        self.check_consequences(fields);
        self.hot.alu_mr(Alu::Xor, 64, privileged(fields.word.offset), RDX);
        if fields.fp != 0 {
            self.hot.test_i(RDX, fields.fp as i32);
            let same = self.hot.jcc_fix(Cc::E);
            self.note_fp(virt);
            self.hot.bind_here(same);
        }
    }

    fn show_fields<'a>(&mut self, fields: &Fields) -> Node<'a> {
        // adding the lower bit of FS carries out of it where both bits are set
        const FS_LOW: i32 = 1 << status::FS.trailing_zeros();
        const CARRY: i32 = 1 << (status::FS.trailing_zeros() + 2);
        const TO_SD: u8 = (status::SD.trailing_zeros() - status::FS.trailing_zeros() - 2) as u8;
        self.hot.alu_i(Alu::And, 64, Rm::R(RAX), fields.word.mask as i32);
        if fields.has_sd {
            self.hot.mov(32, RDX, Rm::R(RAX));
            self.hot.alu_i(Alu::And, 32, Rm::R(RDX), status::FS as i32);
            self.hot.alu_i(Alu::Add, 32, Rm::R(RDX), FS_LOW);
            self.hot.alu_i(Alu::And, 32, Rm::R(RDX), CARRY);
            self.hot.shift_i(Shift::Shl, 64, RDX, TO_SD);
            self.hot.alu(Alu::Or, 64, RAX, Rm::R(RDX));
        }
        self.hot.mov_i(RDX, fields.shown as i64);
        self.hot.alu(Alu::Or, 64, RAX, Rm::R(RDX));
        self.free = ALL_FREE & !(1 << RAX);
        Node::Kept(self.keep(Kept::Rm(Rm::R(RAX))))
    }
}
