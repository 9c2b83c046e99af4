//! The bytes that are executed: those that were told of, wherever they have been put.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::step::{STEP_BYTES, Step};

/// Bytes of a line.
const LINE: u64 = 4096;

/// Lines by number.
type Lines = HashMap<u64, Box<[u8; LINE as usize]>>;

/// What is known of a hart's code.
#[derive(Default)]
pub struct Cache(Mutex<Lines>);

impl Cache {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of code at an address.
    pub fn fill(&self, at: u64, code: &[u8]) {
        let mut lines = self.lines();
        for (at, &byte) in (at..).zip(code) {
            let line = lines.entry(at / LINE).or_insert_with(|| Box::new([0; LINE as usize]));
            line[(at % LINE) as usize] = byte;
        }
    }

    /// The step at an address.
    pub fn step(&self, at: u64) -> Step {
        let lines = self.lines();
        let mut bytes = [0; STEP_BYTES];
        for (at, byte) in (at..).zip(&mut bytes) {
            *byte = lines.get(&(at / LINE)).map_or(0, |line| line[(at % LINE) as usize]);
        }
        Step::decode(&bytes)
    }
}
