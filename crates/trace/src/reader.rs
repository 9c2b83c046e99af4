//! Reading a trace: in the order of time, up to the damage.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

use events::{Event, Stamp};

use crate::chunk::{self, Chunk, Device, HEAD_BYTES, MAGIC, MOST_BYTES, Names};
use crate::record::Context;

/// Where and why a trace ends that was not written to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// It is no trace.
    #[error("it is not a trace of vhart's")]
    Foreign,
    /// It ends within a chunk: whoever wrote it was stopped, or the disk was full.
    #[error("it is cut off in the chunk at byte {at}; all before it was read")]
    CutOff {
        /// Where the chunk begins.
        at: u64,
    },
    /// A chunk's contents are not what was written.
    #[error("the chunk at byte {at} is damaged; all before it was read")]
    Damaged {
        /// Where the chunk begins.
        at: u64,
    },
}

/// A trace that is being read.
pub struct Reader<F> {
    file: F,
    devices: Vec<Device>,
    /// Contents of chunks of names.
    names: Vec<(Names, Vec<u8>)>,
    /// Places of the chunks of each hart that are still to be read.
    chunks: BTreeMap<u16, VecDeque<Extent>>,
    /// Each hart's events that were read, and the first of each by time.
    ready: BTreeMap<u16, VecDeque<(Stamp, Event)>>,
    next: BinaryHeap<Reverse<(u64, u16)>>,
    damage: Option<Damage>,
}

#[derive(Clone, Copy)]
struct Extent {
    at: u64,
    len: usize,
}

impl<F: Read + Seek> Reader<F> {
    /// Looks through a file.
    ///
    /// # Errors
    /// It cannot be read. What is wrong with its contents is [`Reader::damage`].
    pub fn new(file: F) -> io::Result<Reader<F>> {
        let mut reader = Reader {
            file,
            devices: Vec::new(),
            names: Vec::new(),
            chunks: BTreeMap::new(),
            ready: BTreeMap::new(),
            next: BinaryHeap::new(),
            damage: None,
        };
        reader.damage = reader.index()?;
        let harts: Vec<u16> = reader.chunks.keys().copied().collect();
        harts.into_iter().try_for_each(|hart| reader.fill(hart))?;
        Ok(reader)
    }

    /// The devices of the machine.
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// The names in the trace, as it has them.
    pub fn raw_names(&self) -> &[(Names, Vec<u8>)] {
        &self.names
    }

    /// Why the trace is not whole, if it is not.
    pub fn damage(&self) -> Option<&Damage> {
        self.damage.as_ref()
    }

    /// Notes all chunks up to the first that is damaged.
    fn index(&mut self) -> io::Result<Option<Damage>> {
        let mut magic = [0; MAGIC.len()];
        if !fill(&mut self.file, &mut magic)? || magic != MAGIC {
            return Ok(Some(Damage::Foreign));
        }
        let mut at = MAGIC.len() as u64;
        loop {
            let mut head = [0; HEAD_BYTES];
            let read = fill_some(&mut self.file, &mut head)?;
            if read == 0 {
                return Ok(None);
            }
            let (len, sum) = chunk::read_head(&head);
            let mut contents = vec![0; if read < HEAD_BYTES || len > MOST_BYTES { 0 } else { len }];
            if read < HEAD_BYTES || len <= MOST_BYTES && !fill(&mut self.file, &mut contents)? {
                return Ok(Some(Damage::CutOff { at }));
            }
            if len > MOST_BYTES || chunk::sum(&contents) != sum || !self.note(at, &contents) {
                return Ok(Some(Damage::Damaged { at }));
            }
            at += (HEAD_BYTES + len) as u64;
        }
    }

    /// Notes a chunk. Answers false where it makes no sense.
    fn note(&mut self, at: u64, contents: &[u8]) -> bool {
        match chunk::read(contents) {
            None => return false,
            Some(Chunk::Unknown) => {}
            Some(Chunk::Device(device)) => self.devices.push(device),
            Some(Chunk::Names(of, names)) => self.names.push((of, names.to_vec())),
            Some(Chunk::Events(hart, _)) => {
                let place = Extent { at: at + HEAD_BYTES as u64, len: contents.len() };
                self.chunks.entry(hart).or_default().push_back(place);
            }
        }
        true
    }

    /// Reads a hart's next chunk that has events.
    fn fill(&mut self, hart: u16) -> io::Result<()> {
        while let Some(place) = self.chunks.get_mut(&hart).and_then(VecDeque::pop_front) {
            let mut contents = vec![0; place.len];
            self.file.seek(SeekFrom::Start(place.at))?;
            self.file.read_exact(&mut contents)?;
            let Some(Chunk::Events(_, mut events)) = chunk::read(&contents) else { continue };
            let mut context = Context::new(hart);
            let ready = self.ready.entry(hart).or_default();
            ready.extend(std::iter::from_fn(|| context.take(&mut events)));
            if !events.is_empty() {
                // its sum is right, so that another program wrote it
                self.damage.get_or_insert(Damage::Damaged { at: place.at - HEAD_BYTES as u64 });
                self.chunks.remove(&hart);
            }
            if let Some((stamp, _)) = self.ready.get(&hart).and_then(VecDeque::front) {
                self.next.push(Reverse((stamp.time, hart)));
                break;
            }
        }
        Ok(())
    }

    /// The next event.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn next_event(&mut self) -> io::Result<Option<(Stamp, Event)>> {
        let Some(Reverse((_, hart))) = self.next.pop() else { return Ok(None) };
        let ready = self.ready.entry(hart).or_default();
        let event = ready.pop_front();
        match ready.front() {
            Some((stamp, _)) => self.next.push(Reverse((stamp.time, hart))),
            None => self.fill(hart)?,
        }
        Ok(event)
    }
}

/// Fills a buffer as far as the file goes. Answers how far.
fn fill_some(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match file.read(&mut buffer[read..]) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

/// Whether the file fills a buffer.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    Ok(fill_some(file, buffer)? == buffer.len())
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::record::tests::{all, stamp};
    use crate::{Filter, Recorder};

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A trace of two harts, whose events take turns.
    fn written() -> Vec<u8> {
        let memory = Memory::default();
        let recorder = Recorder::new(Box::new(memory.clone()), Filter::everything());
        recorder.device(&Device { name: "uart".into(), base: 0x1000_0000, len: 0x100 });
        let mut harts = [recorder.of_hart(0), recorder.of_hart(1)];
        for (number, event) in all().iter().enumerate() {
            let stamp = Stamp { hart: number as u16 % 2, ..stamp(number as u64) };
            harts[number % 2].event(&stamp, event, &());
        }
        drop(harts);
        recorder.finish().unwrap();
        memory.0.lock().unwrap().clone()
    }

    fn read(bytes: &[u8]) -> (Vec<(Stamp, Event)>, Option<Damage>) {
        let mut reader = Reader::new(Cursor::new(bytes)).unwrap();
        let events = std::iter::from_fn(|| reader.next_event().unwrap()).collect();
        (events, reader.damage().cloned())
    }

    #[test]
    fn events_come_back_in_the_order_of_time() {
        let (events, damage) = read(&written());
        assert_eq!((events.iter().map(|(_, event)| *event).collect::<Vec<_>>(), damage), (all(), None));
        assert!(events.iter().enumerate().all(|(number, (stamp, _))| stamp.hart == number as u16 % 2));
    }

    #[test]
    fn a_trace_is_read_up_to_the_damage() {
        let bytes = written();
        for end in MAGIC.len()..bytes.len() {
            let (events, damage) = read(&bytes[..end]);
            assert!(events.len() < all().len() && events.iter().all(|(_, event)| all().contains(event)), "{end}");
            assert!(matches!(damage, None | Some(Damage::CutOff { .. })), "{end}: {damage:?}");
        }
        let mut turned = bytes.clone();
        *turned.last_mut().unwrap() ^= 1;
        let (events, damage) = read(&turned);
        assert!(
            events.len() == all().len().div_ceil(2) && matches!(damage, Some(Damage::Damaged { .. })),
            "{damage:?}"
        );
    }

    #[test]
    fn what_is_no_trace_is_told() {
        for bytes in [&b""[..], b"vhtrac", b"\x7fELF and more of it"] {
            assert_eq!(read(bytes), (Vec::new(), Some(Damage::Foreign)));
        }
    }
}
