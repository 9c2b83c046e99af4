//! What is asked, as it is written on a command line.

use std::str::FromStr;

use arch::Mode;
use privileged::Access;

/// A question about a hart, or about each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// What about.
    pub about: Chosen,
    /// Of which hart; none: of all that have an answer.
    pub hart: Option<usize>,
}

/// What is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// The last exception but for environment calls; if a mode is named, the last whose handler is in it.
    Fault {
        /// M, HS or VS.
        to: Option<Mode>,
    },
    /// The last exception but for environment calls for which a guest was left.
    Exit,
    /// An access.
    Address {
        /// The virtual address.
        address: u64,
        /// The mode that it is made with; none: as a load or store of the hart would be now.
        world: Option<Mode>,
        /// What is done.
        access: Access,
    },
    /// The instruction that comes next.
    Pc,
}

impl Question {
    /// The last fault of every hart.
    pub const FAULT: Question = Question { about: Chosen::Fault { to: None }, hart: None };
}

/// Why words are no question.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// The first word.
    #[error("'{0}' is neither fault, exit, pc nor an address")]
    About(String),
    /// A key.
    #[error("'{0}' is none of {1}")]
    Key(String, &'static str),
    /// A value.
    #[error("{key}={value}: it is one of {known}")]
    Value {
        /// The key.
        key: &'static str,
        /// What it is set to.
        value: String,
        /// What it can be.
        known: &'static str,
    },
    /// A hart.
    #[error("hart={0}: it is a number")]
    Hart(String),
}

const WORLDS: &str = "m, hs, u, vs, vu";
const ACCESSES: &str = "r, w, x";
const HANDLERS: &str = "m, hs, vs";

impl FromStr for Question {
    type Err = Wrong;

    /// `fault[,to=MODE]`, `exit`, `pc` or `ADDRESS[,world=MODE][,access=r|w|x]`, each with `[,hart=N]`.
    fn from_str(text: &str) -> Result<Question, Wrong> {
        let mut words = text.split(',').map(str::trim);
        let first = words.next().unwrap_or_default();
        let about = match first {
            "fault" => Chosen::Fault { to: None },
            "exit" => Chosen::Exit,
            "pc" => Chosen::Pc,
            _ => {
                let address = number(first).ok_or_else(|| Wrong::About(first.to_owned()))?;
                Chosen::Address { address, world: None, access: Access::Load }
            }
        };
        words.try_fold(Question { about, hart: None }, Question::with)
    }
}

impl Question {
    /// The question with `key=value` added.
    fn with(mut self, word: &str) -> Result<Question, Wrong> {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        match (key, &mut self.about) {
            ("hart", _) => self.hart = Some(value.parse().map_err(|_| Wrong::Hart(value.to_owned()))?),
            ("to", Chosen::Fault { to }) => *to = Some(handler(value)?),
            ("world", Chosen::Address { world: mode, .. }) => *mode = Some(world(value)?),
            ("access", Chosen::Address { access: kind, .. }) => *kind = access(value)?,
            (_, Chosen::Fault { .. }) => return Err(Wrong::Key(key.to_owned(), "to, hart")),
            (_, Chosen::Address { .. }) => return Err(Wrong::Key(key.to_owned(), "world, access, hart")),
            (_, Chosen::Exit | Chosen::Pc) => return Err(Wrong::Key(key.to_owned(), "hart")),
        }
        Ok(self)
    }
}

fn handler(value: &str) -> Result<Mode, Wrong> {
    match world(value) {
        Ok(mode @ (Mode::M | Mode::HS | Mode::VS)) => Ok(mode),
        _ => Err(Wrong::Value { key: "to", value: value.to_owned(), known: HANDLERS }),
    }
}

fn world(value: &str) -> Result<Mode, Wrong> {
    match value.to_ascii_lowercase().as_str() {
        "m" => Ok(Mode::M),
        "hs" | "s" => Ok(Mode::HS),
        "u" => Ok(Mode::U),
        "vs" => Ok(Mode::VS),
        "vu" => Ok(Mode::VU),
        _ => Err(Wrong::Value { key: "world", value: value.to_owned(), known: WORLDS }),
    }
}

fn access(value: &str) -> Result<Access, Wrong> {
    match value {
        "r" | "load" => Ok(Access::Load),
        "w" | "store" => Ok(Access::Store),
        "x" | "fetch" => Ok(Access::Fetch),
        _ => Err(Wrong::Value { key: "access", value: value.to_owned(), known: ACCESSES }),
    }
}

/// A number, decimal or after 0x hexadecimal.
pub fn number(text: &str) -> Option<u64> {
    let digits = |text: &str| text.replace('_', "");
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(&digits(hex), 16).ok(),
        None => digits(text).parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_read() {
        assert_eq!("fault".parse(), Ok(Question::FAULT));
        let fault = Question { about: Chosen::Fault { to: Some(Mode::HS) }, hart: Some(2) };
        assert_eq!("fault,to=hs,hart=2".parse(), Ok(fault));
        assert_eq!("exit,hart=1".parse(), Ok(Question { about: Chosen::Exit, hart: Some(1) }));
        let about = Chosen::Address { address: 0x4000_1238, world: Some(Mode::VS), access: Access::Store };
        assert_eq!("0x4000_1238,world=vs,access=w".parse(), Ok(Question { about, hart: None }));
    }

    #[test]
    fn what_is_wrong_names_what_there_is() {
        let wrong = |text: &str| text.parse::<Question>().unwrap_err().to_string();
        assert_eq!(wrong("bogus"), "'bogus' is neither fault, exit, pc nor an address");
        assert_eq!(wrong("0x10,world=x"), "world=x: it is one of m, hs, u, vs, vu");
        assert_eq!(wrong("fault,to=vu"), "to=vu: it is one of m, hs, vs");
        assert_eq!(wrong("pc,world=vs"), "'world' is none of hart");
    }
}
