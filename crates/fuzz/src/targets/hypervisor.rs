//! What the hypervisor reads of its guests and of whoever loads it: device registers, instructions at devices, manifests, device trees.

use arbitrary::{Result, Unstructured};
use hypervisor::control::manifest::Manifest;
use hypervisor::control::manifest::Sharing;
use hypervisor::control::screen::Screen;
use hypervisor::devices::line::Line;
use hypervisor::devices::tree::Told;
use hypervisor::devices::{self, PLIC, Region, UART};
use hypervisor::memory::access::Access;
use hypervisor::start::tree::Board;

use super::{Target, with};

pub const TARGET: Target = Target {
    name: "hypervisor",
    what: "the hypervisor's guests, its manifest and its board: no panic, and memory within bounds",
    run,
    seeds,
};

fn seeds() -> Vec<Vec<u8>> {
    let told = Told {
        vcpus: 2,
        memory_bytes: 64 << 20,
        extensions: vec!["i", "h", "zicboz", "sstc"],
        timebase_hz: 10_000_000,
        cbo_block_bytes: 64,
        bootargs: "console=ttyS0",
        initrd: Some(0x8200_0000..0x8210_0000),
        rng_seed: Some([7; 32]),
    };
    let manifest =
        "guests\0first\0memory-mib\0kernel\0vcpus\0images\0linux\0data\0console\0lines\0".as_bytes().to_vec();
    vec![told.flatten(), manifest, vec![0; 64], (0..=255).collect()]
}

fn run(input: &[u8]) {
    if let Err(why) = Manifest::read(input) {
        assert!(!why.to_string().is_empty());
    }
    if let Err(why) = Board::read(input) {
        assert!(!why.to_string().is_empty());
    }
    with(input, accesses);
    with(input, lines);
}

/// Whatever an access is said to be, it is of a register's width.
fn accesses(u: &mut Unstructured) -> Result<()> {
    let (htinst, low, high): (u64, u16, u16) = (u.arbitrary()?, u.arbitrary()?, u.arbitrary()?);
    for access in [Access::of_htinst(htinst), Access::of_instruction(low, || Some(high))].into_iter().flatten() {
        assert!([1, 2, 4, 8].contains(&access.len_bytes) && [2, 4].contains(&access.instruction_bytes));
        let value: u64 = u.arbitrary()?;
        assert_eq!(access.extended(access.extended(value)), access.extended(value));
    }
    Ok(())
}

/// A guest at its devices, somebody at the console.
fn lines(u: &mut Unstructured) -> Result<()> {
    let mut line = Line::new(2);
    let mut screen =
        Screen::new(if u.arbitrary()? { Sharing::Keys } else { Sharing::Lines }, vec!["a".into(), "b".into()]);
    while !u.is_empty() {
        let region: Region = if u.arbitrary()? { PLIC } else { UART };
        let at = arch::GuestPhys(region.base.0 + u.arbitrary::<u64>()? % region.len_bytes);
        let place = devices::find(at).expect("it is in a region");
        match u.arbitrary::<u8>()? % 4 {
            0 => drop(line.read(place)),
            1 => line.write(place, u.arbitrary()?),
            2 => line.type_in(u.bytes(1)?),
            _ => {
                screen.key(u.arbitrary()?);
                let guest = usize::from(u.arbitrary::<bool>()?);
                let shown = screen.output(guest, &line.whole().unwrap_or_default());
                assert!(shown.len() <= 4096, "{}", shown.len());
            }
        }
        let _ = (line.notifies(0), line.notifies(1));
    }
    Ok(())
}
