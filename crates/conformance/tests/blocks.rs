//! The hart's fast paths against its plain one: blocks of decoded instructions and remembered pages of code must end as
//! instructions fetched and executed one by one do. Those are held against Spike in `lockstep.rs`.

use arch::Phys;
use conformance::elf::Image;
use conformance::lockstep::{RAM_BYTES, hart_with};
use conformance::{privileged, stream};
use hart::{Hart, Step};
use memory::Ram;
use vcpu::{Reg, Vcpu};

/// More than any of the programs takes.
const MOST_STEPS: u64 = 3_000_000;
/// Run beyond a program's end, where it jumps to itself.
const BEYOND: u64 = 1000;

/// Executes one by one, to the store that ends the program. Answers how many instructions and traps that took.
fn step_to_end(hart: &mut Hart, ram: &Ram, image: &Image) -> u64 {
    let tohost = ram.offset(Phys(image.symbol("tohost").unwrap()), 8).unwrap();
    for done in 1..=MOST_STEPS {
        let step = hart.step(&mut ());
        assert!(!matches!(step, Step::Exit(_)), "{step:?}");
        if ram.load_u64(tohost) != Some(0) {
            return done;
        }
    }
    panic!("the program does not end");
}

fn contents(ram: &Ram) -> Vec<u8> {
    let mut bytes = vec![0; RAM_BYTES as usize];
    ram.read_bytes(0, &mut bytes).unwrap();
    bytes
}

fn agree(name: &str, image: &Image) {
    let (mut plain, plain_ram) = hart_with(image);
    let (mut fast, fast_ram) = hart_with(image);
    let done = step_to_end(&mut plain, &plain_ram, image);
    fast.run(done + BEYOND);
    // The end is a jump to itself, which only `instret` tells from one turn to the next.
    plain.step(&mut ());
    fast.state_mut().instret = plain.state().instret;
    for register in 1..32 {
        assert_eq!(fast.reg(Reg::X(register)), plain.reg(Reg::X(register)), "{name}: x{register}");
    }
    assert_eq!(fast.reg(Reg::Pc), plain.reg(Reg::Pc), "{name}");
    assert_eq!(fast.state(), plain.state(), "{name}");
    assert!(contents(&fast_ram) == contents(&plain_ram), "{name}: memory");
}

#[test]
fn blocks_end_as_single_instructions_do() {
    for seed in 1..=4 {
        agree(&format!("stream {seed}"), &stream::program(seed, 20_000));
        agree(&format!("privileged {seed}"), &privileged::program(seed, 400));
    }
}
