//! Fields of registers: their names, their bits, and what their values mean.

use core::fmt;

use super::Name;

/// A field of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The manual's name.
    pub name: Name,
    /// Its lowest bit.
    pub low: u8,
    /// How many bits it has, at least one.
    pub width: u8,
    /// What the manual calls some of its values.
    pub values: &'static [(u64, &'static str)],
}

impl Field {
    /// Bits `low` to `high`.
    pub(super) const fn new(name: &'static str, low: u8, high: u8, values: &'static [(u64, &'static str)]) -> Field {
        Field { name: Name::plain(name), low, width: high - low + 1, values }
    }

    /// The same bits under a name with a number.
    pub(super) const fn numbered(self, stem: &'static str, number: u16, tail: &'static str) -> Field {
        Field { name: Name { stem, number: Some(number), tail }, ..self }
    }

    /// Its bits in the register.
    pub const fn mask(&self) -> u64 {
        u64::MAX >> (64 - self.width) << self.low
    }

    /// What a register with this value has in it.
    pub const fn of(&self, register: u64) -> u64 {
        (register & self.mask()) >> self.low
    }

    /// What the manual calls this value of it, if anything.
    pub fn meaning(&self, value: u64) -> Option<&'static str> {
        self.values.iter().find(|(of, _)| *of == value).map(|(_, meaning)| *meaning)
    }
}

/// What a register is made of.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// From the lowest bit on.
    fields: &'static [Field],
    /// Only fields in these bits are the register's.
    bits: u64,
}

impl Layout {
    /// One number, or nothing.
    pub(super) const NONE: Layout = Layout { fields: &[], bits: 0 };

    /// Those of `fields` that are in `bits`.
    pub(super) const fn of(fields: &'static [Field], bits: u64) -> Layout {
        Layout { fields, bits }
    }

    /// The fields of the register `index` of its family, from the highest bit on. The fields that have numbers go on
    /// counting from register to register: `pmpcfg2` begins with entry 8, as there are four for each number.
    pub(super) fn fields(self, index: u16) -> impl Iterator<Item = Field> {
        const ENTRIES: u16 = 4;
        self.fields.iter().rev().filter(move |field| field.mask() & self.bits != 0).map(move |field| {
            let number = field.name.number.map(|number| number + ENTRIES * index);
            Field { name: Name { number, ..field.name }, ..*field }
        })
    }
}

/// A register's value as fields, to be displayed.
#[derive(Clone, Copy, Debug)]
pub struct Decoded {
    pub(super) layout: Layout,
    pub(super) index: u16,
    pub(super) value: u64,
}

impl fmt::Display for Decoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut others, mut space) = (self.value, "");
        for field in self.layout.fields(self.index) {
            others &= !field.mask();
            f.write_str(space)?;
            show(f, &field, field.of(self.value))?;
            space = " ";
        }
        match others {
            0 => Ok(()),
            _ if space.is_empty() => Ok(()),
            _ => write!(f, " others={others:#x}"),
        }
    }
}

/// `NAME=1`, with the value's meaning if it has one, in hexadecimal from ten on.
fn show(f: &mut fmt::Formatter<'_>, field: &Field, value: u64) -> fmt::Result {
    write!(f, "{}=", field.name)?;
    match value {
        0..10 => write!(f, "{value}"),
        _ => write!(f, "{value:#x}"),
    }?;
    field.meaning(value).map_or(Ok(()), |meaning| write!(f, "({meaning})"))
}
