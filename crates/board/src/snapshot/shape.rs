//! What a machine is made of that a snapshot has to fit.

use arch::{Extension, Isa};
use serde::{Deserialize, Serialize};

use crate::config::{Aia, Firmware, MachineConfig, TrapInstruction};

/// What a machine is made of, but for what is in its slots: devices say that themselves.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Shape {
    harts: u64,
    memory_bytes: u64,
    /// What harts can do, extension by extension: ISA strings do not name all, such as paging.
    extensions: Vec<String>,
    trap_instruction: TrapInstruction,
    vmid_bits: u8,
    aia: Aia,
    /// Whether vhart itself is the firmware.
    builtin_firmware: bool,
    interface: virtio::Interface,
}

impl Shape {
    /// Of the machine that is made so.
    pub fn of(config: &MachineConfig) -> Shape {
        Shape {
            harts: config.harts as u64,
            memory_bytes: config.memory_bytes,
            extensions: config.isa.iter().map(|extension| extension.name().into()).collect(),
            trap_instruction: config.trap_instruction,
            vmid_bits: config.vmid_bits,
            aia: config.aia,
            builtin_firmware: config.firmware == Firmware::Builtin,
            interface: config.interface,
        }
    }

    /// Makes `config` such a machine, where it is as `usual`: where the user has said nothing.
    pub fn complete(&self, config: &mut MachineConfig, usual: &MachineConfig) {
        let harts = usize::try_from(self.harts).unwrap_or(usize::MAX);
        adopt(&mut config.harts, &usual.harts, harts);
        adopt(&mut config.memory_bytes, &usual.memory_bytes, self.memory_bytes);
        adopt(&mut config.trap_instruction, &usual.trap_instruction, self.trap_instruction);
        adopt(&mut config.vmid_bits, &usual.vmid_bits, self.vmid_bits);
        adopt(&mut config.aia, &usual.aia, self.aia);
        adopt(&mut config.interface, &usual.interface, self.interface);
        adopt(&mut config.isa, &usual.isa, self.isa());
        if !self.builtin_firmware {
            adopt(&mut config.firmware, &usual.firmware, Firmware::None);
        }
    }

    /// As far as this vhart knows it.
    fn isa(&self) -> Isa {
        let named = |extension: &&Extension| self.extensions.iter().any(|name| name == extension.name());
        Extension::ALL.iter().filter(named).fold(Isa::NONE, |isa, &extension| isa.with(extension))
    }

    /// How `own` differs in what harts can do, as half a sentence.
    fn other_isa(&self, own: &Shape) -> Option<String> {
        let beyond = |one: &Shape, other: &Shape| {
            let names = one.extensions.iter().filter(|name| !other.extensions.contains(name));
            // what a file says is not printed as it is
            names.map(|name| name.escape_default().to_string()).collect::<Vec<_>>().join("_")
        };
        let (more, less) = (beyond(self, own), beyond(own, self));
        (!more.is_empty() || !less.is_empty()).then(|| format!("instruction set with [{more}] and without [{less}]"))
    }

    /// What `own` has that is not so, each as half a sentence.
    pub(crate) fn differences(&self, own: &Shape) -> Vec<String> {
        let mib = |bytes: u64| format!("{} MiB", bytes >> 20);
        let firmware = |builtin| if builtin { "builtin" } else { "in its memory" };
        let interrupts = |aia: Aia| format!("{aia:?}");
        let told = |told: TrapInstruction| format!("{told:?}");
        [
            ("harts", self.harts.to_string(), own.harts.to_string()),
            ("memory", mib(self.memory_bytes), mib(own.memory_bytes)),
            ("htinst", told(self.trap_instruction), told(own.trap_instruction)),
            ("VMID bits", self.vmid_bits.to_string(), own.vmid_bits.to_string()),
            ("AIA", interrupts(self.aia), interrupts(own.aia)),
            ("firmware", firmware(self.builtin_firmware).into(), firmware(own.builtin_firmware).into()),
            ("virtio registers", format!("{:?}", self.interface), format!("{:?}", own.interface)),
        ]
        .into_iter()
        .filter(|(_, then, now)| then != now)
        .map(|(what, then, now)| format!("{what} {then}, not {now}"))
        .chain(self.other_isa(own))
        .collect()
    }
}

fn adopt<T: PartialEq>(field: &mut T, usual: &T, saved: T) {
    if field == usual {
        *field = saved;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_has_not_said_is_as_it_was() {
        let saved = MachineConfig { harts: 4, memory_bytes: 2 << 30, firmware: Firmware::None, ..Default::default() };
        let shape = Shape::of(&saved);
        let usual = MachineConfig::default();
        let mut config = MachineConfig { harts: 2, ..Default::default() };
        shape.complete(&mut config, &usual);
        assert_eq!((config.harts, config.memory_bytes, config.firmware.clone()), (2, 2 << 30, Firmware::None));
        assert_eq!(shape.differences(&Shape::of(&config)), ["harts 4, not 2"]);
        assert_eq!(shape.differences(&Shape::of(&saved)), [] as [&str; 0]);
    }

    #[test]
    fn what_harts_tell_of_traps_stays_as_it_was() {
        let usual = MachineConfig::default();
        let zero = || MachineConfig { trap_instruction: TrapInstruction::Zero, ..Default::default() };
        let (saved, mut config) = (Shape::of(&zero()), MachineConfig::default());
        assert_eq!(saved.differences(&Shape::of(&config)), ["htinst Zero, not Transformed"]);
        saved.complete(&mut config, &usual);
        assert_eq!(saved, Shape::of(&config));
        assert_eq!(Shape::of(&usual).differences(&Shape::of(&zero())), ["htinst Transformed, not Zero"]);
    }

    #[test]
    fn harts_have_as_many_vmids_as_they_had() {
        let usual = MachineConfig::default();
        let (saved, mut config) =
            (Shape::of(&MachineConfig { vmid_bits: 1, ..Default::default() }), MachineConfig::default());
        assert_eq!(saved.differences(&Shape::of(&config)), ["VMID bits 1, not 14"]);
        saved.complete(&mut config, &usual);
        assert_eq!(saved, Shape::of(&config));
    }

    /// As a string it would be Sv39's: `satp` then took no other mode.
    #[test]
    fn harts_can_do_all_that_they_could() {
        let usual = MachineConfig::default();
        for isa in [Isa::default(), Isa::ALL, Isa::BASE, Isa::default().without(Extension::Sv48)] {
            let saved = Shape::of(&MachineConfig { isa, ..Default::default() });
            let mut config = MachineConfig::default();
            saved.complete(&mut config, &usual);
            assert_eq!(config.isa, isa);
        }
        let saved = Shape::of(&MachineConfig { isa: Isa::default().without(Extension::Zbb), ..Default::default() });
        let differences = saved.differences(&Shape::of(&usual));
        assert_eq!(differences, ["instruction set with [] and without [zbb]"]);
    }
}
