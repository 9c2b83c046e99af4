//! A disk through its registers and rings.

use std::io::Read;

use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;
use virtio_bindings::bindings::virtio_blk::{
    VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_UNSUPP, VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_FLUSH, VIRTIO_BLK_T_GET_ID,
    VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_WRITE_ZEROES,
};
use vm_memory::{Bytes, GuestAddress};

use super::*;
use crate::testing::{BUFFERS, Driver, MEMORY_BASE};

const HEADER: u64 = BUFFERS;
const STATUS: u64 = BUFFERS + 16;
const DATA: u64 = BUFFERS + 0x1000;
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);
/// The feature: there are flushes.
const FLUSH: u64 = 1 << 9;
/// The feature: the driver chooses the cache mode.
const CONFIG_WCE: u64 = 1 << 11;
/// Sectors of the disk of the tests.
const SECTORS: u64 = 64;

fn image() -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    let sectors: Vec<u8> = (0..SECTORS).flat_map(|sector| [sector as u8; SECTOR_BYTES as usize]).collect();
    std::fs::write(file.path(), sectors).unwrap();
    file
}

fn content(file: &NamedTempFile) -> Vec<u8> {
    let mut data = Vec::new();
    std::fs::File::open(file.path()).unwrap().read_to_end(&mut data).unwrap();
    data
}

struct Disk(Driver<Block>);

impl Disk {
    /// A disk that a thread serves.
    fn new(file: &NamedTempFile, access: BlockAccess) -> Self {
        Disk::with(file, access.into(), Serving::Thread)
    }

    fn with(file: &NamedTempFile, options: DiskOptions, serving: Serving) -> Self {
        let disk = BlockFile::open(file.path(), options).unwrap();
        let mut driver = Driver::new(|slot| crate::block(slot, disk, serving));
        driver.start(FLUSH);
        Disk(driver)
    }

    /// Sends a request and answers its status.
    fn request(&mut self, kind: u32, sector: u64, data: &[(u64, u32, bool)]) -> u8 {
        let used = self.0.used(0);
        self.begin(kind, sector, data);
        self.wait_for(used + 1);
        self.status()
    }

    /// Sends a request.
    fn begin(&mut self, kind: u32, sector: u64, data: &[(u64, u32, bool)]) {
        let memory = self.0.memory.clone();
        memory.write_obj(u64::from(kind), GuestAddress(HEADER)).unwrap();
        memory.write_obj(sector, GuestAddress(HEADER + 8)).unwrap();
        memory.write_obj(0xffu8, GuestAddress(STATUS)).unwrap();
        self.0.offer(0, 0, &[&[(HEADER, 16, false)], data, &[(STATUS, 1, true)]].concat());
        self.0.notify(0);
    }

    fn wait_for(&self, used: u16) {
        let start = Instant::now();
        while self.0.used(0) != used {
            assert!(start.elapsed() < PATIENCE, "the request does not end");
            self.poll();
            std::thread::sleep(Duration::from_micros(100));
        }
        // The interrupt comes with the lock that the used ring is written under.
        drop(self.0.transport.lock().unwrap());
    }

    /// What a machine whose harts take turns does after each.
    fn poll(&self) -> bool {
        devices::Part::poll(&mut *self.0.transport.lock().unwrap())
    }

    fn status(&self) -> u8 {
        self.0.memory.read_obj(GuestAddress(STATUS)).unwrap()
    }

    /// A discard or write-zeroes.
    fn range(&mut self, kind: u32, sector: u64, sectors: u32, flags: u32) -> u8 {
        self.0.memory.write_obj(sector, GuestAddress(DATA)).unwrap();
        self.0.memory.write_obj(u64::from(flags) << 32 | u64::from(sectors), GuestAddress(DATA + 8)).unwrap();
        self.request(kind, 0, &[(DATA, 16, false)])
    }

    fn read(&mut self, sector: u64, len: u32) -> Vec<u8> {
        assert_eq!(self.request(VIRTIO_BLK_T_IN, sector, &[(DATA, len, true)]), 0);
        let mut data = vec![0; len as usize];
        self.0.memory.read_slice(&mut data, GuestAddress(DATA)).unwrap();
        data
    }

    fn write(&mut self, sector: u64, data: &[u8]) -> u8 {
        self.0.memory.write_slice(data, GuestAddress(DATA)).unwrap();
        self.request(VIRTIO_BLK_T_OUT, sector, &[(DATA, data.len() as u32, false)])
    }
}

#[test]
fn the_configuration_tells_the_capacity() {
    let disk = Disk::new(&image(), BlockAccess::ReadWrite);
    assert_eq!(disk.0.read(0x100), SECTORS as u32);
    assert_eq!(disk.0.read(0x114), 512);
}

#[test]
fn sectors_are_read_and_written() {
    let file = image();
    let mut disk = Disk::new(&file, BlockAccess::ReadWrite);
    assert_eq!(disk.read(3, 1024), [[3; 512], [4; 512]].concat());
    assert_eq!(disk.0.used_element(0, 0), (0, 1025));
    assert_eq!(disk.write(4, &[0xaa; 1024]), 0);
    assert_eq!(disk.request(VIRTIO_BLK_T_FLUSH, 0, &[]), 0);
    assert_eq!(content(&file)[4 * 512..6 * 512], [0xaa; 1024]);
    assert!(disk.0.interrupted());
    disk.0.write(0x64, 1);
    assert!(!disk.0.interrupted());
}

#[test]
fn a_request_may_be_in_pieces() {
    let mut disk = Disk::new(&image(), BlockAccess::ReadOnly);
    let pieces = [(DATA, 100, true), (DATA + 0x1000, 300, true), (DATA + 0x2000, 624, true)];
    assert_eq!(disk.request(VIRTIO_BLK_T_IN, 9, &pieces), 0);
    let byte = |at| disk.0.memory.read_obj::<u8>(GuestAddress(at)).unwrap();
    assert_eq!([byte(DATA), byte(DATA + 0x2000 + 111), byte(DATA + 0x2000 + 112)], [9, 9, 10]);
}

#[test]
fn a_snapshot_leaves_the_file_alone() {
    let file = image();
    let before = content(&file);
    let mut disk = Disk::new(&file, BlockAccess::Snapshot);
    assert_eq!(disk.write(7, &[0xbb; 4096]), 0);
    let expected = [vec![6; 512], vec![0xbb; 4096], vec![15; 512]].concat();
    assert_eq!(disk.read(6, 5120), expected);
    assert_eq!(content(&file), before);
}

#[test]
fn zeroes_are_written() {
    for (access, serving) in [
        (BlockAccess::ReadWrite, Serving::Thread),
        (BlockAccess::ReadWrite, Serving::Hart),
        (BlockAccess::Snapshot, Serving::Thread),
    ] {
        for flags in [0, 1] {
            let mut disk = Disk::with(&image(), access.into(), serving);
            assert_eq!(disk.range(VIRTIO_BLK_T_WRITE_ZEROES, 5, 2, flags), 0);
            assert_eq!(disk.read(4, 2048), [[4; 512], [0; 512], [0; 512], [7; 512]].concat());
        }
    }
}

/// "The device MUST set the status byte to VIRTIO_BLK_S_UNSUPP for discard, secure erase and write zeroes commands if
/// any unknown flag is set", and "for discard commands if the unmap flag is set" (VIRTIO 1.2, 5.2.6.2).
#[test]
fn unknown_flags_are_refused_and_nothing_changes() {
    for serving in [Serving::Thread, Serving::Hart] {
        let file = image();
        let before = content(&file);
        let mut disk = Disk::with(&file, BlockAccess::ReadWrite.into(), serving);
        for (kind, flags) in [
            (VIRTIO_BLK_T_WRITE_ZEROES, 2),
            (VIRTIO_BLK_T_WRITE_ZEROES, 3),
            (VIRTIO_BLK_T_WRITE_ZEROES, 1 << 31),
            (VIRTIO_BLK_T_DISCARD, 1),
            (VIRTIO_BLK_T_DISCARD, 2),
        ] {
            assert_eq!(disk.range(kind, 4, 1, flags), VIRTIO_BLK_S_UNSUPP as u8, "{kind} {flags:#x}");
        }
        assert_eq!(content(&file), before);
    }
}

#[test]
fn ranges_past_the_end_or_too_long_fail() {
    let mut disk = Disk::new(&image(), BlockAccess::ReadWrite);
    for kind in [VIRTIO_BLK_T_WRITE_ZEROES, VIRTIO_BLK_T_DISCARD] {
        for (sector, sectors) in [(SECTORS, 1), (0, SECTORS as u32 + 1), (u64::MAX, 1), (0, u32::MAX)] {
            assert_eq!(disk.range(kind, sector, sectors, 0), VIRTIO_BLK_S_IOERR as u8, "{kind} {sector} {sectors}");
        }
        assert_eq!(disk.range(kind, SECTORS - 1, 1, 0), 0);
    }
}

#[test]
fn discarded_blocks_go_back_to_the_host_if_it_wants_them() {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), vec![7; 1 << 20]).unwrap();
    file.as_file().sync_all().unwrap();
    let blocks = || file.as_file().metadata().unwrap().blocks();
    let before = blocks();
    let mut kept = Disk::new(&file, BlockAccess::ReadWrite);
    assert_eq!(kept.range(VIRTIO_BLK_T_DISCARD, 0, 1024, 0), 0);
    assert_eq!((kept.read(0, 512), kept.0.read(0x138), blocks()), (vec![7; 512], 0, before));
    drop(kept);
    let options = DiskOptions { discard: Discard::Unmap, ..BlockAccess::ReadWrite.into() };
    let mut unmapped = Disk::with(&file, options, Serving::Thread);
    assert_eq!(unmapped.0.read(0x138), 1, "write_zeroes_may_unmap");
    assert_eq!(unmapped.range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 1024, 1), 0);
    assert_eq!((unmapped.read(0, 512), blocks()), (vec![0; 512], before / 2));
}

/// VIRTIO 1.2, 5.2.6.2: stable when complete, unless the driver agreed to flush.
#[test]
fn writes_are_stable_when_complete_unless_the_driver_flushes() {
    let stable = |cache, features: u64, writeback: Option<u32>| {
        let mut disk = Disk::with(&image(), DiskOptions { cache, ..BlockAccess::ReadWrite.into() }, Serving::Thread);
        disk.0.start(features);
        writeback.into_iter().for_each(|value| disk.0.write(0x120, value));
        let transport = &mut disk.0.transport.lock().unwrap();
        transport.device().writes_are_stable()
    };
    assert!(stable(Cache::Writeback, 0, None));
    assert!(!stable(Cache::Writeback, FLUSH, None));
    assert!(stable(Cache::Writethrough, FLUSH, None));
    assert!(stable(Cache::Writeback, CONFIG_WCE, None), "writeback is 0 without FLUSH");
    assert!(!stable(Cache::Writeback, CONFIG_WCE | FLUSH, None));
    assert!(stable(Cache::Writeback, CONFIG_WCE | FLUSH, Some(0)));
    assert!(stable(Cache::Writethrough, CONFIG_WCE | FLUSH, None));
    assert!(!stable(Cache::Writethrough, CONFIG_WCE | FLUSH, Some(1)));
    assert!(!stable(Cache::Unsafe, 0, None));
}

/// The steps of a request to write a sector.
fn steps_of_a_write(stable: bool) -> Vec<&'static str> {
    let mut disk = Disk::new(&image(), BlockAccess::ReadWrite);
    disk.0.start(0);
    let memory = disk.0.memory.clone();
    // No thread takes it: it is taken here.
    let mut request = {
        memory.write_obj(u64::from(VIRTIO_BLK_T_OUT), GuestAddress(HEADER)).unwrap();
        disk.0.offer(0, 0, &[(HEADER, 16, false), (DATA, 512, false), (STATUS, 1, true)]);
        let mut taken = None;
        disk.0.transport.lock().unwrap().work(|_, rings| {
            taken = rings[0].as_mut().unwrap().pop()?;
            Ok(())
        });
        let rules = Rules { len_bytes: 512, access: BlockAccess::ReadWrite, stable };
        Job::begin(&memory, taken.unwrap(), &rules).unwrap()
    };
    let file = image();
    let mut disk = request::Disk::new(BlockFile::open(file.path(), BlockAccess::ReadWrite).unwrap());
    let mut steps = Vec::new();
    loop {
        steps.push(match request.advance(&mut disk, &memory, Patience::Wait).unwrap() {
            Step::More => "more",
            Step::Wait => "wait",
            Step::Sync(stable) => {
                request.synced(&mut disk, stable.wait());
                "sync"
            }
            Step::Done(Status::Ok) => return steps,
            Step::Done(_) => panic!("it failed"),
        });
    }
}

#[test]
fn a_stable_write_waits_for_the_hosts_disk() {
    assert_eq!(steps_of_a_write(true), ["more", "sync"]);
    assert!(steps_of_a_write(false).is_empty());
}

/// A request with so many segments of `LARGE` bytes each, all the same memory, through a table of descriptors.
fn begin_large(disk: &mut Disk, kind: u32, segments: u64) {
    let memory = disk.0.memory.clone();
    let table = BUFFERS + 0x10_0000;
    let put = |index: u64, at: u64, len: u32, flags: u64| {
        memory.write_obj(at, GuestAddress(table + 16 * index)).unwrap();
        let word = u64::from(len) | flags << 32 | (index + 1) << 48;
        memory.write_obj(word, GuestAddress(table + 16 * index + 8)).unwrap();
    };
    memory.write_obj(u64::from(kind), GuestAddress(HEADER)).unwrap();
    memory.write_obj(0u64, GuestAddress(HEADER + 8)).unwrap();
    put(0, HEADER, 16, 1);
    (1..=segments).for_each(|index| put(index, LARGE_AT, LARGE, if kind == VIRTIO_BLK_T_IN { 3 } else { 1 }));
    put(segments + 1, STATUS, 1, 2);
    disk.0.offer(0, 0, &[(table, 16 * (segments as u32 + 2), false)]);
    memory.write_obj(4u16, GuestAddress(MEMORY_BASE + 12)).unwrap();
    disk.0.notify(0);
}

const LARGE: u32 = 1 << 20;
const LARGE_AT: u64 = MEMORY_BASE + 0x20_0000;
/// Of a sparse disk.
const LARGE_DISK: u64 = 8 << 30;

fn large_disk(serving: Serving) -> Disk {
    let file = NamedTempFile::new().unwrap();
    file.as_file().set_len(LARGE_DISK).unwrap();
    Disk::with(&file, BlockAccess::ReadOnly.into(), serving)
}

#[test]
fn a_request_of_gigabytes_does_not_hold_its_hart() {
    let mut disk = large_disk(Serving::Thread);
    let start = Instant::now();
    begin_large(&mut disk, VIRTIO_BLK_T_IN, 4095);
    disk.0.write(0x70, 0);
    let took = start.elapsed();
    assert!(took < Duration::from_millis(500), "{took:?}");
    // Nothing is written after the reset, and the next driver is served.
    disk.0.memory.write_slice(&[0xa5; LARGE as usize], GuestAddress(LARGE_AT)).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    let mut data = vec![0; LARGE as usize];
    disk.0.memory.read_slice(&mut data, GuestAddress(LARGE_AT)).unwrap();
    assert!(data.iter().all(|&byte| byte == 0xa5));
    disk.0.start(FLUSH);
    assert_eq!((disk.0.used(0), disk.read(1, 512)), (0, vec![0; 512]));
}

#[test]
fn a_queue_that_is_taken_away_has_no_requests_any_more() {
    let mut disk = large_disk(Serving::Thread);
    begin_large(&mut disk, VIRTIO_BLK_T_IN, 4095);
    disk.0.write(0x44, 0);
    disk.0.memory.write_slice(&[0xa5; LARGE as usize], GuestAddress(LARGE_AT)).unwrap();
    disk.0.start_queue(0);
    assert_eq!(disk.read(1, 512), [0; 512]);
    let mut data = vec![0; LARGE as usize];
    disk.0.memory.read_slice(&mut data, GuestAddress(LARGE_AT)).unwrap();
    assert!(data.iter().all(|&byte| byte == 0xa5));
}

#[test]
fn a_small_write_to_the_hosts_memory_waits_for_no_thread() {
    let mut disk = Disk::new(&image(), BlockAccess::ReadWrite);
    disk.begin(VIRTIO_BLK_T_OUT, 3, &[(DATA, 4096, false)]);
    assert_eq!((disk.0.used(0), disk.status()), (1, 0));
}

#[test]
fn a_hart_serves_a_large_request_a_part_at_a_time() {
    let mut disk = large_disk(Serving::Hart);
    // 100 MiB, in turns of 16.
    begin_large(&mut disk, VIRTIO_BLK_T_IN, 100);
    let turns = std::iter::repeat_with(|| disk.poll()).take_while(|&more| more).count();
    assert_eq!((turns, disk.0.used(0), disk.status()), (5, 1, 0));
}

#[test]
fn a_hart_ends_a_small_request_before_it_goes_on() {
    let mut disk = Disk::with(&image(), BlockAccess::ReadWrite.into(), Serving::Hart);
    disk.begin(VIRTIO_BLK_T_OUT, 3, &[(DATA, 512, false)]);
    assert_eq!((disk.0.used(0), disk.status()), (1, 0));
    assert!(!disk.poll());
}

#[test]
fn what_cannot_be_done_is_an_error() {
    let file = image();
    let mut disk = Disk::new(&file, BlockAccess::ReadOnly);
    assert_eq!(disk.write(0, &[0; 512]), VIRTIO_BLK_S_IOERR as u8);
    let past_end = [(SECTORS, 512), (SECTORS - 1, 1024), (u64::MAX, 512), (u64::MAX / 512, 512), (0, 100)];
    for (sector, len) in past_end {
        let status = disk.request(VIRTIO_BLK_T_IN, sector, &[(DATA, len, true)]);
        assert_eq!(status, VIRTIO_BLK_S_IOERR as u8, "{sector} {len}");
    }
    assert_eq!(disk.request(77, 0, &[]), VIRTIO_BLK_S_UNSUPP as u8);
}

#[test]
fn the_identification_is_the_name_of_the_file() {
    let file = image();
    let mut disk = Disk::new(&file, BlockAccess::ReadOnly);
    assert_eq!(disk.request(VIRTIO_BLK_T_GET_ID, 0, &[(DATA, 20, true)]), 0);
    let mut id = [0; 20];
    disk.0.memory.read_slice(&mut id, GuestAddress(DATA)).unwrap();
    let name = file.path().file_name().unwrap().to_str().unwrap().to_owned();
    assert!(std::str::from_utf8(&id).unwrap().starts_with(&name[..name.len().min(20)]));
}

#[test]
fn a_broken_request_needs_a_reset() {
    let file = image();
    let mut disk = Disk::new(&file, BlockAccess::ReadOnly);
    disk.0.offer(0, 0, &[(HEADER, 16, false), (u64::MAX - 5, 512, true), (STATUS, 1, true)]);
    disk.0.notify(0);
    assert!(disk.0.needs_reset());
    assert_eq!(disk.0.read(0x60), 2);
    disk.0.start(0);
    assert_eq!(disk.read(1, 512), [1; 512]);
}

#[cfg(feature = "state")]
#[test]
fn a_disk_goes_on_where_it_was_saved_with_what_is_in_no_image() {
    let file = image();
    for serving in [Serving::Thread, Serving::Hart] {
        let mut disk = Disk::with(&file, BlockAccess::Snapshot.into(), serving);
        disk.0.memory.write_slice(&[0xaa; 512], GuestAddress(DATA)).unwrap();
        assert_eq!(disk.request(VIRTIO_BLK_T_OUT, 3, &[(DATA, 512, false)]), 0);
        let other = BlockFile::open(file.path(), BlockAccess::Snapshot).unwrap();
        disk.0.move_into(|slot| crate::block(slot, other, serving));
        assert_eq!(disk.request(VIRTIO_BLK_T_IN, 2, &[(DATA, 1024, true)]), 0);
        let mut data = [0; 1024];
        disk.0.memory.read_slice(&mut data, GuestAddress(DATA)).unwrap();
        assert_eq!(data.split_at(512), (&[2; 512][..], &[0xaa; 512][..]), "{serving:?}");
    }
}

#[cfg(feature = "state")]
#[test]
fn a_disk_whose_image_is_another_takes_nothing() {
    use bus::Stateful;

    let file = image();
    let mut disk = Disk::new(&file, BlockAccess::ReadWrite);
    let saved = disk.0.saved();
    assert_eq!(disk.request(VIRTIO_BLK_T_OUT, 3, &[(DATA, 512, false)]), 0);
    // times of change have the grain of the host's timer
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(disk.request(VIRTIO_BLK_T_OUT, 3, &[(DATA, 512, false)]), 0);
    let refused = disk.0.transport.lock().unwrap().set_state(&saved).unwrap_err().to_string();
    assert!(refused.contains("was written to since the snapshot was taken"), "{refused}");
}
