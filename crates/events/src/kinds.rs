//! Kinds of events, and sets of them: what a sink wants, what a filter lets through.

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $variant:ident $name:literal;)*) => {
        /// What kind of event it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Kind { $($(#[doc = $doc])* $variant),* }

        impl Kind {
            /// All of them.
            pub const ALL: &'static [Kind] = &[$(Kind::$variant),*];

            /// Its name on the command line and in files.
            pub const fn name(self) -> &'static str {
                match self { $(Kind::$variant => $name),* }
            }
        }
    };
}

kinds! {
    /// [`crate::Event::Begin`], [`crate::Event::End`] and [`crate::Event::Hart`].
    Hart "hart";
    /// [`crate::Event::Trap`].
    Trap "trap";
    /// [`crate::Event::Return`].
    Return "return";
    /// [`crate::Event::SbiCall`] and [`crate::Event::SbiReturn`].
    Sbi "sbi";
    /// [`crate::Event::Pending`].
    Pending "pending";
    /// [`crate::Event::Inject`].
    Inject "inject";
    /// [`crate::Event::Armed`] and [`crate::Event::Fired`].
    Timer "timer";
    /// [`crate::Event::Wait`] and [`crate::Event::Wake`].
    Wait "wait";
    /// [`crate::Event::Fence`].
    Fence "fence";
    /// [`crate::Event::Csr`]. Watching it makes CSR writes slower, for generated code leaves them to the interpreter.
    Csr "csr";
    /// [`crate::Event::Walk`].
    Walk "walk";
    /// [`crate::Event::Mmio`].
    Mmio "mmio";
    /// [`crate::Event::Line`].
    Irq "irq";
    /// [`crate::Event::Completed`].
    Virtio "virtio";
    /// [`crate::Event::KvmExit`] and [`crate::Event::KvmEntry`].
    Exit "exit";
    /// [`crate::Event::Mark`].
    Mark "mark";
}

impl Kind {
    /// The kind called so.
    pub fn by_name(name: &str) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds(u32);

impl Kinds {
    /// None.
    pub const NONE: Kinds = Kinds(0);
    /// All.
    pub const ALL: Kinds = Kinds((1 << Kind::ALL.len()) - 1);

    /// These.
    pub const fn of(kinds: &[Kind]) -> Kinds {
        let (mut set, mut at) = (0, 0);
        while at < kinds.len() {
            set |= 1 << kinds[at] as u32;
            at += 1;
        }
        Kinds(set)
    }

    /// These and one more.
    pub const fn with(self, kind: Kind) -> Kinds {
        Kinds(self.0 | 1 << kind as u32)
    }

    /// Whether a kind is in the set.
    #[inline(always)]
    pub const fn has(self, kind: Kind) -> bool {
        self.0 >> kind as u32 & 1 != 0
    }

    /// Whether any of `other` is in the set.
    #[inline(always)]
    pub const fn has_any(self, other: Kinds) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether nothing is in the set.
    #[inline(always)]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Both sets.
    pub const fn and(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }

    /// As a number, to be kept by somebody.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// From such a number; bits that mean nothing are left out.
    pub const fn from_bits(bits: u32) -> Kinds {
        Kinds(bits & Kinds::ALL.0)
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Kinds {
        kinds.into_iter().fold(Kinds::NONE, |set, kind| set.and(Kinds::of(&[kind])))
    }
}
