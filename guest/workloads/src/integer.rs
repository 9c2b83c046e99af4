//! Integers, branches, calls.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::hint::black_box;

use crate::expect;
use crate::random::Random;

/// Sorts 64 Ki numbers, again and again from the same disorder.
pub fn sort(iterations: u64) -> Result<u64, String> {
    let mut random = Random::new(1);
    let numbers: Vec<u64> = (0..1 << 16).map(|_| random.bits()).collect();
    let sum = |numbers: &[u64]| numbers.iter().fold(0u64, |sum, number| sum.wrapping_add(*number));
    let mut sorted = Vec::new();
    for _ in 0..iterations {
        sorted.clone_from(&numbers);
        quicksort(black_box(&mut sorted));
    }
    if !sorted.is_sorted() {
        return Err("the numbers are not in order".into());
    }
    expect("sum of the numbers", sum(&sorted), sum(&numbers))
}

fn quicksort(numbers: &mut [u64]) {
    if numbers.len() < 2 {
        return;
    }
    let (middle, last) = (numbers.len() / 2, numbers.len() - 1);
    numbers.swap(middle, last);
    let (pivot, mut low) = (numbers[last], 0);
    for at in 0..last {
        if numbers[at] < pivot {
            numbers.swap(low, at);
            low += 1;
        }
    }
    numbers.swap(low, last);
    let (less, more) = numbers.split_at_mut(low);
    quicksort(less);
    quicksort(&mut more[1..]);
}

/// FNV-1a, which needs no seed.
#[derive(Default)]
struct Fnv(u64);

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

/// Counts words in a hash map.
pub fn hash(iterations: u64) -> Result<u64, String> {
    let mut random = Random::new(2);
    let words: Vec<u32> = (0..1 << 15).map(|_| random.below(5000) as u32).collect();
    let mut distinct = 0;
    for _ in 0..iterations {
        let mut counts: HashMap<u32, u64, BuildHasherDefault<Fnv>> = HashMap::default();
        black_box(&words).iter().for_each(|word| *counts.entry(*word).or_default() += 1);
        expect("words counted", counts.values().sum(), words.len() as u64)?;
        distinct = counts.len() as u64;
    }
    Ok(distinct)
}

/// CRC-32 of IEEE 802.3, by a table.
pub fn crc(iterations: u64) -> Result<u64, String> {
    let table: Vec<u32> = (0..256).map(crc_entry).collect();
    let of = |bytes: &[u8]| !bytes.iter().fold(!0u32, |crc, byte| table[usize::from(crc as u8 ^ byte)] ^ crc >> 8);
    expect("CRC of 123456789", of(b"123456789").into(), 0xcbf4_3926)?;
    let mut random = Random::new(3);
    let bytes: Vec<u8> = (0..1 << 18).map(|_| random.bits() as u8).collect();
    let crcs: Vec<u32> = (0..iterations).map(|_| of(black_box(&bytes))).collect();
    crcs.iter().try_fold(0, |_, crc| expect("CRC again", (*crc).into(), crcs[0].into()))
}

fn crc_entry(byte: u32) -> u32 {
    (0..8).fold(byte, |crc, _| if crc & 1 == 0 { crc >> 1 } else { crc >> 1 ^ 0xedb8_8320 })
}

/// Instructions of a small machine.
#[derive(Clone, Copy)]
enum Op {
    /// The counter is set.
    Set(usize, u64),
    /// One register and a constant are added.
    Add(usize, u64),
    /// One register and another.
    Sum(usize, usize),
    /// Marks the number in the register as no prime.
    Strike(usize),
    /// Skips the next where the register is not below the limit.
    Below(usize, u64),
    /// Skips the next where the number is struck.
    Prime(usize),
    /// Counts.
    Count,
    /// Goes there.
    Jump(usize),
    /// Ends.
    End,
}

/// Numbers below this are sieved.
const SIEVED: u64 = 30_000;

/// The sieve of Eratosthenes, as a program of the small machine.
const SIEVE: [Op; 12] = [
    Op::Set(0, 2),
    Op::Below(0, SIEVED),
    Op::End,
    Op::Prime(0),
    Op::Jump(10),
    Op::Count,
    Op::Set(1, 0),
    // the multiples of a prime
    Op::Sum(1, 0),
    Op::Strike(1),
    Op::Jump(7),
    Op::Add(0, 1),
    Op::Jump(1),
];

/// Interprets bytecode that counts primes.
pub fn bytecode(iterations: u64) -> Result<u64, String> {
    let mut count = 0;
    for _ in 0..iterations {
        // 3245 primes are below 30000
        count = expect("primes", interpret(black_box(&SIEVE)), 3245)?;
    }
    Ok(count)
}

fn interpret(program: &[Op]) -> u64 {
    let mut struck = vec![false; SIEVED as usize];
    let (mut registers, mut count, mut pc) = ([0u64; 2], 0, 0);
    loop {
        let op = program[pc];
        pc += 1;
        match op {
            Op::Set(register, value) => registers[register] = value,
            Op::Add(register, value) => registers[register] += value,
            Op::Sum(register, other) => registers[register] += registers[other],
            Op::Strike(register) => match struck.get_mut(registers[register] as usize) {
                Some(number) => *number = true,
                // behind the last multiple: to the next number
                None => pc += 1,
            },
            Op::Below(register, limit) => pc += usize::from(registers[register] < limit),
            Op::Prime(register) => pc += usize::from(!struck[registers[register] as usize]),
            Op::Count => count += 1,
            Op::Jump(target) => pc = target,
            Op::End => return count,
        }
    }
}

/// Fibonacci by recursion, through a table of functions.
pub fn calls(iterations: u64) -> Result<u64, String> {
    const TABLE: [fn(u64) -> u64; 2] = [fibonacci, fibonacci_too];
    let mut found = 0;
    for round in 0..iterations {
        let of = black_box(TABLE)[round as usize % 2];
        found = expect("fibonacci(25)", of(black_box(25)), 75_025)?;
    }
    Ok(found)
}

#[inline(never)]
fn fibonacci(n: u64) -> u64 {
    if n < 2 { n } else { fibonacci_too(n - 1) + fibonacci(n - 2) }
}

#[inline(never)]
fn fibonacci_too(n: u64) -> u64 {
    if n < 2 { n } else { fibonacci(n - 1) + fibonacci_too(n - 2) }
}

/// Divisions and remainders: the greatest common divisors of pairs.
pub fn division(iterations: u64) -> Result<u64, String> {
    let mut random = Random::new(4);
    let mut sum = 0u64;
    for _ in 0..iterations {
        let (factor, a, b) = (1 + random.below(1000), 1 + random.below(1 << 40), 1 + random.below(1 << 40));
        let divisor = gcd(black_box(a * factor), black_box(b * factor));
        if [(divisor, factor), (a * factor, divisor), (b * factor, divisor)].iter().any(|(of, by)| of % by != 0) {
            return Err(format!("{divisor} is no common divisor"));
        }
        sum = sum.wrapping_add(divisor);
    }
    Ok(sum)
}

fn gcd(a: u64, b: u64) -> u64 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Prints numbers, joins them to a text, and reads them back.
pub fn strings(iterations: u64) -> Result<u64, String> {
    let mut random = Random::new(5);
    let numbers: Vec<u64> = (0..2000).map(|_| random.bits() >> random.below(60)).collect();
    let mut length = 0;
    for _ in 0..iterations {
        let text = black_box(&numbers).iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        let read: Vec<u64> = text.split(", ").filter_map(|word| word.parse().ok()).collect();
        if read != numbers {
            return Err("other numbers were read than written".into());
        }
        length = text.len() as u64 + text.matches("12").count() as u64;
    }
    Ok(length)
}

/// Searches and reverses a linked list whose order in memory is random.
pub fn list(iterations: u64) -> Result<u64, String> {
    const NODES: usize = 4000;
    let mut next = Random::new(6).cycle(NODES);
    let (mut first, mut sum) = (0, 0);
    for _ in 0..iterations {
        // round the cycle, turning each link about
        let (mut before, mut at, mut steps) = (first, next[first], 0u64);
        while at != first {
            let after = std::mem::replace(&mut next[at], before);
            (before, at) = (at, after);
            steps += 1;
        }
        next[first] = before;
        first = black_box(before);
        sum = expect("nodes of the list", steps + 1, NODES as u64)?;
    }
    Ok(sum)
}
