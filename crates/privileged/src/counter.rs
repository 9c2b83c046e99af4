//! A counter that can be written and stopped, made from the count of retired instructions.
//!
//! Privileged architecture, "Hardware Performance Monitor" and "Machine Counter-Inhibit (`mcountinhibit`) Register".

/// `minstret` or `mcycle`: nothing is done per instruction; reads add an offset to the hart's own count.
///
/// `retired` in every method is the number of instructions retired before the one that executes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub struct Counter {
    /// Added to the number of retired instructions while counting; the value itself while stopped.
    base: u64,
    stopped: bool,
}

impl Counter {
    /// The value that the instruction reads: itself is not counted yet.
    pub const fn read(&self, retired: u64) -> u64 {
        if self.stopped { self.base } else { self.base.wrapping_add(retired) }
    }

    /// Whether it stands.
    pub const fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// The instruction writes `value`; the next one reads it.
    ///
    /// Unprivileged architecture, "CSR Instructions": "if an instruction modifies a CSR [...] that has side effects
    /// on its own [...] the write is done instead of the increment".
    pub const fn write(&mut self, retired: u64, value: u64) {
        self.base = if self.stopped { value } else { value.wrapping_sub(retired.wrapping_add(1)) };
    }

    /// The instruction stops the counter or lets it run. What it sets holds for itself, as in Spike: an instruction
    /// that stops the counter is not counted, one that lets it run is.
    pub const fn stop(&mut self, retired: u64, stopped: bool) {
        if stopped != self.stopped {
            let value = self.read(retired);
            self.stopped = stopped;
            self.base = if stopped { value } else { value.wrapping_sub(retired) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_read_by_the_next_instruction() {
        let mut counter = Counter::default();
        counter.write(10, 100);
        assert_eq!(counter.read(11), 100);
        assert_eq!(counter.read(13), 102);
    }

    #[test]
    fn a_stopped_counter_keeps_its_value() {
        let mut counter = Counter::default();
        counter.stop(5, true);
        assert_eq!(counter.read(9), 5);
        counter.write(9, 7);
        assert_eq!(counter.read(10), 7);
    }

    #[test]
    fn the_instruction_that_lets_it_run_is_counted() {
        let mut counter = Counter::default();
        counter.stop(5, true);
        counter.stop(20, false);
        assert_eq!(counter.read(21), 6);
    }
}
