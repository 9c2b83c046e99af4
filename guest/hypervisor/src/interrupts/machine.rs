//! The machine's own interrupts: those of devices that guests have, which the first hart takes, and those by which
//! harts call each other.
//!
//! RISC-V Platform-Level Interrupt Controller Specification 1.0.0: "Interrupt Claim Process", "Interrupt Completion".
//! AIA 1.0: "Interrupt forwarding by MSIs", "Interrupt delivery directly by the APLIC". Where harts have IMSICs, a hart
//! is called by a message to its own interrupt file, as devices' interrupts come; else by the firmware.

use alloc::vec::Vec;

use arch::Phys;
use arch::addr::PAGE_BYTES;
use arch::aplic::{CLAIMI, CLRIE, DM, DOMAINCFG, HART_INDEX_SHIFT, IDC, IDC_BYTES, IDELIVERY, IE, ITHRESHOLD};
use arch::aplic::{SETIENUM, SETIPNUM, SOURCECFG, TARGET};
use arch::csr::{self as registers, ip, iselect, topei};
use cores::aplic::{Delivery, Mode};
use cores::plic::{claim_at, enable_at, priority_at, threshold_at};
use spin::Once;

use crate::devices::virtio::plugged;
use crate::memory::own;
use crate::memory::physical::{read_register, write_register};
use crate::sbi::firmware;
use crate::start::hart::{self, Hart};
use crate::start::{controllers, csr};

/// The controller of devices' interrupts, as the first hart knows it.
enum Controller {
    Plic { base: u64, context: usize },
    Aplic { base: u64, hart: u32, delivery: Delivery },
}

/// The harts' interrupt files.
struct Files {
    /// Each hart's own, in the order of [`hart::harts`]; those for guests are behind it.
    pages: Vec<Phys>,
    /// Files for guests that each has.
    for_guests: u8,
    /// The highest identity.
    identities: u16,
}

static CONTROLLER: Once<Option<Controller>> = Once::new();
static FILES: Once<Files> = Once::new();

/// The identity by which harts call each other; devices' sources come behind it.
const KICK: u32 = 1;

/// Finds the harts' interrupt files. The first hart does, before others begin.
pub fn init() {
    let board = hart::board();
    let Some(imsics) = board.controllers.imsics.as_ref().filter(|_| board.has("ssaia")) else { return };
    imsics.regions.iter().for_each(|region| own::map_device(region.clone()));
    let Some(pages) = hart::harts().iter().map(|hart| imsics.page(hart.id, 0)).collect() else { return };
    // "GEILEN": "writing one to all writable bits in `hgeie`, then reading back"; and no more than have a page.
    let implemented = csr::probe::<{ registers::HGEIE }>(u64::MAX).count_ones() as u8;
    let for_guests = implemented.min(((1u64 << imsics.guest_index_bits.min(6)) - 1) as u8);
    FILES.call_once(|| Files { pages, for_guests, identities: imsics.identities });
}

/// Lets this hart be called by messages.
pub fn set_up() {
    let Some(files) = FILES.get() else { return };
    let write = |register: u64, value: u64| {
        csr::write::<{ registers::SISELECT }>(register);
        csr::write::<{ registers::SIREG }>(value);
    };
    (0..=u64::from(files.identities / 64)).for_each(|word| write(iselect::EIE0 + 2 * word, 0));
    write(iselect::EITHRESHOLD, 0);
    write(iselect::EIDELIVERY, 1);
    enable_identity(KICK);
}

fn enable_identity(identity: u32) {
    csr::write::<{ registers::SISELECT }>(iselect::EIE0 + u64::from(identity / 64 * 2));
    csr::set::<{ registers::SIREG }>(1 << (identity % 64));
}

/// How many interrupt files for guests each hart has, and their highest identity.
pub fn for_guests() -> Option<(u8, u16)> {
    FILES.get().map(|files| (files.for_guests, files.identities))
}

/// The page of a hart's interrupt file: 0 is its own.
pub fn page(hart: usize, file: u8) -> Phys {
    let own = FILES.get().and_then(|files| files.pages.get(hart)).expect("whoever asks has been given a file");
    Phys(own.0 + u64::from(file) * PAGE_BYTES)
}

/// Calls another hart.
pub fn kick(hart: &Hart) {
    match FILES.get() {
        Some(_) => send(page(hart.index, 0), KICK),
        None => firmware::interrupt(hart.id),
    }
}

/// Sends a message. What was written to memory before is there when it arrives.
pub fn send(page: Phys, identity: u32) {
    csr::order();
    write_register(page, identity);
    csr::order();
}

/// Lets the first hart be interrupted by a device; answers whether that can be.
pub fn enable(source: u32) -> bool {
    let controller = CONTROLLER.call_once(|| Controller::plic().or_else(Controller::aplic));
    controller.as_ref().is_some_and(|controller| controller.enable(source))
}

/// The bit of `sie` and `sip` by which the hart that executes this is interrupted.
pub fn enabled() -> u64 {
    let takes_devices = hart::this().index == 0 && CONTROLLER.get().is_some_and(Option::is_some);
    if takes_devices || FILES.get().is_some() { ip::SEIP } else { 0 }
}

/// Takes all that pend; answers whether another hart has called.
pub fn take() -> bool {
    let controller = CONTROLLER.get().and_then(Option::as_ref);
    let mut called = false;
    loop {
        let source = match FILES.get() {
            Some(_) => match topei::identity(csr::swap::<{ registers::STOPEI }>(0)) as u32 {
                0 => return called,
                KICK => {
                    called = true;
                    continue;
                }
                identity => identity - KICK,
            },
            None => match controller.map_or(0, Controller::claim) {
                0 => return called,
                source => source,
            },
        };
        plugged::interrupted(source);
        controller.iter().for_each(|controller| controller.complete(source));
    }
}

impl Controller {
    fn base(&self) -> u64 {
        match *self {
            Controller::Plic { base, .. } | Controller::Aplic { base, .. } => base,
        }
    }

    fn read(&self, offset: u64) -> u32 {
        read_register(Phys(self.base() + offset))
    }

    fn write(&self, offset: u64, value: u32) {
        write_register(Phys(self.base() + offset), value);
    }

    /// Nothing is enabled, until a device is.
    fn plic() -> Option<Controller> {
        let controllers::Plic { base, contexts } = hart::board().controllers.plic.as_ref()?;
        let context = contexts.iter().position(|&hart| hart == Some(hart::this().id))?;
        own::map_device(*base..base + claim_at(context) + 4);
        let plic = Controller::Plic { base: *base, context };
        (0..cores::plic::MAX_SOURCES).step_by(32).for_each(|source| plic.write(enable_at(context, source), 0));
        plic.write(threshold_at(context), 0);
        Some(plic)
    }

    /// The same. By messages, as far as all harts are of one group: then hart index numbers are places in the list.
    fn aplic() -> Option<Controller> {
        let controllers::Controllers { aplic, imsics, .. } = &hart::board().controllers;
        let told = aplic.as_ref()?;
        let harts = match told.delivery {
            Delivery::Direct => &told.harts,
            Delivery::Messages => &imsics.as_ref().filter(|imsics| imsics.regions.len() == 1)?.harts,
        };
        let hart = harts.iter().position(|&hart| hart == Some(hart::this().id))? as u32;
        own::map_device(told.registers.clone());
        let aplic = Controller::Aplic { base: told.registers.start, hart, delivery: told.delivery };
        CLRIE.step_by(4).for_each(|word| aplic.write(word, u32::MAX));
        if told.delivery == Delivery::Direct {
            aplic.write(aplic.idc(ITHRESHOLD), 0);
            aplic.write(aplic.idc(IDELIVERY), 1);
        }
        aplic.write(DOMAINCFG, IE | if told.delivery == Delivery::Messages { DM } else { 0 });
        Some(aplic)
    }

    /// A register of the first hart's IDC structure.
    fn idc(&self, register: u64) -> u64 {
        match *self {
            Controller::Aplic { hart, .. } => IDC + IDC_BYTES * u64::from(hart) + register,
            Controller::Plic { .. } => register,
        }
    }

    fn enable(&self, source: u32) -> bool {
        match *self {
            Controller::Plic { context, .. } => {
                self.write(priority_at(source), 1);
                let word = enable_at(context, source);
                self.write(word, self.read(word) | 1 << (source % 32));
                true
            }
            Controller::Aplic { hart, delivery, .. } => {
                let behind = 4 * u64::from(source.saturating_sub(1));
                let identity = KICK + source;
                let exists = FILES.get().is_some_and(|files| identity <= files.identities.into());
                let target = match delivery {
                    // Priority 1.
                    Delivery::Direct => 1,
                    Delivery::Messages if exists => identity,
                    Delivery::Messages => return false,
                };
                self.write(SOURCECFG.start + behind, Mode::Level1 as u32);
                self.write(TARGET.start + behind, hart << HART_INDEX_SHIFT | target);
                self.write(SETIENUM, source);
                if delivery == Delivery::Messages {
                    enable_identity(identity);
                }
                // A source that the firmware has kept for itself is none here.
                self.read(SOURCECFG.start + behind) == Mode::Level1 as u32
            }
        }
    }

    /// What pends first, where it comes by wire.
    fn claim(&self) -> u32 {
        match *self {
            Controller::Plic { context, .. } => self.read(claim_at(context)),
            Controller::Aplic { .. } => self.read(self.idc(CLAIMI)) >> topei::IDENTITY_SHIFT,
        }
    }

    fn complete(&self, source: u32) {
        match *self {
            Controller::Plic { context, .. } => self.write(claim_at(context), source),
            // "This will cause the interrupt's pending bit to be set to one again if the source is still asserting an
            // interrupt".
            Controller::Aplic { delivery: Delivery::Messages, .. } => self.write(SETIPNUM, source),
            Controller::Aplic { .. } => {}
        }
    }
}
