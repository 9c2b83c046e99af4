//! What a board and a firmware outside the hart do to it.

use std::fmt::Write as _;

use arch::csr::{self, envcfg, ip, pmpcfg, stateen, status};
use arch::isa::Extension;
use arch::{Exception, Mode};
use events::{Event, HartState, Sink};
use privileged::Effects;
use vcpu::debug::Debuggee;
use vcpu::{EmulatedHart, Fence, FenceRange, Pace, Snapshot, Wakeup};

use crate::core::{Core, instruction_address};
use crate::fence;
use crate::hart::Hart;

/// More pages than this are not dropped one by one.
const MANY_PAGES: u64 = 64;

impl EmulatedHart for Hart {
    fn reset_machine(&mut self, pc: u64) {
        self.core.reset(pc);
        self.blocks.clear();
        self.core.tell_between(&Event::Hart(HartState::Reset));
    }

    fn enter_supervisor(&mut self, pc: u64) {
        self.core.reset(pc);
        self.core.prepare_supervisor();
        self.core.select();
        self.core.tell_between(&Event::Hart(HartState::Started));
    }

    fn resume_supervisor(&mut self, pc: u64) {
        self.core.pc = instruction_address(pc);
        self.core.state.mode = Mode::HS;
        let status = privileged::csr::read(&self.core.state, &self.core.config, csr::SSTATUS).unwrap_or_default();
        for (address, value) in [(csr::SATP, 0), (csr::SSTATUS, status & !status::SIE)] {
            // HS-mode may write both, and no state denies it to M-mode's stand-in.
            let _ = privileged::csr::write(&mut self.core.state, &self.core.config, address, value);
        }
        self.core.wfi.waiting = false;
        self.core.select();
        self.core.tell_between(&Event::Hart(HartState::Resumed));
    }

    fn wakeup(&mut self) -> Wakeup {
        self.core.refresh();
        match privileged::has_wakeup(&self.core.state, &self.core.config) {
            true => Wakeup::Now,
            false => Wakeup::Until(self.core.next_timer()),
        }
    }

    fn set_pace(&mut self, pace: Pace) {
        self.core.pace = pace;
    }

    fn fence(&mut self, fence: Fence) {
        if matches!(fence, Fence::Instructions | Fence::Everything) {
            self.core.fence_i = true;
        }
        self.core.tell_remote_fence(&fence);
        self.core.fence_outside(fence);
        self.core.recheck_interrupts = true;
    }

    fn set_supervisor_timer(&mut self, deadline: u64) {
        if self.core.config.has(Extension::Sstc) {
            self.core.state.stimecmp = deadline;
        } else {
            self.core.state.mip &= !ip::STIP;
            self.core.firmware.timer = deadline;
        }
        self.core.tell_firmware_timer(deadline);
        self.core.recheck_interrupts = true;
    }

    fn vmid(&self) -> u16 {
        self.core.vmid() as u16
    }

    fn watch(&mut self, sink: Option<Box<dyn Sink>>) {
        self.core.watch_by(sink);
    }

    fn tell(&mut self, event: &Event) {
        self.core.tell_between(event);
    }

    fn snapshot(&self) -> Option<Snapshot> {
        Some(self.core.snapshot())
    }

    fn describe(&self, text: &mut String) {
        let core = &self.core;
        let _ = writeln!(text, "{:x} {:x?} {:x?} {:?}", core.pc, core.x, core.f, core.state);
        if let Some(imsic) = core.pins.imsic() {
            let _ = writeln!(text, "{:x?}", imsic.ids().filter_map(|id| imsic.file(id)).collect::<Vec<_>>());
        }
    }

    fn csr(&mut self, address: u16) -> u64 {
        let core = &mut self.core;
        core.count_events(core.state.instret);
        core.as_machine(|core| {
            core.look_at_file(address);
            privileged::csr::read(&core.state, &core.config, address).unwrap_or_default()
        })
    }

    fn set_csr(&mut self, address: u16, value: u64) {
        let core = &mut self.core;
        core.count_events(core.state.instret);
        core.as_machine(|core| core.write_between(address, value));
        core.count_events(core.state.instret);
        core.recheck_interrupts = true;
    }

    #[cfg(feature = "state")]
    fn stateful(&mut self) -> Option<&mut dyn bus::Stateful> {
        Some(self)
    }

    fn debuggee(&mut self) -> Option<&mut dyn Debuggee> {
        Some(self)
    }
}

/// Whether a CSR is a counter of the machine's.
const fn is_counter(address: u16) -> bool {
    address >= csr::MCYCLE && address <= csr::MHPMCOUNTER31
}

impl Core {
    /// Does something in M-mode, and comes back.
    fn as_machine<T>(&mut self, act: impl FnOnce(&mut Core) -> T) -> T {
        let mode = std::mem::replace(&mut self.state.mode, Mode::M);
        let done = act(self);
        self.state.mode = mode;
        done
    }

    /// Writes a CSR between two instructions.
    fn write_between(&mut self, address: u16, value: u64) {
        let retired = self.state.instret;
        if is_counter(address) {
            // a counter's own write means the instruction behind the one that writes: that is the next one
            self.state.instret = retired.wrapping_sub(1);
            self.count_between(self.state.instret);
        }
        let (file, seen) = (self.look_at_file(address), self.state.file);
        // A CSR that this hart lacks is not written.
        let effects = privileged::csr::write(&mut self.state, &self.config, address, value).unwrap_or(Effects::NONE);
        self.state.instret = retired;
        self.apply(effects);
        if let Some(file) = file.filter(|_| effects.has(Effects::FILE)) {
            self.change_file(file, seen);
        }
    }

    /// S-mode with all that a firmware grants: every trap but its own calls, every interrupt, counter and feature.
    fn prepare_supervisor(&mut self) {
        let own = 1u64 << Exception::EcallFromHS as u8 | 1 << Exception::EcallFromM as u8;
        let features = envcfg::STCE | envcfg::PBMTE | envcfg::CBZE | envcfg::CBCFE | envcfg::CBIE;
        let writes = [
            (csr::MEDELEG, !own),
            (csr::MIDELEG, ip::SUPERVISOR | ip::LCOFIP | ip::HYPERVISOR),
            (csr::MCOUNTEREN, u64::MAX),
            (csr::MENVCFG, features | self.state.menvcfg & envcfg::ADUE),
            (
                csr::MSTATEEN0,
                stateen::SE | stateen::ENVCFG | stateen::CSRIND | stateen::AIA | stateen::IMSIC | stateen::C,
            ),
            (csr::MSTATEEN0 + 1, stateen::SE),
            (csr::MSTATEEN0 + 2, stateen::SE),
            (csr::MSTATEEN0 + 3, stateen::SE),
            (csr::PMPADDR0, u64::MAX),
            (csr::PMPCFG0, (pmpcfg::A_NAPOT | pmpcfg::R | pmpcfg::W | pmpcfg::X).into()),
            (csr::STIMECMP, u64::MAX),
        ];
        for (address, value) in writes {
            // A CSR that this hart lacks grants nothing.
            let _ = privileged::csr::write(&mut self.state, &self.config, address, value);
        }
        self.state.mode = Mode::HS;
        self.firmware.answers = true;
    }

    fn fence_outside(&mut self, fence: Fence) {
        match fence {
            Fence::Instructions => {}
            Fence::Everything => self.forget(&fence::Fence::All),
            Fence::GuestPhysical { range, vmid } => {
                let vmid = vmid.map(u64::from);
                self.forget_range(range, |gpa| fence::Fence::GuestPhysical { gpa, vmid });
            }
            Fence::Supervisor { range, asid } => {
                let asid = asid.map(u64::from);
                self.forget_range(range, |va| fence::Fence::Supervisor { va, asid });
            }
            Fence::GuestVirtual { range, asid, vmid } => {
                let (asid, vmid) = (asid.map(u64::from), vmid.into());
                self.forget_range(range, |va| fence::Fence::Guest { va, asid, vmid });
            }
        }
    }

    fn forget_range(&mut self, range: FenceRange, fence: impl Fn(Option<u64>) -> fence::Fence) {
        const PAGE: u64 = arch::addr::PAGE_BYTES;
        match range {
            FenceRange::Part { start, len } if len.div_ceil(PAGE) < MANY_PAGES => {
                let first = start / PAGE * PAGE;
                let pages = (start % PAGE).saturating_add(len).div_ceil(PAGE);
                (0..pages).for_each(|page| self.forget(&fence(Some(first.wrapping_add(page * PAGE)))));
            }
            _ => self.forget(&fence(None)),
        }
    }
}
