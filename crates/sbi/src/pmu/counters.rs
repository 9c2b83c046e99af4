//! Performance counters of a virtual hart, for whoever has no programmable ones to give.
//!
//! SBI 3.0, "Performance Monitoring Unit Extension (EID #0x504D55 "PMU")". Two are `cycle` and `instret`, which count
//! for the guest alone from when it has asked for it; each read is an exit then. The others count what the hypervisor
//! does for it. Left out: snapshots, overflows, which would want an interrupt, and filters, which "are hints".

use super::{
    FIRMWARE_COUNTER_INFO, FirmwareEvent, LAST_CACHE, LAST_GENERAL, config_flag, counter_info, event_info, event_type,
    start_flag, stop_flag, type_and_code,
};
use crate::{Answer, Error, Memory, function};
use arch::{Event, csr};

/// All counters, and those that are CSRs.
const COUNTERS: usize = 10;
const HARDWARE: [(Source, u16); 2] = [(Source::Cycles, csr::CYCLE), (Source::Instructions, csr::INSTRET)];
/// Entries that one call asks after.
const MOST_ENTRIES: u64 = 256;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// What the hart's `cycle` counts.
    Cycles,
    /// What its `instret` counts.
    Instructions,
    /// What the hypervisor does.
    Firmware(FirmwareEvent),
}

impl Source {
    /// None where it is a number that nobody counts.
    fn of(event_idx: u64) -> Result<Option<Source>, Error> {
        use FirmwareEvent::*;
        Ok(match type_and_code(event_idx) {
            (event_type::GENERAL, _) if event_idx == Event::Cycles.selector() => Some(Source::Cycles),
            (event_type::GENERAL, _) if event_idx == Event::Instructions.selector() => Some(Source::Instructions),
            (event_type::GENERAL, 1..=LAST_GENERAL) | (event_type::CACHE, 0..=LAST_CACHE) => None,
            (event_type::RAW | event_type::RAW_V2, 0) => None,
            (event_type::FIRMWARE, code) => {
                let counted =
                    [SetTimer, IpiSent, IpiReceived, FenceISent, FenceIReceived, SfenceVmaSent, SfenceVmaAsidSent];
                FirmwareEvent::of(code).filter(|event| counted.contains(event)).map(Source::Firmware)
            }
            _ => return Err(Error::InvalidParam),
        })
    }

    fn fits(self, counter: usize) -> bool {
        match HARDWARE.get(counter) {
            Some((source, _)) => *source == self,
            None => matches!(self, Source::Firmware(_)),
        }
    }
}

/// One counter: its value, and what its source had counted when it began.
#[derive(Clone, Copy, Debug, Default)]
struct Counter {
    source: Option<Source>,
    value: u64,
    since: Option<u64>,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Counters {
    counters: [Counter; COUNTERS],
    happened: [u64; FirmwareEvent::ALL.len()],
}

/// What the hart's own counters show.
pub type Hart<'a> = &'a dyn Fn(u16) -> u64;

impl Counters {
    /// The hypervisor did something for it.
    pub fn note(&mut self, event: FirmwareEvent) {
        self.happened[event as usize] += 1;
    }

    /// The `hcounteren` bits of CSRs that are its own now, so that reading one is an exit.
    pub fn own(&self) -> u64 {
        let own = HARDWARE.iter().zip(&self.counters).filter(|(_, counter)| counter.source.is_some());
        own.fold(0, |bits, ((_, csr), _)| bits | 1 << (csr - csr::CYCLE))
    }

    /// What a CSR of these shows.
    pub fn shown(&self, csr: u16, hart: Hart<'_>) -> Option<u64> {
        let counter = HARDWARE.iter().position(|(_, own)| *own == csr)?;
        self.counters[counter].source.map(|_| self.value(counter, hart))
    }

    /// It leaves the hart, whose counters go on.
    pub fn leave(&mut self, hart: Hart<'_>) {
        (0..HARDWARE.len()).for_each(|counter| self.counters[counter].value = self.value(counter, hart));
    }

    /// It comes to a hart.
    pub fn enter(&mut self, hart: Hart<'_>) {
        for counter in 0..HARDWARE.len() {
            let now = self.count(counter, hart);
            self.counters[counter].since = self.counters[counter].since.map(|_| now);
        }
    }

    fn count(&self, counter: usize, hart: Hart<'_>) -> u64 {
        match self.counters[counter].source {
            Some(Source::Firmware(event)) => self.happened[event as usize],
            Some(_) => hart(HARDWARE[counter].1),
            None => 0,
        }
    }

    fn value(&self, counter: usize, hart: Hart<'_>) -> u64 {
        let Counter { value, since, .. } = self.counters[counter];
        since.map_or(value, |since| value.wrapping_add(self.count(counter, hart).wrapping_sub(since)))
    }

    /// Answers a call.
    ///
    /// # Errors
    /// As the specification has them.
    pub fn answer(&mut self, function: function::Pmu, args: &[u64; 6], memory: &dyn Memory, hart: Hart<'_>) -> Answer {
        use function::Pmu::*;
        let [a0, a1, a2, a3, ..] = *args;
        match function {
            NumCounters => Ok(COUNTERS as u64),
            CounterGetInfo => {
                Ok(HARDWARE.get(index(a0)?).map_or(FIRMWARE_COUNTER_INFO, |(_, csr)| counter_info(*csr, u64::BITS)))
            }
            CounterConfigMatching => self.configure(set(a0, a1)?, a2, Source::of(a3)?, hart),
            CounterStart => self.start(set(a0, a1)?, a2, a3, hart),
            CounterStop => self.stop(set(a0, a1)?, a2, hart),
            CounterFwRead | CounterFwReadHi => {
                let counter =
                    Some(index(a0)?).filter(|&counter| counter >= HARDWARE.len()).ok_or(Error::InvalidParam)?;
                Ok(if function == CounterFwRead { self.value(counter, hart) } else { 0 })
            }
            EventGetInfo => tell(a0, a1, a2, a3, memory),
            SnapshotSetShmem => Err(Error::NotSupported),
        }
    }

    fn configure(&mut self, set: u64, flags: u64, source: Option<Source>, hart: Hart<'_>) -> Answer {
        if flags & !config_flag::ALL != 0 {
            return Err(Error::InvalidParam);
        }
        let source = source.ok_or(Error::NotSupported)?;
        // Who does not want one looked for names one that it has.
        let named = flags & config_flag::SKIP_MATCH != 0;
        let is_free = |counter: usize| named || self.counters[counter].source.is_none();
        let mut candidates = all(set).take(if named { 1 } else { COUNTERS });
        let counter =
            candidates.find(|&counter| source.fits(counter) && is_free(counter)).ok_or(Error::NotSupported)?;
        let value = if flags & config_flag::CLEAR_VALUE != 0 { 0 } else { self.value(counter, hart) };
        self.counters[counter] = Counter { source: Some(source), value, since: None };
        if flags & config_flag::AUTO_START != 0 {
            self.counters[counter].since = Some(self.count(counter, hart));
        }
        Ok(counter as u64)
    }

    fn start(&mut self, set: u64, flags: u64, initial: u64, hart: Hart<'_>) -> Answer {
        match flags {
            start_flag::INIT_SNAPSHOT => return Err(Error::NoShmem),
            0 | start_flag::SET_INIT_VALUE => {}
            _ => return Err(Error::InvalidParam),
        }
        if all(set).any(|counter| self.counters[counter].since.is_some()) {
            return Err(Error::AlreadyStarted);
        }
        for counter in all(set) {
            let now = self.count(counter, hart);
            let own = &mut self.counters[counter];
            own.value = if flags == start_flag::SET_INIT_VALUE { initial } else { own.value };
            own.since = Some(now);
        }
        Ok(0)
    }

    fn stop(&mut self, set: u64, flags: u64, hart: Hart<'_>) -> Answer {
        match flags {
            stop_flag::TAKE_SNAPSHOT => return Err(Error::NoShmem),
            0 | stop_flag::RESET => {}
            _ => return Err(Error::InvalidParam),
        }
        let all_ran = all(set).all(|counter| self.counters[counter].since.is_some());
        for counter in all(set) {
            let value = self.value(counter, hart);
            let source = self.counters[counter].source.filter(|_| flags != stop_flag::RESET);
            self.counters[counter] = Counter { source, value, since: None };
        }
        if all_ran { Ok(0) } else { Err(Error::AlreadyStopped) }
    }
}

fn index(counter: u64) -> Result<usize, Error> {
    usize::try_from(counter).ok().filter(|&counter| counter < COUNTERS).ok_or(Error::InvalidParam)
}

/// The counters of a mask that counts from `base`, as bits.
fn set(base: u64, mask: u64) -> Result<u64, Error> {
    let bits = mask << index(base)?;
    (bits >> base == mask && bits < 1 << COUNTERS).then_some(bits).ok_or(Error::InvalidParam)
}

fn all(set: u64) -> impl Iterator<Item = usize> {
    (0..COUNTERS).filter(move |counter| set >> counter & 1 != 0)
}

/// Writes behind each event of a table whether it can be counted.
fn tell(low: u64, high: u64, entries: u64, flags: u64, memory: &dyn Memory) -> Answer {
    if flags != 0 || !low.is_multiple_of(event_info::BYTES) {
        return Err(Error::InvalidParam);
    }
    if entries > MOST_ENTRIES {
        return Err(Error::Failed);
    }
    if high != 0 || !memory.has(low, entries * event_info::BYTES) {
        return Err(Error::InvalidAddress);
    }
    for entry in (0..entries).map(|entry| low + entry * event_info::BYTES) {
        let mut index = [0; 4];
        memory.read(entry + event_info::EVENT_IDX, &mut index).ok_or(Error::InvalidAddress)?;
        let counted = matches!(Source::of(u32::from_le_bytes(index).into()), Ok(Some(_)));
        memory.write(entry + event_info::OUTPUT, &u32::from(counted).to_le_bytes()).ok_or(Error::InvalidAddress)?;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use core::cell::{Cell, RefCell};

    use crate::pmu::event_idx;

    use super::*;

    /// 64 bytes from 0 on.
    struct Bytes(RefCell<[u8; 64]>);

    impl Memory for Bytes {
        fn has(&self, address: u64, len: u64) -> bool {
            address.checked_add(len).is_some_and(|end| end <= 64)
        }
        fn read(&self, address: u64, into: &mut [u8]) -> Option<()> {
            into.copy_from_slice(self.0.borrow().get(address as usize..address as usize + into.len())?);
            Some(())
        }
        fn write(&self, address: u64, bytes: &[u8]) -> Option<()> {
            self.0.borrow_mut().get_mut(address as usize..address as usize + bytes.len())?.copy_from_slice(bytes);
            Some(())
        }
    }

    /// A machine whose counters show what is set.
    struct Machine {
        pmu: Counters,
        shown: Cell<u64>,
        memory: Bytes,
    }

    impl Machine {
        fn new() -> Machine {
            Machine { pmu: Counters::default(), shown: Cell::new(1000), memory: Bytes(RefCell::new([0; 64])) }
        }

        fn call(&mut self, function: function::Pmu, args: [u64; 4]) -> Answer {
            let [a, b, c, d] = args;
            self.pmu.answer(function, &[a, b, c, d, 0, 0], &self.memory, &|_| self.shown.get())
        }
    }

    use function::Pmu::*;
    const CYCLES: u64 = 1;

    #[test]
    fn cycles_count_from_what_they_were_set_to_while_the_guest_is_there() {
        let mut machine = Machine::new();
        assert_eq!((machine.pmu.own(), machine.call(CounterGetInfo, [0; 4])), (0, Ok(0xc00 | 63 << 12)));
        assert_eq!(machine.call(CounterConfigMatching, [0, 0x3ff, config_flag::CLEAR_VALUE, CYCLES]), Ok(0));
        assert_eq!(machine.call(CounterStart, [0, 1, start_flag::SET_INIT_VALUE, u64::MAX - 4]), Ok(0));
        assert_eq!(machine.call(CounterStart, [0, 1, 0, 0]), Err(Error::AlreadyStarted));
        machine.shown.set(1010);
        assert_eq!((machine.pmu.own(), machine.pmu.shown(0xc00, &|_| 1010)), (1, Some(5)));
        machine.pmu.leave(&|_| 1020);
        machine.pmu.enter(&|_| 7000);
        assert_eq!(machine.pmu.shown(0xc00, &|_| 7001), Some(16));
        machine.shown.set(7002);
        assert_eq!(machine.call(CounterStop, [0, 1, 0, 0]), Ok(0));
        assert_eq!((machine.pmu.shown(0xc00, &|_| 9000), machine.pmu.shown(0xc02, &|_| 9000)), (Some(17), None));
        assert_eq!(machine.call(CounterStop, [0, 1, stop_flag::RESET, 0]), Err(Error::AlreadyStopped));
        assert_eq!(machine.pmu.own(), 0);
    }

    #[test]
    fn what_the_hypervisor_does_is_counted() {
        let mut machine = Machine::new();
        let event = event_idx(event_type::FIRMWARE, FirmwareEvent::IpiSent as u64);
        machine.pmu.note(FirmwareEvent::IpiSent);
        let counter = machine.call(CounterConfigMatching, [0, 0x3ff, config_flag::AUTO_START, event]).unwrap();
        machine.pmu.note(FirmwareEvent::IpiSent);
        machine.pmu.note(FirmwareEvent::SetTimer);
        assert_eq!((counter, machine.call(CounterFwRead, [counter, 0, 0, 0])), (2, Ok(1)));
        assert_eq!(machine.call(CounterConfigMatching, [2, 1, 0, event]), Err(Error::NotSupported));
        assert_eq!(machine.call(CounterFwRead, [0; 4]), Err(Error::InvalidParam));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let mut machine = Machine::new();
        for (function, args) in [
            (CounterGetInfo, [COUNTERS as u64, 0, 0, 0]),
            (CounterGetInfo, [u64::MAX, 0, 0, 0]),
            (CounterConfigMatching, [0, 1, 1 << 20, CYCLES]),
            (CounterConfigMatching, [0, 1, 0, 1 << 20]),
            (CounterConfigMatching, [0, u64::MAX, 0, CYCLES]),
            (CounterConfigMatching, [9, 2, 0, CYCLES]),
            (CounterStart, [64, 1, 0, 0]),
            (CounterStart, [0, 1, 4, 0]),
            (CounterStop, [0, 1, 4, 0]),
            (EventGetInfo, [8, 0, 1, 0]),
            (EventGetInfo, [0, 0, 1, 1]),
        ] {
            assert_eq!(machine.call(function, args), Err(Error::InvalidParam), "{function:?} {args:?}");
        }
        assert_eq!(machine.call(EventGetInfo, [64, 0, 1, 0]), Err(Error::InvalidAddress));
        assert_eq!(machine.call(EventGetInfo, [0, 0, u64::MAX, 0]), Err(Error::Failed));
        assert_eq!(machine.call(SnapshotSetShmem, [0; 4]), Err(Error::NotSupported));
    }

    #[test]
    fn a_table_tells_which_events_are_counted() {
        let mut machine = Machine::new();
        machine.memory.write(0, &1u32.to_le_bytes());
        machine.memory.write(16, &3u32.to_le_bytes());
        assert_eq!(machine.call(EventGetInfo, [0, 0, 2, 0]), Ok(0));
        let bytes = machine.memory.0.borrow();
        assert_eq!((bytes[4], bytes[20]), (1, 0));
    }
}
