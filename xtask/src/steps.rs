//! Long steps of `images` as lines on standard error.

use std::cell::Cell;

use images::Progress;

/// Prints a line for each step, and one for each tenth of it.
pub struct Steps;

thread_local! {
    /// Tenths of the present step that have been told.
    static TOLD: Cell<u32> = const { Cell::new(0) };
}

impl Progress for Steps {
    fn begin(&self, what: &str) {
        TOLD.set(0);
        eprintln!("{what} ...");
    }

    fn fraction(&self, done: f64) {
        let tenths = (done * 10.0) as u32;
        if tenths > TOLD.get() {
            TOLD.set(tenths);
            eprintln!("... {} %", tenths * 10);
        }
    }

    fn end(&self) {}

    fn note(&self, text: &str) {
        eprintln!("{text}");
    }
}
