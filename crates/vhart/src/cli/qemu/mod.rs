//! QEMU's command line, in words of vhart's.
//!
//! QEMU writes long options with one dash, or with two. Those that mean something here become options of vhart's, those
//! that cannot change what the machine does are ignored with a note, and all others are refused by their whole name
//! (`docs/qemu.md` lists them). Words that are vhart's own stay as they are, so that both can be mixed.

mod chars;
mod devices;
mod disks;
mod line;
mod loads;
mod machine;
mod net;
mod options;
mod shares;
#[cfg(test)]
mod tests;

use std::ffi::{OsStr, OsString};

use clap::{ArgAction, Command};

use line::Line;
use options::{Does, Row, Scope};

/// A command line in vhart's words.
#[derive(Debug)]
pub struct Translated {
    /// The words, the program's name first.
    pub words: Vec<OsString>,
    /// What there is to say about options that mean nothing here, a sentence each.
    pub notes: Vec<String>,
}

/// Puts the words of a command line, the program's name first, into words of vhart's. What follows `--` stays as it is.
///
/// # Errors
/// A sentence that names the option that is wrong, or missing here.
pub fn translate(words: impl IntoIterator<Item = OsString>, vhart: &Command) -> Result<Translated, String> {
    let mut words = words.into_iter();
    let mut before: Vec<OsString> = words.next().into_iter().collect();
    let Some(first) = words.next() else { return Ok(Translated { words: before, notes: Vec::new() }) };
    let subcommand = first.to_str().and_then(|name| vhart.find_subcommand(name));
    let scope = match subcommand {
        Some(_) if first == "run" => Scope::Run,
        _ => Scope::Machine,
    };
    let mut walk = Walk { scope, command: subcommand.unwrap_or(vhart), words, line: Line::default() };
    if subcommand.is_some() {
        before.push(first);
    } else {
        walk.word(first)?;
    }
    while let Some(word) = walk.words.next() {
        walk.word(word)?;
    }
    let (words, notes) = walk.line.finish()?;
    Ok(Translated { words: before.into_iter().chain(words).collect(), notes })
}

/// From where on two names are so alike that one may be meant for the other; as in clap.
const ALIKE: f64 = 0.7;

/// The way through a command line.
struct Walk<'a, W> {
    scope: Scope,
    /// The subcommand, whose own options are known.
    command: &'a Command,
    words: W,
    line: Line,
}

/// What an own option takes.
enum Takes {
    Nothing,
    /// What follows it, unless it stands behind an equals sign.
    Value,
}

impl<W: Iterator<Item = OsString>> Walk<'_, W> {
    /// Takes one word, and its value where it has one.
    fn word(&mut self, word: OsString) -> Result<(), String> {
        if word == "--" {
            self.line.push(word);
            self.words.by_ref().for_each(|word| self.line.push(word));
            return Ok(());
        }
        let Some(option) = word.to_str().and_then(Word::of) else {
            self.line.push(word);
            return Ok(());
        };
        match options::find(option.name, self.scope) {
            // an option of the same name whose value stands behind an equals sign
            Some(row) if option.dashes == 2 && row.takes_value && self.takes_nothing(&option) => {
                self.own(&word, &option)
            }
            Some(row) => self.qemus(row, &option),
            None => self.own(&word, &option),
        }
    }

    /// An option of QEMU's.
    fn qemus(&mut self, row: &Row, option: &Word<'_>) -> Result<(), String> {
        let shown = format!("-{}", option.name);
        if let Does::Missing(why) = row.does {
            return Err(format!("there is no {shown} here: {why}"));
        }
        let value = if row.takes_value { self.value(option)? } else { OsString::new() };
        let text = || value.to_str().ok_or_else(|| format!("{shown}: its value is not UTF-8"));
        match row.does {
            Does::Same(own) => self.line.same(own, row.takes_value.then_some(value)),
            Does::Read(read) => read(&mut self.line, text()?)?,
            Does::Ignored => self.line.ignore(format!("{shown} {}", value.display()).trim_end()),
            Does::Note(note) => self.line.note(format!("{shown}: {note}")),
            Does::Nothing | Does::Missing(_) => {}
        }
        Ok(())
    }

    /// The value of an option that has one: behind its equals sign, or the next word.
    fn value(&mut self, option: &Word<'_>) -> Result<OsString, String> {
        let next = || self.words.next().ok_or_else(|| format!("-{} needs a value", option.name));
        option.value.map_or_else(next, |value| Ok(value.into()))
    }

    /// An option of vhart's, which may be written with one dash as well; what is none is refused where clap would take
    /// it for single letters.
    fn own(&mut self, word: &OsStr, option: &Word<'_>) -> Result<(), String> {
        let Some(takes) = self.takes(option) else {
            if option.dashes == 1 && option.name.chars().count() > 1 {
                return Err(self.unknown(option.name));
            }
            self.line.push(word.into());
            return Ok(());
        };
        let long = option.name.chars().count() > 1;
        let dash = if long && option.dashes == 1 { "-" } else { "" };
        self.line.push([OsStr::new(dash), word].into_iter().collect());
        if let (Takes::Value, None) = (takes, option.value) {
            let value = self.words.next();
            value.into_iter().for_each(|value| self.line.push(value));
        }
        Ok(())
    }

    /// What to say about an option that neither QEMU nor vhart has.
    fn unknown(&self, name: &str) -> String {
        let own = self.command.get_arguments().filter_map(|arg| arg.get_long());
        let names = options::names().chain(own).filter(|other| other.len() > 1);
        let likeness = |other: &&str| strsim::jaro(name, other);
        match names.max_by(|a, b| likeness(a).total_cmp(&likeness(b))) {
            Some(near) if likeness(&near) > ALIKE => format!("there is no option '-{name}'; did you mean '-{near}'?"),
            _ => format!("there is no option '-{name}'; 'vhart run --help' and docs/qemu.md list those that there are"),
        }
    }

    fn takes_nothing(&self, option: &Word<'_>) -> bool {
        matches!(self.takes(option), Some(Takes::Nothing))
    }

    /// What the subcommand's own option of this name takes, if there is one.
    fn takes(&self, option: &Word<'_>) -> Option<Takes> {
        if matches!(option.name, "help" | "version" | "h" | "V") {
            return Some(Takes::Nothing);
        }
        let mut letters = option.name.chars();
        let letter = letters.next().filter(|_| letters.next().is_none() && option.dashes == 1);
        let named = |arg: &&clap::Arg| match letter {
            Some(letter) => arg.get_short() == Some(letter),
            None => arg.get_long_and_visible_aliases().is_some_and(|names| names.contains(&option.name)),
        };
        let arg = self.command.get_arguments().find(named)?;
        let valued = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append) && !arg.is_require_equals_set();
        Some(if valued { Takes::Value } else { Takes::Nothing })
    }
}

/// A word that is an option, taken apart.
struct Word<'a> {
    /// One or two.
    dashes: usize,
    name: &'a str,
    value: Option<&'a str>,
}

impl Word<'_> {
    /// The option that `word` is: `-name`, `--name`, either with `=value`, or `-m512`.
    fn of(word: &str) -> Option<Word<'_>> {
        let name = word.strip_prefix('-').filter(|name| !name.is_empty())?;
        let (dashes, name) = name.strip_prefix("-").map_or((1, name), |name| (2, name));
        if let Some(size) = name.strip_prefix('m').filter(|size| size.starts_with(|c: char| c.is_ascii_digit())) {
            return Some(Word { dashes, name: "m", value: Some(size) });
        }
        let (name, value) = name.split_once('=').map_or((name, None), |(name, value)| (name, Some(value)));
        Some(Word { dashes, name, value })
    }
}
