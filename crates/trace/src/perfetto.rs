//! A trace for Perfetto: its protocol buffers, made of events.
//!
//! A process with a thread for each hart, whose slices say in which world it is; a process for each virtual machine
//! (VMID), with a thread for each hart that its vCPUs run on: slices of the guest, slices of exits by reason, and
//! within these of the VMM. Flows lead from an exit to its re-entry, and from a driver's notification of a virtio
//! device over the requests that the device gives back to the driver's acknowledgement of its interrupt. A process has
//! a thread for each device, with slices while its interrupt line is high. Processes of U- and VU-mode, by their ASIDs,
//! are processes here too, with a thread for each hart that they ran on. Everything else is an instant on the hart's
//! thread.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use arch::{Mode, Privilege};
use events::names::{self, SbiFunction};
use events::{DEVICES, Event, Stamp, Taken};
use symbols::Whose;
use vcpu::TICK_NANOS;
use virtio::{INTERRUPT_ACK, QUEUE_NOTIFY};

use crate::names::whose;
use crate::proto::Message;
use crate::{Device, Printer};

/// Numbers of fields in `perfetto_trace.proto`.
mod field {
    pub const TRACE_PACKET: u64 = 1;
    pub const TIMESTAMP: u64 = 8;
    pub const SEQUENCE: u64 = 10;
    pub const TRACK_EVENT: u64 = 11;
    pub const TRACK_DESCRIPTOR: u64 = 60;
    pub const EVENT_TYPE: u64 = 9;
    pub const EVENT_TRACK: u64 = 11;
    pub const EVENT_CATEGORY: u64 = 22;
    pub const EVENT_NAME: u64 = 23;
    pub const EVENT_FLOWS: u64 = 47;
    pub const EVENT_ENDS_FLOWS: u64 = 48;
    pub const TRACK_UUID: u64 = 1;
    pub const TRACK_NAME: u64 = 2;
    pub const TRACK_PROCESS: u64 = 3;
    pub const TRACK_THREAD: u64 = 4;
    pub const PROCESS_PID: u64 = 1;
    pub const PROCESS_NAME: u64 = 6;
    pub const THREAD_PID: u64 = 1;
    pub const THREAD_TID: u64 = 2;
    pub const THREAD_NAME: u64 = 5;
}

const SLICE_BEGIN: u64 = 1;
const SLICE_END: u64 = 2;
const INSTANT: u64 = 3;

/// Writes packets.
pub struct Perfetto<W> {
    to: W,
    printer: Printer,
    devices: Vec<Device>,
    /// Tracks that were described.
    known: BTreeSet<u64>,
    harts: BTreeMap<u16, Hart>,
    /// Flows from notifications of each device's queues, of which nothing was given back.
    notified: BTreeMap<(u64, u64), Vec<u64>>,
    /// Flows to what each device gave back and the driver did not acknowledge.
    completed: BTreeMap<u64, Vec<u64>>,
    /// Devices whose lines are high.
    high: BTreeSet<u64>,
    /// Numbers of processes of U- and VU-mode, by whose they are and their ASID.
    processes: BTreeMap<(Whose, u16), u64>,
    flows: u64,
    last: u64,
}

/// What slices are open on a hart.
#[derive(Clone, Copy, Debug, Default)]
struct Hart {
    world: Option<Mode>,
    /// Since when it has been in U- or VU-mode.
    user: Option<u64>,
    guest: Option<Guest>,
    call: Option<(u64, u64)>,
    /// Of engine `kvm`: a slice says whether the kernel has it.
    in_kvm: Option<()>,
}

/// What is open on a virtual machine's thread.
#[derive(Clone, Copy, Debug)]
struct Guest {
    vmid: u16,
    /// In an exit: its flow, and whether the VMM runs.
    exit: Option<(u64, bool)>,
}

/// A process and a thread in it.
#[derive(Clone, Copy)]
struct Track {
    pid: u64,
    tid: u64,
}

const HARTS: u64 = 1;
const MACHINE: u64 = 2;
/// Process numbers of virtual machines, and of processes of U- and VU-mode, from here on; thread numbers likewise.
const GUESTS: u64 = 0x1_0000;
const PROCESSES: u64 = 0x2_0000;
const THREADS_OF_GUESTS: u64 = 0x100_0000;
const THREADS_OF_PROCESSES: u64 = 0x4000_0000;

impl Track {
    fn of_hart(hart: u16) -> Track {
        Track { pid: HARTS, tid: 0x100 + u64::from(hart) }
    }

    fn of_device(number: usize) -> Track {
        Track { pid: MACHINE, tid: 0x400 + number as u64 }
    }

    fn of_guest(vmid: u16, hart: u16) -> Track {
        Track { pid: GUESTS + u64::from(vmid), tid: THREADS_OF_GUESTS + on_hart(vmid.into(), hart) }
    }

    fn of_process(number: u64, hart: u16) -> Track {
        Track { pid: PROCESSES + number, tid: THREADS_OF_PROCESSES + on_hart(number, hart) }
    }
}

/// A number for each of many on each hart.
fn on_hart(number: u64, hart: u16) -> u64 {
    number << 8 | u64::from(hart & 0xff)
}

impl<W: Write> Perfetto<W> {
    /// One that writes to `to`, with these names.
    pub fn new(to: W, printer: Printer, devices: Vec<Device>) -> Perfetto<W> {
        Perfetto {
            to,
            printer,
            devices,
            known: BTreeSet::new(),
            harts: BTreeMap::new(),
            notified: BTreeMap::new(),
            completed: BTreeMap::new(),
            high: BTreeSet::new(),
            processes: BTreeMap::new(),
            flows: 0,
            last: 0,
        }
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn event(&mut self, stamp: &Stamp, event: &Event) -> io::Result<()> {
        self.last = stamp.time;
        match event {
            Event::Begin => self.world(stamp, Some(stamp.mode)),
            Event::End => self.end(stamp),
            Event::Trap(taken) => self.trap(stamp, taken),
            Event::Return { to, .. } => self.returned(stamp, *to),
            Event::SbiCall(call) => {
                self.harts.entry(stamp.hart).or_default().call = Some((call.extension, call.function));
                self.instant(stamp, event, &[], &[])
            }
            Event::Mmio { address, write: true, value, .. } => self.device(stamp, event, address.0, *value),
            Event::Line { device, level } => self.line(stamp, device.0, *level),
            Event::Completed { device, queue, .. } => self.completed(stamp, event, device.0, u64::from(*queue)),
            Event::KvmExit { reason } => {
                let name = names::kvm_exit(*reason).map_or_else(|| format!("KVM_EXIT {reason}"), str::to_owned);
                self.kvm(stamp, "exit", &name)
            }
            Event::KvmEntry => self.kvm(stamp, "kvm", "KVM"),
            Event::Hart(_) => {
                self.instant(stamp, event, &[], &[])?;
                self.world(stamp, Some(stamp.mode))
            }
            _ => self.instant(stamp, event, &[], &[]),
        }
    }

    /// Ends all slices, as the trace does.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        let harts: Vec<u16> = self.harts.keys().copied().collect();
        for hart in harts {
            let stamp = Stamp { hart, time: self.last, instret: 0, mode: Mode::M, vmid: 0, asid: 0, pc: 0 };
            self.end(&stamp)?;
        }
        for device in std::mem::take(&mut self.high) {
            let stamp = Stamp { hart: DEVICES, time: self.last, instret: 0, mode: Mode::M, vmid: 0, asid: 0, pc: 0 };
            self.slice_end(&stamp, self.track_of(device))?;
        }
        self.to.flush()
    }

    fn end(&mut self, stamp: &Stamp) -> io::Result<()> {
        self.leave_guest(stamp)?;
        if self.harts.entry(stamp.hart).or_default().in_kvm.take().is_some() {
            self.slice_end(stamp, Track::of_hart(stamp.hart))?;
        }
        self.world(stamp, None)
    }

    /// Of engine `kvm`: the hart is in the kernel, or in this process for an exit.
    fn kvm(&mut self, stamp: &Stamp, category: &str, name: &str) -> io::Result<()> {
        let track = Track::of_hart(stamp.hart);
        if self.harts.entry(stamp.hart).or_default().in_kvm.replace(()).is_some() {
            self.slice_end(stamp, track)?;
        }
        self.slice(stamp, track, category, name, &[], &[])
    }

    /// Flows that end where the driver acknowledges a device's interrupt. Where time goes by instructions, the device's
    /// events may be of the same time and come behind: then those from the notifications do.
    fn ends(&mut self, base: u64) -> Vec<u64> {
        if let Some(ends) = self.completed.remove(&base) {
            return ends;
        }
        let of_device: Vec<(u64, u64)> =
            self.notified.range((base, 0)..=(base, u64::MAX)).map(|(key, _)| *key).collect();
        of_device.iter().filter_map(|key| self.notified.remove(key)).flatten().collect()
    }

    /// The thread of a device.
    fn track_of(&self, base: u64) -> Track {
        Track::of_device(self.devices.iter().position(|device| device.base == base).unwrap_or(self.devices.len()))
    }

    /// A device's line changes.
    fn line(&mut self, stamp: &Stamp, device: u64, level: bool) -> io::Result<()> {
        let track = self.track_of(device);
        match level {
            true if self.high.insert(device) => self.slice(stamp, track, "irq", "interrupt", &[], &[]),
            false if self.high.remove(&device) => self.slice_end(stamp, track),
            _ => Ok(()),
        }
    }

    /// A virtio device has given back a request.
    fn completed(&mut self, stamp: &Stamp, event: &Event, device: u64, queue: u64) -> io::Result<()> {
        let flows = self.notified.remove(&(device, queue)).unwrap_or_default();
        self.completed.entry(device).or_default().extend(&flows);
        let name = self.printer.words(stamp, event);
        let names = Some((event.kind().name(), name.as_str()));
        self.track_event(stamp, self.track_of(device), INSTANT, names, &flows, &[])
    }

    /// The hart goes to another world.
    fn world(&mut self, stamp: &Stamp, to: Option<Mode>) -> io::Result<()> {
        let track = Track::of_hart(stamp.hart);
        if self.harts.entry(stamp.hart).or_default().world.take().is_some() {
            self.slice_end(stamp, track)?;
        }
        self.process(stamp, to)?;
        if let Some(mode) = to {
            let name = if mode.virt { format!("{} {}", mode.name(), stamp.vmid) } else { mode.name().to_owned() };
            self.slice(stamp, track, "world", &name, &[], &[])?;
        }
        self.harts.entry(stamp.hart).or_default().world = to;
        Ok(())
    }

    /// A process has run until now, if one has: whose it was its own stamps say, not that of the return to it, which
    /// has the ASID of the mode before. So its slice is written when it is over.
    fn process(&mut self, stamp: &Stamp, to: Option<Mode>) -> io::Result<()> {
        let is_user = |mode: Mode| mode.privilege == Privilege::User;
        let begins = to.filter(|mode| is_user(*mode)).map(|_| stamp.time);
        let since = std::mem::replace(&mut self.harts.entry(stamp.hart).or_default().user, begins);
        let Some(since) = since.filter(|_| is_user(stamp.mode)) else { return Ok(()) };
        let track = self.track_of_process(stamp)?;
        self.slice(&Stamp { time: since, ..*stamp }, track, "process", stamp.mode.name(), &[], &[])?;
        self.slice_end(stamp, track)
    }

    /// The thread of the process that a stamp is of, on its hart.
    fn track_of_process(&mut self, stamp: &Stamp) -> io::Result<Track> {
        let known = self.processes.len() as u64;
        let number = *self.processes.entry((whose(stamp.mode, stamp.vmid), stamp.asid)).or_insert(known);
        let track = Track::of_process(number, stamp.hart);
        if !self.known.contains(&track.tid) {
            let name = self.printer.process(stamp).map(str::to_owned);
            let name = name.unwrap_or_else(|| format!("process, ASID {}", stamp.asid));
            let guest = if stamp.mode.virt { format!(", VMID {}", stamp.vmid) } else { String::new() };
            self.describe_as(track, &(name + &guest), &format!("on hart {}", stamp.hart))?;
        }
        Ok(track)
    }

    fn trap(&mut self, stamp: &Stamp, taken: &Taken) -> io::Result<()> {
        let hart = self.harts.entry(stamp.hart).or_default();
        let (call, guest) = (hart.call.take(), hart.guest);
        self.world(stamp, Some(taken.to))?;
        if stamp.mode.virt && !taken.to.virt {
            return self.exit(stamp, &reason(taken, call));
        }
        match guest {
            Some(Guest { vmid, exit: Some((flow, true)) }) if !taken.to.virt => {
                self.harts.entry(stamp.hart).or_default().guest = Some(Guest { vmid, exit: Some((flow, false)) });
                self.slice_end(stamp, Track::of_guest(vmid, stamp.hart))
            }
            _ => Ok(()),
        }
    }

    /// A virtual machine is left.
    fn exit(&mut self, stamp: &Stamp, reason: &str) -> io::Result<()> {
        let track = Track::of_guest(stamp.vmid, stamp.hart);
        if self.harts.entry(stamp.hart).or_default().guest.take().is_some() {
            self.slice_end(stamp, track)?;
        }
        self.flows += 1;
        let flow = self.flows;
        self.harts.entry(stamp.hart).or_default().guest = Some(Guest { vmid: stamp.vmid, exit: Some((flow, false)) });
        self.slice(stamp, track, "exit", reason, &[flow], &[])
    }

    fn returned(&mut self, stamp: &Stamp, to: Mode) -> io::Result<()> {
        self.world(stamp, Some(to))?;
        if to.virt && !stamp.mode.virt {
            return self.enter(stamp);
        }
        let guest = &mut self.harts.entry(stamp.hart).or_default().guest;
        match guest {
            Some(Guest { vmid, exit: Some((_, vmm @ false)) }) if to == Mode::U => {
                *vmm = true;
                let track = Track::of_guest(*vmid, stamp.hart);
                self.slice(stamp, track, "vmm", "host U-mode", &[], &[])
            }
            _ => Ok(()),
        }
    }

    /// A virtual machine is entered.
    fn enter(&mut self, stamp: &Stamp) -> io::Result<()> {
        let before = self.harts.entry(stamp.hart).or_default().guest;
        let flow = before.filter(|guest| guest.vmid == stamp.vmid).and_then(|guest| guest.exit).map(|(flow, _)| flow);
        self.leave_guest(stamp)?;
        self.harts.entry(stamp.hart).or_default().guest = Some(Guest { vmid: stamp.vmid, exit: None });
        let ends: Vec<u64> = flow.into_iter().collect();
        self.slice(stamp, Track::of_guest(stamp.vmid, stamp.hart), "guest", "guest", &[], &ends)
    }

    /// Ends what is open on the virtual machine's thread.
    fn leave_guest(&mut self, stamp: &Stamp) -> io::Result<()> {
        let Some(guest) = self.harts.entry(stamp.hart).or_default().guest.take() else { return Ok(()) };
        let track = Track::of_guest(guest.vmid, stamp.hart);
        if let Some((_, true)) = guest.exit {
            self.slice_end(stamp, track)?;
        }
        self.slice_end(stamp, track)
    }

    /// A store to a device: of a virtio device's, one that begins or ends a flow.
    fn device(&mut self, stamp: &Stamp, event: &Event, address: u64, value: u64) -> io::Result<()> {
        match self.virtio_register(address) {
            Some((base, QUEUE_NOTIFY)) => {
                self.flows += 1;
                self.notified.entry((base, value)).or_default().push(self.flows);
                self.instant(stamp, event, &[self.flows], &[])
            }
            Some((base, INTERRUPT_ACK)) => {
                let ends = self.ends(base);
                self.instant(stamp, event, &[], &ends)
            }
            _ => self.instant(stamp, event, &[], &[]),
        }
    }

    /// The base of the virtio device with this address, and which register that is.
    fn virtio_register(&self, address: u64) -> Option<(u64, u64)> {
        let found = self.devices.iter().find(|device| address.wrapping_sub(device.base) < device.len);
        found.filter(|device| device.name.starts_with("virtio")).map(|device| (device.base, address - device.base))
    }

    fn instant(&mut self, stamp: &Stamp, event: &Event, flows: &[u64], ends: &[u64]) -> io::Result<()> {
        let (track, category) = (Track::of_hart(stamp.hart), event.kind().name());
        let name = self.printer.words(stamp, event);
        self.track_event(stamp, track, INSTANT, Some((category, &name)), flows, ends)
    }

    fn slice(
        &mut self,
        stamp: &Stamp,
        track: Track,
        category: &str,
        name: &str,
        flows: &[u64],
        ends: &[u64],
    ) -> io::Result<()> {
        self.track_event(stamp, track, SLICE_BEGIN, Some((category, name)), flows, ends)
    }

    fn slice_end(&mut self, stamp: &Stamp, track: Track) -> io::Result<()> {
        self.track_event(stamp, track, SLICE_END, None, &[], &[])
    }

    fn track_event(
        &mut self,
        stamp: &Stamp,
        track: Track,
        kind: u64,
        name: Option<(&str, &str)>,
        flows: &[u64],
        ends: &[u64],
    ) -> io::Result<()> {
        self.describe(track, stamp)?;
        let mut event = Message::default().number(field::EVENT_TYPE, kind).number(field::EVENT_TRACK, track.tid);
        if let Some((category, name)) = name {
            event = event.text(field::EVENT_CATEGORY, category).text(field::EVENT_NAME, name);
        }
        let event = event.fixed(field::EVENT_FLOWS, flows).fixed(field::EVENT_ENDS_FLOWS, ends);
        let packet = Message::default().number(field::TIMESTAMP, stamp.time.wrapping_mul(TICK_NANOS));
        self.packet(packet.message(field::TRACK_EVENT, event))
    }

    /// Describes a track and its process, the first time. Those of processes are described before.
    fn describe(&mut self, track: Track, stamp: &Stamp) -> io::Result<()> {
        if self.known.contains(&track.tid) {
            return Ok(());
        }
        let (process, thread) = match track.pid {
            HARTS => ("harts".to_owned(), format!("hart {}", stamp.hart)),
            MACHINE => {
                let device = self.devices.get((track.tid - Track::of_device(0).tid) as usize);
                ("devices".to_owned(), device.map_or("unknown", |device| &device.name).to_owned())
            }
            guest => (format!("VM, VMID {}", guest - GUESTS), format!("vCPU on hart {}", stamp.hart)),
        };
        self.describe_as(track, &process, &thread)
    }

    fn describe_as(&mut self, track: Track, process: &str, thread: &str) -> io::Result<()> {
        if self.known.insert(track.pid) {
            let told = Message::default().number(field::PROCESS_PID, track.pid).text(field::PROCESS_NAME, process);
            let descriptor =
                Message::default().number(field::TRACK_UUID, track.pid).message(field::TRACK_PROCESS, told);
            self.packet(
                Message::default().message(field::TRACK_DESCRIPTOR, descriptor.text(field::TRACK_NAME, process)),
            )?;
        }
        self.known.insert(track.tid);
        let told = Message::default()
            .number(field::THREAD_PID, track.pid)
            .number(field::THREAD_TID, track.tid)
            .text(field::THREAD_NAME, thread);
        let descriptor = Message::default().number(field::TRACK_UUID, track.tid).message(field::TRACK_THREAD, told);
        self.packet(Message::default().message(field::TRACK_DESCRIPTOR, descriptor.text(field::TRACK_NAME, thread)))
    }

    fn packet(&mut self, packet: Message) -> io::Result<()> {
        let packet = packet.number(field::SEQUENCE, 1);
        self.to.write_all(&Message::default().message(field::TRACE_PACKET, packet).into_bytes())
    }
}

/// Why a virtual machine was left, as far as the trap tells.
fn reason(taken: &Taken, call: Option<(u64, u64)>) -> String {
    let cause = names::cause(taken.cause).unwrap_or("reserved");
    match (call, taken.guest_page_fault()) {
        (Some((extension, function)), _) => format!("{cause}: {}", SbiFunction { extension, function }),
        (None, Some((_, gpa))) => format!("{cause}: {:#x}", gpa.0 >> 12 << 12),
        (None, None) => cause.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::take;
    use arch::{Phys, Virt};
    use events::SbiCall;
    use symbols::Symbols;

    /// An exit to the VMM and one to the host alone, and a request to a device.
    fn events() -> Vec<(Stamp, Event)> {
        let at = |mode, time| Stamp { hart: 0, time, instret: time, mode, vmid: 7, asid: 0, pc: 0x1000 };
        let trap = |to, cause| Event::Trap(Taken { to, cause, tval: 0, tval2: 0, tinst: 0 });
        let back = |to| Event::Return { to, target: Virt(4) };
        let call = SbiCall { extension: 0x10, function: 3, args: [0; 6] };
        let of_device = Stamp { hart: DEVICES, ..at(Mode::M, 66) };
        let store = |address| Event::Mmio { address: Phys(address), write: true, bytes: 4, value: 0 };
        vec![
            (at(Mode::HS, 0), Event::Begin),
            (at(Mode::HS, 10), back(Mode::VS)),
            (at(Mode::VS, 20), Event::SbiCall(call)),
            (at(Mode::VS, 20), trap(Mode::HS, 10)),
            (at(Mode::HS, 30), back(Mode::U)),
            (at(Mode::U, 40), trap(Mode::HS, 8)),
            (at(Mode::HS, 50), back(Mode::VS)),
            (at(Mode::VS, 60), trap(Mode::HS, 21)),
            (at(Mode::HS, 65), store(0x1000_4000 + QUEUE_NOTIFY)),
            (of_device, Event::Completed { device: Phys(0x1000_4000), queue: 0, bytes: 512 }),
            (of_device, Event::Line { device: Phys(0x1000_4000), level: true }),
            (at(Mode::HS, 66), store(0x1000_4000 + INTERRUPT_ACK)),
            (of_device, Event::Line { device: Phys(0x1000_4000), level: false }),
            (at(Mode::HS, 70), back(Mode::VU)),
        ]
    }

    fn packets(events: &[(Stamp, Event)]) -> Vec<u8> {
        let devices = vec![Device { name: "virtio3".into(), base: 0x1000_4000, len: 0x1000 }];
        let mut bytes = Vec::new();
        let printer = Printer::new(Symbols::default(), devices.clone());
        let known = [((Whose::Guest(7), 9), "init[1]".to_owned())];
        let mut perfetto = Perfetto::new(&mut bytes, printer.with_processes(known.into()), devices);
        events.iter().for_each(|(stamp, event)| perfetto.event(stamp, event).unwrap());
        perfetto.finish().unwrap();
        bytes
    }

    /// Fields of a message: number, and value or contents.
    fn fields(mut bytes: &[u8]) -> Vec<(u64, u64, Vec<u8>)> {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let key = take(&mut bytes).unwrap();
            let (value, len) = match key & 7 {
                0 => (take(&mut bytes).unwrap(), 0),
                1 => (u64::from_le_bytes(bytes[..8].try_into().unwrap()), 8),
                _ => (0, take(&mut bytes).unwrap() as usize),
            };
            fields.push((key >> 3, value, bytes[..len].to_vec()));
            bytes = &bytes[len..];
        }
        fields
    }

    #[test]
    fn slices_nest_and_flows_end() {
        let mut open: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        let (mut begun, mut flows, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        for (_, _, packet) in fields(&packets(&events())) {
            let Some((.., event)) = fields(&packet).into_iter().find(|field| field.0 == field::TRACK_EVENT) else {
                continue;
            };
            let event = fields(&event);
            let value = |number| event.iter().filter(move |field| field.0 == number);
            let name =
                || value(field::EVENT_NAME).map(|field| String::from_utf8(field.2.clone()).unwrap()).next().unwrap();
            let stack = open.entry(value(field::EVENT_TRACK).next().unwrap().1).or_default();
            match value(field::EVENT_TYPE).next().unwrap().1 {
                SLICE_BEGIN => {
                    begun.push(format!(
                        "{}{}",
                        stack.iter().map(|outer| format!("{outer} / ")).collect::<String>(),
                        name()
                    ));
                    stack.push(name());
                }
                SLICE_END => assert!(stack.pop().is_some()),
                _ => {}
            }
            flows.extend(value(field::EVENT_FLOWS).map(|field| field.1));
            ends.extend(value(field::EVENT_ENDS_FLOWS).map(|field| field.1));
        }
        assert!(open.values().all(Vec::is_empty), "{open:?}");
        // the third leads over what the device gave back
        assert_eq!((flows, ends), (vec![1, 2, 3, 3], vec![1, 3, 2]));
        let others = ["HS", "U", "VS 7", "VU 7", "interrupt"];
        let of_guest: Vec<_> = begun.iter().filter(|name| !others.contains(&name.as_str())).collect();
        let call = "ecall from VS-mode: sbi_probe_extension";
        let within = format!("{call} / host U-mode");
        assert_eq!(of_guest, ["guest", call, &within, "guest", "load guest-page fault: 0x0", "guest"]);
    }

    /// Numbers and texts of a field in a message, however deep.
    fn at(path: &[u64], bytes: &[u8]) -> Vec<(u64, String)> {
        let found = fields(bytes).into_iter().filter(|field| field.0 == path[0]);
        match path {
            [_] => found.map(|(_, value, text)| (value, String::from_utf8_lossy(&text).into_owned())).collect(),
            [_, rest @ ..] => found.flat_map(|(.., inner)| at(rest, &inner)).collect(),
            [] => Vec::new(),
        }
    }

    #[test]
    fn processes_run_from_the_return_to_them_to_their_trap() {
        let at_time = |mode, time, asid| Stamp { hart: 0, time, instret: time, mode, vmid: 7, asid, pc: 0x1000 };
        let trap = |cause| Event::Trap(Taken { to: Mode::HS, cause, tval: 0, tval2: 0, tinst: 0 });
        let back = |to| Event::Return { to, target: Virt(4) };
        let bytes = packets(&[
            (at_time(Mode::HS, 0, 3), Event::Begin),
            // the ASID is the hypervisor's as it enters the guest
            (at_time(Mode::HS, 10, 3), back(Mode::VU)),
            (at_time(Mode::VU, 20, 9), trap(21)),
            (at_time(Mode::HS, 30, 3), back(Mode::U)),
            (at_time(Mode::U, 40, 3), trap(8)),
        ]);
        let packets: Vec<Vec<u8>> = fields(&bytes).into_iter().map(|(.., packet)| packet).collect();
        let times = |track: u64| {
            let is_of =
                |packet: &&Vec<u8>| at(&[field::TRACK_EVENT, field::EVENT_TRACK], packet) == [(track, String::new())];
            packets.iter().filter(is_of).map(|packet| at(&[field::TIMESTAMP], packet)[0].0).collect::<Vec<_>>()
        };
        let process = [field::TRACE_PACKET, field::TRACK_DESCRIPTOR, field::TRACK_PROCESS, field::PROCESS_NAME];
        let names: Vec<String> = at(&process, &bytes).into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["harts", "VM, VMID 7", "init[1], VMID 7", "process, ASID 3"]);
        assert_eq!(times(Track::of_process(0, 0).tid), [10 * TICK_NANOS, 20 * TICK_NANOS]);
        assert_eq!(times(Track::of_process(1, 0).tid), [30 * TICK_NANOS, 40 * TICK_NANOS]);
    }
}
