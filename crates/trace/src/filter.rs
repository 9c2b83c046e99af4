//! Which events a trace has, or which of them are shown.

use std::ops::RangeInclusive;

use arch::Mode;
use events::{DEVICES, Event, Kind, Kinds, Stamp};

/// Lets some events through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    kinds: Kinds,
    /// Of traps and returns only those that are one of these, where any is.
    parts: Vec<Part>,
    worlds: Vec<Mode>,
    vmids: Vec<u16>,
    harts: Vec<u16>,
    pcs: Vec<RangeInclusive<u64>>,
    times: Vec<RangeInclusive<u64>>,
}

/// What a trap or return may be besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// It changes V.
    VSwitch,
    /// It is a guest-page fault.
    GuestPageFault,
    /// It is an interrupt.
    Interrupt,
}

const PARTS: [(&str, Part, Kinds); 3] = [
    ("vswitch", Part::VSwitch, Kinds::of(&[Kind::Trap, Kind::Return])),
    ("guest-page-fault", Part::GuestPageFault, Kinds::of(&[Kind::Trap])),
    ("interrupt", Part::Interrupt, Kinds::of(&[Kind::Trap])),
];

/// What is traced where nobody says: all but what is very much.
pub const USUAL: Kinds = Kinds::of(&[
    Kind::Hart,
    Kind::Trap,
    Kind::Return,
    Kind::Sbi,
    Kind::Pending,
    Kind::Inject,
    Kind::Timer,
    Kind::Wait,
    Kind::Fence,
    Kind::Mmio,
    Kind::Irq,
    Kind::Virtio,
    Kind::Exit,
    Kind::Mark,
]);

impl Filter {
    /// All events.
    pub fn everything() -> Filter {
        Filter { kinds: Kinds::ALL, ..Filter::default() }
    }

    /// Reads `event=trap+sbi`, `world=VS`, `vmid=1`, `hart=0`, `pc=A-B` and `time=A-B`, each of which may list several
    /// by `+`.
    ///
    /// # Errors
    /// One sentence that says which word is wrong, and what there is.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Filter, String> {
        let mut filter = Filter::default();
        for word in words {
            let (name, values) = word.split_once('=').ok_or_else(|| unknown(word))?;
            values.split('+').try_for_each(|value| filter.add(name, value))?;
        }
        if filter.kinds.is_empty() {
            filter.kinds = USUAL;
        }
        filter.kinds = filter.kinds.and(Kinds::of(&[Kind::Hart]));
        Ok(filter)
    }

    fn add(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "event" => return self.add_event(value),
            "world" => self.worlds.push(world(value)?),
            "vmid" => self.vmids.push(number(value)?),
            "hart" => self.harts.push(number(value)?),
            "pc" => self.pcs.push(range(value, address)?),
            "time" => self.times.push(range(value, ticks)?),
            _ => return Err(unknown(name)),
        }
        Ok(())
    }

    fn add_event(&mut self, value: &str) -> Result<(), String> {
        let part = PARTS.iter().find(|(name, ..)| *name == value);
        let kinds = match (value, Kind::by_name(value), part) {
            ("all", ..) => Kinds::ALL,
            ("usual", ..) => USUAL,
            (_, Some(kind), _) => Kinds::of(&[kind]),
            (_, None, Some(&(_, part, kinds))) => {
                self.parts.push(part);
                kinds
            }
            (_, None, None) => return Err(no_event(value)),
        };
        self.kinds = self.kinds.and(kinds);
        Ok(())
    }

    /// The kinds that may pass.
    pub fn kinds(&self) -> Kinds {
        self.kinds
    }

    /// Whether an event passes.
    pub fn passes(&self, stamp: &Stamp, event: &Event) -> bool {
        let kind = event.kind();
        if !self.kinds.has(kind) || !self.passes_part(stamp, event) {
            return false;
        }
        if stamp.hart == DEVICES {
            return kind != Kind::Hart && self.is_of_all_harts() && within(&self.times, stamp.time);
        }
        // where the hart stands at the beginning and the end tells the rest
        kind == Kind::Hart && passes(&self.harts, &stamp.hart)
            || passes(&self.harts, &stamp.hart)
                && passes_world(&self.worlds, stamp, event)
                && (self.vmids.is_empty() || passes_guest(stamp, event) && self.vmids.contains(&stamp.vmid))
                && within(&self.pcs, stamp.pc)
                && within(&self.times, stamp.time)
    }

    /// Whether nothing is asked for that only a hart's events have.
    fn is_of_all_harts(&self) -> bool {
        self.worlds.is_empty() && self.vmids.is_empty() && self.harts.is_empty() && self.pcs.is_empty()
    }

    fn passes_part(&self, stamp: &Stamp, event: &Event) -> bool {
        if self.parts.is_empty() || !matches!(event.kind(), Kind::Trap | Kind::Return) {
            return true;
        }
        self.parts.iter().any(|part| match (part, event) {
            (Part::VSwitch, event) => event.switches_v(stamp.mode),
            (Part::GuestPageFault, Event::Trap(taken)) => taken.guest_page_fault().is_some(),
            (Part::Interrupt, Event::Trap(taken)) => taken.interrupt().is_some(),
            _ => false,
        })
    }
}

fn passes<T: PartialEq>(list: &[T], value: &T) -> bool {
    list.is_empty() || list.contains(value)
}

/// The mode that an event leads to, if it leads to another.
fn to(event: &Event) -> Option<Mode> {
    match event {
        Event::Trap(taken) => Some(taken.to),
        Event::Return { to, .. } => Some(*to),
        _ => None,
    }
}

/// An event is of the world that it comes from and of the one that it leads to.
fn passes_world(worlds: &[Mode], stamp: &Stamp, event: &Event) -> bool {
    passes(worlds, &stamp.mode) || to(event).is_some_and(|to| worlds.contains(&to))
}

fn passes_guest(stamp: &Stamp, event: &Event) -> bool {
    stamp.mode.virt || to(event).is_some_and(|to| to.virt)
}

fn within(ranges: &[RangeInclusive<u64>], value: u64) -> bool {
    ranges.is_empty() || ranges.iter().any(|range| range.contains(&value))
}

fn unknown(word: &str) -> String {
    format!("'{word}' is no filter; there are event=, world=, vmid=, hart=, pc= and time=")
}

fn no_event(word: &str) -> String {
    let kinds = Kind::ALL.iter().map(|kind| kind.name()).chain(PARTS.iter().map(|(name, ..)| *name));
    let names: Vec<_> = kinds.chain(["usual", "all"]).collect();
    format!("'{word}' is no event; there are {}", names.join(", "))
}

fn world(text: &str) -> Result<Mode, String> {
    let known = Mode::ALL.into_iter().find(|mode| mode.name().eq_ignore_ascii_case(text));
    known.ok_or_else(|| format!("'{text}' is no world; there are M, HS, U, VS and VU"))
}

fn number(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("'{text}' is no number up to 65535"))
}

fn address(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("'{text}' is no address, such as 0x80200000"))
}

/// Ticks of a time since power on.
fn ticks(text: &str) -> Result<u64, String> {
    let units = [("us", 1e-6), ("ms", 1e-3), ("s", 1.0)];
    let found = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)));
    let (digits, seconds) = found.unwrap_or((text, &1.0));
    match digits.parse::<f64>() {
        Ok(value) if value >= 0.0 => Ok((value * seconds * vcpu::TIMEBASE_HZ as f64).round() as u64),
        _ => Err(format!("'{text}' is no time, such as 1.5s, 20ms or 7us")),
    }
}

/// `A-B`, or `A-` or `-B`, or one value.
fn range(text: &str, value: impl Fn(&str) -> Result<u64, String>) -> Result<RangeInclusive<u64>, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let first = if first.is_empty() { 0 } else { value(first)? };
    let last = if last.is_empty() { u64::MAX } else { value(last)? };
    if first <= last { Ok(first..=last) } else { Err(format!("'{text}' ends before it begins")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arch::Virt;
    use events::Taken;

    fn stamp(mode: Mode, time: u64, pc: u64) -> Stamp {
        Stamp { hart: 0, time, instret: 0, mode, vmid: 2, asid: 0, pc }
    }

    fn trap(to: Mode, cause: u64) -> Event {
        Event::Trap(Taken { to, cause, tval: 0, tval2: 0, tinst: 0 })
    }

    fn passes(words: &[&str], stamp: Stamp, event: Event) -> bool {
        Filter::parse(words.iter().copied()).unwrap().passes(&stamp, &event)
    }

    #[test]
    fn events_are_chosen_by_name() {
        let (at, exit) = (stamp(Mode::VS, 0, 0), trap(Mode::HS, 10));
        assert!(passes(&[], at, exit) && passes(&["event=sbi+trap"], at, exit) && !passes(&["event=sbi"], at, exit));
        assert!(passes(&["event=vswitch"], at, exit) && !passes(&["event=vswitch"], at, trap(Mode::VS, 8)));
        assert!(passes(&["event=guest-page-fault+interrupt"], at, trap(Mode::HS, 21)));
        assert!(!passes(&["event=guest-page-fault+interrupt"], at, exit));
        assert!(!passes(&[], at, Event::Csr { csr: arch::csr::HSTATUS, before: 0, now: 0 }));
        assert!(passes(&["event=all"], at, Event::Csr { csr: arch::csr::HSTATUS, before: 0, now: 0 }));
    }

    #[test]
    fn events_are_chosen_by_place_and_time() {
        let entry = Event::Return { to: Mode::VS, target: Virt(0) };
        let at = stamp(Mode::HS, 15_000_000, 0x8000_1000);
        assert!(
            passes(&["world=VS"], at, entry) && passes(&["world=hs"], at, entry) && !passes(&["world=U"], at, entry)
        );
        assert!(passes(&["vmid=1+2"], at, entry) && !passes(&["vmid=1"], at, entry));
        assert!(!passes(&["vmid=2"], at, Event::Wait), "with V=0 no guest runs");
        assert!(passes(&["pc=0x80001000-0x80001fff"], at, entry) && !passes(&["pc=-0x1000"], at, entry));
        assert!(passes(&["time=1.5s-"], at, entry) && passes(&["time=-1500ms"], at, entry));
        assert!(!passes(&["time=1s-1.4s", "vmid=2"], at, entry));
        assert!(!passes(&["hart=1"], at, entry));
    }

    #[test]
    fn a_devices_event_is_no_harts() {
        let at = Stamp { hart: DEVICES, ..stamp(Mode::M, 10_000_000, 0) };
        let line = Event::Line { device: arch::Phys(0x1000_0000), level: true };
        assert!(passes(&[], at, line) && passes(&["event=irq", "time=1s-"], at, line));
        for words in ["world=M", "hart=0", "vmid=0", "pc=0-", "event=virtio", "time=2s-"] {
            assert!(!passes(&[words], at, line), "{words}");
        }
        assert!(!passes(&[], at, Event::End));
    }

    #[test]
    fn wrong_words_are_answered_with_the_right_ones() {
        let wrong = |word| Filter::parse([word]).unwrap_err();
        assert!(wrong("event=traps").starts_with("'traps' is no event; there are hart, trap, return, sbi"));
        assert!(wrong("events=trap").contains("there are event=, world="));
        assert!(wrong("world=X").contains("M, HS, U, VS and VU") && wrong("trap").contains("is no filter"));
        assert!(wrong("time=2s-1s").contains("ends before") && wrong("pc=here").contains("no address"));
        assert!(wrong("vmid=-1").contains("no number") && wrong("time=soon").contains("no time"));
    }
}
