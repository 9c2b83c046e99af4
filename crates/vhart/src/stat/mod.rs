//! `--stat`: who executed how much, and what the virtual machines were left for.
//!
//! One [`Counts`] a hart, filled from its events under a lock that only a look in between contends for. Nobody hears of
//! anything before [`Stat::begin`].

mod counts;
mod distribution;
mod reason;
mod report;
mod table;
mod windows;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use arch::Phys;
use board::{Machine, Watching, Whom};
use events::{Event, Kinds, Look, Mark, Sink, Stamp};
use serde::Serialize;
use vcpu::Statistic;

use crate::errors;
use counts::{Counts, WANTED, WANTED_BETWEEN_MARKS};
use report::{Part, Report, VERSION, WindowRow};
use windows::Windows;

/// The statistics of one run. Cloning shares them.
#[derive(Clone, Default)]
pub struct Stat(Arc<Shared>);

#[derive(Default)]
struct Shared {
    counting: AtomicBool,
    harts: Mutex<Vec<Arc<Mutex<Counts>>>>,
    /// What devices do by themselves.
    of_devices: Arc<Mutex<Counts>>,
    windows: Mutex<Windows>,
    /// Whether a window is open.
    between_marks: AtomicBool,
    /// First address, length and name of the devices.
    devices: Mutex<Vec<(u64, u64, String)>>,
}

/// One hart's part.
struct Counter {
    shared: Arc<Shared>,
    counts: Arc<Mutex<Counts>>,
}

impl Sink for Counter {
    fn wants(&self) -> Kinds {
        match self.shared.counting.load(Ordering::Relaxed) {
            false => Kinds::NONE,
            true if self.shared.between_marks.load(Ordering::Relaxed) => WANTED_BETWEEN_MARKS,
            true => WANTED,
        }
    }

    fn event(&mut self, stamp: &Stamp, event: &Event, _: &dyn Look) {
        locked(&self.counts).take(stamp, event);
        if let Event::Mark(mark) = event {
            self.shared.mark(mark);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// A program begins or ends a window.
    fn mark(&self, mark: &Mark) {
        let mut windows = locked(&self.windows);
        windows.take(mark, || self.now());
        self.between_marks.store(windows.is_open(), Ordering::Relaxed);
    }

    /// All harts and devices together, exits that are open left out.
    fn now(&self) -> Counts {
        let mut now = Counts::default();
        locked(&self.harts).iter().for_each(|counts| now.merge(&locked(counts)));
        now.merge(&locked(&self.of_devices));
        now
    }
}

impl Stat {
    /// Begins to count. Answers false where it had begun already.
    pub fn begin(&self) -> bool {
        !self.0.counting.swap(true, Ordering::Relaxed)
    }

    /// Who watches the harts.
    pub fn watching(&self) -> Watching {
        let shared = self.0.clone();
        Box::new(move |whom| {
            let counts = match whom {
                Whom::Devices => shared.of_devices.clone(),
                Whom::Hart(_) => Arc::default(),
            };
            if whom != Whom::Devices {
                locked(&shared.harts).push(counts.clone());
            }
            Box::new(Counter { shared: shared.clone(), counts })
        })
    }

    /// Learns the devices' names.
    pub fn names(&self, machine: &Machine) {
        let name = |(name, Phys(base), len): (String, Phys, u64)| (base, len, name);
        *locked(&self.0.devices) = machine.bus().devices().into_iter().map(name).collect();
    }

    /// What a look in between shows; `again` is how to look.
    pub fn look(&self, again: &str) -> String {
        if self.begin() {
            return format!("counting begins now; {again} again shows what was counted");
        }
        format!("so far\n{}", self.text(&Translation::default()).trim_end())
    }

    /// Prints what was counted on standard error.
    pub fn print(&self, machine: &Machine) {
        errors::tell(format!("who did what\n{}", self.text(&Translation::sum(&machine.statistics())).trim_end()));
    }

    /// Writes what was counted as JSON.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, machine: &Machine, file: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(&self.report(&machine.statistics()))? + "\n";
        errors::write_file("statistics", file, text.as_bytes())
    }

    fn counts(&self) -> Vec<Counts> {
        locked(&self.0.harts).iter().map(|counts| locked(counts).closed()).collect()
    }

    /// All harts and devices together.
    fn total(&self, harts: &[Counts]) -> Counts {
        let mut total = sum(harts);
        total.merge(&locked(&self.0.of_devices));
        total
    }

    fn device(&self, page: u64) -> Option<String> {
        let devices = locked(&self.0.devices);
        let holds = |(base, len, _): &&(u64, u64, String)| (page << 12).wrapping_sub(base >> 12 << 12) < (*len).max(1);
        devices.iter().find(holds).map(|(_, _, name)| name.clone())
    }

    fn text(&self, translation: &Translation) -> String {
        let counts = self.counts();
        let text = table::text(&self.total(&counts), counts.len(), translation, &|page| self.device(page));
        text + &table::windows(&locked(&self.0.windows))
    }

    fn report(&self, statistics: &[Vec<Statistic>]) -> Report {
        let (counts, name) = (self.counts(), |page| self.device(page));
        let windows = locked(&self.0.windows);
        let part = |(counts, statistics): (&Counts, &Vec<Statistic>)| {
            Part::of(counts, Some(Translation::sum(std::slice::from_ref(statistics))), &name)
        };
        Report {
            version: VERSION,
            total: Part::of(&self.total(&counts), Some(Translation::sum(statistics)), &name),
            harts: counts.iter().zip(statistics).map(part).collect(),
            marks_ignored: windows.ignored,
            windows: windows.done().map(|(mark, window)| WindowRow::of(mark, window, &name)).collect(),
        }
    }
}

fn sum(harts: &[Counts]) -> Counts {
    let mut sum = Counts::default();
    harts.iter().for_each(|hart| sum.merge(hart));
    sum
}

/// Microseconds of so many ticks.
fn microseconds(ticks: f64) -> f64 {
    ticks * 1e6 / vcpu::TIMEBASE_HZ as f64
}

/// Interrupts that were injected at least once.
fn injected(counts: &Counts) -> impl Iterator<Item = (&'static str, u64)> {
    let name = |(bit, &count): (usize, &u64)| (events::names::interrupt(bit as u64).unwrap_or("reserved"), count);
    counts.injected.iter().enumerate().map(name).filter(|(_, count)| *count != 0)
}

macro_rules! translation {
    ($($name:ident)*) => {
        /// What address translation had to do, by the names of `docs/statistics.md`: since the machine was made.
        #[derive(Clone, Copy, Debug, Default, Serialize)]
        struct Translation { $($name: u64),* }

        impl Translation {
            /// The sum over harts.
            fn sum(harts: &[Vec<Statistic>]) -> Translation {
                let mut sum = Translation::default();
                for (name, value) in harts.iter().flatten() {
                    match *name {
                        $(stringify!($name) => sum.$name += value,)*
                        _ => {}
                    }
                }
                sum
            }

            /// As rows of a table.
            fn rows(&self) -> Vec<(&'static str, u64)> {
                let rows = [$((stringify!($name), self.$name)),*];
                if rows.iter().all(|(_, count)| *count == 0) { Vec::new() } else { rows.to_vec() }
            }
        }
    };
}

translation! {
    data_misses second_level_hits fetch_misses first_stage_walks guest_stage_walks guest_leaf_hits pte_reads pte_updates
}
