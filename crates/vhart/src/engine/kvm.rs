//! Harts executed by `/dev/kvm`.

use std::error::Error;
use std::sync::Arc;

use board::{Engine, HartSet, Harts, HostAplic, HostInterrupts, HostedHart, InterruptPlaces, Modes, Parts};
use events::Sink;
use kvm::{Aia, AiaMode, AiaPlan, KvmVcpu, Options, Vm};
use vcpu::debug::{Break, Debuggee, Points};
use vcpu::{Clock, Exit, HartPins, Reg, Snapshot, Vcpu};

use crate::cli::{Irqchip, MachineOptions};

/// Makes harts of a KVM guest.
#[derive(Default)]
pub struct Kvm {
    options: Options,
    irqchip: Irqchip,
    mode: AiaMode,
    /// Whether messages go by eventfds where the kernel lets them. Its own call takes a third less.
    irqfd: bool,
    /// The controller of the harts that are made next.
    aia: Option<Arc<Aia>>,
}

impl Kvm {
    /// As the user asked.
    pub fn of(options: &MachineOptions) -> Kvm {
        let mut wanted = Options::default();
        if let Some(isa) = &options.isa {
            wanted.extensions = isa.of_guest();
        }
        if let Some(host) = &options.kvm {
            wanted.sbi.clone_from(&host.sbi);
            wanted.ioeventfd = host.ioeventfd.unwrap_or(wanted.ioeventfd);
        }
        wanted.debugged = crate::debugger::may_come(options);
        let host = options.kvm.clone().unwrap_or_default();
        Kvm { options: wanted, irqchip: host.irqchip, mode: host.aia, irqfd: host.irqfd.unwrap_or(false), aia: None }
    }
}

impl Engine for Kvm {
    fn modes(&self) -> Modes {
        Modes::SupervisorOnly
    }

    fn interrupts(&mut self, places: InterruptPlaces) -> Result<Option<HostInterrupts>, Box<dyn Error + Send + Sync>> {
        let identities = kvm::aia_info()?.ids;
        let aplic = match self.irqchip {
            Irqchip::On => HostAplic::There,
            Irqchip::Split => HostAplic::Missing,
            Irqchip::Off => {
                return Err(
                    "the interrupt files of --aia aplic-imsic are the host kernel's: choose kernel-irqchip=on or split"
                        .into(),
                );
            }
        };
        let aia = Aia::new(AiaPlan {
            mode: self.mode,
            identities,
            sources: places.sources.min(identities),
            aplic: (aplic == HostAplic::There).then_some(places.aplic),
            irqfd: self.irqfd,
            imsic: places.files,
        });
        self.options.aia = true;
        self.aia = Some(aia.clone());
        Ok(Some(HostInterrupts { controller: aia.clone(), files: aia, aplic, identities }))
    }

    fn harts(&mut self, parts: Parts) -> Result<Harts, Box<dyn Error + Send + Sync>> {
        let vm = Vm::new(parts.ram, parts.bus, self.options.clone())?;
        if self.options.ioeventfd {
            let notices: Vec<_> = parts.doorbells.iter().map(|bell| (bell.address, bell.value)).collect();
            vm.pass_on(&notices)?;
        }
        let mut harts: Vec<Box<dyn HostedHart>> = Vec::new();
        let mut described = None;
        for (id, pins) in parts.pins.into_iter().enumerate() {
            let mut hart = vm.vcpu(id as u32, pins)?;
            hart.set_console(parts.terminal.clone());
            described = described.or(Some(hart.describe()?));
            harts.push(Box::new(KvmHart { hart, clock: parts.clock.clone() }));
        }
        if let Some(aia) = self.aia.take() {
            vm.interrupts_by(&aia, harts.len() as u32)?;
        }
        let cpu = described.ok_or("a machine without harts")?;
        Ok(Harts { harts: HartSet::Hosted(harts), cpu })
    }
}

/// A vCPU as the board knows it.
struct KvmHart {
    hart: KvmVcpu,
    /// The machine's.
    clock: Arc<Clock>,
}

impl Vcpu for KvmHart {
    fn run(&mut self, budget: u64) -> Exit {
        self.hart.run(budget)
    }
    fn reg(&self, reg: Reg) -> u64 {
        self.hart.reg(reg)
    }
    fn set_reg(&mut self, reg: Reg, value: u64) {
        self.hart.set_reg(reg, value);
    }
    fn instret(&self) -> Option<u64> {
        self.hart.instret()
    }
    fn pins(&self) -> Arc<HartPins> {
        self.hart.pins()
    }
}

impl HostedHart for KvmHart {
    fn halt_reason(&self) -> Option<String> {
        self.hart.halt_reason().map(str::to_owned)
    }
    fn watch(&mut self, sink: Box<dyn Sink>) {
        self.hart.watch(self.clock.clone(), sink);
    }
    fn snapshot(&self) -> Option<Snapshot> {
        self.hart.snapshot()
    }
    fn reset(&mut self) -> bool {
        self.hart.reset()
    }
    fn debuggee(&mut self) -> Option<&mut dyn Debuggee> {
        Some(self.hart.debuggee())
    }
    fn fence_instructions(&mut self) {
        self.hart.fence_instructions();
    }
    fn all_stand(&mut self) {
        self.hart.all_stand();
    }
    fn all_go(&mut self, points: &Points) {
        self.hart.all_go(points);
    }
    fn takes(&self, point: &Break) -> bool {
        self.hart.takes(point)
    }
}

#[cfg(test)]
mod tests {
    #[cfg(not(target_arch = "riscv64"))]
    #[test]
    fn elsewhere_than_on_riscv64_the_engine_says_so() {
        let config = board::MachineConfig::default();
        let refused = board::Machine::new(config, &mut super::Kvm::default()).err().unwrap();
        assert!(refused.to_string().starts_with("engine kvm runs on riscv64 Linux only"), "{refused}");
    }
}
