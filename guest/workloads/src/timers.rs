//! Waiting.

use std::thread;
use std::time::{Duration, Instant};

/// Sleeps for 10 microseconds.
pub fn sleep_10us(iterations: u64) -> Result<u64, String> {
    sleep(iterations, Duration::from_micros(10))
}

/// Sleeps for 100 microseconds.
pub fn sleep_100us(iterations: u64) -> Result<u64, String> {
    sleep(iterations, Duration::from_micros(100))
}

/// Sleeps for a millisecond.
pub fn sleep_1ms(iterations: u64) -> Result<u64, String> {
    sleep(iterations, Duration::from_millis(1))
}

fn sleep(iterations: u64, time: Duration) -> Result<u64, String> {
    for _ in 0..iterations {
        let start = Instant::now();
        thread::sleep(time);
        if start.elapsed() < time {
            return Err(format!("slept {:?}, not {time:?}", start.elapsed()));
        }
    }
    Ok(iterations)
}
