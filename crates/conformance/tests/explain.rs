//! Faults planted in a small hypervisor of our own: what `explain` says of each, and that the hart took the same. Spike
//! runs the same programs in lock step, with the trap's registers as their handlers read them.

use arch::csr::{self, envcfg, hstatus, status};
use arch::insn::{R1, Rs};
use arch::pte;
use arch::{Exception, Insn, Mode};
use conformance::elf::Image;
use conformance::lockstep::{RAM_BASE, compare, config};
use conformance::{pair, spike};
use explain::{Chosen, Explanation, Scene, explain};
use hart::{Hart, Step};
use kit::Code;
use privileged::Cause;
use vcpu::EmulatedHart;

const PAGE: u64 = 4096;
/// Code of M-mode and HS-mode.
const CODE: u64 = RAM_BASE;
/// Code of the guest.
const GUEST: u64 = RAM_BASE + PAGE;
/// The guest's handler.
const GUEST_HANDLER: u64 = RAM_BASE + 2 * PAGE;
/// What the guest accesses.
const DATA: u64 = RAM_BASE + 3 * PAGE;
const TOHOST: u64 = RAM_BASE + 8 * PAGE;
/// The VS-stage's page table: root, then a table of each level.
const VS: u64 = RAM_BASE + 0x10_0000;
const VS_LEVEL_1: u64 = VS + PAGE;
const VS_LEVEL_0: u64 = VS + 2 * PAGE;
/// One that only [`OTHER`] is translated by.
const VS_OTHER: u64 = VS + 3 * PAGE;
/// An address of another 2 MiB than all else.
const OTHER: u64 = RAM_BASE + 0x20_0000;
/// The G-stage's.
const G: u64 = RAM_BASE + 0x11_0000;
const G_LEVEL_1: u64 = G + 4 * PAGE;
const G_LEVEL_0: u64 = G + 5 * PAGE;

const ALL: u64 = pte::V | pte::R | pte::W | pte::X | pte::A | pte::D;
const SV39: u64 = csr::atp::SV39 << csr::atp::MODE_SHIFT;
const REGISTER: u8 = 10;
const VALUE: u8 = 11;

/// The entry of the VS-stage and of the G-stage for a page of the first 2 MiB.
const fn entry(table: u64, page: u64) -> u64 {
    table + (page - RAM_BASE) / PAGE * 8
}

const fn leaf(to: u64, flags: u64) -> u64 {
    to >> 12 << pte::PPN_SHIFT | flags
}

/// What the guest does to the address.
#[derive(Clone, Copy)]
enum Does {
    Load,
    Store,
    Jump,
    /// The hypervisor does it, by HLVX.
    Hlvx,
}

/// A planted fault, and what is to be said of it.
struct Plant {
    name: &'static str,
    does: Does,
    address: u64,
    user: bool,
    /// Page-table entries that are otherwise.
    entries: Vec<(u64, u64)>,
    /// Registers that are otherwise.
    registers: Vec<(u16, u64)>,
    /// Stage, level, check, and the bits that decided.
    said: (&'static str, Option<u32>, &'static str),
    bits: &'static [&'static str],
    cause: Exception,
}

impl Plant {
    fn new(name: &'static str, said: (&'static str, Option<u32>, &'static str), cause: Exception) -> Plant {
        let does = match cause {
            Exception::StorePageFault | Exception::StoreGuestPageFault | Exception::StoreAccessFault => Does::Store,
            Exception::InstructionPageFault | Exception::InstructionGuestPageFault => Does::Jump,
            _ => Does::Load,
        };
        let (entries, registers) = (Vec::new(), Vec::new());
        Plant { name, does, address: DATA, user: false, entries, registers, said, bits: &[], cause }
    }

    /// The data page's entry in the VS-stage.
    fn vs(self, flags: u64) -> Plant {
        self.entry(entry(VS_LEVEL_0, DATA), leaf(DATA, flags))
    }

    /// The data page's entry in the G-stage.
    fn g(self, flags: u64) -> Plant {
        self.entry(entry(G_LEVEL_0, DATA), leaf(DATA, flags))
    }

    fn entry(mut self, at: u64, value: u64) -> Plant {
        self.entries.push((at, value));
        self
    }

    fn register(mut self, address: u16, value: u64) -> Plant {
        self.registers.push((address, value));
        self
    }

    fn bits(mut self, bits: &'static [&'static str]) -> Plant {
        self.bits = bits;
        self
    }

    fn at(mut self, address: u64) -> Plant {
        self.address = address;
        self
    }

    /// The guest is in VU-mode.
    fn in_user(mut self) -> Plant {
        self.user = true;
        self
    }

    fn by(mut self, does: Does) -> Plant {
        self.does = does;
        self
    }
}

const GUEST_ALL: u64 = ALL | pte::U;
const NX: u64 = ALL & !pte::X;

use Exception::{
    InstructionGuestPageFault, InstructionPageFault, LoadAccessFault, LoadGuestPageFault, LoadPageFault,
    StoreGuestPageFault, StorePageFault,
};

/// What is planted in the VS-stage.
fn in_the_first_stage() -> Vec<Plant> {
    let vs = |check| ("VS", Some(0), check);
    let plant = |name, check, cause| Plant::new(name, vs(check), cause);
    vec![
        plant("V", "not-valid", LoadPageFault).vs(ALL & !pte::V).bits(&["PTE.V = 0"]),
        plant("U", "not-permitted", LoadPageFault).in_user().vs(ALL).bits(&["PTE.U = 0"]),
        plant("R", "not-permitted", LoadPageFault)
            .vs(pte::V | pte::X | pte::A)
            .bits(&["PTE.R = 0", "vsstatus.MXR = 0"]),
        plant("W", "not-permitted", StorePageFault).vs(ALL & !pte::W).bits(&["PTE.W = 0"]),
        plant("X", "not-permitted", InstructionPageFault).vs(NX).bits(&["PTE.X = 0"]),
        plant("A", "not-accessed", LoadPageFault)
            .vs(ALL & !pte::A & !pte::D)
            .register(csr::MENVCFG, envcfg::ADUE)
            .bits(&["PTE.A = 0", "henvcfg.ADUE = 0"]),
        plant("D", "not-dirty", StorePageFault).vs(ALL & !pte::D).bits(&["PTE.D = 0", "menvcfg.ADUE = 0"]),
        plant("SUM", "not-permitted", LoadPageFault).vs(GUEST_ALL).bits(&["PTE.U = 1", "vsstatus.SUM = 0"]),
        plant("fetch from a user page, SUM or not", "not-permitted", InstructionPageFault)
            .vs(GUEST_ALL)
            .register(csr::VSSTATUS, status::SUM)
            .bits(&["PTE.U = 1"]),
        plant("W without R", "write-without-read", StorePageFault).vs(ALL & !pte::R).bits(&["PTE.R = 0", "PTE.W = 1"]),
        plant("PBMT reserved", "memory-type-reserved", LoadPageFault)
            .vs(ALL | pte::PBMT)
            .register(csr::MENVCFG, envcfg::PBMTE)
            .register(csr::HENVCFG, envcfg::PBMTE)
            .bits(&["PTE.PBMT = 3"]),
        plant("PBMT without henvcfg.PBMTE", "memory-type-off", LoadPageFault)
            .vs(ALL | 1 << pte::PBMT_SHIFT)
            .register(csr::MENVCFG, envcfg::PBMTE)
            .bits(&["PTE.PBMT = 1", "henvcfg.PBMTE = 0"]),
        plant("reserved bit", "reserved-bits", LoadPageFault).vs(ALL | 1 << 54).bits(&["PTE.60:54 = 1"]),
        plant("pointer at the last level", "no-leaf", LoadPageFault).vs(pte::V).bits(&["PTE.R = 0"]),
        plant("NAPOT of no size", "napot-size", LoadPageFault).vs(ALL | pte::N).bits(&["PTE.N = 1"]),
        plant("HLVX without X", "not-permitted", LoadPageFault).by(Does::Hlvx).vs(NX).bits(&["PTE.X = 0"]),
        Plant::new("misaligned superpage", ("VS", Some(1), "misaligned-superpage"), LoadPageFault)
            .entry(VS_LEVEL_1 + 8, leaf(DATA, ALL))
            .at(OTHER)
            .bits(&["PTE.PPN[8:0] = 3"]),
        Plant::new("pointer with A", ("VS", Some(1), "pointer-bits"), LoadPageFault)
            .entry(VS_LEVEL_1 + 8, leaf(VS_LEVEL_0, pte::V | pte::A))
            .at(OTHER)
            .bits(&["PTE.A = 1"]),
        Plant::new("over-wide address", ("VS", None, "address-too-wide"), LoadPageFault)
            .at(1 << 40 | DATA)
            .bits(&["vsatp.MODE = 8"]),
    ]
}

/// What is planted in the G-stage, and behind both.
fn in_the_second_stage() -> Vec<Plant> {
    let plant = |name, check, cause| Plant::new(name, ("G", Some(0), check), cause);
    vec![
        plant("G: V", "not-valid", LoadGuestPageFault).g(GUEST_ALL & !pte::V).bits(&["PTE.V = 0"]),
        plant("G: U", "not-permitted", LoadGuestPageFault).g(ALL).bits(&["PTE.U = 0"]),
        plant("G: R, and MXR is the guest's own", "not-permitted", LoadGuestPageFault)
            .g(pte::V | pte::X | pte::U | pte::A)
            .register(csr::VSSTATUS, status::MXR)
            .bits(&["PTE.R = 0", "sstatus.MXR = 0"]),
        plant("G: W", "not-permitted", StoreGuestPageFault).g(GUEST_ALL & !pte::W).bits(&["PTE.W = 0"]),
        plant("G: X", "not-permitted", InstructionGuestPageFault).g(GUEST_ALL & !pte::X).bits(&["PTE.X = 0"]),
        plant("G: A", "not-accessed", LoadGuestPageFault)
            .g(GUEST_ALL & !pte::A & !pte::D)
            .bits(&["PTE.A = 0", "menvcfg.ADUE = 0"]),
        plant("G: D", "not-dirty", StoreGuestPageFault).g(GUEST_ALL & !pte::D).bits(&["PTE.D = 0", "menvcfg.ADUE = 0"]),
        plant("G: the page of the guest's page table", "not-valid", LoadGuestPageFault)
            .entry(VS_LEVEL_1 + 8, leaf(VS_OTHER, pte::V))
            .entry(entry(G_LEVEL_0, VS_OTHER), 0)
            .at(OTHER)
            .bits(&["PTE.V = 0"]),
        plant("G: A and D of the guest's page table", "not-permitted", LoadGuestPageFault)
            .entry(VS_LEVEL_1 + 8, leaf(VS_OTHER, pte::V))
            .entry(VS_OTHER, leaf(DATA, ALL & !pte::A))
            .entry(entry(G_LEVEL_0, VS_OTHER), leaf(VS_OTHER, GUEST_ALL & !pte::W))
            .at(OTHER)
            .register(csr::MENVCFG, envcfg::ADUE)
            .register(csr::HENVCFG, envcfg::ADUE)
            .bits(&["PTE.W = 0"]),
        Plant::new("G: over-wide address", ("G", None, "address-too-wide"), LoadGuestPageFault)
            .entry(entry(VS_LEVEL_0, DATA), leaf(1 << 41 | DATA, ALL))
            .bits(&["hgatp.MODE = 8"]),
        Plant::new("PMP on the page", ("PMP", None, "pmp"), LoadAccessFault)
            .register(csr::PMPADDR0, DATA >> 2 | 0x1ff)
            .register(csr::PMPCFG0, 0x18)
            .bits(&["pmp0cfg.---- NAPOT = 0"]),
        Plant::new("PMP on the page table", ("G", Some(0), "table-pmp"), LoadAccessFault)
            .register(csr::PMPADDR0, entry(G_LEVEL_0, DATA) >> 2)
            .register(csr::PMPCFG0, 0x18)
            .bits(&["pmp0cfg.---- NAPOT = 0"]),
        Plant::new("hgatp Bare, and nothing there", ("bus", None, "nothing-there"), LoadAccessFault)
            .register(csr::HGATP, 0)
            .entry(entry(VS_LEVEL_0, DATA), leaf(0x4000_0000, ALL)),
    ]
}

/// The handler of a level, which shows the trap's registers to whoever watches and ends the program; in VS-mode the end
/// is the hypervisor's, by an environment call.
fn handler(code: &mut Code, shown: &[u16], ends: bool) {
    for &register in shown {
        code.csrr(VALUE, register);
    }
    if !ends {
        code.word(0x73); // ecall
        return;
    }
    code.li(REGISTER, TOHOST);
    code.addi(VALUE, 0, 1);
    code.sd(VALUE, REGISTER, 0);
    let here = code.here();
    code.jal(0, here);
}

/// Puts a handler where `xtvec` can name it.
fn aligned(code: &mut Code) -> u64 {
    while !code.here().is_multiple_of(4) {
        code.half(1);
    }
    code.here()
}

/// The program: M-mode sets up, HS-mode enters the guest, the guest does it.
fn program(plant: &Plant) -> Image {
    let mut code = Code::new(CODE);
    let start = code.here();
    code.word(0);
    let machine = aligned(&mut code);
    handler(&mut code, &[csr::MCAUSE, csr::MEPC, csr::MTVAL, csr::MTVAL2, csr::MTINST], true);
    let supervisor = aligned(&mut code);
    let shown = [csr::SCAUSE, csr::SEPC, csr::STVAL, csr::HTVAL, csr::HTINST, csr::HSTATUS];
    handler(&mut code, &shown, true);
    code.jal_at(start);
    set_up(&mut code, plant, machine, supervisor);
    let mut guest = Code::new(GUEST);
    act(&mut guest, plant.does);
    let mut guest_handler = Code::new(GUEST_HANDLER);
    handler(&mut guest_handler, &[csr::SCAUSE, csr::SEPC, csr::STVAL], false);
    let segments = vec![
        code.into_segment(),
        guest.into_segment(),
        guest_handler.into_segment(),
        (DATA, vec![1, 0, 1, 0, 1, 0, 1, 0]),
        (TOHOST, vec![0; 16]),
        (VS, tables(plant)),
    ];
    Image {
        isa: conformance::spike::ISA,
        entry: CODE,
        segments,
        symbols: vec![("tohost", TOHOST), ("fromhost", TOHOST + 8)],
    }
}

fn set_up(code: &mut Code, plant: &Plant, machine: u64, supervisor: u64) {
    let memory_faults = [1_u64, 5, 7, 12, 13, 15, 20, 21, 23].into_iter().fold(0, |bits, code| bits | 1 << code);
    let before = [
        (csr::MTVEC, machine),
        (csr::STVEC, supervisor),
        (csr::VSTVEC, GUEST_HANDLER),
        (csr::MEDELEG, memory_faults | 1 << Exception::EcallFromVS as u64),
        (csr::PMPADDR0 + 15, u64::MAX),
        (csr::PMPCFG0 + 2, 0x1f << 56),
        (csr::MENVCFG, 0),
        (csr::HENVCFG, 0),
        (csr::HGATP, SV39 | G >> 12),
        (csr::VSATP, SV39 | VS >> 12),
        (csr::MSTATUS, (1 << status::MPP_SHIFT) | (status::SPP * u64::from(!plant.user))),
        (csr::HSTATUS, hstatus::SPV | hstatus::SPVP),
        (csr::SEPC, GUEST),
    ];
    before.iter().chain(&plant.registers).for_each(|&(register, value)| code.set_csr(register, VALUE, value));
    // the hypervisor's part begins
    let place = code.here();
    code.li(VALUE, place + 64);
    code.csrw(csr::MEPC, VALUE);
    code.xret(Mode::M);
    while code.here() < place + 64 {
        code.addi(0, 0, 0);
    }
    code.put(Insn::HfenceGvma(Rs { rs1: 0, rs2: 0 }));
    code.li(REGISTER, plant.address);
    match plant.does {
        Does::Hlvx => act(code, plant.does),
        _ => code.xret(Mode::HS),
    }
}

/// The access that fails.
fn act(code: &mut Code, does: Does) {
    match does {
        Does::Load => code.ld(VALUE, REGISTER, 0),
        Does::Store => code.sd(VALUE, REGISTER, 0),
        Does::Jump => code.jump_register(REGISTER),
        Does::Hlvx => code.put(Insn::HlvxHu(R1 { rd: VALUE, rs1: REGISTER })),
    }
}

/// Both page tables, and what is planted in them.
fn tables(plant: &Plant) -> Vec<u8> {
    let user = if plant.user { pte::U } else { 0 };
    let mut entries = vec![
        (VS + 2 * 8, leaf(VS_LEVEL_1, pte::V)),
        (VS_LEVEL_1, leaf(VS_LEVEL_0, pte::V)),
        (entry(VS_LEVEL_0, GUEST), leaf(GUEST, ALL & !pte::W | user)),
        (entry(VS_LEVEL_0, GUEST_HANDLER), leaf(GUEST_HANDLER, ALL & !pte::W)),
        (entry(VS_LEVEL_0, DATA), leaf(DATA, ALL | user)),
        (G + 2 * 8, leaf(G_LEVEL_1, pte::V)),
        (G_LEVEL_1, leaf(G_LEVEL_0, pte::V)),
    ];
    entries.extend((0..512).map(|page| (G_LEVEL_0 + page * 8, leaf(RAM_BASE + page * PAGE, GUEST_ALL))));
    entries.extend(&plant.entries);
    let mut bytes = vec![0; (G_LEVEL_0 + PAGE - VS) as usize];
    for (at, value) in entries {
        bytes[(at - VS) as usize..][..8].copy_from_slice(&value.to_le_bytes());
    }
    bytes
}

/// Runs the program up to the fault; answers the trap and what is said of it.
fn run(image: &Image) -> (privileged::Fault, Explanation) {
    let (parts, ram) = pair::parts(config());
    let bus = parts.bus.clone();
    for (address, bytes) in &image.segments {
        ram.write_bytes(address - RAM_BASE, bytes).unwrap();
    }
    let mut hart = Hart::new(parts);
    hart.reset_machine(image.entry);
    for _ in 0..10_000 {
        if let Step::Trapped(Cause::Exception(_)) = hart.step(&mut ()) {
            let hart = hart.snapshot().unwrap();
            let scene = Scene { hart: &hart, ram: &ram, bus: &bus, names: None };
            let said = explain(&scene, Chosen::Fault { to: None }).unwrap();
            return (*hart.fault(None).unwrap(), said);
        }
    }
    panic!("no fault");
}

fn check(plant: &Plant) {
    let name = plant.name;
    let (fault, said) = run(&program(plant));
    assert_eq!(fault.trap.cause, plant.cause, "{name}: {}", said.summary);
    let finding = said.finding.as_ref().unwrap_or_else(|| panic!("{name}: {said:#?}"));
    assert_eq!((finding.stage, finding.level, finding.check), plant.said, "{name}: {}", finding.sentence);
    let bits: Vec<String> = finding.bits.iter().map(ToString::to_string).collect();
    for bit in plant.bits {
        assert!(bits.iter().any(|found| found == bit), "{name}: {bit} is not among {bits:?}");
    }
    let trap = said.trap.unwrap();
    assert!(trap.taken && trap.cause == plant.cause as u64 && trap.to == "HS", "{name}: {trap:?}");
}

#[test]
fn planted_faults_of_the_first_stage_are_named() {
    in_the_first_stage().iter().for_each(check);
}

#[test]
fn planted_faults_of_the_second_stage_are_named() {
    in_the_second_stage().iter().for_each(check);
}

#[test]
fn a_fault_that_is_delegated_goes_to_the_guest_by_the_bits_that_say_so() {
    let plant = Plant::new("V", ("VS", Some(0), "not-valid"), LoadPageFault).vs(0).register(csr::HEDELEG, 1 << 13);
    let trap = run(&program(&plant)).1.trap.unwrap();
    assert_eq!((trap.from, trap.to), ("VS", "VS"));
    let bits: Vec<String> = trap.delegation.iter().map(ToString::to_string).collect();
    assert_eq!(bits, ["medeleg.13 = 1", "hedeleg.13 = 1"]);
}

#[test]
fn spike_takes_the_same_traps() {
    if spike::is_declined() {
        println!("SKIPPED: VHART_NO_SPIKE is set");
        return;
    }
    for plant in in_the_first_stage().iter().chain(&in_the_second_stage()) {
        let agreement = compare(&program(plant)).unwrap_or_else(|error| panic!("{}: {error}", plant.name));
        assert!(!agreement.traps.is_empty(), "{}", plant.name);
        assert!(agreement.known.is_empty(), "{}: {:?}", plant.name, agreement.known);
    }
}
