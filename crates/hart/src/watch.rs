//! What a hart tells whoever watches it.
//!
//! Every place that has something to tell is cold, and asks [`Core::tells`] first: one test of a word where nobody
//! watches.

use arch::csr::{atp, ip};
use arch::{Mode, Phys, Privilege, Trap, Virt, csr};
use events::{Event, Kind, Kinds, MARK, Mark, Outcome, SbiCall, Scope, Sink, Stamp, Taken, Timer, Walk};
use privileged::{Access, Cause, Request, Translation};
use vcpu::{ECALL_BYTES, Fence, FenceRange, Standing};

use crate::core::Core;
use crate::fence;

/// CSR writes are looked at for these.
const OF_CSRS: Kinds = Kinds::of(&[Kind::Csr, Kind::Inject, Kind::Timer]);

/// What is pending is looked at for these.
const OF_PENDING: Kinds = Kinds::of(&[Kind::Pending, Kind::Timer]);

/// Whoever watches, and what the hart remembers for them.
#[derive(Default)]
pub struct Watch {
    kinds: Kinds,
    sink: Option<Box<dyn Sink>>,
    /// The instruction that a slow path works for.
    at: Position,
    /// What was pending when the hart last looked.
    pending: u64,
    /// The times of comparators that had fired then.
    fired: [Option<u64>; 4],
    /// Where calls of the layer below were made that have not returned, from HS- and from VS-mode.
    calls: [Option<u64>; 2],
}

/// An instruction's place in the program and in time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Position {
    /// Its address.
    pub pc: u64,
    /// Instructions retired before it.
    pub retired: u64,
}

impl Watch {
    /// Whether somebody wants to see CSR writes, all of which then run through the interpreter.
    pub fn sees_csr_writes(&self) -> bool {
        self.kinds.has(Kind::Csr)
    }
}

impl Core {
    /// Lets `sink` watch from now on, or nobody.
    pub fn watch_by(&mut self, sink: Option<Box<dyn Sink>>) {
        self.watch = Watch { sink, ..Watch::default() };
        self.follow_watcher();
    }

    /// Asks whoever watches what they want to see.
    pub(crate) fn follow_watcher(&mut self) {
        let wanted = self.watch.sink.as_ref().map_or(Kinds::NONE, |sink| sink.wants());
        if std::mem::replace(&mut self.watch.kinds, wanted).is_empty() && !wanted.is_empty() {
            self.tell(self.here(), &Event::Begin);
        }
    }

    /// Whether somebody wants to hear of this.
    #[inline(always)]
    pub(crate) fn tells(&self, kind: Kind) -> bool {
        self.watch.kinds.has(kind)
    }

    /// Notes the instruction that a slow path is about to work for.
    #[inline(always)]
    pub(crate) fn note_place(&mut self, pc: u64, retired: u64) {
        if !self.watch.kinds.is_empty() {
            self.watch.at = Position { pc, retired };
        }
    }

    /// The hart as it can be looked at now.
    fn standing(&self) -> Standing<'_> {
        Standing { state: &self.state, config: &self.config, x: &self.x, ram: &self.ram }
    }

    /// Where the hart stands between two instructions.
    fn here(&self) -> Position {
        Position { pc: self.pc, retired: self.state.instret }
    }

    /// Tells of something that happened now, at `place`.
    #[cold]
    pub(crate) fn tell(&mut self, place: Position, event: &Event) {
        self.tell_in(self.state.mode, place, event);
    }

    fn tell_in(&mut self, mode: Mode, place: Position, event: &Event) {
        let satp = if mode.virt { self.state.vsatp } else { self.state.satp };
        let stamp = Stamp {
            hart: self.config.hart_id as u16,
            time: self.clock.now(),
            instret: place.retired,
            mode,
            vmid: self.vmid() as u16,
            asid: fence::asid(satp >> atp::ID_SHIFT) as u16,
            pc: place.pc,
        };
        if let Some(mut sink) = self.watch.sink.take() {
            sink.event(&stamp, event, &self.standing());
            self.watch.sink = Some(sink);
        }
    }

    /// Tells of something that a board or a firmware did between two instructions.
    pub fn tell_between(&mut self, event: &Event) {
        if self.tells(event.kind()) || event.kind() == Kind::Hart {
            self.tell(self.here(), event);
        }
        if let Event::SbiReturn { .. } = event {
            self.watch.calls[0] = None;
        }
    }

    /// Tells of a trap that is about to be taken at `pc`.
    #[cold]
    pub(crate) fn tell_trap(&mut self, cause: Cause, pc: u64) {
        let to = privileged::route(&self.state, &self.config, cause);
        let trap = cause.trap();
        let (tval2, tinst) = if to == Mode::VS { (0, 0) } else { (trap.tval2, trap.tinst) };
        let taken = Taken { to, cause: cause.xcause(to), tval: trap.tval, tval2, tinst };
        self.tell(Position { pc, retired: self.state.instret }, &Event::Trap(taken));
    }

    /// Tells of a return from `from` by the instruction at `place`, and of the answer to a call that it brings.
    #[cold]
    pub(crate) fn tell_return(&mut self, from: Mode, place: Position, target: u64) {
        let (to, behind) = (self.state.mode, place.retired.wrapping_add(1));
        if self.tells(Kind::Return) {
            let event = Event::Return { to, target: Virt(target) };
            self.tell_in(from, Position { retired: behind, ..place }, &event);
        }
        let call = &mut self.watch.calls[usize::from(to.virt)];
        let is_answer = to.privilege == Privilege::Supervisor && call.take_if(|call| *call == target).is_some();
        if is_answer && self.tells(Kind::Sbi) {
            let event = Event::SbiReturn { error: self.x[10], value: self.x[11] };
            self.tell(Position { pc: target, retired: behind }, &event);
        }
    }

    /// Tells of an `ecall` in the current mode, if that is a call of the layer below or a mark.
    #[cold]
    pub(crate) fn tell_call(&mut self, place: Position) {
        let mode = self.state.mode;
        if mode.privilege == Privilege::User && self.x[17] == MARK && self.tells(Kind::Mark) {
            self.tell(place, &Event::Mark(Mark { what: self.x[10], name: [self.x[11], self.x[12]] }));
            // what is wanted may be another between marks
            self.follow_watcher();
        }
        if mode.privilege == Privilege::Supervisor && self.tells(Kind::Sbi) {
            self.watch.calls[usize::from(mode.virt)] = Some(place.pc.wrapping_add(ECALL_BYTES));
            let args = std::array::from_fn(|n| self.x[10 + n]);
            let call = SbiCall { extension: self.x[17], function: self.x[16], args };
            self.tell(place, &Event::SbiCall(call));
        }
    }

    /// Whether somebody wants to hear of what is pending, or of timers.
    #[inline(always)]
    pub(crate) fn tells_pending(&self) -> bool {
        self.watch.kinds.has_any(OF_PENDING)
    }

    /// Tells of timers that have fired, of what has become pending, and of what no longer is.
    #[cold]
    pub(crate) fn tell_pending(&mut self) {
        if self.tells(Kind::Timer) {
            self.tell_fired();
        }
        let now = privileged::pending(&self.state, &self.config);
        let before = std::mem::replace(&mut self.watch.pending, now);
        if before != now && self.tells(Kind::Pending) {
            self.tell(self.here(), &Event::Pending { before, now });
        }
    }

    fn tell_fired(&mut self) {
        let [own, guest] = privileged::timers_due(&self.state);
        let due = |deadline: u64| (self.state.time >= deadline).then_some(deadline);
        let now = [
            (Timer::Mtimecmp, due(self.pins.mtimecmp())),
            (Timer::Sbi, due(self.firmware.timer)),
            (Timer::Stimecmp, own),
            (Timer::Vstimecmp, guest),
        ];
        for (number, (timer, deadline)) in now.into_iter().enumerate() {
            let told = std::mem::replace(&mut self.watch.fired[number], deadline);
            if let Some(deadline) = deadline.filter(|_| told != deadline) {
                self.tell(self.here(), &Event::Fired { timer, deadline });
            }
        }
    }

    /// Tells of a walk.
    #[cold]
    pub(crate) fn tell_walk(&mut self, request: &Request, reads: u64, found: &Result<Translation, Trap>) {
        let (place, access) = match request.access {
            Access::Fetch => (self.here(), b'f'),
            Access::Load => (self.watch.at, b'l'),
            Access::Store => (self.watch.at, b's'),
        };
        let outcome = match found {
            Ok(found) => Outcome::Found {
                guest: found.guest_phys,
                phys: found.phys,
                page_bits: found.page_bits as u8,
                guest_page_bits: found.guest_page_bits as u8,
            },
            Err(trap) => Outcome::Failed { cause: trap.cause, tval2: trap.tval2 },
        };
        let walk = Walk { address: request.va, mode: request.mode, access, reads: reads as u16, outcome };
        self.tell(place, &Event::Walk(walk));
    }

    /// Tells of an access to a device.
    #[cold]
    pub(crate) fn tell_device(&mut self, address: Phys, write: bool, bytes: u64, value: u64) {
        self.tell(self.watch.at, &Event::Mmio { address, write, bytes: bytes as u8, value });
    }

    /// Tells of a fence that the instruction at `place` is.
    pub(crate) fn tell_fence(&mut self, place: Position, fence: &fence::Fence) {
        if self.tells(Kind::Fence) {
            let (scope, address, id) = match *fence {
                fence::Fence::Supervisor { va, asid } => (Scope::Supervisor, va, asid),
                fence::Fence::Guest { va, asid, .. } => (Scope::Guest, va, asid),
                fence::Fence::GuestPhysical { gpa, vmid } => (Scope::GuestPhysical, gpa, vmid),
                fence::Fence::All => return,
            };
            let id = id.map(|id| id as u16);
            self.tell(place, &Event::Fence(events::Fence { scope, address, bytes: 0, id, remote: false }));
        }
    }

    /// Tells of a FENCE.I at `place`.
    pub(crate) fn tell_instruction_fence(&mut self, place: Position) {
        if self.tells(Kind::Fence) {
            let scope = Scope::Instructions;
            self.tell(place, &Event::Fence(events::Fence { scope, address: None, bytes: 0, id: None, remote: false }));
        }
    }

    /// Tells of a fence on behalf of another hart.
    pub(crate) fn tell_remote_fence(&mut self, fence: &Fence) {
        if !self.tells(Kind::Fence) {
            return;
        }
        let (scope, range, id) = match *fence {
            Fence::Instructions => (Scope::Instructions, FenceRange::All, None),
            Fence::Everything => (Scope::Supervisor, FenceRange::All, None),
            Fence::Supervisor { range, asid } => (Scope::Supervisor, range, asid),
            Fence::GuestPhysical { range, vmid } => (Scope::GuestPhysical, range, vmid),
            Fence::GuestVirtual { range, asid, .. } => (Scope::Guest, range, asid),
        };
        let (address, bytes) = match range {
            FenceRange::All => (None, 0),
            FenceRange::Part { start, len } => (Some(start), len),
        };
        self.tell(self.here(), &Event::Fence(events::Fence { scope, address, bytes, id, remote: true }));
    }

    /// Whether a write of a CSR may have to be told of.
    #[inline(always)]
    pub(crate) fn tells_csr_writes(&self) -> bool {
        self.watch.kinds.has_any(OF_CSRS)
    }

    /// What a CSR shows before or after a write, and what is injected.
    pub(crate) fn shown(&self, address: u16) -> [u64; 2] {
        let shows = privileged::csr::read(&self.state, &self.config, address).unwrap_or_default();
        [shows, self.state.hvip | self.state.mip & ip::VSSIP]
    }

    /// Tells of a write of a CSR, before which it was as `before` says.
    #[cold]
    pub(crate) fn tell_csr(&mut self, place: Position, address: u16, before: [u64; 2]) {
        let now = self.shown(address);
        if self.tells(Kind::Csr) && csr::privilege(address) > Privilege::User as u8 {
            self.tell(place, &Event::Csr { csr: address, before: before[0], now: now[0] });
        }
        let injects = matches!(address, csr::HVIP | csr::HIP | csr::VSIP | csr::MIP);
        if self.tells(Kind::Inject) && injects && before[1] != now[1] {
            self.tell(place, &Event::Inject { before: before[1], now: now[1] });
        }
        let timer = match address {
            csr::STIMECMP if !self.state.mode.virt => Timer::Stimecmp,
            csr::STIMECMP | csr::VSTIMECMP => Timer::Vstimecmp,
            _ => return,
        };
        // generated code writes what is there already, and tells nobody
        if before[0] != now[0] {
            self.tell_armed(place, timer, now[0]);
        }
    }

    fn tell_armed(&mut self, place: Position, timer: Timer, deadline: u64) {
        if self.tells(Kind::Timer) {
            self.tell(place, &Event::Armed { timer, deadline });
        }
    }

    /// Tells of a timer that the firmware armed.
    pub(crate) fn tell_firmware_timer(&mut self, deadline: u64) {
        let timer = if self.config.has(arch::Extension::Sstc) { Timer::Stimecmp } else { Timer::Sbi };
        self.tell_armed(self.here(), timer, deadline);
    }
}
