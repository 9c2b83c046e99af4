//! A VMM from nothing, for the book's chapter of that name.
//!
//! The program is `vmm.rs`; what is here lets the workspace be built on computers of other kinds.

#[cfg(all(target_arch = "riscv64", target_os = "linux"))]
mod vmm;

#[cfg(all(target_arch = "riscv64", target_os = "linux"))]
use vmm::run;

#[cfg(not(all(target_arch = "riscv64", target_os = "linux")))]
fn run() -> Result<(), Box<dyn std::error::Error>> {
    Err("this program is for a riscv64 Linux with KVM: `vhart exec -- ./first-vmm` has one".into())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    run()
}
