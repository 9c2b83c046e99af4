//! What device trees say of cores, whoever writes them.

/// How a wire of a device's interrupts, as the second cell of an APLIC's input says it: `IRQ_TYPE_LEVEL_HIGH` of Linux,
/// include/dt-bindings/interrupt-controller/irq.h.
pub const LEVEL_HIGH: u32 = 4;

/// Frequency of the UART's input clock, in Hz: drivers want one, though the line has none.
pub const CLOCK_HZ: u32 = 3_686_400;
