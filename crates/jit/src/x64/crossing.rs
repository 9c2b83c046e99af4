//! Instructions that go on in the next page.
//!
//! What holds for the page of a block, that its mapping and its bytes are what they were, does not hold for the next one. So
//! the code looks at both before each execution.

use arch::addr::PAGE_BYTES;
use hart::engine::{Core, JumpTable};

use super::asm::{Alu, Cc, RAX, RCX, Rm};
use super::emit::Emitter;
use super::state::{CODE_PAGES, code_page};

/// The second half of an instruction that goes on in the next page.
#[derive(Clone, Copy)]
pub struct SecondHalf {
    /// Its address.
    va: u64,
    /// Where its page is in RAM.
    page: u64,
    /// Where it is on the host.
    host: u64,
    /// What it is.
    pub bits: u16,
}

impl SecondHalf {
    /// What is at `va`, where a page begins. `None`: the context's jump table does not know the page.
    pub fn at(core: &Core, va: u64) -> Option<SecondHalf> {
        let page = core.code.active.page(va)?;
        let bits = core.ram.load_u16(page)?;
        Some(SecondHalf { va, page, host: core.ram_on_host().wrapping_add(page), bits })
    }
}

impl Emitter {
    /// Code for the instruction at `pc` follows: its entry. Where its second half is another by now, the instruction is
    /// fetched anew.
    pub fn crossing(&mut self, pc: u64, half: &SecondHalf) -> u64 {
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
