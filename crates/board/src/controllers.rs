//! The interrupt controller that the devices' wires lead to, and what goes with it.

use std::sync::{Arc, Mutex};

use arch::Phys;
use arch::addr::PAGE_BYTES;
use bus::{Bus, InterruptController};
use devices::aplic::{Aplic, Domain, Harts, Layout};
use devices::plic::{Contexts, Plic};
use devices::{FileLevel, ImsicPages};
use vcpu::{HartPins, ImsicShape};

use crate::config::Aia;
use crate::engine::Modes;
use crate::error::Error;
use crate::host_interrupts::{HostAplic, HostDomain, HostFiles, HostInterrupts};
use crate::map::{self, Region};
use crate::placed::{Placed, placed, shared};
use crate::tree::Role;

/// The controller, and the parts that it consists of.
pub struct Controllers {
    /// Where wires lead to.
    pub inputs: Arc<dyn InterruptController>,
    /// Its registers, and the harts' interrupt files.
    pub parts: Vec<Placed>,
    /// The APLIC, where the controller is one, and the addresses of interrupt files, where there are some.
    aplic: Option<(Arc<Aplic>, Option<Layout>)>,
}

impl Controllers {
    /// The controller that `aia` asks for. Pins are such as it wants them ([`Aia::imsic`]).
    ///
    /// # Errors
    /// Regions overlap: a mistake in the memory map.
    pub fn new(aia: Aia, modes: Modes, pins: &[Arc<HartPins>]) -> Result<Controllers, Error> {
        match (aia, aia.imsic()) {
            (_, Some(shape)) => messaged(shape, pins),
            (Aia::None, None) => Ok(plic(modes, pins)),
            (_, None) => Ok(wired(modes, pins)),
        }
    }

    /// Those of harts whose interrupt files are the host's.
    pub fn of_host(host: &HostInterrupts, harts: usize) -> Controllers {
        let files = HostFiles { controller: host.controller.clone(), identities: host.identities };
        let region = Region { base: map::IMSIC_S_BASE, len: harts as u64 * PAGE_BYTES };
        let files = placed("imsic-s", region, shared(files), None).with_role(Role::SupervisorFiles);
        if host.aplic == HostAplic::There {
            let domain = shared(HostDomain(host.controller.clone()));
            let domain = placed("aplic-s", map::APLIC_S, domain, None).with_role(Role::Domain);
            return Controllers { inputs: host.controller.clone(), parts: vec![domain, files], aplic: None };
        }
        let reached = Harts::Messaged { count: harts, guest_files: 0, files: host.files.clone() };
        let aplic = Aplic::new(map::APLIC_SOURCES, reached);
        let layout = Layout {
            machine: map::IMSIC_M_BASE,
            supervisor: map::IMSIC_S_BASE,
            hart_bits: harts.next_power_of_two().trailing_zeros(),
            guest_bits: 0,
        };
        let parts = domains(&aplic, Modes::SupervisorOnly).into_iter().chain([files]).collect();
        Controllers { inputs: aplic.clone(), parts, aplic: Some((aplic, Some(layout))) }
    }

    /// Leaves all interrupts to S-mode, as a firmware does before it starts a kernel.
    pub fn hand_over(&self) {
        self.aplic.iter().for_each(|(aplic, layout)| aplic.hand_over(*layout));
    }
}

fn plic(modes: Modes, pins: &[Arc<HartPins>]) -> Controllers {
    let contexts = match modes {
        Modes::All => Contexts::MachineAndSupervisor,
        Modes::SupervisorOnly => Contexts::SupervisorOnly,
    };
    let plic = Plic::new(map::PLIC_SOURCES, contexts, pins);
    let part = placed("plic", map::PLIC, shared(plic.registers()), None).with_role(Role::Controller);
    Controllers { inputs: plic, parts: vec![part], aplic: None }
}

fn wired(modes: Modes, pins: &[Arc<HartPins>]) -> Controllers {
    let aplic = Aplic::new(map::APLIC_SOURCES, Harts::Wired(pins.to_vec()));
    Controllers { inputs: aplic.clone(), parts: domains(&aplic, modes), aplic: Some((aplic, None)) }
}

fn messaged(shape: ImsicShape, pins: &[Arc<HartPins>]) -> Result<Controllers, Error> {
    let files = [
        files("imsic-s", map::IMSIC_S_BASE, FileLevel::Supervisor, pins).with_role(Role::SupervisorFiles),
        files("imsic-m", map::IMSIC_M_BASE, FileLevel::Machine, pins).with_role(Role::MachineFiles),
    ];
    // Of the board, the APLIC reaches the interrupt files only: whatever else it could write to may be waiting for it.
    let reached = Bus::default();
    for Placed { name, region, part, .. } in &files {
        reached.map(name, region.base, region.len, part.clone())?;
    }
    let harts = Harts::Messaged { count: pins.len(), guest_files: shape.guest_files, files: Arc::new(reached) };
    let aplic = Aplic::new(map::APLIC_SOURCES, harts);
    let layout = Layout {
        machine: map::IMSIC_M_BASE,
        supervisor: map::IMSIC_S_BASE,
        hart_bits: pins.len().next_power_of_two().trailing_zeros(),
        guest_bits: ImsicPages::new(pins.to_vec(), FileLevel::Supervisor).guest_index_bits(),
    };
    let parts = domains(&aplic, Modes::All).into_iter().chain(files).collect();
    Ok(Controllers { inputs: aplic.clone(), parts, aplic: Some((aplic, Some(layout))) })
}

/// The registers of the domains that harts with these modes see.
fn domains(aplic: &Arc<Aplic>, modes: Modes) -> Vec<Placed> {
    let registers = |domain| shared(aplic.registers(domain));
    let supervisor = placed("aplic-s", map::APLIC_S, registers(Domain::Supervisor), None).with_role(Role::Domain);
    let machine = || placed("aplic-m", map::APLIC_M, registers(Domain::Machine), None).with_role(Role::RootDomain);
    std::iter::once(supervisor).chain((modes == Modes::All).then(machine)).collect()
}

/// The pages of all harts' files at one level.
fn files(name: &str, base: Phys, level: FileLevel, pins: &[Arc<HartPins>]) -> Placed {
    let pages = ImsicPages::new(pins.to_vec(), level);
    let region = Region { base, len: pages.bytes() };
    placed(name, region, Arc::new(Mutex::new(pages)), None)
}

#[cfg(all(test, feature = "formats"))]
mod tests;
