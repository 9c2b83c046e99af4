//! A command line on its way from QEMU's words to vhart's.

use std::ffi::OsString;

use super::chars::Chars;
use super::devices::Slots;
use super::disks::Disks;
use super::machine::Accelerators;
use super::net::Cards;
use super::shares::Shares;

/// What has been read of a command line.
#[derive(Default)]
pub struct Line {
    words: Vec<OsString>,
    ignored: Vec<String>,
    notes: Vec<String>,
    pub accelerators: Accelerators,
    /// Properties about the host of engine kvm.
    pub host: Vec<String>,
    pub disks: Disks,
    pub cards: Cards,
    pub shares: Shares,
    pub chars: Chars,
    pub slots: Slots,
}

impl Line {
    /// A word that stays as it is.
    pub fn push(&mut self, word: OsString) {
        self.words.push(word);
    }

    /// The option `own` of vhart's, with the same value.
    pub fn same(&mut self, own: &str, value: Option<OsString>) {
        match value {
            // behind a space it would be taken for an option
            Some(value) if value.as_encoded_bytes().starts_with(b"-") => {
                let mut word = OsString::from(format!("--{own}="));
                word.push(value);
                self.push(word);
            }
            value => {
                self.push(format!("--{own}").into());
                value.into_iter().for_each(|value| self.push(value));
            }
        }
    }

    /// The option `own` of vhart's with `value`.
    pub fn option(&mut self, own: &str, value: impl Into<OsString>) {
        self.same(own, Some(value.into()));
    }

    /// Something that cannot change what the machine does.
    pub fn ignore(&mut self, what: impl Into<String>) {
        self.ignored.push(what.into());
    }

    /// The same, for values of `option`.
    pub fn ignore_all(&mut self, option: &str, what: Vec<String>) {
        what.into_iter().for_each(|what| self.ignore(format!("{option} {what}")));
    }

    /// Something that the user should know.
    pub fn note(&mut self, sentence: String) {
        self.notes.push(sentence);
    }

    /// The words, with those of devices behind the others, and the notes.
    pub fn finish(mut self) -> Result<(Vec<OsString>, Vec<String>), String> {
        let behind = self.words.iter().position(|word| word == "--").unwrap_or(self.words.len());
        let last = self.words.split_off(behind);
        std::mem::take(&mut self.accelerators).write(&mut self)?;
        std::mem::take(&mut self.disks).write(&mut self)?;
        std::mem::take(&mut self.cards).write(&mut self)?;
        std::mem::take(&mut self.shares).write(&mut self)?;
        std::mem::take(&mut self.chars).write(&mut self)?;
        std::mem::take(&mut self.slots).write(&mut self);
        self.note_ignored();
        self.words.extend(last);
        Ok((self.words, self.notes))
    }

    /// Says in one note, the first, all that was ignored.
    fn note_ignored(&mut self) {
        if !self.ignored.is_empty() {
            let list = self.ignored.join(", ");
            self.notes.insert(0, format!("ignored, because it means nothing here: {list}"));
        }
    }
}
