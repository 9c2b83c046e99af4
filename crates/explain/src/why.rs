//! Why a walk failed: the check in a word and in a sentence, the bits that decided, and what would help.
//!
//! Which bits decide about a leaf's permission is found by asking the walker's own rule what it would say were they
//! different ([`privileged::translate::permits`]).

use arch::csr::{envcfg, status};
use arch::isa::Extension;
use arch::pte::{self, Pte};
use arch::{Implicit, Phys, Privilege};
use privileged::translate::{Defect, Detail, Table, Tree, WalkError, permits};
use privileged::{Access, Config, Request, State, pmp};

use crate::data::{Bit, Finding, Hex, Pmp};
use crate::recorder::{Failed, access_name, scheme_name};

const PROCESS: &str = "Privileged: \"Virtual Address Translation Process\"";
const TWO_STAGE: &str = "H extension: \"Two-Stage Address Translation\"";
const GUEST: &str = "H extension: \"Guest Physical Address Translation\"";
const SVNAPOT: &str = "Privileged: \"Svnapot\"";
const SVPBMT: &str = "Privileged: \"Svpbmt\"";
const SVADE: &str = "Privileged: \"Svade\", \"Svadu\"";
const PMP: &str = "Privileged: \"Physical Memory Protection\"";
const SV39: &str = "Privileged: \"Addressing and Memory Protection\" of the scheme";

/// What a walk failed in, and with what.
pub struct Case<'a> {
    /// The hart.
    pub state: &'a State,
    /// What it can do.
    pub config: &'a Config,
    /// What was asked for.
    pub request: &'a Request,
    /// The failure.
    pub failed: &'a Failed,
}

/// What a check found: its word, its sentence, the bits, what would help, the sections.
struct Found {
    check: &'static str,
    sentence: String,
    bits: Vec<Bit>,
    would_help: Vec<Vec<String>>,
    manual: Vec<&'static str>,
}

impl Found {
    fn new(check: &'static str, sentence: impl Into<String>, bits: Vec<Bit>, manual: &[&'static str]) -> Found {
        Found { check, sentence: sentence.into(), bits, would_help: Vec::new(), manual: manual.to_vec() }
    }
}

impl Case<'_> {
    /// Why the walk failed.
    pub fn finding(&self) -> Finding {
        let failed = self.failed;
        let found = match failed.error {
            WalkError::AddressTooWide => self.too_wide(),
            WalkError::TableAccess => self.table_access(),
            WalkError::InvalidEntry => self.invalid(),
            WalkError::NoLeaf => self.no_leaf(),
            WalkError::NotPermitted => self.not_permitted(),
            WalkError::MisalignedSuperpage => self.misaligned(),
            WalkError::NotAccessedOrDirty => self.not_accessed(),
        };
        let within = self.within();
        Finding {
            check: found.check,
            stage: self.stage(),
            level: failed.level,
            within: failed.within,
            sentence: format!("{}{}{within}", self.place(), found.sentence),
            bits: found.bits,
            would_help: found.would_help,
            manual: found.manual.into_iter().chain(self.is_guest().then_some(GUEST)).collect(),
        }
    }

    const fn is_guest(&self) -> bool {
        matches!(self.failed.tree.table, Table::Guest(_))
    }

    const fn stage(&self) -> &'static str {
        match self.failed.tree.table {
            Table::Supervisor => "S",
            Table::VirtualSupervisor => "VS",
            Table::Guest(_) => "G",
        }
    }

    /// `VS-stage, level 0: `
    fn place(&self) -> String {
        let level = self.failed.level.map(|level| format!(", level {level}")).unwrap_or_default();
        format!("{}-stage{level}: ", self.stage())
    }

    /// What the G-stage was walked for, if not for the access itself.
    fn within(&self) -> String {
        let Some(within) = self.failed.within else { return String::new() };
        let does = match self.failed.tree.table {
            Table::Guest(Some(Implicit::Write)) => "setting A or D in",
            _ => "reading",
        };
        format!(" (while {does} the VS-stage's entry of level {within}, at guest-physical {})", self.address())
    }

    fn address(&self) -> Hex {
        Hex(self.failed.tree.address)
    }

    /// The entry that failed.
    fn entry(&self) -> Pte {
        self.failed.entry.unwrap_or_default()
    }

    fn bit(&self, name: &str, bit: u64) -> Bit {
        Bit::new("PTE", name, self.entry().has(bit).into())
    }

    fn too_wide(&self) -> Found {
        let Tree { scheme, table, .. } = self.failed.tree;
        let name = scheme_name(scheme, table);
        let mode = Bit::new(self.register(), "MODE", mode_of(scheme));
        let (address, bits) = (self.address(), scheme.address_bits());
        let sentence = if self.is_guest() {
            let bits = bits + pte::WIDENED_BITS;
            format!("guest-physical address {address} has bits at or above bit {bits}, where {name} wants zeros")
        } else {
            let top = bits - 1;
            format!("address {address} is not canonical: {name} wants bits 63:{bits} all equal to bit {top}")
        };
        Found::new("address-too-wide", sentence, vec![mode], &[SV39, PROCESS])
    }

    const fn register(&self) -> &'static str {
        match self.failed.tree.table {
            Table::Supervisor => "satp",
            Table::VirtualSupervisor => "vsatp",
            Table::Guest(_) => "hgatp",
        }
    }

    fn table_access(&self) -> Found {
        match self.failed.detail {
            Detail::Protected { at, access } => {
                let pmp = protection(self.state, self.config, at, pte::PTE_BYTES, access, Privilege::Supervisor);
                let what = if access == Access::Store { "set A or D in" } else { "read" };
                let sentence = format!("PMP does not let the walker {what} the entry at {}: {}", Hex(at.0), told(&pmp));
                Found::new("table-pmp", sentence, pmp_bits(&pmp), &[PROCESS, PMP])
            }
            Detail::NoMemory { at } => {
                let sentence = format!("no memory is at {}, where the entry should be", Hex(at.0));
                Found::new("table-no-memory", sentence, Vec::new(), &[PROCESS])
            }
            _ => Found::new("table-access", "the entry cannot be accessed", Vec::new(), &[PROCESS]),
        }
    }

    fn invalid(&self) -> Found {
        let entry = self.entry();
        let value = Hex(entry.0);
        let defect = match self.failed.detail {
            Detail::Defect(defect) => defect,
            _ => return self.range_size(),
        };
        match defect {
            Defect::NotValid => {
                let sentence = format!("the entry is {value}: V is 0, nothing is mapped here");
                Found::new("not-valid", sentence, vec![self.bit("V", pte::V)], &[PROCESS])
            }
            Defect::WriteOnly => {
                let bits = vec![self.bit("R", pte::R), self.bit("W", pte::W)];
                Found::new("write-without-read", "W is 1 and R is 0, which is reserved", bits, &[PROCESS])
            }
            Defect::Reserved => {
                let field = (entry.0 & pte::RESERVED) >> pte::RESERVED.trailing_zeros();
                let sentence = format!("bits 60:54 of the entry {value} are reserved and not zero");
                Found::new("reserved-bits", sentence, vec![Bit::new("PTE", "60:54", field)], &[PROCESS])
            }
            Defect::MemoryTypeOff => {
                let bits = vec![Bit::new("PTE", "PBMT", entry.pbmt().into()), self.envcfg("PBMTE", envcfg::PBMTE)];
                let sentence =
                    format!("PBMT is {}, and {} is 0, which makes it reserved", entry.pbmt(), named(&bits[1]));
                Found::new("memory-type-off", sentence, bits, &[SVPBMT, PROCESS])
            }
            Defect::MemoryTypeReserved => {
                let bits = vec![Bit::new("PTE", "PBMT", entry.pbmt().into())];
                Found::new("memory-type-reserved", "PBMT is 3, which is reserved", bits, &[SVPBMT])
            }
            Defect::RangeOff => {
                let sentence = "N is 1, and the hart is without Svnapot, which makes it reserved";
                Found::new("napot-off", sentence, vec![self.bit("N", pte::N)], &[SVNAPOT])
            }
            Defect::Pointer => self.pointer(),
        }
    }

    fn range_size(&self) -> Found {
        let bits = vec![self.bit("N", pte::N), Bit::new("PTE", "PPN[3:0]", self.entry().ppn() & 15)];
        let sentence = "N is 1 where only leaves of level 0 with PPN[3:0] = 8, ranges of 64 KiB, may have it";
        Found::new("napot-size", sentence, bits, &[SVNAPOT])
    }

    /// A pointer with bits that only leaves have.
    fn pointer(&self) -> Found {
        let all = [("D", pte::D), ("A", pte::A), ("U", pte::U), ("N", pte::N)];
        let set = all.into_iter().filter(|&(_, bit)| self.entry().has(bit));
        let mut bits: Vec<Bit> = set.map(|(name, bit)| self.bit(name, bit)).collect();
        if self.entry().pbmt() != 0 {
            bits.push(Bit::new("PTE", "PBMT", self.entry().pbmt().into()));
        }
        let names = list(bits.iter().map(|bit| bit.field.clone()));
        let sentence = format!(
            "the entry {} is a pointer (R, W and X are 0) with {names} set, which is reserved",
            Hex(self.entry().0)
        );
        Found::new("pointer-bits", sentence, bits, &[PROCESS])
    }

    fn no_leaf(&self) -> Found {
        let bits = vec![self.bit("R", pte::R), self.bit("W", pte::W), self.bit("X", pte::X)];
        let sentence = format!("the entry {} of the last level is a pointer: R, W and X are 0", Hex(self.entry().0));
        Found::new("no-leaf", sentence, bits, &[PROCESS])
    }

    fn misaligned(&self) -> Found {
        let level = self.failed.level.unwrap_or(0);
        let low = pte::LEVEL_BITS * level;
        let field = self.entry().ppn() & ((1 << low) - 1);
        let bits = vec![Bit::new("PTE", format!("PPN[{}:0]", low.saturating_sub(1)), field)];
        let sentence = format!(
            "the leaf {} maps a superpage whose address {} is no multiple of its size",
            Hex(self.entry().0),
            Hex(self.entry().ppn() << 12)
        );
        Found::new("misaligned-superpage", sentence, bits, &[PROCESS])
    }

    fn not_accessed(&self) -> Found {
        let all = [("A", pte::A, true), ("D", pte::D, self.failed.tree.access == Access::Store)];
        let missing = all.into_iter().filter(|&(_, bit, wanted)| wanted && !self.entry().has(bit));
        let mut bits: Vec<Bit> = missing.map(|(name, bit, _)| self.bit(name, bit)).collect();
        let names = list(bits.iter().map(|bit| bit.field.clone()));
        let switch = self.config.has(Extension::Svadu).then(|| self.envcfg("ADUE", envcfg::ADUE));
        let why = match &switch {
            Some(bit) => format!("hardware does not set it, as {} is 0", named(bit)),
            None => "hardware does not set it: the hart has Svade and not Svadu".to_owned(),
        };
        let access = access_name(self.failed.tree.access);
        let sentence = format!("the leaf {} has {names} = 0, which a {access} needs, and {why}", Hex(self.entry().0));
        let mut would_help = vec![bits.iter().map(|bit| format!("PTE.{} = 1", bit.field)).collect()];
        would_help.extend(switch.iter().map(|bit| vec![format!("{} = 1", named(bit))]));
        bits.extend(switch);
        let check = if bits[0].field == "A" { "not-accessed" } else { "not-dirty" };
        Found { would_help, ..Found::new(check, sentence, bits, &[SVADE, PROCESS]) }
    }

    /// The bit of the register that switches a feature of this stage off: for the VS-stage `henvcfg`'s, unless
    /// `menvcfg` withholds it.
    fn envcfg(&self, field: &str, bit: u64) -> Bit {
        let of = match self.failed.tree.table {
            Table::VirtualSupervisor if self.state.menvcfg & bit != 0 => "henvcfg",
            _ => "menvcfg",
        };
        Bit::new(of, field, (self.failed.tree.envcfg & bit != 0).into())
    }

    fn not_permitted(&self) -> Found {
        let would_help = self.would_help();
        let decisive = |change: &&Change| would_help.iter().any(|set| set.contains(change));
        let bits = CHANGES.iter().filter(decisive).map(|change| self.state_of(*change)).collect();
        let access = access_name(self.failed.tree.access);
        let hlvx = if self.failed.tree.hlvx { " by HLVX" } else { "" };
        let sentence =
            format!("the leaf {} does not permit this {access}{hlvx}: {}", Hex(self.entry().0), self.reason());
        let would_help = would_help.iter().map(|set| set.iter().map(|change| self.told(*change)).collect()).collect();
        let manual: &[&str] = if self.request.mode.virt { &[PROCESS, TWO_STAGE] } else { &[PROCESS] };
        Found { would_help, ..Found::new("not-permitted", sentence, bits, manual) }
    }

    /// The smallest sets of changes that would let the access pass: the walker's rule says so.
    fn would_help(&self) -> Vec<Vec<Change>> {
        let sets = (1_u32..1 << CHANGES.len()).map(|set| {
            CHANGES
                .iter()
                .enumerate()
                .filter(|(at, _)| set >> at & 1 != 0)
                .map(|(_, change)| *change)
                .collect::<Vec<_>>()
        });
        let helping: Vec<Vec<Change>> = sets.filter(|set| self.passes_with(set)).collect();
        let fewest = helping.iter().map(Vec::len).min().unwrap_or(0);
        helping.into_iter().filter(|set| set.len() == fewest).collect()
    }

    fn passes_with(&self, changes: &[Change]) -> bool {
        let (mut request, mut tree, mut entry) = (*self.request, self.failed.tree, self.entry());
        let knows_mxr = !matches!(tree.table, Table::Guest(Some(_)));
        if changes.contains(&Change::Mxr) && !knows_mxr {
            return false;
        }
        changes.iter().for_each(|change| change.apply(&mut request, &mut tree, &mut entry));
        let is_valid = entry.has(pte::R) || !entry.has(pte::W);
        is_valid && permits(&request, tree, entry)
    }

    /// What the entry lacks, in words: U first, as it decides whether R, W and X are looked at.
    fn reason(&self) -> String {
        list(self.whose().into_iter().chain(self.right()))
    }

    /// What is wrong with U.
    fn whose(&self) -> Option<String> {
        let as_user = self.is_guest() || self.request.mode.privilege == Privilege::User;
        Some(match (self.entry().has(pte::U), as_user) {
            (false, true) if self.is_guest() => {
                "U is 0, and the G-stage takes every access as one of U-mode".to_owned()
            }
            (false, true) => "U is 0, so that the page is not for user mode".to_owned(),
            (true, false) if self.failed.tree.access == Access::Fetch => {
                "U is 1, and supervisor mode never executes user pages".to_owned()
            }
            (true, false) if !self.request.permits.sum => {
                format!("U is 1, and {}.SUM is 0, so that supervisor mode may not touch user pages", self.status())
            }
            _ => return None,
        })
    }

    /// What of R, W and X is missing.
    fn right(&self) -> Option<String> {
        let (tree, entry) = (self.failed.tree, self.entry());
        let reads = entry.has(pte::R) || tree.mxr && entry.has(pte::X);
        match tree.access {
            Access::Load if tree.hlvx => {
                (!entry.has(pte::X)).then(|| "X is 0, which HLVX needs in place of R".to_owned())
            }
            Access::Load if !reads && entry.has(pte::X) => {
                Some(format!("R is 0, and {}.MXR is 0, so that X does not stand in for it", self.mxr_of()))
            }
            Access::Load => (!reads).then(|| "R is 0".to_owned()),
            Access::Store => (!entry.has(pte::W)).then(|| "W is 0".to_owned()),
            Access::Fetch => (!entry.has(pte::X)).then(|| "X is 0".to_owned()),
        }
    }

    /// The register of SUM.
    const fn status(&self) -> &'static str {
        if self.request.mode.virt { "vsstatus" } else { "sstatus" }
    }

    /// The register of MXR. Implicit accesses know none.
    const fn mxr_of(&self) -> &'static str {
        match self.failed.tree.table {
            Table::VirtualSupervisor => "vsstatus",
            Table::Supervisor | Table::Guest(_) => "sstatus",
        }
    }

    /// A bit as it is.
    fn state_of(&self, change: Change) -> Bit {
        let first = if self.request.mode.virt { self.state.vsstatus } else { self.state.mstatus };
        match change {
            Change::Entry(name, bit) => self.bit(name, bit),
            Change::Sum => Bit::new(self.status(), "SUM", (first & status::SUM != 0).into()),
            Change::Mxr => Bit::new(self.mxr_of(), "MXR", self.failed.tree.mxr.into()),
        }
    }

    /// A change in words.
    fn told(&self, change: Change) -> String {
        match change {
            Change::Entry(name, bit) => format!("PTE.{name} = {}", u8::from(!self.entry().has(bit))),
            Change::Sum => format!("{}.SUM = 1", self.status()),
            Change::Mxr => format!("{}.MXR = 1", self.mxr_of()),
        }
    }
}

/// Something that decides about a leaf's permission, to be had otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Entry(&'static str, u64),
    Sum,
    Mxr,
}

impl Change {
    /// Makes it, in what an access, its tree and its leaf say.
    fn apply(self, request: &mut Request, tree: &mut Tree, entry: &mut Pte) {
        match self {
            Change::Entry(_, bit) => entry.0 ^= bit,
            Change::Sum => request.permits.sum = !request.permits.sum,
            Change::Mxr => tree.mxr = !tree.mxr,
        }
    }
}

const CHANGES: [Change; 6] = [
    Change::Entry("U", pte::U),
    Change::Entry("R", pte::R),
    Change::Entry("W", pte::W),
    Change::Entry("X", pte::X),
    Change::Sum,
    Change::Mxr,
];

const fn mode_of(scheme: pte::Scheme) -> u64 {
    match scheme {
        pte::Scheme::Sv39 => arch::csr::atp::SV39,
        pte::Scheme::Sv48 => arch::csr::atp::SV48,
        pte::Scheme::Sv57 => arch::csr::atp::SV57,
    }
}

fn named(bit: &Bit) -> String {
    format!("{}.{}", bit.of, bit.field)
}

/// `a, b and c`
pub fn list(words: impl Iterator<Item = String>) -> String {
    let words: Vec<String> = words.collect();
    match words.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

/// What PMP says of an access.
pub fn protection(state: &State, config: &Config, at: Phys, len: u64, access: Access, privilege: Privilege) -> Pmp {
    let found = pmp::matching(state, config, at, len);
    Pmp {
        permits: pmp::check(state, config, at, len, access, privilege),
        entry: found.map(|found| found.entry),
        region: found.map(|found| [Hex(found.first), Hex(found.last)]),
        configuration: found.map(|found| configuration(state.pmpcfg[found.entry])),
    }
}

fn configuration(cfg: u8) -> String {
    use arch::csr::pmpcfg;
    let letters = [(pmpcfg::L, 'L'), (pmpcfg::X, 'X'), (pmpcfg::W, 'W'), (pmpcfg::R, 'R')];
    let letters: String = letters.iter().map(|&(bit, letter)| if cfg & bit != 0 { letter } else { '-' }).collect();
    let by = match cfg & pmpcfg::A {
        pmpcfg::A_TOR => "TOR",
        pmpcfg::A_NA4 => "NA4",
        pmpcfg::A_NAPOT => "NAPOT",
        _ => "OFF",
    };
    format!("{letters} {by}")
}

/// What PMP says, in words.
pub fn told(pmp: &Pmp) -> String {
    match (pmp.entry, &pmp.region, &pmp.configuration) {
        (Some(entry), Some([first, last]), Some(configuration)) => {
            format!("entry {entry}, {first} to {last}, is {configuration}")
        }
        _ => "no entry matches".to_owned(),
    }
}

/// The register that decides.
pub fn pmp_bits(pmp: &Pmp) -> Vec<Bit> {
    let entry = pmp.entry.zip(pmp.configuration.as_ref());
    entry
        .map(|(entry, text)| Bit::new(format!("pmp{entry}cfg"), text.clone(), pmp.permits.into()))
        .into_iter()
        .collect()
}

/// A finding of PMP about the access itself.
pub fn denied_by_pmp(pmp: &Pmp, physical: Phys, access: Access, privilege: Privilege) -> Finding {
    let mode = if privilege == Privilege::Machine { "M-mode" } else { "S-mode and U-mode" };
    let kind = access_name(access);
    let why = match pmp.entry {
        Some(_) => told(pmp),
        None => format!("no entry matches, which denies all to {mode}"),
    };
    Finding {
        check: "pmp",
        stage: "PMP",
        level: None,
        within: None,
        sentence: format!("PMP denies this {kind} at physical address {}: {why}", Hex(physical.0)),
        bits: pmp_bits(pmp),
        would_help: Vec::new(),
        manual: vec![PMP],
    }
}

/// A finding of the bus: nothing is there.
pub fn nothing_there(physical: Phys) -> Finding {
    Finding {
        check: "nothing-there",
        stage: "bus",
        level: None,
        within: None,
        sentence: format!(
            "the access is permitted, but neither memory nor a device is at physical address {}",
            Hex(physical.0)
        ),
        bits: Vec::new(),
        would_help: Vec::new(),
        manual: vec!["Privileged: \"Physical Memory Attributes\""],
    }
}
