//! An explanation as data. `docs/explain.md` describes its JSON; numbers of 64 bits are strings there, in hexadecimal.

use std::fmt;

use arch::pte;
use serde::{Serialize, Serializer};

/// Version of the JSON: it grows when a field changes its meaning or goes.
pub const SCHEMA: u32 = 1;

/// A number that is shown in hexadecimal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hex(pub u64);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What was asked, and the answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The hart.
    pub hart: u64,
    /// `fault`, `address` or `pc`.
    pub asked: &'static str,
    /// The answer in a sentence.
    pub summary: String,
    /// The instruction that it is about.
    pub instruction: Option<Instruction>,
    /// The exception that was taken, or that the access would be.
    pub trap: Option<TrapTold>,
    /// What is accessed.
    pub access: Option<AccessTold>,
    /// How its address translates.
    pub walk: Option<Walk>,
    /// What is at the address that comes out.
    pub target: Option<Target>,
    /// What failed, if anything does.
    pub finding: Option<Finding>,
    /// What else there is to know, a sentence each.
    pub notes: Vec<String>,
    /// The process that it befell, if that is known.
    pub process: Option<String>,
    /// Who called the function that the hart is in, the newest first.
    pub callers: Vec<String>,
    /// What became of a guest's trap, step by step, if somebody watched.
    pub chain: Vec<Link>,
}

/// A step from a guest's trap to where the guest goes on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Link {
    /// `access`, `exit`, `handler`, `user` (the VMM's turn) or `re-entry`.
    pub step: &'static str,
    /// The mode.
    pub mode: &'static str,
    /// The address, where there is one.
    pub pc: Option<Hex>,
    /// The symbols: of the handler all functions that were seen, the outermost first.
    pub symbols: Vec<String>,
    /// Instructions since the trap.
    pub instructions: u64,
    /// Nanoseconds since the trap.
    pub nanoseconds: u64,
}

/// An instruction in its place.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Instruction {
    /// Its address.
    pub pc: Hex,
    /// The mode: M, HS, U, VS or VU.
    pub mode: &'static str,
    /// Its bits, if memory has them.
    pub raw: Option<Hex>,
    /// The same in assembly.
    pub text: Option<String>,
    /// The symbol that it is in, and its source line, where whoever asks knows symbols.
    pub symbol: Option<String>,
}

/// An access.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AccessTold {
    /// `load`, `store` or `fetch`.
    pub kind: &'static str,
    /// The virtual address.
    pub address: Hex,
    /// The mode that it is made with.
    pub mode: &'static str,
    /// What is special about it: HLVX, HLV and HSV, MPRV.
    pub by: Option<&'static str>,
}

/// Both stages of a translation.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Walk {
    /// The S-stage or VS-stage.
    pub first: Option<Stage>,
    /// The G-stage of the access itself.
    pub second: Option<Stage>,
    /// The physical address.
    pub physical: Option<Hex>,
}

/// A stage that translates one address.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stage {
    /// `S`, `VS` or `G`.
    pub stage: &'static str,
    /// `satp`, `vsatp` or `hgatp`.
    pub register: &'static str,
    /// Its value.
    pub value: Hex,
    /// The scheme: `Sv39`, `Sv39x4`, ..., `Bare`; `none` in M-mode.
    pub mode: String,
    /// The address of the root page table.
    pub root: Option<Hex>,
    /// What is translated.
    pub address: Hex,
    /// What the leaf must permit: `load`, `store` or `fetch`.
    pub access: &'static str,
    /// The entries, from the root on.
    pub levels: Vec<Level>,
    /// The address that comes out; none where the stage fails.
    pub result: Option<Hex>,
    /// Bytes of the page that the leaf maps.
    pub page_bytes: Option<u64>,
    /// Whether it is this stage that failed, and not one within it.
    pub failed: bool,
    /// Whose page table it is, if that is known: a process, or a virtual machine.
    pub owner: Option<String>,
}

/// A level of a page table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Level {
    /// Its number; the root's is the highest, 0 maps pages of 4 KiB.
    pub level: u32,
    /// Index of the entry.
    pub index: u64,
    /// Its address: guest-physical in the VS-stage.
    pub address: Hex,
    /// The G-stage that finds it.
    pub found_by: Option<Box<Stage>>,
    /// Its physical address.
    pub physical: Option<Hex>,
    /// The entry, decoded.
    pub entry: Option<Entry>,
    /// The G-stage of setting A and D in it.
    pub update_by: Option<Box<Stage>>,
    /// What it becomes, as hardware sets A and D for this access.
    pub updated: Option<Entry>,
}

/// A page-table entry, decoded.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// The entry.
    pub value: Hex,
    /// D, A, G, U, X, W, R and V: the letter, or `-`.
    pub bits: String,
    /// `pointer`, `leaf` or `invalid` (V is 0).
    pub kind: &'static str,
    /// Where its PPN leads.
    pub leads_to: Hex,
    /// PBMT: `PMA`, `NC`, `IO` or `reserved`.
    pub memory_type: &'static str,
    /// N.
    pub napot: bool,
    /// Bits 60:54, which are reserved.
    pub reserved: Hex,
}

impl Entry {
    /// `entry`, decoded.
    pub fn of(entry: pte::Pte) -> Entry {
        const LETTERS: [(u64, char); 8] = [
            (pte::D, 'D'),
            (pte::A, 'A'),
            (pte::G, 'G'),
            (pte::U, 'U'),
            (pte::X, 'X'),
            (pte::W, 'W'),
            (pte::R, 'R'),
            (pte::V, 'V'),
        ];
        Entry {
            value: Hex(entry.0),
            bits: LETTERS.iter().map(|&(bit, letter)| if entry.has(bit) { letter } else { '-' }).collect(),
            kind: match entry {
                _ if !entry.has(pte::V) => "invalid",
                _ if entry.is_pointer() => "pointer",
                _ => "leaf",
            },
            leads_to: Hex(entry.ppn() << arch::addr::PAGE_SHIFT),
            memory_type: ["PMA", "NC", "IO", "reserved"][usize::from(entry.pbmt() & 3)],
            napot: entry.has(pte::N),
            reserved: Hex(entry.0 & pte::RESERVED),
        }
    }
}

/// What is at a physical address.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Target {
    /// The address.
    pub physical: Hex,
    /// `RAM`, the name of a device, or `nothing`.
    pub what: String,
    /// What PMP says.
    pub pmp: Pmp,
}

/// What PMP says of an access.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pmp {
    /// Whether it may be.
    pub permits: bool,
    /// The entry that decides; none where none matches.
    pub entry: Option<usize>,
    /// The first and the last address of its region.
    pub region: Option<[Hex; 2]>,
    /// Its configuration: `L`, `X`, `W` and `R`, or `-` each; behind them what it matches by.
    pub configuration: Option<String>,
}

/// Why an access fails.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// The check that failed, in a word: `not-valid`, `not-permitted`, ... `docs/explain.md` lists them.
    pub check: &'static str,
    /// The stage: `S`, `VS` or `G`; `PMP` or `bus` where the stages were passed.
    pub stage: &'static str,
    /// The level of its page table.
    pub level: Option<u32>,
    /// For a G-stage within the VS-stage: the level of the VS-stage's entry that it was to find.
    pub within: Option<u32>,
    /// The sentence.
    pub sentence: String,
    /// The bits that decided.
    pub bits: Vec<Bit>,
    /// What would let the access pass this check: each a set of changes of which all are needed. Not every one is wise.
    pub would_help: Vec<Vec<String>>,
    /// The manual's sections.
    pub manual: Vec<&'static str>,
}

/// A bit or field that decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bit {
    /// A register's name, or `PTE`.
    pub of: String,
    /// The field.
    pub field: String,
    /// Its value.
    pub value: u64,
}

impl Bit {
    /// A field of a register, or of a page-table entry.
    pub fn new(of: impl Into<String>, field: impl Into<String>, value: u64) -> Bit {
        Bit { of: of.into(), field: field.into(), value }
    }
}

impl fmt::Display for Bit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} = {}", self.of, self.field, self.value)
    }
}

/// An exception, and where it goes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrapTold {
    /// Whether a hart took it; else it is what the access would raise.
    pub taken: bool,
    /// The code.
    pub cause: u64,
    /// The manual's name.
    pub name: String,
    /// The mode that it is raised in.
    pub from: &'static str,
    /// The mode whose handler gets it.
    pub to: &'static str,
    /// Why it goes there.
    pub because: String,
    /// The bits that say so.
    pub delegation: Vec<Bit>,
    /// What the handler finds: `xcause`, `xtval` and the others of its mode.
    pub registers: Vec<RegisterTold>,
    /// The handler's address.
    pub handler: Hex,
    /// The symbol that it is in.
    pub handler_symbol: Option<String>,
}

/// A register's value, and what it means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RegisterTold {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: Hex,
    /// What that means.
    pub meaning: String,
}
