//! Extensions, and the strings that name sets of them.
//!
//! Unprivileged architecture, "ISA Extension Naming Conventions"; RVA22 and RVA23 profiles. One list names every
//! extension this machine has, with what it implies; parsing, rendering and the instruction table all read it.
//! Out of scope: version numbers, RV32, and what an extension does.

use core::fmt;

use crate::naming::{self, Paging};

macro_rules! extensions {
    ($($variant:ident $name:literal [$($implied:ident)*];)*) => {
        /// An extension, or a mode or translation scheme that the profiles name like one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[allow(missing_docs, reason = "the names are the manual's")]
        pub enum Extension { $($variant),* }

        impl Extension {
            /// All of them, in the order of the canonical ISA string.
            pub const ALL: &[Extension] = &[$(Extension::$variant),*];

            /// The name as it stands in an ISA string.
            pub const fn name(self) -> &'static str {
                match self { $(Extension::$variant => $name),* }
            }

            /// What this one implies, directly.
            const fn implied(self) -> Isa {
                match self { $(Extension::$variant => Isa::of(&[$(Extension::$implied),*])),* }
            }
        }
    };
}

extensions! {
    I "i" [];
    M "m" [Zmmul];
    A "a" [Zaamo Zalrsc];
    F "f" [Zicsr];
    D "d" [F];
    C "c" [Zca];
    B "b" [Zba Zbb Zbs];
    H "h" [S U Zicsr];
    Zic64b "zic64b" [];
    Zicbom "zicbom" [];
    Zicbop "zicbop" [];
    Zicboz "zicboz" [];
    Ziccamoa "ziccamoa" [];
    Ziccid "ziccid" [];
    Ziccif "ziccif" [];
    Zicclsm "zicclsm" [];
    Ziccrse "ziccrse" [];
    Zicntr "zicntr" [Zicsr];
    Zicond "zicond" [];
    Zicsr "zicsr" [];
    Zifencei "zifencei" [];
    Zihintntl "zihintntl" [];
    Zihintpause "zihintpause" [];
    Zihpm "zihpm" [Zicsr];
    Zimop "zimop" [];
    Zmmul "zmmul" [];
    Za64rs "za64rs" [];
    Zaamo "zaamo" [];
    Zacas "zacas" [Zaamo];
    Zalrsc "zalrsc" [];
    Zawrs "zawrs" [Zalrsc];
    Zfa "zfa" [F];
    Zfh "zfh" [Zfhmin];
    Zfhmin "zfhmin" [F];
    Zca "zca" [];
    Zcb "zcb" [Zca];
    Zcd "zcd" [Zca D];
    Zcmop "zcmop" [Zca];
    Zba "zba" [];
    Zbb "zbb" [];
    Zbc "zbc" [];
    Zbkb "zbkb" [];
    Zbkx "zbkx" [];
    Zbs "zbs" [];
    Zkt "zkt" [];
    Sha "sha" [H Ssstateen Shcounterenw Shvstvala Shtvala Shvstvecd Shvsatpa Shgatpa];
    Shcounterenw "shcounterenw" [H];
    Shgatpa "shgatpa" [H];
    Shtvala "shtvala" [H];
    Shvsatpa "shvsatpa" [H];
    Shvstvala "shvstvala" [H];
    Shvstvecd "shvstvecd" [H];
    Smaia "smaia" [Ssaia];
    Smcsrind "smcsrind" [Sscsrind];
    Smepmp "smepmp" [];
    Smstateen "smstateen" [Ssstateen];
    Ssaia "ssaia" [];
    Ssccptr "ssccptr" [];
    Sscofpmf "sscofpmf" [Zihpm];
    Sscounterenw "sscounterenw" [];
    Sscsrind "sscsrind" [];
    // Its part for the supervisor alone leaves mstateen0 to whoever has M-mode ("Smstateen/Ssstateen Extensions"): a
    // whole hart has it.
    Ssstateen "ssstateen" [Smstateen];
    Sstc "sstc" [];
    Sstvala "sstvala" [];
    Sstvecd "sstvecd" [];
    Ssu64xl "ssu64xl" [];
    Svade "svade" [];
    Svadu "svadu" [];
    Svbare "svbare" [];
    Svinval "svinval" [];
    Svnapot "svnapot" [];
    Svpbmt "svpbmt" [];
    Svvptc "svvptc" [];
    Sv39 "sv39" [S];
    Sv48 "sv48" [Sv39];
    Sv57 "sv57" [Sv48];
    S "s" [U Zicsr];
    U "u" [];
}

use Extension::*;

/// A set of extensions of RV64.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Isa(u128);

impl Isa {
    /// No extension at all: for building sets.
    pub const NONE: Isa = Isa(0);

    /// What every machine here has: RV64I and the three privilege modes with paging.
    pub const BASE: Isa = Isa::NONE.with(I).with(S).with(U).with(Sv39).with(Svbare).closed();

    /// `G`: the general-purpose set.
    pub const G: Isa = Isa::of(&[I, M, A, F, D, Zicsr, Zifencei]);

    /// Everything that exists.
    pub const ALL: Isa = Isa::of(Extension::ALL);

    /// The Advanced Interrupt Architecture in the hart, with the window into indirect registers as software finds it
    /// today.
    pub const AIA: Isa = Isa::of(&[Smaia, Ssaia, Smcsrind, Sscsrind]);

    /// Exactly these, without what they imply.
    pub const fn of(list: &[Extension]) -> Isa {
        let (mut bits, mut i) = (0, 0);
        while i < list.len() {
            bits |= 1 << list[i] as u32;
            i += 1;
        }
        Isa(bits)
    }

    /// This set and one more.
    #[must_use]
    pub const fn with(self, extension: Extension) -> Isa {
        Isa(self.0 | 1 << extension as u32)
    }

    /// This set without one.
    #[must_use]
    pub const fn without(self, extension: Extension) -> Isa {
        Isa(self.0 & !(1 << extension as u32))
    }

    /// This closed set without one, without what implies it, and where it names a group without that group's members.
    #[must_use]
    pub fn less(self, extension: Extension) -> Isa {
        let group: &[Extension] = match extension {
            A => &[Zaamo, Zalrsc],
            B => &[Zba, Zbb, Zbs],
            C => &[Zca, Zcd],
            Sha => &[Shcounterenw, Shgatpa, Shtvala, Shvsatpa, Shvstvala, Shvstvecd],
            _ => &[],
        };
        let mut set = group.iter().fold(self.without(extension), |set, &member| set.without(member));
        while let Some(lacking) = set.iter().find(|e| !set.contains(e.implied())) {
            set = set.without(lacking);
        }
        // C is Zca and, where D is, Zcd.
        if set.has(D) && !set.has(Zcd) { set.without(C) } else { set }
    }

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Isa) -> Isa {
        Isa(self.0 | other.0)
    }

    /// This set without any of another.
    #[must_use]
    pub const fn minus(self, other: Isa) -> Isa {
        Isa(self.0 & !other.0)
    }

    /// Whether `extension` is in the set.
    #[inline]
    pub const fn has(self, extension: Extension) -> bool {
        self.0 & 1 << extension as u32 != 0
    }

    /// Whether all of `other` is in the set.
    #[inline]
    pub const fn contains(self, other: Isa) -> bool {
        self.0 & other.0 == other.0
    }

    /// With all that its members imply, and with the letters that stand for groups whose members are all there.
    #[must_use]
    pub const fn closed(self) -> Isa {
        let mut set = self.step();
        while !set.contains(set.step()) {
            set = set.step();
        }
        set
    }

    /// One round of [`Isa::closed`].
    const fn step(self) -> Isa {
        let (mut set, mut i) = (self, 0);
        while i < Extension::ALL.len() {
            if self.has(Extension::ALL[i]) {
                set = set.union(Extension::ALL[i].implied());
            }
            i += 1;
        }
        if self.has(C) && self.has(D) {
            set = set.with(Zcd); // "the C extension ... with D: all instructions in Zca and Zcd"
        }
        set.groups()
    }

    /// The letters that are other names for groups: A, B, C, Sha.
    const fn groups(self) -> Isa {
        let mut set = self;
        if set.contains(A.implied()) {
            set = set.with(A);
        }
        if set.contains(B.implied()) {
            set = set.with(B);
        }
        if set.has(Zca) && (set.has(Zcd) || !set.has(D)) {
            set = set.with(C);
        }
        if set.contains(Sha.implied()) {
            set = set.with(Sha);
        }
        set
    }

    /// The members, in the order of the canonical ISA string.
    pub fn iter(self) -> impl Iterator<Item = Extension> + Clone {
        Extension::ALL.iter().copied().filter(move |&e| self.has(e))
    }

    /// The names for the device tree's `riscv,isa-extensions`.
    pub fn names(self) -> impl Iterator<Item = &'static str> + Clone {
        self.iter().filter(|&e| in_strings(e)).map(Extension::name)
    }

    /// The canonical string, as in the device tree's `riscv,isa`: `rv64imafdch_zicbom_...`.
    pub fn string(self) -> impl fmt::Display {
        naming::isa_string(self.names())
    }

    /// The largest address translation.
    pub fn paging(self) -> Paging {
        match self {
            _ if self.has(Sv57) => Paging::Sv57,
            _ if self.has(Sv48) => Paging::Sv48,
            _ => Paging::Sv39,
        }
    }

    /// Reads `rv64gch_zba_zbb` or a profile's name, either followed by more names after underscores. The privileged
    /// [`Isa::BASE`] and all implied extensions are part of the result.
    ///
    /// # Errors
    /// The first part that names nothing here.
    pub fn parse(text: &str) -> Result<Isa, IsaError<'_>> {
        let mut parts = text.split('_');
        let head = parts.next().unwrap_or_default();
        let mut set = parse_head(head)?;
        for part in parts {
            set = set.with(find(part).ok_or_else(|| IsaError::unknown(part))?);
        }
        Ok(set.closed())
    }
}

/// Whether an extension is named in ISA strings. The modes S and U are not ("su" was once QEMU's mistake); the
/// translation schemes are the device tree's `mmu-type`.
const fn in_strings(extension: Extension) -> bool {
    !matches!(extension, S | U | Sv39 | Sv48 | Sv57)
}

impl Default for Isa {
    /// All there is, with Sv39 and Sv48. Sv57 is by option: every uncached two-stage walk would be 35 loads. So is
    /// Svade: hardware sets A and D, as on the machine that most software is tried on (QEMU's `rv64` and `max`). AIA
    /// comes with a board that has its interrupt controllers.
    fn default() -> Self {
        Isa::ALL.without(Sv57).without(Svade).minus(Isa::AIA)
    }
}

impl fmt::Debug for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.string())
    }
}

/// A profile, as far as this machine goes.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// Name, as in `rva22s64`.
    pub name: &'static str,
    /// Its mandatory extensions that exist here.
    pub isa: Isa,
    /// Its mandatory extensions that do not.
    pub lacks: &'static [&'static str],
}

/// RVA22S64, "Mandatory Extensions" of its U64 and S64 halves.
const RVA22: Isa = Isa::of(&[
    I,
    M,
    A,
    F,
    D,
    C,
    Zicsr,
    Zicntr,
    Ziccif,
    Ziccrse,
    Ziccamoa,
    Zicclsm,
    Za64rs,
    Zihpm,
    Zihintpause,
    Zba,
    Zbb,
    Zbs,
    Zic64b,
    Zicbom,
    Zicbop,
    Zicboz,
    Zfhmin,
    Zkt,
    Zifencei,
    Svbare,
    Sv39,
    Svade,
    Ssccptr,
    Sstvecd,
    Sstvala,
    Sscounterenw,
    Svpbmt,
    Svinval,
]);

/// What RVA23S64 adds.
const RVA23_MORE: Isa =
    Isa::of(&[Zihintntl, Zicond, Zimop, Zcmop, Zcb, Zfa, Zawrs, Svnapot, Sstc, Sscofpmf, Ssu64xl, H, Sha]);

/// The profiles that [`Isa::parse`] knows.
pub const PROFILES: &[Profile] = &[
    Profile { name: "rva22s64", isa: RVA22, lacks: &[] },
    Profile {
        name: "rva23s64",
        isa: RVA22.union(RVA23_MORE),
        lacks: &["v", "zvfhmin", "zvbb", "zvkt", "supm", "ssnpm"],
    },
];

/// The extension of this name.
fn find(name: &str) -> Option<Extension> {
    Extension::ALL.iter().copied().find(|e| e.name().eq_ignore_ascii_case(name))
}

/// The part before the first underscore: a profile, or `rv64` and letters, the last of which may be a long name.
fn parse_head(head: &str) -> Result<Isa, IsaError<'_>> {
    if let Some(profile) = PROFILES.iter().find(|p| p.name.eq_ignore_ascii_case(head)) {
        return Ok(Isa::BASE.union(profile.isa));
    }
    let letters = match head.get(..4) {
        Some(base) if base.eq_ignore_ascii_case("rv64") => &head[4..],
        _ => return Err(IsaError::not_rv64(head)),
    };
    if !letters.starts_with(['i', 'I', 'g', 'G']) {
        return Err(IsaError::NoBase(head));
    }
    let mut set = Isa::BASE;
    for (at, letter) in letters.char_indices() {
        let rest = &letters[at..];
        match (letter, find(rest).or_else(|| find(&rest[..letter.len_utf8()]))) {
            ('g' | 'G', _) => set = set.union(Isa::G),
            (_, Some(extension)) if rest.len() > 1 && extension.name().len() == rest.len() => {
                return Ok(set.with(extension));
            }
            ('z' | 'Z' | 's' | 'S' | 'x' | 'X', _) if rest.len() > 2 => return Err(IsaError::unknown(rest)),
            (_, Some(extension)) => set = set.with(extension),
            _ => return Err(IsaError::unknown(&rest[..letter.len_utf8()])),
        }
    }
    Ok(set)
}

/// Why an ISA string means nothing. Displays as one sentence and the list of what exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IsaError<'a> {
    /// Starts neither with `rv64` nor with a profile's name.
    NotRv64 {
        /// What stands there.
        text: &'a str,
        /// The profile whose name is nearest, if one is near.
        nearest: Option<&'static str>,
    },
    /// `rv64` is followed neither by `i` nor by `g`.
    NoBase(&'a str),
    /// Nothing stands behind an underscore.
    NoName,
    /// A name that is no extension here.
    Unknown {
        /// The name.
        name: &'a str,
        /// The extension whose name is nearest; single letters have no neighbours.
        nearest: Option<&'static str>,
    },
}

impl<'a> IsaError<'a> {
    fn unknown(name: &'a str) -> Self {
        if name.is_empty() {
            return IsaError::NoName;
        }
        let names = Extension::ALL.iter().map(|e| e.name()).filter(|other| other.len() > 1 && name.chars().count() > 1);
        IsaError::Unknown { name, nearest: names.min_by_key(|other| distance(name, other)) }
    }

    fn not_rv64(text: &'a str) -> Self {
        let near = PROFILES.iter().map(|p| (distance(text, p.name), p.name)).min();
        IsaError::NotRv64 { text, nearest: near.filter(|(far, _)| *far <= 2).map(|(_, name)| name) }
    }
}

impl fmt::Display for IsaError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nearest = match self {
            IsaError::NotRv64 { text, nearest } => {
                write!(f, "ISA \"{text}\" starts neither with rv64 nor with a profile's name")?;
                *nearest
            }
            IsaError::NoBase(text) => {
                write!(f, "ISA \"{text}\" has no base: rv64 is followed by i or g")?;
                None
            }
            IsaError::NoName => f.write_str("an underscore is followed by no extension's name").map(|()| None)?,
            IsaError::Unknown { name, nearest } => write!(f, "unknown extension \"{name}\"").map(|()| *nearest)?,
        };
        match nearest {
            Some(nearest) => write!(f, "; did you mean \"{nearest}\"?")?,
            None => f.write_str(".")?,
        }
        f.write_str(" There are the profiles")?;
        PROFILES.iter().try_for_each(|p| write!(f, " {}", p.name))?;
        f.write_str(" and the extensions g")?;
        Extension::ALL.iter().filter(|e| !matches!(e, S | U)).try_for_each(|e| write!(f, " {}", e.name()))
    }
}

impl core::error::Error for IsaError<'_> {}

/// Levenshtein's distance of two short names; of long ones, that of their beginnings.
fn distance(a: &str, b: &str) -> usize {
    const MAX: usize = 24;
    let (a, b) = (&a.as_bytes()[..a.len().min(MAX)], &b.as_bytes()[..b.len().min(MAX)]);
    let mut row: [usize; MAX + 1] = core::array::from_fn(|i| i);
    for (i, &x) in a.iter().enumerate() {
        let mut diagonal = core::mem::replace(&mut row[0], i + 1);
        for (j, &y) in b.iter().enumerate() {
            let change = diagonal + usize::from(!x.eq_ignore_ascii_case(&y));
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
