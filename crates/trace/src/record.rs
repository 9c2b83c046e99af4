//! One event as bytes: what differs from the hart's event before.
//!
//! A byte with the event's tag, and in its top bit whether the world is another than before; the time and the
//! instructions since; the world, if it is another: mode, VMID, ASID; pc; and the tag's fields. All but the world are
//! differences: pc from the last, each field from that of the last event with the tag.

use arch::{Exception, GuestPhys, Mode, Phys, Virt};
use events::{Event, Fence, HartState, Mark, Outcome, SbiCall, Scope, Stamp, Taken, Timer, Walk};

use crate::wire::{apart, difference, put, take};

/// Most fields that an event has.
const FIELDS: usize = 8;
/// One more than the highest tag.
const TAGS: usize = 23;
/// In the first byte: the world is another.
const WORLD: u8 = 0x80;

/// What differences are from. Each chunk begins with this anew.
#[derive(Clone, Debug)]
pub struct Context {
    stamp: Stamp,
    fields: [[u64; FIELDS]; TAGS],
}

impl Context {
    /// Before the first event of a chunk of this hart.
    pub fn new(hart: u16) -> Context {
        let stamp = Stamp { hart, time: 0, instret: 0, mode: Mode::M, vmid: 0, asid: 0, pc: 0 };
        Context { stamp, fields: [[0; FIELDS]; TAGS] }
    }

    /// Appends an event.
    pub fn put(&mut self, bytes: &mut Vec<u8>, stamp: &Stamp, event: &Event) {
        let (tag, fields, count) = fields(event);
        let hart = self.stamp.hart;
        let before = std::mem::replace(&mut self.stamp, Stamp { hart, ..*stamp });
        let world = |stamp: &Stamp| [mode_number(stamp.mode), stamp.vmid.into(), stamp.asid.into()];
        let changed = world(&before) != world(stamp);
        bytes.push(tag | if changed { WORLD } else { 0 });
        put(bytes, difference(before.time, stamp.time));
        put(bytes, difference(before.instret, stamp.instret));
        if changed {
            world(stamp).into_iter().for_each(|part| put(bytes, part));
        }
        put(bytes, difference(before.pc, stamp.pc));
        let last = &mut self.fields[usize::from(tag)];
        for (last, field) in last.iter_mut().zip(fields).take(count) {
            put(bytes, difference(*last, field));
            *last = field;
        }
    }

    /// Takes an event from the front. `None`: there is none that this could be.
    pub fn take(&mut self, bytes: &mut &[u8]) -> Option<(Stamp, Event)> {
        let (&first, rest) = bytes.split_first()?;
        *bytes = rest;
        let tag = first & !WORLD;
        let stamp = &mut self.stamp;
        stamp.time = apart(stamp.time, take(bytes)?);
        stamp.instret = apart(stamp.instret, take(bytes)?);
        if first & WORLD != 0 {
            stamp.mode = mode(take(bytes)?)?;
            stamp.vmid = take(bytes)?.try_into().ok()?;
            stamp.asid = take(bytes)?.try_into().ok()?;
        }
        stamp.pc = apart(stamp.pc, take(bytes)?);
        let last = self.fields.get_mut(usize::from(tag))?;
        for last in last.iter_mut().take(*COUNTS.get(usize::from(tag))?) {
            *last = apart(*last, take(bytes)?);
        }
        Some((*stamp, event(tag, last)?))
    }
}

/// How many fields the events of each tag have.
const COUNTS: [usize; TAGS] = [0, 0, 1, 5, 2, 8, 2, 2, 2, 2, 0, 0, 4, 3, 6, 5, 3, 2, 3, 1, 0, 2, 3];

fn mode_number(mode: Mode) -> u64 {
    Mode::ALL.iter().position(|&known| known == mode).unwrap_or_default() as u64
}

fn mode(number: u64) -> Option<Mode> {
    Mode::ALL.get(usize::try_from(number).ok()?).copied()
}

const HART_STATES: [HartState; 5] =
    [HartState::Reset, HartState::Started, HartState::Stopped, HartState::Suspended, HartState::Resumed];
const TIMERS: [Timer; 4] = [Timer::Stimecmp, Timer::Vstimecmp, Timer::Sbi, Timer::Mtimecmp];
const SCOPES: [Scope; 4] = [Scope::Instructions, Scope::Supervisor, Scope::Guest, Scope::GuestPhysical];

fn number_of<T: PartialEq>(list: &[T], wanted: T) -> u64 {
    list.iter().position(|known| *known == wanted).unwrap_or_default() as u64
}

fn of_number<T: Copy>(list: &[T], number: u64) -> Option<T> {
    list.get(usize::try_from(number).ok()?).copied()
}

/// In the first field of a fence, above the scope.
const REMOTE: u64 = 1 << 2;
const HAS_ADDRESS: u64 = 1 << 3;
const HAS_ID: u64 = 1 << 4;

/// The tag of an event, its fields, and how many they are.
fn fields(event: &Event) -> (u8, [u64; FIELDS], usize) {
    let mut fields = [0; FIELDS];
    let mut set = |tag: u8, values: &[u64]| {
        fields.iter_mut().zip(values).for_each(|(field, value)| *field = *value);
        tag
    };
    let tag = match *event {
        Event::Begin => 0,
        Event::End => 1,
        Event::Hart(state) => set(2, &[number_of(&HART_STATES, state)]),
        Event::Trap(Taken { to, cause, tval, tval2, tinst }) => set(3, &[mode_number(to), cause, tval, tval2, tinst]),
        Event::Return { to, target } => set(4, &[mode_number(to), target.0]),
        Event::SbiCall(SbiCall { extension, function, args: [a, b, c, d, e, f] }) => {
            set(5, &[extension, function, a, b, c, d, e, f])
        }
        Event::SbiReturn { error, value } => set(6, &[error, value]),
        Event::Pending { before, now } => set(7, &[before, now]),
        Event::Inject { before, now } => set(8, &[before, now]),
        Event::Armed { timer, deadline } => set(9, &[number_of(&TIMERS, timer), deadline]),
        Event::Wait => 10,
        Event::Wake => 11,
        Event::Fence(fence) => set(12, &fence_fields(&fence)),
        Event::Csr { csr, before, now } => set(13, &[csr.into(), before, now]),
        Event::Walk(walk) => return walk_fields(&walk),
        Event::Mmio { address, write, bytes, value } => {
            set(16, &[address.0, u64::from(bytes) << 1 | u64::from(write), value])
        }
        Event::Line { device, level } => set(17, &[device.0, level.into()]),
        Event::Completed { device, queue, bytes } => set(18, &[device.0, queue.into(), bytes.into()]),
        Event::KvmExit { reason } => set(19, &[reason.into()]),
        Event::KvmEntry => 20,
        Event::Fired { timer, deadline } => set(21, &[number_of(&TIMERS, timer), deadline]),
        Event::Mark(Mark { what, name: [low, high] }) => set(22, &[what, low, high]),
    };
    (tag, fields, COUNTS[usize::from(tag)])
}

fn fence_fields(fence: &Fence) -> [u64; 4] {
    let flag = |flag, on| if on { flag } else { 0 };
    let flags =
        flag(REMOTE, fence.remote) | flag(HAS_ADDRESS, fence.address.is_some()) | flag(HAS_ID, fence.id.is_some());
    let scope = number_of(&SCOPES, fence.scope);
    [scope | flags, fence.address.unwrap_or(0), fence.bytes, fence.id.unwrap_or(0).into()]
}

fn walk_fields(walk: &Walk) -> (u8, [u64; FIELDS], usize) {
    let Walk { address, mode, access, reads, outcome } = *walk;
    let how = mode_number(mode) | u64::from(access) << 3;
    let (tag, rest) = match outcome {
        Outcome::Found { guest, phys, page_bits, guest_page_bits } => {
            (14, [guest.0, phys.0, u64::from(page_bits) | u64::from(guest_page_bits) << 8])
        }
        Outcome::Failed { cause, tval2 } => (15, [cause as u64, tval2, 0]),
    };
    let [a, b, c] = rest;
    (tag, [how, address.0, reads.into(), a, b, c, 0, 0], COUNTS[usize::from(tag)])
}

/// The event of a tag with these fields.
fn event(tag: u8, fields: &[u64; FIELDS]) -> Option<Event> {
    let &[a, b, c, d, e, f, g, h] = fields;
    Some(match tag {
        0 => Event::Begin,
        1 => Event::End,
        2 => Event::Hart(of_number(&HART_STATES, a)?),
        3 => Event::Trap(Taken { to: mode(a)?, cause: b, tval: c, tval2: d, tinst: e }),
        4 => Event::Return { to: mode(a)?, target: Virt(b) },
        5 => Event::SbiCall(SbiCall { extension: a, function: b, args: [c, d, e, f, g, h] }),
        6 => Event::SbiReturn { error: a, value: b },
        7 => Event::Pending { before: a, now: b },
        8 => Event::Inject { before: a, now: b },
        9 => Event::Armed { timer: of_number(&TIMERS, a)?, deadline: b },
        10 => Event::Wait,
        11 => Event::Wake,
        12 => Event::Fence(Fence {
            scope: of_number(&SCOPES, a & 3)?,
            address: (a & HAS_ADDRESS != 0).then_some(b),
            bytes: c,
            id: if a & HAS_ID != 0 { Some(d.try_into().ok()?) } else { None },
            remote: a & REMOTE != 0,
        }),
        13 => Event::Csr { csr: a.try_into().ok()?, before: b, now: c },
        14 | 15 => Event::Walk(Walk {
            mode: mode(a & 7)?,
            access: u8::try_from(a >> 3).ok().filter(|access| b"fls".contains(access))?,
            address: Virt(b),
            reads: c.try_into().ok()?,
            outcome: outcome(tag, [d, e, f])?,
        }),
        16 => Event::Mmio { address: Phys(a), write: b & 1 != 0, bytes: (b >> 1).try_into().ok()?, value: c },
        17 => Event::Line { device: Phys(a), level: b != 0 },
        18 => Event::Completed { device: Phys(a), queue: b.try_into().ok()?, bytes: c.try_into().ok()? },
        19 => Event::KvmExit { reason: a.try_into().ok()? },
        20 => Event::KvmEntry,
        21 => Event::Fired { timer: of_number(&TIMERS, a)?, deadline: b },
        22 => Event::Mark(Mark { what: a, name: [b, c] }),
        _ => return None,
    })
}

fn outcome(tag: u8, [a, b, c]: [u64; 3]) -> Option<Outcome> {
    Some(match tag {
        14 => Outcome::Found {
            guest: GuestPhys(a),
            phys: Phys(b),
            page_bits: (c & 0xff) as u8,
            guest_page_bits: u8::try_from(c >> 8).ok()?,
        },
        _ => Outcome::Failed { cause: Exception::from_code(a)?, tval2: b },
    })
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// One event of each form.
    pub fn all() -> Vec<Event> {
        let taken = Taken { to: Mode::HS, cause: arch::csr::CAUSE_INTERRUPT | 5, tval: 1, tval2: 2, tinst: 0x3000 };
        let fence = Fence { scope: Scope::Guest, address: Some(0x1000), bytes: 7, id: None, remote: true };
        let found = Outcome::Found { guest: GuestPhys(1 << 40), phys: Phys(3), page_bits: 12, guest_page_bits: 30 };
        let failed = Outcome::Failed { cause: Exception::LoadGuestPageFault, tval2: 9 };
        let walk = |outcome| Walk { address: Virt(u64::MAX), mode: Mode::VU, access: b's', reads: 15, outcome };
        vec![
            Event::Begin,
            Event::Hart(HartState::Suspended),
            Event::Trap(taken),
            Event::Return { to: Mode::VS, target: Virt(0xffff_ffff_8000_0000) },
            Event::SbiCall(SbiCall { extension: 0x10, function: 3, args: [1, 2, 3, 4, 5, u64::MAX] }),
            Event::SbiReturn { error: -2i64 as u64, value: 5 },
            Event::Pending { before: 0, now: 0x20 },
            Event::Inject { before: 0x40, now: 0 },
            Event::Armed { timer: Timer::Vstimecmp, deadline: u64::MAX },
            Event::Fired { timer: Timer::Mtimecmp, deadline: 7 },
            Event::Wait,
            Event::Wake,
            Event::Fence(fence),
            Event::Fence(Fence { address: None, id: Some(3), remote: false, ..fence }),
            Event::Csr { csr: arch::csr::HSTATUS, before: 1, now: 1 << 40 },
            Event::Walk(walk(found)),
            Event::Walk(walk(failed)),
            Event::Mmio { address: Phys(0x1000_0000), write: true, bytes: 8, value: 0x41 },
            Event::Line { device: Phys(0x1000_1000), level: true },
            Event::Completed { device: Phys(0x1000_1000), queue: 1, bytes: 512 },
            Event::KvmExit { reason: 6 },
            Event::KvmEntry,
            Event::Mark(Mark { what: Mark::BEGIN, name: [0x6b72_6f66, 0] }),
            Event::End,
        ]
    }

    /// A stamp that differs from others.
    pub fn stamp(number: u64) -> Stamp {
        let mode = Mode::ALL[number as usize % 5];
        Stamp { hart: 3, time: number * 10, instret: number * 1000, mode, vmid: 7, asid: number as u16, pc: !number }
    }

    #[test]
    fn every_event_comes_back() {
        let (mut bytes, mut context) = (Vec::new(), Context::new(3));
        let events: Vec<_> = all().into_iter().chain(all()).zip(0..).map(|(event, n)| (stamp(n), event)).collect();
        events.iter().for_each(|(stamp, event)| context.put(&mut bytes, stamp, event));
        let (mut left, mut context) = (&bytes[..], Context::new(3));
        let read: Vec<_> = std::iter::from_fn(|| context.take(&mut left)).collect();
        assert_eq!(read, events);
        assert!(left.is_empty() && bytes.len() < events.len() * 30, "{} bytes", bytes.len());
    }
}
