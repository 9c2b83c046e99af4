//! Instructions that go on in the next page.
//!
//! What holds for the page of a block, that its mapping and its bytes are what they were, does not hold for the next
//! one. So the code looks at both before each execution.

use arch::addr::PAGE_BYTES;
use hart::engine::JumpTable;

use super::asm::{Alu, Cc, RAX, RCX, Rm};
use super::emit::Emitter;
use super::state::{CODE_PAGES, code_page};
use crate::host::{Blocks, SecondHalf};

impl Emitter {
    /// [`Blocks::crossing`].
    pub(super) fn cross(&mut self, pc: u64, half: &SecondHalf) -> u64 {
        debug_assert!(half.va.is_multiple_of(PAGE_BYTES), "the second half begins a page");
        let [slot, other_slot] = JumpTable::page_slots(half.va).map(|slot| slot as i32 * code_page::BYTES);
        let anew = self.here();
        self.single(pc);
        let other = self.here();
        self.compare(Rm::M(RCX, other_slot + code_page::START), half.va);
        self.hot.jcc(Cc::NE, anew);
        self.compare(Rm::M(RCX, other_slot + code_page::OFFSET), half.page);
        let found = self.hot.jcc_fix(Cc::E);
        self.hot.jmp(anew);
        let entry = self.here();
        self.hot.mov(64, RCX, CODE_PAGES);
        self.compare(Rm::M(RCX, slot + code_page::START), half.va);
        self.hot.jcc(Cc::NE, other);
        self.compare(Rm::M(RCX, slot + code_page::OFFSET), half.page);
        self.hot.jcc(Cc::NE, anew);
        self.hot.bind_here(found);
        self.hot.mov_i(RCX, half.host as i64);
        self.hot.extend(false, 16, RAX, Rm::M(RCX, 0));
        self.hot.alu_i(Alu::Cmp, 32, Rm::R(RAX), half.bits.into());
        self.hot.jcc(Cc::NE, anew);
        entry
    }

    /// Compares a word of memory with a number.
    fn compare(&mut self, word: Rm, with: u64) {
        match i32::try_from(with as i64) {
            Ok(with) => self.hot.alu_i(Alu::Cmp, 64, word, with),
            Err(_) => {
                self.hot.mov_i(RAX, with as i64);
                self.hot.alu(Alu::Cmp, 64, RAX, word);
            }
        }
    }
}
