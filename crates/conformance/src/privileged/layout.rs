//! Where things are in a privileged program, and which registers have a purpose.

pub use crate::lockstep::{CONSTANTS, TOHOST};

use crate::lockstep::RAM_BASE;

/// Handlers and sequences.
pub const CODE: u64 = RAM_BASE;
/// Page tables.
pub const TABLES: u64 = RAM_BASE + 0x80_0000;
/// What loads and stores reach.
pub const DATA: u64 = RAM_BASE + 0xa0_0000;
/// Pages of [`DATA`].
pub const DATA_PAGES: u64 = 64;
/// How many [`CONSTANTS`] there are, for initial registers.
pub const CONSTANTS_COUNT: u64 = 256;

/// Code and data once more, for user mode: translations have both windows.
pub const USER_WINDOW: u64 = 0x4000_0000;
/// From an address in the first window to the same in the user's.
pub const TO_USER: u64 = USER_WINDOW.wrapping_sub(RAM_BASE);
/// Where gigapages map RAM.
pub const GIGAPAGE_WINDOW: u64 = 0xc000_0000;
/// Where there is no memory.
pub const NOWHERE: u64 = 0x5000_0000;

/// Register: operand in a sequence.
pub const OPERAND: u8 = 24;
/// Register: where the next sequence begins.
pub const NEXT: u8 = 25;
/// Register: the next trap's handler continues in its own mode if not zero.
pub const STAY: u8 = 26;
/// Register: traps that the sequence may still take.
pub const BUDGET: u8 = 27;
/// Registers that handlers use.
pub const TEMPS: [u8; 2] = [28, 29];
/// Registers that sequences may write.
pub const FREE: [u8; 16] = [5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20];
