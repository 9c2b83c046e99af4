//! A guest that uses a whole GiB of its memory: what maps it gets larger on the way, and what is in it stays.
//!
//! Run where the kernel's command line has the word `checks.large`, with 2 GiB at least. Then it turns its machine off.

use crate::check::that;
use crate::machine::tree_words;

/// The word that asks for it.
const WORD: &[u8] = b"checks.large";
/// The second GiB: nothing lies there but what a loader has put at its end.
const FIRST: u64 = 0xc000_0000;
const LAST: u64 = 0x1_0000_0000;
/// Less than any hypervisor gives at a touch.
const STEP: u64 = 0x1000;

/// Whether the device tree at `tree` has the word in it.
pub fn is_wanted(tree: u64) -> bool {
    tree_words(tree, WORD) != 0
}

/// All of it, without what is at its end.
pub fn run() {
    let end = LAST - (4 << 20);
    // SAFETY: memory that is the kernel's and not in use.
    (FIRST..end).step_by(STEP as usize).for_each(|at| unsafe { (at as *mut u64).write_volatile(at) });
    // SAFETY: the same; what is at the end is looked at alone.
    let end_is_there =
        (end..LAST).step_by(STEP as usize).fold(0, |all, at| all | unsafe { (at as *const u64).read_volatile() });
    // SAFETY: the same.
    let kept = (FIRST..end).step_by(STEP as usize).all(|at| unsafe { (at as *const u64).read_volatile() } == at);
    that(kept && end_is_there != 0, format_args!("a GiB keeps what is in it"));
}
