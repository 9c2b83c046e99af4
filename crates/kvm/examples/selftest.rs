//! Checks the engine on a riscv64 host with KVM, as `vhart kvm-check` does. Exit status 0 when nothing failed.

use std::process::ExitCode;

fn main() -> ExitCode {
    match kvm::check::run(&mut |name, verdict| println!("{name}: {verdict:?}")) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
