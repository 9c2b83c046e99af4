//! The program that is run in host and guest.

fn main() -> std::process::ExitCode {
    workloads::command(std::env::args().skip(1))
}
