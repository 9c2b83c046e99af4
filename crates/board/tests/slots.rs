//! The virtio-mmio slots: all are there, and who is plugged in where.

use std::sync::Arc;

use arch::Phys;
use board::{Machine, MachineConfig, Plug, SlotMaker};
use bus::Bus;
use virtio::Interface;

/// First slot (QEMU, hw/riscv/virt.c, VIRT_VIRTIO).
const SLOTS: u64 = 0x1000_1000;
const ENTROPY: u32 = 4;
const CONSOLE: u32 = 3;

/// The error is why there is no such machine.
fn bus(plugs: Vec<Plug>, interface: Interface) -> Result<Arc<Bus>, String> {
    let mut engine = kit::NoHarts::default();
    let config = MachineConfig { plugs, interface, memory_bytes: 16 << 20, ..MachineConfig::default() };
    Machine::new(config, &mut engine).map_err(|error| error.to_string())?;
    Ok(engine.0.unwrap())
}

fn registers(bus: &Bus, offset: u64) -> [u32; 8] {
    std::array::from_fn(|slot| {
        let mut word = [0; 4];
        bus.read(Phys(SLOTS + 0x1000 * slot as u64 + offset), &mut word).unwrap();
        u32::from_le_bytes(word)
    })
}

fn entropy(slot: Option<usize>) -> Plug {
    Plug { slot, make: Box::new(|slot| virtio::entropy(slot, Some(1))) }
}

fn console(slot: Option<usize>) -> Plug {
    Plug { slot, make: Box::new(|slot| virtio::console(slot, Box::new(|_| ()))) }
}

#[test]
fn all_slots_answer_and_are_empty() {
    let bus = bus(Vec::new(), Interface::Modern).unwrap();
    assert_eq!(registers(&bus, 0), [0x7472_6976; 8], "magic");
    assert_eq!(registers(&bus, 4), [2; 8], "version");
    assert_eq!(registers(&bus, 8), [0; 8], "no device: VIRTIO 1.2, 4.2.3.1.1");
    assert_eq!(registers(&bus, 12), [0x554d_4551; 8], "QEMU's vendor");
    bus.write(Phys(SLOTS + 0x70), &[3, 0, 0, 0]).unwrap();
    assert_eq!(registers(&bus, 0x70), [0; 8], "there is nothing to talk to");
}

#[test]
fn devices_fill_the_slots_from_the_last() {
    let bus = bus(vec![entropy(None), console(None)], Interface::Modern).unwrap();
    assert_eq!(registers(&bus, 8), [0, 0, 0, 0, 0, 0, CONSOLE, ENTROPY]);
    assert_eq!(registers(&bus, 12), [0x554d_4551; 8]);
}

#[test]
fn a_slot_can_be_asked_for() {
    let bus = bus(vec![console(None), entropy(Some(7)), entropy(Some(0))], Interface::Modern).unwrap();
    assert_eq!(registers(&bus, 8), [ENTROPY, 0, 0, 0, 0, 0, CONSOLE, ENTROPY]);
}

#[test]
fn legacy_is_for_all_slots() {
    let bus = bus(vec![entropy(None)], Interface::Legacy).unwrap();
    assert_eq!(registers(&bus, 4), [1; 8]);
}

#[test]
fn a_slot_that_is_not_there_or_taken_is_refused() {
    let refused = |plugs| bus(plugs, Interface::Modern).err().unwrap();
    assert!(refused(vec![entropy(Some(8))]).contains("virtio-mmio-bus.8; the board has virtio-mmio-bus.0 to .7"));
    assert!(refused(vec![entropy(Some(3)), console(Some(3))]).contains("virtio-mmio-bus.3 is for two devices"));
    assert!(refused((0..9).map(|_| entropy(None)).collect()).contains("too few for 9"));
}

#[test]
fn who_makes_a_device_need_not_choose_its_slot() {
    let make: SlotMaker = Box::new(|slot| virtio::entropy(slot, Some(1)));
    assert_eq!(registers(&bus(vec![make.into()], Interface::Modern).unwrap(), 8)[7], ENTROPY);
}
