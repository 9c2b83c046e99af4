//! Random programs, in random page layouts and modes, end in the same full state on both engines.
//!
//! `VHART_JIT_RUNS` is how many programs run, `VHART_JIT_SEED` the first one's seed.

mod common;

use arch::csr::{self, envcfg, pmpcfg, stateen, status};
use arch::{Isa, Mode, Privilege};
use common::layout::{self, CODE, CODE_PAGES, DATA, DATA_PAGES, ENTRIES, ENTRY_BYTES, HANDLER, POOL, Stage, bits};
use common::program::{BASES, LINKS, Source};
use common::{DEVICE, Pair, RAM_BASE};
use hart::Hart;
use jit::{Backend, Host, Toy};
use kit::{Registers, Rng, encode as e};
use privileged::Config;
use vcpu::debug::Debuggee;
use vcpu::{Exit, Vcpu};

/// Programs that run if nobody says otherwise.
const RUNS: u64 = 400;
/// By the back end for tests, which takes longer.
const TOY_RUNS: u64 = 100;
/// Comparisons in each.
const STRETCHES: u64 = 24;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().unwrap())
}

/// The handler: takes mode, registers and place from the pool's next entry.
fn handler() -> Vec<u32> {
    let (a, b) = (31, 30);
    let mut code = vec![
        e::lui(a, status::MPRV as i32),
        e::csrrc(0, csr::MSTATUS, a),
        e::csrrs(b, csr::MCAUSE, 0),
        e::csrrs(b, csr::MTVAL, 0),
        e::csrrw(0, csr::MIP, 0),
        e::csrrw(0, csr::HVIP, 0),
        e::lui(a, DEVICE as i32),
        e::sb(0, a, 0),
        e::lui(a, status::FS as i32),
        e::csrrs(0, csr::MSTATUS, a),
        e::csrrs(a, csr::MSCRATCH, 0),
        e::ld(b, a, 40),
        e::csrrw(0, csr::MSCRATCH, b),
        e::ld(b, a, 0),
        e::csrrw(0, csr::MEPC, b),
        e::ld(b, a, 16),
        e::csrrw(0, csr::FCSR, b),
        e::ld(b, a, 24),
        e::csrrw(0, csr::VSSTATUS, b),
        e::ld(b, a, 32),
        e::csrrw(0, csr::HSTATUS, b),
    ];
    code.extend((1..30).map(|x| e::ld(x, a, 256 + 8 * i32::from(x))));
    code.extend([e::ld(b, a, 8), e::ld(a, a, 256 + 8 * 31), e::csrrw(0, csr::MSTATUS, b), e::mret()]);
    code
}

/// What decides where code can run.
struct World {
    host: Option<Stage>,
    guest: Option<Stage>,
}

fn value(rng: &mut Rng, register: u8) -> u64 {
    if LINKS.contains(&register) {
        return CODE + (rng.below(CODE_PAGES * 4096) & !1);
    }
    if !BASES.contains(&register) {
        return rng.integer();
    }
    let in_page = match rng.below(8) {
        0 => 4096 - rng.below(17),
        1 => rng.below(4096),
        _ => rng.below(256) * 16,
    };
    match rng.below(24) {
        0 => DEVICE + rng.below(64),
        1 => rng.integer(),
        2 => CODE + in_page,
        _ => DATA + rng.below(DATA_PAGES) * 4096 + in_page,
    }
}

fn place(rng: &mut Rng, world: &World, mode: Mode) -> u64 {
    let stage = if mode.virt { &world.guest } else { &world.host };
    let wants = mode.privilege == Privilege::User;
    let mut page = rng.below(CODE_PAGES);
    if let Some(stage) = stage.filter(|_| mode.privilege != Privilege::Machine) {
        while stage.user[page as usize] != wants && !rng.one_in(8) {
            page = rng.below(CODE_PAGES);
        }
    }
    CODE + page * 4096 + (if rng.one_in(4) { 4096 - rng.below(32) - 2 } else { rng.below(4096) } & !1)
}

fn fp_status(rng: &mut Rng) -> u64 {
    rng.pick(&[3, 3, 3, 3, 3, 3, 2, 1, 0]) << 13
}

fn entry(rng: &mut Rng, world: &World, number: u64) -> Vec<u8> {
    let mode = rng.pick(&[Mode::M, Mode::HS, Mode::HS, Mode::U, Mode::U, Mode::VS, Mode::VS, Mode::VU]);
    let rare = |rng: &mut Rng, value: u64| bits(rng.one_in(8), value);
    let privilege = mode.privilege as u64;
    let mstatus = fp_status(rng)
        | privilege << status::MPP_SHIFT
        | bits(mode.virt, status::MPV)
        | rng.bits() & (status::SUM | status::MXR | status::MPIE | status::SPP)
        | rare(rng, status::MPRV)
        | rare(rng, status::TVM)
        | rare(rng, status::TW)
        | rare(rng, status::TSR);
    let fcsr = rng.pick(&[0, 0, 0, 0, 1, 2, 3, 4, 5]) << 5 | rng.below(32);
    let vsstatus = fp_status(rng) | rng.bits() & (status::SUM | status::MXR | status::SPP);
    let hstatus = rng.bits() & (csr::hstatus::SPV | csr::hstatus::SPVP | csr::hstatus::HU);
    let next = POOL + (number + 1) % ENTRIES * ENTRY_BYTES;
    let mut words = vec![place(rng, world, mode), mstatus, fcsr, vsstatus, hstatus, next];
    words.resize(32, 0);
    words.extend((0..32).map(|register| value(rng, register)));
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn machine<B: Backend>(rng: &mut Rng, source: &Source) -> (Pair<B>, World) {
    let guest_external_interrupts = rng.pick(&[0, 5, 63]);
    let config = Config { misaligned: !rng.one_in(4), guest_external_interrupts, ..Config::new(source.isa(), 0) };
    // sometimes the least there can be, so that it is filled often
    let pair = Pair::on_with(config, rng.one_in(4).then_some(0));
    let mut tables = layout::Tables::new(&pair);
    let host = (!rng.one_in(4)).then(|| tables.stage(rng, false));
    let guest = (!rng.one_in(4)).then(|| tables.stage(rng, false));
    let second = (!rng.one_in(4)).then(|| tables.stage(rng, true));
    let world = World { host, guest };
    pair.put_words(HANDLER, &handler());
    let mut code = Vec::new();
    source.fill(rng, &mut code, CODE_PAGES as usize * 4096);
    pair.put(CODE, &code);
    let data: Vec<u8> = (0..DATA_PAGES * 4096).map(|_| rng.bits() as u8).collect();
    pair.put(DATA, &data);
    for number in 0..ENTRIES {
        let entry = entry(rng, &world, number);
        pair.put(POOL + number * ENTRY_BYTES, &entry);
    }
    (prepare(pair, rng, &world, second), world)
}

fn prepare<B: Backend>(mut pair: Pair<B>, rng: &mut Rng, world: &World, second: Option<Stage>) -> Pair<B> {
    let atp = |stage: Option<Stage>| stage.map_or(0, |stage| stage.atp);
    let floats: Vec<u64> = (0..32).map(|_| rng.float()).collect();
    let (delegated, update, trapped) = (bits(rng.one_in(4), rng.bits() & 0xb35d), rng.one_in(2), rng.bits());
    let stvec = CODE + (rng.below(CODE_PAGES * 4096) & !3);
    let open = rng.one_in(2);
    let (lines, asserted) = (bits(rng.one_in(2), rng.bits()), bits(rng.one_in(2), rng.bits()));
    pair.both(|hart| {
        let pins = hart.pins();
        let raise = || (1..64).for_each(|line| pins.set_guest_external(line, lines >> line & 1 != 0));
        pins.looking_behind(raise);
        (0..).zip(&floats).for_each(|(number, &value)| hart.set_f(number, value));
        hart.set_pc(HANDLER);
        let state = hart.state_mut();
        state.m.tvec = HANDLER;
        (state.s.tvec, state.vs.tvec) = (stvec, stvec);
        state.m.scratch = POOL;
        (state.satp, state.vsatp, state.hgatp) = (atp(world.host), atp(world.guest), atp(second));
        // nobody writes code, nor the handler's pool
        state.pmpaddr[0] = RAM_BASE >> 2 | (0x1_0000 / 8 - 1);
        state.pmpcfg[0] = pmpcfg::L | pmpcfg::A_NAPOT | pmpcfg::R | pmpcfg::X;
        state.pmpaddr[1] = (1 << 54) - 1;
        state.pmpcfg[1] = pmpcfg::A_NAPOT | pmpcfg::R | pmpcfg::W | pmpcfg::X;
        state.medeleg = delegated;
        (state.mcounteren, state.scounteren, state.hcounteren) = (7, 7, 7);
        // not the reserved value of CBIE
        let features = envcfg::CBZE | envcfg::CBCFE | 1 << envcfg::CBIE_SHIFT;
        state.menvcfg = features & trapped | bits(update, envcfg::ADUE) | bits(open, envcfg::STCE);
        state.henvcfg = features & (trapped >> 8) | bits(update, envcfg::ADUE);
        state.senvcfg = features & (trapped >> 16);
        state.mstateen[0] = bits(open, stateen::SE | stateen::ENVCFG | stateen::AIA | stateen::CSRIND);
        (state.hvien, state.vsie) = (asserted & csr::ip::LCOFIP, asserted >> 8 & csr::ip::LCOFIP);
        state.mie = trapped >> 24 & 0x8;
        (state.stimecmp, state.vstimecmp) = (u64::MAX, u64::MAX);
    });
    pair
}

/// What was executed, to see that the programs are worth running.
#[derive(Default)]
struct Sum {
    retired: u64,
    traps: u64,
    idle: u64,
    flushes: u64,
    translated: u64,
    interpreted: u64,
    /// Programs that wrote to their code, executed it, and were no longer comparable.
    written: u64,
}

fn program<B: Backend>(seed: u64, source: &Source, sum: &mut Sum) -> Result<(), String> {
    let mut rng = Rng::new(seed);
    let (mut pair, world) = machine::<B>(&mut rng, source);
    for stretch in 0..STRETCHES {
        let budget = rng.pick(&[1, 2, 7, 50, 300, 1000, 1000, 3000]);
        let budget = 1 + rng.below(budget);
        let exit = match pair.run(budget) {
            Ok(exit) => exit,
            // a store through a wild pointer, without FENCE.I
            Err(_) if pair.code_was_written() => {
                sum.written += 1;
                break;
            }
            Err(why) => return Err(format!("stretch {stretch}, budget {budget}: {why}")),
        };
        if let Exit::Idle { .. } = exit {
            sum.idle += 1;
            pair.both(Hart::rouse);
        } else if rng.one_in(3) {
            // out of loops
            let mode = pair.plain.state().mode;
            let pc = place(&mut rng, &world, mode);
            let registers: Vec<u64> = (0..32).map(|register| value(&mut rng, register)).collect();
            let floats: Vec<u64> = (0..32).map(|_| rng.float()).collect();
            pair.both(|hart| {
                hart.set_pc(pc);
                hart.set_all_x(&registers);
                (0..).zip(&floats).for_each(|(number, &value)| hart.set_f(number, value));
            });
        }
    }
    let counters = pair.jit.counters();
    sum.retired += pair.plain.state().instret;
    sum.traps += pair.plain.traps();
    sum.flushes += counters.flushes;
    sum.translated += counters.instructions;
    sum.interpreted += counters.interpreted;
    Ok(())
}

#[test]
fn random_programs_end_in_the_same_state() {
    programs::<Host>(number("VHART_JIT_RUNS", RUNS));
}

#[test]
fn so_they_do_by_a_back_end_that_has_nothing_of_the_host_s() {
    programs::<Toy>(number("VHART_JIT_RUNS", TOY_RUNS));
}

fn programs<B: Backend>(runs: u64) {
    let first = number("VHART_JIT_SEED", 1);
    let source = Source::new(Isa::ALL);
    let mut sum = Sum::default();
    for seed in first..first + runs {
        if let Err(why) = program::<B>(seed, &source, &mut sum) {
            panic!("VHART_JIT_SEED={seed} VHART_JIT_RUNS=1: {why}");
        }
    }
    println!(
        "{} retired, {} traps, {} idle, {} flushes, {} translated, {} of them interpreted",
        sum.retired, sum.traps, sum.idle, sum.flushes, sum.translated, sum.interpreted
    );
    assert!(sum.written * 100 <= runs.max(100), "{} programs wrote to their code", sum.written);
    assert!(runs == 1 || sum.retired > 100 * runs && sum.idle > 0, "programs that execute little test little");
}
