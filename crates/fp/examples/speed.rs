//! Nanoseconds per operation: `cargo run --release -p vhart-fp --example speed`.

use std::hint::black_box;
use std::time::Instant;

use fp::{Fmt, Op, Rounding, evaluate};

fn main() {
    let operands: Vec<u64> = (1..1024u64).map(|i| (1.0 + 1.0 / i as f64).to_bits()).collect();
    for op in [Op::Add, Op::Sub, Op::Mul, Op::Div, Op::Sqrt, Op::Fma, Op::Lt, Op::ToI64, Op::FromI64] {
        let start = Instant::now();
        let rounds = 4000;
        for _ in 0..rounds {
            for three in operands.windows(3) {
                black_box(evaluate(black_box(op), Fmt::D, Rounding::Rne, [three[0], three[1], three[2]]));
            }
        }
        let count = rounds * (operands.len() - 2);
        println!("{op:?}: {:.1} ns", start.elapsed().as_secs_f64() * 1e9 / count as f64);
    }
}
