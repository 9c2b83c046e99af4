//! Traces.

use std::io::Cursor;
use std::sync::{Arc, Mutex};

use ::symbols::Symbols;
use ::symbols::fuzzing::{Layout, Memory as Kernel, START, image, names};
use arch::Mode;
use events::{Event, Stamp, Taken};
use trace::{Device, Filter, Naming, Perfetto, Printer, Reader, Recorder};

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
    let (naming, bytes) = (Naming::new(recorder.clone()), image(&names(50), Layout::Behind));
    let kernel = Kernel { bytes: &bytes, repeats: false };
    for hart in 0..2 {
        let mut sinks = [recorder.of_hart(hart), naming.of_next_hart()];
        for time in 0..50 {
            let mode = Mode::ALL[time as usize % 5];
            let (instret, pc) = (time * 10_000_000, START + 0x1800 + time * 16);
            let stamp = Stamp { hart, time, instret, mode, vmid: 1, asid: 2, pc };
            let taken = Taken { to: Mode::HS, cause: 20 + time % 4, tval: time, tval2: time, tinst: 0 };
            let event = if time == 0 { Event::Begin } else { Event::Trap(taken) };
            sinks.iter_mut().for_each(|sink| sink.event(&stamp, &event, &kernel));
        }
    }
    naming.finish();
    let whole = memory.0.lock().expect("nobody panics with it").clone();
    vec![whole]
}

fn run(input: &[u8]) {
    // sums keep mutated chunks out: what is in them is tried behind a right sum, too
    read(input);
    // events of a hart, functions, a process
    for kind in [&[1, 0][..], &[2], &[3]] {
        read(&summed(kind, input));
    }
}

/// The input as the contents of one chunk that begins so.
fn summed(kind: &[u8], input: &[u8]) -> Vec<u8> {
    let mut contents = kind.to_vec();
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
    let mut symbols = Symbols::default();
    reader.names(&mut symbols);
    let printer = Printer::new(symbols, devices.clone()).with_processes(reader.processes());
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
