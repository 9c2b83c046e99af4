//! A guest that says how many pages it has written to, for whoever counts them too.
//!
//! Run where the kernel's command line has the word `checks.written`. It writes to some pages, says to how many, waits
//! for a key, and goes on; then it turns its machine off. Beside those it writes to its stack and to few others.

use arch::addr::PAGE_BYTES;
use sbi::function::Dbcn;

use crate::call::call;
use crate::check::say;
use crate::machine::tree_words;
use crate::memory::{FIRST, LAST};

/// The word that asks for it.
const WORD: &[u8] = b"checks.written";
/// From one page that is written to the next.
const STEP: u64 = 5 * PAGE_BYTES;
/// How many pages, each time.
const PAGES: [u64; 4] = [0, 300, 0, 1];

/// Whether the device tree at `tree` has the word in it.
pub fn is_wanted(tree: u64) -> bool {
    tree_words(tree, WORD) != 0
}

/// Writes to memory, and tells to how much.
pub fn run() {
    // After this every page is in the guest's page table.
    // SAFETY: memory that is the kernel's and not in use.
    (FIRST..LAST).step_by(PAGE_BYTES as usize).for_each(|at| _ = unsafe { (at as *const u64).read_volatile() });
    for pages in PAGES {
        // SAFETY: the same.
        (0..pages).for_each(|page| unsafe { ((FIRST + page * STEP) as *mut u64).write_volatile(page) });
        say(format_args!("written: {pages} pages"));
        wait_for_key();
    }
}

fn wait_for_key() {
    let mut key = 0u8;
    while call(Dbcn::ConsoleRead, [1, &raw mut key as u64, 0, 0, 0]).value == 0 {
        core::hint::spin_loop();
    }
}
