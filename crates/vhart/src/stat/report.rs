//! Statistics as JSON: what `docs/stat.schema.json` describes.

use std::collections::BTreeMap;

use arch::Mode;
use events::names::SbiFunction;
use serde::Serialize;

use super::counts::{Counts, Exits, KvmExit, Walks, World};
use super::distribution::Distribution;
use super::reason::{Devices, cause_name};
use super::table::kvm_exit_about;
use super::windows::Window;
use super::{Translation, injected, microseconds};

/// Number of the schema. It grows where something changes its meaning or goes away.
pub const VERSION: u32 = 1;

/// All of it.
#[derive(Debug, Serialize)]
pub struct Report {
    /// [`VERSION`].
    pub version: u32,
    /// All harts together; time is that of the longest.
    pub total: Part,
    /// Each hart, by its number.
    pub harts: Vec<Part>,
    /// Marks that made no sense, or for which there was no room.
    pub marks_ignored: u64,
    /// What was counted between a program's marks.
    pub windows: Vec<WindowRow>,
}

/// What was counted between marks of a name.
#[derive(Debug, Serialize)]
pub struct WindowRow {
    mark: String,
    times: u64,
    processor_us: Option<f64>,
    walks: Vec<WalkRow>,
    counts: Part,
}

#[derive(Debug, Serialize)]
struct WalkRow {
    mode: &'static str,
    vmid: Option<u16>,
    count: u64,
    reads: u64,
}

impl WindowRow {
    /// What was counted, with devices' names.
    pub fn of(mark: String, window: &Window, devices: Devices) -> WindowRow {
        let walks = window.counts.walks.iter();
        WindowRow {
            mark,
            times: window.times,
            processor_us: window.processor.map(|time| time.as_secs_f64() * 1e6),
            walks: walks.map(|(world, walks)| WalkRow::of(*world, walks)).collect(),
            counts: Part::of(&window.counts, None, devices),
        }
    }
}

impl WalkRow {
    fn of(world: World, walks: &Walks) -> WalkRow {
        WalkRow { mode: world.mode().name(), vmid: world.vmid, count: walks.count, reads: walks.reads }
    }
}

/// One hart's, or all harts'.
#[derive(Debug, Serialize)]
pub struct Part {
    instructions: u64,
    time_us: f64,
    worlds: Vec<WorldRow>,
    entries: u64,
    exits: Vec<ExitRow>,
    interrupts: Vec<TrapRow>,
    exceptions: Vec<TrapRow>,
    sbi_calls: Vec<CallRow>,
    devices: Vec<DeviceRow>,
    kvm_exits: Vec<KvmExitRow>,
    injected: BTreeMap<&'static str, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    translation: Option<Translation>,
}

#[derive(Debug, Serialize)]
struct WorldRow {
    mode: &'static str,
    vmid: Option<u16>,
    instructions: u64,
    time_us: f64,
    waiting_us: f64,
}

#[derive(Debug, Serialize)]
struct ExitRow {
    vmid: u16,
    cause: u64,
    cause_name: String,
    kind: &'static str,
    about: String,
    address: Option<u64>,
    count: u64,
    to_user: u64,
    re_entered: u64,
    instructions: Spread,
    time_us: Spread,
}

#[derive(Debug, Serialize)]
struct Spread {
    sum: f64,
    mean: f64,
    median: f64,
    p99: f64,
}

#[derive(Debug, Serialize)]
struct TrapRow {
    from: &'static str,
    vmid: Option<u16>,
    to: &'static str,
    cause: u64,
    cause_name: String,
    count: u64,
}

#[derive(Debug, Serialize)]
struct CallRow {
    extension: u64,
    function: u64,
    name: String,
    count: u64,
}

#[derive(Debug, Serialize)]
struct DeviceRow {
    name: String,
    address: u64,
    reads: u64,
    writes: u64,
    completed: u64,
    bytes: u64,
    interrupts: u64,
}

#[derive(Debug, Serialize)]
struct KvmExitRow {
    reason: u32,
    name: String,
    about: String,
    count: u64,
    time_us: Spread,
}

impl Spread {
    fn of(distribution: &Distribution, unit: impl Fn(f64) -> f64) -> Spread {
        Spread {
            sum: unit(distribution.sum() as f64),
            mean: unit(distribution.mean()),
            median: unit(distribution.percentile(50) as f64),
            p99: unit(distribution.percentile(99) as f64),
        }
    }
}

impl Part {
    /// What was counted, with devices' names.
    pub fn of(counts: &Counts, translation: Option<Translation>, devices: Devices) -> Part {
        Part {
            instructions: counts.instructions,
            time_us: microseconds(counts.ticks as f64),
            worlds: worlds(counts),
            entries: counts.entries,
            exits: counts
                .exits
                .iter()
                .map(|((vmid, reason), exits)| ExitRow {
                    vmid: *vmid,
                    cause: reason.cause,
                    cause_name: reason.trap(),
                    kind: reason.kind(),
                    about: reason.about(devices),
                    address: reason.address(),
                    ..ExitRow::of(exits)
                })
                .collect(),
            interrupts: traps(&counts.interrupts),
            exceptions: traps(&counts.exceptions),
            sbi_calls: calls(counts),
            devices: device_rows(counts, devices),
            kvm_exits: kvm_exits(counts, devices),
            injected: injected(counts).collect(),
            translation,
        }
    }
}

impl ExitRow {
    fn of(exits: &Exits) -> ExitRow {
        ExitRow {
            vmid: 0,
            cause: 0,
            cause_name: String::new(),
            kind: "",
            about: String::new(),
            address: None,
            count: exits.count,
            to_user: exits.to_user,
            re_entered: exits.ticks.count(),
            instructions: Spread::of(&exits.instructions, |count| count),
            time_us: Spread::of(&exits.ticks, microseconds),
        }
    }
}

fn worlds(counts: &Counts) -> Vec<WorldRow> {
    let row = |(world, spent): (&World, &super::counts::Spent)| WorldRow {
        mode: world.mode().name(),
        vmid: world.vmid,
        instructions: spent.instructions,
        time_us: microseconds(spent.ticks as f64),
        waiting_us: microseconds(spent.waiting as f64),
    };
    counts.worlds.iter().map(row).collect()
}

fn traps(traps: &BTreeMap<(World, u8, u64), u64>) -> Vec<TrapRow> {
    let row = |(&(from, to, cause), &count): (&(World, u8, u64), &u64)| TrapRow {
        from: from.mode().name(),
        vmid: from.vmid,
        to: Mode::ALL[usize::from(to)].name(),
        cause,
        cause_name: cause_name(cause),
        count,
    };
    traps.iter().map(row).collect()
}

fn calls(counts: &Counts) -> Vec<CallRow> {
    let row = |(&(extension, function), &count): (&(u64, u64), &u64)| CallRow {
        extension,
        function,
        name: SbiFunction { extension, function }.to_string(),
        count,
    };
    counts.calls.iter().map(row).collect()
}

fn device_rows(counts: &Counts, devices: Devices) -> Vec<DeviceRow> {
    let row = |(&page, accesses): (&u64, &super::counts::Accesses)| DeviceRow {
        name: devices(page).unwrap_or_default(),
        address: page << 12,
        reads: accesses.reads,
        writes: accesses.writes,
        completed: accesses.completed,
        bytes: accesses.bytes,
        interrupts: accesses.interrupts,
    };
    counts.devices.iter().map(row).collect()
}

fn kvm_exits(counts: &Counts, devices: Devices) -> Vec<KvmExitRow> {
    let row = |(exit, ticks): (&KvmExit, &Distribution)| KvmExitRow {
        reason: exit.reason,
        name: events::names::kvm_exit(exit.reason).unwrap_or_default().to_owned(),
        about: kvm_exit_about(exit, devices),
        count: ticks.count(),
        time_us: Spread::of(ticks, microseconds),
    };
    counts.kvm_exits.iter().map(row).collect()
}
