//! A disk through its registers and rings.

use std::io::Read;

use tempfile::NamedTempFile;
use vm_memory::GuestAddress;

use super::*;
use crate::testing::{BUFFERS, Driver};

const HEADER: u64 = BUFFERS;
const STATUS: u64 = BUFFERS + 16;
const DATA: u64 = BUFFERS + 0x1000;
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
    fn new(file: &NamedTempFile, access: BlockAccess) -> Self {
        let disk = BlockFile::open(file.path(), access).unwrap();
        let mut driver = Driver::new(|slot| crate::block(slot, disk));
        driver.start(0);
        Disk(driver)
    }

    /// Sends a request and answers its status.
    fn request(&mut self, kind: u32, sector: u64, data: &[(u64, u32, bool)]) -> u8 {
        let memory = self.0.memory.clone();
        memory.write_obj(u64::from(kind), GuestAddress(HEADER)).unwrap();
        memory.write_obj(sector, GuestAddress(HEADER + 8)).unwrap();
        memory.write_obj(0xffu8, GuestAddress(STATUS)).unwrap();
        let used = self.0.used(0);
        self.0.offer(0, 0, &[&[(HEADER, 16, false)], data, &[(STATUS, 1, true)]].concat());
        self.0.notify(0);
        assert_eq!(self.0.used(0), used + 1);
        memory.read_obj(GuestAddress(STATUS)).unwrap()
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
    let file = image();
    let mut disk = Disk::new(&file, BlockAccess::ReadWrite);
    disk.0.memory.write_obj(5u64, GuestAddress(DATA)).unwrap();
    disk.0.memory.write_obj(2u64, GuestAddress(DATA + 8)).unwrap();
    assert_eq!(disk.request(VIRTIO_BLK_T_WRITE_ZEROES, 0, &[(DATA, 16, false)]), 0);
    assert_eq!(content(&file)[4 * 512 + 511..7 * 512 + 1], [&[4][..], &[0; 1024], &[7]].concat());
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
