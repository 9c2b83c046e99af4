//! From bits to instruction.
//!
//! An index, made at compile time from the table, gives for every opcode and funct3 (for OP-FP, whose funct3 is
//! mostly a rounding mode, funct7) the few rows that can match, those with most fixed bits first.

use super::{Insn, OPCODES, Opcode, Pattern};
use crate::isa::Isa;

const OP_FP: u32 = 0b10100;
const BUCKETS: usize = 256 + 128;

/// The bucket of an instruction.
#[inline(always)]
const fn bucket(raw: u32) -> usize {
    let opcode = raw >> 2 & 31;
    if opcode == OP_FP {
        return 256 + (raw >> 25) as usize;
    }
    (opcode << 3 | raw >> 12 & 7) as usize
}

/// The bits that all instructions of a bucket share.
const fn bucket_pattern(bucket: usize) -> Pattern {
    let bucket = bucket as u32;
    if bucket >= 256 {
        return Pattern { mask: 0xfe00_007f, value: (bucket - 256) << 25 | OP_FP << 2 | 3 };
    }
    Pattern { mask: 0x707f, value: (bucket & 7) << 12 | bucket >> 3 << 2 | 3 }
}

/// Whether rows of this pattern can be in the bucket.
const fn meets(pattern: Pattern, bucket: usize) -> bool {
    let other = bucket_pattern(bucket);
    if bucket < 256 && bucket >> 3 == OP_FP as usize {
        return false;
    }
    (pattern.value ^ other.value) & pattern.mask & other.mask == 0
}

#[derive(Clone, Copy)]
struct Candidate {
    pattern: Pattern,
    opcode: Opcode,
}

const ROWS: usize = OPCODES.len();

/// The rows, those with most fixed bits first.
const SORTED: [Candidate; ROWS] = {
    let mut rows = [Candidate { pattern: OPCODES[0].row().pattern, opcode: OPCODES[0] }; ROWS];
    let mut i = 1;
    while i < ROWS {
        let row = Candidate { pattern: OPCODES[i].row().pattern, opcode: OPCODES[i] };
        let mut at = i;
        while at > 0 && rows[at - 1].pattern.mask.count_ones() < row.pattern.mask.count_ones() {
            rows[at] = rows[at - 1];
            at -= 1;
        }
        rows[at] = row;
        i += 1;
    }
    rows
};

const TOTAL: usize = {
    let (mut total, mut bucket) = (0, 0);
    while bucket < BUCKETS {
        let mut row = 0;
        while row < ROWS {
            total += meets(SORTED[row].pattern, bucket) as usize;
            row += 1;
        }
        bucket += 1;
    }
    total
};

struct Index {
    /// Where each bucket begins in `candidates`; the next one's beginning is its end.
    starts: [u16; BUCKETS + 1],
    candidates: [Candidate; TOTAL],
}

static INDEX: Index = {
    let mut index = Index { starts: [0; BUCKETS + 1], candidates: [SORTED[0]; TOTAL] };
    let (mut total, mut bucket) = (0, 0);
    while bucket < BUCKETS {
        let mut row = 0;
        while row < ROWS {
            if meets(SORTED[row].pattern, bucket) {
                index.candidates[total] = SORTED[row];
                total += 1;
            }
            row += 1;
        }
        bucket += 1;
        index.starts[bucket] = total as u16;
    }
    index
};

/// The instruction that `raw` encodes on a machine with `isa`; `None` where that is illegal.
pub fn decode(raw: u32, isa: &Isa) -> Option<Insn> {
    if raw & 3 != 3 {
        return None;
    }
    let bucket = bucket(raw);
    let range = usize::from(INDEX.starts[bucket])..usize::from(INDEX.starts[bucket + 1]);
    let meant = |c: &&Candidate| c.pattern.matches(raw) && c.opcode.row().needs.met_by(*isa);
    INDEX.candidates[range].iter().find(meant).map(|c| Insn::decode_as(c.opcode, raw))
}
