//! Wishes to save a machine while it runs, from any thread: it pauses for them.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use board::MachineStopper;

/// What is wished.
#[derive(Debug, PartialEq, Eq)]
pub enum Wish {
    /// That it is saved to this file, and goes on.
    Save(PathBuf),
    /// That it ends here, and is saved as the options say.
    End,
}

/// Takes wishes. Cloning shares it.
#[derive(Clone, Default)]
pub struct Wishes(Arc<Shared>);

#[derive(Default)]
struct Shared {
    waiting: Mutex<VecDeque<Wish>>,
    machine: OnceLock<MachineStopper>,
    /// Where a machine is saved if nobody says where.
    file: Option<PathBuf>,
}

impl Wishes {
    /// Of a machine that is saved to `file`, if nobody says where.
    pub fn to(file: Option<PathBuf>) -> Wishes {
        Wishes(Arc::new(Shared { file, ..Shared::default() }))
    }

    /// The machine that pauses for them.
    pub fn meet(&self, machine: MachineStopper) {
        let _ = self.0.machine.set(machine);
    }

    /// The machine is to be saved, to `file` if it is named, and to go on. Answers what stands in the way of it.
    ///
    /// # Errors
    /// No file is named, nor was one by an option.
    pub fn save(&self, file: Option<PathBuf>) -> Result<(), &'static str> {
        let file = file
            .or_else(|| self.0.file.clone())
            .ok_or("save it where? Say savevm FILE, or begin with --save-snapshot FILE")?;
        self.add(Wish::Save(file));
        Ok(())
    }

    /// Has the machine pause for a wish.
    pub fn add(&self, wish: Wish) {
        self.waiting().push_back(wish);
        self.0.machine.get().into_iter().for_each(MachineStopper::pause);
    }

    /// The wish that has waited longest.
    pub fn take(&self) -> Option<Wish> {
        self.waiting().pop_front()
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, VecDeque<Wish>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_named_comes_before_the_option_s() {
        let wishes = Wishes::to(Some("option".into()));
        wishes.save(None).unwrap();
        wishes.save(Some("named".into())).unwrap();
        wishes.add(Wish::End);
        assert_eq!(wishes.take(), Some(Wish::Save("option".into())));
        assert_eq!(wishes.take(), Some(Wish::Save("named".into())));
        assert_eq!((wishes.take(), wishes.take()), (Some(Wish::End), None));
        assert!(Wishes::to(None).save(None).unwrap_err().contains("savevm FILE"));
    }
}
