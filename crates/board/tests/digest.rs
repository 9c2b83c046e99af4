//! What a machine's state is made of, by which two runs are told to be the same: registers of its devices, too.

use arch::Phys;
use board::{Aia, Machine, MachineConfig, Modes, Plug, TimeSource};
use kit::Fakes;

/// A register of a device: its address, how many bytes it has, and a value that is not that of reset.
type Register = (u64, usize, u32);

/// QEMU, hw/riscv/virt.c, `virt_memmap`; "PC16550D", "Scratchpad Register"; "Goldfish RTC", ALARM_HIGH; SiFive's CLINT,
/// `msip` and `mtimecmp` of hart 0; VIRTIO 1.2, "MMIO Device Register Layout", QueueSel, of the last slot.
const OF_ALL: [Register; 5] =
    [(0x1000_0007, 1, 0x5a), (0x10_100c, 4, 1), (0x200_0000, 4, 1), (0x200_4000, 4, 5), (0x1000_8030, 4, 1)];
/// PLIC 1.0.0, "Memory Map": priority of source 1, and what context 1 has enabled.
const OF_PLIC: [Register; 2] = [(0xc00_0004, 4, 3), (0xc00_2080, 4, 2)];
/// AIA 1.0, "Memory-mapped control region for an interrupt domain": `domaincfg` and `sourcecfg[1]` of either domain.
const OF_APLIC: [Register; 3] = [(0xc00_0000, 4, 0x100), (0xc00_0004, 4, 4), (0xd00_0000, 4, 0x100)];

fn machine(aia: Aia) -> Machine {
    let entropy = Plug { slot: None, make: Box::new(|slot| virtio::entropy(slot, Some(1))) };
    let time = TimeSource::Instructions { per_tick: 10 };
    let config = MachineConfig { aia, time, memory_bytes: 16 << 20, plugs: vec![entropy], ..MachineConfig::default() };
    Machine::new(config, &mut Fakes::idle(Modes::All)).unwrap()
}

/// Writes each register, and again what was in it.
fn check(machine: &Machine, registers: &[Register]) {
    let before = machine.state();
    for &(address, len, value) in registers {
        let mut old = [0; 4];
        machine.bus().read(Phys(address), &mut old[..len]).unwrap();
        machine.bus().write(Phys(address), &value.to_le_bytes()[..len]).unwrap();
        assert_ne!(machine.state(), before, "{address:#x} is no part of it");
        machine.bus().write(Phys(address), &old[..len]).unwrap();
        assert_eq!(machine.state(), before, "{address:#x} leaves something behind");
    }
}

#[test]
fn a_register_of_a_device_is_part_of_it() {
    check(&machine(Aia::None), &[&OF_ALL[..], &OF_PLIC].concat());
    check(&machine(Aia::Aplic), &OF_APLIC);
}

#[test]
fn what_is_typed_is_no_part_of_it_until_somebody_reads_it() {
    let machine = machine(Aia::None);
    let before = machine.state();
    assert_eq!(machine.keyboard().type_in(b"ls"), 2);
    assert_eq!(machine.state(), before);
}
