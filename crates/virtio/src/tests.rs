//! The transport's registers, the small devices, and drivers that make no sense.

use std::sync::mpsc::channel;

use bus::Device;
use vm_memory::{Bytes, GuestAddress};

use crate::testing::{BUFFERS, Driver, MEMORY_BASE, MEMORY_BYTES};
use crate::*;

const STATUS: u64 = 0x70;

/// The host's random numbers.
fn hosts_entropy(slot: Slot) -> Arc<Mutex<MmioTransport<Entropy>>> {
    entropy(slot, None)
}

#[test]
fn the_registers_say_what_it_is() {
    let driver = Driver::new(hosts_entropy);
    assert_eq!([0, 4, 8, 12].map(|register| driver.read(register)), [0x7472_6976, 2, 4, 0x554d_4551]);
    driver.write(0x14, 1);
    assert_eq!(driver.read(0x10) & 1, 1, "VERSION_1");
    assert_eq!([0xb0, 0xb4].map(|register| driver.read(register)), [u32::MAX; 2]);
    driver.write(0x30, 1);
    assert_eq!(driver.read(0x34), 0, "there is one queue");
}

#[test]
fn narrow_and_misaligned_accesses_do_nothing() {
    let driver = Driver::new(hosts_entropy);
    let mut transport = driver.transport.lock().unwrap();
    for (offset, len) in [(0, 1), (0, 2), (0, 8), (1, 4), (0x70, 1)] {
        let mut data = vec![0xff; len];
        transport.write(offset, &data);
        transport.read(offset, &mut data);
        assert_eq!(data, vec![0; len], "{offset:#x}");
    }
}

#[test]
fn features_that_were_not_offered_are_refused() {
    let driver = Driver::new(hosts_entropy);
    for (low, high) in [(1, 1), (0, 3), (1, 0)] {
        driver.write(STATUS, 0);
        driver.write(STATUS, 3);
        for (half, word) in [(0, low), (1, high)] {
            driver.write(0x24, half);
            driver.write(0x20, word);
        }
        driver.write(STATUS, 0xb);
        assert_eq!(driver.read(STATUS), 3);
    }
}

#[test]
fn a_driver_without_version_1_is_served() {
    let mut driver = Driver::new(hosts_entropy);
    driver.start_with(0);
    driver.offer(0, 0, &[(BUFFERS, 64, true)]);
    driver.notify(0);
    assert_eq!(driver.used_element(0, 0), (0, 64));
    assert!(driver.interrupted());
}

#[test]
fn a_driver_that_never_agrees_on_features_gets_none() {
    let mut driver = Driver::new(hosts_entropy);
    driver.start(1 << 29);
    for status in [0, 1, 3] {
        driver.write(STATUS, status);
    }
    driver.write(0x20, 1 << 29);
    driver.start_queue(0);
    driver.write(STATUS, 7);
    driver.offer(0, 0, &[(BUFFERS, 64, true)]);
    driver.notify(0);
    let avail_event: u16 = driver.memory.read_obj(GuestAddress(MEMORY_BASE + 0x2004 + 8 * 64)).unwrap();
    assert_eq!((driver.used(0), avail_event, driver.interrupted()), (1, 0, true));
}

#[test]
fn a_legacy_slot_has_the_registers_of_version_1() {
    let mut driver = Driver::with_interface(Interface::Legacy, hosts_entropy);
    assert_eq!([0, 4, 8, 12].map(|register| driver.read(register)), [0x7472_6976, 1, 4, 0x554d_4551]);
    driver.write(0x14, 1);
    assert_eq!(driver.read(0x10), 0, "VERSION_1 is not for legacy devices");
    driver.start_legacy(0);
    driver.offer(0, 0, &[(BUFFERS, 64, true)]);
    driver.notify(0);
    assert_eq!(driver.used_element(0, 0), (0, 64));
    assert!(driver.interrupted());
    driver.write(0x40, 0);
    driver.offer(0, 0, &[(BUFFERS, 64, true)]);
    driver.notify(0);
    assert_eq!(driver.used(0), 1, "there is no queue any more");
    assert!(!driver.needs_reset());
}

#[test]
fn a_legacy_driver_says_how_large_a_page_is() {
    let driver = Driver::with_interface(Interface::Legacy, hosts_entropy);
    driver.write(STATUS, 3);
    driver.write(0x38, 64);
    driver.write(0x3c, 4096);
    driver.write(0x40, 0x80000);
    assert!(driver.needs_reset());
}

#[test]
fn a_queue_of_an_impossible_size_needs_a_reset() {
    for size in [0, 3, 65, 128, 0x1_0040] {
        let mut driver = Driver::new(hosts_entropy);
        driver.start(0);
        driver.write(0x44, 0);
        driver.write(0x38, size);
        driver.write(0x44, 1);
        assert!(driver.needs_reset(), "{size}");
        assert_eq!(driver.read(0x44), 0, "{size}");
    }
}

/// Puts an indirect table with one descriptor with `flags` at `BUFFERS`, and a descriptor that refers to it on the
/// ring.
fn offer_indirect(driver: &mut Driver<Entropy>, flags: u16) {
    driver.memory.write_obj(BUFFERS + 0x1000, GuestAddress(BUFFERS)).unwrap();
    driver.memory.write_obj(u64::from(flags) << 32 | 64, GuestAddress(BUFFERS + 8)).unwrap();
    driver.offer(0, 0, &[(BUFFERS, 16, true)]);
    // INDIRECT and WRITE: "The device MUST ignore the write-only flag" here.
    driver.memory.write_obj(6u16, GuestAddress(MEMORY_BASE + 12)).unwrap();
    driver.notify(0);
}

#[test]
fn a_table_of_descriptors_is_followed_once() {
    let mut driver = Driver::new(hosts_entropy);
    driver.start(1 << 28);
    offer_indirect(&mut driver, 2);
    assert_eq!(driver.used_element(0, 0), (0, 64));
    // A table in a table.
    offer_indirect(&mut driver, 4);
    assert_eq!((driver.used(0), driver.needs_reset()), (1, true));
}

#[test]
fn a_reset_forgets_everything() {
    let mut driver = Driver::new(hosts_entropy);
    driver.start(0);
    driver.offer(0, 0, &[(BUFFERS, 64, true)]);
    driver.notify(0);
    assert!(driver.interrupted());
    driver.write(STATUS, 0);
    assert!(!driver.interrupted());
    assert_eq!([0x44, 0x60, STATUS].map(|register| driver.read(register)), [0; 3]);
}

#[test]
fn a_queue_outside_memory_needs_a_reset() {
    let mut driver = Driver::new(hosts_entropy);
    driver.start(0);
    driver.write(0x44, 0);
    driver.write(0x80, 0x10);
    driver.write(0x44, 1);
    assert!(driver.needs_reset());
}

#[test]
fn a_chain_without_end_needs_a_reset() {
    let mut driver = Driver::new(hosts_entropy);
    driver.start(0);
    driver.offer(0, 0, &[(BUFFERS, 64, true)]);
    // Its descriptor says that it is followed by itself.
    driver.memory.write_obj(3u16, GuestAddress(MEMORY_BASE + 12)).unwrap();
    driver.memory.write_obj(0u16, GuestAddress(MEMORY_BASE + 14)).unwrap();
    driver.notify(0);
    assert!(driver.needs_reset());
    assert_eq!(driver.used(0), 0);
}

#[test]
fn interrupts_come_only_when_wanted() {
    let mut driver = Driver::new(hosts_entropy);
    driver.start(0);
    driver.memory.write_obj(1u16, GuestAddress(MEMORY_BASE + 0x1000)).unwrap();
    driver.offer(0, 0, &[(BUFFERS, 64, true)]);
    driver.notify(0);
    assert_eq!(driver.used(0), 1);
    assert!(!driver.interrupted());
}

#[test]
fn with_event_indices_both_sides_say_when() {
    let mut driver = Driver::new(hosts_entropy);
    driver.start(1 << 29);
    // The driver wants no interrupt before the second buffer is used.
    driver.memory.write_obj(1u16, GuestAddress(MEMORY_BASE + 0x1004 + 2 * 64)).unwrap();
    driver.offer(0, 0, &[(BUFFERS, 64, true)]);
    driver.notify(0);
    assert!(!driver.interrupted());
    // The device wants to hear of the second.
    let avail_event: u16 = driver.memory.read_obj(GuestAddress(MEMORY_BASE + 0x2004 + 8 * 64)).unwrap();
    assert_eq!(avail_event, 1);
    driver.offer(0, 1, &[(BUFFERS, 64, true)]);
    driver.notify(0);
    assert!(driver.interrupted());
}

#[test]
fn a_seed_decides_the_random_bytes() {
    let bytes = |seed| {
        let mut driver = Driver::new(|slot| entropy(slot, Some(seed)));
        driver.start(0);
        driver.offer(0, 0, &[(BUFFERS, 64, true)]);
        driver.notify(0);
        let mut bytes = [0; 64];
        driver.memory.read_slice(&mut bytes, GuestAddress(BUFFERS)).unwrap();
        bytes
    };
    assert!(bytes(1) == bytes(1) && bytes(1) != bytes(2));
}

#[test]
fn random_bytes_fill_the_buffer() {
    let mut driver = Driver::new(hosts_entropy);
    driver.start(0);
    driver.offer(0, 0, &[(BUFFERS, 64, true)]);
    driver.notify(0);
    assert_eq!(driver.used_element(0, 0), (0, 64));
    let mut bytes = [0; 64];
    driver.memory.read_slice(&mut bytes, GuestAddress(BUFFERS)).unwrap();
    assert_ne!(bytes, [0; 64]);
}

#[test]
fn a_console_sends_and_receives() {
    let (sender, receiver) = channel();
    let out = Box::new(move |bytes: &[u8]| sender.send(bytes.to_vec()).unwrap());
    let mut driver = Driver::new(|slot| console(slot, out));
    driver.start(0);
    driver.memory.write_slice(b"hello", GuestAddress(BUFFERS)).unwrap();
    driver.offer(1, 0, &[(BUFFERS, 5, false)]);
    driver.notify(1);
    assert_eq!(receiver.try_recv().unwrap(), b"hello");
    let input = ConsoleInput::new(driver.transport.clone());
    assert_eq!(input.send(b"abc"), 3);
    driver.offer(0, 0, &[(BUFFERS, 2, true)]);
    driver.offer(0, 1, &[(BUFFERS + 16, 2, true)]);
    driver.notify(0);
    assert_eq!([driver.used_element(0, 0), driver.used_element(0, 1)], [(0, 2), (1, 1)]);
}

#[test]
fn a_console_whose_guest_does_not_read_pushes_back() {
    let mut driver = Driver::new(|slot| console(slot, Box::new(|_| ())));
    driver.start(0);
    let (input, bytes) = (ConsoleInput::new(driver.transport.clone()), [b'x'; 100_000]);
    let taken = input.send(&bytes);
    assert!(taken > 0 && taken < bytes.len() && input.send(&bytes) == 0);
    driver.offer(0, 0, &[(BUFFERS, 64, true)]);
    driver.notify(0);
    assert_eq!((driver.used_element(0, 0), input.send(&bytes)), ((0, 64), 64));
}

/// The same numbers every time.
struct Random(fastrand::Rng);

impl Random {
    fn next(&mut self) -> u64 {
        self.0.u64(..)
    }

    /// Numbers that registers and rings like to have, and some that they do not.
    fn word(&mut self) -> u32 {
        let near = (MEMORY_BASE + self.next() % (MEMORY_BYTES + 0x1000)) as u32;
        [self.next() as u32, near, near & !0xfff, self.next() as u32 % 16, 0, u32::MAX][self.next() as usize % 6]
    }
}

/// Does `rounds` of random things to a device: registers, rings, or both as a driver would with random descriptors.
fn torment<D: VirtioDevice>(mut driver: Driver<D>, rounds: u64) {
    let mut random = Random(fastrand::Rng::with_seed(3_141_592_653_589_793));
    let queues = D::QUEUE_SIZES.len() as u64;
    for round in 0..rounds {
        if round % 16 == 0 {
            start(&mut driver, if random.next() & 1 == 0 { 0 } else { 3 << 28 });
        }
        match random.next() % 8 {
            0 => driver.write(random.next() % 0x44 * 4, random.word()),
            1 => drop(driver.read(random.next() % 0x200)),
            2 => {
                let at = MEMORY_BASE + random.next() % (queues * crate::testing::QUEUE_BYTES);
                driver.memory.write_obj(random.word(), GuestAddress(at)).unwrap();
            }
            _ => {
                let queue = random.next() % queues;
                let count = 1 + random.next() % 4;
                let buffers: Vec<_> = (0..count).map(|_| buffer(&mut random)).collect();
                driver.offer(queue as usize, (random.next() % 32) as u16, &buffers);
                driver.notify(queue as usize);
            }
        }
    }
    start(&mut driver, 0);
}

fn start<D: VirtioDevice>(driver: &mut Driver<D>, features: u32) {
    match driver.read(4) {
        1 => driver.start_legacy(features),
        _ => driver.start(features.into()),
    }
}

fn buffer(random: &mut Random) -> (u64, u32, bool) {
    let at = MEMORY_BASE + random.next() % (MEMORY_BYTES + 0x1000);
    let len = [0, 1, 16, 512, 4096, random.next() as u32][random.next() as usize % 6];
    (at, len, random.next() & 1 == 0)
}

#[test]
fn nothing_a_driver_does_hurts_a_disk() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(1 << 20).unwrap();
    for access in [BlockAccess::ReadWrite, BlockAccess::ReadOnly, BlockAccess::Snapshot] {
        for serving in [Serving::Hart, Serving::Thread] {
            let disk = BlockFile::open(file.path(), access).unwrap();
            torment(Driver::new(|slot| block(slot, disk, serving)), 10_000);
        }
    }
}

#[test]
fn nothing_a_driver_does_hurts_the_small_devices() {
    torment(Driver::new(hosts_entropy), 20_000);
    torment(Driver::with_interface(Interface::Legacy, hosts_entropy), 20_000);
    torment(Driver::new(|slot| console(slot, Box::new(|_| ()))), 20_000);
    let out = || -> crate::PortOut { Box::new(|bytes| bytes.len() / 2) };
    let all =
        || vec![PortConfig::console(0, PortLine::new(), out()), PortConfig::channel(1, "name", PortLine::new(), out())];
    torment(Driver::new(|slot| ports(slot, all())), 20_000);
}

#[test]
fn nothing_a_driver_does_hurts_a_network_card() {
    let net =
        UserNet::open(NetConfig { mac: [2, 0, 0, 0, 0, 1], forwards: Vec::new(), reach: Reach::Everything }).unwrap();
    torment(Driver::new(|slot| network(slot, net)), 20_000);
}
