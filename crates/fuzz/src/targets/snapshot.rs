//! Snapshots of machines, damaged: what is loaded all the same runs.
//!
//! Check sums would keep everything else from being tried, so that they are made right first.

use std::io::Write as _;
use std::time::Duration;

use arch::Isa;
use board::snapshot::{Shape, Snapshot};
use board::{Aia, Ending, Firmware, Machine, MachineConfig, Plug, TimeSource};
use kit::By;
use virtio::PortConfig;

use super::Target;
use super::files::one_line;

pub const TARGET: Target =
    Target { name: "snapshot", what: "snapshots of machines: files, and the states in them", run, seeds };

const RAM_BYTES: u64 = 4 << 20;
/// Instructions before a machine is saved, and after it is loaded.
const SAVED_AT: u64 = 30_000;
const RUNS_FOR: u64 = 20_000;
/// A machine may wait for ever.
const PATIENCE: Duration = Duration::from_millis(100);
/// Bytes of code memory of a translated hart.
const CODE_BYTES: usize = 1 << 20;
/// Where the host can have none, all is interpreted.
const HAS_TRANSLATOR: bool = cfg!(all(target_arch = "x86_64", unix));
/// Where magic number and version end, and the parts begin.
const PARTS: usize = 20;
/// How many parts there are that have no place.
const PLACELESS: usize = 2;

/// A machine with something in every kind of part.
fn config(firmware: Firmware) -> MachineConfig {
    let port = PortConfig::console(0, virtio::PortLine::new(), Box::new(|bytes: &[u8]| bytes.len()));
    MachineConfig {
        harts: 2,
        memory_bytes: RAM_BYTES,
        isa: Isa::ALL,
        aia: Aia::AplicImsic { guest_files: 2 },
        firmware,
        plugs: vec![
            Plug { slot: None, make: Box::new(|slot| virtio::entropy(slot, Some(1))) },
            Plug { slot: None, make: Box::new(|slot| virtio::ports(slot, vec![port])) },
        ],
        time: TimeSource::Instructions { per_tick: 10 },
        seed: Some(0),
        timeout: Some(PATIENCE),
        max_instructions: Some(RUNS_FOR),
        ..MachineConfig::default()
    }
}

/// Saves machines that have run a little: one without a firmware, and one in its supervisor.
fn seeds() -> Vec<Vec<u8>> {
    // `auipc s0, 0x100; 1: addi t0, t0, 1; sd t0, (s0); csrw sscratch, t0; j 1b`
    let code: [u32; 5] = [0x0010_0417, 0x0012_8293, 0x0054_3023, 0x1402_9073, 0xff5f_f06f];
    let mut file = tempfile::NamedTempFile::new().expect("there is room for a file");
    code.iter().for_each(|word| file.write_all(&word.to_le_bytes()).expect("there is room for a file"));
    let saved = |firmware| {
        let config = MachineConfig {
            kernel: Some(file.path().into()),
            max_instructions: None,
            timeout: None,
            ..config(firmware)
        };
        let shape = Shape::of(&config);
        let mut machine = Machine::new(config, &mut By::Interpreter).expect("there is such a machine");
        machine.pause_at(SAVED_AT);
        assert_eq!(machine.run().expect("it runs"), Ending::Paused, "the program runs on");
        let mut bytes = Vec::new();
        machine.save("a seed", &shape, &mut bytes).expect("it can be saved");
        bytes
    };
    vec![saved(Firmware::None), saved(Firmware::Builtin)]
}

fn run(input: &[u8]) {
    // as it is
    let _ = Snapshot::read(input).map_err(|why| assert!(one_line(&why.to_string()), "{why}"));
    let sealed = sealed(input);
    let Ok(snapshot) = Snapshot::read(&sealed[..]) else { return };
    let by = [By::Interpreter, By::TranslatorWithin(CODE_BYTES)]
        [usize::from(HAS_TRANSLATOR) & crc32fast::hash(input) as usize];
    let mut engine = by;
    let (config, shape) = config_like(&snapshot);
    match Machine::of_snapshot(config, &mut engine, snapshot) {
        Ok(mut machine) => {
            drop(machine.run());
            loads_again(machine, &shape, &mut engine);
        }
        Err(why) => assert!(one_line(&why.to_string()), "{why}"),
    }
}

/// The machine that a snapshot is of, as far as it may choose.
fn config_like(snapshot: &Snapshot) -> (MachineConfig, Shape) {
    let mut config = config(Firmware::Builtin);
    snapshot.head.shape.complete(&mut config, &MachineConfig { isa: Isa::ALL, ..MachineConfig::default() });
    // another size is refused by who has not asked for it
    config.memory_bytes = RAM_BYTES;
    let shape = Shape::of(&config);
    (config, shape)
}

/// What was loaded and has run is a machine like any other: what it has come to is possible.
fn loads_again(mut machine: Machine, shape: &Shape, engine: &mut By) {
    let mut bytes = Vec::new();
    machine.save("what has run", shape, &mut bytes).expect("it could be saved before");
    let snapshot = Snapshot::read(&bytes[..]).expect("it was written whole");
    let (config, _) = config_like(&snapshot);
    drop(Machine::of_snapshot(config, engine, snapshot).expect("a machine that ran is possible"));
}

/// The same file with right check sums, as far as its parts can be told.
fn sealed(input: &[u8]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    let (mut at, mut part) = (PARTS, 0);
    loop {
        // runs of pages say first where they lie
        let begin = if part < PLACELESS { at } else { at + 8 };
        let len = bytes.get(begin..).and_then(|rest| rest.first_chunk()).map(|len| u64::from_le_bytes(*len));
        let end = len.and_then(|len| (begin + 8).checked_add(usize::try_from(len).ok()?));
        let Some(content) = end.and_then(|end| bytes.get(begin + 8..end)) else { return bytes };
        let (sum, end) = (crc32fast::hash(content).to_le_bytes(), begin + 8 + content.len());
        let Some(place) = bytes.get_mut(end..end + 4) else { return bytes };
        place.copy_from_slice(&sum);
        (at, part) = (end + 4, part + 1);
    }
}
