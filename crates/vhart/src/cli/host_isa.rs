//! `--isa`: an instruction set, or what the host of engine kvm gives.

use arch::isa::{Extension, Isa};
use kvm::Extensions;

use super::cpu;
use super::properties::{Properties, switch};

/// What the user said of the instruction set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IsaOption {
    /// An instruction set.
    Named(Isa),
    /// What the host gives, with some switched on or off: only engine kvm has one.
    Host(Vec<kvm::Switch>),
}

/// Reads `--isa`.
pub fn parse(text: &str) -> Result<IsaOption, String> {
    match text.split_once(',').unwrap_or((text, "")) {
        ("host", properties) => switches(properties).map(IsaOption::Host),
        _ => cpu::isa(text).map(IsaOption::Named),
    }
}

/// `zbb=off,sstc=on`, as QEMU's properties of a CPU are.
fn switches(text: &str) -> Result<Vec<kvm::Switch>, String> {
    let one = |(name, value): (String, String)| match switch(&value) {
        Some(on) => Ok((name, on)),
        None => Err(format!("{name} is true or false, not '{value}'")),
    };
    Properties::read("--isa", text, None)
        .rest()
        .into_iter()
        .filter(|(name, _)| !cpu::is_ignored(name))
        .map(one)
        .collect()
}

impl IsaOption {
    /// The instruction set of harts of vhart's own. QEMU's `-cpu host` means theirs where there is no KVM.
    pub fn own(&self) -> Option<Isa> {
        match self {
            IsaOption::Named(isa) => Some(*isa),
            IsaOption::Host(_) => None,
        }
    }

    /// What a guest of the host's KVM is to have.
    pub fn of_guest(&self) -> Extensions {
        match self {
            IsaOption::Host(switches) => Extensions::Host(switches.clone()),
            IsaOption::Named(isa) => {
                let is_needed = |extension: &Extension| !isa.without(*extension).closed().has(*extension);
                let needed = isa.iter().filter(is_needed).map(Extension::name).collect();
                Extensions::Only { names: isa.names().collect(), needed }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_s_extensions_are_switched() {
        let expected = vec![("v".to_owned(), true), ("sstc".to_owned(), false)];
        assert_eq!(parse("host,v=on,sstc=off,pmu-num=4"), Ok(IsaOption::Host(expected)));
        assert_eq!(parse("host,v=perhaps"), Err("v is true or false, not 'perhaps'".to_owned()));
    }

    #[test]
    fn a_guest_needs_what_nothing_else_implies() {
        let Extensions::Only { names, needed } = parse("rv64gc_zicntr_zcb").unwrap().of_guest() else { panic!() };
        assert!(names.contains(&"zca") && names.contains(&"zcb") && !names.contains(&"zbb"), "{names:?}");
        assert!(needed.contains(&"zcb") && needed.contains(&"zicntr") && !needed.contains(&"zca"), "{needed:?}");
    }
}
