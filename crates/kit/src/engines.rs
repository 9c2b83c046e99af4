//! Engines without a processor: of fake harts, and of none.

use std::error::Error;
use std::sync::{Arc, Mutex};

use arch::Isa;
use board::{Cpu, Engine, HartSet, Harts, HostedHart, Modes, Parts};
use bus::Bus;

use crate::fake::{FakeHart, Script};

impl HostedHart for FakeHart {
    fn halt_reason(&self) -> Option<String> {
        Some("the script says so".into())
    }
    fn reset(&mut self) -> bool {
        self.reset_by_script()
    }
}

/// Makes fake harts, one for each script.
pub struct Fakes {
    /// What they claim to have.
    pub modes: Modes,
    /// What they do.
    pub scripts: Vec<Arc<Mutex<Script>>>,
}

impl Fakes {
    /// One that does nothing.
    pub fn idle(modes: Modes) -> Fakes {
        Fakes { modes, scripts: vec![Arc::default()] }
    }
}

impl Engine for Fakes {
    fn modes(&self) -> Modes {
        self.modes
    }
    fn harts(&mut self, parts: Parts) -> Result<Harts, Box<dyn Error + Send + Sync>> {
        let fakes = parts.pins.iter().zip(&self.scripts).map(|(pins, script)| {
            FakeHart::new(pins.clone()).among(parts.bus.clone(), parts.clock.clone()).acting(script.clone())
        });
        let harts = match self.modes {
            Modes::All => HartSet::Emulated(fakes.map(|fake| Box::new(fake) as _).collect()),
            Modes::SupervisorOnly => HartSet::Hosted(fakes.map(|fake| Box::new(fake) as _).collect()),
        };
        Ok(Harts { harts, cpu: Cpu::of_isa(Isa::default()) })
    }
}

/// Makes no harts, and keeps the bus that they would get.
#[derive(Default)]
pub struct NoHarts(pub Option<Arc<Bus>>);

impl Engine for NoHarts {
    fn modes(&self) -> Modes {
        Modes::All
    }
    fn harts(&mut self, parts: Parts) -> Result<Harts, Box<dyn Error + Send + Sync>> {
        self.0 = Some(parts.bus);
        Ok(Harts { harts: HartSet::Emulated(Vec::new()), cpu: Cpu::of_isa(parts.isa) })
    }
}
