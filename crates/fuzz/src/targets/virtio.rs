//! Virtio devices: whatever a driver writes to their registers, rings and buffers, they stand it, and after a reset
//! they work as before.

use std::cell::RefCell;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ::virtio::net::fuzzing::Loop;
use ::virtio::{
    BlockAccess, BlockFile, ConsoleInput, Interface, MmioTransport, PortConfig, PortLine, PortOut, Serving,
    ShareAccess, ShareDir, ShareOptions, Slot,
};
use arbitrary::{Result, Unstructured};
use bus::{Device, IrqLine};
use kit::Wire;
use memory::GuestMemoryMmap;
use vm_memory::{Bytes, GuestAddress};

use super::{Target, with};

pub const BLOCK: Target = Target {
    name: "virtio_block",
    what: "the disk: registers, rings, requests",
    run: |input| with(input, block),
    seeds: blocks,
};

pub const ENTROPY: Target = Target {
    name: "virtio_rng",
    what: "the source of random numbers: registers, rings",
    run: |input| with(input, entropy),
    seeds: || seeds(6, 0, &[Vec::new()]),
};

pub const CONSOLE: Target = Target {
    name: "virtio_con",
    what: "the console: registers, rings, input",
    run: |input| with(input, console),
    seeds: || seeds(6, 1, &[b"hello".to_vec()]),
};

pub const PORTS: Target = Target {
    name: "virtio_ports",
    what: "a console and a channel with a name: registers, rings, messages about ports, input and its end",
    run: |input| with(input, ports),
    // "Multiport Device Operation": the driver is ready, has set port 1 up, has opened it
    seeds: || seeds(6, 3, &[[0, 0, 0], [1, 3, 0], [1, 6, 0]].map(|[id, event, _]| vec![id, 0, 0, 0, event, 0, 1, 0])),
};

pub const NETWORK: Target = Target {
    name: "virtio_net",
    what: "the network card: registers, rings, frames that come back",
    run: |input| with(input, network),
    seeds: || seeds(6, 1, &[vec![0; 80]]),
};

pub const SHARE: Target = Target {
    name: "virtio_9p",
    what: "a shared directory's device: registers, rings, messages",
    run: |input| with(input, share),
    seeds: shares,
};

const BASE: u64 = 0x8000_0000;
const MEMORY_BYTES: u64 = 0x4_0000;
const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
/// Queue `n` is here, `n` times [`QUEUE_BYTES`] on: a page for each of its parts.
const QUEUE_BYTES: u64 = 0x3000;
/// Free for buffers.
const BUFFERS: u64 = BASE + 0x1_4000;
/// Behind the buffers of a plain request, to the end of memory; and what is there.
const UNTOUCHED: u64 = BUFFERS + 0x1000;
static MARK: [u8; (BASE + MEMORY_BYTES - UNTOUCHED) as usize] = [0xa5; (BASE + MEMORY_BYTES - UNTOUCHED) as usize];
/// How long a thread may take, also on a busy host.
const PATIENCE: Duration = Duration::from_secs(20);
/// What is on the disk before anybody writes to it.
static FRESH: [u8; 64 << 10] = [7; 64 << 10];

mod register {
    pub const DRIVER_FEATURES: u64 = 0x20;
    pub const DRIVER_FEATURES_SEL: u64 = 0x24;
    pub const QUEUE_SEL: u64 = 0x30;
    pub const QUEUE_NUM_MAX: u64 = 0x34;
    pub const QUEUE_NUM: u64 = 0x38;
    pub const GUEST_PAGE_SIZE: u64 = 0x28;
    pub const QUEUE_ALIGN: u64 = 0x3c;
    pub const QUEUE_PFN: u64 = 0x40;
    pub const QUEUE_READY: u64 = 0x44;
    pub const NOTIFY: u64 = 0x50;
    pub const INTERRUPT_ACK: u64 = 0x64;
    pub const STATUS: u64 = 0x70;
    pub const PARTS: [u64; 3] = [0x80, 0x90, 0xa0];
}

const WRITE: u16 = 2;
const NEXT: u16 = 1;
const INDIRECT: u16 = 4;

thread_local! {
    /// A directory that may not be written: what messages do is another target's affair.
    static DIRECTORY: tempfile::TempDir = tempfile::tempdir().expect("the host has room for a directory");
    static DISK: tempfile::NamedTempFile = {
        let file = tempfile::NamedTempFile::new().expect("the host has room for a file");
        std::fs::write(file.path(), FRESH).expect("the host has room for a file");
        file
    };
}

/// A message that begins a session: its length, Tversion, no tag, 8 KiB at most, the version.
static VERSION: [u8; 21] = *b"\x15\0\0\0\x64\xff\xff\0\x20\0\0\x08\x009P2000.L";

/// Makes the disk's file what it was. Answers whether it was something else.
fn renewed(file: &tempfile::NamedTempFile) -> bool {
    let content = std::fs::read(file.path()).expect("the file is there");
    assert_eq!(content.len(), FRESH.len());
    let changed = content != FRESH;
    if changed {
        file.as_file().write_all_at(&FRESH, 0).expect("the file is ours");
    }
    changed
}

/// A device's driver.
struct Driver {
    memory: Arc<GuestMemoryMmap>,
    wire: Arc<Wire>,
    device: Arc<Mutex<dyn Device>>,
    legacy: bool,
    /// The next index of the available ring of each queue that it uses.
    next: Vec<u16>,
}

/// A buffer: address, length, flags.
type Buffer = (u64, u32, u16);

impl Driver {
    /// A driver of before version 1, or of later, for the device that `make` makes.
    fn new<D: Device + 'static>(
        input: &mut Unstructured,
        make: impl FnOnce(Slot) -> Arc<Mutex<D>>,
    ) -> Result<(Driver, Arc<Mutex<D>>)> {
        let interface = *input.choose(&[Interface::Modern, Interface::Legacy])?;
        let ranges = [(GuestAddress(BASE), MEMORY_BYTES as usize)];
        let memory = Arc::new(GuestMemoryMmap::from_ranges(&ranges).expect("the host has a little memory"));
        let wire = Arc::new(Wire::default());
        let device = make(Slot { memory: memory.clone(), irq: IrqLine::new(wire.clone(), 1), interface });
        let driver =
            Driver { memory, wire, device: device.clone(), legacy: interface == Interface::Legacy, next: vec![0; 2] };
        Ok((driver, device))
    }

    fn read(&self, at: u64) -> u32 {
        let mut word = [0; 4];
        self.device.lock().expect("nothing panicked").read(at, &mut word);
        u32::from_le_bytes(word)
    }

    /// Reads a register, or what is behind the last.
    fn peek(&self, at: u16) {
        self.read(u64::from(at) % 0xffd);
    }

    fn write(&self, at: u64, value: u32) {
        self.device.lock().expect("nothing panicked").write(at, &value.to_le_bytes());
    }

    /// Sets the device up as a driver does that wants `features`.
    fn start(&mut self, features: u64) {
        [0, 3].into_iter().for_each(|status| self.write(register::STATUS, status));
        for (half, word) in [(0, features as u32), (1, (features >> 32) as u32 | 1)] {
            self.write(register::DRIVER_FEATURES_SEL, half);
            self.write(register::DRIVER_FEATURES, word);
        }
        self.write(register::STATUS, 0xb);
        (0..self.next.len()).for_each(|queue| self.start_queue(queue));
        self.write(register::STATUS, 0xf);
    }

    fn start_queue(&mut self, queue: usize) {
        let base = BASE + queue as u64 * QUEUE_BYTES;
        self.put(base, &[0; QUEUE_BYTES as usize]);
        self.next[queue] = 0;
        self.write(register::QUEUE_SEL, queue as u32);
        self.write(register::QUEUE_NUM, self.read(register::QUEUE_NUM_MAX).min(16));
        if self.legacy {
            self.write(register::GUEST_PAGE_SIZE, 4096);
            self.write(register::QUEUE_ALIGN, 4096);
            return self.write(register::QUEUE_PFN, (base / 4096) as u32);
        }
        let parts = [base, self.driver_area(queue), self.device_area(queue)];
        for (part, at) in parts.into_iter().zip(register::PARTS) {
            self.write(at, part as u32);
            self.write(at + 4, 0);
        }
        self.write(register::QUEUE_READY, 1);
    }

    /// What the driver makes available: in a legacy queue right behind the descriptors.
    fn driver_area(&self, queue: usize) -> u64 {
        BASE + queue as u64 * QUEUE_BYTES + if self.legacy { 16 * 16 } else { 0x1000 }
    }

    /// What the device has used.
    fn device_area(&self, queue: usize) -> u64 {
        BASE + queue as u64 * QUEUE_BYTES + if self.legacy { 0x1000 } else { 0x2000 }
    }

    /// Writes to memory, where there is some.
    fn put(&self, at: u64, bytes: &[u8]) {
        let _ = self.memory.write_slice(bytes, GuestAddress(at));
    }

    /// Writes descriptors, from number `first` on, each leading to the next but the last, and makes the first
    /// available.
    fn offer(&mut self, queue: usize, first: u16, buffers: &[Buffer]) {
        let base = BASE + queue as u64 * QUEUE_BYTES;
        for (n, &(at, len, flags)) in buffers.iter().enumerate() {
            let number = first.wrapping_add(n as u16);
            let flags = flags | if n + 1 < buffers.len() { NEXT } else { 0 };
            let next = number.wrapping_add(1);
            let bytes = [&at.to_le_bytes()[..], &len.to_le_bytes(), &flags.to_le_bytes(), &next.to_le_bytes()].concat();
            self.put(base + 16 * u64::from(number % 16), &bytes);
        }
        let available = self.driver_area(queue);
        self.put(available + 4 + 2 * u64::from(self.next[queue] % 16), &first.to_le_bytes());
        self.next[queue] = self.next[queue].wrapping_add(1);
        self.put(available + 2, &self.next[queue].to_le_bytes());
    }

    /// One thing that a driver may do.
    fn step(&mut self, input: &mut Unstructured) -> Result<()> {
        let queue = input.int_in_range(0..=self.next.len() - 1)?;
        match input.int_in_range(0..=9)? {
            0 => self.start(features(input)?),
            1 => self.write(input.arbitrary::<u8>()?.into(), number(input)?),
            2 => self.peek(input.arbitrary()?),
            3 => self.odd_access(input)?,
            4 => {
                let bytes: [u8; 8] = input.arbitrary()?;
                self.put(BASE + u64::from(input.arbitrary::<u16>()?), &bytes);
            }
            5 => {
                let len = usize::from(input.arbitrary::<u8>()?).min(input.len());
                self.put(BUFFERS + u64::from(input.arbitrary::<u8>()?) * 16, input.bytes(len.min(input.len()))?);
            }
            6 => self.write(register::NOTIFY, queue as u32),
            7 => self.write(register::INTERRUPT_ACK, number(input)?),
            _ => {
                let buffers = (0..input.int_in_range(1..=4)?).map(|_| buffer(input)).collect::<Result<Vec<_>>>()?;
                self.offer(queue, input.int_in_range(0..=18)?, &buffers);
                self.write(register::NOTIFY, queue as u32);
            }
        }
        Ok(())
    }

    fn odd_access(&mut self, input: &mut Unstructured) -> Result<()> {
        let (at, len, mut data) =
            (input.arbitrary::<u16>()? % 0x1000, input.int_in_range(0..=3)?, input.arbitrary::<[u8; 8]>()?);
        let mut device = self.device.lock().expect("nothing panicked");
        let data = &mut data[..1 << len];
        match input.arbitrary()? {
            true => device.read(at.into(), data),
            false => device.write(at.into(), data),
        }
        Ok(())
    }

    /// After a reset nothing is left of what was, nothing of it comes late, and a plain request on `queue` is answered,
    /// after what comes from outside. Its buffers are in the first page of those.
    fn recovers(&mut self, queue: usize, buffers: &[Buffer], outside: impl FnOnce()) {
        self.write(register::STATUS, 0);
        assert_eq!(self.read(register::STATUS), 0);
        assert!(!self.wire.is_high(), "the wire is high after a reset");
        self.put(UNTOUCHED, &MARK);
        self.start(0);
        self.offer(queue, 0, buffers);
        self.write(register::NOTIFY, queue as u32);
        outside();
        assert!(soon(|| self.used(queue) == 1), "a plain request is not answered after a reset");
        assert_eq!(self.read(register::STATUS), 0xf);
        assert!(soon(|| self.wire.is_high()), "no interrupt for a plain request");
        let mut mark = [0; MARK.len()];
        self.memory.read_slice(&mut mark, GuestAddress(UNTOUCHED)).expect("it is in memory");
        assert!(mark == MARK, "something was written after a reset that was asked for before");
    }

    /// How many requests the device has given back.
    fn used(&self, queue: usize) -> u16 {
        self.memory.read_obj(GuestAddress(self.device_area(queue) + 2)).expect("it is in memory")
    }
}

/// Whether this is so, now or in a while: a disk may have a thread.
fn soon(so: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    while !so() {
        if start.elapsed() > PATIENCE {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

/// Features of the ring, with some of the device's.
fn features(input: &mut Unstructured) -> Result<u64> {
    let (ring, own): (u8, u32) = (input.arbitrary()?, input.arbitrary()?);
    Ok(u64::from(ring & 3) << 28 | if ring & 4 != 0 { u64::from(own) } else { 0 })
}

/// Numbers that registers like, and some that they do not.
fn number(input: &mut Unstructured) -> Result<u32> {
    Ok(match input.int_in_range(0..=3)? {
        0 => input.arbitrary::<u8>()?.into(),
        1 if input.arbitrary()? => BASE as u32 / 4096 + u32::from(input.arbitrary::<u8>()?),
        1 => BASE as u32 + u32::from(input.arbitrary::<u16>()?) * 8,
        2 => 1 << input.int_in_range(0..=31)?,
        _ => input.arbitrary()?,
    })
}

fn buffer(input: &mut Unstructured) -> Result<Buffer> {
    let at = match input.int_in_range(0..=7)? {
        0 => input.arbitrary()?,
        1 => BASE + MEMORY_BYTES - u64::from(input.arbitrary::<u8>()?),
        2 => BASE + u64::from(input.arbitrary::<u16>()?),
        _ => BUFFERS + u64::from(input.arbitrary::<u8>()?) * 16,
    };
    let len = match input.int_in_range(0..=7)? {
        0 => input.arbitrary()?,
        1 => 0,
        2 => 1,
        3 => 512,
        4 => 16,
        _ => input.arbitrary::<u16>()?.into(),
    };
    let flags = match input.int_in_range(0..=7)? {
        0 => input.arbitrary()?,
        1 => INDIRECT,
        flags => flags & WRITE,
    };
    Ok((at, len, flags))
}

fn block(input: &mut Unstructured) -> Result<()> {
    let serving = *input.choose(&[Serving::Hart, Serving::Thread])?;
    let access = *input.choose(&[BlockAccess::ReadWrite, BlockAccess::ReadOnly, BlockAccess::Snapshot])?;
    let (mut driver, _) = Driver::new(input, |slot| ::virtio::block(slot, disk(access), serving))?;
    driver.start(features(input)?);
    let done = steps(&mut driver, input, |_| Ok(()));
    // 8: the name of the disk
    driver.put(BUFFERS, &[8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    driver.recovers(0, &[(BUFFERS, 16, 0), (BUFFERS + 16, 20, WRITE), (BUFFERS + 64, 1, WRITE)], || ());
    let changed = DISK.with(renewed);
    assert!(access == BlockAccess::ReadWrite || !changed, "{access:?} changed the file");
    done
}

/// The disk, as soon as the thread of the one before has let go of it.
fn disk(access: BlockAccess) -> BlockFile {
    let (start, open) = (Instant::now(), || DISK.with(|file| BlockFile::open(file.path(), access)));
    loop {
        match open() {
            Err(_) if start.elapsed() < PATIENCE => std::thread::yield_now(),
            opened => return opened.expect("the file is a disk"),
        }
    }
}

fn entropy(input: &mut Unstructured) -> Result<()> {
    let (mut driver, _) = Driver::new(input, |slot| ::virtio::entropy(slot, Some(1)))?;
    driver.start(features(input)?);
    let done = steps(&mut driver, input, |_| Ok(()));
    driver.recovers(0, &[(BUFFERS, 64, WRITE)], || ());
    done
}

fn console(input: &mut Unstructured) -> Result<()> {
    let (mut driver, device) = Driver::new(input, |slot| ::virtio::console(slot, Box::new(|_| ())))?;
    let keyboard = ConsoleInput::new(device);
    driver.start(features(input)?);
    let done = steps(&mut driver, input, |input| {
        let len = usize::from(input.arbitrary::<u8>()?).min(input.len());
        keyboard.send(input.bytes(len)?);
        Ok(())
    });
    driver.recovers(1, &[(BUFFERS, 5, 0)], || ());
    done
}

/// The queues of ports 0 and 1, and those of control.
const PORT_QUEUES: usize = 6;
/// The feature of a device with ports.
const MULTIPORT: u64 = 1 << 1;

fn ports(input: &mut Unstructured) -> Result<()> {
    let (console, channel) = (PortLine::new(), PortLine::new());
    let (mut driver, _) = Driver::new(input, |slot| {
        let all = vec![
            PortConfig::console(0, console.clone(), hesitant()),
            PortConfig { input: vec![7; 100], ..PortConfig::channel(1, "a name", channel.clone(), hesitant()) },
        ];
        ::virtio::ports(slot, all)
    })?;
    driver.next = vec![0; PORT_QUEUES];
    driver.start(MULTIPORT | features(input)?);
    let lines = [console.clone(), channel];
    let done = steps(&mut driver, input, |input| {
        let line = input.choose(&lines)?;
        match input.int_in_range(0..=3)? {
            0 => line.set_open(input.arbitrary()?),
            1 => line.resume(),
            _ => {
                let len = usize::from(input.arbitrary::<u8>()?).min(input.len());
                line.send(input.bytes(len)?);
            }
        }
        Ok(())
    });
    driver.recovers(1, &[(BUFFERS, 5, 0)], || console.resume());
    done
}

/// Takes all of it every second time, and half of it in between.
fn hesitant() -> PortOut {
    let mut turn = 0_usize;
    Box::new(move |bytes| {
        turn += 1;
        bytes.len() / (1 + turn % 2)
    })
}

fn network(input: &mut Unstructured) -> Result<()> {
    let mut cable = None;
    let (mut driver, _) = Driver::new(input, |slot| {
        let made = Loop::new(MAC, |card| Arc::new(Mutex::new(MmioTransport::new(card, slot))));
        cable.insert(made.expect("the host has files left")).card()
    })?;
    let cable = RefCell::new(cable.expect("the driver has a card"));
    driver.start(features(input)?);
    let done = steps(&mut driver, input, |_| {
        cable.borrow_mut().turn();
        Ok(())
    });
    driver.recovers(1, &[(BUFFERS, 80, 0)], || cable.borrow_mut().turn());
    done
}

fn share(input: &mut Unstructured) -> Result<()> {
    let serving = *input.choose(&[Serving::Hart, Serving::Thread])?;
    let options = ShareOptions { tag: "share".into(), access: ShareAccess::ReadOnly, report: Arc::new(|_| ()) };
    let directory = DIRECTORY.with(|directory| ShareDir::open(directory.path(), options)).expect("it is there");
    let (mut driver, _) = Driver::new(input, |slot| ::virtio::share(slot, directory, serving))?;
    driver.start(features(input)?);
    let done = steps(&mut driver, input, |_| Ok(()));
    driver.put(BUFFERS, &VERSION);
    driver.recovers(0, &[(BUFFERS, VERSION.len() as u32, 0), (BUFFERS + 0x100, 64, WRITE)], || ());
    done
}

/// Does what the input says, and now and then what comes from outside.
fn steps(
    driver: &mut Driver,
    input: &mut Unstructured,
    outside: impl Fn(&mut Unstructured) -> Result<()>,
) -> Result<()> {
    while !input.is_empty() {
        match input.ratio(1, 8)? {
            true => outside(input)?,
            false => driver.step(input)?,
        }
    }
    Ok(())
}

/// Requests of every kind, served by the hart and by a thread.
fn blocks() -> Vec<Vec<u8>> {
    let by_hart = seeds(8, 0, &[0, 1, 4, 8, 13].map(|kind| [&[kind][..], &[0; 15]].concat()));
    let by_thread = by_hart.iter().map(|seed| [&[1], &seed[1..]].concat()).collect();
    [by_hart, by_thread].concat()
}

/// A session that begins, served by the hart and by a thread.
fn shares() -> Vec<Vec<u8>> {
    let by_hart = seeds(8, 0, &[VERSION.to_vec(), vec![0; 12]]);
    let by_thread = by_hart.iter().map(|seed| [&[1], &seed[1..]].concat()).collect();
    [by_hart, by_thread].concat()
}

/// Requests on `queue` that begin with each of `contents`, in memory first, then offered with room behind; before them
/// `choices` bytes that choose the first of everything.
fn seeds(choices: usize, queue: u8, contents: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let request = |content: &Vec<u8>| {
        let put = [&[1, 0, 5, content.len() as u8, 0], &content[..]].concat();
        let buffer = |place: u8, len: u16, flags: u8| [&[3, place, 5][..], &len.to_le_bytes(), &[flags]].concat();
        let offer = [vec![1, queue, 9, 2], buffer(0, 16, 4), buffer(16, 512, 2), buffer(80, 1, 2), vec![0]].concat();
        [vec![0; choices], put, offer].concat()
    };
    contents.iter().map(request).collect()
}
