//! What programmable counters can count.
//!
//! The values that select an event in `mhpmevent` are this machine's own; those of events that the SBI has a number for
//! are that number, as SBI 3.0, "Hardware raw events v2", proposes. One list serves counters, the firmware and the
//! device tree.

macro_rules! events {
    ($($(#[doc = $doc:literal])* $variant:ident $selector:literal;)*) => {
        /// An event, in the order in which whoever executes keeps their counts.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
        #[repr(u8)]
        pub enum Event { $($(#[doc = $doc])* $variant),* }

        impl Event {
            /// All of them.
            pub const ALL: &[Event] = &[$(Event::$variant),*];

            /// The value that selects it in `mhpmevent`.
            pub const fn selector(self) -> u64 {
                match self { $(Event::$variant => $selector),* }
            }
        }
    };
}

events! {
    /// Cycles: one for each instruction.
    Cycles 0x1;
    /// Instructions retired.
    Instructions 0x2;
    /// Loads that the first table of translated addresses did not answer; devices are never in it.
    LoadTlbMisses 0x1_0019;
    /// Stores and atomics, likewise.
    StoreTlbMisses 0x1_001b;
    /// Fetches from pages that the table of code did not know.
    FetchTlbMisses 0x1_0021;
    /// Page tables of `satp` and `vsatp` descended.
    FirstStageWalks 0x2_0001;
    /// Page tables of `hgatp` descended.
    GuestStageWalks 0x2_0002;
    /// Page-table entries read.
    TableReads 0x2_0003;
    /// Page-table entries whose A or D was set.
    TableUpdates 0x2_0004;
    /// Loads and stores of devices.
    DeviceAccesses 0x2_0005;
    /// Exceptions taken.
    Exceptions 0x2_0006;
    /// Interrupts taken.
    Interrupts 0x2_0007;
    /// Returns from traps to a mode with V=1 from one with V=0.
    GuestEntries 0x2_0008;
    /// Traps from a mode with V=1 to one with V=0.
    GuestExits 0x2_0009;
}

/// The programmable counters: `mhpmcounter3` and those behind it.
pub const PROGRAMMABLE_COUNTERS: usize = 16;
/// Number of the first of them.
pub const FIRST_PROGRAMMABLE: usize = 3;

/// The lowest selector that the SBI has no number for: a raw event.
const FIRST_RAW: u64 = 0x2_0000;

impl Event {
    /// How many there are.
    pub const COUNT: usize = Event::ALL.len();
    /// The bits in which the selectors of raw events differ.
    pub const RAW_MASK: u64 = 0xf;
    /// What they have in common.
    pub const RAW_BASE: u64 = FIRST_RAW;

    /// The event that a value selects.
    pub fn selected_by(selector: u64) -> Option<Event> {
        Event::ALL.iter().copied().find(|event| event.selector() == selector)
    }

    /// Its number in the SBI (`event_idx`), if it has one of its own.
    pub fn sbi_number(self) -> Option<u32> {
        u32::try_from(self.selector()).ok().filter(|&number| u64::from(number) < FIRST_RAW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_selector_selects_its_event() {
        for &event in Event::ALL {
            assert_eq!(Event::selected_by(event.selector()), Some(event));
            assert_eq!(
                event.sbi_number().is_none(),
                event.selector() & !Event::RAW_MASK == Event::RAW_BASE,
                "{event:?}"
            );
        }
        assert_eq!(Event::selected_by(0), None);
    }
}
