//! What a console and its ports are saved as.

use bus::state::{Plain, Unfit, Unsaved, check, to_bytes};

use super::Console;
use super::port::PortState;

impl Plain for Console {
    /// Whether the driver knows of ports, and these by their numbers.
    type State = (bool, Vec<(u32, PortState)>);

    fn save(&mut self) -> Result<Self::State, Unsaved> {
        Ok((self.has_ports, self.ports.iter().map(|(&number, port)| (number, port.save())).collect()))
    }

    fn load(&mut self, (has_ports, ports): Self::State) -> Result<(), Unfit> {
        check(ports.iter().map(|(number, _)| number).eq(self.ports.keys()), "a console has other ports")?;
        self.has_ports = has_ports;
        self.ports.values_mut().zip(ports).for_each(|(port, (_, state))| port.load(state));
        Ok(())
    }

    /// Input comes when the far ends have some.
    fn reproducible(&mut self) -> Option<Vec<u8>> {
        let ports: Vec<_> = self.ports.iter().map(|(number, port)| (number, port.as_the_driver_has_it())).collect();
        to_bytes(&(self.has_ports, ports)).ok()
    }
}
