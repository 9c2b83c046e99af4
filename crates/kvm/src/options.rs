//! What a guest is given of all that the host's KVM offers.

use crate::Error;
use crate::names::{ISA_EXTENSIONS, SBI_EXTENSIONS};

/// A name, and whether what it names is wanted.
pub type Switch = (String, bool);

/// The ISA extensions of a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extensions {
    /// What the host's KVM gives to a guest, with some switched on or off; of one that comes twice, the last counts.
    Host(Vec<Switch>),
    /// Those that are named.
    Only {
        /// All of them. Those that KVM has no name for are none of its business.
        names: Vec<&'static str>,
        /// Those that no other of them implies: the host must have them. The kernel may be older than the name of a
        /// part.
        needed: Vec<&'static str>,
    },
}

/// What a guest is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// ISA extensions.
    pub extensions: Extensions,
    /// SBI extensions that are switched on or off. The console (DBCN) is on unless switched off.
    pub sbi: Vec<Switch>,
    /// Whether the guest's interrupts come by the AIA of the host's, of which it is told (Ssaia).
    pub aia: bool,
    /// Whether the kernel passes on writes that only notify devices.
    pub ioeventfd: bool,
    /// Whether a debugger may come.
    pub debugged: bool,
}

impl Default for Options {
    fn default() -> Self {
        let extensions = Extensions::Host(Vec::new());
        Options { extensions, sbi: Vec::new(), aia: false, ioeventfd: true, debugged: false }
    }
}

impl Options {
    /// Refuses names that no KVM knows.
    ///
    /// # Errors
    /// [`Error::UnknownIsa`] and [`Error::UnknownSbi`].
    pub fn check(&self) -> Result<(), Error> {
        let unknown = |names: &[&str], switches: &[Switch]| {
            switches.iter().map(|(name, _)| name).find(|name| !names.contains(&name.as_str())).cloned()
        };
        if let Extensions::Host(switches) = &self.extensions
            && let Some(name) = unknown(ISA_EXTENSIONS, switches)
        {
            return Err(Error::UnknownIsa { name });
        }
        match unknown(SBI_EXTENSIONS, &self.sbi) {
            Some(name) => Err(Error::UnknownSbi { name, known: SBI_EXTENSIONS.join(", ") }),
            None => Ok(()),
        }
    }
}

#[cfg_attr(not(all(target_arch = "riscv64", target_os = "linux")), allow(dead_code, reason = "told to a vCPU only"))]
impl Extensions {
    /// Whether a guest is to have `name`, where that was said.
    pub(crate) fn wants(&self, name: &str) -> Option<bool> {
        match self {
            Extensions::Host(switches) => last(switches, name),
            Extensions::Only { names, .. } => Some(names.contains(&name)),
        }
    }

    /// Whether a host that has no `name`, which is wanted, will do.
    pub(crate) fn does_without(&self, name: &str) -> bool {
        matches!(self, Extensions::Only { needed, .. } if !needed.contains(&name))
    }
}

#[cfg_attr(not(all(target_arch = "riscv64", target_os = "linux")), allow(dead_code, reason = "told to a vCPU only"))]
impl Options {
    /// Whether a guest is to have the SBI extension `name`, where that was said.
    pub(crate) fn wants_sbi(&self, name: &str) -> Option<bool> {
        last(&self.sbi, name)
    }
}

fn last(switches: &[Switch], name: &str) -> Option<bool> {
    switches.iter().rfind(|(switched, _)| switched == name).map(|(_, on)| *on)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn switches(list: &[(&str, bool)]) -> Vec<Switch> {
        list.iter().map(|(name, on)| ((*name).to_owned(), *on)).collect()
    }

    #[test]
    fn of_a_switch_that_comes_twice_the_last_counts() {
        let extensions = Extensions::Host(switches(&[("sstc", false), ("zbb", true), ("sstc", true)]));
        assert_eq!((extensions.wants("sstc"), extensions.wants("v")), (Some(true), None));
    }

    #[test]
    fn a_list_says_no_to_all_else() {
        let extensions = Extensions::Only { names: vec!["i", "m", "zca"], needed: vec!["i", "m"] };
        assert_eq!((extensions.wants("m"), extensions.wants("v")), (Some(true), Some(false)));
        assert!(extensions.does_without("zca") && !extensions.does_without("m"));
    }

    #[test]
    fn names_that_no_kvm_knows_are_refused() {
        let isa = Options { extensions: Extensions::Host(switches(&[("zbz", true)])), ..Options::default() };
        assert!(isa.check().unwrap_err().to_string().contains("'zbz'"));
        let sbi = Options { sbi: switches(&[("time", true), ("tea", false)]), ..Options::default() };
        assert!(sbi.check().unwrap_err().to_string().contains("dbcn, sta"));
        assert!(Options::default().check().is_ok());
    }
}
