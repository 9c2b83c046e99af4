//! The answer to a question: the walk seen, the access judged, the trap told.

use arch::csr::atp;
use arch::insn::decompress;
use arch::{Exception, Extension, Isa, Mode, Phys, Privilege, Trap, Virt, decode};
use bus::Bus;
use memory::Ram;
use privileged::translate::walk_seen;
use privileged::{Access, Cause, Fault, Request, State, Translation, access_fault, pmp, route};
use vcpu::{Frozen, Snapshot};

use crate::cause::Route;
use crate::data::{AccessTold, Explanation, Finding, Hex, Instruction, SCHEMA, Stage, Target, TrapTold, Walk};
use crate::instruction;
use crate::names::Names;
use crate::question::Chosen;
use crate::recorder::{Recorder, access_name};
use crate::why::{self, Case, protection};

/// A hart that stands still, and what it sees.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The hart.
    pub hart: &'a Snapshot,
    /// Memory.
    pub ram: &'a Ram,
    /// The devices.
    pub bus: &'a Bus,
    /// Names of addresses, if somebody knows some.
    pub names: Option<&'a dyn Names>,
}

/// Answers a question about a hart. `None`: there was no such fault.
pub fn explain(scene: &Scene, about: Chosen) -> Option<Explanation> {
    match about {
        Chosen::Fault { to: Some(to) } => scene.hart.fault(Some(to)).map(|fault| of_fault(scene, fault)),
        Chosen::Exit => scene.hart.exit().map(|fault| of_fault(scene, fault)),
        Chosen::Fault { to: None } => scene.hart.fault(None).map(|last| of_last(scene, last)),
        Chosen::Pc => Some(of_pc(scene)),
        Chosen::Address { address, world, access } => {
            let state = &scene.hart.state;
            let own = if access == Access::Fetch { state.mode } else { state.data_mode() };
            let mode = world.map_or(own, |world| scene.hart.mode_named(world));
            Some(of_access(scene, "address", &Request::in_mode(state, access, mode, Virt(address))))
        }
    }
}

/// What an access comes to.
struct Outcome {
    walk: Walk,
    target: Option<Target>,
    finding: Option<Finding>,
    trap: Option<Trap>,
}

impl Scene<'_> {
    fn instruction(&self, state: &State, pc: u64) -> Instruction {
        let found = instruction::at(state, &self.hart.config, self.ram, pc);
        Instruction {
            pc: Hex(pc),
            mode: self.hart.mode_name(state.mode),
            raw: found.map(|(raw, _)| Hex(raw.into())),
            text: found.and_then(|(raw, len)| disassembled(raw, len, &self.hart.config.isa, pc)),
            symbol: self.name(state.mode, pc),
        }
    }

    fn name(&self, mode: Mode, address: u64) -> Option<String> {
        self.names?.name(mode, address)
    }

    /// The process in whose address space something happened, if it still runs.
    fn process(&self, state: &State) -> Option<String> {
        let now = &self.hart.state;
        let space = |state: &State| if state.mode.virt { state.vsatp } else { state.satp };
        let is_same = state.mode.virt == now.mode.virt && space(state) == space(now);
        self.names.filter(|_| is_same)?.process()
    }

    /// The trap with its handler's name.
    fn named(&self, told: TrapTold, to: Mode) -> TrapTold {
        TrapTold { handler_symbol: self.name(to, told.handler.0), ..told }
    }

    /// The same of a guest's hart, which shows neither modes as its host has them nor who hands on traps.
    fn told_by_host(&self, told: TrapTold, from: Mode, to: Mode) -> TrapTold {
        let (from, to) = (self.hart.mode_name(from), self.hart.mode_name(to));
        let (because, delegation) = match self.hart.is_guests {
            true => ("its host leaves the trap to the guest".into(), Vec::new()),
            false => (told.because, told.delegation),
        };
        TrapTold { from, to, because, delegation, ..told }
    }

    /// Makes the access, as far as that can be done without an effect.
    fn outcome(&self, state: &State, request: &Request, bytes: u64) -> Outcome {
        let config = &self.hart.config;
        let mut recorder = Recorder::new(state, request);
        let walked = walk_seen(state, config, request, &mut Frozen(self.ram), &mut recorder);
        let Recorder { mut walk, failed, .. } = recorder;
        self.own(&mut walk, state, request.mode);
        match walked {
            Err(trap) => {
                let finding = failed.map(|failed| Case { state, config, request, failed: &failed }.finding());
                Outcome { walk, target: None, finding, trap: Some(trap) }
            }
            Ok(found) => {
                walk.physical = Some(Hex(found.phys.0));
                let (target, finding) = self.judge(state, request, &found, bytes);
                let trap = finding.is_some().then(|| access_fault(request));
                Outcome { walk, target: Some(target), finding, trap }
            }
        }
    }

    /// Says whose page tables they are.
    fn own(&self, walk: &mut Walk, state: &State, mode: Mode) {
        let stage = |stage: &mut Option<Stage>, owner: Option<String>| {
            if let Some(stage) = stage.as_mut().filter(|stage| stage.root.is_some()) {
                stage.owner = owner;
            }
        };
        let is_own = mode.virt == state.mode.virt;
        stage(&mut walk.first, self.process(state).filter(|_| is_own).map(|process| format!("process {process}")));
        let vmid = state.hgatp >> atp::ID_SHIFT & ((1 << atp::VMID_BITS) - 1);
        stage(
            &mut walk.second,
            self.names.filter(|_| vmid != 0).map(|_| format!("the virtual machine with VMID {vmid}")),
        );
    }

    /// PMP, and what is at the physical address.
    fn judge(&self, state: &State, request: &Request, found: &Translation, bytes: u64) -> (Target, Option<Finding>) {
        let (at, privilege) = (found.phys, request.mode.privilege);
        let config = &self.hart.config;
        let hlvx_denied = request.hlvx && !pmp::check_executable_load(state, config, at, bytes, privilege);
        let access = if hlvx_denied { Access::Fetch } else { request.access };
        let pmp = protection(state, config, at, bytes, access, privilege);
        let what = self.what_is_at(at);
        let finding = match () {
            () if !pmp.permits || hlvx_denied => Some(why::denied_by_pmp(&pmp, at, access, privilege)),
            () if what.is_none() => Some(why::nothing_there(at)),
            () => None,
        };
        (Target { physical: Hex(at.0), what: what.unwrap_or_else(|| "nothing".to_owned()), pmp }, finding)
    }

    fn what_is_at(&self, at: Phys) -> Option<String> {
        self.ram.offset(at, 1).map(|_| "RAM".to_owned()).or_else(|| self.bus.name_at(at))
    }
}

/// An instruction in assembly.
fn disassembled(raw: u32, len: u8, isa: &Isa, pc: u64) -> Option<String> {
    let insn = if len == 2 { decompress(raw as u16, isa) } else { decode(raw, isa) }?;
    Some(arch::insn::At(insn, pc).to_string())
}

/// The last fault, or what led to it.
fn of_last(scene: &Scene, last: &Fault) -> Explanation {
    let same = |origin: &&Fault| (origin.pc, origin.trap) != (last.pc, last.trap);
    let Some(origin) = scene.hart.origin.as_ref().filter(same) else { return of_fault(scene, last) };
    let mut explanation = of_fault(scene, origin);
    let (name, mode) = (last.trap.cause.words(), last.registers.mode.name());
    let count = last.number.saturating_sub(origin.number);
    explanation.notes.push(format!(
        "nothing was executed since: {count} more traps followed, the last {name} in {mode}-mode at pc {}, tval {}",
        Hex(last.pc),
        Hex(last.trap.tval)
    ));
    explanation
}

/// A fault that was taken: the access is walked once more, with the registers as they were.
fn of_fault(scene: &Scene, fault: &Fault) -> Explanation {
    let mut state = scene.hart.state.clone();
    fault.registers.restore(&mut state);
    let outcome = fault.request.map(|request| scene.outcome(&state, &request, 1));
    let told = Route { state: &state, to: fault.to, builtin: scene.hart.builtin_firmware }.told(
        fault.trap,
        true,
        scene.hart.config.has(Extension::H),
    );
    let told = scene.named(told, fault.to);
    let mut notes = Vec::new();
    notes.extend(outcome.as_ref().and_then(|outcome| differs(fault, outcome)));
    let agrees = notes.is_empty();
    let (walk, target, finding) = match outcome {
        Some(Outcome { walk, target, finding, .. }) => (Some(walk), target, finding.filter(|_| agrees)),
        None => (None, None, None),
    };
    notes.extend(handler_note(&state, fault.to));
    Explanation {
        schema: SCHEMA,
        hart: scene.hart.config.hart_id,
        asked: "fault",
        summary: fault_summary(fault, finding.as_ref()),
        instruction: Some(scene.instruction(&state, fault.pc)),
        trap: Some(told),
        access: fault.request.map(|request| access_told(&state, &request)),
        walk,
        target,
        finding,
        notes,
        process: scene.process(&state),
        callers: Vec::new(),
        chain: Vec::new(),
    }
}

/// What is to be said where the walk, done again, does not come to the trap that was taken.
fn differs(fault: &Fault, outcome: &Outcome) -> Option<String> {
    let taken = fault.trap;
    let same = outcome.trap.is_some_and(|now| same_cause(now.cause, taken.cause) && now.tval == taken.tval);
    if same || is_misaligned(taken.cause) {
        return None;
    }
    let now = match outcome.trap {
        None => "it succeeds".to_owned(),
        Some(trap) => format!("it ends in {}", trap.cause.words()),
    };
    Some(format!(
        "walked again now, {now}: since the fault the page tables or PMP have changed (its handler may have mapped the page), or \
         an atomic access went to what is no memory, or the hart remembered a translation for which no fence was executed"
    ))
}

/// CBO.CLEAN and the like are checked as loads and report stores.
const fn same_cause(now: Exception, taken: Exception) -> bool {
    let now = match now {
        Exception::LoadAccessFault if matches!(taken, Exception::StoreAccessFault) => taken,
        Exception::LoadPageFault if matches!(taken, Exception::StorePageFault) => taken,
        Exception::LoadGuestPageFault if matches!(taken, Exception::StoreGuestPageFault) => taken,
        _ => now,
    };
    now as u8 == taken as u8
}

const fn is_misaligned(cause: Exception) -> bool {
    matches!(cause, Exception::LoadAddressMisaligned | Exception::StoreAddressMisaligned)
}

/// A handler at address 0 is one that nobody set.
fn handler_note(state: &State, to: Mode) -> Option<String> {
    let register = match to {
        Mode::M => "mtvec",
        Mode::VS => "vstvec",
        _ => "stvec",
    };
    let unset = state.bank(to).tvec & !3 == 0;
    unset.then(|| format!("{register} is 0: no handler was set, and {}-mode goes on at address 0", to.name()))
}

fn fault_summary(fault: &Fault, finding: Option<&Finding>) -> String {
    let name = fault.trap.cause.words();
    let (from, to) = (fault.registers.mode.name(), fault.to.name());
    let why = finding.map(|finding| format!(": {}", finding.sentence)).unwrap_or_default();
    let address = match fault.request {
        Some(request) => format!(", {} at {}", access_name(request.access), Hex(request.va.0)),
        None => String::new(),
    };
    format!("{name} in {from}-mode at pc {}{address}, for the handler in {to}-mode{why}", Hex(fault.pc))
}

/// An access as it would be now.
fn of_access(scene: &Scene, asked: &'static str, request: &Request) -> Explanation {
    let mut state = scene.hart.state.clone();
    let outcome = scene.outcome(&state, request, 1);
    // the trap is that of an instruction in that mode
    state.mode = request.mode;
    let told = outcome.trap.map(|trap| {
        let to = route(&state, &scene.hart.config, Cause::Exception(trap));
        let told = Route { state: &state, to, builtin: scene.hart.builtin_firmware }.told(
            trap,
            false,
            scene.hart.config.has(Extension::H),
        );
        scene.told_by_host(scene.named(told, to), state.mode, to)
    });
    let access = AccessTold { mode: scene.hart.mode_name(request.mode), ..access_told(&state, request) };
    Explanation {
        schema: SCHEMA,
        hart: scene.hart.config.hart_id,
        asked,
        summary: access_summary(request, scene.hart.mode_name(request.mode), &outcome),
        instruction: None,
        trap: told,
        access: Some(access),
        walk: Some(outcome.walk),
        target: outcome.target,
        finding: outcome.finding,
        notes: Vec::new(),
        process: None,
        callers: Vec::new(),
        chain: Vec::new(),
    }
}

fn access_summary(request: &Request, mode: &str, outcome: &Outcome) -> String {
    let what = format!("a {} at {} in {mode}-mode", access_name(request.access), Hex(request.va.0));
    match (&outcome.finding, &outcome.target, outcome.trap) {
        (Some(finding), _, Some(trap)) => format!("{what} raises {}: {}", trap.cause.words(), finding.sentence),
        (None, Some(target), _) => format!("{what} goes to physical address {}, {}", target.physical, target.what),
        _ => what,
    }
}

/// The next instruction: what it is, and how its address translates.
fn of_pc(scene: &Scene) -> Explanation {
    let state = &scene.hart.state;
    let request = Request::for_fetch(state, Virt(scene.hart.pc));
    let instruction = scene.instruction(state, scene.hart.pc);
    let explanation = of_access(scene, "pc", &request);
    Explanation {
        instruction: Some(instruction),
        process: scene.process(state),
        callers: scene.names.map(Names::callers).unwrap_or_default(),
        ..explanation
    }
}

fn access_told(state: &State, request: &Request) -> AccessTold {
    let by = match request {
        Request { hlvx: true, .. } => Some("HLVX: as a guest's, with X in place of R"),
        Request { mode, access, .. } if *mode != state.mode && *access != Access::Fetch => match state.mode.privilege {
            Privilege::Machine => Some("MPRV: with the mode in mstatus.MPP and MPV"),
            _ => Some("HLV or HSV: as a guest's, with the mode in hstatus.SPVP"),
        },
        _ => None,
    };
    AccessTold { kind: access_name(request.access), address: Hex(request.va.0), mode: request.mode.name(), by }
}

#[cfg(test)]
mod tests {
    use privileged::Config;

    use super::*;

    const START: u64 = 0x8000_0000;

    /// A guest's hart as its host shows it, in S-mode, with `satp`.
    fn guests(satp: u64) -> Snapshot {
        let config = Config::new(Isa::BASE, 0);
        let mut state = State::reset(&config);
        (state.mode, state.satp, state.medeleg) = (Mode::HS, satp, u64::MAX);
        let (faults, x) = ([None; 4], [0; 32]);
        let (builtin_firmware, is_guests) = (true, true);
        let (origin, now, waits_since, timer) = (None, 0, None, None);
        Snapshot { state, config, pc: START, x, faults, origin, builtin_firmware, is_guests, now, waits_since, timer }
    }

    fn asked(hart: &Snapshot, about: Chosen) -> Explanation {
        let (ram, bus) = (Ram::new(arch::Phys(START), 0x1000).unwrap(), Bus::default());
        explain(&Scene { hart, ram: &ram, bus: &bus, names: None }, about).unwrap()
    }

    #[test]
    fn a_guests_kernel_is_in_vs_mode() {
        let said = asked(&guests(0), Chosen::Pc);
        assert_eq!(said.instruction.unwrap().mode, "VS");
        assert_eq!(said.access.unwrap().mode, "VS");
        assert!(said.summary.contains(" in VS-mode "), "{}", said.summary);
    }

    #[test]
    fn a_guests_vu_is_asked_for_by_that_name_and_walks_its_own_tables() {
        // Sv39, and a root without an entry
        let hart = guests(8 << 60 | START >> 12);
        let about = Chosen::Address { address: 0x4000, world: Some(Mode::VU), access: Access::Load };
        let said = asked(&hart, about);
        let trap = said.trap.unwrap();
        assert_eq!((trap.from, trap.to, trap.name.as_str()), ("VU", "VS", "load page fault"));
        assert!(trap.delegation.is_empty(), "{trap:?}");
        assert!(said.walk.unwrap().first.is_some());
    }
}
