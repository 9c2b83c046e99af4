//! Traces.

use std::io::Cursor;
use std::sync::{Arc, Mutex};

use arch::Mode;
use events::{Event, Stamp, Taken};
use trace::{Device, Filter, Perfetto, Printer, Reader, Recorder, Symbols};

use super::Target;

pub const TARGET: Target = Target {
    name: "trace",
    what: "traces: whatever a file holds is read up to the damage, printed, and made packets of",
    run,
    seeds,
};

/// Memory that a trace is written to.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panics with it").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let memory = Memory::default();
    let recorder = Recorder::new(Box::new(memory.clone()), Filter::everything());
    recorder.device(&Device { name: "virtio0".into(), base: 0x1000_1000, len: 0x1000 });
    for hart in 0..2 {
        let mut sink = recorder.of_hart(hart);
        for time in 0..50 {
            let mode = Mode::ALL[time as usize % 5];
            let stamp = Stamp { hart, time, instret: time * 7, mode, vmid: 1, asid: 2, pc: 0x8000_0000 + time };
            let taken = Taken { to: Mode::HS, cause: 20 + time % 4, tval: time, tval2: time, tinst: 0 };
            sink.event(&stamp, &if time == 0 { Event::Begin } else { Event::Trap(taken) });
        }
    }
    let whole = memory.0.lock().expect("nobody panics with it").clone();
    vec![whole]
}

fn run(input: &[u8]) {
    // sums keep mutated chunks out: what is in them is tried behind a right sum, too
    read(input);
    read(&summed(input));
}

/// The input as the contents of one chunk of events.
fn summed(input: &[u8]) -> Vec<u8> {
    let mut contents = vec![1, 0];
    contents.extend(&input[..input.len().min(1 << 16)]);
    let sum = contents
        .iter()
        .fold(0xcbf2_9ce4_8422_2325u64, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mut file = b"vhtrace1".to_vec();
    file.extend((contents.len() as u32).to_le_bytes());
    file.extend(sum.to_le_bytes());
    file.extend(contents);
    file
}

fn read(bytes: &[u8]) {
    let mut reader = Reader::new(Cursor::new(bytes)).expect("memory can be read");
    let devices = reader.devices().to_vec();
    let printer = Printer::new(Symbols::default(), devices.clone());
    let mut perfetto = Perfetto::new(std::io::sink(), printer.clone(), devices);
    let mut count = 0;
    while let Some((stamp, event)) = reader.next_event().expect("memory can be read") {
        assert!(!printer.line(&stamp, &event).is_empty());
        perfetto.event(&stamp, &event).expect("nothing is written");
        count += 1;
    }
    perfetto.finish().expect("nothing is written");
    assert!(count <= bytes.len(), "an event has some bytes");
}
