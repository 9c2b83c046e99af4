//! The device tree's node of the programmable counters, for firmware in M-mode.
//!
//! OpenSBI, docs/pmu_support.md: binding `riscv,pmu`. Which value of `mhpmevent` counts an event, and which counters
//! can.

use arch::Event;
use arch::event::{FIRST_PROGRAMMABLE, PROGRAMMABLE_COUNTERS};
use vm_fdt::{Error, FdtWriter};

/// The programmable counters, by bits.
const PROGRAMMABLE: u32 = ((1 << PROGRAMMABLE_COUNTERS) - 1) << FIRST_PROGRAMMABLE;
/// The bits of `cycle` and `instret`.
const CYCLE: u32 = 1;
const INSTRET: u32 = 1 << 2;

/// Writes the node.
pub fn write_node(fdt: &mut FdtWriter) -> Result<(), Error> {
    let numbered = || Event::ALL.iter().filter_map(|&event| Some((event, event.sbi_number()?)));
    let selectors = numbered().flat_map(|(event, number)| [number, high(event.selector()), event.selector() as u32]);
    let counters = numbered().flat_map(|(event, number)| [number, number, counters_of(event)]);
    let mask = !Event::RAW_MASK;
    let raw = [high(Event::RAW_BASE), Event::RAW_BASE as u32, high(mask), mask as u32, PROGRAMMABLE];
    let node = fdt.begin_node("pmu")?;
    fdt.property_string("compatible", "riscv,pmu")?;
    fdt.property_array_u32("riscv,event-to-mhpmevent", &selectors.collect::<Vec<_>>())?;
    fdt.property_array_u32("riscv,event-to-mhpmcounters", &counters.collect::<Vec<_>>())?;
    fdt.property_array_u32("riscv,raw-event-to-mhpmcounters", &raw)?;
    fdt.end_node(node)
}

const fn high(value: u64) -> u32 {
    (value >> 32) as u32
}

/// The counters that can count an event.
const fn counters_of(event: Event) -> u32 {
    match event {
        Event::Cycles => PROGRAMMABLE | CYCLE,
        Event::Instructions => PROGRAMMABLE | INSTRET,
        _ => PROGRAMMABLE,
    }
}
