//! What a debugger sends: packets of any kind, and bytes that are none.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use arch::{Isa, Phys};
use board::Held;
use board::control::{Action, Why};
use bus::Bus;
use gdb::{Debugged, Outcome, Session, Witness};
use hart::Hart;
use memory::Ram;
use vcpu::debug::{Debuggee, Points};
use vcpu::{EmulatedHart, HartPins, Vcpu};

use super::{Target, with};

pub const TARGET: Target = Target {
    name: "gdb",
    what: "what a debugger sends: packets and bytes that are none",
    run: |input| with(input, run),
    seeds,
};

const BASE: u64 = 0x8000_0000;
const RAM_BYTES: u64 = 0x1_0000;
const HARTS: usize = 2;
/// More than a session may keep of what was sent, and say at once.
const MOST_BYTES: usize = 1 << 20;

/// Packets that clients send, or nearly.
const PACKETS: &[&str] = &[
    "qSupported:multiprocess+;xmlRegisters=i386",
    "QStartNoAckMode",
    "?",
    "g",
    "p20",
    "p1041",
    "p300",
    "P8=0011223344556677",
    "P20=0000008000000000",
    "P1041=0500000000000000",
    "m80000000,10",
    "mfffffffffffffff8,100",
    "M80000000,4:13000000",
    "X80000002,2:ab",
    "Z0,80000004,2",
    "z0,80000004,2",
    "Z1,80000000,4",
    "Z2,80001000,8",
    "Z4,80001000,ffffffffffffffff",
    "z2,80001000,8",
    "Hgp1.2",
    "Hc-1",
    "vCont?",
    "vCont;c",
    "vCont;s:p1.1;c",
    "vCont;r80000000,80000010:p1.1;c",
    "vCont;s:7",
    "s",
    "c",
    "qfThreadInfo",
    "qThreadExtraInfo,p1.1",
    "qXfer:features:read:target.xml:0,ffb",
    "qXfer:threads:read::0,ffb",
    "qXfer:threads:read::ffffffffffffffff,1",
    "qqemu.PhyMemMode",
    "Qqemu.PhyMemMode:1",
    "Qqemu.sstep=0x1",
    "qRcmd,68656c70",
    "qRcmd,627265616b20677068797320307838303030303030303030",
    "qRcmd,73746f702d6f6e2074726170",
    "qRcmd,7472616e736c61746520302056530a",
    "qRcmd,6578706c61696e",
    "qRcmd,6578706c61696e203078383030303030302c776f726c643d7673",
    "qRcmd,6576656e7473",
    "qRcmd,6576656e747320393939393939393939",
    "qRcmd,73746174",
    "T p1.1",
    "D;1",
    "k",
    "vKill;1",
];

fn seeds() -> Vec<Vec<u8>> {
    let number = |at: usize| vec![0, at as u8];
    let all: Vec<u8> = (0..PACKETS.len()).flat_map(number).collect();
    let runs: Vec<u8> = ["Z0,80000004,2", "vCont;c", "vCont;s:p1.1;c", "g"]
        .iter()
        .filter_map(|packet| PACKETS.iter().position(|known| known == packet))
        .flat_map(number)
        .collect();
    vec![all, runs]
}

/// Harts that execute a little when they go on, and then stand.
#[derive(Clone)]
struct Machine(Rc<Parts>);

struct Parts {
    ram: Ram,
    bus: Arc<Bus>,
    harts: [RefCell<Hart>; HARTS],
    /// Whether they went on.
    went: RefCell<Option<(usize, Why)>>,
}

impl Debugged for Machine {
    fn harts(&self) -> usize {
        HARTS
    }
    fn with<T: Send + 'static>(&self, hart: usize, act: impl FnOnce(&mut Held) -> T + Send + 'static) -> Option<T> {
        self.0.harts.get(hart).map(|hart| act(&mut Held::Emulated(&mut *hart.borrow_mut())))
    }
    fn ram(&self) -> &Ram {
        &self.0.ram
    }
    fn read_rom(&self, _: Phys, _: &mut [u8]) -> bool {
        false
    }
    fn stop(&self) {}
    fn resume(&self, actions: &[Action], points: &Arc<Points>) {
        assert_eq!(actions.len(), HARTS);
        let mut why = (0, Why::Asked);
        for (number, (hart, action)) in self.0.harts.iter().zip(actions).enumerate() {
            let mut hart = hart.borrow_mut();
            hart.set_points(points);
            match action {
                Action::Continue => drop(hart.run(100)),
                Action::Step { interrupts } => drop(hart.step_one(*interrupts)),
                Action::StepOutOf(_) => drop(hart.step_one(false)),
                Action::Stay => {}
            }
            why = hart.take_halt().map_or(why, |halt| (number, Why::Met(halt)));
        }
        *self.0.went.borrow_mut() = Some(why);
    }
    fn kill(&self) {}
    fn bus(&self) -> &Bus {
        &self.0.bus
    }
    fn witness(&self) -> &dyn Witness {
        &Blind
    }
}

/// Has seen little, and tells as much as is asked for.
struct Blind;

impl Witness for Blind {
    fn attend(&self, _: bool) {}
    fn events(&self, hart: usize, most: usize) -> Vec<String> {
        vec![format!("hart {hart}"); most.min(1024)]
    }
    fn statistics(&self) -> String {
        "nothing".into()
    }
}

impl Machine {
    fn new() -> Machine {
        let shared = kit::alone(Isa::ALL, kit::ram(RAM_BYTES));
        let harts = std::array::from_fn(|id| {
            let mut hart = Hart::new(kit::one_of_many(&shared, id as u64, &HartPins::new()));
            hart.reset_machine(BASE);
            RefCell::new(hart)
        });
        // a loop: addi x1, x1, 1; j .-4
        let (ram, bus) = (shared.ram, shared.bus);
        ram.write_bytes(0, &[0x93, 0x80, 0x10, 0, 0x6f, 0xf0, 0xdf, 0xff]).expect("it is in RAM");
        Machine(Rc::new(Parts { ram, bus, harts, went: RefCell::default() }))
    }
}

fn framed(packet: &[u8]) -> Vec<u8> {
    let sum = packet.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    [b"$", packet, format!("#{sum:02x}").as_bytes()].concat()
}

/// What is sent next: a packet, one that was changed, or anything.
fn sent(input: &mut Unstructured) -> Result<Vec<u8>> {
    let kind = input.int_in_range(0..=3)?;
    let mut packet = input.choose(PACKETS)?.as_bytes().to_vec();
    match kind {
        0 => {}
        1 => {
            let at = input.choose_index(packet.len())?;
            packet[at] = input.arbitrary()?;
        }
        2 => packet.extend(input.arbitrary::<&[u8]>()?),
        _ => return Ok(input.arbitrary::<&[u8]>()?.to_vec()),
    }
    Ok(framed(&packet))
}

fn run(input: &mut Unstructured) -> Result<()> {
    let machine = Machine::new();
    let mut session = Session::new(machine.clone());
    while !input.is_empty() {
        let bytes = sent(input)?;
        if session.receive(&bytes) != Outcome::GoesOn {
            session = Session::new(machine.clone());
        }
        let went = machine.0.went.borrow_mut().take();
        if let Some((hart, why)) = went {
            session.stopped(hart, &why);
        }
        let said = session.take_output();
        assert!(said.len() < MOST_BYTES, "{} bytes are answered at once", said.len());
    }
    Ok(())
}
