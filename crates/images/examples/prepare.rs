//! Prepares images and prints the QEMU line that boots them: `prepare SUITE accept|refuse check|shell [VMM]`.

use images::{Apt, Cache, Expired, Mode, Nonce, Packages, Progress, Request, prepare, qemu, shell};

struct Stderr;

impl Progress for Stderr {
    fn begin(&self, what: &str) {
        eprintln!("{what}");
    }
    fn fraction(&self, done: f64) {
        eprint!("{:.0} % \r", done * 100.0);
    }
    fn end(&self) {
        eprintln!();
    }
    fn note(&self, text: &str) {
        eprintln!("note: {text}");
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let suite = words.next().ok_or("which suite?")?;
    let expired = if words.next().as_deref() == Some("accept") { Expired::Accept } else { Expired::Refuse };
    let mode = if words.next().as_deref() == Some("check") { Mode::Check(Nonce(0)) } else { Mode::Interactive };
    let packages = Packages::Apt(Apt { suite, expired, ..Apt::default() });
    let request = Request { packages, mode, vmm: words.next().map(Into::into), ..Request::new(Cache::of_user()?) };
    let prepared = prepare(&request, &Stderr).map_err(|why| why.to_string())?;
    let machine =
        qemu::Machine { board: "virt".to_owned(), harts: 1, memory_mib: 1024, shares: Vec::new(), devices: Vec::new() };
    let words = qemu::command(&prepared, &machine);
    println!("{}", shell::line(&words));
    Ok(())
}
