//! `cargo xtask kallsyms`: the symbols that vhart finds in the memory of host and guest, held against what each kernel
//! says itself.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};

/// What runs a program in host and guest.
const EXEC: [&str; 5] = ["run", "--release", "--quiet", "--", "exec"];
/// What the kernel says with its addresses in it.
const SAY: [&str; 4] = ["--", "sh", "-c", "echo 0 >/proc/sys/kernel/kptr_restrict && cat /proc/kallsyms"];
/// A kernel with fewer has not said all: Debian's have a hundred thousand.
const FEWEST: usize = 10_000;
/// Differences that are shown.
const SHOWN: usize = 10;

/// Boots both, and compares.
pub fn compare() -> anyhow::Result<()> {
    compare_of("host")?;
    compare_of("guest")
}

fn compare_of(whose: &str) -> anyhow::Result<()> {
    let what = format!("symbols of the {whose}, as its /proc/kallsyms has them");
    eprintln!("== {what}");
    let file = std::env::temp_dir().join(format!("vhart-symbols-{}-{whose}", std::process::id()));
    let (found, said) = both(whose, &file).with_context(|| what.clone())?;
    let (found, said) = (symbols(&found), symbols(&said));
    let alone = found.difference(&said).map(|symbol| format!("found alone: {symbol}"));
    let others = said.difference(&found).map(|symbol| format!("said alone: {symbol}"));
    let differences: Vec<String> = alone.chain(others).collect();
    println!("{:>18} {:>10} {:>10}", whose, found.len(), said.len());
    differences.iter().take(SHOWN).for_each(|difference| println!("{difference}"));
    ensure!(differences.is_empty(), "{what}: {} differ", differences.len());
    ensure!(said.len() >= FEWEST, "{what}: there are only {}", said.len());
    Ok(())
}

/// What vhart found, and what the kernel says.
fn both(whose: &str, file: &PathBuf) -> anyhow::Result<(String, String)> {
    let save = format!("--save-symbols={whose}={}", file.display());
    let mut command = Command::new("cargo");
    let output = command.args(EXEC).args(["--level", whose, &save]).args(SAY).output().context("cannot run cargo")?;
    ensure!(output.status.success(), "failed: {}", String::from_utf8_lossy(&output.stderr));
    let found = std::fs::read_to_string(file).with_context(|| format!("cannot read '{}'", file.display()))?;
    // it is in the directory for temporary files
    let _ = std::fs::remove_file(file);
    Ok((found, String::from_utf8(output.stdout).context("/proc/kallsyms is not UTF-8")?))
}

/// Address, letter, name and module of each.
fn symbols(text: &str) -> BTreeSet<String> {
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_blanks_do_not_matter() {
        assert_eq!(symbols("2 T b\t[kvm]\n1 t a\n"), symbols("1 t a\n2 T b [kvm]\n1 t a\n"));
        assert_ne!(symbols("1 t a\n"), symbols("1 T a\n"));
    }
}
