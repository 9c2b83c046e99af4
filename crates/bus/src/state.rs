//! State as plain data: what a part of a machine is saved as, and is made again from.
//!
//! A part says what its state is ([`Plain`]), as a type of nothing but data; a board handles all alike, as bytes
//! ([`Stateful`]). What a part is made with (sizes, wires, files of the host) is no state: it is loaded into one that
//! was made alike, and what does not fit that is refused. Bytes are whoever's that wrote the file: a part takes nothing
//! that it could not have come to itself.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why the state of a part cannot be saved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsaved {
    /// It is in the midst of something that ends by itself: ask again.
    #[error("it is at work")]
    Busy,
    /// Half a sentence about what it has that is no data.
    #[error("{0}")]
    Never(String),
}

/// Bytes are not the state of a part that was made like this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// They are none of this kind of part.
    #[error("it is not of this kind of device")]
    Foreign,
    /// Half a sentence about what differs.
    #[error("{0}")]
    Differs(String),
}

impl Unfit {
    /// With half a sentence about what differs.
    pub fn of(why: impl Into<String>) -> Unfit {
        Unfit::Differs(why.into())
    }
}

/// Refuses what does not fit, with half a sentence.
///
/// # Errors
/// `fits` is false.
pub fn check(fits: bool, why: &str) -> Result<(), Unfit> {
    fits.then_some(()).ok_or_else(|| Unfit::of(why))
}

/// A part whose state is data of a type.
pub trait Plain {
    /// The type of its state.
    type State: Serialize + DeserializeOwned;

    /// What it has come to.
    ///
    /// # Errors
    /// It is at work, or has what is no data.
    fn save(&mut self) -> Result<Self::State, Unsaved>;

    /// Makes it what one was that was made alike.
    ///
    /// # Errors
    /// The state is none of such a part; then it is as before, or half loaded and not to be used.
    fn load(&mut self, state: Self::State) -> Result<(), Unfit>;

    /// What of its state two runs have alike that depend on nothing but the same files and options: all of it, but for
    /// those who have some of the host's in it, as a file's time, or input that nobody has taken. `None`: it is at
    /// work, or cannot be saved.
    fn reproducible(&mut self) -> Option<Vec<u8>> {
        to_bytes(&self.save().ok()?).ok()
    }
}

/// A part whose state is bytes.
pub trait Stateful {
    /// What it has come to.
    ///
    /// # Errors
    /// As [`Plain::save`]'s.
    fn state(&mut self) -> Result<Vec<u8>, Unsaved>;

    /// Makes it what one was that was made alike.
    ///
    /// # Errors
    /// As [`Plain::load`]'s.
    fn set_state(&mut self, bytes: &[u8]) -> Result<(), Unfit>;

    /// As [`Plain::reproducible`].
    fn reproducible(&mut self) -> Option<Vec<u8>>;
}

impl<T: Plain> Stateful for T {
    fn state(&mut self) -> Result<Vec<u8>, Unsaved> {
        to_bytes(&self.save()?)
    }

    fn set_state(&mut self, bytes: &[u8]) -> Result<(), Unfit> {
        self.load(from_bytes(bytes)?)
    }

    fn reproducible(&mut self) -> Option<Vec<u8>> {
        Plain::reproducible(self)
    }
}

/// Data as bytes.
///
/// # Errors
/// Never: data is data.
pub fn to_bytes(state: &impl Serialize) -> Result<Vec<u8>, Unsaved> {
    postcard::to_allocvec(state).map_err(|why| Unsaved::Never(why.to_string()))
}

/// Data of bytes, of which nothing is left over.
///
/// # Errors
/// There is no such data.
pub fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unfit> {
    match postcard::take_from_bytes(bytes) {
        Ok((state, [])) => Ok(state),
        _ => Err(Unfit::Foreign),
    }
}

/// Says that a part has no state.
#[macro_export]
macro_rules! stateless {
    ($part:ty) => {
        impl $crate::state::Plain for $part {
            type State = ();

            fn save(&mut self) -> Result<(), $crate::state::Unsaved> {
                Ok(())
            }

            fn load(&mut self, _state: ()) -> Result<(), $crate::state::Unfit> {
                Ok(())
            }
        }
    };
}

/// Says that the build does not save a part: its crate goes without the feature `state`, which another that is built
/// with it has.
#[macro_export]
macro_rules! unsaved {
    ($part:ident $(<$of:ident: $what:path>)?) => {
        impl $(<$of: $what>)? $crate::state::Plain for $part $(<$of>)? {
            type State = ();

            fn save(&mut self) -> Result<(), $crate::state::Unsaved> {
                Err($crate::state::Unsaved::Never("this build saves no machines".to_owned()))
            }

            fn load(&mut self, _state: ()) -> Result<(), $crate::state::Unfit> {
                Err($crate::state::Unfit::of("this build saves no machines"))
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counter(u32);

    impl Plain for Counter {
        type State = u32;

        fn save(&mut self) -> Result<u32, Unsaved> {
            Ok(self.0)
        }

        fn load(&mut self, state: u32) -> Result<(), Unfit> {
            check(state < 1000, "it counts to 1000")?;
            self.0 = state;
            Ok(())
        }
    }

    struct Still;
    stateless!(Still);

    struct Kept<T: Copy>(T);
    unsaved!(Kept<T: Copy>);

    #[test]
    fn bytes_bring_back_what_was_saved_and_nothing_else() {
        let (saved, mut other) = (Counter(300).state().unwrap(), Counter(0));
        other.set_state(&saved).unwrap();
        assert_eq!((other.0, Still.state(), Still.set_state(&[])), (300, Ok(vec![]), Ok(())));
        let more = [&saved[..], &[0]].concat();
        for wrong in [&[][..], &saved[..1], &more, &[0xff; 5]] {
            assert_eq!(other.set_state(wrong), Err(Unfit::Foreign));
        }
        assert_eq!(other.set_state(&to_bytes(&1000).unwrap()), Err(Unfit::of("it counts to 1000")));
        assert_eq!(other.0, 300);
    }

    #[test]
    fn what_a_build_does_not_save_is_refused_and_not_saved_as_nothing() {
        let mut kept = Kept(1);
        let refused = (kept.state().unwrap_err().to_string(), kept.set_state(&[]).unwrap_err().to_string());
        assert_eq!(
            (refused.0.as_str(), refused.1.as_str(), kept.0),
            ("this build saves no machines", "this build saves no machines", 1)
        );
    }
}
