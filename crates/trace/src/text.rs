//! Events as lines of text: traps as QEMU's `-d int` prints them, with the rest in the same style.

use std::fmt::Write as _;

use arch::csr::CAUSE_INTERRUPT;
use arch::{Mode, Privilege, csr};
use events::names::{self, SbiFunction};
use events::{DEVICES, Event, Fence, Mark, Outcome, Scope, Stamp, Taken, Walk};
use symbols::Symbols;
use vcpu::TIMEBASE_HZ as HZ;

use crate::Device;
use crate::names::{Processes, whose};

/// Prints events.
#[derive(Clone, Debug, Default)]
pub struct Printer {
    symbols: Symbols,
    devices: Vec<Device>,
    processes: Processes,
}

impl Printer {
    /// A printer that knows these names.
    pub fn new(symbols: Symbols, devices: Vec<Device>) -> Printer {
        Printer { symbols, devices, processes: Processes::new() }
    }

    /// The same, which knows these processes too.
    pub fn with_processes(self, processes: Processes) -> Printer {
        Printer { processes, ..self }
    }

    /// The process that an event of user mode is one of.
    pub fn process(&self, stamp: &Stamp) -> Option<&str> {
        let is_user = stamp.mode.privilege == Privilege::User;
        self.processes.get(&(whose(stamp.mode, stamp.vmid), stamp.asid)).filter(|_| is_user).map(String::as_str)
    }

    /// The line of an event, without its end.
    pub fn line(&self, stamp: &Stamp, event: &Event) -> String {
        self.head(stamp) + &self.words(stamp, event)
    }

    /// The same without time and place.
    pub fn words(&self, stamp: &Stamp, event: &Event) -> String {
        let mut words = String::new();
        // writing to a string does not fail
        let _ = self.body(&mut words, stamp, event);
        words
    }

    fn head(&self, stamp: &Stamp) -> String {
        let (seconds, ticks) = (stamp.time / HZ, stamp.time % HZ);
        if stamp.hart == DEVICES {
            return format!("{seconds:4}.{ticks:07} {:>12} {:<14} ", "", "devices");
        }
        let guest = if stamp.mode.virt { format!(":{}", stamp.vmid) } else { String::new() };
        let world = format!("{}{guest}", stamp.mode.name());
        format!("{seconds:4}.{ticks:07} {:>12} hart:{}, {world:<6} ", stamp.instret, stamp.hart)
    }

    fn body(&self, line: &mut String, stamp: &Stamp, event: &Event) -> std::fmt::Result {
        match event {
            Event::Begin => write!(line, "begin: pc:{}", self.pc(stamp)),
            Event::End => write!(line, "end: pc:{}", self.pc(stamp)),
            Event::Hart(state) => write!(line, "hart: {}, pc:{:#x}", format!("{state:?}").to_lowercase(), stamp.pc),
            Event::Trap(taken) => self.trap(line, stamp, taken),
            Event::Return { to, target } => {
                let pc = self.pc(stamp);
                write!(line, "return: {}, pc:{pc}, target:{}", to.name(), self.address(*to, stamp.vmid, target.0))
            }
            Event::SbiCall(call) => {
                let (name, args) = (
                    SbiFunction { extension: call.extension, function: call.function },
                    call.args.map(|arg| format!("{arg:#x}")),
                );
                write!(line, "sbi: {name} ({}), epc:{}", args.join(", "), self.pc(stamp))
            }
            Event::SbiReturn { error, value } => write!(line, "sbi: returns error:{}, value:{value:#x}", *error as i64),
            Event::Pending { before, now } => write!(line, "pending: mip:{now:016x}{}", bits(*before, *now)),
            Event::Inject { before, now } => write!(line, "inject: hvip:{now:016x}{}", bits(*before, *now)),
            Event::Armed { timer, deadline: u64::MAX } => {
                write!(line, "timer: {timer:?} off").map(|()| lower(line, timer))
            }
            Event::Armed { timer, deadline } => {
                write!(line, "timer: {timer:?} fires at {}.{:07}", deadline / HZ, deadline % HZ)
                    .map(|()| lower(line, timer))
            }
            Event::Fired { timer, deadline } => {
                write!(line, "timer: {timer:?} has fired, set to {}.{:07}", deadline / HZ, deadline % HZ)
                    .map(|()| lower(line, timer))
            }
            Event::Wait => write!(line, "wfi: waits, pc:{}", self.pc(stamp)),
            Event::Wake => write!(line, "wfi: goes on"),
            Event::Fence(fence) => write!(line, "fence: {}", fence_name(stamp.mode, fence)),
            Event::Csr { csr, before, now } => {
                let name = csr_name(stamp.mode, *csr);
                write!(line, "csr: {name} {before:016x} -> {now:016x}, pc:{}", self.pc(stamp))
            }
            Event::Walk(walk) => self.walk(line, walk),
            Event::Mmio { address, write, bytes, value } => {
                let (way, name) = (if *write { "write" } else { "read" }, self.device(address.0));
                write!(line, "mmio: {way}{bytes} {name} value:{value:#x}, pc:{}", self.pc(stamp))
            }
            Event::Line { device, level } => {
                write!(line, "irq: {} {}", self.name_of(device.0), if *level { "raised" } else { "lowered" })
            }
            Event::Completed { device, queue, bytes } => {
                write!(line, "virtio: {} queue {queue} completed, {bytes} bytes written", self.name_of(device.0))
            }
            Event::KvmExit { reason } => match names::kvm_exit(*reason) {
                Some(name) => write!(line, "exit: {name}, pc:{}", self.pc(stamp)),
                None => write!(line, "exit: KVM_EXIT {reason}, pc:{}", self.pc(stamp)),
            },
            Event::KvmEntry => write!(line, "exit: goes on"),
            Event::Mark(mark) => match mark.what {
                Mark::BEGIN => write!(line, "mark: begin {mark}"),
                Mark::END => write!(line, "mark: end {mark}"),
                what => write!(line, "mark: {what:#x} {mark}"),
            },
        }
    }

    /// QEMU: `riscv_cpu_do_interrupt: hart:0, async:0, cause:..., epc:0x..., tval:0x..., desc=...`.
    fn trap(&self, line: &mut String, stamp: &Stamp, taken: &Taken) -> std::fmt::Result {
        let is_async = u8::from(taken.interrupt().is_some());
        let cause = taken.cause & !CAUSE_INTERRUPT;
        write!(line, "trap: async:{is_async}, cause:{cause:016x}, epc:{}, ", self.pc(stamp))?;
        write!(line, "tval:{:#018x}, ", taken.tval)?;
        if let Some((_, gpa)) = taken.guest_page_fault() {
            write!(line, "gpa:{:#018x}, tinst:{:#x}, ", gpa.0, taken.tinst)?;
        }
        write!(line, "desc={}, to {}", names::cause(taken.cause).unwrap_or("reserved"), taken.to.name())?;
        self.process(stamp).map_or(Ok(()), |process| write!(line, ", process {process}"))
    }

    fn walk(&self, line: &mut String, walk: &Walk) -> std::fmt::Result {
        let (access, mode) = (access(walk.access), walk.mode.name());
        write!(line, "walk: {access} in {mode}, va:{:#018x}, reads:{}, ", walk.address.0, walk.reads)?;
        match walk.outcome {
            Outcome::Found { guest, phys, page_bits, guest_page_bits } if walk.mode.virt => write!(
                line,
                "gpa:{:#018x} (page of 2^{page_bits}), pa:{:#018x} (page of 2^{guest_page_bits})",
                guest.0, phys.0
            ),
            Outcome::Found { phys, page_bits, .. } => write!(line, "pa:{:#018x} (page of 2^{page_bits})", phys.0),
            Outcome::Failed { cause, tval2: 0 } => {
                write!(line, "fails: {}", names::cause(cause as u64).unwrap_or_default())
            }
            Outcome::Failed { cause, tval2 } => {
                write!(line, "fails: {}, gpa:{:#x}", names::cause(cause as u64).unwrap_or_default(), tval2 << 2)
            }
        }
    }

    /// Where the hart was, with its name.
    fn pc(&self, stamp: &Stamp) -> String {
        self.address(stamp.mode, stamp.vmid, stamp.pc)
    }

    /// An address with its name, where it has one.
    fn address(&self, mode: Mode, vmid: u16, address: u64) -> String {
        match self.symbols.name(mode, vmid, address) {
            Some(name) => format!("{address:#018x} <{name}>"),
            None => format!("{address:#018x}"),
        }
    }

    /// A device's name, or its address.
    pub(crate) fn name_of(&self, base: u64) -> String {
        let found = self.devices.iter().find(|device| device.base == base);
        found.map_or_else(|| format!("{base:#x}"), |device| device.name.clone())
    }

    /// A device's name and the offset in it, or the address.
    fn device(&self, address: u64) -> String {
        let found = self.devices.iter().find(|device| address.wrapping_sub(device.base) < device.len);
        found.map_or_else(|| format!("{address:#x}"), |device| format!("{}+{:#x}", device.name, address - device.base))
    }
}

/// Names of CSRs and timers are the manual's, in small letters.
fn lower(line: &mut str, name: &impl std::fmt::Debug) {
    let name = format!("{name:?}");
    if let Some(at) = line.rfind(&name) {
        line[at..at + name.len()].make_ascii_lowercase();
    }
}

fn access(access: u8) -> &'static str {
    match access {
        b'f' => "fetch",
        b'l' => "load",
        _ => "store",
    }
}

/// The interrupts that a change of bits is about.
fn bits(before: u64, now: u64) -> String {
    const NAMES: [&str; 14] =
        ["", "SSI", "VSSI", "MSI", "", "STI", "VSTI", "MTI", "", "SEI", "VSEI", "MEI", "SGEI", "LCOFI"];
    let change = |(bit, name): (usize, &&str)| match (before >> bit & 1, now >> bit & 1) {
        (0, 1) => Some(format!(", +{name}")),
        (1, 0) => Some(format!(", -{name}")),
        _ => None,
    };
    NAMES.iter().enumerate().filter_map(change).collect()
}

/// The register that an address reaches, by its name.
fn csr_name(mode: Mode, address: u16) -> String {
    let name = csr::name(address).map_or_else(|| format!("{address:#x}"), |name| name.to_string());
    if mode.virt && address >> 8 & 3 == 1 { format!("v{name}") } else { name }
}

fn fence_name(mode: Mode, fence: &Fence) -> String {
    let name = match fence.scope {
        Scope::Instructions => "fence.i",
        Scope::Supervisor => "sfence.vma",
        Scope::Guest if mode.virt => "sfence.vma",
        Scope::Guest => "hfence.vvma",
        Scope::GuestPhysical => "hfence.gvma",
    };
    let address = fence.address.map(|address| format!(" address:{address:#x}")).unwrap_or_default();
    let bytes = if fence.bytes == 0 { String::new() } else { format!(" bytes:{:#x}", fence.bytes) };
    let id = if fence.scope == Scope::GuestPhysical { "vmid" } else { "asid" };
    let id = fence.id.map(|number| format!(" {id}:{number}")).unwrap_or_default();
    let remote = if fence.remote { " for another hart" } else { "" };
    format!("{name}{address}{bytes}{id}{remote}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::all;

    fn line(event: &Event) -> String {
        let devices = vec![Device { name: "uart".into(), base: 0x1000_0000, len: 0x100 }];
        let stamp =
            Stamp { hart: 1, time: 12_345_678, instret: 1000, mode: Mode::VS, vmid: 2, asid: 0, pc: 0x8020_0000 };
        Printer::new(Symbols::default(), devices).line(&stamp, event)
    }

    #[test]
    fn traps_look_as_qemus() {
        let fault = Taken { to: Mode::HS, cause: 21, tval: 0x1234, tval2: 0x4000_0000 >> 2, tinst: 0 };
        assert_eq!(
            line(&Event::Trap(fault)),
            "   1.2345678         1000 hart:1, VS:2   trap: async:0, cause:0000000000000015, epc:0x0000000080200000, \
             tval:0x0000000000001234, gpa:0x0000000040000000, tinst:0x0, desc=load guest-page fault, to HS"
        );
    }

    #[test]
    fn a_trap_of_a_process_that_is_known_says_so() {
        let stamp = |asid| Stamp { hart: 0, time: 0, instret: 0, mode: Mode::VU, vmid: 2, asid, pc: 0x1000 };
        let known = [((whose(Mode::VU, 2), 9), "init[1]".to_owned())];
        let printer = Printer::default().with_processes(known.into());
        let trap = Event::Trap(Taken { to: Mode::VS, cause: 8, tval: 0, tval2: 0, tinst: 0 });
        assert!(printer.words(&stamp(9), &trap).ends_with("desc=ecall from U/VU-mode, to VS, process init[1]"));
        assert!(printer.words(&stamp(8), &trap).ends_with("to VS"));
        let of_host = Stamp { mode: Mode::U, ..stamp(9) };
        assert!(printer.words(&of_host, &trap).ends_with("to VS"), "another world's ASIDs are others");
    }

    #[test]
    fn every_event_has_a_line() {
        let lines: Vec<String> = all().iter().map(line).collect();
        let has = |words: &str| assert!(lines.iter().any(|line| line.contains(words)), "{words}: {lines:#?}");
        has("sbi: sbi_probe_extension (0x1, 0x2,");
        has("sbi: returns error:-2, value:0x5");
        has("pending: mip:0000000000000020, +STI");
        has("inject: hvip:0000000000000000, -VSTI");
        has("timer: vstimecmp off");
        has("timer: mtimecmp has fired, set to 0.0000007");
        has("fence: sfence.vma address:0x1000 bytes:0x7 for another hart");
        has("csr: hstatus 0000000000000001 -> 0000010000000000");
        has("walk: store in VU, va:0xffffffffffffffff, reads:15, fails: load guest-page fault, gpa:0x24");
        has("mmio: write8 uart+0x0 value:0x41");
        has("hart: suspended");
        has("mark: begin fork");
    }
}
