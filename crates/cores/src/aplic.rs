//! Sources, their modes and pending bits, and what becomes of them at the harts.
//!
//! Models an APLIC of AIA 1.0 ("Advanced Platform-Level Interrupt Controller (APLIC)") with two domains: the root at
//! machine level, and its child at supervisor level with the same harts, whose index numbers are their ids. Each source
//! is active in one of them at most, so that there is one set of its bits. All source modes are supported, IPRIOLEN is
//! 8, EIID has 11 bits, and the byte order is little-endian (BE is read-only zero). DM is read-only too: whether harts
//! have IMSICs is the machine's ([`Delivery`]).

mod addresses;
mod registers;
mod source;
#[cfg(feature = "state")]
mod state;

pub use addresses::{Addresses, Layout};
pub use registers::region_bytes;
pub use source::Mode;

use alloc::vec;
use alloc::vec::Vec;

use arch::aplic::{DM, HART_INDEX_SHIFT, IE};
use arch::{Interrupt, Phys};

use crate::sources::{Sources, of_word};
use registers::{Idc, MAX_SOURCES, Reg};

/// `domaincfg`: what reads so in any domain.
const DOMAINCFG_ONES: u32 = 0x80 << 24;
/// `sourcecfg.D`.
const D: u32 = 1 << 10;
/// `target` and `genmsi`.
const HART_INDEX: u32 = 0x3fff << HART_INDEX_SHIFT;
const GUEST_SHIFT: u32 = 12;
const GUEST_INDEX: u32 = 0x3f << GUEST_SHIFT;
const EIID: u32 = 0x7ff;
const IPRIO: u32 = 0xff;

/// An interrupt domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// The root, whose interrupts are M-mode's.
    Machine,
    /// Its child, whose interrupts are S-mode's.
    Supervisor,
}

impl Domain {
    /// Both.
    pub const ALL: [Domain; 2] = [Domain::Machine, Domain::Supervisor];

    /// The interrupt of a hart that the domain drives.
    pub fn interrupt(self) -> Interrupt {
        match self {
            Domain::Machine => Interrupt::MachineExternal,
            Domain::Supervisor => Interrupt::SupervisorExternal,
        }
    }
}

/// How interrupts get from a domain to its harts: `domaincfg.DM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// By wire, in the order of priorities.
    Direct,
    /// By messages to the harts' IMSICs.
    Messages,
}

/// A message-signalled interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where it is written to.
    pub address: Phys,
    /// What is written: the interrupt's identity there.
    pub data: u32,
}

/// What an APLIC is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Sources 1 to this.
    pub sources: u32,
    /// How many harts each domain has.
    pub harts: usize,
    /// How interrupts get to them.
    pub delivery: Delivery,
    /// GEILEN of the harts.
    pub guest_files: u8,
}

/// An IDC structure.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
struct Hart {
    delivers: bool,
    forced: bool,
    threshold: u32,
}

/// What a domain has for itself.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
struct Control {
    enabled: bool,
    harts: Vec<Hart>,
    genmsi: u32,
}

/// What an APLIC's registers, and the wires to it, have come to.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub struct Registers {
    wires: Sources,
    delegated: Sources,
    pending: Sources,
    enabled: Sources,
    modes: Vec<Mode>,
    targets: Vec<u32>,
    machine: Control,
    supervisor: Control,
    addresses: Addresses,
}

/// The APLIC's state.
#[derive(Clone, Debug)]
pub struct Core {
    shape: Shape,
    registers: Registers,
    messages: Vec<Message>,
}

impl Core {
    /// An APLIC after reset: nothing is active, `domaincfg` "initialized to zero".
    pub fn new(shape: Shape) -> Core {
        let shape = Shape { sources: shape.sources.min(MAX_SOURCES), ..shape };
        let count = shape.sources as usize + 1;
        let none = Sources::below(count);
        let control = Control { enabled: false, harts: vec![Hart::default(); shape.harts], genmsi: 0 };
        let registers = Registers {
            wires: none.clone(),
            delegated: none.clone(),
            pending: none.clone(),
            enabled: none,
            modes: vec![Mode::Inactive; count],
            targets: vec![0; count],
            machine: control.clone(),
            supervisor: control,
            addresses: Addresses::default(),
        };
        Core { shape, registers, messages: Vec::new() }
    }

    /// What it was made with.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Back to the state after reset; the levels of the wires stay.
    pub fn reset(&mut self) {
        let wires = core::mem::take(&mut self.registers.wires);
        *self = Core::new(self.shape);
        self.registers.wires = wires;
    }

    /// Where messages go: for a machine whose M-mode software is not a program.
    pub fn set_addresses(&mut self, addresses: Addresses) {
        self.registers.addresses = addresses;
    }

    /// Delegates all sources to the supervisor-level domain.
    pub fn delegate_all(&mut self) {
        (1..=self.shape.sources).for_each(|source| self.configure(Domain::Machine, source, D));
    }

    /// The wire of `source` has `level`.
    ///
    /// "Precise effects on interrupt-pending bits": edge-sensitive or level-sensitive, the pending bit "is set to one
    /// by a low-to-high transition in the rectified input value"; level-sensitive, it "is cleared whenever the
    /// rectified input value is low".
    pub fn set_level(&mut self, source: u32, level: bool) {
        if !self.is_source(source) {
            return;
        }
        let before = self.rectified(source);
        self.registers.wires.put(source, level);
        match (before, self.rectified(source)) {
            (false, true) => self.registers.pending.put(source, true),
            (_, false) if self.mode(source).is_level() => self.registers.pending.put(source, false),
            _ => {}
        }
        self.forward();
    }

    /// Reads the register at `offset` of a domain. Reading `claimi` claims.
    pub fn read(&mut self, domain: Domain, offset: u64) -> u32 {
        let Some(reg) = Reg::at(offset) else { return 0 };
        match reg {
            Reg::DomainCfg => DOMAINCFG_ONES | self.delivery_bit() | if self.control(domain).enabled { IE } else { 0 },
            Reg::SourceCfg(source) if domain == Domain::Machine && self.registers.delegated.has(source) => D,
            Reg::SourceCfg(source) if self.appears(domain, source) => self.mode(source) as u32,
            Reg::MsiAddrCfg(register) if self.has_addresses(domain) => self.registers.addresses.read(register),
            Reg::SetIp(k) => self.registers.pending.word(k) & self.of_domain(domain, k),
            Reg::InClrIp(k) => self.rectified_word(domain, k),
            Reg::SetIe(k) => self.registers.enabled.word(k) & self.of_domain(domain, k),
            Reg::GenMsi => self.control(domain).genmsi,
            Reg::Target(source) if self.is_active(domain, source) => self.registers.targets[source as usize],
            Reg::Idc(hart, register) => self.read_idc(domain, hart, register),
            _ => 0,
        }
    }

    /// Writes the register at `offset` of a domain.
    pub fn write(&mut self, domain: Domain, offset: u64, value: u32) {
        let Some(reg) = Reg::at(offset) else { return };
        match reg {
            Reg::DomainCfg => self.control_mut(domain).enabled = value & IE != 0,
            Reg::SourceCfg(source) => self.configure(domain, source, value),
            Reg::MsiAddrCfg(register) if self.has_addresses(domain) => self.registers.addresses.write(register, value),
            Reg::SetIp(k) => of_word(k, value).for_each(|source| self.set_pending(domain, source)),
            Reg::SetIpNum => self.set_pending(domain, value),
            Reg::SetIpNumBe => self.set_pending(domain, value.swap_bytes()),
            Reg::InClrIp(k) => of_word(k, value).for_each(|source| self.clear_pending(domain, source)),
            Reg::ClrIpNum => self.clear_pending(domain, value),
            Reg::SetIe(k) => of_word(k, value).for_each(|source| self.enable(domain, source, true)),
            Reg::SetIeNum => self.enable(domain, value, true),
            Reg::ClrIe(k) => of_word(k, value).for_each(|source| self.enable(domain, source, false)),
            Reg::ClrIeNum => self.enable(domain, value, false),
            Reg::GenMsi => self.send_extempore(domain, value),
            Reg::Target(source) if self.is_active(domain, source) => {
                self.registers.targets[source as usize] = self.legal_target(domain, value);
            }
            Reg::Idc(hart, register) => self.write_idc(domain, hart, register, value),
            Reg::MsiAddrCfg(_) | Reg::Target(_) => {}
        }
        self.forward();
    }

    /// Whether a domain asserts its signal to a hart.
    ///
    /// "Interrupt delivery and handling": "When `domaincfg`.IE = 1 and interrupt delivery is enabled (`idelivery` = 1),
    /// the interrupt signal is asserted whenever either register `iforce` or `topi` is not zero."
    pub fn signals(&self, domain: Domain, hart: usize) -> bool {
        let control = self.control(domain);
        let wants = |state: &Hart| state.delivers && (state.forced || self.top(domain, hart) != 0);
        self.shape.delivery == Delivery::Direct && control.enabled && control.harts.get(hart).is_some_and(wants)
    }

    /// The messages that are to be sent, in this order.
    pub fn take_messages(&mut self) -> Vec<Message> {
        core::mem::take(&mut self.messages)
    }

    fn control(&self, domain: Domain) -> &Control {
        match domain {
            Domain::Machine => &self.registers.machine,
            Domain::Supervisor => &self.registers.supervisor,
        }
    }

    fn control_mut(&mut self, domain: Domain) -> &mut Control {
        match domain {
            Domain::Machine => &mut self.registers.machine,
            Domain::Supervisor => &mut self.registers.supervisor,
        }
    }

    fn delivery_bit(&self) -> u32 {
        if self.shape.delivery == Delivery::Messages { DM } else { 0 }
    }

    /// "If no interrupt domain of the APLIC supports MSI delivery mode [...] these two registers are not implemented
    /// [...]. Otherwise, they are implemented for the root domain"; "for domains not at machine level, they are never
    /// implemented".
    fn has_addresses(&self, domain: Domain) -> bool {
        self.shape.delivery == Delivery::Messages && domain == Domain::Machine
    }

    fn is_source(&self, source: u32) -> bool {
        (1..=self.shape.sources).contains(&source)
    }

    /// "For an interrupt domain below the root, interrupt sources not delegated down to that domain appear to the
    /// domain as being not implemented."
    fn appears(&self, domain: Domain, source: u32) -> bool {
        self.is_source(source) && (domain == Domain::Machine || self.registers.delegated.has(source))
    }

    fn mode(&self, source: u32) -> Mode {
        self.registers.modes.get(source as usize).copied().unwrap_or(Mode::Inactive)
    }

    /// Whether `source` is active in this domain.
    fn is_active(&self, domain: Domain, source: u32) -> bool {
        self.mode(source) != Mode::Inactive && self.registers.delegated.has(source) == (domain == Domain::Supervisor)
    }

    /// Those of sources 32 k to 32 k + 31 that can be active in this domain.
    fn of_domain(&self, domain: Domain, k: usize) -> u32 {
        match domain {
            Domain::Machine => !self.registers.delegated.word(k),
            Domain::Supervisor => self.registers.delegated.word(k),
        }
    }

    /// "For a source that is inactive or Detached, the *rectified input value* is zero."
    fn rectified(&self, source: u32) -> bool {
        self.mode(source).rectify(self.registers.wires.has(source))
    }

    fn rectified_word(&self, domain: Domain, k: usize) -> u32 {
        let all = of_word(k, self.of_domain(domain, k));
        all.filter(|&source| self.rectified(source)).fold(0, |word, source| word | 1 << (source % 32))
    }

    /// A write to `sourcecfg[source]`.
    fn configure(&mut self, domain: Domain, source: u32, value: u32) {
        if !self.appears(domain, source) {
            return;
        }
        // the root has one child, so that there is one value for Child Index
        let delegates = domain == Domain::Machine && value & D != 0;
        if domain == Domain::Machine && self.registers.delegated.has(source) != delegates {
            self.set_mode(source, Mode::Inactive);
            self.registers.delegated.put(source, delegates);
        }
        match value & D != 0 {
            // "If source i was not delegated to this domain and is then changed [...], `sourcecfg[i]` remains zero"
            true if delegates => {}
            // "For such a leaf domain, attempting to write a `sourcecfg` register with a value that has bit 10 = 1
            // causes the entire register to be set to zero instead."
            true => self.set_mode(source, Mode::Inactive),
            false => self.set_mode(source, Mode::of(value)),
        }
    }

    /// "Whenever interrupt source i is inactive in an interrupt domain, the corresponding interrupt-pending and
    /// interrupt-enable bits within the domain are read-only zeros, and register `target[i]` is also read-only zero."
    fn set_mode(&mut self, source: u32, mode: Mode) {
        let before = core::mem::replace(&mut self.registers.modes[source as usize], mode);
        if mode == Mode::Inactive {
            self.registers.pending.put(source, false);
            self.registers.enabled.put(source, false);
            self.registers.targets[source as usize] = 0;
        } else if before == Mode::Inactive {
            self.registers.targets[source as usize] = self.legal_target(Domain::Machine, 0);
        }
        // "Any write to a `sourcecfg` register might (or might not) cause the corresponding interrupt-pending bit to be
        // set to one if the rectified input value is high": here it does so for levels, of which none is to be lost.
        if mode.is_level() {
            self.registers.pending.put(source, self.rectified(source));
        }
    }

    /// "Precise effects on interrupt-pending bits": a write can set the bit of a level-sensitive source only "when the
    /// rectified input value is high", where it is not set anyway (direct delivery mode).
    fn set_pending(&mut self, domain: Domain, source: u32) {
        if self.is_active(domain, source) && (!self.mode(source).is_level() || self.rectified(source)) {
            self.registers.pending.put(source, true);
        }
    }

    /// By `in_clrip` or `clripnum`, or as the interrupt is claimed. With Level1 or Level0 in direct delivery mode, "the
    /// pending bit is not cleared by a claim of the interrupt at the APLIC, nor can it be cleared by a write".
    fn clear_pending(&mut self, domain: Domain, source: u32) {
        let stays = self.shape.delivery == Delivery::Direct && self.mode(source).is_level();
        if self.is_active(domain, source) && !stays {
            self.registers.pending.put(source, false);
        }
    }

    fn enable(&mut self, domain: Domain, source: u32, value: bool) {
        if self.is_active(domain, source) {
            self.registers.enabled.put(source, value);
        }
    }

    /// What `target[source]` becomes of a value that is written to it ("Interrupt targets").
    fn legal_target(&self, domain: Domain, value: u32) -> u32 {
        let hart = value & HART_INDEX;
        match self.shape.delivery {
            // "unless those bits are all zeros, in which case the priority number is set to 1 instead"
            Delivery::Direct => hart | (value & IPRIO).max(1),
            Delivery::Messages => hart | self.legal_guest(domain, value) | value & EIID,
        }
    }

    /// Guest Index: "0 through GEILEN", and "for a machine-level domain [...] read-only zero".
    fn legal_guest(&self, domain: Domain, value: u32) -> u32 {
        let guest = value & GUEST_INDEX;
        let exists = guest >> GUEST_SHIFT <= self.shape.guest_files.into();
        if domain == Domain::Supervisor && exists { guest } else { 0 }
    }

    /// The pending and enabled sources that are active in this domain.
    fn ready(&self, domain: Domain) -> impl Iterator<Item = u32> + '_ {
        let word = move |k| self.registers.pending.word(k) & self.registers.enabled.word(k) & self.of_domain(domain, k);
        (0..self.registers.pending.words()).flat_map(move |k| of_word(k, word(k)))
    }

    /// Sends what can be sent.
    ///
    /// "Interrupt forwarding by MSIs": "An MSI is sent for a specific source only when the source's corresponding
    /// pending and enable bits are both one and the IE field of register `domaincfg` is also one. If and when an MSI is
    /// sent, the source's interrupt pending bit is cleared."
    fn forward(&mut self) {
        for domain in Domain::ALL {
            if self.shape.delivery == Delivery::Messages && self.control(domain).enabled {
                let ready: Vec<u32> = self.ready(domain).collect();
                ready.into_iter().for_each(|source| self.forward_one(domain, source));
            }
        }
    }

    fn forward_one(&mut self, domain: Domain, source: u32) {
        self.registers.pending.put(source, false);
        self.send(domain, self.registers.targets[source as usize]);
    }

    fn send(&mut self, domain: Domain, target: u32) {
        let guest = (target & GUEST_INDEX) >> GUEST_SHIFT;
        let address = self.registers.addresses.address(domain, target >> HART_INDEX_SHIFT, guest);
        self.messages.push(Message { address, data: target & EIID });
    }

    /// "Generate MSI": sent at once, whatever IE is, so that Busy always reads as zero. "When the interrupt domain is
    /// configured in direct delivery mode [...] register `genmsi` is read-only zero."
    fn send_extempore(&mut self, domain: Domain, value: u32) {
        if self.shape.delivery == Delivery::Messages {
            let value = value & (HART_INDEX | EIID);
            self.control_mut(domain).genmsi = value;
            self.send(domain, value);
        }
    }

    fn read_idc(&mut self, domain: Domain, hart: usize, register: Idc) -> u32 {
        let Some(&state) = self.idc(domain, hart) else { return 0 };
        match register {
            Idc::Delivery => state.delivers.into(),
            Idc::Force => state.forced.into(),
            Idc::Threshold => state.threshold,
            Idc::Top => self.top(domain, hart),
            Idc::Claim => self.claim(domain, hart),
        }
    }

    fn write_idc(&mut self, domain: Domain, hart: usize, register: Idc, value: u32) {
        if self.idc(domain, hart).is_none() {
            return;
        }
        let state = &mut self.control_mut(domain).harts[hart];
        match register {
            Idc::Delivery => state.delivers = value & 1 != 0,
            Idc::Force => state.forced = value & 1 != 0,
            Idc::Threshold => state.threshold = value & IPRIO,
            Idc::Top | Idc::Claim => {}
        }
    }

    /// "An interrupt domain that supports only interrupt forwarding by MSIs [...] does not need IDC structures".
    fn idc(&self, domain: Domain, hart: usize) -> Option<&Hart> {
        self.control(domain).harts.get(hart).filter(|_| self.shape.delivery == Delivery::Direct)
    }

    /// "Top interrupt (`topi`)": "interrupt sources with priority numbers P [the threshold] and higher do not
    /// contribute [...]. When `ithreshold` is zero, all enabled interrupt sources can contribute". "When interrupt
    /// sources have equal priority number, the source with the lowest identity number has the highest priority."
    fn top(&self, domain: Domain, hart: usize) -> u32 {
        let threshold = self.control(domain).harts.get(hart).map_or(0, |state| state.threshold);
        let target = |source: u32| self.registers.targets[source as usize];
        let here = |&source: &u32| (target(source) >> HART_INDEX_SHIFT) as usize == hart;
        let passes = |&(priority, _): &(u32, u32)| threshold == 0 || priority < threshold;
        let best = self.ready(domain).filter(here).map(|source| (target(source) & IPRIO, source)).filter(passes).min();
        best.map_or(0, |(priority, source)| source << 16 | priority)
    }

    /// "Claim top interrupt (`claimi`)": "A read from `claimi` that returns a value of zero has the simultaneous side
    /// effect of setting the `iforce` register to zero."
    fn claim(&mut self, domain: Domain, hart: usize) -> u32 {
        let top = self.top(domain, hart);
        match top >> 16 {
            0 => self.control_mut(domain).harts[hart].forced = false,
            source => self.clear_pending(domain, source),
        }
        top
    }
}
