//! A hart's incoming MSI controller: its interrupt files, reached by its own CSRs and by whoever sends it messages.
//!
//! AIA 1.0, "Incoming MSI Controller (IMSIC)". The files are part of the hart's pins ([`HartPins::with_imsic`]): what
//! they signal is a level there, MEIP, SEIP or a line of `hgeip`. A file's lock is held while its level is driven, so
//! that levels arrive in order. Lock order: a device's lock, then a file's, then that of [`HartPins::kick`].

use std::sync::{Mutex, MutexGuard, PoisonError};

use arch::Interrupt;

pub use cores::imsic::{FileRegister, InterruptFile, MAX_IDENTITIES};
pub use privileged::FileId;

use crate::HartPins;

/// What an IMSIC is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImsicShape {
    /// Identities of each file, 63 to [`MAX_IDENTITIES`] and one less than a multiple of 64; others are rounded up.
    pub identities: u16,
    /// Guest interrupt files: GEILEN, at most 63.
    pub guest_files: u8,
}

impl ImsicShape {
    /// Identities as QEMU's `virt` has them.
    pub const IDENTITIES: u16 = cores::imsic::USUAL_IDENTITIES;
    /// Guest files that there can be: as many as `hgeip` has lines.
    pub const MAX_GUEST_FILES: u8 = 63;
}

/// Who does something to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// The hart that it belongs to: it looks at its pins itself afterwards.
    Owner,
    /// Anybody else: the hart is told.
    Other,
}

/// The interrupt files of a hart.
#[derive(Debug)]
pub struct Imsic {
    shape: ImsicShape,
    /// Machine level's, supervisor level's, and the guests'.
    files: Vec<Mutex<InterruptFile>>,
}

impl Imsic {
    pub(crate) fn new(shape: ImsicShape) -> Imsic {
        let guest_files = shape.guest_files.min(ImsicShape::MAX_GUEST_FILES);
        let file = InterruptFile::new(shape.identities);
        let shape = ImsicShape { identities: file.identities(), guest_files };
        let files = (0..2 + guest_files).map(|_| Mutex::new(file.clone())).collect();
        Imsic { shape, files }
    }

    /// What it is made of.
    pub fn shape(&self) -> ImsicShape {
        self.shape
    }

    /// A copy of a file: for whoever looks at a machine or saves it. `None`: there is no such file.
    pub fn file(&self, id: FileId) -> Option<InterruptFile> {
        self.lock(id).map(|file| file.clone())
    }

    /// All files there are.
    pub fn ids(&self) -> impl Iterator<Item = FileId> + use<> {
        [FileId::Machine, FileId::Supervisor].into_iter().chain((1..=self.shape.guest_files).map(FileId::Guest))
    }

    fn lock(&self, id: FileId) -> Option<MutexGuard<'_, InterruptFile>> {
        let at = match id {
            FileId::Machine => 0,
            FileId::Supervisor => 1,
            FileId::Guest(0) => return None,
            FileId::Guest(number) => 1 + usize::from(number),
        };
        self.files.get(at).map(|file| file.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What reaches the interrupt files. Without an IMSIC, or a file of that name, there is nothing to read or change.
impl HartPins {
    /// A message arrives: from any thread. Numbers that are no identity of the file's are ignored.
    pub fn message(&self, id: FileId, identity: u32) {
        self.change_file(id, By::Other, |file| file.arrive(identity));
    }

    /// What a file's `*topei` shows.
    pub fn file_top(&self, id: FileId) -> u64 {
        self.read_file(id, InterruptFile::top)
    }

    /// Claims what [`HartPins::file_top`] has shown. For the hart itself, which looks at its pins afterwards.
    pub fn claim_from_file(&self, id: FileId, top: u64) {
        self.change_file(id, By::Owner, |file| file.claim(top));
    }

    /// Reads a file's register.
    pub fn file_register(&self, id: FileId, register: FileRegister) -> u64 {
        self.read_file(id, |file| file.read(register))
    }

    /// Changes bits of a file's register, as [`InterruptFile::change`] does. For the hart itself, which looks at its
    /// pins afterwards.
    pub fn change_file_register(&self, id: FileId, register: FileRegister, clear: u64, set: u64) {
        self.change_file(id, By::Owner, |file| file.change(register, clear, set));
    }

    /// Puts a saved file in place of the one that is there, which has as many identities.
    pub fn restore_file(&self, id: FileId, saved: &InterruptFile) {
        self.change_file(id, By::Other, |file| {
            if file.identities() == saved.identities() {
                file.clone_from(saved);
            }
        });
    }

    /// Puts the files back to their state after reset: empty. ("UNSPECIFIED", but valid.)
    pub fn reset_files(&self, ids: impl IntoIterator<Item = FileId>) {
        for id in ids {
            self.change_file(id, By::Other, |file| *file = InterruptFile::new(file.identities()));
        }
    }

    fn read_file(&self, id: FileId, read: impl FnOnce(&InterruptFile) -> u64) -> u64 {
        self.imsic().and_then(|imsic| imsic.lock(id)).map_or(0, |file| read(&file))
    }

    /// Changes a file, and drives its level.
    fn change_file(&self, id: FileId, by: By, change: impl FnOnce(&mut InterruptFile)) {
        let Some(mut file) = self.imsic().and_then(|imsic| imsic.lock(id)) else { return };
        change(&mut file);
        let (level, quiet) = (file.signals(), by == By::Owner);
        match id {
            FileId::Machine => self.drive_pin(Interrupt::MachineExternal, level, quiet),
            FileId::Supervisor => self.drive_pin(Interrupt::SupervisorExternal, level, quiet),
            FileId::Guest(number) => self.drive_guest_external(number, level, quiet),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;

    const SHAPE: ImsicShape = ImsicShape { identities: 255, guest_files: 3 };

    /// Enables an identity below 64 in a file that delivers.
    fn enable(pins: &HartPins, id: FileId, identity: u32) {
        pins.change_file_register(id, FileRegister::Delivery, 0, 1);
        pins.change_file_register(id, FileRegister::Enabled(0), 0, 1 << identity);
    }

    #[test]
    fn each_file_drives_its_own_wire() {
        let pins = HartPins::with_imsic(SHAPE);
        let ids: Vec<FileId> = pins.imsic().unwrap().ids().collect();
        let levels = ids.iter().map(|&id| {
            enable(&pins, id, 9);
            pins.message(id, 9);
            (pins.levels(), pins.guest_external())
        });
        let (mei, sei) = (Interrupt::MachineExternal.bit(), Interrupt::SupervisorExternal.bit());
        let both = mei | sei;
        let expected = [(mei, 0), (both, 0), (both, 0b10), (both, 0b110), (both, 0b1110)];
        assert_eq!(levels.collect::<Vec<_>>(), expected);
        for id in ids {
            pins.claim_from_file(id, pins.file_top(id));
        }
        assert_eq!((pins.levels(), pins.guest_external()), (0, 0));
    }

    #[test]
    fn a_message_that_is_wanted_kicks_and_the_hart_s_own_accesses_do_not() {
        let pins = HartPins::with_imsic(SHAPE);
        pins.message(FileId::Supervisor, 5);
        enable(&pins, FileId::Supervisor, 5);
        assert!(!pins.take_attention());
        pins.claim_from_file(FileId::Supervisor, pins.file_top(FileId::Supervisor));
        assert!(!pins.take_attention());
        pins.message(FileId::Supervisor, 5);
        assert!(pins.take_attention());
    }

    #[test]
    fn files_that_are_not_there_take_nothing() {
        let without = HartPins::new();
        without.message(FileId::Machine, 1);
        assert_eq!((without.levels(), without.file_top(FileId::Machine)), (0, 0));
        let pins = HartPins::with_imsic(SHAPE);
        for id in [FileId::Guest(0), FileId::Guest(4), FileId::Guest(u8::MAX)] {
            enable(&pins, id, 1);
            pins.message(id, 1);
            assert_eq!(pins.imsic().unwrap().file(id), None);
        }
        assert_eq!((pins.levels(), pins.guest_external()), (0, 0));
    }

    #[test]
    fn a_saved_file_comes_back_with_its_level() {
        let pins = HartPins::with_imsic(SHAPE);
        enable(&pins, FileId::Guest(2), 3);
        pins.message(FileId::Guest(2), 3);
        let saved = pins.imsic().unwrap().file(FileId::Guest(2)).unwrap();
        pins.reset_files([FileId::Guest(2)]);
        assert_eq!(pins.guest_external(), 0);
        pins.restore_file(FileId::Guest(2), &saved);
        assert_eq!((pins.guest_external(), pins.file_top(FileId::Guest(2))), (0b100, 3 << 16 | 3));
    }

    /// One thread sends each identity again as soon as it was claimed; the hart claims what its wire announces.
    #[test]
    fn no_message_is_lost_between_a_claim_and_a_level() {
        const ROUNDS: u32 = 2_000;
        let pins = HartPins::with_imsic(SHAPE);
        enable(&pins, FileId::Machine, 1);
        enable(&pins, FileId::Machine, 2);
        let taken = Arc::new([AtomicBool::new(true), AtomicBool::new(true)]);
        let senders: Vec<_> = (0..2u32)
            .map(|number| {
                let (pins, taken) = (pins.clone(), taken.clone());
                thread::spawn(move || {
                    for _ in 0..ROUNDS {
                        while !taken[number as usize].swap(false, Ordering::AcqRel) {
                            thread::yield_now();
                        }
                        pins.message(FileId::Machine, number + 1);
                    }
                })
            })
            .collect();
        let mut claimed = 0;
        while claimed < 2 * ROUNDS {
            if pins.levels() == 0 {
                thread::yield_now();
                continue;
            }
            let top = pins.file_top(FileId::Machine);
            pins.claim_from_file(FileId::Machine, top);
            taken[(top >> 16) as usize - 1].store(true, Ordering::Release);
            claimed += 1;
        }
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        assert_eq!((pins.levels(), pins.file_top(FileId::Machine)), (0, 0));
    }
}
