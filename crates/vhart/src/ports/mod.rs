//! The ports of the virtio console, where the user wants them.

mod outlet;

use anyhow::Result;
use board::Plug;
use virtio::{PortConfig, PortLine};

use crate::cli::{self, port};
use crate::ending::Stopper;
use crate::serial::{self, Typist};
use crate::terminal::{Attached, Keys, Taker};

pub use outlet::Outlet;
#[cfg(feature = "linux")]
pub use outlet::Write;

/// The ports of a machine that is yet to run.
pub struct Ports {
    configs: Vec<PortConfig>,
    slot: Option<usize>,
    typists: Vec<(Typist, PortLine)>,
}

impl Ports {
    /// Opens the far ends.
    ///
    /// # Errors
    /// A file cannot be made, or a socket cannot be had.
    pub fn open(ports: &[cli::Port]) -> Result<Ports> {
        let numbers = port::numbers(ports).map_err(anyhow::Error::msg)?;
        let slot = ports.iter().find_map(|port| port.slot);
        let mut all = Ports { configs: Vec::new(), slot, typists: Vec::new() };
        for (port, number) in ports.iter().zip(numbers) {
            let (config, typist, line) = opened(port, number)?;
            all.configs.push(config);
            all.typists.push((typist, line));
        }
        Ok(all)
    }

    /// The device, if there are ports.
    pub fn plug(&mut self) -> Option<Plug> {
        let configs = std::mem::take(&mut self.configs);
        (!configs.is_empty()).then(|| plug(configs, self.slot))
    }

    /// Lets what arrives at the far ends go into the machine, which is there now.
    ///
    /// # Errors
    /// The terminal or the signals cannot be set up.
    pub fn attach(self, stopper: &Stopper, keys: &Keys) -> Result<Vec<Attached>> {
        let attach =
            |(typist, line): (Typist, PortLine)| typist.attach(taker(&line), stopper, keys.clone()).transpose();
        self.typists.into_iter().filter_map(attach).collect()
    }
}

/// The device with these ports.
pub fn plug(ports: Vec<PortConfig>, slot: Option<usize>) -> Plug {
    Plug { slot, make: Box::new(|slot| virtio::ports(slot, ports)) }
}

/// Whoever is behind a port's line takes input and hears of its end.
pub fn taker(line: &PortLine) -> Taker {
    let (taking, there) = (line.clone(), line.clone());
    Taker { take: Box::new(move |bytes| taking.send(bytes)), there: Box::new(move |somebody| there.set_open(somebody)) }
}
/// A port, who types into it, and on which line.
fn opened(port: &cli::Port, number: u32) -> Result<(PortConfig, Typist, PortLine)> {
    let (mut output, typist) = serial::open(&port.to)?;
    let line = PortLine::new();
    let write = Box::new(move |bytes: &[u8]| {
        output(bytes);
        true
    });
    let (out, _) = Outlet::start("port", write, line.clone())?;
    let config = match &port.name {
        Some(name) => PortConfig::channel(number, name, line.clone(), out),
        None => PortConfig::console(number, line.clone(), out),
    };
    Ok((config, typist, line))
}
