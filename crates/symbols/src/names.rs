//! Names of addresses in every world: the host's, and each guest's.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arch::{Mode, Privilege};
use events::Look;

use crate::table::{Found, Table};
use crate::task::Task;
use crate::{File, Kernel};

/// Whose program symbols are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Whose {
    /// The host's, or of a program without guests.
    Host,
    /// Those of every guest of which no other are known.
    Guests,
    /// Those of the guest with this VMID.
    Guest(u16),
}

/// What is known of one program.
#[derive(Clone, Debug, Default)]
struct Program {
    file: Option<Arc<File>>,
    /// How far the program is from where its file says.
    moved: u64,
    kernel: Option<Arc<Kernel>>,
    /// The same kernel when it had other modules, the newest first.
    former: Vec<Arc<Kernel>>,
    /// Names alone, as traces have them.
    names: Option<Arc<Table>>,
}

/// Symbols of host and guests. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub struct Symbols(BTreeMap<Whose, Program>);

/// What an address is called: the symbol before it and how far behind that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named<'a>(pub Found<'a>);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Found { name, offset, module } = self.0;
        f.write_str(name)?;
        if offset != 0 {
            write!(f, "+{offset:#x}")?;
        }
        module.map_or(Ok(()), |module| write!(f, " [{module}]"))
    }
}

/// Kernels that had other modules, of which names are kept.
const MOST_FORMER: usize = 3;
/// Kernels that are found; a host can have as many guests as it likes, each with a table as large as it likes.
const MOST_KERNELS: usize = 32;
/// Common symbols of which all but some must agree.
const ENOUGH: usize = 16;

impl Symbols {
    /// Adds a file's.
    pub fn add(&mut self, whose: Whose, file: File) {
        self.0.entry(whose).or_default().file = Some(Arc::new(file));
    }

    /// Adds names alone.
    pub fn add_names(&mut self, whose: Whose, table: Table) {
        self.0.entry(whose).or_default().names = Some(Arc::new(table));
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Finds the Linux of the host and that of the guest whose registers the hart has, where they are not known. What
    /// the user should know of files that do not fit, a sentence each.
    pub fn learn(&mut self, hart: &dyn Look) -> Vec<String> {
        let guest = (hart.space(true) != 0 || hart.mode().virt).then(|| Whose::Guest(hart.vmid()));
        let unknown = [Some(Whose::Host), guest].into_iter().flatten().filter(|whose| self.kernel(*whose).is_none());
        let unknown: Vec<Whose> = unknown.collect();
        unknown.into_iter().filter_map(|whose| self.learn_one(hart, whose)).collect()
    }

    /// Finds the Linux of one of them, if it is in the hart's registers and there are not too many.
    pub fn learn_one(&mut self, hart: &dyn Look, whose: Whose) -> Option<String> {
        let kernels = self.0.values().filter(|program| program.kernel.is_some()).count();
        if kernels >= MOST_KERNELS && self.kernel(whose).is_none() {
            return None;
        }
        let of_host = || self.kernel(Whose::Host).filter(|_| whose != Whose::Host)?.same_in_guest(hart);
        let kernel = of_host().or_else(|| Kernel::find(hart, whose != Whose::Host))?;
        self.meet(whose, kernel)
    }

    /// Notes a kernel. A file that is not of this kernel is used no more, which the sentence says.
    pub fn meet(&mut self, whose: Whose, kernel: Kernel) -> Option<String> {
        let common = self.0.get(&Whose::Guests).and_then(|program| program.file.clone());
        let program = self.0.entry(whose).or_default();
        let file = program.file.clone().or(common.filter(|_| whose != Whose::Host));
        let fits = file.as_ref().map(|file| moved(file, &kernel));
        let has_other_modules = |before: &Arc<Kernel>| before.table.modules != kernel.table.modules;
        if let Some(before) = program.kernel.take().filter(has_other_modules) {
            program.former.insert(0, before);
            program.former.truncate(MOST_FORMER);
        }
        program.kernel = Some(Arc::new(kernel));
        match fits {
            None => None,
            Some(Ok(moved)) => {
                (program.file, program.moved) = (file, moved);
                None
            }
            Some(Err(sentence)) => {
                program.file = None;
                Some(sentence)
            }
        }
    }

    /// The kernel that was found.
    pub fn kernel(&self, whose: Whose) -> Option<&Kernel> {
        self.0.get(&whose)?.kernel.as_deref()
    }

    /// Of whom something is known.
    pub fn known(&self) -> impl Iterator<Item = Whose> {
        self.0.keys().copied()
    }

    /// What an address of code is called in a mode; of a guest, with this VMID.
    pub fn name(&self, mode: Mode, vmid: u16, address: u64) -> Option<Named<'_>> {
        self.programs(mode, vmid)?.into_iter().flatten().find_map(|program| program.name(address)).map(Named)
    }

    /// The function that an address of a kernel is in, which was found in memory.
    pub fn function(&self, whose: Whose, address: u64) -> Option<(Range<u64>, Found<'_>)> {
        self.0.get(&whose)?.kernels().find_map(|kernel| kernel.table.function_at(address))
    }

    /// The source line of an address.
    pub fn line(&self, mode: Mode, vmid: u16, address: u64) -> Option<String> {
        let mut programs = self.programs(mode, vmid)?.into_iter().flatten();
        programs.find_map(|program| program.file.as_ref()?.lines.as_ref()?.at(address.wrapping_sub(program.moved)))
    }

    /// The process that runs on a hart.
    pub fn task(&self, hart: &dyn Look) -> Option<Task> {
        let virt = hart.mode().virt;
        let whose = if virt { Whose::Guest(hart.vmid()) } else { Whose::Host };
        self.kernel(whose)?.current(hart, virt)
    }

    fn programs(&self, mode: Mode, vmid: u16) -> Option<[Option<&Program>; 2]> {
        match mode {
            Mode { privilege: Privilege::User, .. } => None,
            Mode { virt: true, .. } => Some([self.0.get(&Whose::Guest(vmid)), self.0.get(&Whose::Guests)]),
            Mode { virt: false, .. } => Some([self.0.get(&Whose::Host), None]),
        }
    }
}

impl Program {
    /// The kernel, and what it was before.
    fn kernels(&self) -> impl Iterator<Item = &Arc<Kernel>> {
        self.kernel.iter().chain(&self.former)
    }

    fn name(&self, address: u64) -> Option<Found<'_>> {
        let of_kernel = self.kernels().find_map(|kernel| kernel.table.code_at(address));
        let of_file = || self.file.as_ref().and_then(|file| file.table.code_at(address.wrapping_sub(self.moved)));
        let of_names = || self.names.as_ref().and_then(|names| names.code_at(address));
        of_kernel.or_else(of_file).or_else(of_names)
    }
}

/// How far a kernel is from where a file of it says, or that the file is of another.
fn moved(file: &File, kernel: &Kernel) -> Result<u64, String> {
    let another = |why: String| {
        let release = kernel.release().unwrap_or("the one that runs");
        format!("the symbols in '{}' are of another kernel than {release}: {why}; they are not used", file.name)
    };
    if let (Some(given), Some(runs)) = (&file.build_id, &kernel.build_id)
        && given != runs
    {
        return Err(another(format!("build id {}, not {}", hex::encode(given), hex::encode(runs))));
    }
    let first = file.table.address("_start").or_else(|| file.table.address("_text"));
    let Some(first) = first else { return Err(another("it has no _start".into())) };
    let moved = kernel.start.wrapping_sub(first);
    let at: BTreeMap<&str, u64> = by_name(&file.table);
    let runs = by_name(&kernel.table);
    let common: Vec<bool> =
        runs.iter().filter_map(|(name, address)| Some(at.get(name)?.wrapping_add(moved) == *address)).collect();
    let equal = common.iter().filter(|equal| **equal).count();
    match common.len() {
        // names that come more than once may not be those that were compared
        count if count >= ENOUGH && equal * 100 < count * 95 => {
            Err(another(format!("of {count} common names {} are elsewhere", count - equal)))
        }
        count if count < ENOUGH => Err(another(format!("they have {count} names in common"))),
        _ => Ok(moved),
    }
}

/// Symbols of the program itself, by name.
fn by_name(table: &Table) -> BTreeMap<&str, u64> {
    let own = table.symbols().iter().filter(|symbol| symbol.module.is_none());
    own.map(|symbol| (symbol.name.as_str(), symbol.address)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzing::{Layout, Memory, image, names};
    use crate::table::tests::symbol;

    fn map(count: u64, step: u64) -> String {
        let line = |n: u64| format!("{:016x} T f{n}\n", 0xffff_ffff_8000_1000 + n * step);
        "ffffffff80000000 T _start\n".to_owned() + &(0..count).map(line).collect::<String>()
    }

    fn file(text: &str) -> File {
        File::read("map".into(), text.as_bytes()).unwrap()
    }

    /// The kernel of [`map`], 4 MiB behind where that says.
    fn kernel() -> Kernel {
        let start = 0xffff_ffff_8040_0000;
        let symbols = (0..100).map(|n| symbol(start + 0x1000 + n * 16, b'T', &format!("f{n}"))).collect();
        Kernel { start, table: Table::new(symbols, Vec::new(), Vec::new()), ..Kernel::default() }
    }

    #[test]
    fn names_are_of_a_world() {
        let mut symbols = Symbols::default();
        symbols.add(Whose::Host, file(&map(2, 0x1000)));
        symbols.add(Whose::Guests, file("ffffffff80002008 T of_guests\n"));
        symbols.add(Whose::Guest(7), file("ffffffff80002004 T of_seven\n"));
        let name = |mode, vmid, address| symbols.name(mode, vmid, address).map(|name| name.to_string());
        assert_eq!(name(Mode::HS, 0, 0xffff_ffff_8000_2008).as_deref(), Some("f1+0x8"));
        assert_eq!(name(Mode::VS, 1, 0xffff_ffff_8000_2008).as_deref(), Some("of_guests"));
        assert_eq!(name(Mode::VS, 7, 0xffff_ffff_8000_2008).as_deref(), Some("of_seven+0x4"));
        assert_eq!((name(Mode::U, 0, 0xffff_ffff_8000_2008), name(Mode::HS, 0, 0x1000)), (None, None));
    }

    #[test]
    fn there_are_not_more_kernels_than_there_is_room_for() {
        let bytes = image(&names(50), Layout::Behind);
        let memory = Memory { bytes: &bytes, repeats: false };
        let mut symbols = Symbols::default();
        for vmid in 0..100 {
            symbols.meet(Whose::Guest(vmid), kernel());
            symbols.learn_one(&memory, Whose::Host);
        }
        assert!(symbols.kernel(Whose::Host).is_some(), "it came first");
        symbols.0.remove(&Whose::Host);
        symbols.learn_one(&memory, Whose::Host);
        assert!(symbols.kernel(Whose::Host).is_none());
    }

    #[test]
    fn a_file_of_this_kernel_is_used_where_it_runs() {
        let mut symbols = Symbols::default();
        symbols.add(Whose::Host, file(&map(100, 16)));
        assert_eq!(symbols.meet(Whose::Host, kernel()), None);
        assert_eq!(symbols.name(Mode::HS, 0, 0xffff_ffff_8040_1014).unwrap().to_string(), "f1+0x4");
    }

    #[test]
    fn a_file_of_another_kernel_is_noticed() {
        let mut symbols = Symbols::default();
        symbols.add(Whose::Guests, file(&map(100, 24)));
        let said = symbols.meet(Whose::Guest(3), kernel()).unwrap();
        assert!(said.contains("'map' are of another kernel") && said.contains("of 100 common names 99"), "{said}");
        assert_eq!(symbols.name(Mode::VS, 3, 0xffff_ffff_8040_1014).unwrap().to_string(), "f1+0x4");
        let other = File { build_id: Some(vec![1, 2]), ..file(&map(100, 16)) };
        symbols.add(Whose::Host, other);
        let said = symbols.meet(Whose::Host, Kernel { build_id: Some(vec![3]), ..kernel() }).unwrap();
        assert!(said.contains("build id 0102, not 03"), "{said}");
    }
}
