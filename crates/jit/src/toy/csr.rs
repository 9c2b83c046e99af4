//! CSRs that are read and written where they lie.

use arch::csr::status;
use privileged::csr::{Fields, Join, View, Word};
use semantics::CsrOp;

use super::emit::Emitter;
use super::step::{Kind, RELATIONS, index};
use crate::expr::{N, Node, Op, Rel};
use crate::host::Csrs;

impl Emitter {
    fn word(&mut self, word: Word) {
        self.wide(Kind::Word, word.offset as u64);
        self.constant(word.mask);
        self.binary(Op::And);
    }

    /// Pushes what an access changes of what was loaded.
    fn difference(&mut self, op: CsrOp, value: N) {
        self.tree(value);
        if op == CsrOp::Set {
            // what is not there yet
            self.with(Kind::Held, self.loaded);
            self.with(Kind::Unary, 0);
            return self.binary(Op::And);
        }
        self.with(Kind::Held, self.loaded);
        self.binary(if op == CsrOp::Clear { Op::And } else { Op::Xor });
    }

    /// Pushes SD as what was loaded shows it: where FS is Dirty.
    fn sd(&mut self) {
        self.with(Kind::Held, self.loaded);
        self.constant(status::FS);
        self.binary(Op::And);
        self.constant(status::FS);
        self.with(Kind::Compare, index(&RELATIONS, Rel::Eq));
        self.constant(status::SD);
        self.constant(0);
        self.of(Kind::Select);
    }
}

impl Csrs for Emitter {
    fn check_mode(&mut self, code: u8) {
        self.check(Kind::CheckMode, code);
    }

    fn check_open(&mut self) {
        self.check(Kind::CheckOpen, 0);
    }

    fn check_no_interrupt_waits(&mut self) {
        self.check(Kind::CheckNoInterrupt, 0);
    }

    fn read_word<'a>(&mut self, offset: usize) -> Node<'a> {
        self.wide(Kind::Word, offset as u64);
        Node::Kept(self.keep())
    }

    fn write_word(&mut self, offset: usize, value: N) {
        self.tree(value);
        self.wide(Kind::SetWord, offset as u64);
    }

    fn load_view(&mut self, view: &View) {
        self.word(view.first);
        if let Some((join, word)) = view.second {
            self.word(word);
            self.binary(if join == Join::And { Op::And } else { Op::Or });
        }
        self.constant(view.shift.into());
        self.binary(Op::Shr);
        if let Some([one, other]) = view.besides {
            self.wide(Kind::Word, one as u64);
            self.wide(Kind::Word, other as u64);
            self.binary(Op::And);
            self.binary(Op::Or);
        }
        self.loaded = self.keep();
    }

    fn check_unchanged(&mut self, op: CsrOp, view: &View, value: N) {
        self.may_take_slow_path();
        self.difference(op, value);
        self.constant(view.writable);
        self.binary(Op::And);
        self.of(Kind::SlowPathIf);
    }

    fn show_view<'a>(&mut self) -> Node<'a> {
        Node::Kept(self.loaded)
    }

    fn load_fields(&mut self, offset: usize) {
        self.wide(Kind::Word, offset as u64);
        self.loaded = self.keep();
    }

    fn change_fields(&mut self, op: CsrOp, fields: &Fields, _: bool, value: N) {
        self.may_take_slow_path();
        self.difference(op, value);
        self.constant(fields.word.mask);
        self.binary(Op::And);
        let changes = self.keep();
        self.with(Kind::Held, changes);
        self.constant(fields.consequences);
        self.binary(Op::And);
        self.of(Kind::SlowPathIf);
        self.with(Kind::Held, self.loaded);
        self.with(Kind::Held, changes);
        self.binary(Op::Xor);
        self.wide(Kind::SetWord, fields.word.offset as u64);
        if fields.fp != 0 {
            self.of(Kind::NoteFp);
        }
    }

    fn show_fields<'a>(&mut self, fields: &Fields) -> Node<'a> {
        self.with(Kind::Held, self.loaded);
        self.constant(fields.word.mask);
        self.binary(Op::And);
        self.constant(fields.shown);
        self.binary(Op::Or);
        if fields.has_sd {
            self.sd();
            self.binary(Op::Or);
        }
        Node::Kept(self.keep())
    }
}
