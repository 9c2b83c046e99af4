//! Floating point in double precision.

use std::f64::consts::PI;
use std::hint::black_box;

use crate::random::Random;

/// An error unless two numbers are the same but for rounding.
fn near(what: &str, found: f64, expected: f64, error: f64) -> Result<(), String> {
    if (found - expected).abs() <= error { Ok(()) } else { Err(format!("{what}: {found}, not {expected}")) }
}

const SIZE: usize = 96;

fn matrix(seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    (0..SIZE * SIZE).map(|_| random.fraction()).collect()
}

fn times(a: &[f64], vector: &[f64]) -> Vec<f64> {
    a.chunks(SIZE).map(|row| row.iter().zip(vector).map(|(x, y)| x * y).sum()).collect()
}

/// Multiplies two matrices of 96 by 96.
pub fn matmul(iterations: u64) -> Result<u64, String> {
    let (a, b, vector) = (matrix(1), matrix(2), vec![1.0; SIZE]);
    for _ in 0..iterations {
        let mut product = vec![0.0; SIZE * SIZE];
        for (row, out) in black_box(&a).chunks(SIZE).zip(product.chunks_mut(SIZE)) {
            for (x, other) in row.iter().zip(b.chunks(SIZE)) {
                out.iter_mut().zip(other).for_each(|(sum, y)| *sum += x * y);
            }
        }
        let (one, other) = (times(&product, &vector), times(&a, &times(&b, &vector)));
        one.iter().zip(&other).try_for_each(|(x, y)| near("a row of the product", *x, *y, 1e-8))?;
    }
    Ok(iterations)
}

/// Solves a system of 96 linear equations by elimination with pivots, as linpack does.
pub fn linpack(iterations: u64) -> Result<u64, String> {
    let a = matrix(3);
    let solution: Vec<f64> = (0..SIZE).map(|at| at as f64).collect();
    let right = times(&a, &solution);
    for _ in 0..iterations {
        let found = solve(black_box(a.clone()), right.clone());
        found.iter().zip(&solution).try_for_each(|(x, y)| near("an unknown", *x, *y, 1e-6))?;
    }
    Ok(iterations)
}

fn solve(mut a: Vec<f64>, mut right: Vec<f64>) -> Vec<f64> {
    for column in 0..SIZE {
        let largest =
            |&one: &usize, &other: &usize| a[one * SIZE + column].abs().total_cmp(&a[other * SIZE + column].abs());
        let pivot = (column..SIZE).max_by(largest).unwrap_or(column);
        (0..SIZE).for_each(|at| a.swap(column * SIZE + at, pivot * SIZE + at));
        right.swap(column, pivot);
        let (above, below) = a.split_at_mut((column + 1) * SIZE);
        let row = &above[column * SIZE..];
        for (other, at) in below.chunks_mut(SIZE).zip(column + 1..) {
            let factor = other[column] / row[column];
            other[column..].iter_mut().zip(&row[column..]).for_each(|(x, y)| *x -= factor * y);
            right[at] -= factor * right[column];
        }
    }
    for row in (0..SIZE).rev() {
        let known: f64 = (row + 1..SIZE).map(|at| a[row * SIZE + at] * right[at]).sum();
        right[row] = (right[row] - known) / a[row * SIZE + row];
    }
    right
}

/// Sine, cosine, exponential and logarithm of the C library, held against what they have in common.
pub fn functions(iterations: u64) -> Result<u64, String> {
    let mut random = Random::new(7);
    for _ in 0..iterations {
        let x = black_box(random.fraction() * 20.0 - 10.0);
        let (sine, cosine) = x.sin_cos();
        near("sin² + cos²", sine * sine + cosine * cosine, 1.0, 1e-12)?;
        near("ln(exp x)", x.exp().ln(), x, 1e-9)?;
        near("atan(tan)", (sine / cosine).atan().tan() * cosine, sine, 1e-9)?;
    }
    Ok(iterations)
}

const POINTS: usize = 1 << 11;

/// Fourier transform of 2048 points, and back.
pub fn fft(iterations: u64) -> Result<u64, String> {
    let mut random = Random::new(8);
    let signal: Vec<[f64; 2]> = (0..POINTS).map(|_| [random.fraction(), random.fraction()]).collect();
    let turns: Vec<[f64; 2]> =
        (0..POINTS / 2).map(|n| (2.0 * PI * n as f64 / POINTS as f64).sin_cos()).map(|(s, c)| [c, -s]).collect();
    for _ in 0..iterations {
        let mut points = black_box(&signal).clone();
        transform(&mut points, &turns);
        // The transform of the transform is the signal backwards, so many times as large.
        transform(&mut points, &turns);
        for (at, point) in points.iter().enumerate() {
            near("a point", point[0] / POINTS as f64, signal[(POINTS - at) % POINTS][0], 1e-9)?;
        }
    }
    Ok(iterations)
}

fn transform(points: &mut [[f64; 2]], turns: &[[f64; 2]]) {
    let bits = points.len().ilog2();
    for at in 0..points.len() {
        let other = at.reverse_bits() >> (usize::BITS - bits);
        if at < other {
            points.swap(at, other);
        }
    }
    for stage in 0..bits {
        let half = 1 << stage;
        for block in points.chunks_mut(2 * half) {
            let (low, high) = block.split_at_mut(half);
            for (at, (a, b)) in low.iter_mut().zip(high).enumerate() {
                let [c, s] = turns[at * (turns.len() / half)];
                let turned = [b[0] * c - b[1] * s, b[0] * s + b[1] * c];
                *b = [a[0] - turned[0], a[1] - turned[1]];
                *a = [a[0] + turned[0], a[1] + turned[1]];
            }
        }
    }
}
