//! What is counted of one hart.

mod since;

use std::collections::BTreeMap;

use arch::Mode;
use events::{DEVICES, Event, HartState, Kind, Kinds, SbiCall, Stamp};

use super::distribution::Distribution;
use super::reason::{GuestExit, Reason};

/// What has to be heard of for it.
pub const WANTED: Kinds = Kinds::of(&[
    Kind::Hart,
    Kind::Trap,
    Kind::Return,
    Kind::Sbi,
    Kind::Inject,
    Kind::Wait,
    Kind::Mmio,
    Kind::Irq,
    Kind::Virtio,
    Kind::Exit,
    Kind::Mark,
]);

/// The same while a program has marked a stretch: page walks are many, and counted there alone.
pub const WANTED_BETWEEN_MARKS: Kinds = WANTED.with(Kind::Walk);

/// A world: a mode, and with V=1 the VMID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct World {
    mode: u8,
    /// Of a guest.
    pub vmid: Option<u16>,
}

impl World {
    fn of(mode: Mode, vmid: u16) -> World {
        let number = Mode::ALL.iter().position(|&known| known == mode).unwrap_or_default();
        World { mode: number as u8, vmid: mode.virt.then_some(vmid) }
    }

    /// The mode.
    pub fn mode(self) -> Mode {
        Mode::ALL[usize::from(self.mode)]
    }
}

/// What was done in a world. Times are in ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Instructions retired.
    pub instructions: u64,
    /// Time, waiting included.
    pub ticks: u64,
    /// Time in WFI, or suspended by the firmware.
    pub waiting: u64,
}

/// Exits for one reason.
#[derive(Clone, Debug, Default)]
pub struct Exits {
    /// How many.
    pub count: u64,
    /// How many went on to host U-mode before the re-entry.
    pub to_user: u64,
    /// Instructions of the hart from exit to re-entry, of those that were re-entered.
    pub instructions: Distribution,
    /// Ticks likewise.
    pub ticks: Distribution,
}

/// Walks of page tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Walks {
    /// How many.
    pub count: u64,
    /// Entries that they read.
    pub reads: u64,
}

/// Accesses to a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accesses {
    /// Loads and fetches.
    pub reads: u64,
    /// Stores.
    pub writes: u64,
    /// Requests that it gave back, if it is a virtio device.
    pub completed: u64,
    /// Bytes that it wrote to memory for them.
    pub bytes: u64,
    /// How often it raised its interrupt line.
    pub interrupts: u64,
}

impl Accesses {
    /// Adds another's.
    pub fn add(&mut self, other: &Accesses) {
        self.reads += other.reads;
        self.writes += other.writes;
        self.completed += other.completed;
        self.bytes += other.bytes;
        self.interrupts += other.interrupts;
    }
}

/// What is counted of one hart, or of all.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// By world.
    pub worlds: BTreeMap<World, Spent>,
    /// By VMID and reason.
    pub exits: BTreeMap<(u16, Reason), Exits>,
    /// Interrupts taken, by where from, where to and `xcause`.
    pub interrupts: BTreeMap<(World, u8, u64), u64>,
    /// Exceptions taken, likewise, exits left out.
    pub exceptions: BTreeMap<(World, u8, u64), u64>,
    /// Calls of HS-mode, by extension and function.
    pub calls: BTreeMap<(u64, u64), u64>,
    /// Accesses to devices by page of 4 KiB.
    pub devices: BTreeMap<u64, Accesses>,
    /// What KVM left to this process (engine `kvm`), by reason and by what it was about; ticks until it went back.
    pub kvm_exits: BTreeMap<KvmExit, Distribution>,
    /// Walks between a program's marks, by the world that they were for.
    pub walks: BTreeMap<World, Walks>,
    /// Interrupts that a hypervisor injected, by their bits of `hvip`.
    pub injected: [u64; 16],
    /// Returns to a mode with V=1 from one with V=0.
    pub entries: u64,
    /// Instructions retired while it was counted.
    pub instructions: u64,
    /// Ticks that passed meanwhile.
    pub ticks: u64,
    at: Option<At>,
    open: Option<Open>,
    open_kvm: Option<(KvmExit, u64)>,
    call: Option<SbiCall>,
    begun: Option<[u64; 2]>,
}

/// Why KVM came back to this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KvmExit {
    /// `KVM_EXIT_...`.
    pub reason: u32,
    /// What it was about.
    pub about: About,
}

/// What an exit to this process was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// No more than the reason says.
    Nothing,
    /// A device.
    Device {
        /// Its page, by its number.
        page: u64,
    },
    /// A call.
    Call {
        /// `a7`.
        extension: u64,
        /// `a6`.
        function: u64,
    },
}

/// Where the hart stands.
#[derive(Clone, Copy, Debug)]
struct At {
    /// None while the hart is stopped.
    world: Option<World>,
    instret: u64,
    time: u64,
    waits_since: Option<u64>,
}

/// An exit without a re-entry so far.
#[derive(Clone, Copy, Debug)]
struct Open {
    exit: GuestExit,
    vmid: u16,
    instret: u64,
    time: u64,
    to_user: bool,
}

impl Counts {
    /// Takes an event.
    pub fn take(&mut self, stamp: &Stamp, event: &Event) {
        if stamp.hart == DEVICES {
            return self.of_device(event);
        }
        self.advance(stamp);
        match event {
            Event::Begin => self.enter(stamp, stamp.mode),
            Event::End => self.close(None),
            Event::Hart(state) => self.hart(stamp, *state),
            Event::Trap(taken) => self.trap(stamp, taken),
            Event::Return { to, target } => self.returned(stamp, *to, target.0),
            Event::SbiCall(call) => self.call(stamp, call),
            Event::Inject { before, now } => self.inject(now & !before),
            Event::Wait => self.wait(stamp.time),
            Event::Wake => self.wake(stamp.time),
            Event::Mmio { address, write, .. } => self.access(address.0 >> 12, *write),
            Event::KvmExit { reason } => {
                self.open_kvm = Some((KvmExit { reason: *reason, about: About::Nothing }, stamp.time))
            }
            Event::KvmEntry => self.close_kvm(stamp.time),
            Event::Walk(walk) => self.walk(World::of(walk.mode, stamp.vmid), walk.reads.into()),
            Event::SbiReturn { .. }
            | Event::Pending { .. }
            | Event::Armed { .. }
            | Event::Fired { .. }
            | Event::Fence(_)
            | Event::Csr { .. }
            | Event::Mark(_)
            | Event::Line { .. }
            | Event::Completed { .. } => {}
        }
    }

    /// Takes what a device did by itself.
    fn of_device(&mut self, event: &Event) {
        match event {
            Event::Line { device, level: true } => self.devices.entry(device.0 >> 12).or_default().interrupts += 1,
            Event::Completed { device, bytes, .. } => {
                let accesses = self.devices.entry(device.0 >> 12).or_default();
                accesses.completed += 1;
                accesses.bytes += u64::from(*bytes);
            }
            _ => {}
        }
    }

    fn walk(&mut self, world: World, reads: u64) {
        let walks = self.walks.entry(world).or_default();
        walks.count += 1;
        walks.reads += reads;
    }

    fn access(&mut self, page: u64, write: bool) {
        let accesses = self.devices.entry(page).or_default();
        *if write { &mut accesses.writes } else { &mut accesses.reads } += 1;
        if let Some((exit, _)) = &mut self.open_kvm {
            exit.about = About::Device { page };
        }
    }

    /// KVM gets the hart back at this time.
    fn close_kvm(&mut self, now: u64) {
        if let Some((exit, since)) = self.open_kvm.take() {
            self.kvm_exits.entry(exit).or_default().add(now.saturating_sub(since));
        }
    }

    /// Credits what passed since the event before to the world that the hart was in.
    fn advance(&mut self, stamp: &Stamp) {
        let begun = *self.begun.get_or_insert([stamp.instret, stamp.time]);
        self.instructions = stamp.instret.wrapping_sub(begun[0]);
        self.ticks = stamp.time.wrapping_sub(begun[1]);
        let Some(at) = &mut self.at else { return };
        let (instructions, ticks) = (stamp.instret.wrapping_sub(at.instret), stamp.time.saturating_sub(at.time));
        (at.instret, at.time) = (stamp.instret, stamp.time);
        if let Some(world) = at.world {
            let spent = self.worlds.entry(world).or_default();
            spent.instructions += instructions;
            spent.ticks += ticks;
        }
    }

    fn enter(&mut self, stamp: &Stamp, mode: Mode) {
        let world = Some(World::of(mode, stamp.vmid));
        self.at = Some(At { world, instret: stamp.instret, time: stamp.time, waits_since: None });
    }

    fn hart(&mut self, stamp: &Stamp, state: HartState) {
        match state {
            HartState::Suspended => self.wait(stamp.time),
            HartState::Stopped => {
                self.close(None);
                self.at = Some(At { world: None, instret: stamp.instret, time: stamp.time, waits_since: None });
            }
            HartState::Reset | HartState::Started | HartState::Resumed => self.begin(stamp),
        }
    }

    fn begin(&mut self, stamp: &Stamp) {
        self.wake(stamp.time);
        // a hart that has done nothing yet was in no world
        if self.instructions == 0 {
            self.worlds.clear();
        }
        self.enter(stamp, stamp.mode);
    }

    fn wait(&mut self, now: u64) {
        if let Some(at) = &mut self.at {
            at.waits_since = Some(now);
        }
    }

    fn wake(&mut self, now: u64) {
        let Some(At { world: Some(world), waits_since, .. }) = &mut self.at else { return };
        if let Some(since) = waits_since.take() {
            self.worlds.entry(*world).or_default().waiting += now.saturating_sub(since);
        }
    }

    fn trap(&mut self, stamp: &Stamp, taken: &events::Taken) {
        let from = World::of(stamp.mode, stamp.vmid);
        let call = self.call.take();
        let is_exit = stamp.mode.virt && !taken.to.virt;
        if is_exit {
            self.leave_guest(stamp, GuestExit { taken: *taken, pc: stamp.pc, call });
        }
        let to = World::of(taken.to, 0).mode;
        match taken.interrupt() {
            Some(_) => *self.interrupts.entry((from, to, taken.cause)).or_default() += 1,
            None if is_exit => {}
            None => *self.exceptions.entry((from, to, taken.cause)).or_default() += 1,
        }
        self.enter(stamp, taken.to);
    }

    /// An exit begins, which lasts until the guest goes on.
    fn leave_guest(&mut self, stamp: &Stamp, exit: GuestExit) {
        self.close(None);
        let (vmid, instret, time) = (stamp.vmid, stamp.instret, stamp.time);
        self.open = Some(Open { exit, vmid, instret, time, to_user: false });
    }

    fn returned(&mut self, stamp: &Stamp, to: Mode, target: u64) {
        if to == Mode::U
            && let Some(open) = &mut self.open
        {
            open.to_user = true;
        }
        if to.virt && !stamp.mode.virt {
            self.entries += 1;
            self.close(Some((stamp, target)));
        }
        self.enter(stamp, to);
    }

    /// Ends the open exit, if there is one: by a re-entry, or without.
    fn close(&mut self, entry: Option<(&Stamp, u64)>) {
        let Some(open) = self.open.take() else { return };
        // another guest that is entered in between is no re-entry
        let entry = entry.filter(|(stamp, _)| stamp.vmid == open.vmid);
        let reason = open.exit.reason(entry.map(|(_, target)| target));
        let exits = self.exits.entry((open.vmid, reason)).or_default();
        exits.count += 1;
        exits.to_user += u64::from(open.to_user);
        if let Some((stamp, _)) = entry {
            exits.instructions.add(stamp.instret.wrapping_sub(open.instret));
            exits.ticks.add(stamp.time.saturating_sub(open.time));
        }
    }

    fn call(&mut self, stamp: &Stamp, call: &SbiCall) {
        match stamp.mode.virt {
            true => self.call = Some(*call),
            false => *self.calls.entry((call.extension, call.function)).or_default() += 1,
        }
        if let Some((exit, _)) = &mut self.open_kvm {
            exit.about = About::Call { extension: call.extension, function: call.function };
        }
    }

    fn inject(&mut self, bits: u64) {
        self.injected.iter_mut().enumerate().for_each(|(bit, count)| *count += bits >> bit & 1);
    }

    /// Adds what was counted of another hart. Time is that of the longest.
    pub fn merge(&mut self, other: &Counts) {
        for (world, spent) in &other.worlds {
            let sum = self.worlds.entry(*world).or_default();
            sum.instructions += spent.instructions;
            sum.ticks += spent.ticks;
            sum.waiting += spent.waiting;
        }
        for (key, exits) in &other.exits {
            let sum = self.exits.entry(*key).or_default();
            sum.count += exits.count;
            sum.to_user += exits.to_user;
            sum.instructions.merge(&exits.instructions);
            sum.ticks.merge(&exits.ticks);
        }
        add_all(&mut self.interrupts, &other.interrupts);
        add_all(&mut self.exceptions, &other.exceptions);
        add_all(&mut self.calls, &other.calls);
        for (page, accesses) in &other.devices {
            self.devices.entry(*page).or_default().add(accesses);
        }
        for (exit, ticks) in &other.kvm_exits {
            self.kvm_exits.entry(*exit).or_default().merge(ticks);
        }
        for (world, walks) in &other.walks {
            let sum = self.walks.entry(*world).or_default();
            sum.count += walks.count;
            sum.reads += walks.reads;
        }
        self.injected.iter_mut().zip(other.injected).for_each(|(sum, count)| *sum += count);
        self.entries += other.entries;
        self.instructions += other.instructions;
        self.ticks = self.ticks.max(other.ticks);
    }

    /// Adds what was counted later, of the same harts: time adds up, too.
    pub fn merge_after(&mut self, later: &Counts) {
        let ticks = self.ticks + later.ticks;
        self.merge(later);
        self.ticks = ticks;
    }

    /// The same with an exit that is open counted, as a look in between shows it.
    pub fn closed(&self) -> Counts {
        let mut closed = self.clone();
        closed.close(None);
        closed
    }
}

fn add_all<K: Ord + Copy>(to: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
    from.iter().for_each(|(key, count)| *to.entry(*key).or_default() += count);
}

#[cfg(test)]
mod tests {
    use super::*;
    use arch::Virt;
    use events::Taken;

    fn stamp(mode: Mode, instret: u64, time: u64) -> Stamp {
        Stamp { hart: 0, time, instret, mode, vmid: 7, asid: 0, pc: 0x1000 }
    }

    fn trap(to: Mode, cause: u64) -> Event {
        Event::Trap(Taken { to, cause, tval: 0, tval2: 0, tinst: 0 })
    }

    fn back(to: Mode) -> Event {
        Event::Return { to, target: Virt(0x1004) }
    }

    /// An exit that goes on to the VMM: 20 instructions of HS, 100 of U, 30 of HS again.
    fn counted() -> Counts {
        let mut counts = Counts::default();
        let call = SbiCall { extension: 0x10, function: 3, args: [0; 6] };
        counts.take(&stamp(Mode::HS, 0, 0), &Event::Begin);
        counts.take(&stamp(Mode::HS, 10, 1), &back(Mode::VS));
        counts.take(&stamp(Mode::VS, 50, 2), &Event::SbiCall(call));
        counts.take(&stamp(Mode::VS, 50, 2), &trap(Mode::HS, 10));
        counts.take(&stamp(Mode::HS, 70, 3), &back(Mode::U));
        counts.take(&stamp(Mode::U, 170, 5), &trap(Mode::HS, 8));
        counts.take(&stamp(Mode::HS, 200, 6), &back(Mode::VS));
        counts.take(&stamp(Mode::VS, 205, 8), &Event::End);
        counts
    }

    #[test]
    fn instructions_by_world_add_up() {
        let counts = counted();
        let of = |mode| counts.worlds[&World::of(mode, 7)];
        assert_eq!((of(Mode::HS).instructions, of(Mode::U).instructions, of(Mode::VS).instructions), (60, 100, 45));
        let sum: u64 = counts.worlds.values().map(|spent| spent.instructions).sum();
        assert_eq!((sum, counts.instructions, counts.ticks), (205, 205, 8));
    }

    #[test]
    fn an_exit_lasts_until_the_re_entry() {
        let counts = counted();
        let ((vmid, reason), exits) = counts.exits.first_key_value().unwrap();
        assert_eq!((*vmid, reason.to_string().as_str()), (7, "ecall from VS-mode sbi_probe_extension"));
        assert_eq!((exits.count, exits.to_user, exits.instructions.sum(), exits.ticks.sum()), (1, 1, 150, 4));
        assert_eq!((counts.entries, counts.exceptions.values().sum::<u64>()), (2, 1));
    }

    #[test]
    fn an_exit_without_re_entry_counts_and_lasts_no_time() {
        let mut counts = counted();
        counts.take(&stamp(Mode::VS, 210, 9), &trap(Mode::HS, 22));
        assert_eq!(counts.exits.len(), 1);
        assert_eq!(counts.closed().exits.len(), 2);
        counts.take(&Stamp { vmid: 8, ..stamp(Mode::HS, 300, 9) }, &back(Mode::VS));
        let other = counts.exits.iter().find(|((_, reason), _)| reason.cause == 22).unwrap().1;
        assert_eq!((other.count, other.instructions.count()), (1, 0));
    }

    #[test]
    fn what_kvm_leaves_to_this_process_is_counted_by_what_it_is_about() {
        let (mut counts, at) = (Counts::default(), |time| stamp(Mode::VS, 0, time));
        let mmio = Event::Mmio { address: arch::Phys(0x1000_0005), write: false, bytes: 1, value: 0 };
        for (time, about) in [(10, Some(mmio)), (20, Some(mmio)), (30, None)] {
            counts.take(&at(time), &Event::KvmExit { reason: if about.is_some() { 6 } else { 10 } });
            about.iter().for_each(|event| counts.take(&at(time + 1), event));
            counts.take(&at(time + 2), &Event::KvmEntry);
        }
        let uart = KvmExit { reason: 6, about: About::Device { page: 0x10000 } };
        let rows: Vec<_> = counts.kvm_exits.iter().map(|(exit, ticks)| (*exit, ticks.count(), ticks.sum())).collect();
        assert_eq!(rows, [(uart, 2, 4), (KvmExit { reason: 10, about: About::Nothing }, 1, 2)]);
        assert_eq!((counts.devices[&0x10000].reads, counts.worlds.len()), (2, 0));
    }

    #[test]
    fn devices_are_counted_with_what_they_do_by_themselves() {
        let mut counts = Counts::default();
        let (at, device) = (Stamp { hart: DEVICES, ..stamp(Mode::M, 0, 5) }, arch::Phys(0x1000_8000));
        [true, false, true].into_iter().for_each(|level| counts.take(&at, &Event::Line { device, level }));
        counts.take(&at, &Event::Completed { device, queue: 0, bytes: 512 });
        let expected = Accesses { completed: 1, bytes: 512, interrupts: 2, ..Accesses::default() };
        assert_eq!((counts.devices[&0x10008], counts.ticks), (expected, 0));
    }

    #[test]
    fn waiting_is_part_of_a_worlds_time() {
        let mut counts = Counts::default();
        counts.take(&stamp(Mode::HS, 0, 0), &Event::Begin);
        counts.take(&stamp(Mode::HS, 5, 10), &Event::Wait);
        counts.take(&stamp(Mode::HS, 6, 90), &Event::Wake);
        counts.take(&stamp(Mode::HS, 9, 100), &Event::End);
        assert_eq!(counts.worlds[&World::of(Mode::HS, 0)], Spent { instructions: 9, ticks: 100, waiting: 80 });
    }

    #[test]
    fn a_hart_that_is_stopped_is_in_no_world() {
        let mut counts = Counts::default();
        counts.take(&stamp(Mode::HS, 0, 0), &Event::Begin);
        counts.take(&stamp(Mode::HS, 5, 10), &Event::Hart(HartState::Stopped));
        counts.take(&stamp(Mode::HS, 5, 90), &Event::Hart(HartState::Started));
        counts.take(&stamp(Mode::HS, 9, 100), &Event::End);
        let spent = counts.worlds[&World::of(Mode::HS, 0)];
        assert_eq!((spent.instructions, spent.ticks, counts.instructions), (9, 20, 9));
    }
}
