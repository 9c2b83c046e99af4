//! Fences of translations: what each combination of operands drops, and that all else stays remembered.
//!
//! A hart of five address spaces has used every page of each. Then all leaves of one stage are changed, a fence is
//! executed, and every page is used again: it answers by the new leaf, after a walk, exactly where the fence names it.
//! That what stays is not walked for is allowed, not asked, by the manual; it is what this hart promises.

use arch::addr::PAGE_BYTES;
use arch::csr::atp;
use arch::insn::{I, Rs};
use arch::{Insn, Isa, Mode, pte};
use hart::Hart;
use hart::engine::{DATA_ENTRIES, Interpreter};
use kit::{RAM_BASE, Registers};
use memory::Ram;
use vcpu::EmulatedHart;

const RAM_BYTES: u64 = 40 << 20;
/// Root, middle and lowest tables of the three trees.
const SUPERVISOR: Tree = Tree { root: RAM_BASE, rights: 0, moves: NEW - OLD };
const FIRST: Tree = Tree { root: RAM_BASE + 0x1_0000, rights: 0, moves: NEW_GUEST };
const SECOND: Tree = Tree { root: RAM_BASE + 0x2_0000, rights: pte::U, moves: NEW - OLD };
/// Where guest-physical address 0 is before its leaves change, and behind.
const OLD: u64 = RAM_BASE + 0x80_0000;
const NEW: u64 = RAM_BASE + 0x180_0000;
/// How far the VS-stage's leaves move.
const NEW_GUEST: u64 = 0x80_0000;

const BIG: u64 = 2 << 20;
const ADDRESS: u8 = 5;
const ID: u8 = 6;
const VALUE: u8 = 7;

/// A place that is loaded from: in a page of the first stage, which lies in a page of the second.
struct Place {
    va: u64,
    size: u64,
    gpa: u64,
    guest_size: u64,
    flags: u64,
}

const fn place(va: u64, size: u64, gpa: u64, guest_size: u64, flags: u64) -> Place {
    Place { va, size, gpa, guest_size, flags }
}

const PLACES: [Place; 8] = [
    place(0x1008, PAGE_BYTES, 0x1008, PAGE_BYTES, 0),
    place(0x2010, PAGE_BYTES, 0x2010, PAGE_BYTES, 0),
    place(0x3000, PAGE_BYTES, 0x3000, PAGE_BYTES, pte::G),
    place(0x4000, PAGE_BYTES, 0x60_4000, BIG, 0),
    place(0x5000, PAGE_BYTES, 0x60_5000, BIG, 0),
    place(0x20_0000, BIG, 0x20_0000, BIG, 0),
    place(0x20_5018, BIG, 0x20_5018, BIG, 0),
    place(0x40_0000, BIG, 0x40_0000, BIG, pte::G),
];

/// Addresses that fences name: in small pages, anywhere in big ones, in global ones, and in none of them.
const NAMED: [u64; 7] = [0x1ff8, 0x3000, 0x4abc, 0x21_7120, 0x5f_f000, 0x60_5000, 0x70_0000];

/// A page table for the first 16 MiB, and for RAM itself.
struct Tree {
    root: u64,
    rights: u64,
    /// How far its leaves move.
    moves: u64,
}

impl Tree {
    fn entry(&self, level: u64, part: u64, index: u64) -> u64 {
        // a G-stage's root has four pages; a lowest table for each 2 MiB
        let table = [0x4000 + part * PAGE_BYTES, 0xf000, 0][level as usize];
        self.root + table + index * 8 - RAM_BASE
    }

    /// Maps the page of `size` at `va`.
    fn map(&self, ram: &Ram, va: u64, size: u64, to: u64, flags: u64) {
        let (big, part) = (va / BIG % 512, va / BIG);
        let pointer = |table: u64| (table + RAM_BASE) >> 12 << 10 | pte::V;
        ram.store_u64(self.entry(2, 0, 0), pointer(self.entry(1, 0, 0))).unwrap();
        let leaf = ((to / size * size) >> 12) << 10
            | pte::V
            | pte::R
            | pte::W
            | pte::X
            | pte::A
            | pte::D
            | self.rights
            | flags;
        if size == BIG {
            return ram.store_u64(self.entry(1, 0, big), leaf).unwrap();
        }
        ram.store_u64(self.entry(1, 0, big), pointer(self.entry(0, part, 0))).unwrap();
        ram.store_u64(self.entry(0, part, va / PAGE_BYTES % 512), leaf).unwrap();
    }

    /// Maps RAM to itself.
    fn map_ram(&self, ram: &Ram) {
        let leaf = RAM_BASE >> 12 << 10 | pte::V | pte::R | pte::W | pte::A | pte::D | self.rights;
        ram.store_u64(self.entry(2, 0, RAM_BASE >> 30), leaf).unwrap();
    }

    /// Maps all places, moved or not.
    fn map_places(&self, ram: &Ram, moved: bool) {
        let by = if moved { self.moves } else { 0 };
        for &Place { va, size, gpa, guest_size, flags } in &PLACES {
            match self.root {
                root if root == SUPERVISOR.root => self.map(ram, va, size, OLD + gpa + by, flags),
                root if root == FIRST.root => self.map(ram, va, size, gpa + by, flags),
                _ => [gpa, gpa + NEW_GUEST].iter().for_each(|&gpa| self.map(ram, gpa, guest_size, OLD + gpa + by, 0)),
            }
        }
    }

    /// Maps the pages that displace others.
    fn map_others(&self, ram: &Ram) {
        let to = if self.root == FIRST.root { OTHERS_GUEST } else { OLD + OTHERS_GUEST };
        let from = if self.root == SECOND.root { OTHERS_GUEST } else { OTHERS };
        (from..OTHERS + FIRST_LEVEL).step_by(BIG as usize).for_each(|va| self.map(ram, va, BIG, to, 0));
    }

    fn register(&self, id: u64) -> u64 {
        atp::SV39 << atp::MODE_SHIFT | id << atp::ID_SHIFT | self.root >> 12
    }
}

/// An address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Space {
    asid: u64,
    /// Of the guest, if it is one's.
    vmid: Option<u64>,
}

const SPACES: [Space; 5] = [
    Space { asid: 1, vmid: None },
    Space { asid: 2, vmid: None },
    Space { asid: 1, vmid: Some(7) },
    Space { asid: 2, vmid: Some(7) },
    Space { asid: 1, vmid: Some(8) },
];

/// The guest that is current at the fence.
const CURRENT: Space = SPACES[2];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Load,
    /// A load of what other pages have displaced from the first level of the data tables.
    LoadBehind,
    Fetch,
}

/// Pages that are loaded from to displace others: as many as the first level has, from a multiple of their count on.
const OTHERS: u64 = FIRST_LEVEL;
/// Where they are, between the stages.
const OTHERS_GUEST: u64 = 0xe0_0000;
const FIRST_LEVEL: u64 = DATA_ENTRIES as u64 * PAGE_BYTES;

struct Bench(Hart);

impl Bench {
    fn new() -> Bench {
        let ram = kit::ram(RAM_BYTES);
        for tree in [SUPERVISOR, FIRST, SECOND] {
            tree.map_ram(&ram);
            tree.map_places(&ram, false);
            tree.map_others(&ram);
        }
        let mut hart = kit::hart(Isa::default(), ram);
        hart.enter_supervisor(RAM_BASE);
        Bench(hart)
    }

    /// Enters a space's S-mode.
    fn enter(&mut self, space: Space) {
        let state = &mut self.0.core.state;
        state.mode = if space.vmid.is_some() { Mode::VS } else { Mode::HS };
        match space.vmid {
            Some(vmid) => (state.vsatp, state.hgatp) = (FIRST.register(space.asid), SECOND.register(vmid)),
            None => state.satp = SUPERVISOR.register(space.asid),
        }
        self.0.core.select();
    }

    fn execute(&mut self, insn: &Insn) {
        let pc = self.0.pc();
        let mut record = ();
        let mut run = Interpreter::new(&mut self.0.core, &mut record, pc);
        semantics::execute(&mut run, insn).unwrap();
    }

    fn load(&mut self, va: u64) {
        self.0.set_x([(ADDRESS, va)]);
        self.execute(&Insn::Ld(I { rd: VALUE, rs1: ADDRESS, imm: 0 }));
    }

    /// Displaces a place from the first level of the data tables.
    fn displace(&mut self, space: Space, place: &Place) {
        self.enter(space);
        self.load(OTHERS + place.va % FIRST_LEVEL);
        assert_eq!(self.0.core.data.active.read(place.va, 1), None);
    }

    /// Uses a place: answers its physical address, and whether page tables were read.
    fn physical(&mut self, space: Space, by: Use, place: &Place) -> (u64, bool) {
        self.enter(space);
        let before = self.0.core.counts.pte_reads;
        let offset = match by {
            Use::Load | Use::LoadBehind => {
                self.load(place.va);
                let host = self.0.core.data.active.read(place.va, 1).unwrap();
                host - self.0.core.ram_on_host()
            }
            Use::Fetch => {
                self.0.set_pc(place.va);
                self.0.core.fetch_offset().unwrap()
            }
        };
        (RAM_BASE + offset, self.0.core.counts.pte_reads != before)
    }
}

/// A fence, the mode that executes it, and what it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    Supervisor,
    Guest,
    GuestPhysical,
}

type Make = fn(Rs) -> Insn;
const FENCES: [(&str, Make, About, Space); 8] = [
    ("sfence.vma", Insn::SfenceVma, About::Supervisor, SPACES[0]),
    ("sinval.vma", Insn::SinvalVma, About::Supervisor, SPACES[0]),
    ("sfence.vma, V=1", Insn::SfenceVma, About::Guest, CURRENT),
    ("sinval.vma, V=1", Insn::SinvalVma, About::Guest, CURRENT),
    ("hfence.vvma", Insn::HfenceVvma, About::Guest, SPACES[0]),
    ("hinval.vvma", Insn::HinvalVvma, About::Guest, SPACES[0]),
    ("hfence.gvma", Insn::HfenceGvma, About::GuestPhysical, SPACES[0]),
    ("hinval.gvma", Insn::HinvalGvma, About::GuestPhysical, SPACES[0]),
];

/// Whether a fence with these operands names the place in the space. A fence of an ASID need not drop global pages, and
/// may: here they go with the space that they were used in.
fn names(about: About, address: Option<u64>, id: Option<u64>, space: Space, place: &Place) -> bool {
    let of_space = match about {
        About::Supervisor => space.vmid.is_none() && id.is_none_or(|id| id == space.asid),
        About::Guest => space.vmid == CURRENT.vmid && id.is_none_or(|id| id == space.asid),
        About::GuestPhysical => space.vmid.is_some() && id.is_none_or(|id| Some(id) == space.vmid),
    };
    let (at, size) = match about {
        About::GuestPhysical => (place.gpa, place.guest_size),
        About::Supervisor | About::Guest => (place.va, place.size),
    };
    of_space && address.is_none_or(|address| address / size == at / size)
}

fn check(by: Use) {
    for (name, make, about, executor) in FENCES {
        let ids = if about == About::GuestPhysical { [7, 8, 9] } else { [1, 2, 3] };
        let ids = std::iter::once(None).chain(ids.map(Some));
        for id in ids {
            for address in std::iter::once(None).chain(NAMED.map(Some)) {
                check_one((name, make, about, executor), by, address, id);
            }
        }
    }
}

fn check_one(fence: (&str, Make, About, Space), by: Use, address: Option<u64>, id: Option<u64>) {
    let (name, make, about, executor) = fence;
    let mut bench = Bench::new();
    let all = || SPACES.iter().flat_map(|&space| PLACES.iter().map(move |place| (space, place)));
    let before: Vec<u64> = all().map(|(space, place)| bench.physical(space, by, place).0).collect();
    if by == Use::LoadBehind {
        all().for_each(|(space, place)| bench.displace(space, place));
    }
    let changed: &[Tree] = if about == About::GuestPhysical { &[SECOND] } else { &[SUPERVISOR, FIRST] };
    changed.iter().for_each(|tree| tree.map_places(&bench.0.core.ram, true));
    bench.enter(CURRENT);
    bench.enter(executor);
    let shift = if about == About::GuestPhysical { 2 } else { 0 };
    let operand = |register: u8, value: Option<u64>| value.map_or(0, |_| register);
    bench.0.set_x([(ADDRESS, address.unwrap_or(0) >> shift), (ID, id.unwrap_or(0))]);
    bench.execute(&make(Rs { rs1: operand(ADDRESS, address), rs2: operand(ID, id) }));
    for ((space, place), before) in all().zip(before) {
        let (now, walked) = bench.physical(space, by, place);
        let goes = names(about, address, id, space, place);
        let case = format!("{name} {address:x?} {id:?}: {by:?} of {:#x} in {space:?}", place.va);
        assert_eq!((now != before, walked), (goes, goes), "{case}");
    }
}

#[test]
fn loads_see_what_is_fenced_and_remember_the_rest() {
    check(Use::Load);
}

#[test]
fn loads_see_what_is_fenced_behind_the_first_level_and_remember_the_rest() {
    check(Use::LoadBehind);
}

#[test]
fn fetches_see_what_is_fenced_and_remember_the_rest() {
    check(Use::Fetch);
}
