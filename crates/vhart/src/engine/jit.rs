//! The translator.

use std::error::Error;

use board::{Engine, Harts, Modes, Parts};

use super::interp::Interp;
use crate::errors;

/// Whether there is a translator for computers like this.
pub const EXISTS: bool = cfg!(all(target_arch = "x86_64", unix));

/// Makes translated harts.
pub struct Jit {
    /// Bytes of code that a hart keeps at most, if the user said so.
    pub code_bytes: Option<u64>,
    /// What happens where the translator cannot run.
    pub otherwise: Otherwise,
}

/// What happens where the translator cannot run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// Nothing does.
    Fail,
    /// The interpreter runs, and the user is told.
    Interpret,
}

type Failure = Box<dyn Error + Send + Sync>;

impl Engine for Jit {
    fn modes(&self) -> Modes {
        Modes::All
    }

    fn harts(&mut self, parts: Parts) -> Result<Harts, Failure> {
        match (translated(&parts, self.code_bytes), self.otherwise) {
            (Ok(harts), _) => Ok(Harts { harts: board::HartSet::Emulated(harts), cpu: board::Cpu::of_isa(parts.isa) }),
            (Err(why), Otherwise::Fail) => Err(format!("{}; choose --engine interp", sentence(&*why)).into()),
            (Err(why), Otherwise::Interpret) => {
                errors::tell(format!("{}; the slower interpreter runs the machine", sentence(&*why)));
                Interp::default().harts(parts)
            }
        }
    }
}

/// An error and its cause, if it has one.
fn sentence(error: &(dyn Error + 'static)) -> String {
    let cause = error.source().map(|cause| format!(": {}", errors::without_number(&cause.to_string())));
    format!("{error}{}", cause.unwrap_or_default())
}

#[cfg(all(target_arch = "x86_64", unix))]
fn translated(parts: &Parts, code_bytes: Option<u64>) -> Result<Vec<Box<dyn vcpu::EmulatedHart>>, Failure> {
    let code_bytes = code_bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    jit::before_abort(crate::terminal::restore);
    let mut harts: Vec<Box<dyn vcpu::EmulatedHart>> = Vec::new();
    for hart in super::own::parts_of(parts) {
        harts.push(Box::new(jit::JitHart::new(jit::JitParts { hart, code_bytes })?));
    }
    Ok(harts)
}

#[cfg(not(all(target_arch = "x86_64", unix)))]
fn translated(_parts: &Parts, _code_bytes: Option<u64>) -> Result<Vec<Box<dyn vcpu::EmulatedHart>>, Failure> {
    Err("engine jit makes code for x86-64 only".into())
}
