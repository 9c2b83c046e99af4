//! Loads and stores in a row, off one register: where what they access lies in one page, that is checked once.
//!
//! Kernels save and restore registers like this, at calls, traps and switches of worlds. A check is five times as much
//! code as an access, and where code is hardly ever executed twice in a row, its size is what takes the time. Where the
//! check fails, as the page is not known or is not the only one, cold code checks each access (`docs/adr/0023`).

use arch::insn::Class;
use hart::engine::Fetched;
use semantics::Width;
use smallvec::SmallVec;

use super::{Compiler, Expr, Out, Untranslatable, Write};
use crate::expr::Node;
use crate::host::{Emitter, Span};

/// Bytes from the first that is accessed to the last, at most: what is longer is in two pages more often.
const MOST_BYTES: u64 = 1024;

/// What a load or store accesses, off a register.
#[derive(Clone, Copy)]
pub struct Sight {
    base: u8,
    offset: i64,
    bytes: u64,
    write: bool,
}

/// Loads and stores in a row.
#[derive(Default)]
pub struct Row {
    /// They themselves.
    pub insns: SmallVec<[Fetched; 16]>,
    span: Option<Span>,
    /// The register has got another value.
    ended: bool,
}

impl Row {
    /// The span with what one more accesses. `None`: it has another register, or the span gets too long.
    fn with(&self, sight: Sight) -> Option<Span> {
        let Sight { base, offset, bytes, write } = sight;
        let seen = Span { base, from: offset, bytes, read: !write, write };
        let Some(span) = self.span else { return Some(seen) };
        let from = span.from.min(offset);
        let end = (span.from + span.bytes as i64).max(offset + bytes as i64);
        let all =
            Span { base, from, bytes: (end - from) as u64, read: span.read || !write, write: span.write || write };
        (span.base == base && all.bytes <= MOST_BYTES).then_some(all)
    }
}

/// The address behind an instruction.
fn behind(at: &Fetched) -> u64 {
    at.pc.wrapping_add(at.len.into())
}

impl<'a, E: Emitter> Compiler<'a, E> {
    /// Adds an instruction to a row. Answers whether it is one more of it.
    pub fn extend(&mut self, row: &mut Row, at: Fetched) -> bool {
        // one that is misaligned takes a slow path, and in a row there is none
        if row.ended || !self.config.misaligned {
            return false;
        }
        let Some((sight, written)) = self.sight(&at) else { return false };
        let Some(span) = row.with(sight) else { return false };
        row.insns.push(at);
        (row.span, row.ended) = (Some(span), written == Some(span.base));
        true
    }

    /// What a load or store accesses, and the register that it writes. `None`: it is no such, or not off an integer
    /// register.
    fn sight(&mut self, at: &Fetched) -> Option<(Sight, Option<u8>)> {
        if !matches!(at.insn.class(), Class::Load | Class::Store) {
            return None;
        }
        (self.write, self.sight, self.looks) = (None, None, true);
        let done = semantics::execute(self, &at.insn);
        self.looks = false;
        let written = match self.write.take() {
            Some(Write::X(x, _)) => Some(x),
            Some(Write::F(..)) => return None,
            None => None,
        };
        done.ok()?;
        Some((self.sight?, written))
    }

    /// Notes what is accessed, in place of doing so.
    pub(super) fn see(&mut self, width: Width, address: Expr<'a>, write: bool) -> Out<Self> {
        let (base, offset) = match *address.node {
            Node::X(x) => (x, 0),
            Node::Bin(crate::expr::Op::Add, &Node::X(x), &Node::Const(c)) => (x, c),
            _ => return Err(Untranslatable),
        };
        self.sight = Some(Sight { base, offset, bytes: width.bytes(), write });
        Ok(())
    }

    /// Compiles a row. Answers where the code of each instruction begins; each has a slow path.
    ///
    /// # Errors
    /// [`Untranslatable`]: nothing was emitted.
    pub fn row(&mut self, row: &Row) -> Result<SmallVec<[u64; 16]>, Untranslatable> {
        let span = row.span.ok_or(Untranslatable)?;
        let (mark, known) = (self.emitter.mark(), self.known);
        let mut begins = SmallVec::from_elem(self.emitter.here(), 1);
        self.emitter.open_span(span);
        let done = self.within(row, &mut begins).and_then(|()| {
            self.emitter.outside_span();
            self.known = known;
            self.outside(row)
        });
        match done {
            Ok(()) => {
                self.emitter.close_span();
                Ok(begins)
            }
            Err(Untranslatable) => {
                self.emitter.rewind(&mark);
                self.known = known;
                Err(Untranslatable)
            }
        }
    }

    /// Compiles the instructions of a row within its span.
    fn within(&mut self, row: &Row, begins: &mut SmallVec<[u64; 16]>) -> Result<(), Untranslatable> {
        for (number, at) in row.insns.iter().enumerate() {
            if number != 0 {
                begins.push(self.emitter.here());
            }
            let slow_paths = self.instruction(&at.insn, at.pc, behind(at))?.slow_paths;
            debug_assert!(!slow_paths, "the span was checked");
        }
        Ok(())
    }

    /// Compiles them each by itself.
    fn outside(&mut self, row: &Row) -> Result<(), Untranslatable> {
        row.insns.iter().try_for_each(|at| match self.instruction(&at.insn, at.pc, behind(at))?.slow_paths {
            true => Ok(()),
            false => Err(Untranslatable),
        })
    }
}
