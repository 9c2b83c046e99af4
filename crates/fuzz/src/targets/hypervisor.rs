//! What the hypervisor reads of its guests and of whoever loads it: device registers, virtqueues, instructions at
//! devices, manifests, device trees.

use std::cell::RefCell;

use arbitrary::{Result, Unstructured};
use cores::imsic::InterruptFile;
use cores::virtio::registers::{Registers, VERSION_1};
use cores::virtio::ring::Ring;
use cores::virtio_mmio::Layout;
use hypervisor::control::manifest::Manifest;
use hypervisor::control::manifest::Sharing;
use hypervisor::control::screen::Screen;
use hypervisor::devices::line::Line;
use hypervisor::devices::tree::Told;
use hypervisor::devices::virtio::MOST;
use hypervisor::devices::virtio::card::Card;
use hypervisor::devices::virtio::switch::{self, For};
use hypervisor::devices::{self, APLIC, IMSIC, MEMORY_BASE, PLIC, Region, UART, VIRTIO};
use hypervisor::interrupts::controller::Aia;
use hypervisor::interrupts::software::{self, CsrAccess};
use hypervisor::memory::access::Access;
use hypervisor::sbi::fences::{Fences, Range};
use hypervisor::start::tree::Board;

use sbi::Memory;
use sbi::pmu::Counters;

use super::{Target, with};

/// Where a driver writes how far it is.
const STATUS: u64 = cores::virtio_mmio::STATUS;

pub const TARGET: Target = Target {
    name: "hypervisor",
    what: "the hypervisor's guests, its manifest and its board: no panic, and memory within bounds",
    run,
    seeds,
};

/// The device tree of a guest.
pub fn guests_tree() -> Vec<u8> {
    let told = Told {
        vcpus: 2,
        memory_bytes: 64 << 20,
        extensions: vec!["i", "h", "zicboz", "sstc"],
        timebase_hz: 10_000_000,
        cbo_block_bytes: 64,
        bootargs: "console=ttyS0",
        initrd: Some(0x8200_0000..0x8210_0000),
        virtio: 2,
        aia: Aia::AplicImsic,
        identities: 255,
        rng_seed: Some([7; 32]),
    };
    told.flatten()
}

fn seeds() -> Vec<Vec<u8>> {
    let manifest =
        "guests\0first\0memory-mib\0kernel\0vcpus\0images\0linux\0data\0console\0lines\0".as_bytes().to_vec();
    vec![guests_tree(), manifest, vec![0; 64], (0..=255).collect()]
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
    with(input, files);
    with(input, queues);
    with(input, cards);
    with(input, counters);
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

/// Memory of a guest's: 16 pages from its beginning on.
struct Pages(RefCell<Vec<u8>>);

impl sbi::Memory for Pages {
    fn has(&self, address: u64, len: u64) -> bool {
        let end = self.0.borrow().len() as u64;
        address.checked_sub(MEMORY_BASE.0).and_then(|at| at.checked_add(len)).is_some_and(|last| last <= end)
    }

    fn read(&self, address: u64, into: &mut [u8]) -> Option<()> {
        self.has(address, into.len() as u64).then_some(())?;
        into.copy_from_slice(&self.0.borrow()[(address - MEMORY_BASE.0) as usize..][..into.len()]);
        Some(())
    }

    fn write(&self, address: u64, bytes: &[u8]) -> Option<()> {
        self.has(address, bytes.len() as u64).then_some(())?;
        self.0.borrow_mut()[(address - MEMORY_BASE.0) as usize..][..bytes.len()].copy_from_slice(bytes);
        Some(())
    }
}

/// A driver that writes anything into the registers of a virtio device, and into its queues: what is handed on is the
/// guest's.
fn queues(u: &mut Unstructured) -> Result<()> {
    let memory = Pages(RefCell::new(vec![0; 0x1_0000]));
    let mut registers = Registers::new(2, u.arbitrary()?, 2, MOST);
    while !u.is_empty() {
        let address = MEMORY_BASE.0 + u64::from(u.arbitrary::<u16>()?) % 0x2000;
        match u.arbitrary::<u8>()? % 4 {
            0 => drop(memory.write(address, u.bytes(8)?)),
            1 => _ = registers.write(STATUS, u.arbitrary::<u8>()?.into()),
            2 => _ = registers.write(u64::from(u.arbitrary::<u8>()?) * 4, u.arbitrary()?),
            _ => registers.layouts().flatten().for_each(|layout| queue(layout, &memory)),
        }
        // Nobody runs who has not agreed on what there is.
        assert!(!registers.runs() || registers.agreed() & VERSION_1 != 0);
        let near = Layout { size: 4, descriptors: address & !15, driver: address & !1, device: address & !3 };
        queue(near, &memory);
    }
    Ok(())
}

fn queue(layout: Layout, memory: &Pages) {
    let Ok(mut ring) = Ring::new(layout, MOST) else { return };
    for _ in 0..MOST {
        let Ok(Some(chain)) = ring.peek(memory) else { break };
        assert!(!chain.parts.is_empty() && chain.parts.len() <= MOST as usize);
        assert!(chain.parts.iter().all(|part| memory.has(part.at.0, part.len_bytes.into()) && part.len_bytes != 0));
        ring.take();
        if ring.finish(chain.head, 1, memory).is_err() {
            break;
        }
    }
    ring.wants_interrupt(memory);
}

/// Two guests whose cards lead to each other, with anything in registers and queues: a frame is as long as one can be,
/// its sender's own, and no more come out than went in.
fn cards(u: &mut Unstructured) -> Result<()> {
    let memories = [0, 1].map(|_| Pages(RefCell::new(vec![0; 0x1_0000])));
    let mut cards = [0, 1].map(|guest| Card::new(switch::address(guest)));
    while !u.is_empty() {
        let from = u.choose_index(2)?;
        let (card, memory) = (&mut cards[from], &memories[from]);
        let address = MEMORY_BASE.0 + u64::from(u.arbitrary::<u16>()?) % 0x2000;
        match u.arbitrary::<u8>()? % 5 {
            0 => drop(memory.write(address, u.bytes(8)?)),
            1 => _ = card.write(STATUS, 4, u.arbitrary::<u8>()?.into()),
            2 => _ = card.write(u64::from(u.arbitrary::<u8>()?) * 4, u.arbitrary()?, u.arbitrary()?),
            3 => _ = card.read(u.arbitrary::<u16>()?.into(), u.int_in_range(1..=8)?),
            _ => begin(card, address),
        }
        for _ in 0..MOST {
            let Some(frame) = cards[from].take(&memories[from]) else { break };
            assert!(frame.is_empty() || (14..=1518).contains(&frame.len()), "{} bytes", frame.len());
            match switch::goes(&frame, from) {
                For::Nobody => {}
                For::Guest(to) => assert!(to != from && frame[6..12] == switch::address(from)),
                For::Others => assert_eq!(frame[6..12], switch::address(from)),
            }
            cards[1 - from].receive(&frame, &memories[1 - from]);
        }
    }
    Ok(())
}

/// A driver as it should be, but for what is in its queues.
fn begin(card: &mut Card, address: u64) {
    use cores::virtio_mmio as at;
    let mut write = |offset, value: u64| card.write(offset, 4, value);
    for status in [0, 3] {
        write(at::STATUS, status);
    }
    write(at::DRIVER_FEATURES_SEL, 1);
    write(at::DRIVER_FEATURES, VERSION_1 >> 32);
    write(at::STATUS, 11);
    for queue in 0..2 {
        let near = (address & !0xf) + 0x100 * queue;
        write(at::QUEUE_SEL, queue);
        write(at::QUEUE_NUM, 4);
        for (register, part) in [(at::QUEUE_DESC_LOW, 0), (at::QUEUE_DRIVER_LOW, 0x40), (at::QUEUE_DEVICE_LOW, 0x80)] {
            write(register, near + part);
        }
        write(at::QUEUE_READY, 1);
    }
    write(at::STATUS, 15);
}

/// A guest at the CSRs of an interrupt file in software: what is pending was sent, or written there.
fn files(u: &mut Unstructured) -> Result<()> {
    let mut file = InterruptFile::new(u.arbitrary()?);
    while !u.is_empty() {
        if u.arbitrary()? {
            file.arrive(software::identity_at(u.int_in_range(0..=8)?, u.arbitrary()?).unwrap_or(0));
        }
        let csr = *u.choose(&[arch::csr::SIREG, arch::csr::STOPEI, arch::csr::SISELECT])?;
        let access = CsrAccess { csr, rd: 0, write: u.arbitrary()? };
        let selected = u64::from(u.arbitrary::<u16>()?) & 0x1ff;
        let (top, has_file): (u64, bool) = (file.top(), u.arbitrary()?);
        let value = software::access(access, selected, has_file.then_some(&mut file));
        assert!(csr != arch::csr::STOPEI || value == has_file.then_some(top));
        assert!(file.top() >> 16 <= file.identities().into());
    }
    Ok(())
}

/// A guest that calls for counters and fences with any numbers: none of it is answered for others, nor lasts for ever.
fn counters(u: &mut Unstructured) -> Result<()> {
    let (memory, mut counters) = (Pages(RefCell::new(vec![0; 0x1000])), Counters::default());
    let mut fences = Fences::default();
    while !u.is_empty() {
        let (args, shown): ([u64; 6], u64) = (u.arbitrary()?, u.arbitrary()?);
        let _ = counters.answer(*u.choose(sbi::function::Pmu::ALL)?, &args, &memory, &|_| shown);
        counters.leave(&|_| shown);
        counters.enter(&|_| args[5]);
        fences.add(Range::new(args[0], args[1], Some(args[2])));
        assert!(Range::new(args[0], args[1], None).pages.is_none_or(|(_, count)| count <= 64));
    }
    assert!(fences.take().is_none_or(|ranges| ranges.count() <= 8));
    Ok(())
}

/// A guest at its devices, somebody at the console.
fn lines(u: &mut Unstructured) -> Result<()> {
    let aia = Aia::WORDS[u.choose_index(Aia::WORDS.len())?].1;
    let mut line = Line::new(2, aia);
    let mut screen =
        Screen::new(if u.arbitrary()? { Sharing::Keys } else { Sharing::Lines }, vec!["a".into(), "b".into()]);
    while !u.is_empty() {
        let region: Region = *u.choose(&[PLIC, APLIC, IMSIC, UART, VIRTIO])?;
        let at = arch::GuestPhys(region.base.0 + u.arbitrary::<u64>()? % region.len_bytes);
        let Some(place) = devices::find(at, aia) else { continue };
        match u.arbitrary::<u8>()? % 5 {
            4 => line.set_level(u.arbitrary()?, u.arbitrary()?),
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
        // A message goes to a virtual hart that there is, and all are taken at once.
        assert!(line.take_messages().iter().all(|(vcpu, _)| *vcpu < 2) && line.take_messages().is_empty());
    }
    Ok(())
}
