//! The program's standard input: this process's.

use std::io::{IsTerminal, Read};

use anyhow::{Context, Result};
use virtio::PortLine;

use super::session::{Orders, send_all};
use crate::wire::Order;

/// Bytes at once.
const PIECE: usize = 32 << 10;

/// Hands on what comes, on a thread of its own, until its end.
///
/// # Errors
/// The host has no room for a thread.
pub fn carry(line: PortLine, orders: Orders) -> Result<()> {
    let carry = move || orders.give(&Order::InputEnds(carry_all(&line)));
    std::thread::Builder::new().name("input".into()).spawn(carry).context("no thread for the input").map(drop)
}

/// Hands on what comes; answers how many bytes that were.
fn carry_all(line: &PortLine) -> u64 {
    let (mut buffer, mut total) = (vec![0; PIECE], 0);
    loop {
        match std::io::stdin().lock().read(&mut buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => return total,
            Ok(count) => {
                send_all(line, &buffer[..count]);
                total += count as u64;
            }
        }
    }
}

/// All of it at once, for a run that is to be the same each time; at a terminal there is none.
///
/// # Errors
/// It cannot be read.
pub fn all() -> Result<Vec<u8>> {
    let mut all = Vec::new();
    if !std::io::stdin().is_terminal() {
        std::io::stdin().lock().read_to_end(&mut all).context("cannot read standard input")?;
    }
    Ok(all)
}
