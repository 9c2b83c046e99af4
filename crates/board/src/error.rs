//! Why a machine cannot be built or started.

use vcpu::ImsicShape;

use crate::limits::{MAX_HARTS, MAX_MEMORY_BYTES, MIN_MEMORY_BYTES};
use crate::loader;
use crate::map::VIRTIO_SLOTS;

/// Why a machine cannot be built or started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Too few or too many harts.
    #[error("a machine has 1 to {MAX_HARTS} harts, not {asked}")]
    Harts {
        /// How many were asked for.
        asked: usize,
    },
    /// An impossible size of memory.
    #[error(
        "memory of {asked_bytes} bytes: it must be a multiple of 4096 from {MIN_MEMORY_BYTES} to {MAX_MEMORY_BYTES}"
    )]
    Memory {
        /// How much was asked for.
        asked_bytes: u64,
    },
    /// Too many virtio devices.
    #[error("the board has {VIRTIO_SLOTS} virtio slots, too few for {asked} devices")]
    Slots {
        /// How many were asked for.
        asked: usize,
    },
    /// A virtio slot that is not there.
    #[error("there is no virtio-mmio-bus.{asked}; the board has virtio-mmio-bus.0 to .{last}", last = VIRTIO_SLOTS - 1)]
    NoSlot {
        /// The one asked for.
        asked: usize,
    },
    /// Two devices for one slot.
    #[error("virtio-mmio-bus.{slot} is for two devices; give each a bus of its own, or leave the choice to vhart")]
    SlotTaken {
        /// Which.
        slot: usize,
    },
    /// The host has no room for guest memory.
    #[error(transparent)]
    Ram(#[from] memory::Error),
    /// Devices overlap: a mistake in the memory map.
    #[error(transparent)]
    Map(#[from] bus::Overlap),
    /// The engine cannot make harts.
    #[error("{0}")]
    Engine(Box<dyn std::error::Error + Send + Sync>),
    /// A file cannot be loaded.
    #[error(transparent)]
    File(#[from] loader::Error),
    /// A place that was found in memory is not there.
    #[error("the initrd or the device tree {0}")]
    Placing(loader::Problem),
    /// The device tree cannot be written.
    #[error("the device tree cannot be written: {0}")]
    Tree(#[from] vm_fdt::Error),
    /// Initial RAM disk and device tree do not fit beside the programs.
    #[error(
        "memory of {ram_bytes} bytes is too small for the kernel or firmware ({program_bytes} bytes), \
         an initrd of {initrd_bytes} bytes and the device tree; give the machine more with --memory"
    )]
    Room {
        /// Size of RAM.
        ram_bytes: u64,
        /// What programs take.
        program_bytes: u64,
        /// What the initial RAM disk takes.
        initrd_bytes: u64,
    },
    /// A file lies where another is.
    #[error("{one} and {other} want the same memory")]
    Collision {
        /// The file.
        one: String,
        /// The one that was there before.
        other: String,
    },
    /// A hart that is not there is to begin at a loaded file.
    #[error("cpu-num={asked}: the machine's harts are 0 to {}", harts - 1)]
    NoHart {
        /// The one asked for.
        asked: usize,
        /// How many there are.
        harts: usize,
    },
    /// The built-in firmware decides where harts begin.
    #[error("cpu-num lets a hart begin in M-mode, where the built-in firmware is; choose --firmware none or an image")]
    HartIsFirmwares,
    /// Nothing to run.
    #[error("there is nothing to run: name a kernel or a firmware image")]
    NothingToRun,
    /// The guest asked for a reset of a machine that was loaded from a snapshot, and nobody said what it is to start
    /// with.
    #[error(
        "the guest asked for a reset, and there is nothing to start again with: name the kernel or firmware image beside the snapshot"
    )]
    NothingToRestart,
    /// An M-mode image for an engine without M-mode.
    #[error("engine kvm answers SBI calls itself: it runs no firmware image")]
    NoMachineMode,
    /// Interrupt files for harts of a host that has none to give.
    #[error("this engine's host has no interrupt files for its harts: leave --aia aplic-imsic out")]
    NoAiaForGuests,
    /// More guest interrupt files than `hgeip` has lines.
    #[error("a hart has 0 to {most} guest interrupt files, not {asked}", most = ImsicShape::MAX_GUEST_FILES)]
    GuestFiles {
        /// How many were asked for.
        asked: u8,
    },
    /// Guest interrupt files of harts that have no guests.
    #[error(
        "{asked} guest interrupt files are for the guests of harts with extension H, which is not in the instruction set"
    )]
    GuestFilesWithoutH {
        /// How many were asked for.
        asked: u8,
    },
    /// A thread could not be made.
    #[error("the host has no room for another thread: {0}")]
    Thread(std::io::Error),
    /// The host has no random numbers.
    #[error("the host gives no random numbers: {0}")]
    Random(getrandom::Error),
}
