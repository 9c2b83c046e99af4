//! The translator.

use std::error::Error;

use board::{Engine, Harts, Modes, Parts};

/// Makes translated harts.
pub struct Jit;

impl Engine for Jit {
    fn modes(&self) -> Modes {
        Modes::All
    }

    #[cfg(all(target_arch = "x86_64", unix))]
    fn harts(&mut self, parts: Parts) -> Result<Harts, Box<dyn Error + Send + Sync>> {
        let mut harts: Vec<Box<dyn vcpu::FullHart>> = Vec::new();
        for hart in super::parts_of(&parts) {
            harts.push(Box::new(jit::JitHart::new(jit::JitParts { hart, code_bytes: None })?));
        }
        Ok(Harts { harts: board::HartSet::Full(harts), cpu: board::Cpu::of_isa(parts.isa) })
    }

    #[cfg(not(all(target_arch = "x86_64", unix)))]
    fn harts(&mut self, _parts: Parts) -> Result<Harts, Box<dyn Error + Send + Sync>> {
        Err("engine jit makes code for x86-64 only; choose --engine interp".into())
    }
}
