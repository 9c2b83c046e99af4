//! A share through its registers and rings.

use std::time::{Duration, Instant};

use vm_memory::{Bytes, GuestAddress};

use crate::block::Serving;
use crate::share::testing::{Body, body, message};
use crate::share::wire::kind;
use crate::share::{Share, ShareAccess, ShareDir, ShareOptions};
use crate::testing::{BUFFERS, Driver};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);
const ANSWER: u64 = BUFFERS + 0x1_0000;

struct Mounted {
    driver: Driver<Share>,
    place: tempfile::TempDir,
}

impl Mounted {
    fn new(serving: Serving) -> Self {
        let place = tempfile::tempdir().unwrap();
        let report = std::sync::Arc::new(|_: &str| ());
        let options = ShareOptions { tag: "mine".into(), access: ShareAccess::ReadWrite, report };
        let directory = ShareDir::open(place.path(), options).unwrap();
        let mut driver = Driver::new(|slot| crate::share(slot, directory, serving));
        driver.start(1);
        Mounted { driver, place }
    }

    /// Offers a message with room for an answer of `room` bytes.
    fn send(&mut self, message: &[u8], room: u32) {
        self.driver.memory.write_slice(message, GuestAddress(BUFFERS)).unwrap();
        // In pieces that split fields.
        let (head, rest) = (5.min(message.len() as u32), message.len() as u32);
        let buffers = [(BUFFERS, head, false), (BUFFERS + u64::from(head), rest - head, false), (ANSWER, room, true)];
        self.driver.offer(0, 0, &buffers);
        self.driver.notify(0);
    }

    fn ask(&mut self, kind: u8, fields: Body) -> Vec<u8> {
        let used = self.driver.used(0);
        self.send(&message(kind, fields), 0x1_0000);
        let begun = Instant::now();
        while self.driver.used(0) == used {
            assert!(begun.elapsed() < PATIENCE, "no answer");
            std::thread::yield_now();
        }
        let (_, len) = self.driver.used_element(0, used);
        let mut answer = vec![0; len as usize];
        self.driver.memory.read_slice(&mut answer, GuestAddress(ANSWER)).unwrap();
        answer
    }

    fn mount(&mut self) {
        assert_eq!(self.ask(kind::VERSION, body().u32(8192).name("9P2000.L"))[4], kind::VERSION + 1);
        let attach = body().u32(0).u32(!0).name("").name("").u32(!0);
        assert_eq!(self.ask(kind::ATTACH, attach)[4], kind::ATTACH + 1);
    }
}

#[test]
fn the_tag_is_in_the_configuration() {
    let share = Mounted::new(Serving::Hart);
    assert_eq!(share.driver.read(8), 9);
    // Length 4, "mi"; "ne", and nothing behind.
    assert_eq!([0x100, 0x104, 0x108].map(|at| share.driver.read(at)), [0x696d_0004, 0x656e, 0]);
}

#[test]
fn harts_and_threads_serve() {
    for serving in [Serving::Hart, Serving::Thread] {
        let mut share = Mounted::new(serving);
        share.mount();
        share.ask(kind::LCREATE, body().u32(0).name("file").u32(0o2).u32(0o644).u32(0));
        let written = share.ask(kind::WRITE, body().u32(0).u64(0).u32(4).bytes(b"text"));
        assert_eq!(written[7..], [4, 0, 0, 0]);
        assert_eq!(std::fs::read(share.place.path().join("file")).unwrap(), b"text");
        assert!(share.driver.interrupted());
    }
}

#[test]
fn what_is_no_message_breaks_the_queue_until_the_driver_resets() {
    for (message, room) in [(&[1, 0, 0][..], 100), (&message(kind::VERSION, body())[..], 10)] {
        for serving in [Serving::Hart, Serving::Thread] {
            let mut share = Mounted::new(serving);
            share.send(message, room);
            let begun = Instant::now();
            while !share.driver.needs_reset() {
                assert!(begun.elapsed() < PATIENCE, "it is taken for a message");
            }
            share.driver.start(1);
            share.mount();
        }
    }
}

#[test]
fn a_reset_ends_the_session() {
    for serving in [Serving::Hart, Serving::Thread] {
        let mut share = Mounted::new(serving);
        share.mount();
        share.driver.start(1);
        let answer = share.ask(kind::GETATTR, body().u32(0).u64(0));
        assert_eq!(answer[4], kind::LERROR + 1);
        share.mount();
    }
}

#[test]
fn resets_in_the_middle_leave_no_answers_behind() {
    let mut share = Mounted::new(Serving::Thread);
    std::fs::write(share.place.path().join("big"), vec![1; 8 << 20]).unwrap();
    for _ in 0..50 {
        share.mount();
        share.ask(kind::WALK, body().u32(0).u32(1).u16(1).name("big"));
        share.ask(kind::LOPEN, body().u32(1).u32(0));
        share.send(&message(kind::FSYNC, body().u32(1).u32(0)), 0x1_0000);
        share.driver.write(0x70, 0);
        share.driver.memory.write_slice(&[0xa5; 16], GuestAddress(ANSWER)).unwrap();
        let mut after = [0; 16];
        share.driver.start(1);
        share.driver.memory.read_slice(&mut after, GuestAddress(ANSWER)).unwrap();
        assert_eq!((after, share.driver.used(0)), ([0xa5; 16], 0));
    }
}

#[test]
fn many_messages_at_once_are_answered_in_order() {
    let mut share = Mounted::new(Serving::Thread);
    share.mount();
    let before = share.driver.used(0);
    for n in 0..60u32 {
        let at = BUFFERS + 64 * u64::from(n);
        let mut walk = message(kind::WALK, body().u32(n).u32(n + 1).u16(0));
        walk[5] = n as u8;
        share.driver.memory.write_slice(&walk, GuestAddress(at)).unwrap();
        let buffers = [(at, walk.len() as u32, false), (ANSWER + 64 * u64::from(n), 64, true)];
        share.driver.offer(0, 2 * n as u16, &buffers);
    }
    share.driver.notify(0);
    let begun = Instant::now();
    while share.driver.used(0) != before + 60 {
        assert!(begun.elapsed() < PATIENCE);
    }
    for n in 0..60u64 {
        // Each needs the fid of the one before.
        let mut answer = [0; 9];
        share.driver.memory.read_slice(&mut answer, GuestAddress(ANSWER + 64 * n)).unwrap();
        assert_eq!(answer, [9, 0, 0, 0, kind::WALK + 1, n as u8, 0, 0, 0]);
        assert_eq!(share.driver.used_element(0, before + n as u16).0, 2 * n as u32);
    }
}

#[test]
fn a_short_message_is_answered_while_the_hart_notifies() {
    let mut share = Mounted::new(Serving::Thread);
    share.mount();
    let at_once = (0..1000).any(|_| {
        let used = share.driver.used(0);
        share.send(&message(kind::GETATTR, body().u32(0).u64(0x7ff)), 0x1_0000);
        let answered = share.driver.used(0) != used;
        while share.driver.used(0) == used {
            std::thread::yield_now();
        }
        // The thread may be about to lay the session down.
        std::thread::sleep(Duration::from_millis(1));
        answered
    });
    assert!(at_once);
}

#[test]
fn what_comes_behind_a_long_message_is_answered_behind_it() {
    let mut share = Mounted::new(Serving::Thread);
    share.mount();
    share.ask(kind::LOPEN, body().u32(0).u32(0));
    for _ in 0..200 {
        let before = share.driver.used(0);
        let all =
            [(kind::FSYNC, body().u32(0).u32(0)), (kind::GETATTR, body().u32(0).u64(0)), (kind::FLUSH, body().u16(1))];
        for (n, (kind, fields)) in (0..).zip(all) {
            let (at, message) = (BUFFERS + 64 * n, message(kind, fields));
            share.driver.memory.write_slice(&message, GuestAddress(at)).unwrap();
            let buffers = [(at, message.len() as u32, false), (ANSWER + 256 * n, 256, true)];
            share.driver.offer(0, 2 * n as u16, &buffers);
            share.driver.notify(0);
        }
        let begun = Instant::now();
        while share.driver.used(0) != before.wrapping_add(3) {
            assert!(begun.elapsed() < PATIENCE);
        }
        let order = [0, 1, 2].map(|n| share.driver.used_element(0, before.wrapping_add(n)).0);
        assert_eq!(order, [0, 2, 4]);
    }
}
