//! Random accesses to the registers of every device of the board, of any width and alignment: whatever a guest writes
//! there, the devices go on. (The virtio devices have such a test of their own, with random rings.)

use arch::Phys;
use board::{Firmware, Machine, MachineConfig, TimeSource};
use kit::{NoHarts, Rng};

/// Base and bytes of a region with registers, as in `board`'s memory map.
const REGIONS: [(u64, u64); 7] = [
    (0x1000, 0xf000),
    (0x10_0000, 0x1000),
    (0x10_1000, 0x1000),
    (0x200_0000, 0x1_0000),
    (0x2f0_0000, 0x4000),
    (0xc00_0000, 0x60_0000),
    (0x1000_0000, 0x100),
];
const ACCESSES: u64 = 400_000;

#[test]
fn devices_take_random_accesses() {
    let mut engine = NoHarts::default();
    let config = MachineConfig {
        harts: 3,
        memory_bytes: 16 << 20,
        firmware: Firmware::None,
        time: TimeSource::Instructions { per_tick: 1 },
        ..MachineConfig::default()
    };
    let machine = Machine::new(config, &mut engine).unwrap();
    let bus = engine.0.unwrap();
    let mut random = Rng::new(1);
    let mut done = 0u64;
    for _ in 0..ACCESSES {
        let (base, len) = REGIONS[random.bits() as usize % REGIONS.len()];
        // most registers are near the start
        let span = if random.bits() & 1 == 0 { len } else { len.min(0x100) };
        let at = Phys(base + random.bits() % span);
        let bytes = 1usize << (random.bits() % 4);
        let mut data = random.bits().to_le_bytes();
        let answer =
            if random.bits() & 1 == 0 { bus.read(at, &mut data[..bytes]) } else { bus.write(at, &data[..bytes]) };
        done += u64::from(answer.is_ok());
    }
    assert!(done > ACCESSES / 2, "accesses that reach nothing test nothing: {done}");
    drop(machine);
}
