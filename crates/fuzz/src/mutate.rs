//! Inputs out of other inputs.
//!
//! Without a look at coverage this finds only what lies near the seeds; libFuzzer goes on from there.

use fastrand::Rng;

/// Most bytes of an input.
const MOST_BYTES: usize = 64 << 10;
/// Numbers at which code often decides.
const EDGES: [u64; 12] =
    [0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff, i64::MAX as u64, u64::MAX];

/// Input number `number`: one of `seeds`, changed in a few places, or just random bytes.
pub fn input(seeds: &[Vec<u8>], number: u64) -> Vec<u8> {
    let mut rng = Rng::with_seed(number);
    let mut bytes = match seeds.is_empty() || rng.u8(..) < 16 {
        true => random(&mut rng, 512),
        false => seeds[rng.usize(..seeds.len())].clone(),
    };
    for _ in 0..1 << rng.u32(0..5) {
        change(&mut bytes, seeds, &mut rng);
    }
    bytes.truncate(MOST_BYTES);
    bytes
}

fn random(rng: &mut Rng, most: usize) -> Vec<u8> {
    let len = rng.usize(..most);
    std::iter::repeat_with(|| rng.u8(..)).take(len).collect()
}

/// Changes one place.
fn change(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], rng: &mut Rng) {
    let at = rng.usize(..=bytes.len());
    let end = bytes.len().min(at + rng.usize(..32));
    match rng.u8(..9) {
        0 => flip(bytes, at, rng),
        1 | 2 => number(bytes, at, rng),
        3 => drop(bytes.drain(at..end)),
        4 => drop(bytes.splice(at..at, random(rng, 16))),
        5 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
        6 => bytes.truncate(at),
        7 => bytes[at..end].iter_mut().for_each(|byte| *byte = rng.u8(..)),
        _ => splice(bytes, at, seeds, rng),
    }
}

fn flip(bytes: &mut [u8], at: usize, rng: &mut Rng) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << rng.u8(..8);
    }
}

/// Writes a number of one to eight bytes, or counts up or down the one that is there.
fn number(bytes: &mut [u8], at: usize, rng: &mut Rng) {
    let width = 1 << rng.u8(..4);
    let Some(place) = bytes.get_mut(at..at + width) else { return };
    let mut word = [0; 8];
    word[..width].copy_from_slice(place);
    let value = match rng.bool() {
        true => EDGES[rng.usize(..EDGES.len())],
        false => u64::from_le_bytes(word).wrapping_add_signed(rng.i64(-8..8)),
    };
    place.copy_from_slice(&value.to_le_bytes()[..width]);
    if rng.u8(..4) == 0 {
        place.reverse();
    }
}

/// Goes on with the rest of another seed.
fn splice(bytes: &mut Vec<u8>, at: usize, seeds: &[Vec<u8>], rng: &mut Rng) {
    if let Some(other) = rng.choice(seeds) {
        bytes.truncate(at);
        bytes.extend(&other[rng.usize(..=other.len())..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_alone_decides() {
        let seeds = [b"abc".to_vec(), b"defgh".to_vec()];
        assert!((0..1000).all(|number| input(&seeds, number) == input(&seeds, number)));
    }

    #[test]
    fn without_seeds_inputs_are_random() {
        let inputs: Vec<_> = (0..100).map(|number| input(&[], number)).collect();
        assert!(inputs.iter().any(|bytes| bytes.len() > 256) && inputs.iter().any(|bytes| bytes.len() < 64));
    }
}
