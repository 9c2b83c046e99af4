//! What a machine runs: kernel, firmware, initial RAM disk and device tree, put into memory.

use std::path::PathBuf;

use arch::Phys;
use devices::Status;
use memory::Ram;
use vcpu::Cpu;

use crate::config::{Firmware, MachineConfig};
use crate::error::Error;
use crate::given;
use crate::loader::{self, Defaults, Initrd, Load, Places, Program, Range};
use crate::map::DRAM_BASE;
use crate::parts::rom::Boot;
use crate::tree::{Chosen, Tree};
use crate::wiring::Wiring;

/// Where a firmware's payload goes: behind the 2 MiB that firmware keeps for itself, as on QEMU.
const PAYLOAD_OFFSET: u64 = 2 << 20;

/// The files, kept so that a reset can load them again.
pub struct Software {
    firmware: Firmware,
    kernel: Option<PathBuf>,
    loads: Vec<Load>,
    tree: Option<PathBuf>,
    initrd: Option<PathBuf>,
    initrd_more: Vec<PathBuf>,
    append: String,
    seed: Option<u64>,
}

/// What the device tree describes besides the software.
pub struct Hardware<'a> {
    pub ram: &'a Ram,
    pub wiring: &'a Wiring,
    pub cpu: &'a Cpu,
    pub harts: usize,
}

/// Software in memory.
pub struct Loaded {
    /// The kernel.
    pub kernel: Option<Program>,
    /// The M-mode image.
    pub firmware: Option<Program>,
    /// The flattened device tree.
    pub tree: Vec<u8>,
    /// Where it lies.
    pub tree_at: u64,
    /// What else was put into memory.
    loads: Vec<Program>,
    /// Where the first file of these begins that is for no hart in particular: it is started where there is no kernel.
    first: Option<u64>,
    /// Harts that begin elsewhere than in the reset ROM, and where.
    starts: Vec<(usize, u64)>,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// Where the machine is to begin is known without this: it was saved there.
    begun: bool,
    /// Symbols of what it was loaded with then.
    named: Vec<(String, u64)>,
}

impl Software {
    /// What `config` names.
    pub fn of(config: &MachineConfig) -> Software {
        Software {
            firmware: config.firmware.clone(),
            kernel: config.kernel.clone(),
            loads: config.loads.clone(),
            tree: config.tree.clone(),
            initrd: config.initrd.clone(),
            initrd_more: config.initrd_more.clone(),
            append: config.append.clone(),
            seed: config.seed,
        }
    }

    /// Puts everything into memory.
    pub fn load(&self, hardware: &Hardware) -> Result<Loaded, Error> {
        let ram = hardware.ram;
        let firmware = match &self.firmware {
            Firmware::Image(path) => Some(loader::program(path, ram, Defaults { raw: DRAM_BASE, linux: DRAM_BASE })?),
            Firmware::Builtin | Firmware::None => None,
        };
        let kernel = self.kernel.as_ref().map(|path| loader::program(path, ram, self.kernel_defaults())).transpose()?;
        let loads = self.loads.iter().map(|load| load.put(ram)).collect::<Result<Vec<_>, _>>()?;
        self.check_collisions(kernel.as_ref(), firmware.as_ref(), &loads)?;
        let starts = self.starts(&loads, hardware.harts)?;
        let mut initrd = self.initrd.as_ref().map(|path| Initrd::open(path, &self.initrd_more, ram)).transpose()?;
        let taken: Vec<Range> = kernel.iter().chain(&firmware).chain(&loads).map(|program| program.range).collect();
        let (tree, places) = self.place_tree(hardware, &taken, initrd.as_ref().map_or(0, Initrd::len_bytes))?;
        initrd.as_mut().map_or(Ok(()), |initrd| initrd.load(ram, Phys(places.initrd)))?;
        put(ram, places.tree, &tree)?;
        let first = self.loads.iter().position(Load::is_program).and_then(|at| loads.get(at)).map(|load| load.entry.0);
        let warnings = initrd.iter().filter_map(Initrd::doubt).collect();
        Ok(Loaded {
            kernel,
            firmware,
            tree,
            tree_at: places.tree,
            loads,
            first,
            starts,
            warnings,
            begun: false,
            named: Vec::new(),
        })
    }

    /// The harts that begin at what was loaded for them.
    fn starts(&self, loads: &[Program], harts: usize) -> Result<Vec<(usize, u64)>, Error> {
        let asked = self.loads.iter().zip(loads).filter_map(|(load, program)| Some((load.hart?, program.entry.0)));
        let starts: Vec<(usize, u64)> = asked.collect();
        match starts.iter().find(|(hart, _)| *hart >= harts) {
            Some((hart, _)) => Err(Error::NoHart { asked: *hart, harts }),
            None if !starts.is_empty() && self.firmware == Firmware::Builtin => Err(Error::HartIsFirmwares),
            None => Ok(starts),
        }
    }

    /// Without a firmware the kernel has all of memory.
    fn kernel_defaults(&self) -> Defaults {
        let raw = match self.firmware {
            Firmware::None => DRAM_BASE,
            Firmware::Builtin | Firmware::Image(_) => Phys(DRAM_BASE.0 + PAYLOAD_OFFSET),
        };
        Defaults { raw, linux: DRAM_BASE }
    }

    /// Refuses files that want the same memory.
    fn check_collisions(
        &self,
        kernel: Option<&Program>,
        firmware: Option<&Program>,
        loads: &[Program],
    ) -> Result<(), Error> {
        let shown = |path: Option<&PathBuf>| path.map(|path| path.display().to_string()).unwrap_or_default();
        let image = match &self.firmware {
            Firmware::Image(path) => Some(path),
            Firmware::Builtin | Firmware::None => None,
        };
        let mut all = vec![];
        all.extend(firmware.map(|program| (format!("the firmware '{}'", shown(image)), program.range)));
        all.extend(kernel.map(|program| (format!("'{}'", shown(self.kernel.as_ref())), program.range)));
        let named = |(load, program): (&Load, &Program)| (format!("'{}'", load.name()), program.range);
        all.extend(self.loads.iter().zip(loads).map(named));
        for (at, (one, range)) in all.iter().enumerate() {
            if let Some((other, _)) = all[..at].iter().find(|(_, other)| other.overlaps(*range)) {
                return Err(Error::Collision { one: one.clone(), other: other.clone() });
            }
        }
        Ok(())
    }

    /// Writes the tree twice: its size, which places depend on, does not depend on the places.
    fn place_tree(&self, hardware: &Hardware, taken: &[Range], initrd_bytes: u64) -> Result<(Vec<u8>, Places), Error> {
        let seed = random_bytes(self.seed)?;
        let tree = |initrd: Range| {
            let initrd = (initrd_bytes != 0).then_some(initrd);
            self.flatten(hardware, Chosen { bootargs: self.append.clone(), initrd, seed })
        };
        let draft = tree(Range { start: 0, end: 0 })?;
        let places = loader::place(Range::of(hardware.ram), taken, draft.len() as u64, initrd_bytes);
        let places = places.ok_or_else(|| Error::Room {
            ram_bytes: hardware.ram.len_bytes(),
            program_bytes: taken.iter().map(|range| range.end - range.start).sum(),
            initrd_bytes,
        })?;
        let initrd = Range { start: places.initrd, end: places.initrd + initrd_bytes };
        Ok((tree(initrd)?, places))
    }

    fn flatten(&self, hardware: &Hardware, chosen: Chosen) -> Result<Vec<u8>, Error> {
        let Hardware { ram, wiring, cpu, harts } = *hardware;
        if let Some(path) = &self.tree {
            return Ok(loader::read(path, ram.len_bytes(), |content| given::flatten(content, &chosen))?);
        }
        let (memory, console) = (Range::of(ram), wiring.console_node());
        // a firmware that is a program says so itself of what it keeps
        let machine_level = if self.firmware == Firmware::Builtin { Status::Disabled } else { Status::Okay };
        Ok(wiring
            .with_nodes(|devices| Tree { cpu, harts, memory, devices, machine_level, console, chosen }.flatten())?)
    }
}

impl Loaded {
    /// Nothing, for a machine that has begun before.
    pub fn elsewhere() -> Loaded {
        Loaded {
            kernel: None,
            firmware: None,
            tree: Vec::new(),
            tree_at: 0,
            loads: Vec::new(),
            first: None,
            starts: Vec::new(),
            warnings: Vec::new(),
            begun: true,
            named: Vec::new(),
        }
    }

    /// Says where symbols were when the machine began.
    #[cfg(feature = "state")]
    pub fn name(&mut self, symbols: Vec<(String, u64)>) {
        self.named = symbols;
    }

    /// What the reset ROM says: to the firmware, or without one to the kernel.
    pub fn boot(&self) -> Boot {
        let kernel = self.kernel.as_ref().map(|program| program.entry.0).or(self.first).unwrap_or(0);
        let start = self.firmware.as_ref().map_or(kernel, |program| program.entry.0);
        Boot { start, tree: self.tree_at, next: kernel }
    }

    /// Where hart `number` begins, where that is not the reset ROM.
    pub fn start_of(&self, number: usize) -> Option<u64> {
        self.starts.iter().rfind(|(hart, _)| *hart == number).map(|&(_, start)| start)
    }

    /// Whether there is nothing to run.
    pub fn is_empty(&self) -> bool {
        !self.begun && self.boot().start == 0 && self.starts.is_empty()
    }

    /// The address of a symbol of the kernel, or else of the firmware, or of what was loaded beside them.
    pub fn symbol(&self, name: &str) -> Option<u64> {
        let programs = self.kernel.iter().chain(&self.firmware).chain(&self.loads);
        let named = || self.named.iter().find(|(symbol, _)| symbol == name).map(|&(_, address)| address);
        programs.filter_map(|program| program.symbols.address(name)).map(|address| address.0).next().or_else(named)
    }
}

/// Copies to a place that was found within RAM.
fn put(ram: &Ram, at: u64, bytes: &[u8]) -> Result<(), Error> {
    loader::write(ram, Phys(at), bytes).map_err(Error::Placing)
}

/// What the kernel seeds its random numbers with.
fn random_bytes(seed: Option<u64>) -> Result<[u8; 32], Error> {
    let mut bytes = [0; 32];
    match seed {
        Some(seed) => fastrand::Rng::with_seed(seed).fill(&mut bytes),
        None => getrandom::fill(&mut bytes).map_err(Error::Random)?,
    }
    Ok(bytes)
}
