//! The APLIC's two domains, by wire and by messages, with wires and resets from outside.

use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use arch::{Interrupt, Phys};
use bus::{Device, InterruptController, IrqSink};
use devices::aplic::{Aplic, AplicRegisters, Domain, Harts, Layout, region_bytes};
use kit::Messages;
use vcpu::HartPins;

use super::{Target, with};

pub const TARGET: Target =
    Target { name: "aplic", what: "registers of the APLIC's domains", run: |input| with(input, run), seeds };

const HARTS: usize = 2;
const SOURCES: u32 = 96;
const GUEST_FILES: u8 = 5;
/// Most messages that one access or one change of a wire sends: one for each source, and an extempore one.
const MOST_MESSAGES: usize = SOURCES as usize + 1;
const LAYOUT: Layout =
    Layout { machine: Phys(0x2400_0000), supervisor: Phys(0x2800_0000), hart_bits: 1, guest_bits: 3 };

const SOURCECFG: u32 = 0;
const SETIP: u32 = 0x1c00;
const IN_CLRIP: u32 = 0x1d00;
const SETIENUM: u32 = 0x1edc;
const SETIPNUM: u32 = 0x1cdc;
const GENMSI: u32 = 0x3000;
const TARGETS: u32 = 0x3000;
const IDELIVERY: u32 = 0x4000;
const CLAIMI: u32 = 0x401c;

fn seeds() -> Vec<Vec<u8>> {
    let write = |domain: u8, at: u32, value: u32| {
        [&[1, domain][..], &at.to_le_bytes(), &[2], &u64::from(value).to_le_bytes()].concat()
    };
    let read = |domain: u8, at: u32| [&[0, domain][..], &at.to_le_bytes(), &[2]].concat();
    let wire = |source: u8, level: u8| vec![2, source, level];
    // a source of each mode in the supervisor's domain, delegated, with all that it needs to interrupt
    let interrupt = |messages: u8, mode: u32| {
        let steps = [
            vec![messages],
            write(0, SOURCECFG + 40, 1 << 10),
            write(1, SOURCECFG + 40, mode),
            write(1, TARGETS + 40, 1 << 18 | 1 << 12 | 3),
            write(1, SETIENUM, 10),
            write(1, IDELIVERY + 32, 1),
            write(1, 0, 1 << 8),
            wire(10, 1),
            read(1, CLAIMI + 32),
            write(1, SETIPNUM, 10),
            wire(10, 0),
            read(1, IN_CLRIP),
        ];
        steps.concat()
    };
    let extempore = [vec![1], write(0, GENMSI, 1 << 18 | 7), vec![3], write(1, GENMSI, 8)].concat();
    [1, 4, 5, 6, 7].into_iter().flat_map(|mode| [interrupt(0, mode), interrupt(1, mode)]).chain([extempore]).collect()
}

struct Machine {
    pins: Vec<Arc<HartPins>>,
    files: Arc<Messages>,
    aplic: Arc<Aplic>,
    domains: [AplicRegisters; 2],
    wired: bool,
}

impl Machine {
    fn new(messages: bool) -> Machine {
        let pins: Vec<_> = (0..HARTS).map(|_| HartPins::new()).collect();
        let files = Arc::new(Messages::to(|address| address.0 >> 28 == 2));
        let aplic = Aplic::new(
            SOURCES,
            match messages {
                false => Harts::Wired(pins.clone()),
                true => Harts::Messaged { count: HARTS, guest_files: GUEST_FILES, files: files.clone() },
            },
        );
        let domains = [Domain::Machine, Domain::Supervisor].map(|domain| aplic.registers(domain));
        Machine { pins, files, aplic, domains, wired: !messages }
    }

    fn step(&mut self, input: &mut Unstructured) -> Result<()> {
        match input.int_in_range(0..=4)? {
            0 => self.read(input)?,
            1 => {
                let (domain, at, bytes) = place(input)?;
                self.domains[domain].write(at, &input.arbitrary::<[u8; 8]>()?[..bytes]);
            }
            2 => self.aplic.set_level(input.arbitrary::<u8>()?.into(), input.arbitrary()?),
            3 => self.aplic.hand_over((!self.wired).then_some(LAYOUT)),
            _ => self.reset(),
        }
        let sent = self.files.take();
        assert!(sent.len() <= if self.wired { 0 } else { MOST_MESSAGES }, "{} messages", sent.len());
        assert!(sent.iter().all(|(_, data)| *data < 1 << 11));
        self.check_levels();
        Ok(())
    }

    fn read(&mut self, input: &mut Unstructured) -> Result<()> {
        let (domain, at, bytes) = place(input)?;
        let mut data = [0; 8];
        self.domains[domain].read(at, &mut data[..bytes]);
        let is_claim = (at as u32).checked_sub(CLAIMI).is_some_and(|offset| offset.is_multiple_of(32));
        assert!(!is_claim || self.wired || data == [0; 8], "there are no IDC structures");
        assert!(!is_claim || self.word(domain, at as u32) >> 16 <= SOURCES);
        Ok(())
    }

    fn word(&mut self, domain: usize, at: u32) -> u32 {
        let mut word = [0; 4];
        self.domains[domain].read(at.into(), &mut word);
        u32::from_le_bytes(word)
    }

    /// "When an interrupt domain is in direct delivery mode, the pending bit for a level-sensitive source is always
    /// just a copy of the rectified input value. Even in MSI delivery mode, the pending bit for a level-sensitive
    /// source is never set (= 1) when the rectified input value is low."
    fn check_levels(&mut self) {
        for (domain, source) in (0..2).flat_map(|domain| (1..=SOURCES).map(move |source| (domain, source))) {
            if self.word(domain, SOURCECFG + 4 * source) & 6 == 6 {
                let bit = |word: u32| word >> (source % 32) & 1;
                let pending = bit(self.word(domain, SETIP + source / 32 * 4));
                let rectified = bit(self.word(domain, IN_CLRIP + source / 32 * 4));
                assert!(pending == rectified || !self.wired && pending == 0, "source {source} of domain {domain}");
            }
        }
    }

    /// After a reset no external interrupt is left, and no source is active.
    fn reset(&mut self) {
        self.aplic.reset();
        let external = Interrupt::MachineExternal.bit() | Interrupt::SupervisorExternal.bit();
        assert!(self.pins.iter().all(|pins| pins.levels() & external == 0));
        assert!((1..=SOURCES).all(|source| self.word(0, SOURCECFG + 4 * source) == 0));
    }
}

/// A place in a domain, and a width that ends in it too.
fn place(input: &mut Unstructured) -> Result<(usize, u64, usize)> {
    let domain = usize::from(input.arbitrary::<u8>()? & 1);
    let (at, bytes) = (u64::from(input.arbitrary::<u32>()?), 1 << input.int_in_range(0..=3)?);
    Ok((domain, at % (region_bytes(HARTS as u64) - bytes + 1), bytes as usize))
}

fn run(input: &mut Unstructured) -> Result<()> {
    let mut machine = Machine::new(input.arbitrary::<u8>()? & 1 == 1);
    while !input.is_empty() {
        machine.step(input)?;
    }
    machine.reset();
    Ok(())
}
