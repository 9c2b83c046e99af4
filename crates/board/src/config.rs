//! What a machine is made of, as the user asked.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arch::isa::{Extension, Isa};
use devices::{ConsoleOut, Part};
use vcpu::ImsicShape;

use crate::error::Error;
use crate::limits::{MAX_HARTS, MAX_MEMORY_BYTES, MIN_MEMORY_BYTES};
use crate::loader::Load;
use crate::map::VIRTIO_SLOTS;
use crate::sampling::Sampling;
use crate::show::{Show, Tell};

/// Who answers SBI calls and starts the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Firmware {
    /// The emulator itself.
    Builtin,
    /// An image that runs in M-mode, from the first byte of memory (raw) or where its ELF file says.
    Image(PathBuf),
    /// None: the kernel, if any, is started in M-mode through the reset ROM.
    None,
}

/// Which interrupt controller the board has: QEMU's `aia=`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub enum Aia {
    /// A PLIC.
    #[default]
    None,
    /// An APLIC whose wires lead to the harts.
    Aplic,
    /// An APLIC that sends messages to the harts' IMSICs.
    AplicImsic {
        /// How many guest interrupt files each hart has (GEILEN): QEMU's `aia-guests=`.
        guest_files: u8,
    },
}

impl Aia {
    /// The IMSIC of each hart, if harts have one.
    pub(crate) fn imsic(self) -> Option<ImsicShape> {
        match self {
            Aia::None | Aia::Aplic => None,
            Aia::AplicImsic { guest_files } => Some(ImsicShape { identities: ImsicShape::IDENTITIES, guest_files }),
        }
    }

    /// `isa` with what the controllers ask of a hart. (QEMU's harts get AIA's CSRs with an IMSIC only.)
    pub(crate) fn isa(self, isa: Isa) -> Isa {
        if self == Aia::None { isa } else { isa.union(Isa::AIA) }
    }
}

/// What `mtinst` and `htinst` tell of an explicit access that traps. Pseudoinstructions for the walker's own accesses
/// are there in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub enum TrapInstruction {
    /// The instruction, transformed.
    #[default]
    Transformed,
    /// Nothing: they are zero.
    Zero,
}

/// VMIDMAX: "The maximal value of VMIDLEN".
pub const MOST_VMID_BITS: u8 = arch::csr::atp::VMID_BITS as u8;

/// Where the machine's time comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeSource {
    /// The host's clock.
    Wall,
    /// Retired instructions: one tick of the timebase for so many.
    Instructions {
        /// Instructions per tick of 100 ns.
        per_tick: u64,
    },
}

/// Whether a debugger may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Debugging {
    /// None.
    Off,
    /// It may, at any time.
    On,
    /// The machine waits for it before its first instruction.
    Waiting,
}

/// Makes the device of a virtio-mmio slot.
pub type SlotMaker = Box<dyn FnOnce(virtio::Slot) -> Arc<Mutex<dyn Part>>>;

/// A device for a virtio-mmio slot.
pub struct Plug {
    /// Which slot: N of QEMU's `bus=virtio-mmio-bus.N`. Without it the highest that nobody asked for, as in QEMU.
    pub slot: Option<usize>,
    /// Makes the device.
    pub make: SlotMaker,
}

impl From<SlotMaker> for Plug {
    fn from(make: SlotMaker) -> Self {
        Plug { slot: None, make }
    }
}

/// A part of the machine that somebody watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// The hart with this number.
    Hart(usize),
    /// All devices, as one.
    Devices,
}

/// Makes whoever watches a hart, or the devices.
pub type Watching = Box<dyn Fn(Whom) -> Box<dyn events::Sink>>;

/// A machine as the user asks for it.
pub struct MachineConfig {
    /// 1 to [`MAX_HARTS`].
    pub harts: usize,
    /// Bytes of RAM, a multiple of 4 KiB.
    pub memory_bytes: u64,
    /// What harts can do.
    pub isa: Isa,
    /// What they tell of an access that traps.
    pub trap_instruction: TrapInstruction,
    /// Bits of VMID that they have, at most [`MOST_VMID_BITS`].
    pub vmid_bits: u8,
    /// Their interrupt controller.
    pub aia: Aia,
    /// Who answers SBI calls.
    pub firmware: Firmware,
    /// The kernel: a Linux `Image` (packed or not), an ELF file or raw bytes.
    pub kernel: Option<PathBuf>,
    /// What else is put into memory.
    pub loads: Vec<Load>,
    /// A device tree in place of the one that the board writes.
    pub tree: Option<PathBuf>,
    /// The initial RAM disk.
    pub initrd: Option<PathBuf>,
    /// More of it, behind it: Linux unpacks archives one after the other.
    pub initrd_more: Vec<PathBuf>,
    /// The kernel's command line.
    pub append: String,
    /// Devices for the virtio-mmio slots; at most [`crate::map::VIRTIO_SLOTS`].
    pub plugs: Vec<Plug>,
    /// The registers of the virtio-mmio slots: QEMU's `-global virtio-mmio.force-legacy=`.
    pub interface: virtio::Interface,
    /// Where the serial port sends.
    pub console: ConsoleOut,
    /// Where time comes from.
    pub time: TimeSource,
    /// What is random for the machine comes from this number, and its calendar begins with a fixed date; without it
    /// both are the host's.
    pub seed: Option<u64>,
    /// Ends the run after this long.
    pub timeout: Option<Duration>,
    /// Ends the run after about so many instructions and traps of one hart, as a timeout does.
    pub max_instructions: Option<u64>,
    /// Whether a reset that the guest asks for ends the run.
    pub no_reboot: bool,
    /// Whether a debugger may come: [`crate::Machine::control`].
    pub debugging: Debugging,
    /// Who is told what the user should know while the machine runs.
    pub tell: Tell,
    /// Who watches harts and devices, if anybody does. Of a KVM guest's hart little is seen
    /// ([`events::Event::KvmExit`]).
    pub watching: Option<Watching>,
    /// Who sees harts every so many instructions, if anybody does.
    pub sampling: Option<Sampling>,
    /// Who sees a hart then, and each when somebody asks ([`crate::Machine::asker`]).
    pub show: Show,
}

impl Default for MachineConfig {
    fn default() -> Self {
        MachineConfig {
            harts: 1,
            memory_bytes: 1 << 30,
            isa: Isa::default(),
            trap_instruction: TrapInstruction::default(),
            vmid_bits: MOST_VMID_BITS,
            aia: Aia::None,
            firmware: Firmware::Builtin,
            kernel: None,
            loads: Vec::new(),
            tree: None,
            initrd: None,
            initrd_more: Vec::new(),
            append: String::new(),
            plugs: Vec::new(),
            interface: virtio::Interface::Modern,
            console: Box::new(|_| ()),
            time: TimeSource::Wall,
            seed: None,
            timeout: None,
            max_instructions: None,
            no_reboot: false,
            debugging: Debugging::Off,
            tell: Box::new(|_, _| ()),
            watching: None,
            sampling: None,
            show: Box::new(|_| ()),
        }
    }
}

impl MachineConfig {
    /// Refuses what no machine can be.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if !(1..=MAX_HARTS).contains(&self.harts) {
            return Err(Error::Harts { asked: self.harts });
        }
        let memory = self.memory_bytes;
        if !(MIN_MEMORY_BYTES..=MAX_MEMORY_BYTES).contains(&memory) || !memory.is_multiple_of(arch::addr::PAGE_BYTES) {
            return Err(Error::Memory { asked_bytes: memory });
        }
        self.check_guest_files()?;
        self.check_plugs()
    }

    fn check_guest_files(&self) -> Result<(), Error> {
        let asked = self.aia.imsic().map_or(0, |shape| shape.guest_files);
        if asked > ImsicShape::MAX_GUEST_FILES {
            return Err(Error::GuestFiles { asked });
        }
        if asked > 0 && !self.isa.has(Extension::H) {
            return Err(Error::GuestFilesWithoutH { asked });
        }
        Ok(())
    }

    fn check_plugs(&self) -> Result<(), Error> {
        if self.plugs.len() > VIRTIO_SLOTS {
            return Err(Error::Slots { asked: self.plugs.len() });
        }
        let mut taken = [false; VIRTIO_SLOTS];
        for slot in self.plugs.iter().filter_map(|plug| plug.slot) {
            match taken.get_mut(slot) {
                None => return Err(Error::NoSlot { asked: slot }),
                Some(true) => return Err(Error::SlotTaken { slot }),
                Some(taken) => *taken = true,
            }
        }
        Ok(())
    }
}
