//! The pages of memory that are not all zero, in runs.

use std::io::{Read, Write};

use ::memory::Ram;
use arch::addr::PAGE_BYTES;
use vm_memory::{Bytes, GuestAddress};

use super::format::{Problem, check_sum, take};

/// Most bytes of a run.
const RUN_BYTES: usize = 1 << 20;
const PAGE: usize = PAGE_BYTES as usize;

/// Writes memory that nobody writes to meanwhile.
pub(super) fn write(to: &mut dyn Write, ram: &Ram) -> Result<(), Problem> {
    let (memory, base) = (ram.guest_memory(), ram.base().0);
    let mut buffer = vec![0; RUN_BYTES];
    for start in (0..ram.len_bytes()).step_by(RUN_BYTES) {
        let len = (ram.len_bytes() - start).min(RUN_BYTES as u64) as usize;
        let part = &mut buffer[..len];
        memory.read_slice(part, GuestAddress(base + start)).map_err(|_| Problem::Damaged { what: "memory" })?;
        write_runs(to, start / PAGE_BYTES, part)?;
    }
    write_run(to, 0, &[])
}

/// Writes the pages of a part of memory, which begins with page `first`.
fn write_runs(to: &mut dyn Write, first: u64, part: &[u8]) -> Result<(), Problem> {
    let pages: Vec<&[u8]> = part.chunks_exact(PAGE).collect();
    let mut at = 0;
    for run in pages.chunk_by(|one, next| is_zero(one) == is_zero(next)) {
        if !is_zero(run[0]) {
            write_run(to, first + at as u64, &part[at * PAGE..(at + run.len()) * PAGE])?;
        }
        at += run.len();
    }
    Ok(())
}

fn is_zero(page: &[u8]) -> bool {
    page.as_chunks::<16>().0.iter().all(|chunk| u128::from_ne_bytes(*chunk) == 0)
}

fn write_run(to: &mut dyn Write, first: u64, content: &[u8]) -> Result<(), Problem> {
    to.write_all(&first.to_le_bytes())?;
    to.write_all(&(content.len() as u64).to_le_bytes())?;
    to.write_all(content)?;
    Ok(to.write_all(&check_sum(content).to_le_bytes())?)
}

/// Reads memory into `ram`, which is empty.
pub(super) fn read(from: &mut dyn Read, ram: &Ram) -> Result<(), Problem> {
    const DAMAGED: Problem = Problem::Damaged { what: "memory" };
    let (memory, base) = (ram.guest_memory(), ram.base().0);
    let mut buffer = vec![0; RUN_BYTES];
    loop {
        let (first, len) = (u64::from_le_bytes(take(from)?), u64::from_le_bytes(take(from)?));
        let content = usize::try_from(len).ok().and_then(|len| buffer.get_mut(..len)).ok_or(DAMAGED)?;
        from.read_exact(content)?;
        if u32::from_le_bytes(take(from)?) != check_sum(content) {
            return Err(DAMAGED);
        }
        if content.is_empty() {
            return Ok(());
        }
        let offset = first.checked_mul(PAGE_BYTES).filter(|&offset| offset < ram.len_bytes()).ok_or(DAMAGED)?;
        memory.write_slice(content, GuestAddress(base + offset)).map_err(|_| DAMAGED)?;
    }
}
