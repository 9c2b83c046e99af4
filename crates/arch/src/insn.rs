//! Instructions: one table, and what follows from it.
//!
//! `table` lists every instruction once. From it come [`Insn`] (the decoded instruction), [`Opcode`] (its name),
//! [`Row`] (what the table says of it), [`decode`], [`Insn::encode`], the disassembly (`Display`) and, in the crate
//! `semantics`, the dispatch. Compressed instructions are decoded by [`decompress`], to what they stand for.

mod compressed;
mod decode;
mod disassemble;
mod format;
mod pattern;
#[macro_use]
mod table;

pub use compressed::{RA, decompress, fetch_len};
pub use decode::decode;
pub use disassemble::{At, F_NAMES, X_NAMES};
pub use format::*;
pub use pattern::Pattern;

use crate::isa::{Extension, Isa};

/// What kind of thing an instruction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Integer registers in, integer register out.
    Alu,
    /// Reads memory.
    Load,
    /// Writes memory.
    Store,
    /// Goes elsewhere under a condition.
    Branch,
    /// Goes elsewhere.
    Jump,
    /// Atomic memory operation, LR and SC included.
    Amo,
    /// Floating-point registers in or out, no memory.
    Fp,
    /// Orders memory accesses.
    Fence,
    /// Cache-block management and prefetch.
    Cache,
    /// Zicsr. Only for a privileged machine.
    Csr,
    /// HLV, HLVX, HSV. Only for a privileged machine.
    Hyper,
    /// All else that only a privileged machine does: calls, returns, waiting, translation fences.
    Sys,
}

/// What the table says of an instruction.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The mnemonic with `_` for `.`: the name of the semantic function.
    pub function: &'static str,
    /// The fixed bits.
    pub pattern: Pattern,
    /// Operands, as the assembler writes them.
    pub operands: &'static str,
    /// The extensions that bring it.
    pub needs: Needs,
    /// Its kind.
    pub class: Class,
}

/// The extensions that bring an instruction.
#[derive(Clone, Copy, Debug)]
pub struct Needs {
    /// These, if all are there.
    pub all: Isa,
    /// Or this one alone.
    pub or: Option<Extension>,
}

impl Needs {
    /// Whether a machine with `isa` has the instruction.
    #[inline]
    pub fn met_by(self, isa: Isa) -> bool {
        isa.contains(self.all) || self.or.is_some_and(|extension| isa.has(extension))
    }
}

macro_rules! needs {
    ([$extension:ident or $other:ident]) => {
        Needs { all: Isa::of(&[Extension::$extension]), or: Some(Extension::$other) }
    };
    ([$($extension:ident)+]) => {
        Needs { all: Isa::of(&[$(Extension::$extension),+]), or: None }
    };
}

macro_rules! vocabulary {
    ({} $($name:ident $function:ident $format:ident $encoding:literal $operands:literal
        $needs:tt $class:ident;)*) => {
        /// The name of an instruction.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        #[allow(missing_docs, reason = "the names are the manual's")]
        pub enum Opcode { $($name),* }

        /// All instructions, in the order of the table.
        pub const OPCODES: &[Opcode] = &[$(Opcode::$name),*];

        const ROWS: [Row; OPCODES.len()] = [$(Row {
            function: stringify!($function),
            pattern: Pattern::parse($encoding),
            operands: $operands,
            needs: needs!($needs),
            class: Class::$class,
        }),*];

        /// A decoded instruction: its name and the fields of its format.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "the names are the manual's")]
        pub enum Insn { $($name($format)),* }

        impl Insn {
            /// Which instruction this is.
            #[inline]
            pub const fn opcode(&self) -> Opcode {
                match self { $(Insn::$name(_) => Opcode::$name),* }
            }

            /// `raw`, known to be an `opcode`.
            #[inline(always)]
            pub fn decode_as(opcode: Opcode, raw: u32) -> Insn {
                match opcode { $(Opcode::$name => Insn::$name($format::decode(raw))),* }
            }

            /// The 32-bit encoding.
            pub fn encode(&self) -> u32 {
                let fields = match *self { $(Insn::$name(fields) => fields.encode()),* };
                fields | self.row().pattern.value
            }
        }
    };
}
for_each_insn! { vocabulary {} }

impl Opcode {
    /// Its row of the table.
    #[inline]
    pub const fn row(self) -> &'static Row {
        static TABLE: [Row; ROWS.len()] = ROWS;
        &TABLE[self as usize]
    }
}

impl Insn {
    /// The table's row.
    #[inline]
    pub const fn row(&self) -> &'static Row {
        self.opcode().row()
    }

    /// Its kind.
    #[inline]
    pub const fn class(&self) -> Class {
        self.row().class
    }

    /// Whether the next instruction may be another than the one behind, or may mean something else: jumps, branches,
    /// calls and returns, fences of instructions and translations, and writes of CSRs.
    pub fn ends_block(&self) -> bool {
        match self.class() {
            Class::Branch | Class::Jump | Class::Sys => true,
            Class::Csr => self.writes_csr(),
            _ => false,
        }
    }

    /// Whether a Zicsr instruction writes its CSR. Zicsr, table "Conditions determining whether a CSR instruction
    /// reads or writes the specified CSR".
    pub fn writes_csr(&self) -> bool {
        match *self {
            Insn::Csrrw(_) | Insn::Csrrwi(_) => true,
            Insn::Csrrs(i) | Insn::Csrrc(i) => i.rs1 != 0,
            Insn::Csrrsi(i) | Insn::Csrrci(i) => i.uimm != 0,
            _ => false,
        }
    }
}

const _: () = assert!(size_of::<Insn>() <= 12, "an instruction is three words");
