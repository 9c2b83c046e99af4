//! Ports, as a driver sees them. The order of messages is that of VIRTIO 1.2, "Multiport Device Operation".

use std::sync::atomic::{AtomicUsize, Ordering};

use vm_memory::{Bytes, GuestAddress};

use super::*;
use crate::ports;
use crate::testing::{BUFFERS, Driver};

/// What has come out of a port, as far as there is room.
#[derive(Clone, Default)]
struct Sink {
    got: Arc<Mutex<Vec<u8>>>,
    room: Arc<AtomicUsize>,
}

impl Sink {
    fn with_room(room: usize) -> Sink {
        Sink { room: Arc::new(room.into()), ..Sink::default() }
    }

    fn out(&self) -> PortOut {
        let Sink { got, room } = self.clone();
        Box::new(move |bytes| {
            let taken = bytes.len().min(room.load(Ordering::SeqCst));
            room.fetch_sub(taken, Ordering::SeqCst);
            got.lock().unwrap().extend(&bytes[..taken]);
            taken
        })
    }

    fn got(&self) -> Vec<u8> {
        self.got.lock().unwrap().clone()
    }
}

/// The queues of port 1: "receiveq(port1)", "transmitq(port1)".
const RECEIVE_1: usize = 4;
const TRANSMIT_1: usize = 5;

/// A driver that knows of ports, and hears of a channel, number 1.
struct Ports {
    driver: Driver<Console>,
    line: PortLine,
    heard: u16,
    said: u16,
}

impl Ports {
    fn new(sink: &Sink, input: &[u8]) -> Ports {
        let line = PortLine::new();
        let channel = PortConfig { input: input.to_vec(), ..PortConfig::channel(1, "a.b", line.clone(), sink.out()) };
        let mut driver = Driver::new(|slot| ports(slot, vec![channel]));
        driver.start(MULTIPORT);
        let mut ports = Ports { driver, line, heard: 0, said: 0 };
        (0..16).for_each(|at| ports.driver.offer(CONTROL_RECEIVE, at, &[(BUFFERS + u64::from(at) * 64, 64, true)]));
        ports
    }

    /// The same after the driver has set the port up and opened it.
    fn opened(sink: &Sink, input: &[u8]) -> Ports {
        let mut ports = Ports::new(sink, input);
        ports.say(0, Event::DeviceReady, 1);
        ports.say(1, Event::PortReady, 1);
        ports.say(1, Event::PortOpen, 1);
        ports.hear();
        ports
    }

    fn say(&mut self, port: u32, event: Event, value: u16) {
        let at = BUFFERS + 0x1000;
        self.driver.memory.write_slice(&control::message(port, event, value, &[]), GuestAddress(at)).unwrap();
        self.driver.offer(CONTROL_TRANSMIT, self.said % 16, &[(at, 8, false)]);
        self.driver.notify(CONTROL_TRANSMIT);
        self.said += 1;
    }

    /// What the device has said since the last time: port, event, value and name.
    fn hear(&mut self) -> Vec<(u8, u8, u8, String)> {
        let used = self.driver.used(CONTROL_RECEIVE);
        let new = (self.heard..used).map(|index| {
            let (head, len) = self.driver.used_element(CONTROL_RECEIVE, index);
            let mut bytes = vec![0; len as usize];
            self.driver.memory.read_slice(&mut bytes, GuestAddress(BUFFERS + u64::from(head) * 64)).unwrap();
            (bytes[0], bytes[4], bytes[6], String::from_utf8(bytes[8..].to_vec()).unwrap())
        });
        let new = new.collect();
        self.heard = used;
        new
    }

    fn transmit(&mut self, bytes: &[u8]) {
        let at = BUFFERS + 0x2000;
        self.driver.memory.write_slice(bytes, GuestAddress(at)).unwrap();
        self.driver.offer(TRANSMIT_1, 0, &[(at, bytes.len() as u32, false)]);
        self.driver.notify(TRANSMIT_1);
    }

    fn receive(&mut self, first: u16) -> Vec<u8> {
        let at = BUFFERS + 0x8000;
        let before = self.driver.used(RECEIVE_1);
        self.driver.offer(RECEIVE_1, first, &[(at, 64, true)]);
        self.driver.notify(RECEIVE_1);
        if self.driver.used(RECEIVE_1) == before {
            return Vec::new();
        }
        let mut bytes = vec![0; self.driver.used_element(RECEIVE_1, before).1 as usize];
        self.driver.memory.read_slice(&mut bytes, GuestAddress(at)).unwrap();
        bytes
    }
}

#[test]
fn queues_of_port_1_come_behind_those_of_control() {
    assert_eq!([0, 1, 4, 5, 6].map(Role::of), {
        use Role::{Receive, Transmit};
        [Receive(0), Transmit(0), Receive(1), Transmit(1), Receive(2)]
    });
    assert_eq!([2, 3].map(Role::of), [Role::Control; 2]);
    assert_eq!([0, 1, 30].map(Role::receiving), [0, 4, 62]);
}

#[test]
fn configuration_says_how_many_ports_there_may_be() {
    let ports = Ports::new(&Sink::default(), &[]);
    assert_eq!([ports.driver.read(0x100), ports.driver.read(0x104)], [0, 2]);
    assert_eq!(ports.driver.read(0x10) & 2, 2);
}

#[test]
fn driver_hears_of_a_port_first_and_then_of_its_name_and_that_it_is_open() {
    let mut ports = Ports::new(&Sink::default(), &[]);
    ports.say(0, Event::DeviceReady, 1);
    assert_eq!(ports.hear(), [(1, 1, 1, String::new())]);
    ports.say(1, Event::PortReady, 1);
    assert_eq!(ports.hear(), [(1, 7, 1, "a.b".to_owned()), (1, 6, 1, String::new())]);
}

#[test]
fn console_port_is_told_to_be_one() {
    let console = PortConfig::console(0, PortLine::new(), Sink::default().out());
    let mut driver = Driver::new(|slot| ports(slot, vec![console]));
    driver.start(MULTIPORT);
    let mut ports = Ports { driver, line: PortLine::new(), heard: 0, said: 0 };
    (0..4).for_each(|at| ports.driver.offer(CONTROL_RECEIVE, at, &[(BUFFERS + u64::from(at) * 64, 64, true)]));
    ports.say(0, Event::DeviceReady, 1);
    ports.say(0, Event::PortReady, 1);
    assert_eq!(ports.hear().iter().map(|said| said.1).collect::<Vec<_>>(), [1, 4, 6]);
}

#[test]
fn input_waits_for_whoever_opens_the_port() {
    let mut ports = Ports::new(&Sink::default(), b"early");
    ports.say(0, Event::DeviceReady, 1);
    ports.say(1, Event::PortReady, 1);
    assert_eq!(ports.receive(0), b"");
    ports.say(1, Event::PortOpen, 1);
    assert_eq!((ports.driver.used(RECEIVE_1), ports.driver.used_element(RECEIVE_1, 0)), (1, (0, 5)));
}

#[test]
fn input_of_the_beginning_outlives_the_reset_before_a_driver() {
    let mut ports = Ports::opened(&Sink::default(), b"once");
    assert_eq!(ports.receive(0), b"once");
    ports.driver.write(0x70, 0);
    ports.driver.start(MULTIPORT);
    ports.say(1, Event::PortOpen, 1);
    assert_eq!(ports.receive(0), b"");
}

#[test]
fn output_that_has_no_room_waits_and_comes_whole() {
    let sink = Sink::with_room(3);
    let mut ports = Ports::opened(&sink, &[]);
    ports.transmit(b"hello");
    assert_eq!((sink.got(), ports.driver.used(TRANSMIT_1)), (b"hel".to_vec(), 0));
    sink.room.store(100, Ordering::SeqCst);
    ports.line.resume();
    assert_eq!((sink.got(), ports.driver.used(TRANSMIT_1)), (b"hello".to_vec(), 1));
}

#[test]
fn output_that_waits_is_forgotten_with_its_queue() {
    let sink = Sink::with_room(1);
    let mut ports = Ports::opened(&sink, &[]);
    ports.transmit(b"hello");
    ports.driver.write(0x70, 0);
    ports.driver.start(MULTIPORT);
    sink.room.store(100, Ordering::SeqCst);
    ports.line.resume();
    assert_eq!((sink.got(), ports.driver.used(TRANSMIT_1)), (b"h".to_vec(), 0));
}

#[test]
fn end_comes_behind_what_was_sent() {
    let mut ports = Ports::opened(&Sink::default(), &[]);
    assert_eq!(ports.line.send(b"last"), 4);
    ports.line.set_open(false);
    assert_eq!(ports.hear(), []);
    assert_eq!(ports.receive(0), b"last");
    assert_eq!(ports.hear(), [(1, 6, 0, String::new())]);
    ports.line.set_open(true);
    assert_eq!(ports.hear(), [(1, 6, 1, String::new())]);
}

#[test]
fn messages_of_no_sense_do_nothing() {
    let mut ports = Ports::opened(&Sink::default(), &[]);
    for port in [0, 2, 31, u32::MAX] {
        [Event::PortReady, Event::PortOpen, Event::PortAdd].into_iter().for_each(|event| ports.say(port, event, 1));
    }
    ports.driver.offer(CONTROL_TRANSMIT, 40, &[(BUFFERS, 3, false)]);
    ports.driver.notify(CONTROL_TRANSMIT);
    assert_eq!((ports.hear(), ports.driver.needs_reset()), (Vec::new(), false));
}

#[test]
fn driver_that_knows_of_no_ports_has_port_0() {
    let sink = Sink::with_room(100);
    let console = PortConfig::console(0, PortLine::new(), sink.out());
    let mut driver = Driver::new(|slot| ports(slot, vec![console]));
    driver.start(0);
    driver.memory.write_slice(b"plain", GuestAddress(BUFFERS)).unwrap();
    driver.offer(1, 0, &[(BUFFERS, 5, false)]);
    driver.notify(1);
    assert_eq!(sink.got(), b"plain");
}
