//! Caches and address translation.

use std::hint::black_box;

use crate::expect;
use crate::random::Random;
use crate::system::{Mapping, PAGE, Pages};

/// Bytes that a pointer is chased through: more than any table of translations reaches.
const CHASED: usize = 32 << 20;
/// Bytes that are touched for the first time.
const TOUCHED: usize = 16 << 20;
/// Numbers in each of the three arrays of `stream`.
const ARRAY: usize = 1 << 19;

/// Adds a multiple of one array to another: the triad of STREAM.
pub fn stream(iterations: u64) -> Result<u64, String> {
    let (mut a, b, c) = (vec![0.0; ARRAY], vec![1.5; ARRAY], vec![0.25; ARRAY]);
    for round in 0..iterations {
        let factor = black_box(round as f64);
        a.iter_mut().zip(black_box(&b)).zip(&c).for_each(|((a, b), c)| *a = b + factor * c);
    }
    let expected = 1.5 + iterations.saturating_sub(1) as f64 * 0.25;
    match black_box(&a).iter().all(|a| *a == expected) {
        true => Ok(iterations),
        false => Err("a sum is wrong".into()),
    }
}

/// Follows pointers from page to page, in pages of 4 KiB.
pub fn chase_small(iterations: u64) -> Result<u64, String> {
    chase(iterations, Pages::Small)
}

/// The same in pages of 2 MiB; where the kernel gives none it has failed, as it would measure something else.
pub fn chase_huge(iterations: u64) -> Result<u64, String> {
    chase(iterations, Pages::Huge)
}

/// One round is a step to each page.
fn chase(iterations: u64, pages: Pages) -> Result<u64, String> {
    let mut mapping = Mapping::new(CHASED, pages)?;
    let words = mapping.words();
    let step = PAGE / size_of::<u64>();
    let next = Random::new(11).cycle(words.len() / step);
    // not all at the beginning of their page, where they would be in the same sets of a cache
    let place = |page: usize| page * step + page % step;
    next.iter().enumerate().for_each(|(page, next)| words[place(page)] = place(*next) as u64);
    let (mut at, mut steps) = (0, 0u64);
    for _ in 0..iterations {
        for _ in 0..next.len() {
            at = words[at] as usize;
            steps += u64::from(at == 0);
        }
    }
    check(&mapping, pages)?;
    expect("times round", steps, iterations)
}

/// Touches each page of 4 KiB of memory that is new.
pub fn touch_small(iterations: u64) -> Result<u64, String> {
    touch(iterations, Pages::Small)
}

/// The same in pages of 2 MiB.
pub fn touch_huge(iterations: u64) -> Result<u64, String> {
    touch(iterations, Pages::Huge)
}

fn touch(iterations: u64, pages: Pages) -> Result<u64, String> {
    for _ in 0..iterations {
        let mut mapping = Mapping::new(TOUCHED, pages)?;
        let words = mapping.words();
        let step = PAGE / size_of::<u64>();
        // Written first: where memory is read first the kernel gives a page of zeros, which is not new, and a new one
        // at the write.
        words.iter_mut().step_by(step).for_each(|word| *word = 1);
        let was: u64 = black_box(words).iter().skip(1).step_by(step).sum();
        expect("what was in new memory", was, 0)?;
        check(&mapping, pages)?;
    }
    Ok(iterations)
}

fn check(mapping: &Mapping, pages: Pages) -> Result<(), String> {
    if pages == Pages::Huge { mapping.are_huge() } else { Ok(()) }
}
