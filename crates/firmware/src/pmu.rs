//! Performance counters: the hart's, which this firmware programs as one in M-mode would, and its own.
//!
//! SBI 3.0, "Performance Monitoring Unit Extension (EID #0x504D55 "PMU")". Logical counters have the
//! numbers of the hart's: 0 is `cycle`, 2 `instret`, those from 3 on are programmable; 1 would be `time`, which is
//! none. The firmware's own follow. With Sscofpmf a programmable counter is preferred to `cycle` and `instret`, which
//! know neither filters nor overflows.

mod event;
mod set;
mod snapshot;
mod software;

use arch::csr::{self, hpmevent};
use arch::event::{FIRST_PROGRAMMABLE, PROGRAMMABLE_COUNTERS};
use arch::{Event, Extension, Isa};
use memory::Ram;
use sbi::function;
use sbi::pmu::{FIRMWARE_COUNTER_INFO, FirmwareEvent, config_flag, counter_info, start_flag, stop_flag};
use sbi::{Answer, Error};
use vcpu::EmulatedHart;

use event::Wanted;
use set::Set;
use snapshot::Snapshot;
use software::Software;

/// Where the firmware's own counters begin: behind the hart's.
const FIRST_SOFTWARE: usize = FIRST_PROGRAMMABLE + PROGRAMMABLE_COUNTERS;
/// Logical counters, with the hole at 1.
const COUNTERS: usize = FIRST_SOFTWARE + software::COUNTERS;
const CYCLE: usize = 0;
const INSTRET: usize = 2;
/// Width of a counter.
const WIDTH_BITS: u32 = 64;

/// The filters of a configuration, and the inhibits of `mhpmevent` that they are.
const FILTERS: [(u64, u64); 5] = [
    (config_flag::SET_VUINH, hpmevent::VUINH),
    (config_flag::SET_VSINH, hpmevent::VSINH),
    (config_flag::SET_UINH, hpmevent::UINH),
    (config_flag::SET_SINH, hpmevent::SINH),
    (config_flag::SET_MINH, hpmevent::MINH),
];

/// The counters of one hart.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub struct Pmu {
    programmable: usize,
    /// Whether there are filters and overflows.
    has_overflow: bool,
    /// What each counter is for.
    #[cfg_attr(feature = "state", serde(with = "arch::array"))]
    wanted: [Option<Wanted>; COUNTERS],
    /// Which of them a call has started, by bits.
    started: u64,
    /// Which run without: after a reset, `cycle` and `instret`, until they are stopped.
    free: u64,
    software: Software,
    snapshot: Option<Snapshot>,
}

impl Pmu {
    /// The counters of a hart with this ISA, after a reset.
    pub fn new(isa: Isa) -> Pmu {
        Pmu {
            programmable: if isa.has(Extension::Zihpm) { PROGRAMMABLE_COUNTERS } else { 0 },
            has_overflow: isa.has(Extension::Sscofpmf),
            wanted: [None; COUNTERS],
            started: 0,
            free: 1 << CYCLE | 1 << INSTRET,
            software: Software::default(),
            snapshot: None,
        }
    }

    /// Whether these are of a hart like that of `made`.
    #[cfg(feature = "state")]
    pub fn fits(&self, made: &Pmu) -> bool {
        (self.programmable, self.has_overflow) == (made.programmable, made.has_overflow)
    }

    /// An event of the firmware happened.
    pub fn note(&mut self, event: FirmwareEvent) {
        self.software.note(event);
    }

    /// Answers a call.
    pub fn answer(
        &mut self,
        function: function::Pmu,
        args: &[u64; 6],
        hart: &mut dyn EmulatedHart,
        ram: &Ram,
    ) -> Answer {
        use function::Pmu::*;
        let [a0, a1, a2, a3, a4, _] = *args;
        match function {
            NumCounters => Ok(COUNTERS as u64),
            CounterGetInfo => self.info(a0),
            CounterConfigMatching => self.configure(self.set(a0, a1)?, a2, Wanted::parse(a3, a4)?, hart),
            CounterStart => self.start(self.set(meant(a0, a2), a1)?, a2, a3, hart, ram),
            CounterStop => self.stop(self.set(a0, a1)?, a2, hart, ram),
            CounterFwRead => self.software.read(self.index(a0)?).ok_or(Error::InvalidParam),
            CounterFwReadHi => self.software.read(self.index(a0)?).map(|_| 0).ok_or(Error::InvalidParam),
            SnapshotSetShmem => self.share(a0, a1, a2, ram),
            EventGetInfo => event::tell(a0, a1, a2, a3, ram, |wanted| self.can_count(wanted)),
        }
    }

    fn exists(&self, counter: usize) -> bool {
        let programmable = FIRST_PROGRAMMABLE..FIRST_PROGRAMMABLE + self.programmable;
        matches!(counter, CYCLE | INSTRET | FIRST_SOFTWARE..COUNTERS) || programmable.contains(&counter)
    }

    fn index(&self, counter: u64) -> Result<usize, Error> {
        usize::try_from(counter).ok().filter(|&counter| self.exists(counter)).ok_or(Error::InvalidParam)
    }

    fn set(&self, base: u64, mask: u64) -> Result<Set, Error> {
        Set::new(base, mask).filter(|set| set.iter().all(|counter| self.exists(counter))).ok_or(Error::InvalidParam)
    }

    fn info(&self, counter: u64) -> Answer {
        let counter = self.index(counter)?;
        Ok(match counter < FIRST_SOFTWARE {
            true => counter_info(csr::CYCLE + counter as u16, WIDTH_BITS),
            false => FIRMWARE_COUNTER_INFO,
        })
    }

    /// Whether any counter can count this.
    fn can_count(&self, wanted: Wanted) -> bool {
        (0..COUNTERS).any(|counter| self.exists(counter) && counts(counter, wanted))
    }

    fn configure(&mut self, set: Set, flags: u64, wanted: Wanted, hart: &mut dyn EmulatedHart) -> Answer {
        if flags & !config_flag::ALL != 0 {
            return Err(Error::InvalidParam);
        }
        let counter = match flags & config_flag::SKIP_MATCH {
            0 => self.choose(set, wanted),
            _ => set.iter().next().filter(|&counter| counts(counter, wanted)),
        };
        let counter = counter.ok_or(Error::NotSupported)?;
        if let Wanted::Hardware(event) = wanted
            && counter >= FIRST_PROGRAMMABLE
        {
            self.halt(counter, hart);
            hart.set_csr(event_csr(counter), event.selector() | self.filters(flags));
        }
        self.wanted[counter] = Some(wanted);
        if counter >= FIRST_SOFTWARE {
            self.software.configure(counter - FIRST_SOFTWARE, wanted);
        }
        if flags & config_flag::CLEAR_VALUE != 0 {
            self.write(counter, 0, hart);
        }
        if flags & config_flag::AUTO_START != 0 {
            self.run(counter, hart);
        }
        Ok(counter as u64)
    }

    /// The counter of the set that is to count this.
    fn choose(&self, set: Set, wanted: Wanted) -> Option<usize> {
        let fits = |&counter: &usize| counts(counter, wanted) && !self.is_used(counter);
        let is_fixed = |counter: &usize| *counter < FIRST_PROGRAMMABLE;
        let programmable = set.iter().filter(|counter| !is_fixed(counter)).find(fits);
        let fixed = set.iter().filter(is_fixed).find(fits);
        if self.has_overflow { programmable.or(fixed) } else { fixed.or(programmable) }
    }

    /// Whether somebody has configured the counter and not given it back. `cycle` and `instret` may be configured anew
    /// until they are started.
    fn is_used(&self, counter: usize) -> bool {
        let waits = counter < FIRST_PROGRAMMABLE && self.started >> counter & 1 == 0;
        self.wanted[counter].is_some() && !waits
    }

    /// The inhibits, and no interrupt until the counter is started.
    fn filters(&self, flags: u64) -> u64 {
        let filters = FILTERS.iter().filter(|(flag, _)| flags & flag != 0);
        filters.fold(hpmevent::OF, |bits, (_, inhibit)| bits | inhibit)
    }
    /// The snapshot that has the counters' initial values, where the flags say so.
    fn initial(&self, flags: u64) -> Result<Option<Snapshot>, Error> {
        let of_snapshot = flags & start_flag::INIT_SNAPSHOT != 0;
        let given = flags & start_flag::SET_INIT_VALUE != 0;
        if flags & !(start_flag::SET_INIT_VALUE | start_flag::INIT_SNAPSHOT) != 0 || of_snapshot && given {
            return Err(Error::InvalidParam);
        }
        if of_snapshot { self.snapshot.map(Some).ok_or(Error::NoShmem) } else { Ok(None) }
    }

    fn start(&mut self, set: Set, flags: u64, initial: u64, hart: &mut dyn EmulatedHart, ram: &Ram) -> Answer {
        let snapshot = self.initial(flags)?;
        if set.bits() & self.started != 0 {
            return Err(Error::AlreadyStarted);
        }
        for counter in set.iter() {
            let saved = snapshot.and_then(|snapshot| snapshot.value(set.place(counter), ram));
            if let Some(value) = saved.or((flags & start_flag::SET_INIT_VALUE != 0).then_some(initial)) {
                self.write(counter, value, hart);
            }
            self.run(counter, hart);
        }
        Ok(0)
    }

    /// Stops all that run, whatever it answers.
    fn stop(&mut self, set: Set, flags: u64, hart: &mut dyn EmulatedHart, ram: &Ram) -> Answer {
        if flags & !(stop_flag::RESET | stop_flag::TAKE_SNAPSHOT) != 0 {
            return Err(Error::InvalidParam);
        }
        let snapshot = self.snapshot.filter(|_| flags & stop_flag::TAKE_SNAPSHOT != 0);
        if flags & stop_flag::TAKE_SNAPSHOT != 0 && snapshot.is_none() {
            return Err(Error::NoShmem);
        }
        let all_ran = set.bits() & !(self.started | self.free) == 0;
        set.iter().for_each(|counter| self.halt(counter, hart));
        if let Some(snapshot) = snapshot {
            snapshot.save(set, ram, |counter| (self.read(counter, hart), has_overflowed(counter, hart)));
        }
        if flags & stop_flag::RESET != 0 {
            set.iter().for_each(|counter| self.give_back(counter, hart));
        }
        if all_ran { Ok(0) } else { Err(Error::AlreadyStopped) }
    }

    /// Lets a counter run. An overflow wants an interrupt from now on.
    fn run(&mut self, counter: usize, hart: &mut dyn EmulatedHart) {
        self.started |= 1 << counter;
        if counter >= FIRST_SOFTWARE {
            return self.software.run(counter - FIRST_SOFTWARE);
        }
        if counter >= FIRST_PROGRAMMABLE {
            let event = hart.csr(event_csr(counter));
            hart.set_csr(event_csr(counter), event & !hpmevent::OF);
        }
        let inhibited = hart.csr(csr::MCOUNTINHIBIT);
        hart.set_csr(csr::MCOUNTINHIBIT, inhibited & !(1 << counter));
    }

    fn halt(&mut self, counter: usize, hart: &mut dyn EmulatedHart) {
        self.started &= !(1 << counter);
        self.free &= !(1 << counter);
        if counter >= FIRST_SOFTWARE {
            return self.software.halt(counter - FIRST_SOFTWARE);
        }
        let inhibited = hart.csr(csr::MCOUNTINHIBIT);
        hart.set_csr(csr::MCOUNTINHIBIT, inhibited | 1 << counter);
    }

    fn give_back(&mut self, counter: usize, hart: &mut dyn EmulatedHart) {
        self.wanted[counter] = None;
        if (FIRST_PROGRAMMABLE..FIRST_SOFTWARE).contains(&counter) {
            hart.set_csr(event_csr(counter), 0);
        }
    }

    fn write(&mut self, counter: usize, value: u64, hart: &mut dyn EmulatedHart) {
        match counter.checked_sub(FIRST_SOFTWARE) {
            Some(own) => self.software.write(own, value),
            None => hart.set_csr(csr::MCYCLE + counter as u16, value),
        }
    }

    fn read(&self, counter: usize, hart: &mut dyn EmulatedHart) -> u64 {
        self.software.read(counter).unwrap_or_else(|| hart.csr(csr::MCYCLE + counter as u16))
    }

    /// Says where snapshots go.
    fn share(&mut self, low: u64, high: u64, flags: u64, ram: &Ram) -> Answer {
        if flags != 0 {
            return Err(Error::InvalidParam);
        }
        self.snapshot = if (low, high) == (u64::MAX, u64::MAX) { None } else { Some(Snapshot::new(low, high, ram)?) };
        Ok(0)
    }
}

/// The base that Linux names where it starts its counters from a snapshot after an overflow
/// (`pmu_sbi_start_ovf_ctrs_snapshot`, seen in 6.12.107 and in the mainline of 2026): the index at which its loop over
/// the 64 counters of a word has ended, times 64, in place of the word's number, 0. Were it refused, as it is no base,
/// the counters would stand still, and `perf record` have next to no samples.
const LINUX_BASE: u64 = 64 * 64;

/// The base that is meant.
fn meant(base: u64, flags: u64) -> u64 {
    if base == LINUX_BASE && flags == start_flag::INIT_SNAPSHOT { 0 } else { base }
}

/// Whether a counter can count this.
fn counts(counter: usize, wanted: Wanted) -> bool {
    match wanted {
        Wanted::Hardware(Event::Cycles) if counter == CYCLE => true,
        Wanted::Hardware(Event::Instructions) if counter == INSTRET => true,
        Wanted::Hardware(_) => (FIRST_PROGRAMMABLE..FIRST_SOFTWARE).contains(&counter),
        Wanted::Firmware(_) => counter >= FIRST_SOFTWARE,
        Wanted::Nothing => false,
    }
}

fn event_csr(counter: usize) -> u16 {
    csr::MHPMEVENT3 + (counter - FIRST_PROGRAMMABLE) as u16
}

fn has_overflowed(counter: usize, hart: &mut dyn EmulatedHart) -> bool {
    (FIRST_PROGRAMMABLE..FIRST_SOFTWARE).contains(&counter) && hart.csr(event_csr(counter)) & hpmevent::OF != 0
}
