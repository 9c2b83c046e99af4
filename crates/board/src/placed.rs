//! A device with its place on the board.

use std::sync::{Arc, Mutex};

use devices::Part;

use crate::map::Region;
use crate::tree::{Mapped, Role};

/// A device with its place.
pub struct Placed {
    /// For errors, and for whoever explains an address.
    pub name: String,
    /// The device.
    pub part: Arc<Mutex<dyn Part>>,
    /// Its registers.
    pub region: Region,
    /// Its input of the interrupt controller.
    pub irq: Option<u32>,
    /// What it is to other nodes of the device tree.
    role: Role,
}

/// A device that others shall refer to.
pub fn shared<D>(device: D) -> Arc<Mutex<D>> {
    Arc::new(Mutex::new(device))
}

/// A device that is nothing to other nodes.
pub fn placed(name: &str, region: Region, part: Arc<Mutex<dyn Part>>, irq: Option<u32>) -> Placed {
    Placed { name: name.into(), part, region, irq, role: Role::Plain }
}

impl Placed {
    /// The same with a role.
    pub fn with_role(self, role: Role) -> Placed {
        Placed { role, ..self }
    }

    /// What the device tree says of the device.
    pub fn node<'a>(&self, part: &'a dyn Part) -> Mapped<'a> {
        Mapped { device: part, region: self.region, irq: self.irq, role: self.role }
    }
}
