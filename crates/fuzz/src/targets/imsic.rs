//! An IMSIC: messages to the pages of its interrupt files, and accesses of every mode to the CSRs that reach them, held
//! against files that are sets.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use arbitrary::{Result, Unstructured};
use arch::csr::{self, hstatus, ip, iselect, pmpcfg, topei};
use arch::{Isa, Mode, Phys};
use bus::{Bus, MsiSink};
use devices::{FileLevel, ImsicPages, Part};
use hart::{Hart, HartParts, Step};
use kit::Registers;
use memory::Ram;
use privileged::{Config, FileAccess, FileId};
use vcpu::{EmulatedHart, HartPins, ImsicShape, Vcpu};

use super::{Target, with};

pub const TARGET: Target = Target {
    name: "imsic",
    what: "pages of an IMSIC's interrupt files, and the CSRs that reach them: files are as sets would be",
    run: |input| with(input, run),
    seeds,
};

const CODE: u64 = 0x8000_0000;
const MACHINE: u64 = 0x2400_0000;
const SUPERVISOR: u64 = 0x2800_0000;
const PAGE: u64 = 0x1000;
const MODES: [Mode; 5] = [Mode::M, Mode::HS, Mode::VS, Mode::U, Mode::VU];
const WINDOWS: [u16; 9] = [
    csr::MIREG,
    csr::MTOPEI,
    csr::SIREG,
    csr::STOPEI,
    csr::VSIREG,
    csr::VSTOPEI,
    csr::SIREG2,
    csr::VSIREG6,
    csr::MIREG3,
];
/// What decides which register of which file an access reaches, and whether it may.
const DECIDING: [u16; 7] =
    [csr::MISELECT, csr::SISELECT, csr::VSISELECT, csr::HSTATUS, csr::MVIEN, csr::MSTATEEN0, csr::HSTATEEN0];

fn seeds() -> Vec<Vec<u8>> {
    let counting: Vec<u8> = (0..=255).collect();
    let selects = (0..16).flat_map(|n| [1, 2, n, 0x70 + n * 9, 0, 0, 0, 0, 0, 0, 0, 0, n % 5, n % 9, 1]).collect();
    vec![counting.clone(), counting.into_iter().rev().collect(), selects, vec![0; 64], vec![2; 200]]
}

/// An interrupt file, as the specification's words have it.
#[derive(Default)]
struct File {
    pending: BTreeSet<u16>,
    enabled: BTreeSet<u16>,
    threshold: u64,
    delivers: bool,
}

impl File {
    fn top(&self) -> Option<u16> {
        let below = |identity: &u16| self.threshold == 0 || u64::from(*identity) < self.threshold;
        self.pending.intersection(&self.enabled).copied().find(below)
    }

    fn signals(&self) -> bool {
        self.delivers && self.top().is_some()
    }

    fn read(&self, number: u64) -> u64 {
        let word = |set: &BTreeSet<u16>, from: u64| {
            (0..64).fold(0, |bits, bit| bits | u64::from(set.contains(&((from + bit) as u16))) << bit)
        };
        match number {
            iselect::EIDELIVERY => self.delivers.into(),
            iselect::EITHRESHOLD => self.threshold,
            iselect::EIP0..=iselect::EIP63 => word(&self.pending, (number - iselect::EIP0) * 32),
            iselect::EIE0..=iselect::EIE63 => word(&self.enabled, (number - iselect::EIE0) * 32),
            _ => 0,
        }
    }

    fn write(&mut self, number: u64, value: u64, identities: u16) {
        let put = |set: &mut BTreeSet<u16>, from: u64| {
            for bit in (0..64).filter(|bit| (1..=u64::from(identities)).contains(&(from + bit))) {
                let identity = (from + bit) as u16;
                if value >> bit & 1 != 0 {
                    set.insert(identity)
                } else {
                    set.remove(&identity)
                };
            }
        };
        match number {
            iselect::EIDELIVERY => self.delivers = value & 1 != 0,
            iselect::EITHRESHOLD => self.threshold = value & u64::from(identities),
            iselect::EIP0..=iselect::EIP63 => put(&mut self.pending, (number - iselect::EIP0) * 32),
            iselect::EIE0..=iselect::EIE63 => put(&mut self.enabled, (number - iselect::EIE0) * 32),
            _ => {}
        }
    }
}

struct Machine {
    hart: Hart,
    bus: Arc<Bus>,
    ram: Ram,
    pages: [Arc<Mutex<ImsicPages>>; 2],
    shape: ImsicShape,
    /// Machine level's, supervisor level's, and those of guests 1 to 3.
    files: [File; 5],
}

impl Machine {
    fn new(identities: u16) -> Machine {
        let pins = HartPins::with_imsic(ImsicShape { identities, guest_files: 3 });
        let shape = pins.imsic().expect("it was asked for").shape();
        let page = |level| Arc::new(Mutex::new(ImsicPages::new(vec![pins.clone()], level)));
        let pages = [page(FileLevel::Machine), page(FileLevel::Supervisor)];
        let bus = Arc::new(Bus::default());
        for ((name, base, len), device) in
            [("machine", MACHINE, PAGE), ("supervisor", SUPERVISOR, 4 * PAGE)].into_iter().zip(&pages)
        {
            bus.map(name, Phys(base), len, device.clone()).expect("the regions do not overlap");
        }
        let (ram, config) = (kit::ram(PAGE), pins.fitting(Config::new(Isa::ALL, 0)));
        let parts = HartParts { config, bus: bus.clone(), pins, ..kit::alone(Isa::ALL, ram.clone()) };
        let mut hart = Hart::new(parts);
        hart.reset_machine(CODE);
        let state = hart.state_mut();
        (state.pmpaddr[0], state.pmpcfg[0]) = ((1 << 54) - 1, pmpcfg::A_NAPOT | pmpcfg::R | pmpcfg::W | pmpcfg::X);
        (state.mstateen, state.hstateen) = ([u64::MAX; 4], [u64::MAX; 4]);
        Machine { hart, bus, ram, pages, shape, files: Default::default() }
    }

    fn step(&mut self, input: &mut Unstructured) -> Result<()> {
        match input.int_in_range(0..=5)? {
            0 => self.write_page(input)?,
            1 => self.decide(input)?,
            2 => {
                let (file, identity) = (input.int_in_range(0..=4)?, input.arbitrary::<u16>()?);
                let address = if file == 0 { MACHINE } else { SUPERVISOR + (file - 1) * PAGE };
                self.bus.send(Phys(address), identity.into()).expect("a page is there");
                self.arrive(file as usize, identity.into());
            }
            3 if input.ratio(1, 8)? => self.reset(),
            _ => self.access(input)?,
        }
        self.check();
        Ok(())
    }

    fn arrive(&mut self, file: usize, identity: u64) {
        if (1..=u64::from(self.shape.identities)).contains(&identity) {
            self.files[file].pending.insert(identity as u16);
        }
    }

    fn write_page(&mut self, input: &mut Unstructured) -> Result<()> {
        let bytes = 1u64 << input.int_in_range(0..=3)?;
        let (base, len) = if input.arbitrary()? { (MACHINE, PAGE) } else { (SUPERVISOR, 4 * PAGE) };
        let near: bool = input.arbitrary()?;
        let offset = u64::from(input.arbitrary::<u16>()?) % (len - bytes + 1);
        let offset = if near { offset & !(PAGE - 1) | offset & 7 } else { offset }.min(len - bytes);
        let data: [u8; 8] = input.arbitrary()?;
        self.bus.write(Phys(base + offset), &data[..bytes as usize]).expect("it is within a page");
        let file = if base == MACHINE { 0 } else { 1 + (offset / PAGE) as usize };
        let word = [data[0], data[1], data[2], data[3]];
        match (bytes, offset % PAGE) {
            (4, 0) => self.arrive(file, u32::from_le_bytes(word).into()),
            (4, 4) => self.arrive(file, u32::from_be_bytes(word).into()),
            _ => {}
        }
        Ok(())
    }

    /// Writes a register that decides about accesses.
    fn decide(&mut self, input: &mut Unstructured) -> Result<()> {
        let address = *input.choose(&DECIDING)?;
        let value = match address {
            csr::HSTATUS => u64::from(input.arbitrary::<u8>()? % 8) << hstatus::VGEIN_SHIFT,
            csr::MVIEN => {
                if input.ratio(1, 4)? {
                    ip::SEIP
                } else {
                    0
                }
            }
            csr::MSTATEEN0 | csr::HSTATEEN0 => u64::MAX ^ 1 << (56 + input.int_in_range(0..=7)?),
            _ if input.arbitrary()? => iselect::EIDELIVERY + u64::from(input.arbitrary::<u8>()? % 0x90),
            _ => input.arbitrary::<u16>()?.into(),
        };
        self.hart.set_csr(address, value);
        Ok(())
    }

    /// A CSR instruction in some mode.
    fn access(&mut self, input: &mut Unstructured) -> Result<()> {
        let (mode, address) = (*input.choose(&MODES)?, *input.choose(&WINDOWS)?);
        let (operation, value) = (input.int_in_range(1..=3)?, input.arbitrary::<u64>()?);
        let raw = u32::from(address) << 20 | 6 << 15 | operation << 12 | 5 << 7 | 0x73;
        self.ram.write_bytes(0, &raw.to_le_bytes()).expect("it is within memory");
        self.hart.state_mut().mode = mode;
        self.hart.set_pc(CODE);
        self.hart.set_x([(5, 0), (6, value)]);
        let reached = privileged::csr::file_access(self.hart.state(), &self.hart.core.config, address);
        let step = self.hart.step(&mut ());
        assert!(reached.is_none() || step == Step::Retired, "{address:#x} in {mode:?}: {step:?}");
        let old = self.hart.x(5);
        match reached {
            Some(FileAccess::Top(id)) => {
                let file = &mut self.files[index(id)];
                let top = file.top();
                assert_eq!(old, top.map_or(0, |identity| topei::of(identity.into())), "{id:?}");
                top.map(|identity| file.pending.remove(&identity));
            }
            Some(FileAccess::Register(id, number)) => {
                let (file, identities) = (&mut self.files[index(id)], self.shape.identities);
                assert_eq!(old, file.read(number), "register {number:#x} of {id:?}");
                let new = match operation {
                    1 => value,
                    2 => old | value,
                    _ => old & !value,
                };
                file.write(number, new, identities);
            }
            None => {}
        }
        Ok(())
    }

    fn reset(&mut self) {
        self.pages.iter().for_each(|pages| pages.lock().expect("nothing panicked").reset());
        self.files = Default::default();
    }

    /// Every wire has the level of its file.
    fn check(&self) {
        let pins = self.hart.pins();
        let external = pins.levels() & (ip::MEIP | ip::SEIP);
        let level = |file: usize, bit: u64| if self.files[file].signals() { bit } else { 0 };
        assert_eq!(external, level(0, ip::MEIP) | level(1, ip::SEIP));
        assert_eq!(pins.guest_external(), (2..5).fold(0, |bits, file| bits | level(file, 1 << (file - 1))));
    }
}

fn index(id: FileId) -> usize {
    match id {
        FileId::Machine => 0,
        FileId::Supervisor => 1,
        FileId::Guest(number) => 1 + usize::from(number),
    }
}

fn run(input: &mut Unstructured) -> Result<()> {
    // as many as bits of `eithreshold` can say
    let mut machine = Machine::new(*input.choose(&[63, 127, 255, 2047])?);
    while !input.is_empty() {
        machine.step(input)?;
    }
    Ok(())
}
