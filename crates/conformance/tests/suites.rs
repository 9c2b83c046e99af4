//! The public suites: riscv-tests on the hart, where `VHART_RISCV_TESTS` names a directory of its ELF files.

use std::path::{Path, PathBuf};

use arch::Phys;
use board::loader::{self, Defaults};
use conformance::lockstep::{RAM_BASE, RAM_BYTES, hart_in};
use memory::Ram;
use vcpu::Vcpu;

/// The value that the program gave to `tohost`: 1 is success.
fn outcome(path: &Path) -> Option<u64> {
    const SLICES: u32 = 400;
    const SLICE: u64 = 50_000;
    let ram = Ram::new(Phys(RAM_BASE), RAM_BYTES).unwrap();
    let defaults = Defaults { raw: Phys(RAM_BASE), linux: Phys(RAM_BASE) };
    let program = loader::program(path, &ram, defaults).unwrap();
    let tohost = ram.offset(program.symbols.address("tohost")?, 8)?;
    let mut hart = hart_in(&ram, program.entry.0);
    for _ in 0..SLICES {
        hart.run(SLICE);
        let value = ram.load_u64(tohost)?;
        if value & 1 != 0 {
            return Some(value);
        }
    }
    None
}

/// Suites for extensions that the hart does not claim: scalar and vector cryptography beyond Zbkb and Zbkx, vectors.
const UNCLAIMED: [&str; 3] = ["rv64uzbkc", "rv64uzk", "rv64uzv"];

fn is_claimed(path: &Path) -> bool {
    let name = path.file_name().map_or_else(Default::default, |name| name.to_string_lossy().into_owned());
    (name.starts_with("rv64") || name.starts_with("hypervisor-"))
        && !UNCLAIMED.iter().any(|prefix| name.starts_with(prefix))
}

fn programs(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && path.extension().is_none())
        .filter(|path| is_claimed(path))
        .collect();
    files.sort();
    files
}

#[test]
fn riscv_tests_pass() {
    let Some(directory) = std::env::var_os("VHART_RISCV_TESTS") else {
        println!("SKIPPED: VHART_RISCV_TESTS names no directory of riscv-tests");
        return;
    };
    let files = programs(Path::new(&directory));
    let fails = |path: &PathBuf| outcome(path) != Some(1);
    let failed: Vec<&PathBuf> = files.iter().filter(|path| fails(path)).collect();
    println!("riscv-tests: {} of {} pass", files.len() - failed.len(), files.len());
    assert!(!files.is_empty() && failed.is_empty(), "failed: {failed:?}");
}
