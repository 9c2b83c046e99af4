//! Gateways, priorities, enables and claims.
//!
//! Models the RISC-V Platform-Level Interrupt Controller Specification 1.0.0 with gateways for levels and
//! for edges.

#[cfg(feature = "state")]
mod state;

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use crate::sources::{Sources, of_word};

/// Highest number of sources, source 0 (which means "no interrupt") included.
pub const MAX_SOURCES: u32 = 1024;
/// Priorities are 0 (never interrupts) to 7.
const PRIORITY_MASK: u32 = 7;

const PENDING: u64 = 0x1000;
const ENABLES: Range<u64> = 0x2000..0x20_0000;
const ENABLES_STRIDE: u64 = 0x80;
const TARGETS: Range<u64> = 0x20_0000..0x400_0000;
const TARGETS_STRIDE: u64 = 0x1000;

/// Where a source's priority is.
pub const fn priority_at(source: u32) -> u64 {
    4 * source as u64
}

/// Where a context's enable bit of a source is: bit `source % 32` of the word.
pub const fn enable_at(context: usize, source: u32) -> u64 {
    ENABLES.start + ENABLES_STRIDE * context as u64 + source as u64 / 32 * 4
}

/// Where a context's threshold is.
pub const fn threshold_at(context: usize) -> u64 {
    TARGETS.start + TARGETS_STRIDE * context as u64
}

/// Where a context claims, and completes.
pub const fn claim_at(context: usize) -> u64 {
    threshold_at(context) + 4
}

/// The register map ("Memory Map").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reg {
    Priority { source: usize },
    Pending { word: usize },
    Enable { context: usize, word: usize },
    Threshold { context: usize },
    Claim { context: usize },
}

#[derive(Clone, Debug)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
struct Context {
    enabled: Sources,
    threshold: u32,
}

/// The PLIC's state.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub struct Core {
    priority: Vec<u32>,
    level: Sources,
    pending: Sources,
    /// Claimed and not yet completed: the gateway holds further requests back.
    in_service: Sources,
    /// Edges that came in service and wait for completion.
    edges: Sources,
    contexts: Vec<Context>,
}

impl Core {
    /// A PLIC with sources 1 to `sources`, and `contexts` targets.
    pub fn new(sources: u32, contexts: usize) -> Self {
        let count = sources.min(MAX_SOURCES - 1) as usize + 1;
        let none = Sources::below(count);
        Core {
            priority: vec![0; count],
            level: none.clone(),
            pending: none.clone(),
            in_service: none.clone(),
            edges: none.clone(),
            contexts: vec![Context { enabled: none, threshold: 0 }; contexts],
        }
    }

    /// Highest source number.
    pub fn sources(&self) -> u32 {
        self.priority.len() as u32 - 1
    }

    /// Number of targets.
    pub fn contexts(&self) -> usize {
        self.contexts.len()
    }

    /// The wire of `source` has `level`.
    pub fn set_level(&mut self, source: u32, level: bool) {
        if self.is_source(source) {
            self.level.put(source, level);
            if !level {
                self.edges.put(source, false);
            }
            self.gateway(source);
        }
    }

    /// An edge at `source`. "Interrupt Gateways" lets a gateway count the edges that come in service; this one counts
    /// to one.
    pub fn pulse(&mut self, source: u32) {
        if self.is_source(source) {
            let waits = if self.in_service.has(source) { &mut self.edges } else { &mut self.pending };
            waits.put(source, true);
        }
    }

    /// `fresh` with the levels of this PLIC's wires.
    pub fn wires_into(&self, mut fresh: Core) -> Core {
        for source in 1..=self.sources() {
            fresh.set_level(source, self.level.has(source));
        }
        fresh
    }

    /// Reads the 32-bit register at `offset`. Reading a claim register claims.
    pub fn read(&mut self, offset: u64) -> u32 {
        match self.reg(offset) {
            Some(Reg::Priority { source }) => self.priority[source],
            Some(Reg::Pending { word }) => self.pending.word(word),
            Some(Reg::Enable { context, word }) => self.contexts[context].enabled.word(word),
            Some(Reg::Threshold { context }) => self.contexts[context].threshold,
            Some(Reg::Claim { context }) => self.claim(context),
            None => 0,
        }
    }

    /// Writes the 32-bit register at `offset`. Writing a claim register completes.
    pub fn write(&mut self, offset: u64, value: u32) {
        match self.reg(offset) {
            Some(Reg::Priority { source: 0 } | Reg::Pending { .. }) | None => {}
            Some(Reg::Priority { source }) => self.priority[source] = value & PRIORITY_MASK,
            Some(Reg::Enable { context, word }) => {
                let existing = self.existing(word);
                self.contexts[context].enabled.set_word(word, value & existing);
            }
            Some(Reg::Threshold { context }) => self.contexts[context].threshold = value & PRIORITY_MASK,
            Some(Reg::Claim { context }) => self.complete(context, value),
        }
    }

    /// Whether `context` is notified: an enabled pending interrupt exceeds its threshold.
    pub fn notifies(&self, context: usize) -> bool {
        let threshold = self.contexts.get(context).map_or(PRIORITY_MASK, |c| c.threshold);
        self.best(context).is_some_and(|source| self.priority[source as usize] > threshold)
    }

    fn reg(&self, offset: u64) -> Option<Reg> {
        let reg = match offset {
            o if o < PENDING => Reg::Priority { source: (o / 4) as usize },
            o if o < ENABLES.start => Reg::Pending { word: ((o - PENDING) / 4) as usize },
            o if ENABLES.contains(&o) => {
                let o = o - ENABLES.start;
                Reg::Enable { context: (o / ENABLES_STRIDE) as usize, word: (o % ENABLES_STRIDE / 4) as usize }
            }
            o if TARGETS.contains(&o) => {
                let o = o - TARGETS.start;
                let context = (o / TARGETS_STRIDE) as usize;
                match o % TARGETS_STRIDE {
                    0 => Reg::Threshold { context },
                    4 => Reg::Claim { context },
                    _ => return None,
                }
            }
            _ => return None,
        };
        self.exists(reg).then_some(reg)
    }

    fn exists(&self, reg: Reg) -> bool {
        match reg {
            Reg::Priority { source } => source < self.priority.len(),
            Reg::Pending { word } => word < self.pending.words(),
            Reg::Enable { context, word } => context < self.contexts.len() && word < self.pending.words(),
            Reg::Threshold { context } | Reg::Claim { context } => context < self.contexts.len(),
        }
    }

    fn is_source(&self, source: u32) -> bool {
        (1..=self.sources()).contains(&source)
    }

    /// The sources of a word of a bit set that exist.
    fn existing(&self, word: usize) -> u32 {
        (0..32).filter(|bit| self.is_source(word as u32 * 32 + bit)).fold(0, |mask, bit| mask | 1 << bit)
    }

    /// "Interrupt Gateways": a level is forwarded once, and again only after completion. A request that was forwarded
    /// stays pending although the level drops.
    fn gateway(&mut self, source: u32) {
        if self.level.has(source) && !self.in_service.has(source) {
            self.pending.put(source, true);
        }
    }

    /// The enabled pending source of the highest priority, the lowest number among equals; priority 0 never counts.
    fn best(&self, context: usize) -> Option<u32> {
        let enabled = &self.contexts.get(context)?.enabled;
        (0..self.pending.words())
            .flat_map(|k| of_word(k, self.pending.word(k) & enabled.word(k)))
            .filter(|&source| self.priority[source as usize] > 0)
            .min_by_key(|&source| (PRIORITY_MASK - self.priority[source as usize], source))
    }

    /// "Interrupt Claim Process": the threshold does not hold a claim back.
    fn claim(&mut self, context: usize) -> u32 {
        let Some(source) = self.best(context) else { return 0 };
        self.pending.put(source, false);
        self.in_service.put(source, true);
        source
    }

    /// "Interrupt Completion": "If the completion ID does not match an interrupt source that is currently enabled for
    /// the target, the completion is silently ignored."
    fn complete(&mut self, context: usize, source: u32) {
        if self.is_source(source) && self.contexts[context].enabled.has(source) {
            self.in_service.put(source, false);
            if self.edges.has(source) {
                self.edges.put(source, false);
                self.pulse(source);
            }
            self.gateway(source);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAIM_0: u64 = 0x20_0004;
    const THRESHOLD_0: u64 = 0x20_0000;
    const ENABLE_0: u64 = 0x2000;
    const ENABLE_1: u64 = 0x2080;

    /// Sources 3 and 10 with priorities 1 and 2, enabled for context 0.
    fn plic() -> Core {
        let mut plic = Core::new(95, 2);
        plic.write(3 * 4, 1);
        plic.write(10 * 4, 2);
        plic.write(ENABLE_0, 1 << 3 | 1 << 10);
        plic
    }

    #[test]
    fn registers_are_where_drivers_find_them() {
        // PLIC specification, "Memory Map": context 1 has its enable bits from 0x2080 on, its threshold at 0x201000,
        // its claim at 0x201004
        let plic = Core::new(40, 4);
        assert_eq!(plic.reg(priority_at(10)), Some(Reg::Priority { source: 10 }));
        assert_eq!(plic.reg(enable_at(1, 33)), Some(Reg::Enable { context: 1, word: 1 }));
        assert_eq!((enable_at(1, 33), threshold_at(1), claim_at(1)), (0x2084, 0x20_1000, 0x20_1004));
        assert_eq!(plic.reg(claim_at(3)), Some(Reg::Claim { context: 3 }));
    }

    #[test]
    fn the_highest_priority_is_claimed_first() {
        let mut plic = plic();
        plic.set_level(3, true);
        plic.set_level(10, true);
        assert!(plic.notifies(0));
        assert!(!plic.notifies(1));
        assert_eq!(plic.read(PENDING), 1 << 3 | 1 << 10);
        assert_eq!(plic.read(CLAIM_0), 10);
        assert_eq!(plic.read(CLAIM_0), 3);
        assert_eq!(plic.read(CLAIM_0), 0);
        assert!(!plic.notifies(0));
    }

    #[test]
    fn of_equal_priorities_the_lowest_number_wins() {
        let mut plic = plic();
        plic.write(3 * 4, 2);
        plic.set_level(10, true);
        plic.set_level(3, true);
        assert_eq!(plic.read(CLAIM_0), 3);
    }

    #[test]
    fn a_level_that_stays_high_comes_again_only_after_completion() {
        let mut plic = plic();
        plic.set_level(3, true);
        assert_eq!(plic.read(CLAIM_0), 3);
        plic.set_level(3, true);
        assert!(!plic.notifies(0));
        plic.write(CLAIM_0, 3);
        assert!(plic.notifies(0));
    }

    #[test]
    fn a_level_that_drops_in_service_does_not_come_again() {
        let mut plic = plic();
        plic.set_level(3, true);
        plic.read(CLAIM_0);
        plic.set_level(3, false);
        plic.write(CLAIM_0, 3);
        assert!(!plic.notifies(0));
    }

    #[test]
    fn an_edge_comes_once_and_again_only_after_another() {
        let mut plic = plic();
        plic.pulse(3);
        assert_eq!(plic.read(CLAIM_0), 3);
        plic.write(CLAIM_0, 3);
        assert!(!plic.notifies(0));
        plic.pulse(3);
        assert!(plic.notifies(0));
    }

    #[test]
    fn an_edge_in_service_comes_after_completion() {
        let mut plic = plic();
        plic.pulse(3);
        plic.read(CLAIM_0);
        plic.pulse(3);
        assert!(!plic.notifies(0));
        plic.write(CLAIM_0, 3);
        assert!(plic.notifies(0));
    }

    #[test]
    fn a_wire_that_goes_low_in_service_takes_its_edge_back() {
        let mut plic = plic();
        plic.pulse(3);
        plic.read(CLAIM_0);
        plic.pulse(3);
        plic.set_level(3, false);
        plic.write(CLAIM_0, 3);
        assert!(!plic.notifies(0));
    }

    #[test]
    fn a_forwarded_request_outlives_its_level() {
        let mut plic = plic();
        plic.set_level(3, true);
        plic.set_level(3, false);
        assert_eq!(plic.read(CLAIM_0), 3);
    }

    #[test]
    fn completion_of_a_source_not_enabled_here_is_ignored() {
        let mut plic = plic();
        plic.set_level(3, true);
        plic.read(CLAIM_0);
        plic.write(CLAIM_0 + 0x1000, 3);
        assert!(!plic.notifies(0));
        plic.write(ENABLE_0, 0);
        plic.write(CLAIM_0, 3);
        plic.write(ENABLE_0, 1 << 3);
        assert!(!plic.notifies(0));
    }

    #[test]
    fn a_threshold_masks_its_own_priority_but_not_the_claim() {
        let mut plic = plic();
        plic.set_level(10, true);
        plic.write(THRESHOLD_0, 2);
        assert!(!plic.notifies(0));
        assert_eq!(plic.read(CLAIM_0), 10);
        plic.write(THRESHOLD_0, 1);
        plic.write(CLAIM_0, 10);
        assert!(plic.notifies(0));
    }

    #[test]
    fn priority_zero_never_interrupts() {
        let mut plic = plic();
        plic.write(3 * 4, 0);
        plic.set_level(3, true);
        assert!(!plic.notifies(0));
        assert_eq!(plic.read(CLAIM_0), 0);
    }

    #[test]
    fn registers_are_warl() {
        let mut plic = plic();
        plic.write(5 * 4, 0xffff_ffff);
        plic.write(0, 7);
        plic.write(ENABLE_1 + 8, u32::MAX);
        plic.write(ENABLE_1 + 12, u32::MAX);
        plic.write(ENABLE_1, u32::MAX);
        assert_eq!(plic.read(5 * 4), 7);
        assert_eq!(plic.read(0), 0);
        assert_eq!(plic.read(ENABLE_1 + 8), u32::MAX);
        assert_eq!(plic.read(ENABLE_1 + 12), 0, "sources end at 95");
        assert_eq!(plic.read(ENABLE_1), !1, "source 0 does not exist");
    }
}
