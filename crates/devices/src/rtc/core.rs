//! The registers of the clock.
//!
//! Models Android's Goldfish virtual hardware guide, "Goldfish real-time clock" (`google,goldfish-rtc`). Time comes in
//! as an argument; the core only remembers by how much the guest moved it.

mod offsets {
    pub const TIME_LOW: u64 = 0x00;
    pub const TIME_HIGH: u64 = 0x04;
    pub const ALARM_LOW: u64 = 0x08;
    pub const ALARM_HIGH: u64 = 0x0c;
    pub const IRQ_ENABLED: u64 = 0x10;
    pub const CLEAR_ALARM: u64 = 0x14;
    pub const ALARM_STATUS: u64 = 0x18;
    pub const CLEAR_INTERRUPT: u64 = 0x1c;
}

/// The clock's state. All times are nanoseconds since 1970.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub struct Core {
    /// Added to the host's time: what the guest's `hwclock -w` changed.
    skew: u64,
    /// Upper half of the time whose lower half was read last.
    time_high: u32,
    /// Upper half for the next write of the lower half of the time.
    new_time_high: u32,
    alarm_low: u32,
    alarm_high: u32,
    armed: bool,
    irq_enabled: bool,
    irq_pending: bool,
}

impl Core {
    /// Reads the register at `offset`, the host's time being `now`.
    pub fn read(&mut self, offset: u64, now: u64) -> u32 {
        match offset {
            offsets::TIME_LOW => self.latch(now),
            offsets::TIME_HIGH => self.time_high,
            offsets::ALARM_LOW => self.alarm_low,
            offsets::ALARM_HIGH => self.alarm_high,
            offsets::IRQ_ENABLED => self.irq_enabled.into(),
            offsets::ALARM_STATUS => self.armed.into(),
            _ => 0,
        }
    }

    /// Writes the register at `offset`, the host's time being `now`. A write of a low half takes the high half with it.
    pub fn write(&mut self, offset: u64, value: u32, now: u64) {
        match offset {
            offsets::TIME_LOW => self.skew = joined(self.new_time_high, value).wrapping_sub(now),
            offsets::TIME_HIGH => self.new_time_high = value,
            offsets::ALARM_LOW => self.arm(value, now),
            offsets::ALARM_HIGH => self.alarm_high = value,
            offsets::IRQ_ENABLED => self.irq_enabled = value & 1 != 0,
            offsets::CLEAR_ALARM => self.armed = false,
            offsets::CLEAR_INTERRUPT => self.irq_pending = false,
            _ => {}
        }
    }

    /// The host's time is `now`: an alarm that is due fires.
    pub fn advance(&mut self, now: u64) {
        if self.armed && self.guest_time(now) >= self.alarm() {
            self.armed = false;
            self.irq_pending = true;
        }
    }

    /// Nanoseconds from `now` to the alarm, if one is armed.
    pub fn due_in(&self, now: u64) -> Option<u64> {
        self.armed.then(|| self.alarm().saturating_sub(self.guest_time(now)))
    }

    /// The level of the interrupt output.
    pub fn interrupt(&self) -> bool {
        self.irq_pending && self.irq_enabled
    }

    fn guest_time(&self, now: u64) -> u64 {
        now.wrapping_add(self.skew)
    }

    fn alarm(&self) -> u64 {
        joined(self.alarm_high, self.alarm_low)
    }

    fn latch(&mut self, now: u64) -> u32 {
        let time = self.guest_time(now);
        self.time_high = (time >> 32) as u32;
        time as u32
    }

    fn arm(&mut self, low: u32, now: u64) {
        self.alarm_low = low;
        self.armed = true;
        self.advance(now);
    }
}

fn joined(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

#[cfg(test)]
mod tests {
    use super::offsets::*;
    use super::*;

    const NOW: u64 = 0x1234_5678_9abc_def0;

    #[test]
    fn reading_the_low_half_latches_the_high_half() {
        let mut rtc = Core::default();
        assert_eq!(rtc.read(TIME_LOW, NOW), 0x9abc_def0);
        assert_eq!(rtc.read(TIME_HIGH, u64::MAX), 0x1234_5678);
    }

    #[test]
    fn an_alarm_fires_once_when_due() {
        let mut rtc = Core::default();
        rtc.write(IRQ_ENABLED, 1, NOW);
        rtc.write(ALARM_HIGH, (NOW >> 32) as u32, NOW);
        rtc.write(ALARM_LOW, NOW as u32 + 100, NOW);
        assert_eq!(rtc.due_in(NOW + 40), Some(60));
        assert_eq!(rtc.read(ALARM_STATUS, NOW), 1);
        rtc.advance(NOW + 99);
        assert!(!rtc.interrupt());
        rtc.advance(NOW + 100);
        assert!(rtc.interrupt());
        assert_eq!(rtc.read(ALARM_STATUS, NOW), 0);
        rtc.write(CLEAR_INTERRUPT, 1, NOW);
        assert!(!rtc.interrupt());
    }

    #[test]
    fn a_cleared_alarm_does_not_fire() {
        let mut rtc = Core::default();
        rtc.write(IRQ_ENABLED, 1, 0);
        rtc.write(ALARM_LOW, 100, 0);
        rtc.write(CLEAR_ALARM, 1, 0);
        rtc.advance(200);
        assert!(!rtc.interrupt());
    }

    #[test]
    fn the_guest_can_set_the_time() {
        let mut rtc = Core::default();
        rtc.write(TIME_HIGH, 1, NOW);
        rtc.write(TIME_LOW, 2, NOW);
        assert_eq!(rtc.read(TIME_LOW, NOW + 5), 7);
        assert_eq!(rtc.read(TIME_HIGH, NOW), 1);
    }
}
