//! Devices that are saved and loaded: whatever a driver has made of them, the other goes on alike.

#![cfg(feature = "state")]

use std::sync::{Arc, Mutex};

use arch::Phys;
use bus::state::Unfit;
use bus::{Bus, InterruptController, IrqLine};
use devices::aplic::{Domain, Harts};
use devices::rtc::TimeOfDay;
use devices::{Aplic, Contexts, FileLevel, ImsicPages, Part, Plic, Rtc, Uart16550};
use vcpu::{HartPins, ImsicShape};

const SOURCES: u32 = 40;
/// The first source that is no device's here.
const OTHERS: u32 = 5;
const HARTS: usize = 2;
/// What a driver does before it is looked at, and between two looks.
const ACCESSES: usize = 400;

/// A machine's devices, and the wires into its harts.
struct Board {
    pins: Vec<Arc<HartPins>>,
    controller: Arc<dyn InterruptController>,
    parts: Vec<(Box<dyn Part>, u64)>,
    sent: Arc<Mutex<Vec<u8>>>,
}

impl Board {
    /// With a PLIC.
    fn plic(harts: usize) -> Board {
        let pins: Vec<_> = (0..harts).map(|_| HartPins::new()).collect();
        let plic = Plic::new(SOURCES, Contexts::MachineAndSupervisor, &pins);
        let registers: (Box<dyn Part>, u64) = (Box::new(plic.registers()), 0x20_5000);
        Board::with(pins, plic, vec![registers])
    }

    /// With an APLIC whose wires lead to the harts.
    fn wired() -> Board {
        let pins: Vec<_> = (0..HARTS).map(|_| HartPins::new()).collect();
        let aplic = Aplic::new(SOURCES, Harts::Wired(pins.clone()));
        let parts = domains(&aplic);
        Board::with(pins, aplic, parts)
    }

    /// With an APLIC that sends messages.
    fn messaged() -> Board {
        let shape = ImsicShape { identities: 63, guest_files: 1 };
        let pins: Vec<_> = (0..HARTS).map(|_| HartPins::with_imsic(shape)).collect();
        let files = Bus::default();
        let pages = Arc::new(Mutex::new(ImsicPages::new(pins.clone(), FileLevel::Machine)));
        files.map("files", Phys(0), 0x2000, pages).unwrap();
        let aplic = Aplic::new(SOURCES, Harts::Messaged { count: HARTS, guest_files: 1, files: Arc::new(files) });
        let parts = domains(&aplic);
        Board::with(pins, aplic, parts)
    }

    fn with(
        pins: Vec<Arc<HartPins>>,
        controller: Arc<dyn InterruptController>,
        mut parts: Vec<(Box<dyn Part>, u64)>,
    ) -> Board {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let (sink, text) = (controller.clone(), sent.clone());
        let line = |number| IrqLine::new(sink.clone() as _, number);
        let out = Box::new(move |bytes: &[u8]| text.lock().unwrap().extend_from_slice(bytes));
        parts.push((Box::new(Uart16550::new(out, line(3))), 8));
        parts.push((Box::new(Rtc::new(TimeOfDay::Virtual(Box::new(|| 1 << 40)), line(4))), 0x20));
        Board { pins, controller, parts, sent }
    }

    /// What a driver and wires do, by chance; answers all that is read.
    fn act(&mut self, rng: &mut fastrand::Rng) -> Vec<u32> {
        let mut seen = Vec::new();
        for _ in 0..ACCESSES {
            let (number, uart) = (rng.usize(..self.parts.len()), self.parts.len() - 2);
            let (part, bytes) = &mut self.parts[number];
            // most registers are at the beginning
            let offset = if rng.bool() { rng.u64(..*bytes) } else { rng.u64(..(*bytes).min(0x3000)) } & !3;
            let value = if rng.bool() { rng.u32(..16) } else { rng.u32(..) };
            match rng.u8(..5) {
                0 => self.controller.set_level(rng.u32(OTHERS..SOURCES), rng.bool()),
                1 | 2 => {
                    let mut data = [0; 4];
                    part.read(offset, &mut data);
                    seen.push(u32::from_le_bytes(data));
                }
                _ => part.write(if number == uart { rng.u64(..8) } else { offset }, &value.to_le_bytes()),
            }
        }
        seen
    }

    fn wires(&self) -> Vec<(u64, u64)> {
        self.pins.iter().map(|pins| (pins.levels(), pins.guest_external())).collect()
    }

    fn save(&mut self) -> Vec<Vec<u8>> {
        self.parts.iter_mut().map(|(part, _)| part.state().unwrap()).collect()
    }

    /// As a board does: wires first, controllers before other devices.
    fn load(&mut self, other: &mut Board) {
        self.pins.iter().zip(&other.pins).for_each(|(own, other)| own.load(&other.save()).unwrap());
        let saved = other.save();
        self.parts.iter_mut().zip(&saved).for_each(|((part, _), state)| part.set_state(state).unwrap());
    }
}

fn domains(aplic: &Arc<Aplic>) -> Vec<(Box<dyn Part>, u64)> {
    let registers = |domain| -> (Box<dyn Part>, u64) { (Box::new(aplic.registers(domain)), 0x4040) };
    vec![registers(Domain::Machine), registers(Domain::Supervisor)]
}

#[test]
fn what_is_loaded_goes_on_like_what_was_saved() {
    for make in [|| Board::plic(HARTS), Board::wired, Board::messaged] {
        for seed in 0..200 {
            let (mut first, mut second) = (make(), make());
            let mut rng = fastrand::Rng::with_seed(seed);
            first.act(&mut rng);
            second.load(&mut first);
            assert_eq!((second.save(), second.wires()), (first.save(), first.wires()), "{seed}");
            first.sent.lock().unwrap().clear();
            let mut again = rng.clone();
            assert_eq!(first.act(&mut rng), second.act(&mut again), "{seed}");
            assert_eq!(*first.sent.lock().unwrap(), *second.sent.lock().unwrap(), "{seed}");
            assert_eq!((second.save(), second.wires()), (first.save(), first.wires()), "{seed}");
        }
    }
}

#[test]
fn a_controller_with_other_harts_takes_nothing() {
    let (mut one, mut two) = (Board::plic(1), Board::plic(2));
    let refused = two.parts[0].0.set_state(&one.save()[0]);
    assert_eq!(refused, Err(Unfit::of("the interrupt controller has other sources or harts")));
    assert_eq!(two.parts[1].0.set_state(&one.save()[2]), Err(Unfit::Foreign));
}
