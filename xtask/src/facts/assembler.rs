//! The check that numbers in assembler are what their names say. Programs in assembler and C cannot name the constants
//! of `arch` and `sbi`, and assemblers know some CSRs only where the extension is asked for.
//!
//! A file that accesses a CSR by its address says the register's name somewhere, as a comment beside it does. Where
//! `.equ` gives a CSR's name to a number of three hexadecimal digits, or an SBI extension's name to any in a program
//! that calls one, the number is that one's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::{csrs, number};

/// Folders with programs in assembler or C.
const FOLDERS: [&str; 3] = ["crates", "docs/book", "guest"];

/// Checks all programs in the workspace.
pub fn check() -> anyhow::Result<()> {
    let workspace = crate::vmm::workspace()?;
    let names = csrs::names(&workspace)?;
    let mut wrong = Vec::new();
    for folder in FOLDERS {
        for file in programs(&workspace.join(folder))? {
            let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let place = file.strip_prefix(&workspace).unwrap_or(&file).display();
            wrong.extend(
                unnamed(&names, &text).iter().chain(&misnamed(&names, &text)).map(|what| format!("{place}: {what}")),
            );
        }
    }
    if !wrong.is_empty() {
        bail!("numbers in assembler:\n  {}", wrong.join("\n  "));
    }
    Ok(())
}

/// What the names of files end with that may have some assembler.
const ENDS: [&str; 6] = ["S", "s", "c", "h", "rs", "inc"];

/// Those below a folder.
fn programs(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let (mut found, mut left) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = left.pop() {
        let entries = std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                left.push(path);
            } else if path.extension().is_some_and(|end| ENDS.iter().any(|one| end == *one)) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// CSRs that an instruction accesses by an address, and whose name the file does not have.
fn unnamed(names: &BTreeMap<u64, String>, text: &str) -> Vec<String> {
    let accessed = text.lines().flat_map(|line| line.split(['"', ';', '\n'])).filter_map(accessed);
    let is_said = |name: &str| text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == name);
    let unnamed = accessed.filter_map(|address| Some((address, names.get(&address)?)));
    let mut unnamed: Vec<String> = unnamed
        .filter(|(_, name)| !is_said(name))
        .map(|(address, name)| format!("{address:#x} is {name}, which is not said"))
        .collect();
    unnamed.dedup();
    unnamed
}

/// The address in `csrr t0, 0x5f0` and its like.
fn accessed(instruction: &str) -> Option<u64> {
    let mut words = instruction.split([' ', '\t', ',', ':']).filter(|word| !word.is_empty());
    words.by_ref().find(|word| word.starts_with("csr") && word.len() <= "csrrwi".len())?;
    number(words.take(2).find(|word| word.starts_with("0x"))?)
}

/// Names of CSRs and SBI extensions that are given to another number.
fn misnamed(names: &BTreeMap<u64, String>, text: &str) -> Vec<String> {
    let calls = text.contains("ecall");
    let extension = |name: &str| {
        let named = |extension: &&sbi::Extension| format!("{extension:?}").eq_ignore_ascii_case(name);
        sbi::Extension::ALL.iter().find(named).map(|&extension| u64::from(extension as u32)).filter(|_| calls)
    };
    let register =
        |name: &str| names.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(&address, _)| address);
    let wrong = |(name, value): (&str, &str)| {
        let is_address = value.len() == "0x600".len() && value.starts_with("0x");
        let right = extension(name).or_else(|| register(name).filter(|_| is_address))?;
        (number(value)? != right).then(|| format!("{name} is {right:#x}, not {value}"))
    };
    text.lines().filter_map(equ).filter_map(wrong).collect()
}

/// Name and value of `.equ NAME, VALUE`, if that is one number.
fn equ(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.trim_start().strip_prefix(".equ")?.split('#').next()?.split_once(',')?;
    Some((name.trim(), value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At addresses that no register has.
    fn names() -> BTreeMap<u64, String> {
        BTreeMap::from([(0x5f0, "hstatus".to_owned()), (0x5f3, "mhpmevent3".to_owned()), (0x5f1, "sie".to_owned())])
    }

    #[test]
    fn an_address_needs_its_name_in_the_file() {
        let unnamed = |text| unnamed(&names(), text).len();
        assert_eq!(unnamed("1:  csrr t0, 0x5f0\n csrs 0x5f0, t0"), 1);
        assert_eq!(unnamed("asm!(\"csrrw t1, 0x5f0, zero\");"), 1);
        assert_eq!(unnamed("csrw 0x5f0, t0 # hgatp"), 1, "another's name");
        assert_eq!(unnamed("csrw 0x5f0, t0 # hstatus\n csrc 0x5f0, t0"), 0);
        assert_eq!(unnamed("csrw sie, t0\n li t0, 0x5f0\n csrr t0, 0x5ff"), 0, "no address, or of no register");
    }

    #[test]
    fn a_name_is_given_to_its_own_number() {
        let misnamed = |text| misnamed(&names(), text).len();
        assert_eq!(misnamed(".equ MHPMEVENT3, 0x5f4\n.equ TIME, 0x54494d44 # of SBI\n ecall"), 2);
        assert_eq!(misnamed("  .equ MHPMEVENT3, 0x5f3\n.equ TIME, 0x54494d45\n ecall"), 0);
        assert_eq!(misnamed(".equ SIE, 1 << 1\n.equ SIE, 2\n.equ TIME, 5"), 0, "a bit, and no program with calls");
    }
}
