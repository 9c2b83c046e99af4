//! Whether a file can be the VMM: a program for riscv64 Linux that needs nothing else.

use std::path::Path;

use object::LittleEndian;
use object::elf::{ELFCLASS64, ELFDATA2LSB, EM_RISCV, ET_DYN, ET_EXEC, FileHeader64, PT_INTERP};
use object::read::elf::{FileHeader, ProgramHeader};

use crate::error::{Error, OnFile, Result};

/// Refuses what cannot be the VMM, before anything boots.
///
/// # Errors
/// [`Error::NotVmm`], or the file cannot be read.
pub(crate) fn check(path: &Path) -> Result<()> {
    let content = std::fs::read(path).on_file("read", path)?;
    match fault(&content) {
        Some(what) => Err(Error::NotVmm { path: path.to_owned(), what }),
        None => Ok(()),
    }
}

/// What `content` is, where it is not a program that the host can start; with an article.
pub(super) fn fault(content: &[u8]) -> Option<&'static str> {
    let half = |at: usize| content.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes);
    let wide = content.get(4..6) == Some(&[ELFCLASS64.0, ELFDATA2LSB.0]);
    match (content.get(..4), half(16), half(18)) {
        (None, ..) if content.is_empty() => Some("an empty file"),
        (Some(b"\x7fELF"), Some(kind), Some(machine)) => match (kind, machine) {
            _ if machine != EM_RISCV.0 || !wide => Some("an ELF file for another machine than riscv64"),
            _ if kind != ET_EXEC.0 && kind != ET_DYN.0 => Some("an ELF file that is not linked"),
            _ => segments_fault(content),
        },
        (Some(b"\x7fELF"), ..) => Some("an ELF file that is cut off"),
        _ => Some("no ELF program"),
    }
}

fn segments_fault(content: &[u8]) -> Option<&'static str> {
    let endian = LittleEndian;
    let header = FileHeader64::<LittleEndian>::parse(content);
    let Some(segments) = header.ok().and_then(|header| header.program_headers(endian, content).ok()) else {
        return Some("an ELF file that is cut off");
    };
    let whole = segments.iter().all(|segment| segment.data(endian, content).is_ok());
    match segments.iter().any(|segment| segment.p_type(endian) == PT_INTERP) {
        _ if segments.is_empty() || !whole => Some("an ELF file that is cut off"),
        true => Some("a program that needs shared libraries, which the host has not"),
        false => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_riscv64_program_is_told_for_what_it_is() {
        assert_eq!(fault(b""), Some("an empty file"));
        assert_eq!(fault(b"#!/bin/sh\necho no\n"), Some("no ELF program"));
        assert_eq!(fault(b"\x7fELF\x02\x01"), Some("an ELF file that is cut off"));
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(fault(&own), Some("an ELF file for another machine than riscv64"));
    }

    #[test]
    fn a_program_that_is_cut_off_is_refused() {
        let whole = crate::vmm::ready::program(crate::vmm::Product::Vmm).unwrap();
        assert_eq!(fault(&whole[..whole.len() / 2]), Some("an ELF file that is cut off"));
    }
}
