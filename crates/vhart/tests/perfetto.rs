//! `vhart trace --perfetto`: read by Perfetto's own definitions (`protos/perfetto/trace/perfetto_trace.proto`), the
//! export tells of the same exits as `--stat` counts, its slices nest, and its flows lead from each exit to its
//! re-entry.

#[allow(dead_code, reason = "each test uses its part")]
mod common;

use std::collections::BTreeMap;

use common::{Programs, say, say_of};
use serde_json::Value as Json;

/// A message: its fields, in their order.
type Message = Vec<(u64, Field)>;

/// A field's value.
enum Field {
    Number(u64),
    Bytes(Vec<u8>),
}

fn number(bytes: &mut &[u8]) -> u64 {
    let len = bytes.iter().position(|byte| byte & 0x80 == 0).expect("a number is cut off") + 1;
    let (number, rest) = bytes.split_at(len);
    *bytes = rest;
    number.iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f))
}

fn message(mut bytes: &[u8]) -> Message {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = number(&mut bytes);
        let field = match key & 7 {
            0 => Field::Number(number(&mut bytes)),
            1 => {
                let (value, rest) = bytes.split_first_chunk().expect("a fixed64 is cut off");
                bytes = rest;
                Field::Number(u64::from_le_bytes(*value))
            }
            2 => {
                let len = number(&mut bytes) as usize;
                let (value, rest) = bytes.split_at(len);
                bytes = rest;
                Field::Bytes(value.to_vec())
            }
            wire => panic!("nothing of vhart's has wire type {wire}"),
        };
        fields.push((key >> 3, field));
    }
    fields
}

fn numbers(message: &Message, field: u64) -> Vec<u64> {
    let values = message.iter().filter(|(number, _)| *number == field);
    values.filter_map(|(_, value)| if let Field::Number(value) = value { Some(*value) } else { None }).collect()
}

fn bytes(message: &Message, field: u64) -> Option<&[u8]> {
    let mut values = message.iter().filter(|(number, _)| *number == field);
    values.find_map(|(_, value)| if let Field::Bytes(value) = value { Some(&value[..]) } else { None })
}

fn text(message: &Message, field: u64) -> String {
    String::from_utf8(bytes(message, field).unwrap_or_default().to_vec()).expect("text is UTF-8")
}

/// A slice of a track.
#[derive(Debug)]
struct Slice {
    track: u64,
    category: String,
    name: String,
    begin: u64,
    end: Option<u64>,
    depth: usize,
    flows: Vec<u64>,
    ends: Vec<u64>,
}

/// The slices of an export, and the names of its threads with those of their processes.
#[derive(Default)]
struct Export {
    slices: Vec<Slice>,
    threads: BTreeMap<u64, (u64, String)>,
    processes: BTreeMap<u64, String>,
}

impl Export {
    fn read(file: &[u8]) -> Export {
        let mut export = Export::default();
        let mut open: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        // Trace.packet
        for (field, packet) in message(file) {
            let (1, Field::Bytes(packet)) = (field, packet) else { panic!("there is more than packets") };
            let packet = message(&packet);
            // TracePacket.track_descriptor, TracePacket.track_event
            bytes(&packet, 60).into_iter().for_each(|descriptor| export.describe(&message(descriptor)));
            if let Some(event) = bytes(&packet, 11) {
                // TracePacket.timestamp
                export.event(&mut open, numbers(&packet, 8)[0], &message(event));
            }
        }
        assert!(open.values().all(Vec::is_empty), "a slice is left open");
        export
    }

    fn describe(&mut self, descriptor: &Message) {
        // TrackDescriptor.uuid, .thread, .process
        let uuid = numbers(descriptor, 1)[0];
        if let Some(thread) = bytes(descriptor, 4).map(message) {
            // ThreadDescriptor.pid, .thread_name
            self.threads.insert(uuid, (numbers(&thread, 1)[0], text(&thread, 5)));
        }
        if let Some(process) = bytes(descriptor, 3).map(message) {
            // ProcessDescriptor.pid, .process_name
            self.processes.insert(numbers(&process, 1)[0], text(&process, 6));
        }
    }

    fn event(&mut self, open: &mut BTreeMap<u64, Vec<usize>>, time: u64, event: &Message) {
        // TrackEvent.track_uuid, .type
        let track = numbers(event, 11)[0];
        assert!(self.threads.contains_key(&track), "track {track} is not described");
        let stack = open.entry(track).or_default();
        match numbers(event, 9)[0] {
            // TYPE_SLICE_BEGIN
            1 => {
                // TrackEvent.categories, .name, .flow_ids, .terminating_flow_ids
                let (category, name) = (text(event, 22), text(event, 23));
                let (flows, ends) = (numbers(event, 47), numbers(event, 48));
                let depth = stack.len();
                stack.push(self.slices.len());
                self.slices.push(Slice { track, category, name, begin: time, end: None, depth, flows, ends });
            }
            // TYPE_SLICE_END
            2 => self.slices[stack.pop().expect("a slice ends that did not begin")].end = Some(time),
            // TYPE_INSTANT
            3 => {}
            kind => panic!("an event of type {kind}"),
        }
    }

    fn of(&self, category: &str) -> Vec<&Slice> {
        self.slices.iter().filter(|slice| slice.category == category).collect()
    }
}

/// The hypervisor's run, counted and exported.
fn run(programs: &Programs) -> (Json, Export) {
    let file = programs.assemble("hypervisor", &[], 0x8020_0000);
    let [trace, stat, to] = ["run.vht", "stat.json", "run.pftrace"].map(|name| programs.path(name));
    let option = format!("--stat={}", stat.display());
    let words = ["run", "--deterministic", "--trace", trace.to_str().unwrap(), &option, "--kernel"];
    assert_eq!(say_of(&words, &file, &["--timeout", "60s"]).status, Some(0));
    let said = say(&["trace", trace.to_str().unwrap(), "--perfetto", to.to_str().unwrap()]);
    assert_eq!((said.status, said.err.as_str()), (Some(0), ""));
    let stat = serde_json::from_str(&std::fs::read_to_string(stat).unwrap()).unwrap();
    (stat, Export::read(&std::fs::read(to).unwrap()))
}

#[test]
fn exits_are_those_that_are_counted() {
    let (stat, export) = run(&Programs::new());
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    for exit in stat["total"]["exits"].as_array().unwrap() {
        *counted.entry(exit["cause_name"].as_str().unwrap().to_owned()).or_default() += exit["count"].as_u64().unwrap();
    }
    let mut shown: BTreeMap<String, u64> = BTreeMap::new();
    for exit in export.of("exit") {
        *shown.entry(exit.name.split(": ").next().unwrap().to_owned()).or_default() += 1;
    }
    assert!(shown.len() >= 3, "{shown:?}");
    assert_eq!(shown, counted);
}

#[test]
fn slices_lie_within_each_other() {
    let (_, export) = run(&Programs::new());
    let mut last: BTreeMap<(u64, usize), u64> = BTreeMap::new();
    for slice in &export.slices {
        let end = slice.end.unwrap();
        assert!(slice.begin <= end, "{slice:?}");
        let before = last.insert((slice.track, slice.depth), end).unwrap_or(0);
        assert!(before <= slice.begin, "{slice:?} begins before another has ended");
    }
    let names: Vec<&str> = export.processes.values().map(String::as_str).collect();
    assert!(names.contains(&"harts") && names.contains(&"VM, VMID 5"), "{names:?}");
    assert!(export.threads.values().all(|(process, _)| export.processes.contains_key(process)));
}

#[test]
fn a_flow_leads_from_each_exit_to_its_re_entry() {
    let (_, export) = run(&Programs::new());
    let (exits, entries) = (export.of("exit"), export.of("guest"));
    for exit in &exits {
        let [flow] = exit.flows[..] else { panic!("{exit:?}") };
        let ends: Vec<_> = entries.iter().filter(|entry| entry.ends.contains(&flow)).collect();
        assert!(ends.iter().all(|entry| entry.track == exit.track && Some(entry.begin) == exit.end), "{exit:?}");
        assert!(ends.len() <= 1, "{exit:?}");
    }
    let led = entries.iter().filter(|entry| !entry.ends.is_empty()).count();
    // the first entry comes from nowhere, and the guest's last exit has no re-entry
    assert!(led + 2 >= exits.len() && led > 0, "{led} of {}", exits.len());
}
