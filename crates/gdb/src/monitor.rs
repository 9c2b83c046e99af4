//! `monitor`: what a debugger asks of vhart that its protocol has no packet for.

use std::convert::Infallible;
use std::fmt::Write as _;

use arch::csr;
use board::Held;
use gdbstub::target::ext::monitor_cmd::{ConsoleOutput, MonitorCmd};
use vcpu::debug::{Break, Lost, Only, Space, Touch, Watch};

use crate::registers::csrs;
use crate::target::{NO_HART, Stub, event_in_words};
use crate::{Debugged, explaining, points};

const HELP: &str = "\
harts                    every hart: where it is, and in which world
world                    mode, ASID, VMID and address-space registers of the current hart
translate ADDR [MODE]    stage by stage, as the current hart's page tables have it: physical where
explain [QUESTION]       why: fault[,to=MODE], ADDR[,world=MODE][,access=r|w|x] or pc, level by level
csr [NAME]               one CSR, or all
events [N]               the last N (20) events of the current hart since the debugger came
stat                     who did what so far: instructions by world, exits by reason, devices
break [phys|gphys] ADDR [mode MODE] [asid N] [vmid N]
                         a breakpoint by virtual, physical or guest-physical address
watch [read|write|access] [phys|gphys] ADDR [len N] [mode MODE] [asid N] [vmid N]
                         a watchpoint (of stores to 8 bytes, unless said otherwise)
stop-on vswitch          stop when V changes
stop-on trap [CAUSE]     stop at every trap, or those with this cause: a number, a name, or irqN
stop-on csr NAME         stop behind an instruction that writes the CSR
points                   what was asked for with break, watch and stop-on
delete [N]               forget all of that, or the one with this number
";

/// Bytes of an answer to `monitor` that are sent at once.
const MOST_SAID: usize = 2048;

impl<M: Debugged> MonitorCmd for Stub<M> {
    fn handle_monitor_cmd(&mut self, command: &[u8], mut out: ConsoleOutput<'_>) -> Result<(), Infallible> {
        let answer = answer(self, &String::from_utf8_lossy(command));
        // in pieces: clients differ in the longest packet that they take
        for piece in answer.as_bytes().chunks(MOST_SAID) {
            out.write_raw(piece);
            out.flush();
        }
        Ok(())
    }
}

/// Answers a command.
fn answer<M: Debugged>(stub: &mut Stub<M>, line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let answered = match words.as_slice() {
        [] | ["help"] => Ok(HELP.into()),
        ["harts"] => Ok(harts(stub)),
        ["world"] => world(stub),
        ["translate", address] => translate(stub, address, None),
        ["translate", address, mode] => translate(stub, address, Some(mode)),
        ["explain"] => explaining::why(stub, "fault"),
        ["explain", question] => explaining::why(stub, question),
        ["csr"] => all_csrs(stub),
        ["events"] => Ok(events(stub, EVENTS)),
        ["events", count] => points::number(count).map(|count| events(stub, count as usize)),
        ["stat"] => Ok(stub.machine.witness().statistics() + "\n"),
        ["csr", name] => one_csr(stub, name),
        ["break", rest @ ..] => room(stub).and_then(|()| points::breakpoint(rest)).and_then(|point| {
            if !stub.takes_break(point) {
                return Err(NO_BREAK.into());
            }
            stub.own.breaks.push(point);
            Ok(list(stub))
        }),
        ["watch", rest @ ..] => all(stub).and_then(|()| points::watchpoint(rest)).map(|point| {
            stub.own.watches.push(point);
            list(stub)
        }),
        ["stop-on", rest @ ..] => all(stub).and_then(|()| points::event(rest)).map(|event| {
            stub.own.events.push(event);
            list(stub)
        }),
        ["points"] => Ok(list(stub)),
        ["delete"] => {
            stub.own = Default::default();
            Ok(list(stub))
        }
        ["delete", number] => delete(stub, number),
        [other, ..] => Err(format!("there is no '{other}': 'monitor help' lists what there is")),
    };
    answered.unwrap_or_else(|why| format!("{why}\n"))
}

fn room<M: Debugged>(stub: &Stub<M>) -> Result<(), String> {
    if stub.has_room() { Ok(()) } else { Err("there are too many points: 'monitor delete' forgets them".into()) }
}

/// Why there is no such breakpoint in a guest of KVM's.
const NO_BREAK: &str =
    "KVM stops a guest at addresses that there is memory at now, whatever mode and address space it is in";

fn all<M: Debugged>(stub: &Stub<M>) -> Result<(), String> {
    if stub.takes_all() { room(stub) } else { Err("KVM stops a guest for breakpoints only".into()) }
}

/// How many events are shown where nobody says.
const EVENTS: usize = 20;

fn events<M: Debugged>(stub: &Stub<M>, most: usize) -> String {
    match stub.machine.witness().events(stub.current, most).as_slice() {
        [] => format!("hart {} has had no events since the debugger came\n", stub.current),
        lines => lines.join("\n") + "\n",
    }
}

fn harts<M: Debugged>(stub: &Stub<M>) -> String {
    let mut text = String::new();
    for hart in 0..stub.machine.harts() {
        let pc = stub.on(hart, |hart| hart.reg(vcpu::Reg::Pc)).unwrap_or_default();
        let mark = if hart == stub.current { '*' } else { ' ' };
        let _ = writeln!(text, "{mark} {} pc {pc:#x}", stub.hart_in_words(hart));
    }
    text
}

fn world<M: Debugged>(stub: &Stub<M>) -> Result<String, String> {
    let registers = [("satp", csr::SATP), ("vsatp", csr::VSATP), ("hgatp", csr::HGATP)];
    let read = move |hart: &mut Held| registers.map(|(_, address)| hart.debuggee()?.peek_csr(address));
    let values = stub.on(stub.current, read).ok_or(NO_HART)?;
    let mut text = format!("{}\n", stub.hart_in_words(stub.current));
    for ((name, _), value) in registers.iter().zip(values) {
        if let Some(value) = value {
            let _ = writeln!(text, "{name:6} {value:#018x}");
        }
    }
    Ok(text)
}

fn one_csr<M: Debugged>(stub: &Stub<M>, name: &str) -> Result<String, String> {
    let address = points::csr_address(name)?;
    let value = stub.on(stub.current, move |hart| hart.debuggee()?.peek_csr(address)).ok_or(NO_HART)?;
    value.map(|value| line(address, name, value)).ok_or_else(|| format!("this hart has no {name}"))
}

/// A CSR with its fields.
fn line(address: u16, name: &str, value: u64) -> String {
    format!("{name:13} {value:#018x} {}", csr::decoded(address, value)).trim_end().to_owned() + "\n"
}

fn all_csrs<M: Debugged>(stub: &Stub<M>) -> Result<String, String> {
    let read = |hart: &mut Held| {
        let Some(hart) = hart.debuggee() else { return String::new() };
        let show = |(address, name): (u16, String)| hart.peek_csr(address).map(|value| line(address, &name, value));
        csrs(&*hart).filter_map(show).collect()
    };
    stub.on(stub.current, read).ok_or_else(|| NO_HART.into())
}

fn translate<M: Debugged>(stub: &Stub<M>, address: &str, mode: Option<&str>) -> Result<String, String> {
    let address = points::number(address)?;
    let mode = mode.map(points::mode).transpose()?;
    let find = move |hart: &mut Held| {
        let hart = hart.debuggee()?;
        let mode = mode.unwrap_or_else(|| hart.world().mode);
        Some((mode, hart.locate(mode, address), hart.peek_csr(csr::HGATP).is_some()))
    };
    let (mode, found, sees_guest_stage) = stub.on(stub.current, find).flatten().ok_or(NO_HART)?;
    let start = format!("{} {address:#x}", mode.name());
    let found = match found {
        Ok(found) => found,
        Err(Lost::FirstStage) => return Ok(format!("{start} is not mapped in the first stage\n")),
        Err(Lost::Table) => return Ok(format!("{start}: a page table on the way is where there is no memory\n")),
        Err(Lost::GuestStage(gpa)) => {
            return Ok(format!("{start}: guest-physical {:#x} is not mapped in the G-stage\n", gpa.0));
        }
    };
    let page = |bits: u32| format!("page of {} KiB", 1u64 << bits.saturating_sub(10).min(53));
    let through = |name: &str, address: u64, bits| format!(" -> {name} {address:#x} ({})", page(bits));
    let guest = |bits| through("guest-physical", found.guest_phys.0, bits);
    let all = match (mode.virt, sees_guest_stage) {
        (false, _) => through("physical", found.phys.0, found.page_bits),
        (true, true) => guest(found.page_bits) + &through("physical", found.phys.0, found.guest_page_bits),
        // where that is is known to the guest's host alone
        (true, false) => guest(found.page_bits),
    };
    let is_ram = stub.machine.ram().offset(found.phys, 1).is_some();
    let there = if is_ram { Some("RAM".into()) } else { stub.machine.bus().name_at(found.phys) };
    let there = there.unwrap_or_else(|| "nothing there".into());
    Ok(format!("{start}{all}: {there}\n"))
}

/// The points of `monitor`'s own, numbered.
fn list<M: Debugged>(stub: &Stub<M>) -> String {
    let breaks = stub.own.breaks.iter().map(break_in_words);
    let watches = stub.own.watches.iter().map(watch_in_words);
    let events = stub.own.events.iter().map(|event| format!("stop-on {}", event_in_words(event)));
    let all: Vec<String> = breaks.chain(watches).chain(events).collect();
    match all.is_empty() {
        true => "no points\n".into(),
        false => all.iter().enumerate().map(|(at, text)| format!("{}: {text}\n", at + 1)).collect(),
    }
}

fn space_in_words(space: Space) -> &'static str {
    match space {
        Space::Virtual => "",
        Space::GuestPhysical => "gphys ",
        Space::Physical => "phys ",
    }
}

fn only_in_words(only: &Only) -> String {
    let mode = only.mode.map(|mode| format!(" mode {}", mode.name()));
    let asid = only.asid.map(|asid| format!(" asid {asid}"));
    let vmid = only.vmid.map(|vmid| format!(" vmid {vmid}"));
    [mode, asid, vmid].into_iter().flatten().collect()
}

fn break_in_words(point: &Break) -> String {
    format!("break {}{:#x}{}", space_in_words(point.space), point.address, only_in_words(&point.only))
}

/// A watchpoint as it is asked for.
pub fn watch_in_words(point: &Watch) -> String {
    let touch = match point.touch {
        Touch::Read => "read",
        Touch::Write => "write",
        Touch::Any => "access",
    };
    let (space, only) = (space_in_words(point.space), only_in_words(&point.only));
    format!("watch {touch} {space}{:#x} len {}{only}", point.address, point.len)
}

fn delete<M: Debugged>(stub: &mut Stub<M>, number: &str) -> Result<String, String> {
    let missing = || format!("there is no point {number}: 'monitor points' lists them");
    let own = &mut stub.own;
    let mut at = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1)).ok_or_else(missing)?;
    if at < own.breaks.len() {
        own.breaks.remove(at);
        return Ok(list(stub));
    }
    at -= own.breaks.len();
    if at < own.watches.len() {
        own.watches.remove(at);
        return Ok(list(stub));
    }
    at -= own.watches.len();
    if at >= own.events.len() {
        return Err(missing());
    }
    own.events.remove(at);
    Ok(list(stub))
}
