//! Calls as a kernel makes them, against harts that only remember.

use std::sync::{Arc, Mutex, MutexGuard};

use arch::Isa;
use arch::csr::{self, hpmevent};
use devices::PowerSwitch;
use firmware::{Awaited, Firmware, State};
use kit::{Asked, FakeHart, RAM_BASE};
use memory::Ram;
use sbi::function::{Base, Dbcn, Hsm, Ipi, Legacy, Pmu, Rfence, Srst, Susp, Time};
use sbi::{Console, Error, Extension, Function, register};
use vcpu::{Fence, FenceRange, HartPins, Reg, Reset, SystemEvent, Vcpu};

#[derive(Clone, Default)]
struct FakeConsole(Arc<Mutex<(Vec<u8>, Vec<u8>)>>);

impl Console for FakeConsole {
    fn write(&mut self, bytes: &[u8]) -> usize {
        self.0.lock().unwrap().0.extend(bytes);
        bytes.len()
    }
    fn read(&mut self, into: &mut [u8]) -> usize {
        let typed = &mut self.0.lock().unwrap().1;
        into.iter_mut().map_while(|place| typed.pop().map(|byte| *place = byte)).count()
    }
}

struct Bench {
    firmware: Firmware,
    /// What the last call has to wait for.
    awaited: Vec<Awaited>,
    /// What calls have shown.
    shown: Vec<u8>,
    harts: Vec<FakeHart>,
    console: FakeConsole,
    power: Arc<PowerSwitch>,
    ram: Ram,
}

impl Bench {
    fn new(count: usize) -> Self {
        let ram = kit::ram(1 << 20);
        let power = PowerSwitch::new(Vec::new());
        let console = FakeConsole::default();
        let pins: Vec<_> = (0..count).map(|_| HartPins::new()).collect();
        let mut firmware = Firmware::new(pins.clone(), Isa::ALL, ram.clone(), power.clone(), Box::new(console.clone()));
        let mut harts: Vec<_> = pins.into_iter().map(FakeHart::new).collect();
        firmware.boot(&mut harts[0], RAM_BASE, RAM_BASE + 0x1000);
        Bench { firmware, awaited: Vec::new(), shown: Vec::new(), harts, console, power, ram }
    }

    /// `a0` and `a1` after a call by hart 0.
    fn call(&mut self, function: impl Into<Function>, args: &[u64]) -> (i64, u64) {
        self.call_by(0, function, args)
    }

    fn call_by(&mut self, id: usize, function: impl Into<Function>, args: &[u64]) -> (i64, u64) {
        let (eid, fid) = function.into().ids();
        self.call_numbered(id, eid, fid, args)
    }

    fn call_numbered(&mut self, id: usize, eid: u32, fid: u64, args: &[u64]) -> (i64, u64) {
        let hart = &mut self.harts[id];
        hart.set_reg(Reg::X(register::A7), eid.into());
        hart.set_reg(Reg::X(register::A6), fid);
        (0..6).for_each(|n| hart.set_reg(Reg::X(10 + n), args.get(usize::from(n)).copied().unwrap_or(0)));
        let to_do = self.firmware.answer(id, &mut self.harts[id]);
        self.awaited = to_do.awaited;
        self.shown.extend(to_do.shown);
        (self.harts[id].reg(Reg::X(10)) as i64, self.harts[id].reg(Reg::X(11)))
    }

    /// What was asked of a hart.
    fn asked(&self, hart: usize) -> MutexGuard<'_, Asked> {
        self.harts[hart].asked()
    }

    /// Lets a hart do what others asked of it, as before it executes.
    fn serve(&mut self, hart: usize) {
        self.firmware.requests().serve(hart, &mut self.harts[hart]);
    }
}

const NOT_SUPPORTED: i64 = Error::NotSupported as i64;
const INVALID_PARAM: i64 = Error::InvalidParam as i64;
const INVALID_ADDRESS: i64 = Error::InvalidAddress as i64;

#[test]
fn boot_enters_the_kernel_with_hart_id_and_device_tree() {
    let bench = Bench::new(2);
    assert_eq!(bench.asked(0).entered, [RAM_BASE]);
    assert_eq!((bench.harts[0].reg(Reg::X(10)), bench.harts[0].reg(Reg::X(11))), (0, RAM_BASE + 0x1000));
    assert!(bench.firmware.runs(0) && !bench.firmware.runs(1));
}

#[test]
fn base_names_version_two_and_probes() {
    let mut bench = Bench::new(1);
    assert_eq!(bench.call(Base::GetSpecVersion, &[]), (0, 0x0200_0000));
    assert_eq!(bench.call(Base::ProbeExtension, &[Extension::Hsm as u64]), (0, 1));
    assert_eq!(bench.call(Base::ProbeExtension, &[0x1234]), (0, 0));
    assert_eq!(bench.call_numbered(0, 0x1234, 0, &[]), (NOT_SUPPORTED, 0));
}

#[test]
fn what_probes_as_there_answers_and_nothing_else_does() {
    let mut bench = Bench::new(1);
    for &extension in Extension::ALL.iter().filter(|&&extension| extension != Extension::Legacy) {
        let (_, there) = bench.call(Base::ProbeExtension, &[extension as u64]);
        // arguments that no function can do anything with; whoever knows the function says what is wrong with them
        let answers = (0..9).any(|fid| {
            let mut bench = Bench::new(1);
            bench.call_numbered(0, extension as u32, fid, &[u64::MAX - 7; 6]).0 != NOT_SUPPORTED
        });
        assert_eq!(there == 1, answers, "{extension:?}");
    }
    let legacy = |eid: u64| Bench::new(1).call(Base::ProbeExtension, &[eid]).1;
    assert_eq!([0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(legacy), [1, 1, 1, 0, 0, 0, 0, 0, 1, 0]);
}

#[test]
fn a_call_returns_behind_its_ecall() {
    let mut bench = Bench::new(1);
    bench.call(Base::GetSpecVersion, &[]);
    assert_eq!(bench.harts[0].reg(Reg::Pc), RAM_BASE + 4);
}

#[test]
fn harts_start_once_and_only_in_ram() {
    let mut bench = Bench::new(2);
    assert_eq!(bench.call(Hsm::HartGetStatus, &[1]), (0, 1));
    assert_eq!(bench.call(Hsm::HartStart, &[1, 0x1000, 0]).0, INVALID_ADDRESS);
    assert_eq!(bench.call(Hsm::HartStart, &[2, RAM_BASE, 0]).0, INVALID_PARAM);
    assert_eq!(bench.call(Hsm::HartStart, &[1, RAM_BASE + 0x200, 77]).0, 0);
    bench.serve(1);
    assert_eq!((bench.harts[1].reg(Reg::X(10)), bench.harts[1].reg(Reg::X(11))), (1, 77));
    assert_eq!(bench.call(Hsm::HartStart, &[1, RAM_BASE, 0]).0, Error::AlreadyAvailable as i64);
    assert_eq!(bench.call(Hsm::HartGetStatus, &[1]), (0, 0));
}

#[test]
fn a_hart_that_stops_no_longer_runs() {
    let mut bench = Bench::new(2);
    bench.call(Hsm::HartStop, &[]);
    assert!(!bench.firmware.runs(0));
}

#[test]
fn a_suspended_hart_says_so_until_it_awakes() {
    let mut bench = Bench::new(2);
    assert_eq!(bench.call(Hsm::HartStart, &[1, RAM_BASE, 0]).0, 0);
    bench.serve(1);
    let call = bench.call_by(1, Hsm::HartSuspend, &[0, 0, 0]);
    assert_eq!((call.0, bench.harts[1].reg(Reg::Pc), bench.firmware.runs(1)), (0, RAM_BASE + 4, false));
    assert_eq!(bench.call(Hsm::HartGetStatus, &[1]), (0, State::Suspended as u64));
    assert_eq!(bench.call(Hsm::HartStart, &[1, RAM_BASE, 0]).0, Error::AlreadyAvailable as i64);
    assert_eq!(bench.call(Susp::SystemSuspend, &[0, RAM_BASE, 0]).0, Error::Denied as i64);
    assert_eq!(bench.call(Ipi::SendIpi, &[0b10, 0]).0, 0);
    assert!(bench.harts[1].pins().take_ssip());
    // what it translates with stays: fences are for it, too
    assert_eq!(bench.call(Rfence::RemoteSfenceVma, &[0b10, 0]).0, 0);
    bench.serve(1);
    assert_eq!(bench.asked(1).fences.len(), 1);
    bench.firmware.awakes(1);
    assert_eq!(bench.call(Hsm::HartGetStatus, &[1]), (0, State::Started as u64));
}

#[test]
fn a_hart_that_keeps_nothing_resumes_where_it_said() {
    let mut bench = Bench::new(1);
    bench.call(Hsm::HartSuspend, &[0x8000_0000, RAM_BASE + 0x40, 77]);
    assert_eq!(bench.firmware.state(0), State::Suspended);
    let hart = &bench.harts[0];
    assert_eq!([hart.reg(Reg::Pc), hart.reg(Reg::X(10)), hart.reg(Reg::X(11))], [RAM_BASE + 0x40, 0, 77]);
}

#[test]
fn kinds_of_suspension_that_do_not_exist_are_invalid() {
    let mut bench = Bench::new(1);
    for kind in [1, 0x0fff_ffff, 0x1000_0000, 0x7fff_ffff, 0x8000_0001, 0x9000_0000, 0xffff_ffff] {
        assert_eq!(bench.call(Hsm::HartSuspend, &[kind, RAM_BASE, 0]).0, INVALID_PARAM, "{kind:#x}");
    }
    for address in [0, RAM_BASE + 1, RAM_BASE + (1 << 20)] {
        assert_eq!(bench.call(Hsm::HartSuspend, &[0x8000_0000, address, 0]).0, INVALID_ADDRESS, "{address:#x}");
    }
    assert!(bench.firmware.runs(0));
}

#[test]
fn ipis_reach_the_harts_named_that_run() {
    let mut bench = Bench::new(3);
    bench.call(Hsm::HartStart, &[1, RAM_BASE, 0]);
    assert_eq!(bench.call(Ipi::SendIpi, &[0, u64::MAX]).0, 0);
    let edges: Vec<bool> = bench.harts.iter().map(|hart| hart.pins().take_ssip()).collect();
    assert_eq!(edges, [true, true, false]);
    assert_eq!(bench.call(Ipi::SendIpi, &[8, 0]).0, INVALID_PARAM);
}

#[test]
fn fences_carry_their_range_and_the_caller_s_vmid() {
    let mut bench = Bench::new(1);
    assert_eq!(bench.call(Rfence::RemoteFenceI, &[1, 0]).0, 0);
    assert_eq!(bench.call(Rfence::RemoteSfenceVmaAsid, &[1, 0, 0x1000, 0x2000, 9]).0, 0);
    assert_eq!(bench.call(Rfence::RemoteHfenceVvma, &[1, 0, 0, 0]).0, 0);
    assert_eq!(bench.call(Rfence::RemoteSfenceVma, &[1, 0, u64::MAX, 2]).0, INVALID_ADDRESS);
    let range = FenceRange::Part { start: 0x1000, len: 0x2000 };
    let expected = [
        Fence::Instructions,
        Fence::Supervisor { range, asid: Some(9) },
        Fence::GuestVirtual { range: FenceRange::All, asid: None, vmid: 5 },
    ];
    assert_eq!(bench.asked(0).fences, expected);
}

#[test]
fn a_fence_of_another_hart_is_waited_for_until_it_is_done() {
    let mut bench = Bench::new(3);
    bench.call(Hsm::HartStart, &[1, RAM_BASE, 0]);
    bench.serve(1);
    assert_eq!(bench.call(Rfence::RemoteFenceI, &[0b111, 0]).0, 0);
    let requests = bench.firmware.requests();
    // the caller has done its own, and one that is stopped has none to do
    assert_eq!(bench.awaited.len(), 1);
    assert!(!requests.is_done(bench.awaited[0]));
    bench.serve(1);
    assert!(requests.is_done(bench.awaited[0]));
    let fences = |hart: usize| bench.asked(hart).fences.len();
    assert_eq!([fences(0), fences(1), fences(2)], [1, 1, 0]);
}

#[test]
fn a_hart_that_sleeps_does_the_fence_when_it_goes_on() {
    let mut bench = Bench::new(2);
    bench.call(Hsm::HartStart, &[1, RAM_BASE, 0]);
    bench.serve(1);
    assert!(bench.firmware.requests().leave(1));
    bench.call(Rfence::RemoteSfenceVma, &[0b10, 0]);
    assert!(bench.awaited.is_empty() && bench.asked(1).fences.is_empty());
    bench.serve(1);
    assert_eq!(bench.asked(1).fences.len(), 1);
}

#[test]
fn the_debug_console_writes_and_reads_memory() {
    let mut bench = Bench::new(1);
    bench.ram.write_bytes(0x100, b"hello").unwrap();
    assert_eq!(bench.call(Dbcn::ConsoleWrite, &[5, RAM_BASE + 0x100, 0]), (0, 5));
    assert_eq!(bench.shown, b"hello");
    bench.console.0.lock().unwrap().1 = b"ba".to_vec();
    assert_eq!(bench.call(Dbcn::ConsoleRead, &[10, RAM_BASE, 0]), (0, 2));
    assert_eq!(bench.ram.load_u16(0), Some(u16::from_le_bytes(*b"ab")));
}

#[test]
fn console_memory_outside_ram_is_invalid() {
    let mut bench = Bench::new(1);
    assert_eq!(bench.call(Dbcn::ConsoleWrite, &[5, 0x1000, 0]).0, INVALID_PARAM);
    assert_eq!(bench.call(Dbcn::ConsoleWrite, &[u64::MAX, RAM_BASE, 0]).0, INVALID_PARAM);
    assert_eq!(bench.call(Dbcn::ConsoleWrite, &[5, RAM_BASE, 1]).0, INVALID_PARAM);
}

#[test]
fn reset_presses_the_power_switch() {
    let mut bench = Bench::new(1);
    for args in [[3, 0], [0xf000_0000, 0], [0, 2], [1, 0xe000_0000], [2, 0xf000_0000]] {
        assert_eq!(bench.call(Srst::SystemReset, &args).0, INVALID_PARAM, "{args:x?}");
    }
    assert_eq!(bench.call_numbered(0, Extension::Srst as u32, 1, &[0, 0]).0, NOT_SUPPORTED);
    assert_eq!(bench.power.event(), None);
    let resets = [
        ([0, 0], SystemEvent::Shutdown),
        ([0, 1], SystemEvent::SystemFailure),
        ([1, 0], SystemEvent::Reset(Reset::Cold)),
        ([2, 0], SystemEvent::Reset(Reset::Warm)),
        ([2, 1], SystemEvent::Reset(Reset::AfterFailure)),
    ];
    for (args, event) in resets {
        assert_eq!(bench.call(Srst::SystemReset, &args).0, 0);
        assert_eq!(bench.power.take(), Some(event), "{args:?}");
    }
    bench.call(Legacy::Shutdown, &[]);
    assert_eq!(bench.power.take(), Some(SystemEvent::Shutdown));
}

#[test]
fn timers_reach_the_hart() {
    let mut bench = Bench::new(1);
    assert_eq!(bench.call(Time::SetTimer, &[1234]).0, 0);
    assert_eq!(bench.asked(0).timers, [1234]);
}

/// Numbers of general events, and of a raw one.
const CYCLES: u64 = 1;
const INSTRUCTIONS: u64 = 2;
const RAW: u64 = 2 << 16;
const FIRMWARE: u64 = 15 << 16;
/// All counters but the hole at 1.
const ALL_COUNTERS: u64 = (1 << 35) - 1 - 2;

fn csr_of(bench: &Bench, address: u16) -> u64 {
    bench.asked(0).csrs.get(&address).copied().unwrap_or_default()
}

#[test]
fn counters_are_the_hart_s_and_the_firmware_s() {
    let mut bench = Bench::new(1);
    assert_eq!(bench.call(Pmu::NumCounters, &[]), (0, 35));
    assert_eq!(bench.call(Pmu::CounterGetInfo, &[2]), (0, 0xc02 | 63 << 12));
    assert_eq!(bench.call(Pmu::CounterGetInfo, &[18]), (0, 0xc12 | 63 << 12));
    assert_eq!(bench.call(Pmu::CounterGetInfo, &[19]), (0, 1 << 63));
    assert_eq!(bench.call(Pmu::CounterGetInfo, &[1]).0, INVALID_PARAM);
    assert_eq!(bench.call(Pmu::CounterGetInfo, &[35]).0, INVALID_PARAM);
}

#[test]
fn a_counter_with_filters_is_programmed_started_and_stopped() {
    let mut bench = Bench::new(1);
    // clear, and not in S-mode nor VS-mode
    assert_eq!(
        bench.call(Pmu::CounterConfigMatching, &[0, ALL_COUNTERS, 1 << 1 | 1 << 6 | 1 << 4, INSTRUCTIONS, 0]),
        (0, 3)
    );
    let event = 2 | hpmevent::SINH | hpmevent::VSINH;
    assert_eq!(csr_of(&bench, csr::MHPMEVENT3), event | hpmevent::OF, "no interrupt before it is started");
    assert_eq!(csr_of(&bench, csr::MCOUNTINHIBIT), 1 << 3);
    assert_eq!(bench.call(Pmu::CounterStart, &[3, 1, 1, 99]).0, 0);
    assert_eq!((csr_of(&bench, csr::MHPMEVENT3), csr_of(&bench, csr::MCOUNTINHIBIT)), (event, 0));
    assert_eq!(csr_of(&bench, csr::MHPMCOUNTER3), 99);
    assert_eq!(bench.call(Pmu::CounterStart, &[3, 1, 1, 99]).0, Error::AlreadyStarted as i64);
    assert_eq!(bench.call(Pmu::CounterStop, &[3, 1, 0]).0, 0);
    assert_eq!(csr_of(&bench, csr::MCOUNTINHIBIT), 1 << 3);
    assert_eq!(bench.call(Pmu::CounterStop, &[3, 1, 1]).0, Error::AlreadyStopped as i64);
    assert_eq!(csr_of(&bench, csr::MHPMEVENT3), 0, "it was given back");
}

#[test]
fn a_configured_counter_is_no_other_event_s() {
    let mut bench = Bench::new(1);
    assert_eq!(bench.call(Pmu::CounterConfigMatching, &[0, ALL_COUNTERS, 0, CYCLES]), (0, 3));
    assert_eq!(bench.call(Pmu::CounterConfigMatching, &[0, ALL_COUNTERS, 0, RAW, 0x2_0003]), (0, 4));
    assert_eq!(bench.call(Pmu::CounterConfigMatching, &[3, 0b11, 0, CYCLES]).0, NOT_SUPPORTED);
    // where there is no programmable one, `cycle` is
    assert_eq!(bench.call(Pmu::CounterConfigMatching, &[0, 1, 0, CYCLES]), (0, 0));
    // the first of the set, whatever is there
    assert_eq!(bench.call(Pmu::CounterConfigMatching, &[0, 1 << 4 | 1 << 5, 1, CYCLES]), (0, 4));
}

#[test]
fn what_cannot_be_counted_is_refused() {
    let mut bench = Bench::new(1);
    for (event, data, error) in [
        (3, 0, NOT_SUPPORTED),
        (RAW, 0x2_000f, NOT_SUPPORTED),
        (FIRMWARE, 0, NOT_SUPPORTED),
        (FIRMWARE | 0xffff, 0, NOT_SUPPORTED),
        (0, 0, INVALID_PARAM),
        (11, 0, INVALID_PARAM),
        (RAW | 1, 0, INVALID_PARAM),
        (4 << 16, 0, INVALID_PARAM),
    ] {
        assert_eq!(bench.call(Pmu::CounterConfigMatching, &[0, ALL_COUNTERS, 0, event, data]).0, error, "{event:#x}");
    }
    assert_eq!(bench.call(Pmu::CounterConfigMatching, &[0, ALL_COUNTERS, 1 << 8, CYCLES]).0, INVALID_PARAM);
    assert_eq!(bench.call(Pmu::CounterConfigMatching, &[0, 0b11, 0, CYCLES]).0, INVALID_PARAM, "1 is no counter");
    assert_eq!(bench.call(Pmu::CounterStart, &[3, 1, 2, 0]).0, Error::NoShmem as i64);
    assert_eq!(bench.call(Pmu::CounterStop, &[3, 1, 2]).0, Error::NoShmem as i64);
}

#[test]
fn the_firmware_counts_what_it_does() {
    let mut bench = Bench::new(2);
    bench.call(Hsm::HartStart, &[1, RAM_BASE, 0]);
    bench.serve(1);
    let ipis = bench.call(Pmu::CounterConfigMatching, &[0, ALL_COUNTERS, 1 << 1 | 1 << 2, FIRMWARE | 6]).1;
    let timers = bench.call(Pmu::CounterConfigMatching, &[0, ALL_COUNTERS, 0, FIRMWARE | 5]).1;
    assert_eq!((ipis, timers), (19, 20));
    bench.call(Ipi::SendIpi, &[0b11, 0]);
    bench.call(Time::SetTimer, &[1]);
    assert_eq!(bench.call(Pmu::CounterFwRead, &[ipis]), (0, 1), "the caller is no other hart");
    assert_eq!(bench.call(Pmu::CounterFwRead, &[timers]), (0, 0), "it was not started");
    bench.call(Pmu::CounterStart, &[timers, 1, 1, 10]);
    bench.call(Legacy::SetTimer, &[1]);
    assert_eq!(bench.call(Pmu::CounterFwRead, &[timers]), (0, 11));
    bench.call(Pmu::CounterStop, &[timers, 1, 0]);
    bench.call(Time::SetTimer, &[1]);
    assert_eq!(bench.call(Pmu::CounterFwRead, &[timers]), (0, 11));
    assert_eq!(
        (bench.call(Pmu::CounterFwReadHi, &[timers]), bench.call(Pmu::CounterFwRead, &[3]).0),
        ((0, 0), INVALID_PARAM)
    );
}

#[test]
fn snapshots_are_saved_and_taken_back() {
    let mut bench = Bench::new(1);
    assert_eq!(bench.call(Pmu::SnapshotSetShmem, &[RAM_BASE + 8, 0, 0]).0, INVALID_PARAM);
    assert_eq!(bench.call(Pmu::SnapshotSetShmem, &[0x1000, 0, 0]).0, INVALID_ADDRESS);
    assert_eq!(bench.call(Pmu::SnapshotSetShmem, &[RAM_BASE + 0x2000, 0, 0]).0, 0);
    bench.call(Pmu::CounterConfigMatching, &[0, ALL_COUNTERS, 0, CYCLES]);
    bench.call(Pmu::CounterStart, &[3, 1, 1, 7]);
    bench.asked(0).csrs.insert(csr::MHPMEVENT3, 1 | hpmevent::OF);
    assert_eq!(bench.call(Pmu::CounterStop, &[2, 0b10, 2]).0, 0);
    // counted from the base, 2
    assert_eq!((bench.ram.load_u64(0x2000), bench.ram.load_u64(0x2000 + 16)), (Some(0b10), Some(7)));
    bench.ram.store_u64(0x2000 + 8, 1234).unwrap();
    assert_eq!(bench.call(Pmu::CounterStart, &[3, 1, 2, 0]).0, 0);
    assert_eq!(csr_of(&bench, csr::MHPMCOUNTER3), 1234);
    // Linux means 0 by this base, after an overflow
    assert_eq!(bench.call(Pmu::CounterStop, &[0, 1 << 3, 2]).0, 0);
    bench.ram.store_u64(0x2000 + 8 + 8 * 3, 5678).unwrap();
    assert_eq!(bench.call(Pmu::CounterStart, &[64 * 64, 1 << 3, 2, 0]).0, 0);
    assert_eq!(csr_of(&bench, csr::MHPMCOUNTER3), 5678);
    assert_eq!(bench.call(Pmu::CounterStop, &[3, 1, 0]).0, 0);
    assert_eq!(bench.call(Pmu::CounterStart, &[64 * 64, 1 << 3, 0, 0]).0, INVALID_PARAM);
    assert_eq!(bench.call(Pmu::CounterStart, &[3, 1, 0, 0]).0, 0);
    assert_eq!(bench.call(Pmu::SnapshotSetShmem, &[u64::MAX, u64::MAX, 0]).0, 0);
    assert_eq!(bench.call(Pmu::CounterStop, &[3, 1, 2]).0, Error::NoShmem as i64);
}

#[test]
fn events_are_told_in_memory() {
    let mut bench = Bench::new(1);
    let entries = [(CYCLES, 0, 1), (3, 0, 0), (RAW, 0x2_0001, 1), (RAW, 0, 0), (FIRMWARE | 5, 0, 1), (FIRMWARE, 0, 0)];
    for (n, (event, data, _)) in entries.iter().enumerate() {
        bench.ram.store_u64(16 * n as u64, *event).unwrap();
        bench.ram.store_u64(16 * n as u64 + 8, *data).unwrap();
    }
    assert_eq!(bench.call(Pmu::EventGetInfo, &[RAM_BASE, 0, entries.len() as u64, 0]).0, 0);
    for (n, (event, _, supported)) in entries.iter().enumerate() {
        assert_eq!(bench.ram.load_u64(16 * n as u64), Some(supported << 32 | event), "{event:#x}");
    }
    assert_eq!(bench.call(Pmu::EventGetInfo, &[RAM_BASE + 4, 0, 1, 0]).0, INVALID_PARAM);
    assert_eq!(bench.call(Pmu::EventGetInfo, &[RAM_BASE, 1, 1, 0]).0, INVALID_ADDRESS);
}

#[test]
fn no_call_panics_whatever_its_registers() {
    let mut bench = Bench::new(2);
    let extensions: Vec<u32> = Extension::ALL.iter().map(|&extension| extension as u32).chain(1..=15).collect();
    let values = [0, 1, 2, 63, 64, RAM_BASE, RAM_BASE + (1 << 20) - 1, 1 << 63, u64::MAX];
    let mut seed = 1_u64;
    let mut draw = || {
        // Knuth's MMIX generator.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        values[(seed >> 33) as usize % values.len()]
    };
    for round in 0..20_000 {
        let args: [u64; 6] = std::array::from_fn(|_| draw());
        bench.call_numbered(0, extensions[round % extensions.len()], draw() % 9, &args);
    }
}
