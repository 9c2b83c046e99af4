//! Statistics as a table.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use arch::Mode;
use events::names::SbiFunction;

use super::counts::{About, Accesses, Counts, Exits, KvmExit, World};
use super::distribution::Distribution;
use super::reason::{Devices, Reason, cause_name};
use super::windows::Windows;
use super::{Translation, injected, microseconds};

/// What was counted, as text of several lines.
pub fn text(counts: &Counts, harts: usize, translation: &Translation, devices: Devices) -> String {
    let mut text = String::new();
    // the host's kernel keeps the worlds of engine `kvm` to itself
    match counts.kvm_exits.is_empty() {
        true => worlds(&mut text, counts, harts),
        false => kvm_exits(&mut text, counts, devices),
    }
    exits(&mut text, counts, devices);
    traps(&mut text, "interrupts taken", &counts.interrupts);
    traps(&mut text, "exceptions taken, exits left out", &counts.exceptions);
    calls(&mut text, counts);
    device_rows(&mut text, counts, devices);
    let rows: Vec<_> = injected(counts).collect();
    rest(&mut text, "interrupts injected (hvip)", &rows);
    rest(&mut text, "address translation", &translation.rows());
    text
}

/// What was counted between a program's marks; nothing where it made none.
pub fn windows(windows: &Windows) -> String {
    let mut text = String::new();
    for (name, window) in windows.done() {
        if text.is_empty() {
            let columns = ["times", "instructions", "time ms", "exits", "walks"];
            let [times, instructions, time, exits, walks] = columns;
            line(
                &mut text,
                format_args!(
                    "\n{:20} {times:>8} {instructions:>14} {time:>12} {exits:>10} {walks:>10}",
                    "between marks"
                ),
            );
        }
        let counts = &window.counts;
        let exits: u64 = counts.exits.values().map(|exits| exits.count).sum();
        let walks: u64 = counts.walks.values().map(|walks| walks.count).sum();
        let (times, instructions, time) = (window.times, counts.instructions, microseconds(counts.ticks as f64) / 1e3);
        line(&mut text, format_args!("{name:20} {times:>8} {instructions:>14} {time:>12.3} {exits:>10} {walks:>10}"));
    }
    if windows.ignored != 0 {
        line(&mut text, format_args!("{} marks made no sense, or there was no room for them", windows.ignored));
    }
    text
}

fn line(text: &mut String, args: std::fmt::Arguments) {
    // writing to a string does not fail
    let _ = writeln!(text, "{args}");
}

fn percent(part: u64, whole: u64) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}

fn worlds(text: &mut String, counts: &Counts, harts: usize) {
    let ticks: u64 = counts.worlds.values().map(|spent| spent.ticks).sum();
    line(
        text,
        format_args!(
            "{:20} {:>14} {:>6} {:>12} {:>6} {:>12}",
            "world", "instructions", "%", "time ms", "%", "waiting ms"
        ),
    );
    for (world, spent) in &counts.worlds {
        let milliseconds = |ticks: u64| microseconds(ticks as f64) / 1e3;
        line(
            text,
            format_args!(
                "{:20} {:>14} {:>6.2} {:>12.3} {:>6.2} {:>12.3}",
                world_name(*world),
                spent.instructions,
                percent(spent.instructions, counts.instructions),
                milliseconds(spent.ticks),
                percent(spent.ticks, ticks),
                milliseconds(spent.waiting),
            ),
        );
    }
    let name = if harts == 1 { "1 hart".to_owned() } else { format!("{harts} harts") };
    line(
        text,
        format_args!("{name:20} {:>14} {:>6} {:>12.3}", counts.instructions, "", microseconds(ticks as f64) / 1e3),
    );
}

fn world_name(world: World) -> String {
    let mode = world.mode().name();
    world.vmid.map_or_else(|| mode.to_owned(), |vmid| format!("{mode}, VMID {vmid}"))
}

/// By reason over all guests, and over all pages of a device, most frequent first.
fn exits(text: &mut String, counts: &Counts, devices: Devices) {
    let mut all: BTreeMap<String, Exits> = BTreeMap::new();
    for ((_, reason), exits) in &counts.exits {
        let sum = all.entry(name(reason, devices)).or_default();
        sum.count += exits.count;
        sum.to_user += exits.to_user;
        sum.instructions.merge(&exits.instructions);
        sum.ticks.merge(&exits.ticks);
    }
    if all.is_empty() {
        return;
    }
    line(
        text,
        format_args!(
            "\n{:52} {:>8} {:>8} | {:>8} {:>8} {:>8} | {:>8} {:>8} {:>8}",
            "exits of virtual machines", "count", "to U", "insns", "median", "99 %", "us", "median", "99 %"
        ),
    );
    let mut rows: Vec<(&String, &Exits)> = all.iter().collect();
    rows.sort_by_key(|(_, exits)| std::cmp::Reverse(exits.count));
    for (name, exits) in &rows {
        let (insns, ticks) = (&exits.instructions, &exits.ticks);
        let time = |ticks: u64| microseconds(ticks as f64);
        line(
            text,
            format_args!(
                "{name:52} {:>8} {:>8} | {:>8.0} {:>8} {:>8} | {:>8.1} {:>8.1} {:>8.1}",
                exits.count,
                exits.to_user,
                insns.mean(),
                insns.percentile(50),
                insns.percentile(99),
                microseconds(ticks.mean()),
                time(ticks.percentile(50)),
                time(ticks.percentile(99)),
            ),
        );
    }
    let (count, to_user) =
        rows.iter().fold((0, 0), |(count, user), (_, exits)| (count + exits.count, user + exits.to_user));
    line(text, format_args!("{:52} {count:>8} {to_user:>8} | {} entries", "all", counts.entries));
}

fn name(reason: &Reason, devices: Devices) -> String {
    match reason.about(devices) {
        about if about.is_empty() => reason.trap(),
        about => format!("{}: {about}", reason.trap()),
    }
}

fn traps(text: &mut String, title: &str, traps: &BTreeMap<(World, u8, u64), u64>) {
    let name = |from: World, to: u8, cause| {
        format!("{} -> {}: {}", world_name(from), Mode::ALL[usize::from(to)].name(), cause_name(cause))
    };
    let rows: Vec<_> = traps.iter().map(|(&(from, to, cause), &count)| (name(from, to, cause), count)).collect();
    rest(text, title, &rows);
}

fn calls(text: &mut String, counts: &Counts) {
    let rows: Vec<_> = counts
        .calls
        .iter()
        .map(|(&(extension, function), &count)| (SbiFunction { extension, function }.to_string(), count))
        .collect();
    rest(text, "SBI calls of HS-mode", &rows);
}

/// By device: several pages may be one.
fn device_rows(text: &mut String, counts: &Counts, devices: Devices) {
    let mut all: BTreeMap<String, Accesses> = BTreeMap::new();
    for (&page, accesses) in &counts.devices {
        let sum = all.entry(devices(page).unwrap_or_else(|| format!("{:#x}", page << 12))).or_default();
        sum.add(accesses);
    }
    if !all.is_empty() {
        line(
            text,
            format_args!(
                "\n{:52} {:>8} {:>8} {:>10} {:>10} {:>10}",
                "devices", "reads", "writes", "completed", "bytes", "interrupts"
            ),
        );
        all.iter().for_each(|(name, Accesses { reads, writes, completed, bytes, interrupts })| {
            line(text, format_args!("{name:52} {reads:>8} {writes:>8} {completed:>10} {bytes:>10} {interrupts:>10}"))
        });
    }
}

/// What KVM left to this process, most frequent first.
fn kvm_exits(text: &mut String, counts: &Counts, devices: Devices) {
    let mut all: BTreeMap<String, Distribution> = BTreeMap::new();
    for (exit, ticks) in &counts.kvm_exits {
        all.entry(kvm_exit_name(exit, devices)).or_default().merge(ticks);
    }
    let mut rows: Vec<(&String, &Distribution)> = all.iter().collect();
    rows.sort_by_key(|(_, ticks)| std::cmp::Reverse(ticks.count()));
    line(
        text,
        format_args!("{:52} {:>8} | {:>8} {:>8} {:>8}", "exits to this process", "count", "us", "median", "99 %"),
    );
    for (name, ticks) in &rows {
        let time = |percent| microseconds(ticks.percentile(percent) as f64);
        let mean = microseconds(ticks.mean());
        line(text, format_args!("{name:52} {:>8} | {mean:>8.1} {:>8.1} {:>8.1}", ticks.count(), time(50), time(99)));
    }
    line(text, format_args!("{:52} {:>8}", "all", rows.iter().map(|(_, ticks)| ticks.count()).sum::<u64>()));
}

/// A reason of KVM's, and what it was about.
pub fn kvm_exit_name(exit: &KvmExit, devices: Devices) -> String {
    let reason = events::names::kvm_exit(exit.reason).map_or_else(|| exit.reason.to_string(), str::to_owned);
    match kvm_exit_about(exit, devices) {
        about if about.is_empty() => reason,
        about => format!("{reason}: {about}"),
    }
}

/// The device or call that it was about; empty where it was about none.
pub fn kvm_exit_about(exit: &KvmExit, devices: Devices) -> String {
    match exit.about {
        About::Nothing => String::new(),
        About::Device { page } => devices(page).unwrap_or_else(|| format!("{:#x}", page << 12)),
        About::Call { extension, function } => SbiFunction { extension, function }.to_string(),
    }
}

fn rest(text: &mut String, title: &str, rows: &[(impl AsRef<str>, u64)]) {
    if !rows.is_empty() {
        line(text, format_args!("\n{title:52} {:>8}", "count"));
        rows.iter().for_each(|(name, count)| line(text, format_args!("{:52} {count:>8}", name.as_ref())));
    }
}
