//! How long steps are told to whoever watches.
//!
//! This crate prints nothing. It calls a [`Progress`]; the CLI draws bars from it, `()` ignores it.

/// Told what is going on while images are fetched and built.
///
/// Calls come from one thread, in this order: any number of `begin`, each followed by its own `fraction`s, `bytes` or
/// `crates` and, before the next `begin`, one `end`. `note` may come at any time.
pub trait Progress {
    /// A step starts; `what` names it for the user ("fetching the package index of stable").
    fn begin(&self, what: &str);
    /// The step has come this far, from 0.0 to 1.0. Steps whose length is unknown never call it.
    fn fraction(&self, done: f64);
    /// So much of a download has come.
    fn bytes(&self, done: u64, total: u64) {
        self.fraction(done as f64 / total.max(1) as f64);
    }
    /// `done` of a program's `total` crates are compiled.
    fn crates(&self, done: u64, total: u64) {
        self.fraction(done as f64 / total.max(1) as f64);
    }
    /// The step that began last is over.
    fn end(&self);
    /// A sentence for the user that belongs to no step.
    fn note(&self, text: &str);
}

/// Watches nothing.
impl Progress for () {
    fn begin(&self, _what: &str) {}
    fn fraction(&self, _done: f64) {}
    fn end(&self) {}
    fn note(&self, _text: &str) {}
}

/// Runs `work` as one step.
pub(crate) fn step<T>(progress: &dyn Progress, what: &str, work: impl FnOnce() -> T) -> T {
    progress.begin(what);
    let result = work();
    progress.end();
    result
}

/// Remembers what is noted.
#[cfg(test)]
#[derive(Default)]
pub(crate) struct Notes(pub std::cell::RefCell<Vec<String>>);

#[cfg(test)]
impl Progress for Notes {
    fn begin(&self, _what: &str) {}
    fn fraction(&self, _done: f64) {}
    fn end(&self) {}
    fn note(&self, text: &str) {
        self.0.borrow_mut().push(text.to_owned());
    }
}
