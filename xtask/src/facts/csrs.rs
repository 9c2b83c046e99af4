//! The check that numbers of the architecture are typed in their home only: those of CSRs in `arch::csr`.
//!
//! It looks at lines of code that speak of CSRs, and finds hexadecimal numbers of three digits that are addresses of
//! registers. Encodings of whole instructions, and what comments say, it does not see.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

/// Where addresses of CSRs are at home.
const HOME: &str = "crates/arch";
/// The table of them.
const TABLE: &str = "crates/arch/src/csr.rs";

/// Checks all sources of the workspace.
pub fn check() -> anyhow::Result<()> {
    let workspace = crate::vmm::workspace()?;
    let table = read(&workspace.join(TABLE))?;
    let known = addresses(&table);
    ensure!(known.len() >= 100, "{TABLE}: found no table of registers");
    let mut wrong = Vec::new();
    for file in sources(&workspace)? {
        let (text, place) = (read(&file)?, file.strip_prefix(&workspace).unwrap_or(&file).display());
        wrong.extend(typed(&known, &text).map(|(line, number)| format!("{place}:{line}: {number:#05x}")));
    }
    ensure!(wrong.is_empty(), "addresses of CSRs that have a name in `arch::csr`:\n  {}", wrong.join("\n  "));
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// All sources outside the home.
fn sources(workspace: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in ["crates", "xtask"] {
        crate::layers::collect(&workspace.join(folder), &mut found)?;
    }
    let (home, built) = (workspace.join(HOME), OsStr::new("target"));
    found.retain(|path| !path.starts_with(&home) && path.iter().all(|part| part != built));
    Ok(found)
}

/// The addresses in the table's rows: `0x100 SSTATUS "sstatus" ..`, `0x3a0 PMPCFG0 "pmpcfg" 0..=15 PMPCFG15 ..`.
fn addresses(table: &str) -> BTreeSet<u64> {
    names_in(table).into_keys().collect()
}

/// The registers' names, by address.
pub fn names(workspace: &Path) -> anyhow::Result<BTreeMap<u64, String>> {
    Ok(names_in(&read(&workspace.join(TABLE))?))
}

fn names_in(table: &str) -> BTreeMap<u64, String> {
    table.lines().filter_map(row).flatten().collect()
}

fn row(line: &str) -> Option<Vec<(u64, String)>> {
    let mut words = line.trim_end_matches(';').split_whitespace();
    let address = u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok()?;
    let stem = words.nth(1)?.strip_prefix('"')?.strip_suffix('"')?;
    let numbers = words.next().and_then(|numbers| {
        let (first, last) = numbers.split_once("..=")?;
        Some(first.parse::<u64>().ok()?..=last.parse().ok()?)
    });
    let Some(numbers) = numbers else { return Some(vec![(address, stem.to_owned())]) };
    Some((address..).zip(numbers).map(|(address, number)| (address, format!("{stem}{number}"))).collect())
}

/// The lines that speak of CSRs, and have such an address, from 1 on.
fn typed<'a>(known: &'a BTreeSet<u64>, text: &'a str) -> impl Iterator<Item = (usize, u64)> + 'a {
    let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    let lines = code.enumerate().filter(|(_, line)| line.to_ascii_lowercase().contains("csr"));
    lines.flat_map(|(index, line)| numbers(line).filter(|n| known.contains(n)).map(move |n| (index + 1, n)))
}

/// The hexadecimal numbers of three digits.
fn numbers(line: &str) -> impl Iterator<Item = u64> + '_ {
    line.split("0x").skip(1).filter_map(|rest| {
        let digits = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(rest, |end| &rest[..end]);
        (digits.len() == 3).then(|| u64::from_str_radix(digits, 16).ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str =
        "    0x100 SSTATUS \"sstatus\" (status::FIELDS);\n    0x3a0 PMPCFG0 \"pmpcfg\" 0..=15 PMPCFG15;\n";

    fn found(text: &str) -> Vec<(usize, u64)> {
        typed(&addresses(TABLE), text).collect()
    }

    #[test]
    fn the_rows_of_a_family_have_their_numbers_names() {
        let names = names_in(TABLE);
        assert_eq!([&names[&0x100], &names[&0x3a0], &names[&0x3af]], ["sstatus", "pmpcfg0", "pmpcfg15"]);
    }

    #[test]
    fn rows_and_families_are_known() {
        assert_eq!(
            addresses(TABLE).into_iter().collect::<Vec<_>>(),
            [&[0x100], &*(0x3a0..0x3b0).collect::<Vec<_>>()].concat()
        );
    }

    /// A line with `csr` in the place of X, so that the check does not find it here.
    fn line(text: &str) -> String {
        text.replace('X', "csr")
    }

    #[test]
    fn a_typed_address_is_found_where_the_line_speaks_of_csrs() {
        assert_eq!(found(&line("\nhart.X(0x100, 5);")), [(2, 0x100)]);
        assert_eq!(found(&line("const X: u32 = 0x3af << 20;")), [(1, 0x3af)]);
    }

    #[test]
    fn other_numbers_are_let_be() {
        assert_eq!(found(&line("let page = 0x100;\nX::read(0x1000, 0x3b0) // X 0x100")), []);
    }
}
