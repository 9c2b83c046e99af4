//! The run loops, with harts that do what a test tells them.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use board::{Ending, Firmware, Machine, MachineConfig, Modes, TimeSource};
use kit::{Act, Fakes, Script};
use vcpu::{Reset, SystemEvent};

const FINISHER: u64 = 0x10_0000;
const UART: u64 = 0x1000_0000;

/// A kernel of a few bytes, which fakes do not read.
struct Kernel(tempfile::NamedTempFile);

impl Kernel {
    fn new() -> Kernel {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"\x6f\0\0\0").unwrap();
        Kernel(file)
    }

    fn config(&self) -> MachineConfig {
        let kernel: PathBuf = self.0.path().into();
        MachineConfig { kernel: Some(kernel), memory_bytes: 64 << 20, ..MachineConfig::default() }
    }
}

fn machine(config: MachineConfig, modes: Modes, scripts: Vec<Vec<Act>>) -> Machine {
    let scripts: Vec<_> = scripts.into_iter().map(|acts| Arc::new(Mutex::new(Script::from(acts)))).collect();
    Machine::new(MachineConfig { harts: scripts.len(), ..config }, &mut Fakes { modes, scripts }).unwrap()
}

#[test]
fn the_finisher_ends_the_run_and_instructions_are_counted() {
    let kernel = Kernel::new();
    let script = vec![Act::Work(7), Act::Store(FINISHER, 0x5555)];
    let mut machine = machine(kernel.config(), Modes::All, vec![script]);
    let retired = machine.retired();
    assert_eq!(machine.run().unwrap(), Ending::Event(SystemEvent::Shutdown));
    assert_eq!(retired.load(Ordering::Relaxed), 7);
}

#[test]
fn a_hart_that_halts_is_named() {
    let kernel = Kernel::new();
    let config = || MachineConfig { firmware: Firmware::None, ..kernel.config() };
    let ending = machine(config(), Modes::All, vec![vec![], vec![Act::Halt]]).run().unwrap();
    assert!(matches!(ending, Ending::Halted { hart: 1, .. }), "{ending:?}");
    let ending = machine(kernel.config(), Modes::SupervisorOnly, vec![vec![Act::Halt]]).run().unwrap();
    assert_eq!(ending, Ending::Halted { hart: 0, reason: Some("the script says so".into()) });
}

#[test]
fn stopping_wakes_a_machine_that_sleeps() {
    let kernel = Kernel::new();
    let mut machine = machine(kernel.config(), Modes::All, vec![vec![]]);
    let stopper = machine.stopper();
    let stop = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        stopper.stop();
    });
    assert_eq!(machine.run().unwrap(), Ending::Stopped);
    stop.join().unwrap();
}

#[test]
fn a_stop_before_the_run_counts() {
    let kernel = Kernel::new();
    for modes in [Modes::All, Modes::SupervisorOnly] {
        let mut machine = machine(kernel.config(), modes, vec![vec![]]);
        machine.stopper().stop();
        assert_eq!(machine.run().unwrap(), Ending::Stopped);
    }
}

#[test]
fn time_runs_out_for_a_machine_that_sleeps() {
    let kernel = Kernel::new();
    for modes in [Modes::All, Modes::SupervisorOnly] {
        let config = MachineConfig { timeout: Some(Duration::from_millis(50)), ..kernel.config() };
        assert_eq!(machine(config, modes, vec![vec![]]).run().unwrap(), Ending::TimedOut);
    }
}

#[test]
fn a_timer_ends_the_sleep_in_time() {
    let kernel = Kernel::new();
    let ticks = vcpu::ticks(Duration::from_millis(100));
    let script = vec![Act::Wait(Some(ticks)), Act::Store(FINISHER, 0x5555)];
    let start = Instant::now();
    let ending = machine(kernel.config(), Modes::All, vec![script]).run().unwrap();
    assert_eq!(ending, Ending::Event(SystemEvent::Shutdown));
    assert!(start.elapsed() >= Duration::from_millis(95), "{:?}", start.elapsed());
}

#[test]
fn virtual_time_jumps_to_the_next_timer() {
    let kernel = Kernel::new();
    let an_hour = vcpu::ticks(Duration::from_secs(3600));
    let config = MachineConfig { time: TimeSource::Instructions { per_tick: 10 }, ..kernel.config() };
    let script = vec![Act::Work(100), Act::Wait(Some(an_hour)), Act::Store(FINISHER, 0x5555)];
    assert_eq!(machine(config, Modes::All, vec![script]).run().unwrap(), Ending::Event(SystemEvent::Shutdown));
}

#[test]
fn instructions_run_out() {
    let kernel = Kernel::new();
    let config = MachineConfig { max_instructions: Some(100), ..kernel.config() };
    let script = (0..1000).map(|_| Act::Work(10)).collect();
    let mut machine = machine(config, Modes::All, vec![script]);
    assert_eq!(machine.run().unwrap(), Ending::OutOfInstructions);
    assert_eq!(machine.retired().load(Ordering::Relaxed), 100);
}

#[test]
fn a_typed_byte_wakes_a_hart_that_listens() {
    let kernel = Kernel::new();
    // The UART's received-data interrupt, source 10 of the PLIC, context 1: hart 0, S-mode.
    let script = vec![
        Act::Store(UART + 1, 1),
        Act::Store(0xc00_0000 + 4 * 10, 1),
        Act::Store(0xc00_2080, 1 << 10),
        Act::Wait(None),
        Act::Store(FINISHER, 0x5555),
    ];
    let mut machine = machine(kernel.config(), Modes::All, vec![script]);
    let keyboard = machine.keyboard();
    let typing = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(keyboard.type_in(b"x"), 1);
    });
    assert_eq!(machine.run().unwrap(), Ending::Event(SystemEvent::Shutdown));
    typing.join().unwrap();
}

#[test]
fn a_reset_starts_over_and_no_reboot_ends() {
    let kernel = Kernel::new();
    let script = || vec![Act::Store(FINISHER, 0x7777), Act::Store(FINISHER, 0x5555)];
    let ending = machine(kernel.config(), Modes::All, vec![script()]).run().unwrap();
    assert_eq!(ending, Ending::Event(SystemEvent::Shutdown));
    let config = MachineConfig { no_reboot: true, ..kernel.config() };
    assert_eq!(
        machine(config, Modes::All, vec![script()]).run().unwrap(),
        Ending::Event(SystemEvent::Reset(Reset::Cold))
    );
}

#[test]
fn a_file_that_is_gone_at_a_reset_is_an_error() {
    let kernel = Kernel::new();
    let mut machine = machine(kernel.config(), Modes::All, vec![vec![Act::Store(FINISHER, 0x7777)]]);
    drop(kernel);
    assert!(machine.run().unwrap_err().to_string().contains("cannot be read"));
}

#[test]
fn a_hart_that_is_not_started_has_no_turn() {
    let kernel = Kernel::new();
    const HSM: u64 = 0x48_534d;
    let starter = vec![Act::Work(1), Act::Sbi([HSM, 0, 1, 0x8020_0000, 0])];
    let started = vec![Act::Work(5), Act::Store(FINISHER, 0x5555)];
    let mut machine = machine(kernel.config(), Modes::All, vec![starter, started]);
    assert_eq!(machine.run().unwrap(), Ending::Event(SystemEvent::Shutdown));
    assert_eq!(machine.retired().load(Ordering::Relaxed), 6);
}

#[test]
fn a_suspended_hart_sleeps_until_an_interrupt_and_says_so() {
    const HSM: u64 = 0x48_534d;
    const IPI: u64 = 0x73_5049;
    let kernel = Kernel::new();
    for time in [TimeSource::Wall, TimeSource::Instructions { per_tick: 10 }] {
        // hart 0 starts hart 1, which suspends itself; asks for its state; wakes it
        let mut first = vec![Act::Sbi([HSM, 0, 1, 0x8020_0000, 0])];
        first.extend([Act::Await([HSM, 2, 1, 0, 0], 4), Act::Sbi([IPI, 0, 0b10, 0, 0])]);
        first.push(Act::Wait(None));
        let second = vec![Act::Sbi([HSM, 3, 0, 0, 0]), Act::Store(FINISHER, 0x5555)];
        let config = MachineConfig { time, timeout: Some(Duration::from_secs(60)), ..kernel.config() };
        let ending = machine(config, Modes::All, vec![first, second]).run().unwrap();
        assert_eq!(ending, Ending::Event(SystemEvent::Shutdown), "{time:?}");
    }
}

#[test]
fn guests_end_by_their_host_s_event_whichever_hart_gets_it() {
    let kernel = Kernel::new();
    let event = SystemEvent::Fail(3);
    let mut machine = machine(kernel.config(), Modes::SupervisorOnly, vec![vec![], vec![Act::Event(event)]]);
    assert_eq!(machine.run().unwrap(), Ending::Event(event));
}

#[test]
fn guests_start_over_where_their_host_can_put_all_harts_back() {
    let kernel = Kernel::new();
    let reset = SystemEvent::Reset(Reset::Cold);
    let scripts = || vec![vec![Act::Event(reset), Act::Reset, Act::Store(FINISHER, 0x5555)], vec![Act::Reset]];
    let mut machine = machine(kernel.config(), Modes::SupervisorOnly, scripts());
    assert_eq!(machine.run().unwrap(), Ending::Event(SystemEvent::Shutdown));
}

#[test]
fn guests_whose_host_cannot_do_that_end_with_their_reset() {
    let kernel = Kernel::new();
    let reset = SystemEvent::Reset(Reset::Cold);
    let cannot = vec![vec![Act::Event(reset), Act::Reset], vec![]];
    let mut machine = machine(kernel.config(), Modes::SupervisorOnly, cannot);
    assert_eq!(machine.run().unwrap(), Ending::Event(reset));
}

#[test]
fn a_host_without_interrupt_files_gives_its_guests_none() {
    let kernel = Kernel::new();
    let config = MachineConfig { aia: board::Aia::AplicImsic { guest_files: 0 }, ..kernel.config() };
    let mut fakes = Fakes::idle(Modes::SupervisorOnly);
    assert!(Machine::new(config, &mut fakes).err().unwrap().to_string().contains("no interrupt files"));
}

#[test]
fn guests_end_by_the_finisher() {
    let kernel = Kernel::new();
    let script = vec![Act::Store(FINISHER, 0x5555)];
    let mut machine = machine(kernel.config(), Modes::SupervisorOnly, vec![script]);
    assert_eq!(machine.run().unwrap(), Ending::Event(SystemEvent::Shutdown));
}

#[test]
fn guests_have_no_machine_level_devices_and_no_firmware_image() {
    let kernel = Kernel::new();
    let guest = machine(kernel.config(), Modes::SupervisorOnly, vec![vec![]]);
    let contains =
        |machine: &Machine, name: &str| machine.device_tree().windows(name.len()).any(|part| part == name.as_bytes());
    assert!(!contains(&guest, "clint") && contains(&guest, "plic"));
    let config = MachineConfig { firmware: Firmware::Image("fw.bin".into()), ..kernel.config() };
    let mut fakes = Fakes::idle(Modes::SupervisorOnly);
    assert!(Machine::new(config, &mut fakes).err().unwrap().to_string().contains("firmware image"));
}

#[test]
fn impossible_machines_are_refused() {
    let kernel = Kernel::new();
    for config in [
        MachineConfig { harts: 0, ..kernel.config() },
        MachineConfig { harts: 65, ..kernel.config() },
        MachineConfig { memory_bytes: 0, ..kernel.config() },
        MachineConfig { memory_bytes: (64 << 20) + 1, ..kernel.config() },
        MachineConfig { append: "a\0b".into(), ..kernel.config() },
    ] {
        let mut fakes = Fakes::idle(Modes::All);
        assert!(Machine::new(config, &mut fakes).is_err());
    }
}

#[test]
fn without_software_there_is_a_device_tree_but_nothing_to_run() {
    let mut machine =
        machine(MachineConfig { memory_bytes: 64 << 20, ..MachineConfig::default() }, Modes::All, vec![vec![]]);
    assert_eq!(machine.device_tree().first_chunk(), Some(&[0xd0, 0x0d, 0xfe, 0xed]));
    assert!(machine.run().unwrap_err().to_string().contains("nothing to run"));
}
