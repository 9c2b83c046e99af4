//! The device tree: what the board knows; devices write their own nodes.
//!
//! Devicetree Specification v0.4; Linux, Documentation/devicetree/bindings/riscv/cpus.yaml and extensions.yaml.

use devices::{Finisher, Placement, Specifier, Status};
use vcpu::Cpu;
use vm_fdt::{Error, FdtWriter};

use crate::limits::MAX_HARTS;
use crate::loader::Range;
use crate::map::Region;
use crate::pmu;

/// Phandles: one for the interrupt controller, one for the finisher, two for each hart, then those of other
/// controllers.
const CONTROLLER_PHANDLE: u32 = 1;
const FINISHER_PHANDLE: u32 = 2;
const FIRST_CPU_PHANDLE: u32 = 3;
const ROOT_DOMAIN_PHANDLE: u32 = FIRST_CPU_PHANDLE + 2 * MAX_HARTS as u32;
const MACHINE_FILES_PHANDLE: u32 = ROOT_DOMAIN_PHANDLE + 1;
const SUPERVISOR_FILES_PHANDLE: u32 = ROOT_DOMAIN_PHANDLE + 2;

/// The `chosen` node: what firmware and kernel are told.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    /// The kernel's command line.
    pub bootargs: String,
    /// Where the initial RAM disk lies.
    pub initrd: Option<Range>,
    /// Seed for the kernel's random numbers.
    pub seed: [u8; 32],
}

/// A device and its place.
pub struct Mapped<'a> {
    /// The device.
    pub device: &'a dyn devices::DtNode,
    /// Its registers.
    pub region: Region,
    /// Its input of the interrupt controller.
    pub irq: Option<u32>,
    /// What other nodes refer to it for.
    pub role: Role,
}

/// What a device is to other nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Nothing.
    Plain,
    /// The interrupt controller that the others' wires lead to: a PLIC.
    Controller,
    /// The same, but a domain of an APLIC.
    Domain,
    /// M-mode's domain of the interrupt controller, which delegates to S-mode's.
    RootDomain,
    /// M-mode's interrupt files.
    MachineFiles,
    /// S-mode's interrupt files, and the guests'.
    SupervisorFiles,
    /// The power switch.
    Finisher,
}

/// All that the tree tells.
pub struct Tree<'a> {
    /// One description for all harts.
    pub cpu: &'a Cpu,
    /// How many harts.
    pub harts: usize,
    /// RAM.
    pub memory: Range,
    /// The devices.
    pub devices: Vec<Mapped<'a>>,
    /// Whether whoever gets the tree may use M-mode's interrupt controllers.
    pub machine_level: Status,
    /// Path of the console's node below `soc`.
    pub console: String,
    /// The `chosen` node.
    pub chosen: Chosen,
}

fn cpu_phandle(hart: usize) -> u32 {
    FIRST_CPU_PHANDLE + 2 * hart as u32
}

fn intc_phandle(hart: usize) -> u32 {
    cpu_phandle(hart) + 1
}

impl Tree<'_> {
    /// The flattened tree.
    ///
    /// # Errors
    /// What the writer refuses: a command line with a zero byte.
    pub fn flatten(&self) -> Result<Vec<u8>, Error> {
        let mut fdt = FdtWriter::new()?;
        let root = fdt.begin_node("")?;
        fdt.property_u32("#address-cells", 2)?;
        fdt.property_u32("#size-cells", 2)?;
        fdt.property_string_list("compatible", vec!["vhart,virt".into(), "riscv-virtio".into()])?;
        fdt.property_string("model", "vhart,virt")?;
        self.chosen(&mut fdt)?;
        self.memory(&mut fdt)?;
        self.cpus(&mut fdt)?;
        if self.cpu.has_counters {
            pmu::write_node(&mut fdt)?;
        }
        self.soc(&mut fdt)?;
        if self.has(Role::Finisher) {
            Finisher::write_power_nodes(&mut fdt, FINISHER_PHANDLE)?;
        }
        fdt.end_node(root)?;
        fdt.finish()
    }

    fn chosen(&self, fdt: &mut FdtWriter) -> Result<(), Error> {
        let node = fdt.begin_node("chosen")?;
        fdt.property_string("bootargs", &self.chosen.bootargs)?;
        fdt.property_string("stdout-path", &format!("/soc/{}", self.console))?;
        if let Some(initrd) = self.chosen.initrd {
            fdt.property_u64("linux,initrd-start", initrd.start)?;
            fdt.property_u64("linux,initrd-end", initrd.end)?;
        }
        fdt.property("rng-seed", &self.chosen.seed)?;
        fdt.end_node(node)
    }

    fn memory(&self, fdt: &mut FdtWriter) -> Result<(), Error> {
        let node = fdt.begin_node(&format!("memory@{:x}", self.memory.start))?;
        fdt.property_string("device_type", "memory")?;
        fdt.property_array_u64("reg", &[self.memory.start, self.memory.end - self.memory.start])?;
        fdt.end_node(node)
    }

    fn cpus(&self, fdt: &mut FdtWriter) -> Result<(), Error> {
        let node = fdt.begin_node("cpus")?;
        fdt.property_u32("#address-cells", 1)?;
        fdt.property_u32("#size-cells", 0)?;
        fdt.property_u32("timebase-frequency", self.cpu.timebase_hz as u32)?;
        (0..self.harts).try_for_each(|hart| self.cpu(fdt, hart))?;
        self.topology(fdt)?;
        fdt.end_node(node)
    }

    fn cpu(&self, fdt: &mut FdtWriter, hart: usize) -> Result<(), Error> {
        let cpu = self.cpu;
        let node = fdt.begin_node(&format!("cpu@{hart:x}"))?;
        fdt.property_string("device_type", "cpu")?;
        fdt.property_u32("reg", hart as u32)?;
        fdt.property_string("status", "okay")?;
        fdt.property_string("compatible", "riscv")?;
        fdt.property_string("riscv,isa", &cpu.isa_string())?;
        fdt.property_string("riscv,isa-base", "rv64i")?;
        fdt.property_string_list("riscv,isa-extensions", cpu.extensions.iter().map(|&name| name.into()).collect())?;
        fdt.property_string("mmu-type", cpu.paging.mmu_type())?;
        for (name, bytes) in [("cbom", cpu.cbom_bytes), ("cbop", cpu.cbop_bytes), ("cboz", cpu.cboz_bytes)] {
            bytes.map_or(Ok(()), |bytes| fdt.property_u32(&format!("riscv,{name}-block-size"), bytes))?;
        }
        fdt.property_phandle(cpu_phandle(hart))?;
        local_controller(fdt, intc_phandle(hart))?;
        fdt.end_node(node)
    }

    /// One cluster of all harts.
    fn topology(&self, fdt: &mut FdtWriter) -> Result<(), Error> {
        let map = fdt.begin_node("cpu-map")?;
        let cluster = fdt.begin_node("cluster0")?;
        for hart in 0..self.harts {
            let core = fdt.begin_node(&format!("core{hart}"))?;
            fdt.property_u32("cpu", cpu_phandle(hart))?;
            fdt.end_node(core)?;
        }
        fdt.end_node(cluster)?;
        fdt.end_node(map)
    }

    fn soc(&self, fdt: &mut FdtWriter) -> Result<(), Error> {
        let node = fdt.begin_node("soc")?;
        fdt.property_u32("#address-cells", 2)?;
        fdt.property_u32("#size-cells", 2)?;
        fdt.property_string("compatible", "simple-bus")?;
        fdt.property_null("ranges")?;
        let intcs: Vec<u32> = (0..self.harts).map(intc_phandle).collect();
        self.devices.iter().try_for_each(|mapped| mapped.device.write_node(fdt, &self.place(mapped, &intcs)))?;
        fdt.end_node(node)
    }

    fn place<'p>(&self, mapped: &Mapped, cpu_intcs: &'p [u32]) -> Placement<'p> {
        let Region { base, len } = mapped.region;
        let role = mapped.role;
        let is_machine_level = matches!(role, Role::RootDomain | Role::MachineFiles);
        let messages_to = role.sends_to().filter(|&files| self.has(files));
        Placement {
            irq: mapped.irq,
            interrupt_parent: CONTROLLER_PHANDLE,
            specifier: if self.has(Role::Domain) { Specifier::NumberAndLevel } else { Specifier::Number },
            cpu_intcs,
            phandle: role.phandle(),
            msi_parent: messages_to.and_then(Role::phandle),
            child: (role == Role::RootDomain).then_some(CONTROLLER_PHANDLE),
            status: if is_machine_level { self.machine_level } else { Status::Okay },
            ..Placement::at(base, len)
        }
    }

    fn has(&self, role: Role) -> bool {
        self.devices.iter().any(|mapped| mapped.role == role)
    }
}

impl Role {
    /// The interrupt files that an interrupt controller's messages are for, where there are any.
    fn sends_to(self) -> Option<Role> {
        match self {
            Role::Domain => Some(Role::SupervisorFiles),
            Role::RootDomain => Some(Role::MachineFiles),
            _ => None,
        }
    }

    fn phandle(self) -> Option<u32> {
        match self {
            Role::Plain => None,
            Role::Controller | Role::Domain => Some(CONTROLLER_PHANDLE),
            Role::RootDomain => Some(ROOT_DOMAIN_PHANDLE),
            Role::MachineFiles => Some(MACHINE_FILES_PHANDLE),
            Role::SupervisorFiles => Some(SUPERVISOR_FILES_PHANDLE),
            Role::Finisher => Some(FINISHER_PHANDLE),
        }
    }
}

fn local_controller(fdt: &mut FdtWriter, phandle: u32) -> Result<(), Error> {
    let node = fdt.begin_node("interrupt-controller")?;
    fdt.property_string("compatible", "riscv,cpu-intc")?;
    fdt.property_null("interrupt-controller")?;
    fdt.property_u32("#interrupt-cells", 1)?;
    fdt.property_phandle(phandle)?;
    fdt.end_node(node)
}
