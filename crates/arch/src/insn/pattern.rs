//! Reads the table's encodings, at compile time.

/// Fixed bits of an encoding: where they stand, and what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Ones where a bit is fixed.
    pub mask: u32,
    /// The fixed bits.
    pub value: u32,
}

impl Pattern {
    /// Reads an encoding in the manual's notation: fields separated by spaces, most significant first.
    pub(crate) const fn parse(text: &str) -> Pattern {
        let text = text.as_bytes();
        let (mut pattern, mut at, mut bits) = (Pattern { mask: 0, value: 0 }, 0, 0);
        while at < text.len() {
            let mut end = at;
            while end < text.len() && text[end] != b' ' {
                end += 1;
            }
            bits += pattern.push(text, at, end);
            at = end + 1;
        }
        assert!(bits == 32, "an encoding has 32 bits");
        pattern
    }

    /// Appends the field `text[at..end]` and returns its width.
    const fn push(&mut self, text: &[u8], at: usize, end: usize) -> u32 {
        let fixed = text[at] == b'0' || text[at] == b'1';
        let width = if fixed { (end - at) as u32 } else { field_width(text, at, end) };
        let mut i = 0;
        while i < width {
            let one = fixed && text[at + i as usize] == b'1';
            self.mask = self.mask << 1 | fixed as u32;
            self.value = self.value << 1 | one as u32;
            i += 1;
        }
        width
    }

    /// Whether `raw` is such an instruction.
    #[inline(always)]
    pub const fn matches(self, raw: u32) -> bool {
        (raw ^ self.value) & self.mask == 0
    }
}

/// Width of a field: by the bits it lists in brackets, else by its name.
const fn field_width(text: &[u8], at: usize, end: usize) -> u32 {
    if text[end - 1] == b']' {
        return listed_bits(text, at, end);
    }
    match (text[at], end - at) {
        (b'c', 3) => 12,                                                            // csr
        (b'p', 4) | (b's', 4) | (b'f', 2) => 4,                                     // pred, succ, fm
        (b'r', 2) if text[at + 1] == b'm' => 3,                                     // rm
        (b'a', 2) | (b'r', 2) if text[at + 1] == b'q' || text[at + 1] == b'l' => 1, // aq, rl
        (b'r', 2 | 3) | (b'u', 4) => 5,                                             // rd, rs1, rs2, rs3, uimm
        _ => panic!("a field of unknown width"),
    }
}

/// Number of bits that `name[a:b|c]` lists.
const fn listed_bits(text: &[u8], at: usize, end: usize) -> u32 {
    let (mut i, mut bits, mut number, mut high) = (at, 0, 0, None);
    while i < end {
        match text[i] {
            b'[' => number = 0,
            digit @ b'0'..=b'9' => number = number * 10 + (digit - b'0') as u32,
            b':' => {
                high = Some(number);
                number = 0;
            }
            b'|' | b']' => {
                bits += match high {
                    Some(high) => high - number + 1,
                    None => 1,
                };
                (high, number) = (None, 0);
            }
            _ => {}
        }
        i += 1;
    }
    bits
}
